"""What the build says of cells tagged to run in a page, and how such a cell is run, both without a browser."""

import builtins
import importlib.util
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "book" / "static"


# ---------- which cells can run in a page ----------


@pytest.fixture(scope="module")
def live():
    sys.path.insert(0, str(ROOT / "book"))
    try:
        from coursebook import live
    finally:
        sys.path.remove(str(ROOT / "book"))
    return live


def complaints(live, *cells):
    made = [live.Cell(f"c{i}", frozenset({tag} - {""}), code, None) for i, (tag, code) in enumerate(cells, 1)]
    return [f"{cell.name}: {why}" for cell, why in live.problems(made)]


@pytest.mark.parametrize("tag", ["live", "live-setup"])
@pytest.mark.parametrize("code", ["import torch", "def f():\n    from torch import nn", "import torch.nn as nn, json"])
def test_torch_in_a_tagged_cell_is_refused(live, tag, code):
    assert complaints(live, (tag, code)) == ["c1: it imports torch, and that does not run in a browser"]


def test_a_part_of_the_library_that_imports_torch_is_refused_with_the_way_there(live):
    [told] = complaints(live, ("live", "from rnnkit.torch.modules import RNN"))
    assert "it imports rnnkit.torch.modules, which imports " in told
    assert "which imports torch, and" in told


def test_what_a_browser_carries_is_accepted(live):
    code = "import json\nimport numpy as np\nimport matplotlib.pyplot as plt\nfrom rnnkit import data, view\nlen('a')"
    assert complaints(live, ("live-setup", code), ("live", "x = np.ones(3)\nprint(x)")) == []


def test_a_cell_without_a_tag_may_do_anything(live):
    assert complaints(live, ("", "import torch"), ("live", "1 + 1")) == []


def test_a_name_from_a_cell_without_a_tag_is_refused_and_its_cell_named(live):
    told = complaints(live, ("", "weights = 3"), ("live", "print(weights)"))
    assert told == ['c2: it uses weights, made by the cell c1: give that one the tag "live-setup"']


def test_commands_of_ipython_are_refused(live):
    assert "plain Python" in complaints(live, ("live", "%timeit 1"))[0]


def test_a_setup_cell_whose_code_is_not_on_the_page_is_refused(live):
    assert "not on the page" in complaints(live, ("live-setup", None))[0]


# ---------- in a build ----------


@pytest.fixture
def small_build(tmp_path):
    """Return a function that builds a page of code cells, (tag, code) each, with this part alone."""

    def build(*cells, **config):
        settings = {"extensions": ["myst_nb", "coursebook.live"], "nb_execution_mode": "off", **config}
        lines = [f"import sys; sys.path.insert(0, {str(ROOT / 'book')!r})", f"html_static_path = [{str(STATIC)!r}]"]
        lines += [f"{name} = {value!r}" for name, value in settings.items()]
        (tmp_path / "conf.py").write_text("\n".join(lines))
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Page")])
        notebook.metadata.language_info = {"name": "python", "pygments_lexer": "ipython3"}
        for i, (tag, code) in enumerate(cells):
            metadata = {"tags": [tag]} if tag else {}
            notebook.cells.append(nbformat.v4.new_code_cell(code, id=f"cell-{i}", metadata=metadata))
        nbformat.write(notebook, tmp_path / "index.ipynb")
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(tmp_path), str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done, tmp_path / "out" / "index.html"

    return build


def test_torch_in_a_live_cell_fails_the_build_and_names_page_and_cell(small_build):
    done, _ = small_build(("", "a = 1"), ("live", "import torch"))
    assert done.returncode != 0
    assert "index.ipynb" in done.stderr
    assert "the cell cell-1 has the tag 'live', but it imports torch" in done.stderr


def test_a_page_with_a_live_cell_gets_the_script(small_build):
    done, page = small_build(("live", "1 + 1"))
    assert done.returncode == 0, done.stderr
    assert "live.js" in page.read_text("utf8")


def test_a_page_with_setup_cells_alone_gets_no_script(small_build):
    done, page = small_build(("live-setup", "1 + 1"), ("", "2"))
    assert done.returncode == 0, done.stderr
    assert "live.js" not in page.read_text("utf8")


def test_a_book_without_its_own_python_has_no_live_cells(small_build):
    done, page = small_build(("live", "1 + 1"), coursebook_lite=False)
    assert done.returncode == 0, done.stderr
    assert "live.js" not in page.read_text("utf8")


# ---------- how a cell runs ----------


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs code the way the page does: what is wrong, and all that was shown."""
    monkeypatch.setattr(builtins, "input", builtins.input)  # what the runner replaces is put back
    monkeypatch.setitem(sys.modules, "page_backend", None)  # matplotlib keeps the backend it has
    spec = importlib.util.spec_from_file_location("live_runner", STATIC / "live_runner.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shown = []
    runner = module.Runner(lambda kind, text: shown.append((kind, text)))

    def run(code, cell="cell 1"):
        shown.clear()
        return runner.run(cell, code), list(shown)

    return run


def test_the_last_value_is_shown_and_names_stay(run):
    assert run("a = 20\na + 1") == (None, [("text", "21\n")])
    assert run("a;") == (None, [])
    assert run("print('x')\na") == (None, [("text", "x\n"), ("text", "20\n")])


def test_html_is_shown_where_a_value_has_it(run):
    code = "class Table:\n    def _repr_html_(self):\n        return '<b>t</b>'\ndisplay(Table())\nTable()"
    assert run(code) == (None, [("html", "<b>t</b>")] * 2)


def test_an_error_names_the_readers_line_and_the_library_by_its_last(run):
    wrong, [(kind, told)] = run("import json\n\njson.loads('{')")
    assert (wrong, kind) == ("JSONDecodeError in line 3", "error")
    assert "cell 1, line 3\n    json.loads('{')\n  … 2 more\n" in told
    assert "live_runner" not in told


def test_an_error_of_a_function_in_another_cell_is_found_in_that_cell(run):
    run("def f():\n    return 1 / 0", "cell 1")
    wrong, [(_, told)] = run("\nf()", "cell 2")
    assert wrong == "ZeroDivisionError in line 2"
    assert "cell 1, line 2, in f\n    return 1 / 0\n" in told


def test_a_slip_of_syntax_is_told_with_its_line(run):
    wrong, [(_, told)] = run("a = 1\nb = (")
    assert wrong == "SyntaxError in line 2"
    assert "b = (" in told


def test_what_does_not_run_in_a_page_is_named_with_what_to_do(run):
    _, [(_, told)] = run("import nothing_of_this_name")
    assert "nothing_of_this_name does not run in this page" in told
    assert "Download the notebook" in told
    assert "cannot ask for input" in run("input()")[1][0][1]


def test_leaving_python_leaves_the_page_running(run):
    assert run("raise SystemExit(3)")[0] == "SystemExit in line 1"
    assert run("1")[0] is None


def test_a_page_shows_no_more_text_than_it_can_hold(run):
    wrong, shown = run("for n in range(100_000):\n    print('0123456789')")
    text = "".join(text for _, text in shown)
    assert wrong is None
    assert 100_000 <= len(text) < 100_200
    assert "the output goes on" in text
