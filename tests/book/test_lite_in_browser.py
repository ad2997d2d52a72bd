"""An exercise is opened, done and kept in a browser that reaches no other host; and its page knows of it."""

import json
import re
import sys
import threading
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError as TookTooLong

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

from browser.site import STORAGE  # noqa: E402

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXERCISES = sorted((ROOT / "exercises").glob("*.ipynb"))
BUSY_MACHINE = 60_000  # milliseconds; a limit for what never comes, not a measure

IMPORTS, FORWARD, ANSWER, CHECK = "from rnnkit.check import check", "def forward(", "def bptt(", 'check("05.1a"'
IDLE = "document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]') !== null"

# run a notebook's cells in a Pyodide without JupyterLite; what they print comes back
RUN_CELLS = """async ([address, cells]) => {
    const { loadPyodide } = await import(address + "pyodide.mjs");
    const lines = [];
    const py = await loadPyodide({ indexURL: address, packages: ["numpy", "rnnkit"], stdout: (l) => lines.push(l) });
    for (const [name, cell] of cells) {
        try {
            await py.loadPackagesFromImports(cell);
            await py.runPythonAsync(cell);
        } catch (error) {
            lines.push(`cell ${name} raised ${error.message}`);
        }
    }
    return lines;
}"""

# wait until JupyterLite has saved, on its own, a notebook with `text` in it
SAVED = """async ([storage, notebook, text, patience]) => {
    for (const end = Date.now() + patience; Date.now() < end; await new Promise((next) => setTimeout(next, 100))) {
        const open = indexedDB.open(storage);
        await new Promise((done) => { open.onsuccess = done; });
        const got = open.result.transaction("files").objectStore("files").get(notebook);
        await new Promise((done) => { got.onsuccess = done; });
        open.result.close();
        if (JSON.stringify(got.result?.content ?? "").includes(text)) return true;
    }
    return false;
}"""

# put another edition of the notebook where JupyterLite has saved one
AGE = """async ([storage, notebook]) => {
    const open = indexedDB.open(storage);
    await new Promise((done) => { open.onsuccess = done; });
    const files = open.result.transaction("files", "readwrite").objectStore("files");
    const got = files.get(notebook);
    await new Promise((done) => { got.onsuccess = done; });
    const mine = got.result;
    mine.content.metadata.rnnkit.edition = "of long ago";
    mine.content.cells = mine.content.cells.filter((cell) => !/^check/.test([cell.source].flat().join("")));
    const put = files.put(mine, notebook);
    await new Promise((done) => { put.onsuccess = done; });
    open.result.close();
}"""


def solution_of(path, cell):
    """Return the master's source of a cell of the exercise."""
    master = json.loads((ROOT / "solutions" / path).read_text("utf8"))
    return next("".join(one["source"]) for one in master["cells"] if one["id"] == cell)


def code_cells(path):
    notebook = json.loads(path.read_text("utf8"))
    return [(cell["id"], "".join(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def elsewhere(built, book_script):
    """Serve the book below a path, as a project's site is, and not at the root of a host."""
    server = book_script.server_for(ROOT / "_build", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/html"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def notebook(elsewhere, browser):
    """Open the exercise in a browser that the tests below share: they are one session, in their order."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(BUSY_MACHINE)
    page.complaints, page.outside = [], []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    local = elsewhere.removesuffix("/html")
    context.route(
        lambda url: not url.startswith((local, "data:", "blob:")),
        lambda route: (page.outside.append(route.request.url), route.abort()),
    )
    page.goto(f"{elsewhere}/exercises/05-bptt.html")
    page.get_by_role("link", name="Open in the browser").click()
    page.wait_for_function(IDLE)
    yield page
    context.close()


def cell(page, text):
    return page.locator(".jp-CodeCell", has_text=text).first


def enter(page, text):
    """Click into the cell that has ``text`` in it, and wait until what is typed goes there."""
    cell(page, text).locator(".cm-content").click()
    cell(page, text).locator(".cm-editor.cm-focused").wait_for()


def run(page, text, output):
    """Run the cell that has ``text`` in it, until ``output`` (a pattern) stands below it."""
    enter(page, text)
    page.keyboard.press("Control+Enter")
    cell(page, text).locator(".jp-OutputArea-output", has_text=re.compile(output)).wait_for()
    return cell(page, text).locator(".jp-OutputArea").inner_text()


def write(page, text, code):
    """Replace what is in the cell that has ``text`` in it, and run it."""
    written = cell(page, text).locator(".cm-content").filter(has_text=code.splitlines()[-1])
    for patience in (5_000, 5_000, BUSY_MACHINE):  # a notebook that is still being laid out may take the focus away
        enter(page, text)
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(code)
        try:
            written.wait_for(timeout=patience)
            break
        except TookTooLong:
            if patience == BUSY_MACHINE:
                raise
    enter(page, text)
    page.keyboard.press("Control+Enter")


def test_an_exercise_opens_without_a_dialog(notebook):
    notebook.locator(".jp-MarkdownCell", has_text="You are in your browser").wait_for()
    assert notebook.locator(".jp-Dialog").count() == 0


def test_a_stub_is_told_to_be_one(notebook):
    for text in (IMPORTS, FORWARD, ANSWER):
        enter(notebook, text)
        notebook.keyboard.press("Control+Enter")
    assert "not written yet" in run(notebook, CHECK, "05.1a").lower()


def test_a_wrong_answer_gets_its_named_message(notebook):
    wrong = solution_of("05-bptt.ipynb", "answer-05-1").replace("(p - truth)", "(truth - p)")
    assert wrong != solution_of("05-bptt.ipynb", "answer-05-1")
    write(notebook, ANSWER, wrong)
    said = " ".join(run(notebook, CHECK, "exactly").split())
    assert "exactly what one gets when 1_y − p is used instead of p − 1_y" in said


def test_a_right_answer_passes(notebook):
    write(notebook, ANSWER, solution_of("05-bptt.ipynb", "answer-05-1"))
    assert "✓ 05.1a: 3 points" in run(notebook, CHECK, "✓")


def test_matplotlib_draws(notebook):
    write(notebook, IMPORTS, f"{IMPORTS}\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()")
    cell(notebook, IMPORTS).locator(".jp-OutputArea img").wait_for()


def test_what_was_written_survives_a_reload(notebook):
    assert notebook.evaluate(SAVED, [STORAGE, "05-bptt.ipynb", "✓ 05.1a", BUSY_MACHINE])
    notebook.reload()
    notebook.wait_for_function(IDLE)
    cell(notebook, ANSWER).filter(has_text="return loss, grads").wait_for()
    cell(notebook, CHECK).filter(has_text="✓ 05.1a: 3 points").wait_for()


def test_a_link_to_the_chapter_leads_to_its_page(notebook, elsewhere):
    with notebook.context.expect_page() as opened:
        notebook.locator(".jp-RenderedMarkdown a", has_text="chapter").first.click()
    assert opened.value.url == f"{elsewhere}/chapters/05-bptt.html"
    opened.value.close()


def test_nothing_was_asked_of_another_host_and_nothing_complained(notebook):
    assert notebook.outside == []
    assert notebook.complaints == []


def test_the_exercises_page_knows_what_was_begun_and_brings_it_up_to_date(notebook, elsewhere):
    page = notebook.context.new_page()
    page.goto(f"{elsewhere}/exercises/05-bptt.html")
    page.get_by_role("link", name="Go on in the browser").wait_for()
    page.evaluate(AGE, [STORAGE, "05-bptt.ipynb"])
    page.reload()
    page.get_by_role("button", name="Bring it up to date").click()
    page.get_by_text("your answers are in the new version").wait_for()
    page.get_by_role("link", name="Go on in the browser").click()
    page.wait_for_function(IDLE, timeout=BUSY_MACHINE)
    cell(page, ANSWER).filter(has_text="return loss, grads").wait_for()
    cell(page, CHECK).wait_for()
    page.close()


def test_no_service_worker_is_needed(elsewhere, open_page):
    page = open_page(f"{elsewhere}/lite/notebooks/index.html?path=05-bptt.ipynb", service_workers="block")
    page.wait_for_function(IDLE, timeout=BUSY_MACHINE)
    said = cell(page, IMPORTS).locator(".jp-OutputArea-output", has_text="05.1a")
    for patience in (BUSY_MACHINE / 3, BUSY_MACHINE / 3, BUSY_MACHINE):  # who gets no answer presses again
        write(page, IMPORTS, f"{IMPORTS}\ncheck('05.1a', 1)")
        try:
            return said.wait_for(timeout=patience)
        except TookTooLong:
            continue
    raise AssertionError("no answer from a kernel without a service worker")


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_every_check_accepts_the_solution_in_the_browser(path, elsewhere, open_page):
    cells = code_cells(ROOT / "solutions" / path.name)
    page = open_page(f"{elsewhere}/lite/licences.html")
    lines = page.evaluate(RUN_CELLS, [f"{elsewhere}/lite/static/pyodide/", cells])
    assert [line for line in lines if re.match("cell .* raised", line)] == []
    passed = {line.split(":")[0].removeprefix("✓ ") for line in lines if line.startswith("✓")}
    assert passed == set(re.findall(r'^check\("([^"]+)"', "\n".join(source for _, source in cells), re.MULTILINE))
    assert passed
