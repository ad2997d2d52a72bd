"""The notation page and the switch: one file of letters, a tokeniser that reads TeX, a page rewritten and restored."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

from coursebook import notation  # noqa: E402  (the book's extension is no installed package)

CHAPTER = "chapters/05-bptt.html"
PAGE = "reference/notation.html"
DATA = notation.load()
SYMBOLS = [symbol for group in DATA["group"] for symbol in group["symbol"]]
BUTTON = ".rk-notation-button"

# ---------- the file ----------


def test_every_lecture_is_there_once():
    assert "".join(lecture["key"] for lecture in DATA["lecture"]) == notation.LECTURES


def test_every_lecture_has_letters():
    for lecture in notation.LECTURES:
        assert sum(lecture in symbol.get("letters", {}) for symbol in SYMBOLS) >= 9, lecture


@pytest.mark.parametrize("code", sorted({symbol["code"] for symbol in SYMBOLS if "code" in symbol}))
def test_every_code_name_exists(code):
    assert notation.find(code)[1].startswith("rnnkit.")


def test_a_name_that_rnnkit_lacks_is_refused():
    with pytest.raises(notation.NotationError, match=r"rnnkit\.cells has no 'LTSM'"):
        notation.find("cells.LTSM")


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("ours = 'x'\nname = 'a'\n[[group.symbol]]\nours = 'x'\nname = 'b'", r"'x' stands there twice"),
        ("ours = 'x'\nname = 'a'\nletters = { Z = 'y' }", r"'x' has letters of 'Z'; the lectures are M, B, U, T, S"),
        ("ours = 'x'\nname = 'a'\ncolour = 'red'", r"unknown field 'colour'; known are"),
        ("ours = 'x'", r"'x' lacks 'name'"),
        ("ours = 'x_t'\nname = 'a'\nindexed = true\nletters = { M = 'y' }", r"needs a # .* letter of M, 'y'"),
        ("ours = 'x'\nname =", r"notation\.toml:6: no valid TOML"),
        ("ours = 3\nname = 'a'", r"notation\.toml:4: the symbol 3 has ours = 3; write text in quotes"),
        ("ours = 'x'\nname = 'a'\nletters = { M = 1 }", r"a letter of M that is no text"),
        ("ours = 'x'\nname = 'a'", r"notation\.toml:1: this lecture lacks 'name'"),
    ],
)
def test_bad_input_is_named(tmp_path, lines, complaint):
    file = tmp_path / "notation.toml"
    file.write_text(f"[[lecture]]\nkey = 'M'\n[[group]]\n[[group.symbol]]\n{lines}\n")
    with pytest.raises(notation.NotationError, match=complaint):
        notation.load(file)


def test_every_group_is_on_the_page():
    shown = re.findall(r"```\{notation\} (.+)", (ROOT / "reference" / "notation.md").read_text("utf8"))
    assert shown == [group["title"] for group in DATA["group"]]


# ---------- the tokeniser ----------


@pytest.fixture(scope="module")
def rewriter(browser):
    """Return a page with the switch's script and nothing else."""
    page = browser.new_page()
    page.evaluate("window.DOCUMENTATION_OPTIONS = { pagename: 'a' }")
    page.evaluate(f"window.rnnkitNotation = {json.dumps(notation.switch_map(DATA))}")
    page.add_script_tag(path=ROOT / "book" / "static" / "notation.js")
    yield page
    page.close()


def rewritten(page, formulas, lecture, place="chapters/03-vanilla-rnn"):
    formulas = [{"tex": tex, "place": place} for tex in formulas]
    return page.evaluate("([all, lecture]) => rnnkitNotation.rewriteAll(all, lecture).texts", [formulas, lecture])


@pytest.mark.browser
@pytest.mark.parametrize(
    ("tex", "lecture", "expected"),
    [
        ("x_t W_x + h_{t-1} W_h + b", "B", "x_{t} W_{xh} + h_{t-1} W_{hh} + b"),
        ("x_t W_x + h_{t-1} W_h + b", "U", r"x_{t} U^\top + s_{t-1} W^\top + b"),
        ("x_t W_x + h_{t-1} W_h + b", "T", r"x[t,K] (W^{x,h})^\top + h[t-1,J] (W^{h,h})^\top - B"),
        ("x_t W_x + h_{t-1} W_h + b", "S", r"x_{t} W_{hx}^\top + h_{t-1} W_{ah}^\top + b_a"),
        ("x_t + h_{t-1} W_h", "M", r"\mathbf{x}^{(t)} + \mathbf{h}^{(t-1)} \mathbf{W}"),
        (r"\partial h W_h^\top", "U", r"\partial s W"),
        (r"\partial h W_h^{\top}", "T", r"\partial h W^{h,h}"),
        (r"h_{t-1}^\top", "M", r"(\mathbf{h}^{(t-1)})^\top"),
        ("1 - h_t^2", "M", r"1 - (\mathbf{h}^{(t)})^{2}"),
        ("1 - h^2_t", "U", "1 - s_{t}^{2}"),
        (r"\frac{\partial L}{\partial W_h}", "B", r"\frac{\partial \mathcal{E}}{\partial W_{hh}}"),
        (r"\frac hT", "M", r"\frac{\mathbf{h}}{\tau}"),
        (r"\sqrt T x", "M", r"\sqrt{\tau} \mathbf{x}"),
        ("Tx_t", "M", r"\tau \mathbf{x}^{(t)}"),
        ("Ta", "M", r"\tau a"),
        (r"\theta h", "T", r"\Phi h"),
        (r"1_{y_t} - p_t", "S", r"1_{y_{t}} - \hat{y}_{t}"),
        (r"\mathrm{d}o_t", "S", r"\mathrm{d}o_{t}"),
        (r"\sum_{t=1}^{T} L_t", "S", r"\sum_{t=1}^{T} \mathcal{L}^{t}"),
        (r"a \odot h_s", "S", r"a \circ h_{k}"),
        (r"\begin{aligned} h_t &= \tanh z_t \\[1ex] o_t &= 1 \end{aligned}", "B",
         r"\begin{aligned} h_{t} &= \tanh z_{t} \\[1ex] y_{t} &= 1 \end{aligned}"),
        (r"\begin{array}{th} h \end{array}", "U", r"\begin{array}{th} s \end{array}"),
        (r"\text{the state h_t} + h_t", "U", r"\text{the state h_t} + s_{t}"),
        (r"\operatorname{softmax}(h_t)", "U", r"\operatorname{softmax}(s_{t})"),
        (r"\hat h_t + h'_t", "U", r"\hat{h}_{t} + h'_{t}"),
        (r"\overrightarrow{h}_t", "T", r"\vec{h}[t,J]"),
        (r"h_{\text{leaf}} + h_{max}", "U", r"h_{\text{leaf}} + h_{max}"),
        (r"W_{hy}, W_r, b_y", "B", r"W_{hy}, W_{r}, b_{y}"),
        (r"\lVert \partial L_t / \partial h_s \rVert", "U", r"\lVert \partial L_{t} / \partial s_{\mathsf{s}} \rVert"),
        (r"p_t[y_t]", "U", r"y_{t}[\mathsf{y}_{t}]"),
        ("h_0", "M", r"\mathbf{h}^{(0)}"),
        ("h_0", "U", "s_{0}"),
        (r"\partial L / \partial b", "T", r"\partial L / \partial (-B)"),
    ],
)  # fmt: skip
def test_a_formula_is_read_token_by_token(rewriter, tex, lecture, expected):
    assert rewritten(rewriter, [tex], lecture) == [expected]


@pytest.mark.browser
def test_a_letter_that_the_lecture_needs_elsewhere_is_set_apart_on_the_whole_page(rewriter):
    assert rewritten(rewriter, ["V", "h_t W_y"], "U") == [r"\mathsf{V}", r"s_{t} V^\top"]
    assert rewritten(rewriter, ["V", "h_t"], "U") == ["V", "s_{t}"]


@pytest.mark.browser
def test_a_letter_can_mean_another_thing_in_another_place(rewriter):
    assert rewritten(rewriter, ["o_t"], "B", "chapters/08-lstm") == ["o_{g,t}"]
    assert rewritten(rewriter, ["g_t W_{xg}"], "T", "chapters/08-lstm sec-ugrnn") == [r"G[t,J] (W^{x,G})^\top"]
    assert rewritten(rewriter, ["W_x"], "S", "chapters/05-bptt") == [r"W_{xh}^\top"]
    assert rewritten(rewriter, ["L T"], "S", "chapters/02-unfolding sec-02-depth") == ["L T"]  # layers, not the loss
    assert rewritten(rewriter, ["h_t - h_t'"], "U", "chapters/01-state") == ["s_{t} - s'_{t}"]


@pytest.mark.browser
def test_the_matrix_that_stands_for_ours_gives_the_same_product(rewriter):
    """With W_x = U^T and so on, the rewritten step computes what ours does: evaluated, not read."""
    import numpy as np

    rng = np.random.default_rng(0)
    x, h, W_x, W_h = rng.normal(size=(1, 3)), rng.normal(size=(1, 4)), rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    for lecture, theirs in {"U": {"U": W_x.T, "W": W_h.T}, "B": {"W_{xh}": W_x, "W_{hh}": W_h}}.items():
        (text,) = rewritten(rewriter, ["x_t W_x + h_{t-1} W_h"], lecture)
        (_, first), (_, second) = (term.split(" ", 1) for term in text.split(" + "))
        value = [theirs[w.removesuffix(r"^\top")].T if w.endswith("top") else theirs[w] for w in (first, second)]
        np.testing.assert_array_equal(x @ value[0] + h @ value[1], x @ W_x + h @ W_h)


# ---------- the pages ----------

FORMULAS = """[...document.querySelectorAll('article .math')].map((m) =>
    m.outerHTML.replace(/ ctxtmenu_counter="\\d+"/g, ''))"""
TEX = "[...MathJax.startup.document.math].map((item) => item.math).join(' ; ')"


def choose(page, name):
    page.locator(BUTTON).click()
    page.get_by_role("radio", name=name, exact=True).check()
    told = "(name) => document.querySelector('.rk-notation-status').innerHTML.includes(name)"
    page.wait_for_function(told, arg=name)
    page.keyboard.press("Escape")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("lecture", "letter"),
    [
        ("Monash", r"\mathbf{h}^{(t-1)} \mathbf{W}"),
        ("Lecture 9", "h_{t-1} W_{hh}"),
        ("Barcelona", r"s_{t-1} W^\top"),
        ("TTIC", r"h[t-1,J] (W^{h,h})^\top - B"),
        ("San Pablo", r"h_{t-1} W_{hh}^\top"),
    ],
)
def test_a_choice_rewrites_the_page_and_ours_restores_it(address, open_page, lecture, letter):
    page = open_page(f"{address}/{CHAPTER}")
    before = page.evaluate(FORMULAS)
    choose(page, lecture)
    assert letter in page.evaluate(TEX)
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert page.evaluate("document.querySelectorAll('article .math mjx-container').length") == len(before)
    assert lecture in page.locator(".rk-notation-note").inner_text()
    page.evaluate("rnnkitNotation.choose('book').then(() => true)")
    assert page.evaluate(FORMULAS) == before
    assert not page.locator(".rk-notation-note").is_visible()
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.slow
def test_the_keyboard_alone_chooses_and_closes(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    page.locator(BUTTON).press("Enter")
    page.get_by_role("radio", name="This book").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.documentElement.dataset.notation === 'M'")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className").endswith("rk-notation-button")
    assert not page.locator("#rk-notation").is_visible()


@pytest.mark.browser
@pytest.mark.slow
def test_the_choice_is_remembered_on_the_next_page(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    choose(page, "Barcelona")
    page.goto(f"{address}/{CHAPTER}")
    page.evaluate("MathJax.startup.promise.then(() => true)")
    assert r"s_{t-1} W^\top" in page.evaluate(TEX)
    assert page.locator("#rk-notation [value=U]").is_checked()
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.slow
def test_what_has_no_letter_is_counted_and_named(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    choose(page, "San Pablo")
    said = page.locator("#rk-notation [role=status]").text_content()
    count, names = re.search(r"(\d+) symbols have no letter there and keep ours: (.+)\.", said).groups()
    assert len(names.split(", ")) == int(count)
    assert "hidden units" in names
    assert "input to hidden" not in names


@pytest.mark.browser
@pytest.mark.slow
def test_print_names_the_notation(address, open_page):
    page = open_page(f"{address}/{CHAPTER}")
    choose(page, "TTIC")
    page.emulate_media(media="print")
    assert page.locator(".rk-notation-note").is_visible()
    assert not page.locator(BUTTON).is_visible()


@pytest.mark.browser
@pytest.mark.slow
def test_the_switch_is_where_formulas_of_the_course_are(address, open_page):
    assert open_page(f"{address}/{CHAPTER}", width=390).get_by_role("button", name="Notation").is_visible()
    for without in ("reference/cells.html", "reference/grading.html"):
        assert open_page(f"{address}/{without}").locator(BUTTON).count() == 0


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_shows_every_symbol_and_typesets_it(address, open_page):
    page = open_page(f"{address}/{PAGE}")
    assert page.locator("table.rk-notation tbody tr:not(.rk-notes)").count() == len(SYMBOLS)
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    shown = page.evaluate(TEX)
    for symbol in SYMBOLS:
        assert notation.with_index(symbol["ours"]) in shown
        for letter in symbol.get("letters", {}).values():
            assert notation.with_index(letter) in shown


@pytest.mark.browser
@pytest.mark.slow
def test_a_phone_shows_the_chosen_lecture_beside_ours(address, open_page):
    page = open_page(f"{address}/{PAGE}", width=390)
    page.evaluate("rnnkitNotation.choose('U')")
    page.wait_for_function("document.documentElement.dataset.notation === 'U'")
    heads = page.locator("table.rk-notation").first.locator("thead th")
    assert [head.inner_text() for head in heads.all() if head.is_visible()] == ["This book", "Barcelona"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
@pytest.mark.slow
def test_the_scripts_stay_small(built):
    import gzip

    static = ROOT / "_build" / "html" / "_static"
    assert len(gzip.compress((static / "notation.js").read_bytes(), 9)) < 6000
    assert len(gzip.compress((static / "notation-map.js").read_bytes(), 9)) < 3000
