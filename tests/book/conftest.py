"""The book, built once and served on loopback."""

import asyncio
import fcntl
import importlib.util
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"

# what JavaScript's navigation asks for on its own, and nobody links to
BESIDE = ("_static/", "_modules/", "lite/")
NOT_PAGES = {"genindex.html", "search.html", "py-modindex.html", "prf-prf.html"}


@pytest.fixture(scope="session")
def book_script():
    """Return ``scripts/book.py`` as a module."""
    spec = importlib.util.spec_from_file_location("book", ROOT / "scripts" / "book.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def build_book():
    """Return a function that builds the book in a folder."""
    return run_build


def run_build(source, *flags):
    if source != ROOT and not flags:
        flags = ("--no-lite",)  # a small book has no notebooks for the browser
    command = [sys.executable, str(ROOT / "scripts" / "book.py"), "--source", str(source), "build", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build the book (or find it up to date) once, whichever of several test processes comes first."""
    lock = tmp_path_factory.getbasetemp().parent / "book.lock"
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = run_build(ROOT)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done


@pytest.fixture(scope="session")
def pages(built):
    """Return every page someone wrote, as a path below the book's address."""
    found = sorted(path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html"))
    return [path for path in found if not path.startswith(BESIDE) and path not in NOT_PAGES]


@pytest.fixture(scope="session")
def address(built, book_script):
    """Serve the built book for as long as the tests run."""
    server = book_script.server_for(HTML, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def visits(pages, address, how_to_launch):
    """Open every page, also those that nobody wrote, in both schemes and at two widths; keep what was seen."""
    sys.path.insert(0, str(Path(__file__).parent))
    import visiting

    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    paths = [*pages, "search.html", "genindex.html"]
    with ThreadPoolExecutor(1) as thread:  # the other browser's loop runs in this one
        visit = visiting.visit_all(address, paths, SCREENSHOTS, how_to_launch)
        return thread.submit(asyncio.run, visit).result()


@pytest.fixture
def open_page(browser):
    """Return a function that opens an address; what it complains of and asks for is kept with it."""
    contexts = []

    def open_page(address, *, width=1280, height=900, until_quiet=False, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(f"failed: {request.url}"))
        page.on(
            "response", lambda answer: answer.status >= 400 and page.complaints.append(f"{answer.status} {answer.url}")
        )
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(address, wait_until="networkidle" if until_quiet else "load")
        page.evaluate("window.MathJax?.startup.promise.then(() => true)")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def show(tmp_path, open_page):
    """Return a function that opens a small page with these moving figures."""

    def show(*figures, theme="light", **options):
        file = tmp_path / "figures.html"
        body = "".join(figure._repr_html_() for figure in figures)
        head = f'<!doctype html><html lang="en" data-theme="{theme}"><meta charset="utf-8"><title>Figures</title>'
        viewport = '<meta name="viewport" content="width=device-width">'
        file.write_text(f"{head}{viewport}<body>{body}</body></html>", "utf8")
        page = open_page(file.as_uri(), **options)
        assert page.complaints == []
        return page

    return show
