"""The book opened as files from a disk; its search; and what is printed before a page is ready."""

from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"


def test_an_exercise_opened_as_a_file_leads_to_no_notebook_that_cannot_start(built, open_page):
    page = open_page((HTML / "exercises" / "05-bptt.html").as_uri())
    page.get_by_text("python -m http.server").wait_for()
    assert page.get_by_role("link", name="Open in the browser").count() == 0
    assert page.get_by_role("link", name="Download the notebook").is_visible()


def test_search_in_files_finds_pages_and_complains_of_nothing(built, open_page):
    page = open_page(f"{(HTML / 'search.html').as_uri()}?q=truncation")
    page.get_by_text("Search finished").wait_for()
    assert page.locator("#search-results a", has_text="Back-propagation through time").count() >= 1
    assert "chapters/05-bptt.html" in page.locator("#search-results li a").first.get_attribute("href")
    assert page.complaints == []


def test_an_excerpt_in_search_results_is_of_the_text(address, open_page):
    page = open_page(f"{address}/search.html?q=gradient")
    page.get_by_text("Search finished").wait_for()
    excerpts = page.locator("#search-results .context").all_inner_texts()
    assert excerpts
    assert not any(".pdf" in text or "Contents 5.1" in text for text in excerpts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_search_results(scheme, address, open_page):
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(f"{address}/search.html?q=truncation", color_scheme=scheme)
    page.get_by_text("Search finished").wait_for()
    page.locator("#search-results .highlighted").first.wait_for()
    assert Axe().run(page).response["violations"] == []


def test_a_page_printed_before_its_formulas_are_set_has_no_tex_on_paper(address, open_page):
    page = open_page("about:blank")
    page.goto(f"{address}/reference/notation.html", wait_until="domcontentloaded")
    page.wait_for_function("window.MathJax?.typeset && document.querySelector('mjx-container')")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown = page.locator(".math").all_text_contents()
    assert shown
    assert not any("\\(" in formula for formula in shown)
