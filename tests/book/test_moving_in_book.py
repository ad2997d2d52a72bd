"""Moving figures in the built book: script and style once for a page, HTML from the build's kernels."""

import re
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document

from rnnkit.view.moving import Curve, Curves, Panel, figure

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
CHAPTER = HTML / "chapters" / "05-bptt.html"


@pytest.fixture
def part(monkeypatch):
    """Return the book's part on moving figures."""
    monkeypatch.syspath_prepend(str(ROOT / "book"))
    from coursebook import moving

    return moving


def page_of(*texts):
    page = new_document("page")
    page.extend(nodes.raw(text, text, format="html") for text in texts)
    return page


def test_a_figure_leaves_its_script_and_keeps_its_numbers(part):
    drawn = Curves(Panel([Curve("v", [1, 2])]), title="A title", alt="What is seen.")
    page = page_of(drawn._repr_html_())
    part.lighten(None, page)
    assert page.astext().strip() == drawn.frame().rpartition("</div>")[0] + "</div>"


def test_other_output_stays_as_it_is(part):
    text = "<style data-rk-once>a {}</style><p>no figure</p>"
    page = page_of(text)
    part.lighten(None, page)
    assert page.astext() == text


@pytest.mark.slow
def test_a_page_links_one_script_that_draws_its_figures(built):
    text = CHAPTER.read_text("utf8")
    scripts = re.findall(r'<script [^>]*src="\.\./_static/(moving/[^"?]+)', text)
    assert scripts == ["moving/heatmap-stepper.js"]
    assert (HTML / "_static" / scripts[0]).read_text("utf8") == figure.script(["heatmap", "stepper"])
    assert "data-rk-once" not in text


@pytest.mark.slow
def test_a_page_without_moving_figures_links_nothing(built):
    assert "_static/moving/" not in (HTML / "reference" / "bibliography.html").read_text("utf8")


@pytest.mark.slow
def test_no_page_carries_the_state_of_widgets(built):
    for page in HTML.rglob("*.html"):
        assert "vnd.jupyter.widget" not in page.read_text("utf8"), page


@pytest.mark.browser
@pytest.mark.slow
def test_every_curve_of_a_moving_figure_can_be_seen(address, pages, open_page):
    colour = "(all) => all.map((each) => [getComputedStyle(each).stroke, getComputedStyle(each).fill])"
    seen = []
    for path in (path for path in pages if "rk-figure" in (HTML / path).read_text("utf8")):
        page = open_page(f"{address}/{path}", color_scheme="light")
        drawn = page.locator(".rk-series")
        seen += [(path, *each) for each in drawn.evaluate_all(colour)]
        page.close()
    assert seen
    assert [each for each in seen if each[1] == "none" and each[2] in ("none", "rgb(0, 0, 0)")] == []
