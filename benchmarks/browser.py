"""What notebooks in the browser cost: sizes on disk and over the wire, seconds to the page, the kernel and an output.

Run it with ``python benchmarks/browser.py [--repeats N] [--write]`` after ``make html``. Headless Chromium opens the
first exercise from a server on this machine that compresses as static hosts do. A first visit is a browser that has
nothing kept, a later one the same browser again; figures are medians. ``--write`` puts those of the first visit into
``book/browser/measured.toml``, which the exercises' pages quote.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
COMPRESSED = {".js", ".mjs", ".json", ".html", ".css", ".ipynb", ".svg", ".wasm"}
SLOW = 300_000


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, compressed where static hosts do, and counts the bytes."""

    sent: dict[str, int]

    def do_GET(self) -> None:  # noqa: D102
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        data = compressed(path)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Cache-Control", "max-age=3600")
        if path.suffix in COMPRESSED:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.sent["bytes"] += len(data)
        self.wfile.write(data)
        return None

    def log_message(self, *arguments: object) -> None:
        """Keep the terminal free."""


@functools.cache
def compressed(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.compress(data, 6) if path.suffix in COMPRESSED else data


def visit(context: BrowserContext, address: str, sent: dict[str, int]) -> dict[str, float]:
    page, sent["bytes"], started = context.new_page(), 0, time.perf_counter()
    page.set_default_timeout(SLOW)
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    seen = time.perf_counter() - started
    page.wait_for_function("document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]') !== null")
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("import numpy as np\nfrom rnnkit.check import check\nprint('ran', np.arange(3).sum())")
    page.keyboard.press("Control+Enter")
    page.locator(".jp-CodeCell .jp-OutputArea-output", has_text="ran 3").wait_for()
    output = time.perf_counter() - started
    page.close()
    return {"megabytes": sent["bytes"] / 1e6, "to the page": seen, "to the first output": output}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="browsers that start anew (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="put the figures where the pages read them")
    options = parser.parse_args()
    if CHROMIUM is None or not (HTML / "lite" / "index.html").is_file():
        sys.exit("This needs Chromium, and the book with its notebooks: make html")
    sent = {"bytes": 0}
    Handler.sent = sent
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    first = sorted(path.name for path in (HTML / "lite" / "files").glob("*.ipynb"))[0]
    address = f"http://127.0.0.1:{server.server_address[1]}/lite/notebooks/index.html?path={first}"
    visits: dict[str, list[dict[str, float]]] = {"first visit": [], "later visit": []}
    with sync_playwright() as playwright:
        for _ in range(options.repeats):
            with tempfile.TemporaryDirectory() as profile:
                context = playwright.chromium.launch_persistent_context(profile, executable_path=CHROMIUM, args=FLAGS)
                for kind in visits:
                    visits[kind].append(visit(context, address, sent))
                context.close()
    server.shutdown()
    report(visits, write=options.write)


def report(visits: dict[str, list[dict[str, float]]], *, write: bool) -> None:
    disk = sum(path.stat().st_size for path in (HTML / "lite").rglob("*") if path.is_file())
    print(f"on disk: {disk / 1e6:.0f} MB")
    middle = {
        kind: {name: statistics.median(one[name] for one in runs) for name in runs[0]} for kind, runs in visits.items()
    }
    for kind, of in middle.items():
        page, output = of["to the page"], of["to the first output"]
        print(f"{kind}: {of['megabytes']:5.1f} MB, {page:5.1f} s to the page, {output:5.1f} s to the first output")
    if write:
        of = middle["first visit"]
        lines = [
            "# Written by `python benchmarks/browser.py --write`; quoted on the exercises' pages.",
            f"first_visit_megabytes = {of['megabytes']:.1f}",
            f"first_visit_seconds = {of['to the first output']:.1f}",
        ]
        (ROOT / "book" / "browser" / "measured.toml").write_text("\n".join(lines) + "\n", "utf8")


if __name__ == "__main__":
    main()
