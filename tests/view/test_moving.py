import gzip
import json
import re
from html.parser import HTMLParser
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import rnnkit.view.moving.figure as figure_module
from rnnkit.view.moving import BackwardStepper, GradientHeatMap

CODE = [(1, "for t = T … 1:"), (2, "do = p − y", "∂L/∂o_t"), (3, "dW_y += …"), (4, "dh += …", ""), (5, "dh = …", "")]


def step(t, line, do, dh, dx=(None, None), W_y=0.0, note="A sentence."):
    return {"t": t, "line": line, "norms": {"do": do, "dh": dh, "dx": dx}, "sums": {"W_y": W_y}, "note": note}


STEPS = [
    step(2, 2, [None, 0.5], [None, None, None]),
    step(2, 3, [None, 0.5], [None, None, None], W_y=0.7),
    step(2, 4, [None, 0.5], [None, None, 0.31234], W_y=0.7),
    step(2, 5, [None, 0.5], [None, 0.2, 0.31234], dx=[None, 0.1], W_y=0.7),
]


def stepper(steps=STEPS, code=CODE, title="Backward", alt="A graph."):
    return BackwardStepper(steps, code=code, title=title, alt=alt)


def triangle(T=4, value=0.5):
    return np.where(np.tri(T, dtype=bool), value ** np.arange(1.0, T + 1)[:, None], np.nan)


def heat_map(matrices=None, names=("one",), title="Heat", alt="A map."):
    return GradientHeatMap([triangle()] if matrices is None else matrices, names=names, title=title, alt=alt)


class Balance(HTMLParser):
    """Collects the tags and fails on one that closes another."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("figure", [stepper(), heat_map()], ids=["stepper", "heatmap"])
def test_html_is_well_formed_and_asks_no_other_host(figure):
    html = figure._repr_html_()
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    assert re.findall(r"https?://[^\s\"']+", html.replace("http://www.w3.org/2000/svg", "")) == []
    assert not any({"src", "href"} & set(attributes) for _, attributes in parser.seen)


@pytest.mark.parametrize("figure", [stepper(), heat_map()], ids=["stepper", "heatmap"])
def test_without_scripts_the_numbers_are_in_an_open_table(figure):
    html = figure._repr_html_()
    assert re.search(r"<details [^>]*open>", html)
    header, rows = figure.rows()
    assert html.count("<tr>") == len(rows) + 1
    assert all(len(row) == len(header) for row in rows)


def test_json_cannot_close_the_script_it_stands_in():
    figure = stepper([{**STEPS[0], "note": "</script><script>alert(1)</script>"}])
    assert "</script>" not in figure.to_json()
    assert json.loads(figure.to_json())["steps"][0]["note"].startswith("</script>")


def test_title_and_alt_are_escaped():
    html = stepper(title="a < b", alt='"quoted"')._repr_html_()
    assert 'aria-label="a &lt; b"' in html
    assert 'data-rk-alt="&quot;quoted&quot;"' in html


def test_numbers_travel_with_three_digits():
    assert stepper().data()["steps"][2]["norms"]["dh"][2] == 0.312
    assert heat_map([triangle(2, 0.123456)]).data()["rows"][0][0] == [0.123]


def test_edges_follow_from_what_has_changed():
    loss, weight, state, back = stepper().data()["steps"]
    assert (loss["nodes"], loss["edges"], loss["collect"]) == (["o2"], ["L2>o2"], [])
    assert (weight["edges"], weight["collect"]) == ([], ["o2>h2"])
    assert (state["nodes"], state["edges"]) == (["h2"], ["o2>h2"])
    assert (back["nodes"], back["edges"]) == (["h1", "x2"], ["h2>h1", "h2>x2"])


def test_a_gradient_set_to_zero_came_from_nowhere():
    first = step(2, 1, [None, None], [None, None, 0.0])
    assert stepper([first]).data()["steps"][0]["edges"] == []


def test_nan_stands_for_not_computed():
    assert stepper([step(2, 2, [np.nan, 0.5], [np.nan] * 3)]).data()["steps"][0]["norms"]["do"] == [None, 0.5]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "steps is empty"),
        ([{"t": 1}], r"'norms'"),
        ([step(3, 2, [None, 0.5], [None] * 3)], r"steps\[0\]\['t'\] must be between 1 and T = 2, got 3"),
        ([step(2, 9, [None, 0.5], [None] * 3)], r"'line'\] is 9, but code has the lines \[1, 2, 3, 4, 5\]"),
        ([step(2, 2, [None, 0.5], [None] * 2)], r"\['dh'\] must have 3 numbers \(T = 2\), got 2"),
        ([step(2, 2, [None, -0.5], [None] * 3)], r"\['do'\]\[1\] must be a norm .*got -0.5"),
        ([step(2, 2, [None, np.inf], [None] * 3)], r"\['do'\]\[1\] must be a norm .*got inf"),
        ([STEPS[0], {**STEPS[1], "sums": {"W_h": 1.0}}], r"steps\[1\]\['sums'\] must have the names"),
    ],
)
def test_steps_that_do_not_fit_are_named(steps, message):
    with pytest.raises(ValueError, match=message):
        stepper(steps)


@pytest.mark.parametrize(
    ("code", "message"),
    [([(1,)], "a line of code must be"), (["text"], "a line of code"), ([(2, "a"), (2, "b")], "twice")],
)
def test_code_that_does_not_fit_is_named(code, message):
    with pytest.raises(ValueError, match=message):
        stepper(code=code)


def test_one_matrix_need_not_be_in_a_list():
    assert heat_map(triangle()).data() == heat_map([triangle()]).data()


def test_none_stands_for_later_states():
    assert heat_map([[[1.0, None], [0.5, 1.0]]]).data()["rows"] == [[[1.0], [0.5, 1.0]]]


def test_table_of_a_heat_map_has_the_median_of_every_lag():
    matrix = np.array([[1.0, np.nan, np.nan], [0.1, 2.0, np.nan], [0.01, 0.3, 5.0]])
    assert heat_map([matrix]).rows()[1] == [["0", "2"], ["1", "0.2"], ["2", "0.01"]]


@pytest.mark.parametrize(
    ("matrices", "names", "message"),
    [
        ([], (), "names must have one entry for each matrix"),
        ([triangle()], ("a", "b"), r"1 matrices, names \['a', 'b'\]"),
        ([triangle()], "a", "got the text 'a'"),
        ([triangle(3), triangle(4)], ("a", "b"), r"'b' has shape \(4, 4\), not \(3, 3\)"),
        ([np.ones((2, 3))], ("a",), r"square"),
        ([np.ones((2, 2))], ("a",), r"t=1, s=2 is 1.0, but a loss does not depend on later states"),
        ([triangle(value=-0.5)], ("a",), r"t=1, s=1 must be a norm"),
        ([np.full((2, 2), np.nan)], ("a",), r"t=1, s=1 must be a norm"),
        ([triangle(200, 1.0)], ("a",), "at most 120 steps"),
    ],
)
def test_matrices_that_do_not_fit_are_named(matrices, names, message):
    with pytest.raises(ValueError, match=message):
        heat_map(matrices, names)


@pytest.mark.parametrize("text", ["", "  ", None])
def test_a_figure_without_title_or_alt_text_is_refused(text):
    with pytest.raises(ValueError, match="title must be a text"):
        stepper(title=text)
    with pytest.raises(ValueError, match="alt must be a text"):
        heat_map(alt=text)


def test_repr_is_one_short_line():
    assert repr(stepper()) == "BackwardStepper('Backward', T=2, 4 steps)"
    assert repr(heat_map()) == "GradientHeatMap('Heat', T=4, ['one'])"


def test_a_page_with_two_kinds_loads_a_small_script():
    kinds = [file.stem for file in Path(figure_module.__file__).parent.glob("*.js") if file.stem != "shared"]
    sizes = [len(gzip.compress(figure_module.script(pair).encode())) for pair in combinations(kinds, 2)]
    assert len(sizes) == 6
    assert max(sizes) < 12_000
    assert len(gzip.compress(figure_module.style().encode())) < 4_000
