"""What must hold of every page of the built book, in a browser: opened once per width, shown in both schemes."""

import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
CHAPTER = "chapters/05-bptt.html"
HEAVIEST = 600_000  # bytes over the wire on a first visit


@pytest.fixture(scope="module")
def looked_at(visits):
    """Return the visits that came to an end; that all did is a test of its own."""
    return [visit for visit in visits if visit.seen]


def test_every_page_could_be_looked_at(visits):
    assert {str(visit): visit.complaints for visit in visits if not visit.seen} == {}


def test_no_page_complains(visits):
    assert {str(visit): visit.complaints for visit in visits if visit.complaints} == {}


def test_no_page_asks_another_host(visits, address):
    ours = (address, "data:", "blob:")
    elsewhere = {str(visit): [url for url in visit.requests if not url.startswith(ours)] for visit in visits}
    assert {page: urls for page, urls in elsewhere.items() if urls} == {}


def test_every_formula_is_typeset(looked_at):
    bad = [str(v) for v in looked_at if v.seen["typeset"] < v.seen["written"] or v.seen["errors"]]
    assert bad == []
    assert any(visit.seen["typeset"] for visit in looked_at if visit.path == CHAPTER)


def test_no_page_scrolls_sideways(looked_at):
    assert {str(visit): visit.seen["wide"] for visit in looked_at if visit.seen["wide"] > visit.width} == {}


def test_every_picture_says_what_is_seen(looked_at):
    for visit in looked_at:
        for source, text in visit.seen["pictures"]:
            assert len(text or "") > 10, (visit.path, source)
            assert not re.search(r"\.(svg|png)$", text), (visit.path, source)
        assert visit.seen["unspoken"] == 0, visit.path


def test_dark_pages_have_no_light_boxes(looked_at):
    light = []
    for visit in looked_at:
        assert visit.seen["theme"] == visit.scheme, str(visit)
        for colour, html in visit.seen["boxes"] if visit.scheme == "dark" else []:
            red, green, blue, alpha = [*map(float, re.findall(r"[\d.]+", colour)), 1.0][:4]
            if red + green + blue > 450 and alpha > 0.5:
                light.append((str(visit), html))
    assert light == []


def test_axe_finds_no_violation(visits):
    assert {str(visit): visit.violations for visit in visits if visit.violations} == {}


def test_every_page_has_a_picture_in_each_scheme_and_width(visits):
    for visit in visits:
        assert visit.pictures, str(visit)
        assert all(1000 < path.stat().st_size < 3_000_000 for path in visit.pictures), str(visit)


def test_no_page_is_heavy_on_a_first_visit(visits, record_property):
    from visiting import weight

    weights = {v.path: weight(v, HTML) for v in visits if (v.scheme, v.width) == ("light", 1280)}
    heaviest = sorted(weights.items(), key=lambda item: -item[1])[:5]
    print("heaviest first visits:", *(f"{size / 1000:.0f} kB {path}" for path, size in heaviest), sep="\n  ")
    record_property("heaviest", heaviest)
    assert heaviest[0][1] <= HEAVIEST, heaviest


def test_every_notebook_can_be_downloaded(address, pages, open_page):
    page = open_page(f"{address}/index.html")
    for path in pages:
        if path.startswith(("chapters/", "exercises/")):
            link = re.search(r'<a href="([^"]+)"[^>]*?\bbtn-download-source-button', (HTML / path).read_text("utf8"))
            answer = page.request.get(f"{address}/{path.rpartition('/')[0]}/{link[1]}")
            assert answer.ok, path
            assert answer.json()["nbformat"] == 4, path


def test_figures_of_the_chapter_move(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    stepper = page.locator(".rk-stepper").first
    stepper.get_by_role("button", name="One step on").click()
    assert stepper.get_attribute("data-rk-state") == "1"
    heat_map = page.locator(".rk-heatmap").first
    before = heat_map.get_attribute("data-rk-state")
    heat_map.locator(".rk-map").press("ArrowUp")
    assert heat_map.get_attribute("data-rk-state") != before


def test_the_theme_switch_reaches_the_figures(address, open_page):
    page = open_page(f"{address}/{CHAPTER}", color_scheme="light")
    colour = "getComputedStyle(document.querySelector('.rk-stepper text')).fill"
    light = page.evaluate(colour)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate(colour) != light
