"""What every chapter keeps to (CONTRIBUTING.md, section 3), read off the notebook without running it.

The page of corrections is executed like a chapter, so it keeps to all but a chapter's length.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
MOVING = "BackwardStepper|Curves|GradientHeatMap|Plane|UnfoldedGraph"
PAGES = [*CHAPTERS, *sorted((ROOT / "reference").glob("*.ipynb"))]


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request):
    return nbformat.read(request.param, as_version=4)


def code(chapter):
    return [cell for cell in chapter.cells if cell.cell_type == "code"]


def prose(chapter):
    return "\n\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")


def words(text):
    """Count words of prose: formulas, roles, directives' names and links' targets are none."""
    for pattern in (
        r"\$\$?.*?\$\$?",
        r"^```\{(math|literalinclude|bibliography)\}.*?^```",
        r"\{[\w:-]+\}`[^`]*`",
        r"\]\(.*?\)",
    ):
        text = re.sub(pattern, " ", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"[A-Za-z][\w’'-]*", text)


def test_there_are_chapters():
    assert CHAPTERS


def test_a_page_is_stored_clean(page):
    assert all(cell.execution_count is None and not cell.outputs for cell in code(page))


def test_a_code_cell_fits_under_its_equation(page):
    lines = {cell.id: cell.source.splitlines() for cell in code(page)}
    assert {name: len(cell) for name, cell in lines.items() if len(cell) > 20} == {}
    assert {name: line for name, cell in lines.items() for line in cell if len(line) > 90} == {}


def test_a_chapter_has_the_length_of_a_chapter(chapter):
    assert 12 <= len(code(chapter)) <= 25
    assert 1400 <= len(words(prose(chapter))) <= 2500


def test_every_figure_has_a_caption_and_alt_text(page):
    plots = [cell for cell in code(page) if "plt.show()" in cell.source]
    assert plots
    for cell in plots:
        rendering = cell.metadata.get("mystnb", {})
        assert rendering.get("figure", {}).get("caption"), cell.id
        assert len(rendering.get("image", {}).get("alt", "")) > 40, cell.id


def test_at_least_one_figure_moves(chapter):
    assert any(re.search(rf"view\.({MOVING})\(", cell.source) for cell in code(chapter))


def test_every_claim_names_a_place_that_exists(page):
    named = {label for cell in code(page) for label in re.findall(r'where="([\w-]+)"', cell.source)}
    targets = set(re.findall(r"^\(([\w-]+)\)=", prose(page), flags=re.MULTILINE))
    figures = {cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in code(page)}
    assert named
    assert named <= targets | figures


def test_every_glued_number_is_computed(page):
    used = set(re.findall(r"\{glue:text\}`([\w-]+)", prose(page)))
    sources = "\n".join(cell.source for cell in code(page))
    glued = set(re.findall(r'claims\.glue\("([\w-]+)"', sources))
    patterns = [re.sub(r"\{\w+\}", r"\\w+", name) for name in re.findall(r'claims\.glue\(f"([\w{}-]+)"', sources)]
    patterns += re.findall(r'"(\w+)": \w+', sources)  # names glued in a loop over a dict
    assert {name for name in used if name not in glued and not any(re.fullmatch(p, name) for p in patterns)} == set()


def test_every_citation_has_its_entry(page):
    cited = {key for keys in re.findall(r"\{cite:\w+\}`([^`]+)`", prose(page)) for key in keys.split(",")}
    entries = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "references.bib").read_text("utf8"), flags=re.MULTILINE))
    assert cited
    assert cited <= entries
