"""Pages made from all others, in a small book: right at first and after a change, refused when something is wrong."""

import re
import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow

HEAD = '[lectures]\nM = "Monash"\n'
ROW = (
    '[[row]]\nnumber = {}\ntopic = "t"\nlectures = ["M"]\nchapters = [18]\nexercise = false\nlibrary = ["cells.LSTM"]\n'
)
PAGES = {"map": "lecture-map", "claims": "all-claims", "downloads": "downloads", "runs": "run-facts"}


def write_notebook(path, title, code):
    cells = [nbformat.v4.new_markdown_cell(f"({path.parent.name})=\n# {title}"), nbformat.v4.new_code_cell(code)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)


def claim(text):
    return f"from rnnkit import view\nc = view.Claims('07')\nc.add('{text}', 1, holds=True, where='chapters')\nc"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = tmp_path_factory.mktemp("book")
    for name in ("_config.yml", "references.bib", "constraints.txt", "LICENSE"):
        shutil.copy(ROOT / name, book / name)
    shutil.copytree(ROOT / "book", book / "book", ignore=shutil.ignore_patterns("__pycache__"))
    (book / "book" / "lecture_map.toml").write_text(HEAD + "".join(map(ROW.format, range(1, 55))))
    (book / "index.md").write_text("# Home\n")
    (book / "reference").mkdir()
    for name, directive in PAGES.items():
        (book / "reference" / f"{name}.md").write_text(f"# {name}\n\n```{{{directive}}}\n```\n")
    write_notebook(book / "chapters" / "07-remedies.ipynb", "Remedies", claim("one is <b>one</b>"))
    (book / "exercises").mkdir()
    (book / "exercises" / "07-remedies.md").write_text("# Exercises\n")
    files = ["exercises/07-remedies", *(f"reference/{name}" for name in PAGES)]
    parts = [
        {"numbered": True, "chapters": [{"file": "chapters/07-remedies"}]},
        {"chapters": [{"file": file} for file in files]},
    ]
    (book / "_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "index", "parts": parts}))
    return book


def html(book, name):
    return (book / "_build" / "html" / "reference" / f"{name}.html").read_text("utf8")


@pytest.fixture(scope="module")
def first(book, build_book):
    done = build_book(book)
    assert done.returncode == 0, done.stderr
    return {name: html(book, name) for name in PAGES}


@pytest.fixture(scope="module")
def second(book, first, build_book):
    """A claim has changed, an exercise has become a notebook, and a PDF is promised."""
    write_notebook(book / "chapters" / "07-remedies.ipynb", "Remedies", claim("one is still one"))
    (book / "exercises" / "07-remedies.md").unlink()
    write_notebook(book / "exercises" / "07-remedies.ipynb", "Exercises", "pass")
    config = (book / "_config.yml").read_text().replace("  config:\n", "  config:\n    coursebook_pdf: true\n", 1)
    (book / "_config.yml").write_text(config)
    done = build_book(book)
    assert done.returncode == 0, done.stderr
    return {name: html(book, name) for name in PAGES}


@pytest.fixture(scope="module")
def broken(book, second, build_book):
    """The chapter claims nothing any more, and two rows of the lecture map are wrong."""
    write_notebook(book / "chapters" / "07-remedies.ipynb", "Remedies", "1 + 1")
    data = book / "book" / "lecture_map.toml"
    rows = data.read_text().replace("number = 2\n", "number = 2\ncolour = 3\n")
    data.write_text(rows.replace("number = 9\n", 'number = 9\nsections = ["nowhere"]\n'))
    return build_book(book)


def test_claims_of_a_chapter_are_shown_and_lead_to_it(first):
    assert "1 claims on 1 page" not in first["claims"]
    assert "1 claim on 1 page" in first["claims"]
    assert "one is &lt;b&gt;one&lt;/b&gt;" in first["claims"]
    assert 'href="../chapters/07-remedies.html#chapters"' in first["claims"]


def test_claims_follow_their_chapter(second):
    assert "one is still one" in second["claims"]
    assert "&lt;b&gt;one" not in second["claims"]


def test_a_chapter_without_claims_fails_the_build_and_is_named(broken):
    assert broken.returncode == 1
    assert re.search(r"chapters/07-remedies\.ipynb:1: WARNING: this chapter has no table of claims", broken.stderr)


def test_a_wrong_row_fails_the_build_with_file_and_line(book, broken):
    lines = (book / "book" / "lecture_map.toml").read_text().splitlines()
    at = lines.index("colour = 3") + 1
    assert f"book/lecture_map.toml:{at}: WARNING: row 2: unknown key 'colour'" in broken.stderr
    at = lines.index('sections = ["nowhere"]') + 1
    assert f"book/lecture_map.toml:{at}: WARNING: row 9: no page has the section 'nowhere'" in broken.stderr


def test_rows_of_chapters_to_come_are_not_covered(first):
    assert "Covered so far: 0 of 54 rows" in first["map"]
    assert first["map"].count("18 Beyond the lectures") == 54


def test_only_notebooks_that_are_there_are_offered(first, second):
    assert "exercises.zip" not in first["downloads"]
    assert 'href="../_sources/chapters/07-remedies.ipynb"' in first["downloads"]
    assert 'href="../_sources/exercises/07-remedies.ipynb"' in second["downloads"]
    assert 'href="../downloads/exercises.zip"' in second["downloads"]


def test_the_archive_holds_the_exercises(book, second):
    with zipfile.ZipFile(book / "_build" / "html" / "downloads" / "exercises.zip") as archive:
        names = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert set(names) == {"LICENSE", "07-remedies.ipynb"}
    assert names["07-remedies.ipynb"] == (book / "exercises" / "07-remedies.ipynb").read_bytes()


def test_the_pdf_is_offered_only_where_it_is_made(first, second):
    assert "nets.pdf" not in first["downloads"]
    assert 'href="../downloads/recurrent-and-recursive-nets.pdf"' in second["downloads"]


def test_runs_name_versions_and_the_machine_that_ran_them(first):
    import numpy as np

    assert f"numpy {np.__version__}" in first["runs"]
    assert "processors" in first["runs"]
