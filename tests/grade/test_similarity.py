import csv
import html
import io
import re
import textwrap
import tokenize
from pathlib import Path

import nbformat
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from rnnkit.check import exercise
from rnnkit.check.values import compare
from rnnkit.grade.master import Master
from rnnkit.grade.passages import Passage, Place
from rnnkit.grade.similarity import Pair, Report, similarity, write_similarity
from rnnkit.grade.winnow import WINDOW, K, grams, tokens, winnow

ROOT = Path(__file__).parents[2]
NOTHING = np.zeros(0, dtype=np.uint64)

ONE = """
def bptt(x, y, h0, params):
    h, p = forward(x, h0, params)
    T, B = y.shape
    steps, rows = np.meshgrid(np.arange(T), np.arange(B), indexing="ij")
    picked = p[steps, rows, y]
    loss = -np.log(picked).sum() / picked.size
    delta_o = p.copy()
    delta_o[steps, rows, y] -= 1
    delta_o /= picked.size
    delta_z = np.zeros((T + 1, B, h0.shape[1]))
    for t in range(T - 1, -1, -1):
        back = delta_o[t] @ params["W_y"].T + delta_z[t + 1] @ params["W_h"].T
        delta_z[t] = back * (1 - h[t + 1] * h[t + 1])
    delta_z = delta_z[:T]
    return loss, {
        "W_y": np.einsum("tbh,tbv->hv", h[1:], delta_o),
        "b_y": delta_o.sum((0, 1)),
        "W_h": np.einsum("tbh,tbk->hk", h[:-1], delta_z),
        "W_x": np.einsum("tbi,tbh->ih", x, delta_z),
        "b": delta_z.sum((0, 1)),
        "x": delta_z @ params["W_x"].T,
        "h0": delta_z[0] @ params["W_h"].T,
    }
"""
OTHER = """
def bptt(x, y, h0, params):
    states, probs = forward(x, h0, params)
    n_steps = x.shape[0]
    batch = x.shape[1]
    Wx, Wh, Wy = params["W_x"], params["W_h"], params["W_y"]
    gWx, gWh, gb = np.zeros(Wx.shape), np.zeros(Wh.shape), np.zeros(Wh.shape[0])
    gWy, gby = np.zeros(Wy.shape), np.zeros(Wy.shape[1])
    gx = []
    total = 0.0
    incoming = 0.0
    step = n_steps
    while step > 0:
        step -= 1
        err = np.array(probs[step])
        for row in range(batch):
            total = total - np.log(err[row, y[step, row]])
            err[row, y[step, row]] = err[row, y[step, row]] - 1.0
        err = err / (n_steps * batch)
        after, before = states[step + 1], states[step]
        gWy = gWy + np.dot(after.T, err)
        gby = gby + np.sum(err, axis=0)
        g = np.dot(err, Wy.T) + incoming
        g = g - g * np.square(after)
        gWh = gWh + np.dot(before.T, g)
        gWx = gWx + np.dot(x[step].T, g)
        gb = gb + np.sum(g, axis=0)
        gx.insert(0, np.dot(g, Wx.T))
        incoming = np.dot(g, Wh.T)
    grads = dict(W_x=gWx, W_h=gWh, b=gb, W_y=gWy, b_y=gby, x=np.stack(gx), h0=incoming)
    return total / (n_steps * batch), grads
"""
HELPER = """
def central_difference(function, array, index, eps=1e-5):
    kept = array[index]
    array[index] = kept + eps
    above = function()
    array[index] = kept - eps
    below = function()
    array[index] = kept
    return (above - below) / (2 * eps)
"""
OWN = {  # variables of OTHER, which a copy can rename
    "states", "probs", "n_steps", "batch", "Wx", "Wh", "Wy", "gWx", "gWh", "gb", "gWy", "gby", "gx", "total",
    "incoming", "step", "err", "row", "after", "before", "g", "grads",
}  # fmt: skip


@pytest.fixture(scope="module")
def master(master_path):
    return Master.load(master_path)


@pytest.fixture
def compared(tmp_path, master):
    """Hand in submissions (lists of code cells) by name and compare them."""

    def compare_all(names=None, **handed_in):
        paths = {}
        for name, cells in handed_in.items():
            paths[name] = tmp_path / f"{name}.ipynb"
            nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), paths[name])
        return similarity(paths, [master], names)

    return compare_all


def score(report):
    """The score of the only pair; 0 where none is listed."""
    assert len(report.names) == 2
    return report.pairs[0].score if report.pairs else 0.0


def renamed(source, names):
    """The same code with other names of variables; attributes and keywords of calls stay."""
    pieces = []
    found = list(tokenize.generate_tokens(io.StringIO(source).readline))
    for before, token, after in zip([found[0], *found], found, [*found[1:], found[-1]], strict=False):
        keyword = after.string == "=" and before.string in ("(", ",") and "(" in token.line.split("=")[1]
        free = token.type == tokenize.NAME and before.string != "." and not keyword
        pieces.append((token.type, names.get(token.string, token.string) if free else token.string))
    return tokenize.untokenize(pieces)


# ------------------------------------------------------------------ what a score means


@pytest.mark.parametrize("source", [ONE, OTHER])
def test_the_two_independent_solutions_are_right(master, source):
    answers = dict(master.answers)
    exec(source, answers)
    for name in ("05.1a", "05.1b", "05.1c"):
        one = exercise(name)
        assert not compare(master.values(name, answers["bptt"], 7), master.expected(name, 7), one.rtol, one.atol)


def test_independent_solutions_have_nearly_nothing_in_common(compared):
    report = compared(ana=[ONE], ben=[OTHER])
    assert report.pairs == ()
    assert report.median < 0.1


def test_a_copy_scores_1(compared):
    assert score(compared(ana=[OTHER], ben=[OTHER])) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(sorted(OWN)), st.text("abcxyz_", min_size=1, max_size=6))
def test_a_copy_with_all_variables_renamed_scores_1(compared, names, prefix):
    copy = renamed(OTHER, {old: f"{prefix}_{new}" for old, new in zip(sorted(OWN), names, strict=True)})
    assert not re.search(r"\b(states|incoming|gWx)\b", copy)
    assert score(compared(ana=[OTHER], ben=[copy])) == 1


def test_a_copy_in_another_dress_scores_1(compared):
    dressed = OTHER.replace("    gx = []\n", '    # my own idea\n    gx = [\n    ]\n\n    "a remark"\n')
    dressed = dressed.replace("0.0", "0.00").replace('"W_y"', "'W_y'").replace(" = ", "  =  ")
    assert score(compared(ana=[OTHER], ben=[dressed])) == 1


def test_the_order_of_cells_and_code_around_them_do_not_hide_a_copy(compared):
    ana = [OTHER, HELPER]
    assert score(compared(ana=ana, ben=[HELPER, "print(1)", OTHER])) == 1
    assert score(compared(ana=ana, ben=[ONE, HELPER, OTHER])) == 1


def test_the_score_is_the_same_in_both_directions(compared):
    mixed = OTHER[: len(OTHER) // 2] + ONE
    forth, back = compared(ana=[OTHER], ben=[mixed]), compared(ben=[mixed], ana=[OTHER])
    assert 0.3 < score(forth) < 0.9
    assert score(forth) == pytest.approx(score(back), abs=1e-12)


def test_what_was_given_out_changes_no_score(compared, master):
    given = [cell.source for cell in master.release.cells if cell.cell_type == "code"]
    mixed = OTHER[: len(OTHER) // 2] + ONE
    alone = score(compared(ana=[OTHER], ben=[mixed]))
    assert score(compared(ana=[*given, OTHER], ben=[mixed])) == alone
    assert score(compared(ana=[*given, OTHER], ben=[mixed, *given])) == alone


def test_untouched_exercises_have_nothing_in_common(compared, master):
    given = [cell.source for cell in master.release.cells if cell.cell_type == "code"]
    joined = ["\n".join(given)]
    assert score(compared(ana=given, ben=given)) == 0
    assert score(compared(ana=joined, ben=joined)) == 0


def test_the_reference_links_nobody_but_names_who_wrote_it_down(compared, master):
    solution = master.solution("bptt").source
    report = compared(ana=[solution], ben=[solution.replace("carried", "c")], kim=[OTHER])
    assert report.pairs == ()
    assert report.like_reference == (("ana", 1.0), ("ben", 1.0))


def test_what_the_whole_class_writes_counts_little(compared):
    class_of = {
        f"s{n}": [HELPER, f"numbers = [{', '.join('-+'[n >> k & 1] + '1' for k in range(60))}]"] for n in range(12)
    }
    assert compared(**class_of).pairs == ()
    rare = compared(**{name: cells[1:] for name, cells in class_of.items()} | {"x": [HELPER], "y": [HELPER]})
    assert ("x", "y", 1.0) in [(pair.first, pair.second, pair.score) for pair in rare.pairs]


def test_notebooks_of_one_student_are_not_compared(compared):
    report = compared({"ana": "Ana", "again": "Ana", "ben": "Ben"}, ana=[OTHER], again=[OTHER], ben=[OTHER])
    assert [(pair.first, pair.second) for pair in report.pairs] == [("ana", "ben"), ("again", "ben")]


def test_a_group_is_a_chain_of_links(compared):
    report = compared(ana=[OTHER], ben=[OTHER, HELPER], kim=[HELPER], zoe=[ONE])
    assert report.groups == (("ana", "ben", "kim"),)


def test_passages_stand_where_the_code_is(compared):
    report = compared(ana=["x = 1", "", HELPER], ben=["# a remark\n\n" + HELPER.replace("kept", "saved")])
    (passage,) = report.pairs[0].passages
    assert (passage.first.cell, passage.first.line) == (3, 2)
    assert (passage.second.cell, passage.second.line) == (1, 4)
    assert passage.first.text == HELPER.strip("\n")
    assert "saved" in passage.second.text


# ------------------------------------------------------------------ hostile and broken code


def test_syntax_errors_and_magics_do_not_hide_a_copy(compared):
    broken = "%matplotlib inline\n!ls\ndef (:\n'open\n" + OTHER
    assert score(compared(ana=[OTHER], ben=[broken])) > 0.95


@pytest.mark.parametrize("piece", ["'", "(", "x = y[z](w) + ", "f'{"])
def test_a_cell_of_a_megabyte_is_bounded_and_said(compared, piece):
    huge = piece * ((1 << 20) // len(piece))
    report = compared(ana=[huge], ben=[OTHER, huge])
    assert len(report.remarks) == 2
    assert "only the first 200,000 characters" in report.remarks[0]


def test_what_cannot_be_read_is_named(tmp_path, master):
    (tmp_path / "bad.ipynb").write_text("{")
    report = similarity({"a": tmp_path / "bad.ipynb", "b": tmp_path / "gone.ipynb"}, [master], {"a": "Ana\x1b[2J"})
    assert report.pairs == ()
    assert report.remarks[0].startswith("Ana [2J was not compared: the file is not JSON")
    assert report.remarks[1].startswith("b was not compared")


def test_an_empty_class_gives_an_empty_report(tmp_path, master):
    report = similarity({}, [master])
    assert (report.pairs, report.groups, report.compared) == ((), (), 0)
    assert len(write_similarity(tmp_path, report)) == 2


# ------------------------------------------------------------------ tokens and fingerprints


@given(st.text() | st.text("'\"\\#\n ()fb1.e+x"))
def test_any_text_has_tokens_in_their_order(text):
    found = tokens(text)
    assert len(found.codes) == len(found.starts) == len(found.ends)
    assert (found.starts < found.ends).all()
    assert (found.ends[:-1] <= found.starts[1:]).all()


def test_only_names_that_can_be_changed_are_alike():
    one = tokens("def f(a):\n    return np.tanh(a.T) + len(a)")
    assert np.array_equal(one.codes, tokens("def g(b):\n    return xp.tanh(b.T) + len(b)").codes)
    assert not np.array_equal(one.codes, tokens("def f(a):\n    return np.sinh(a.T) + len(a)").codes)
    assert not np.array_equal(one.codes, tokens("def f(a):\n    return np.tanh(a.T) + sum(a)").codes)


def test_docstrings_and_comments_are_no_tokens():
    assert np.array_equal(tokens('x = 1  # c\n"""doc\nstring"""\ny = 2').codes, tokens("x = 1\ny = 2").codes)
    assert len(tokens('f(\n"an argument"\n)').codes) == 4


codes = st.lists(st.integers(0, 9), max_size=40).map(lambda row: np.array(row, dtype=np.uint64))


@given(codes, codes, codes, codes, st.data())
def test_a_common_row_of_tokens_is_never_missed(a, b, c, d, data):
    length = K + WINDOW - 1
    row = data.draw(st.lists(st.integers(10, 99), min_size=length, max_size=length))
    common = np.array(row, dtype=np.uint64)
    first, second = (winnow(grams(np.concatenate([x, common, y])), NOTHING) for x, y in ((a, b), (c, d)))
    assert np.intersect1d(first, second).size


@given(codes)
def test_known_rows_of_tokens_are_never_chosen(row):
    every = grams(row)
    chosen = winnow(every, np.unique(every[::2]))
    assert not np.isin(chosen, every[::2]).any()
    assert winnow(every, np.unique(every)).size == 0


# ------------------------------------------------------------------ the report


@pytest.fixture
def report():
    passage = Passage(Place(1, 1, "a = '</pre><script>x</script>'"), Place(2, 3, "b = 1\u202e"), 20)
    pair = Pair("k1", "k2", 0.75, 12.0, (passage,))
    names = {"k1": "=cmd()", "k2": "<script>Ben</script>"}
    return Report(names, (pair,), (("k1", "k2"),), (("k2", 0.95),), 1, 0.75, 0.3, 0.5, ("<b>cut</b>",))


def test_the_page_escapes_everything_and_says_what_a_score_is(tmp_path, report):
    page = write_similarity(tmp_path, report)[0].read_text("utf-8")
    assert "a reason to look, not a proof" in page
    assert "<script" not in page
    assert "<b>cut" not in page
    assert "b = 1⟨U+202E⟩" in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert html.escape("a = '</pre><script>x</script>'") in page


def test_no_cell_of_the_table_is_a_formula(tmp_path, report):
    with write_similarity(tmp_path, report)[1].open(newline="", encoding="utf-8") as file:
        header, line = csv.reader(file)
    row = dict(zip(header, line, strict=True))
    assert row["first"] == "'=cmd()"
    assert (row["score"], row["group"], row["longest passage"]) == ("0.750", "1", "20")


def test_each_listed_pair_has_its_passages_side_by_side(tmp_path, compared):
    report = compared(ana=[OTHER], ben=[textwrap.indent(OTHER, "  ")])
    page = write_similarity(tmp_path / "new", report)[0].read_text("utf-8")
    assert page.count("<figure>") == 2
    assert 'href="#pair-1"' in page
    assert 'id="pair-1"' in page
