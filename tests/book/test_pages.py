"""What must hold of every page of the built book, in a browser."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHAPTER = "chapters/05-bptt.html"

# what is seen behind the text of an article; a bar's own colour and a button's are not behind anything
BACKGROUNDS = """[...document.querySelectorAll('article *')]
    .filter((element) => element.getClientRects().length && !element.closest('button, .rk-fill'))
    .map((element) => ({
        rgb: getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number),
        html: element.outerHTML.slice(0, 99),
    }))"""


def test_no_page_complains_or_asks_another_host(address, pages, open_page):
    for path in pages:
        page = open_page(f"{address}/{path}", until_quiet=True)
        assert page.complaints == [], path
        elsewhere = [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]
        assert elsewhere == [], path


def test_every_formula_is_typeset(address, pages, open_page):
    for path in pages:
        page = open_page(f"{address}/{path}")
        written, set_ = page.evaluate("['.math', 'mjx-container'].map((s) => document.querySelectorAll(s).length)")
        assert set_ >= written, path
        assert page.locator("mjx-merror, [data-mjx-error]").count() == 0, path
    assert open_page(f"{address}/{CHAPTER}").locator("mjx-container").count() > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_scrolls_sideways_on_a_phone(address, pages, open_page, scheme):
    for path in pages:
        page = open_page(f"{address}/{path}", width=390, height=844, color_scheme=scheme, has_touch=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_every_picture_says_what_is_seen(address, pages, open_page):
    for path in pages:
        page = open_page(f"{address}/{path}")
        texts = page.evaluate("[...document.querySelectorAll('article img')].map((i) => [i.src, i.alt])")
        texts += page.evaluate(
            "[...document.querySelectorAll('article svg[role=img]')].map((s) => ['svg', s.getAttribute('aria-label')])"
        )
        for source, text in texts:
            assert len(text or "") > 10, (path, source)
            assert not re.search(r"\.(svg|png)$", text), (path, source)
        unspoken = "article svg:not([role=img]):not([aria-hidden=true]):not(mjx-container svg, button svg)"
        assert page.locator(unspoken).count() == 0, path


def test_dark_pages_have_no_light_boxes(address, pages, open_page):
    for path in pages:
        page = open_page(f"{address}/{path}", color_scheme="dark")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        light = [box for box in page.evaluate(BACKGROUNDS) if sum(box["rgb"][:3]) > 450 and (box["rgb"] + [1])[3] > 0.5]
        assert light == [], path


def test_every_notebook_can_be_downloaded(address, pages, open_page):
    for path in pages:
        if not path.startswith(("chapters/", "exercises/")):
            continue
        page = open_page(f"{address}/{path}")
        link = page.locator("a.btn-download-source-button")
        answer = page.request.get(link.evaluate("(a) => a.href"))
        assert answer.ok
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
