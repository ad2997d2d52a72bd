"""Build the book and show it: ``python scripts/book.py build`` and ``python scripts/book.py serve``.

``build`` executes the pages (those whose code, library or environment has changed) and writes ``_build/html``. Any
warning fails it: a broken reference, a picture without alt text, a cell that raises. With nothing changed since the
last build it does nothing. ``serve`` shows the result on this machine alone.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import gzip
import http.server
import io
import os
import shutil
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
PDF_SCRIPT = Path(__file__).resolve().with_name("pdf.py")
sys.path[:0] = [str(ROOT / "book"), str(ROOT / "scripts")]

import lite  # noqa: E402  (beside this script)
from coursebook import inputs, problems  # noqa: E402  (the extension lies beside the book, uninstalled)

SETTINGS = (
    "_config.yml",
    "_toc.yml",
    "references.bib",
    "constraints.txt",
    "CITATION.cff",
    "LICENSE",
    "LICENSE-TEXT.md",
)
PAGES = ("index.md", "how-to-use.md", "chapters", "exercises", "reference", "templates")
"""What a book is made of, below its own folder; the library and the extension come on top."""

FIXED = {
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "1767225600",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
"""So that the same sources give the same pages: order of sets, dates in figures, sums added up in one order. And pages
are executed side by side: threads of their own would only wait for each other."""

FIRST_PORT = 8000

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""The names under which systems install the browser that prints the PDF."""

MORE_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}
"""Types that a machine's own table may lack, and without which a browser runs no module."""

PACKED = {".css", ".html", ".inv", ".ipynb", ".js", ".json", ".map", ".md", ".mjs", ".svg", ".txt", ".wasm", ".xml"}
"""What is text, and so a third of its size when packed; pictures, fonts and archives are packed already."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="book.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=Path, default=ROOT, help="folder with _config.yml and _toc.yml")
    commands = parser.add_subparsers(dest="command", required=True)
    build_parser = commands.add_parser("build", help="execute the pages and write _build/html")
    build_parser.add_argument("--force", action="store_true", help="build although nothing has changed")
    build_parser.add_argument("--pdf", action="store_true", help="make the PDF of the whole book too (needs Chromium)")
    build_parser.add_argument("--no-lite", action="store_true", help="without notebooks that run in the browser")
    serve_parser = commands.add_parser("serve", help="show _build/html on this machine")
    serve_parser.add_argument(
        "--port", type=port_number, help=f"this port; default: the first free one from {FIRST_PORT} on"
    )
    serve_parser.add_argument("--no-browser", action="store_true", help="only print the address")
    options = parser.parse_args(arguments)
    source = options.source.resolve()
    if options.command == "build":
        try:
            return build(source, force=options.force, notebooks=not options.no_lite, pdf=options.pdf)
        except KeyboardInterrupt:
            print("\nStopped: the book is not complete. The next build completes it.", file=sys.stderr)
            return 130
    return serve(source / "_build" / "html", options.port, browser=not options.no_browser)


def port_number(text: str) -> int:
    """Read a port; argparse names the option and says what is wrong with it."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: choose a number from 1024 to 65535")
    return int(text)


def build(source: Path, *, force: bool = False, notebooks: bool = True, pdf: bool = False) -> int:
    """Build the book in ``source``; return 0 where there is a complete book without a warning afterwards.

    ``notebooks`` adds those that run in the browser (``scripts/lite.py``), ``pdf`` the whole book as one file
    (``scripts/pdf.py``).
    """
    if not (source / "_toc.yml").is_file():
        print(f"There is no book in {source}: it has no _toc.yml", file=sys.stderr)
        return 2
    if pdf and not any(map(shutil.which, CHROMIUM)):
        print(
            "The PDF is printed by Chromium, and none was found. Install it: apt-get install chromium", file=sys.stderr
        )
        return 2
    with alone(source / "_build"):
        return build_what_changed(source, force=force, notebooks=notebooks, pdf=pdf)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one build at a time work in ``folder``, where the system has locks that a killed process gives back."""
    folder.mkdir(exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another build of this book is running; waiting until it is done …", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_what_changed(source: Path, *, force: bool, notebooks: bool, pdf: bool) -> int:
    """Build the book unless it is up to date; return the exit code."""
    output = source / "_build" / "html"
    stamp = source / "_build" / "built-from"
    state = state_of(source, notebooks=notebooks, pdf=pdf)
    if not force and (output / "index.html").is_file() and stamp.is_file() and stamp.read_text() == state:
        print(f"The book is up to date: {output / 'index.html'}")
        return 0
    from coursebook import beforehand  # takes a moment, and is needed only now

    stamp.unlink(missing_ok=True)
    if wrong := beforehand.problems_before(source):
        print(f"{problems.summary(wrong)}\nThe book was NOT built.", file=sys.stderr)
        return 1
    print("Building the book: pages are executed where their code or the library has changed …", flush=True)
    started = time.perf_counter()
    code = run_sphinx(source, {"COURSEBOOK_LITE": "1" if notebooks else "0", "COURSEBOOK_PDF": "yes" * pdf})
    seconds = time.perf_counter() - started
    if code:
        found = problems.collected(source / "_build")
        print(f"\n{problems.summary(found)}" if found else "\nSee the messages above.", file=sys.stderr)
        print(f"The book was NOT built ({seconds:.0f} s).", file=sys.stderr)
        return 1
    if not notebooks:
        shutil.rmtree(output / "lite", ignore_errors=True)
    elif lite.build(source):
        return 1
    if pdf and subprocess.run([sys.executable, str(PDF_SCRIPT), "--source", str(source)], check=False).returncode:
        return 1
    stamp.write_text(state)
    print(f"The book was built in {seconds:.0f} s, without a warning: {output / 'index.html'}")
    return 0


def run_sphinx(source: Path, switches: dict[str, str]) -> int:
    """Let Jupyter Book write the pages; return its exit code.

    Sphinx reads and writes a page again only after a change. Of warnings that it has given, and of pages that it was
    about to write when it was stopped, it knows nothing later: after a build that did not succeed it starts anew.
    """
    output, doctrees = source / "_build" / "html", source / "_build" / ".doctrees"
    unfinished, seen = source / "_build" / "unfinished", source / "_build" / "contents"
    (source / "_build" / problems.FILE).unlink(missing_ok=True)
    if unfinished.is_file():
        for folder in (doctrees, output / "_static"):  # what was copied may have been copied by half
            shutil.rmtree(folder, ignore_errors=True)
    contents = (source / "_toc.yml").read_text("utf8")
    if not seen.is_file() or seen.read_text("utf8") != contents:
        for folder in (output, doctrees):  # or pages that are gone, or moved, would stay behind
            shutil.rmtree(folder, ignore_errors=True)
    jupyter_book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command = [*jupyter_book, "build", str(source), "-n", "-W", "--keep-going"]
    unfinished.touch()
    code = subprocess.run(command, env={**os.environ, **FIXED, **switches}, check=False).returncode
    if not code:
        seen.write_text(contents, "utf8")
        unfinished.unlink()
    return code


def state_of(source: Path, *, notebooks: bool = True, pdf: bool = False) -> str:
    """Digest everything the book in ``source`` is made from."""
    ours = [ROOT / "rnnkit", ROOT / "book", ROOT / "pyproject.toml", Path(__file__), Path(lite.__file__)]
    ours += [PDF_SCRIPT] * pdf
    parts = [path for path in (source / name for name in SETTINGS + PAGES) if path.exists()]
    return inputs.digest([*parts, *ours], *inputs.environment(), "lite" if notebooks else "no lite", "PDF" * pdf)


@functools.lru_cache(maxsize=256)
def packed(path: str, changed: int) -> bytes:
    """Return the file's bytes in gzip's form; ``changed``, its time stamp, tells a newer file from the one kept."""
    return gzip.compress(Path(path).read_bytes(), compresslevel=6, mtime=0)


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, text packed as static hosts do; says nothing; lets the browser ask for newer pages."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **MORE_TYPES}  # noqa: RUF012

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        """Answer with the packed form where there is a file of a type that packing makes smaller."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if self.path.split("?")[0].endswith("/") else path
        if "gzip" not in self.headers.get("Accept-Encoding", "") or "Range" in self.headers:
            return super().send_head()
        if path.suffix not in PACKED or not path.is_file() or "If-Modified-Since" in self.headers:
            return super().send_head()
        content = packed(str(path), path.stat().st_mtime_ns)
        self.send_response(http.HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", self.date_time_string(int(path.stat().st_mtime)))
        self.end_headers()
        return io.BytesIO(content)

    def end_headers(self) -> None:
        """Add one header to every answer."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the name is the standard library's)
        """Keep the terminal free."""


def server_for(folder: Path, port: int | None) -> http.server.ThreadingHTTPServer:
    """Return a server on loopback: on ``port``, or on the first free one of a hundred.

    Raises
    ------
    OSError
        When no such port is free.
    """
    handler = functools.partial(Handler, directory=str(folder))
    ports = [port] if port is not None else list(range(FIRST_PORT, FIRST_PORT + 100))
    for candidate in ports:
        try:
            return http.server.ThreadingHTTPServer(("127.0.0.1", candidate), handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES) or candidate == ports[-1]:
                raise
    raise AssertionError("unreachable: the last port either served or raised")


def has_display() -> bool:
    """Tell whether a browser could show a window here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def serve(folder: Path, port: int | None = None, *, browser: bool = True) -> int:
    """Serve ``folder`` until Ctrl-C."""
    if not (folder / "index.html").is_file():
        print(f"There is no book in {folder} yet; build it first: make book", file=sys.stderr)
        return 2
    try:
        server = server_for(folder, port)
    except OSError as error:
        wanted = "any port" if port is None else f"port {port}"
        print(f"Cannot serve on {wanted}: {error.strerror}. Choose another with --port", file=sys.stderr)
        return 2
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would be deaf to Ctrl-C
    with server:
        address = f"http://127.0.0.1:{server.server_address[1]}/index.html"
        try:
            print(f"The book is at {address}  (Ctrl-C to stop)", flush=True)
            if browser and has_display():
                webbrowser.open(address)
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
