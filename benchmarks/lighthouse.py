"""Lighthouse's scores of three pages: performance, accessibility, best practices, findability.

Run it with ``python benchmarks/lighthouse.py [--runs N] [--form mobile] [--json FILE]`` after ``make html``. It needs
Node 18 or newer with npm (Lighthouse is an npm package, fetched at its first use) and Chromium. The book is served on
this machine with packed text, as static hosts do; each score is the median of the runs. ``mobile`` simulates a phone
with a slow network and a quarter of this machine's speed, ``desktop`` neither: a machine that is busy scores lower.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import book

PACKAGE = "lighthouse@12.8.2"
PAGES = ("index.html", "chapters/05-bptt.html", "exercises/05-bptt.html")
SCORES = ("performance", "accessibility", "best-practices", "seo")
WANTED = 95
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def tools() -> tuple[str, str]:
    """Return npx and Chromium, or say what is missing."""
    npx = shutil.which("npx")
    if npx is None:
        sys.exit("Lighthouse needs Node 18 or newer with npm, and there is none here: https://nodejs.org")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("Lighthouse needs Chromium, and there is none here: apt-get install chromium")
    return npx, chromium


def one_run(address: str, form: str, npx: str, chromium: str) -> dict[str, float]:
    """Return the scores of one run over one page, and its first and largest paint in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [npx, "--yes", PACKAGE, address, "--quiet", "--output=json", f"--output-path={report}"]
        command += [f"--only-categories={','.join(SCORES)}", f"--chrome-flags={FLAGS}"]
        command += ["--preset=desktop"] if form == "desktop" else []
        done = subprocess.run(
            command, env={**os.environ, "CHROME_PATH": chromium}, capture_output=True, text=True, check=False
        )
        if done.returncode or not report.is_file():
            sys.exit(f"Lighthouse did not finish on {address}:\n{done.stderr[-2000:]}")
        found = json.loads(report.read_text("utf8"))
    values = {name: 100 * (found["categories"][name]["score"] or 0) for name in SCORES}
    for name in ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time"):
        values[name] = found["audits"][name]["numericValue"]
    return values


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs of each page (default: %(default)s)")
    parser.add_argument("--form", choices=("desktop", "mobile", "both"), default="both")
    parser.add_argument("--pages", nargs="+", default=PAGES, help="pages below _build/html")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    options = parser.parse_args()
    npx, chromium = tools()
    html = ROOT / "_build" / "html"
    if absent := [page for page in options.pages if not (html / page).is_file()]:
        sys.exit(f"There is no {absent[0]} in {html}; build the book first: make html")
    server = book.server_for(html, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    figures, low = {}, 0
    for form in ("desktop", "mobile") if options.form == "both" else (options.form,):
        for page in options.pages:
            address = f"http://127.0.0.1:{server.server_address[1]}/{page}"
            runs = [one_run(address, form, npx, chromium) for _ in range(options.runs)]
            median = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
            figures[f"{form} {page}"] = runs
            low += sum(median[name] < WANTED for name in SCORES)
            scores = "  ".join(f"{name} {median[name]:3.0f}" for name in SCORES)
            paint = median["first-contentful-paint"] / 1000
            print(f"{form:7}  {page:24}  {scores}  first paint {paint:.1f} s", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if low:
        print(f"{low} scores are below {WANTED}")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
