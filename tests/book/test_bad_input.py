"""A book with a mistake in it is not built, and the last lines say where the mistake is."""

import shutil
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BIBLIOGRAPHY = (ROOT / "references.bib").read_text("utf8")
SVG = "from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')"


def notebook(*cells):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [nbformat.v4.new_markdown_cell("# A chapter")]
    for cell in cells:
        make = nbformat.v4.new_code_cell if cell.startswith(("from ", "import ", "def ")) else None
        made.append((make or nbformat.v4.new_markdown_cell)(cell))
    return nbformat.writes(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel}))


@pytest.fixture
def make_book(tmp_path):
    """Return a function that writes a book of these files, with the course's settings."""

    def make_book(**files):
        for name in ("_config.yml", "references.bib", "constraints.txt"):
            shutil.copy(ROOT / name, tmp_path / name)
        shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / "chapters").mkdir()
        chapters = [{"file": f"chapters/{name}"} for name in files]
        toc = {"format": "jb-book", "root": "index", "parts": [{"numbered": True, "chapters": chapters}]}
        (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc, sort_keys=False))
        (tmp_path / "index.md").write_text("# Home\n")
        for name, text in files.items():
            (tmp_path / "chapters" / f"{name}.ipynb").write_text(text)
        return tmp_path

    return make_book


def problems(done):
    """Return the list that a failed build ends with."""
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    *_, last = done.stderr.rstrip().splitlines()
    assert last.startswith("The book was NOT built")
    lines = done.stderr.rstrip().splitlines()[:-1]
    start = max(number for number, line in enumerate(lines) if line.endswith((" problem:", " problems:")))
    assert int(lines[start].split()[0]) == len(lines) - start - 1
    return [line.strip() for line in lines[start + 1 :]]


@pytest.mark.slow
def test_cells_that_raise_are_named_with_cell_and_line_all_of_them(make_book, build_book):
    raises = "def f():\n    raise RuntimeError('boom')\n\nf()"
    book = make_book(a=notebook("Text.", raises), b=notebook("import nowhere_to_be_found"), c=notebook("import os"))
    assert sorted(problems(build_book(book))) == [
        "chapters/a.ipynb, cell 3, line 4: RuntimeError: boom",
        "chapters/b.ipynb, cell 2, line 1: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    ]


@pytest.mark.slow
def test_every_mistake_in_the_text_is_named_with_its_line_in_every_build(make_book, build_book):
    book = make_book(a=notebook("Text.\n\nSee {eq}`nowhere`.", SVG, "[file](../gone.txt) and {cite}`nobody`"))
    (book / "index.md").write_text("# Home\n\nSee {ref}`lost`.\n\n![](book/static/favicon.svg)\n")
    for _ in range(2):  # Sphinx reads a page again only after a change, and would not repeat itself
        found = problems(build_book(book))
        assert "chapters/a.ipynb, cell 2, line 3: equation not found: nowhere" in found
        assert any(line.startswith("chapters/a.ipynb, cell 3, line 1: a picture without alt text") for line in found)
        assert any(line.startswith("chapters/a.ipynb, cell 4, line 1:") and "../gone.txt" in line for line in found)
        assert any(line.startswith("chapters/a.ipynb, cell 4, line 1:") and "nobody" in line for line in found)
        assert "index.md:3: undefined label: 'lost'" in found
        assert any(line.startswith("index.md:5: a picture without alt text") for line in found)


@pytest.fixture
def wrong(make_book, book_script):
    """Return a function that changes one file of a good book, and returns what is seen to be wrong beforehand."""

    def wrong(name, old, new):
        book = make_book(a=notebook("Text."))
        text = (book / name).read_text()
        assert old in text
        (book / name).write_text(text.replace(old, new, 1))
        from coursebook import beforehand  # found where the script has found it

        return [str(problem) for problem in beforehand.problems_before(book)]

    return wrong


def line(name, text):
    return (ROOT / name).read_text().splitlines().index(text) + 1


def test_a_good_book_has_nothing_wrong(wrong):
    assert wrong("_toc.yml", "index", "index") == []


def test_a_page_in_the_contents_that_is_not_there_is_named(wrong):
    assert wrong("_toc.yml", "chapters/a", "chapters/z") == [
        "_toc.yml:6: there is no chapters/z.md and no chapters/z.ipynb"
    ]


def test_a_page_that_stands_twice_in_the_contents_is_named(wrong):
    found = wrong("_toc.yml", "  - file: chapters/a", "  - file: chapters/a\n  - file: chapters/a")
    assert found == ["_toc.yml:7: chapters/a stands in line 6 already: a page has one place"]


def test_contents_with_an_unknown_key_are_named(wrong):
    (found,) = wrong("_toc.yml", "- file: chapters/a", "- fiel: chapters/a")
    assert found.startswith("_toc.yml:6: ")
    assert "file" in found


def test_contents_that_are_no_yaml_are_named(wrong):
    (found,) = wrong("_toc.yml", "parts:", "parts: [")
    assert found.startswith("_toc.yml:")
    assert "no valid YAML" in found


def test_settings_that_are_no_yaml_are_named(wrong):
    (found,) = wrong("_config.yml", "html:\n", "html: [\n")
    where, _, said = found.removeprefix("_config.yml:").partition(": ")
    assert 0 < int(where) - line("_config.yml", "html:") < 5  # where YAML cannot go on any more
    assert said.startswith("no valid YAML")


def test_a_setting_of_the_wrong_type_is_named(wrong):
    (found,) = wrong("_config.yml", "home_page_in_navbar: false", "home_page_in_navbar: 17")
    lines = (ROOT / "_config.yml").read_text().splitlines()
    where = next(number for number, text in enumerate(lines, 1) if "home_page_in_navbar" in text)
    assert found == f"_config.yml:{where}: html/home_page_in_navbar: 17 is not of type 'boolean'"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('baseurl: ""', "baseurl: example.org", "html.baseurl is 'example.org': give the whole address"),
        ('  url: ""', '  url: "https://github.com/me"', "repository.url is 'https://github.com/me': give the"),
    ],
)
def test_an_address_that_is_none_is_named_with_its_line(wrong, old, new, what):
    (found,) = wrong("_config.yml", old, new)
    where = next(
        number for number, text in enumerate((ROOT / "_config.yml").read_text().splitlines(), 1) if old in text
    )
    assert found.startswith(f"_config.yml:{where}: {what}")


def test_a_letter_that_is_none_is_named_before_anything_is_executed(wrong):
    (found,) = wrong("book/notation.toml", "ours = 'T'", "ours = 1")
    where = line("book/notation.toml", "ours = 'T'") - 1  # where the symbol begins
    assert found.startswith(f"book/notation.toml:{where}: the symbol 1 has ours = 1")


def test_chapters_that_are_no_toml_are_named(wrong):
    (found,) = wrong("book/chapters.toml", "[[chapter]]", "[[chapter]")
    assert found.startswith(f"book/chapters.toml:{line('book/chapters.toml', '[[chapter]]')}: no valid TOML")


def test_a_bibliography_that_cannot_be_read_is_named_with_its_line(wrong):
    second = line("references.bib", next(text for text in BIBLIOGRAPHY.splitlines()[1:] if text.startswith("@")))
    (found,) = wrong("references.bib", "\n}\n@", "\n@")
    assert found == f"references.bib:{second - 1}: no valid BibTeX: '}}' expected"


def test_a_work_that_stands_twice_in_the_bibliography_is_named(wrong):
    entry = BIBLIOGRAPHY[: BIBLIOGRAPHY.index("\n}\n") + 3]
    key = entry.partition("{")[2].partition(",")[0]
    assert wrong("references.bib", entry, entry + entry) == [f"references.bib: repeated bibliography entry: {key}"]


def test_a_notebook_that_is_no_json_is_named(wrong):
    (found,) = wrong("chapters/a.ipynb", '"cells": [', '"cells": [,')
    assert found.startswith("chapters/a.ipynb:2: no valid JSON")


def test_a_notebook_that_is_no_notebook_is_named(wrong):
    (found,) = wrong("chapters/a.ipynb", '"cell_type": "markdown"', '"cell_type": "marked"')
    assert found.startswith("chapters/a.ipynb, cell 1: no valid notebook")


def test_what_is_wrong_beforehand_is_said_before_anything_is_executed(make_book, build_book):
    done = build_book(make_book(a="{"))
    (found,) = problems(done)
    assert found.startswith("chapters/a.ipynb:1: no valid JSON")
    assert "Building the book" not in done.stdout
