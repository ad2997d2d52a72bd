"""Build the notebooks that run in a browser: ``python scripts/lite.py build``.

They are put into ``_build/html/lite``: JupyterLite with the exercises, and a Pyodide with NumPy, Matplotlib and this
checkout's ``rnnkit``. What has to be fetched is fetched once, checked against ``book/browser/pins.toml`` and kept in
``.cache/fetched``. With nothing changed since the last build it does nothing. ``scripts/book.py build`` calls it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))

from browser.fetching import CannotBuild, Fetcher  # noqa: E402
from coursebook import inputs  # noqa: E402

FETCHED = ROOT / ".cache" / "fetched"


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="lite.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    build_parser = commands.add_parser("build", help="write _build/html/lite")
    build_parser.add_argument("--book", type=Path, default=ROOT, help="folder with exercises/ and _build/html")
    build_parser.add_argument("--force", action="store_true", help="build although nothing has changed")
    options = parser.parse_args(arguments)
    return build(options.book.resolve(), force=options.force)


def build(book: Path, *, force: bool = False, fetched: Path = FETCHED) -> int:
    """Build the notebooks of ``book``; return 0 where they are complete afterwards."""
    target = book / "_build" / "html" / "lite"
    stamp = target / "built-from.txt"
    try:
        state = state_of(book)
        if not force and stamp.is_file() and stamp.read_text("utf8") == state:
            print(f"The notebooks for the browser are up to date: {target}")
            return 0
        from browser.site import build_site

        print("Building the notebooks for the browser …", flush=True)
        started = time.perf_counter()
        notebooks = build_site(book, target, Fetcher(fetched, say=lambda words: print(f"  {words}", flush=True)))
    except ImportError as error:
        print(f"Notebooks in the browser need {error.name}: pip install -e '.[book]', or build without them: "
              "python scripts/book.py build --no-lite", file=sys.stderr)  # fmt: skip
        return 1
    except (CannotBuild, OSError, ValueError) as error:
        print(f"The notebooks for the browser were NOT built. {error}", file=sys.stderr)
        return 1
    stamp.write_text(state, "utf8")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    seconds = time.perf_counter() - started
    print(f"{len(notebooks)} notebook(s) for the browser built in {seconds:.0f} s, {size / 1e6:.0f} MB: {target}")
    return 0


def state_of(book: Path) -> str:
    """Digest everything the notebooks are made from."""
    from browser.site import versions

    parts = [book / "exercises", ROOT / "rnnkit", ROOT / "book" / "browser", ROOT / "pyproject.toml", Path(__file__)]
    return inputs.digest([part for part in parts if part.exists()], *versions())


if __name__ == "__main__":
    sys.exit(main())
