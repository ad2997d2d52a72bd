"""Cells that run in the page, driven as a reader drives them, with the Python that lies under the built book."""

import html
import re
import threading
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "static"
HTML = ROOT / "_build" / "html"
PYTHON = HTML / "lite" / "static" / "pyodide"

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="_static/live.css"><a class="btn-download-source-button" href="page.ipynb">.ipynb</a>
{cells}<script defer data-edition="1" src="_static/live.js"></script></html>"""

CELL = """<div class="cell tag_{tag}"><div class="cell_input"><div class="highlight-ipython3"><div class="highlight">
<pre>{code}
</pre></div></div></div><div class="cell_output">published</div></div>"""


TIME = 180_000
"""Milliseconds that Python may take to start in a browser, on a machine that is busy with other things."""

ALTS = "all => all.map((each) => each.alt)"

PLOT = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nplt.show()\nprint('after')"
SCRIPT = '\'<p id=p>still</p><script>document.querySelector("#p").textContent = "moved"</script>\''
TABLE = f"class Table:\n    def _repr_html_(self):\n        return {SCRIPT}\nTable()"
CELLS = [
    ("live-setup", "runs = globals().get('runs', 0) + 1\nbase = 20"),
    ("live", "print(base + 1)"),
    ("live", "a = 1"),
    ("live", "print(runs, a)"),
    ("live", PLOT),
    ("live", TABLE),
    ("live", "pass"),
    ("live-setup", "c = 1 / 0"),
    ("live", "c"),
]


def write_page(folder, cells, *, python=True):
    (folder / "_static").symlink_to(STATIC)
    if python:
        assert (PYTHON / "pyodide.mjs").is_file(), f"the book was built without {PYTHON}"
        (folder / "lite").symlink_to(HTML / "lite")
    written = "".join(CELL.format(tag=tag, code=html.escape(code)) for tag, code in cells)
    (folder / "page.html").write_text(PAGE.format(cells=written), "utf8")


@pytest.fixture
def serve(built, tmp_path, served):
    """Return a function that writes a page of cells, (tag, code) each, and returns its address."""

    def serve(*cells, python=True):
        write_page(tmp_path, cells, python=python)
        return served(tmp_path)

    return serve


@pytest.fixture(scope="module")
def served(book_script):
    """Return a function that serves a folder for as long as this module runs; it returns the page's address."""
    servers = []

    def served(folder):
        servers.append(book_script.server_for(folder, 0))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/page.html"

    yield served
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def open_notebook(built, served, tmp_path_factory, browser):
    """Open a page of CELLS; several tests share it, because starting Python takes seconds."""
    folder = tmp_path_factory.mktemp("live")
    write_page(folder, CELLS)
    context = browser.new_context()
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(served(folder))
    yield page
    context.close()


@pytest.fixture
def notebook(open_notebook):
    """Return the shared page with every cell as its author wrote it; it must have nothing to complain of."""
    for cell in open_notebook.locator(".cell.tag_live").all():
        if button(cell, "Reset").is_visible():
            button(cell, "Reset").click()
    yield open_notebook
    assert open_notebook.complaints == []


@pytest.fixture
def cells(notebook):
    """Return the live cells of the shared page."""
    return notebook.locator(".cell.tag_live").all()


def button(cell, label):
    return cell.get_by_role("button", name=re.compile(f"^{label}:"))


def says(cell, words):
    """Wait until the status of a cell says the words."""
    cell.locator(".rk-live-status[role=status]").filter(has_text=words).wait_for(timeout=TIME)


def run(cell, *, then="Done"):
    """Run a cell, wait, and return what it shows."""
    button(cell, "Run").click()
    says(cell, re.compile(then))
    return (
        cell.locator(".rk-live-output").inner_text().strip() if cell.locator(".rk-live-output:visible").count() else ""
    )


def write(cell, code):
    if button(cell, "Edit").is_visible():
        button(cell, "Edit").click()
    cell.locator("textarea").fill(code)


# ---------- the chapters ----------


@pytest.fixture(scope="module")
def chapters(address, pages, browser):
    """Open every page that has live cells; what each asked for until its load was over is kept with it."""
    opened = []
    context = browser.new_context()
    for path in (path for path in pages if "live.js" in (HTML / path).read_text("utf8")):
        page = context.new_page()
        page.asked, page.complaints = [], []
        page.on("request", lambda request, page=page: page.asked.append(request.url))
        page.on("console", lambda message, page=page: message.type == "error" and page.complaints.append(message.text))
        page.goto(f"{address}/{path}", wait_until="networkidle")
        page.evaluate("document.querySelectorAll('.cell details').forEach((each) => { each.open = true; })")
        opened.append(page)
    yield opened
    context.close()


def test_nothing_is_loaded_before_the_first_run_and_then_what_the_page_says(chapters, address):
    page = chapters[0]
    assert page.workers == []
    assert not [url for url in page.asked if "lite/" in url or "live-worker" in url or "live_runner" in url]
    cell = page.locator(".cell.tag_live").first
    said = re.search(r"about (\d+) MB, or (\d+) MB", cell.locator(".rk-live-status[role=status]").inner_text())
    run(cell)
    loaded = page.workers[0].evaluate(
        "performance.getEntriesByType('resource').map((e) => [e.name, e.decodedBodySize, e.transferSize])"
    )
    assert [name for name, *_ in loaded if not name.startswith(address)] == []
    sizes = [sum(column) / 1e6 for column in list(zip(*loaded, strict=True))[1:]]
    assert sizes == pytest.approx([float(said[1]), float(said[2])], rel=0.1)


def test_every_live_cell_shows_what_it_showed_when_the_page_was_built(chapters):
    for page in chapters:
        for cell in page.locator(".cell.tag_live").all():
            published, shown = cell.locator(".cell_output"), cell.locator(".rk-live-output")
            run(cell)
            texts = [
                "".join(each.all_text_contents())
                for each in (published.locator(".stream pre"), shown.locator("pre.rk-live-text"))
            ]
            assert texts[0] == texts[1]
            for kind in ("img", "[data-rk-mounted]"):  # figures, those that move too
                assert published.locator(kind).count() == shown.locator(kind).count()
            assert published.locator("img").evaluate_all(ALTS) == shown.locator("img").evaluate_all(ALTS)
        assert page.complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


# ---------- one cell ----------


def test_a_changed_cell_runs_as_changed_and_reset_brings_the_authors_back(cells):
    cell = cells[0]
    assert run(cell) == "21"
    write(cell, "print(base + 2)")
    assert run(cell) == "22"
    button(cell, "Reset").click()
    assert cell.locator("pre").inner_text().strip() == "print(base + 1)"
    assert cell.locator("textarea, .rk-live-output, details").count() == 0
    assert cell.get_by_text("published").is_visible()
    assert run(cell) == "21"


def test_an_endless_loop_is_stopped_and_the_next_run_works(serve, open_page):
    page = open_page(serve(("live-setup", "a = 5"), ("live", "print(a)\nwhile a == 5: pass")))
    cell = page.locator(".cell.tag_live")
    button(cell, "Run").press("Enter")
    cell.get_by_text("5", exact=True).wait_for(timeout=TIME)  # what is printed is seen while the cell runs
    button(cell, "Stop").press("Enter")
    says(cell, "The next Run starts Python anew and runs the cells before it first")
    assert button(cell, "Run").evaluate("(button) => button === document.activeElement")  # Stop has gone
    write(cell, "print(a + 1)")
    assert run(cell) == "6"
    assert len(page.workers) == 1  # the one that was stopped is no more


def test_the_cells_before_run_first_once_and_again_after_a_change(cells):
    _, first, second, *_ = cells
    assert run(second) == "1 1"
    assert first.locator(".rk-live-output").count() == 0  # it ran as published: nothing new to show
    write(first, "a = 2\nprint('changed')")
    assert run(second) == "1 2"
    assert first.locator(".rk-live-output").inner_text().strip() == "changed"


def test_an_error_in_a_cell_before_is_told_at_both(cells):
    _, first, second, *_ = cells
    write(first, "1 / 0")
    run(second, then="ZeroDivisionError in line 1 in a cell before this one, live cell 2 of 7")
    says(first, "ZeroDivisionError in line 1.")
    button(first, "Reset").click()
    assert run(second) == "1 1"


def test_an_error_in_a_setup_cell_is_shown_where_it_was_met(cells):
    told = run(cells[-1], then="ZeroDivisionError in line 1 in a cell before this one, the page's cell 8")
    assert "In the page's cell 8, which runs before this cell:" in told
    assert "c = 1 / 0\nZeroDivisionError" in told


def test_an_error_shows_the_readers_line(cells):
    write(cells[0], "b = 1\nb + nothing")
    told = run(cells[0], then="NameError in line 2")
    assert "line 2\n    b + nothing\nNameError: name 'nothing' is not defined" in told


def test_a_figure_is_shown_where_the_cell_shows_it(cells):
    assert run(cells[3]) == "after"
    shown = cells[3].locator(".rk-live-output")
    assert shown.locator("> *").evaluate_all("all => all.map((each) => each.tagName)") == ["IMG", "PRE"]
    assert shown.locator("img").evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 100


def test_a_script_in_an_output_runs(cells):
    assert run(cells[4]) == "moved"


def test_everything_can_be_done_with_the_keyboard(notebook, cells):
    cell, press = cells[5], notebook.keyboard.press
    focus = "document.activeElement.getAttribute('aria-label').split(/[:.]/)[0]"
    button(cell, "Run").focus()
    press("Tab")
    press("Enter")
    assert notebook.evaluate(focus) == "Code of live cell 6 of 7"
    notebook.keyboard.type("if base:\n")  # the next line is indented by itself
    press("Tab")
    notebook.keyboard.type("print(7)\n")
    assert cell.locator("textarea").input_value() == "if base:\n        print(7)\n        pass"
    press("Shift+Tab")
    press("Control+Enter")
    says(cell, "IndentationError")
    press("ArrowUp")
    press("Shift+Tab")
    press("Shift+Enter")
    says(cell, "Done")
    assert notebook.evaluate(focus) == "Code of live cell 6 of 7"  # the focus has stayed
    press("Escape")
    press("Tab")
    assert notebook.evaluate(focus) == "Run"


# ---------- where it cannot run ----------


def test_a_missing_python_is_told_with_what_to_do(serve, open_page):
    page = open_page(serve(("live", "1"), python=False))
    run(
        page.locator(".cell.tag_live"), then=r"Python could not be loaded \(.+\). Look at your connection.*download the"
    )
    assert page.workers == []


def test_a_page_opened_as_a_file_says_why_nothing_runs(tmp_path, open_page):
    (tmp_path / "_static").symlink_to(STATIC)
    (tmp_path / "page.html").write_text(PAGE.format(cells=CELL.format(tag="live", code="1")), "utf8")
    page = open_page((tmp_path / "page.html").as_uri())
    run(page.locator(".cell.tag_live"), then="opened as a file.*download the notebook")
    assert page.complaints == []


def test_an_old_browser_is_told_so(serve, open_page):
    page = open_page(serve(("live", "1")))
    page.evaluate("delete window.WebAssembly")
    run(page.locator(".cell.tag_live"), then="too old to run Python in a page.*download the notebook")
