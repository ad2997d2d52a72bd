"""What building and opening the book costs, beside a default Jupyter Book of the same contents in the same run.

Run it with ``python benchmarks/book.py [--repeats N] [--json FILE]``. In a temporary folder both books are
built: cold (every page executed), with nothing changed, with one page changed. Then each page of both is opened in
Chromium with an empty cache, in turns: first contentful paint (median) and the packed bytes of all that it asks this
machine for. A default book asks other hosts too (for MathJax, at least); nothing outside can be reached here, so what
would come from there is counted as nothing: its weight is a lower bound.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import book

CHANGED = "reference/grading.md"
CONTENTS = (*book.PAGES, *(name for name in book.SETTINGS if name != "_config.yml"), "rnnkit", "pyproject.toml")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
PAINT = """() => new Promise((found) => new PerformanceObserver((list) =>
    list.getEntriesByName('first-contentful-paint').forEach((entry) => found(entry.startTime))
).observe({type: 'paint', buffered: true}))"""


def copy_sources(folder: Path, *, ours: bool) -> Path:
    """Copy what the book is made of; beside it our settings, or the few that any book of these contents needs."""
    folder.mkdir()
    for name in CONTENTS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    if ours:
        shutil.copy(ROOT / "_config.yml", folder)
        shutil.copytree(ROOT / "book", folder / "book")
        return folder
    settings = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    kept = {name: settings[name] for name in ("title", "only_build_toc_files", "bibtex_bibfiles", "parse")}
    kept["execute"] = {**settings["execute"], "timeout": 600}
    extensions = ["sphinx_proof", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
    kept["sphinx"] = {"extra_extensions": extensions}
    (folder / "_config.yml").write_text(yaml.safe_dump(kept), "utf8")
    return folder


def build(folder: Path, *, ours: bool) -> float:
    """Build a book; return the seconds it took."""
    command = [sys.executable, str(ROOT / "scripts" / "book.py"), "--source", str(folder), "build"]
    if not ours:
        command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(folder)]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **book.FIXED})
    if done.returncode:
        sys.exit(f"the book in {folder} was not built:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.perf_counter() - started


def build_times(folders: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Return, for each book, the seconds of a cold build, of one with nothing changed and of one page changed."""
    taken: dict[str, dict[str, float]] = {name: {} for name in folders}
    for case in ("cold", "nothing changed", "one page changed"):
        for name, folder in folders.items():
            if case == "one page changed":
                with (folder / CHANGED).open("a") as page:
                    page.write("\nOne more sentence.\n")
            taken[name][case] = build(folder, ours=name == "ours")
            print(f"{name:8} {case:17} {taken[name][case]:6.1f} s", flush=True)
    return taken


def first_visit(browser: Any, address: str, page_path: str, html: Path) -> tuple[float, int, int]:
    """Open a page with an empty cache; return its first paint in ms, its packed bytes, how often it asked elsewhere."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.route(lambda url: not url.startswith(address), lambda route: route.abort())
    page, asked = context.new_page(), set()
    page.on("request", lambda request: asked.add(request.url))
    page.goto(f"{address}/{page_path}", timeout=120_000)
    paint = page.evaluate(PAINT)
    page.wait_for_load_state("networkidle", timeout=120_000)
    context.close()
    files = {html / unquote(urlsplit(url).path).lstrip("/") for url in asked if url.startswith(address)}
    contents = [file.read_bytes() for file in files if file.is_file()]
    elsewhere = sum(not url.startswith((address, "data:", "blob:")) for url in asked)
    return paint, sum(min(len(one), len(gzip.compress(one, 6))) for one in contents), elsewhere


def visits(folders: dict[str, Path], repeats: int) -> dict[str, dict[str, list[Any]]]:
    """Return paint, bytes and requests elsewhere of each page that both books have."""
    from playwright.sync_api import sync_playwright

    html = {name: folder / "_build" / "html" for name, folder in folders.items()}
    servers = {name: book.server_for(where, 0) for name, where in html.items()}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    names = ["index", *re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text("utf8"))]
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("Opening the pages needs Chromium, and there is none here: apt-get install chromium")
    found: dict[str, dict[str, list[Any]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for page in (f"{name}.html" for name in names):
            seen: dict[str, list[Any]] = {name: [] for name in folders}
            for _ in range(repeats):
                for name, server in servers.items():
                    seen[name].append(
                        first_visit(browser, f"http://127.0.0.1:{server.server_address[1]}", page, html[name])
                    )
            found[page] = {
                name: [statistics.median(paint for paint, _, _ in runs), runs[0][1], runs[0][2]]
                for name, runs in seen.items()
            }
        browser.close()
    return found


def report(times: dict[str, dict[str, float]], pages: dict[str, dict[str, list[Any]]]) -> None:
    """Print both tables."""
    print("\n| build | ours | default | ratio |\n| --- | ---: | ---: | ---: |")
    for case, ours in times["ours"].items():
        default = times["default"][case]
        print(f"| {case} | {ours:.1f} s | {default:.1f} s | × {ours / default:.2f} |")
    print(
        "\n| page | first paint | default | ratio | weight | default, at least | ratio | asked elsewhere by default |"
    )
    print("| --- " + "| ---: " * 7 + "|")
    for page, seen in pages.items():
        (paint, size, away), (paint0, size0, away0) = seen["ours"], seen["default"]
        assert away == 0, f"{page} asks another host"
        print(
            f"| {page.removesuffix('.html')} | {paint:.0f} ms | {paint0:.0f} ms | × {paint / paint0:.2f} "
            f"| {size / 1000:.0f} kB | {size0 / 1000:.0f} kB | × {size / size0:.2f} | {away0} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="visits of each page (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folders = {name: copy_sources(Path(temporary) / name, ours=name == "ours") for name in ("ours", "default")}
        times = build_times(folders)
        pages = visits(folders, options.repeats)
        report(times, pages)
    if options.json:
        options.json.write_text(json.dumps({"builds": times, "pages": pages}, indent=1) + "\n")


if __name__ == "__main__":
    main()
