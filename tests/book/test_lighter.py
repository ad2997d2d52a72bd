"""Pages show their words first: what is left out of style sheets and scripts, and what is not."""

import re
from pathlib import Path

import pytest

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"


@pytest.fixture
def styles(book_script):
    from coursebook import styles

    return styles


@pytest.fixture
def scripts(book_script):
    from coursebook import scripts

    return scripts


@pytest.mark.parametrize(
    ("selector", "kept"),
    [(".a", True), (".b", False), (".a .b", False), (".b, .a", True), ("p:not(.b)", True), (":is(.b, .a) p", True),
     ("[class*=b]", True), ("p > em", True), ("#b", False), (r".b\:c", True)],
)  # fmt: skip
def test_a_rule_goes_only_where_no_selector_can_match(styles, selector, kept):
    assert styles.can_match(selector, {"a", "p"}) == kept


def test_rules_inside_media_go_too_and_font_faces_and_keyframes_stay(styles):
    rules = "@media print { .a { top: 0 } .b { top: 0 } } @media all { .b { top: 0 } } @keyframes b { to { top: 0 } }"
    parsed = styles.tinycss2.parse_stylesheet(rules, skip_whitespace=True)
    assert styles.slimmed(parsed, {"a"}) == "@media print{.a{top: 0}\n}\n@keyframes b{to { top: 0 }}\n"


def test_a_style_sheet_that_is_imported_keeps_its_place_and_its_pictures(styles, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "base.css").write_text("p { background: url(dot.png) }")
    (tmp_path / "deep" / "a.css").write_text('@import url("../base.css");\na { background: url(data:x) }')
    text = styles.source_of(tmp_path / "deep" / "a.css", tmp_path / "deep")
    assert text == 'p { background: url("../dot.png") }\na { background: url(data:x) }'


HEAD = '<head><meta name="viewport" content="a"><script>window.MathJax = {};</script>{}</head>'
MATHJAX = '<script defer src="_static/mathjax/tex-chtml.js"></script>'


def test_scripts_wait_and_twice_is_once(scripts):
    head = HEAD.replace("{}</head>", '<script src="_static/doctools.js"></script></head>', 1)
    once = scripts.lightened(head + "<p>", "const A = 1;", searches=False)
    assert '<script defer src="_static/doctools.js">' in once
    assert scripts.lightened(once, "const A = 1;", searches=False) == once


@pytest.mark.parametrize(
    ("body", "kept"), [('<span class="math notranslate">', True), (r"\(x\)", True), ("<p>x", False)]
)
def test_mathjax_is_fetched_where_there_is_a_formula(scripts, body, kept):
    page = HEAD.replace("{}</head>", f"{MATHJAX}</head>", 1) + body
    once = scripts.lightened(page, "", searches=False)
    assert ("tex-chtml" in once) == kept
    assert ("pageReady" in once) == kept
    assert scripts.lightened(once, "", searches=False) == once


@pytest.mark.parametrize("searches", [True, False])
def test_the_index_is_fetched_by_the_page_that_searches(scripts, searches):
    page = '<head><script src="searchindex.js"></script></head>'
    assert ("searchindex" in scripts.lightened(page, "", searches=searches)) == searches


@pytest.mark.slow
def test_every_icon_that_a_page_shows_is_in_the_font(built, pages):
    css = (HTML / "_static" / "styles" / "all.css").read_text("utf8")
    html = "".join((HTML / path).read_text("utf8") for path in pages)
    shown = set(re.findall(r'class="fa-solid (fa-[\w-]+)', html))
    signs = {name: re.search(rf'\.{name}:before[^{{}}]*\{{content:"(.)"', css) for name in shown}
    from fontTools.ttLib import TTFont

    known = TTFont(HTML / "_static" / "styles" / "icons.woff").getBestCmap()
    assert shown
    assert {name for name, sign in signs.items() if not sign or ord(sign[1]) not in known} == set()


@pytest.mark.slow
@pytest.mark.browser
def test_searching_still_finds_a_page(address, open_page):
    page = open_page(f"{address}/search.html?q=orthogonal")
    page.locator("#search-results li a").first.wait_for()
    assert page.complaints == []
