"""The reference answers of notebook 02 are right by other means than their own checks."""

from __future__ import annotations

import itertools
import re
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.cells import Readout, VanillaRNN
from rnnkit.check.ex02_drawings import ARROWS, NODES, deep, draw_folded, draw_unfolded, pictured, stack
from rnnkit.check.ex02_unfolding import _KINDS, _draw_f
from rnnkit.grade.master import Master
from rnnkit.gradients import central_difference, compare
from rnnkit.graph import trace
from rnnkit.layers import StackedCell
from rnnkit.unroll import bptt_copies, unroll, unroll_copies

ROOT = Path(__file__).parents[2]
RTOL = 1e-6


@pytest.fixture(scope="module")
def master():
    return Master.load(ROOT / "solutions/02-unfolding.ipynb")


@pytest.fixture
def answers(master):
    return master.answers


def run_cell(master, name):
    """Run a cell that earns no points, after all those that do."""
    here = {"rng": np.random.default_rng(0), **master.answers}
    exec(next(cell for cell in master.notebook.cells if cell.id == name).source, here)


# ------------------------------------------------------------------ 02.1


def walked(edges, start, end):
    """Lengths of all paths, each of them walked."""
    if start == end:
        return [0]
    return [1 + rest for source, target in edges if source == start for rest in walked(edges, target, end)]


@pytest.mark.parametrize("seed", range(5))
def test_paths_agrees_with_walking_each_of_them(answers, seed):
    for graph, pairs in draw_unfolded(np.random.default_rng(seed)):
        for start, end in pairs:
            lengths = walked(graph.edges, start, end)
            expected = (max(lengths), min(lengths), len(lengths)) if lengths else (None, None, 0)
            assert answers["paths"](graph.nodes, graph.edges, start, end) == expected


@pytest.mark.parametrize(("L", "T"), [(1, 1), (1, 6), (2, 3), (3, 10), (10, 50)])
def test_paths_through_a_stack_and_a_deep_transition_are_what_the_formulas_say(answers, L, T):
    ends = "x_1", f"h{L}_{T}"
    assert answers["paths"](*answers["stack"](L, T), *ends) == (L + T - 1, L + T - 1, comb(L + T - 2, L - 1))
    assert answers["paths"](*answers["deep"](L, T), *ends) == (L * T, L * T, 1)


@pytest.mark.parametrize("make", [stack, deep])
def test_the_notebooks_graphs_are_those_of_the_checks(answers, make):
    for L, T in itertools.product(range(1, 4), range(1, 5)):
        nodes, edges = answers[make.__name__](L, T)
        assert (nodes, sorted(edges)) == (make(L, T).nodes, sorted(make(L, T).edges))


def test_paths_agrees_with_the_library_on_a_traced_stack(answers):
    cell = StackedCell([VanillaRNN.create(2, 2, np.random.default_rng(n)) for n in range(3)])
    graph = trace(cell, 4).unfolded()
    names = {node.id: node.name for node in graph.nodes}
    edges = [(names[edge.source], names[edge.target]) for edge in graph.edges]
    longest, shortest = (find("x_2", "h3_4").length for find in (graph.longest_path, graph.shortest_path))
    expected = longest, shortest, graph.count_paths("x_2", "h3_4")
    assert answers["paths"](list(names.values()), edges, "x_2", "h3_4") == expected


def test_an_edge_past_the_layers_makes_the_shortest_path_short_and_leaves_the_longest(answers):
    nodes, edges = answers["deep"](3, 10)
    edges = edges + [(f"h3_{t - 1}", f"h3_{t}") for t in range(2, 11)]
    assert answers["paths"](nodes, edges, "x_1", "h3_10")[:2] == (30, 12)


def test_the_traced_network_and_the_gift_have_the_same_paths(master, capsys):
    run_cell(master, "traced-02")
    assert capsys.readouterr().out == "traced: (12, 12, 55)\nstack:  (12, 12, 55)\n"


# ------------------------------------------------------------------ 02.2


def problem(seed, kind, T=5):
    rng = np.random.default_rng(seed)
    f, f_backward, shape = _KINDS[kind](rng)
    thetas = [rng.standard_normal(shape) for _ in range(T)]
    return f, f_backward, thetas, rng.standard_normal((T, 2)), rng.standard_normal(4), rng.standard_normal(4)


def loss(f, thetas, x, h, v):
    for theta, x_t in zip(thetas, x, strict=True):
        h = f(h, x_t, theta)
    return h @ v


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_each_copys_gradient_agrees_with_central_differences(answers, kind, seed):
    f, f_backward, thetas, *rest = problem(seed, kind)
    copies, shared = answers["gradients_of_copies"](f, f_backward, thetas, *rest)
    expected = {str(t): central_difference(lambda: loss(f, thetas, *rest), theta) for t, theta in enumerate(thetas)}
    compare({str(t): copy for t, copy in enumerate(copies)}, expected, rtol=RTOL)
    compare({"shared": shared}, {"shared": sum(expected.values())}, rtol=RTOL)


@pytest.mark.parametrize("kind", _KINDS)
def test_the_shared_gradient_is_that_of_one_weight_in_all_places(answers, kind):
    f, f_backward, (theta, *_), *rest = problem(3, kind)
    _, shared = answers["gradients_of_copies"](f, f_backward, [theta] * 5, *rest)
    expected = central_difference(lambda: loss(f, [theta] * 5, *rest), theta)
    compare({"shared": shared}, {"shared": expected}, rtol=RTOL)


def test_copies_agree_with_autograd(answers):
    _, _, thetas, x, h0, v = problem(0, "f a tanh")
    leaves = [torch.tensor(theta, requires_grad=True) for theta in thetas]
    h = torch.tensor(h0)
    for leaf, x_t in zip(leaves, torch.tensor(x), strict=True):
        h = torch.tanh(torch.cat([h, x_t]) @ leaf)
    (h @ torch.tensor(v)).backward()
    copies, _ = answers["gradients_of_copies"](answers["f"], answers["f_backward"], thetas, x, h0, v)
    compare({str(t): a for t, a in enumerate(copies)}, {str(t): a.grad for t, a in enumerate(leaves)}, rtol=RTOL)


def test_copies_agree_with_the_library(answers):
    _, _, thetas, x, h0, v = problem(1, "f a tanh")
    cells = [VanillaRNN(theta[4:], theta[:4], np.zeros(4)) for theta in thetas]
    dh = np.zeros((5, 1, 4))
    dh[-1] = v
    by_copy = bptt_copies(cells, x[:, None], unroll_copies(cells, x[:, None], h0[None]), dh).copies
    expected = {str(t): np.concatenate([copy["W_h"], copy["W_x"]]) for t, copy in enumerate(by_copy)}
    copies, _ = answers["gradients_of_copies"](answers["f"], answers["f_backward"], thetas, x, h0, v)
    compare({str(t): copy for t, copy in enumerate(copies)}, expected, rtol=RTOL)


def test_the_slopes_by_difference_are_those_of_the_answer(master, capsys):
    run_cell(master, "slopes-02")
    pairs = re.findall(r"yours (\S+) +by difference (\S+)", capsys.readouterr().out)
    assert len(pairs) == 6
    assert all(abs(float(yours) - float(slope)) < 2e-6 for yours, slope in pairs)


# ------------------------------------------------------------------ 02.3


@pytest.mark.parametrize("T", [1, 6])
def test_unfold_agrees_with_the_library_on_padded_sequences(answers, T):
    rng = np.random.default_rng(T)
    f, theta = _draw_f(rng, "f a tanh")
    x, h0, mask = rng.normal(size=(T, 4, 3)), rng.normal(size=(4, 5)), np.arange(T)[:, None] < [0, 1, T, 3]
    cell = VanillaRNN(theta["W_x"], theta["W_h"], np.zeros(5))
    states, last = answers["unfold"](f, theta, x, h0, mask)
    expected = unroll(cell, x, h0, mask)
    compare({"states": states, "last": last}, {"states": expected, "last": expected[-1]}, rtol=RTOL)


def test_no_step_leaves_the_initial_state(answers):
    h0 = np.ones((4, 5))
    states, last = answers["unfold"](None, None, np.empty((0, 4, 3)), h0, np.ones((0, 4), bool))
    assert (states.shape, np.array_equal(last, h0)) == ((1, 4, 5), True)


@pytest.mark.parametrize("kind", _KINDS)
def test_a_sequence_in_a_batch_ends_where_it_ends_alone(answers, kind):
    rng = np.random.default_rng(2)
    f, theta = _draw_f(rng, kind)
    x, h0, mask = rng.normal(size=(6, 4, 3)), rng.normal(size=(4, 5)), np.arange(6)[:, None] < [4, 0, 6, 2]
    alone = [
        answers["unfold"](f, theta, x[:n, [b]], h0[[b]], np.ones((n, 1), bool))[1][0] for b, n in enumerate(mask.sum(0))
    ]
    x[~mask] = np.nan
    compare({"last": answers["unfold"](f, theta, x, h0, mask)[1]}, {"last": np.array(alone)}, rtol=1e-12)


def test_the_composition_written_out_is_what_unfold_gives(master, capsys):
    run_cell(master, "lengths-02")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("last")[1].split() == lines[2].split("written out")[1].split()


# ------------------------------------------------------------------ 02.4


def test_the_pictured_drawing_is_these_equations(answers):
    rng = np.random.default_rng(4)
    drawing, x = pictured(rng), rng.normal(size=(9, 3))
    xa, aa, ba, ab, xb, bo, xo = (arrow[3] for arrow in drawing.arrows)
    a, b, o = np.zeros((11, 4)), np.zeros((11, 5)), np.zeros((9, 2))
    padded = np.concatenate([np.zeros((2, 3)), x])
    for t in range(2, 11):  # two steps of zeros stand before the first
        a[t] = np.tanh(padded[t] @ xa + a[t - 1] @ aa + b[t - 2] @ ba)
        b[t] = np.tanh(a[t] @ ab + padded[t - 2] @ xb)
        o[t - 2] = np.tanh(b[t] @ bo + padded[t] @ xo)
    compare({"o": answers["run_drawing"](drawing.nodes, drawing.arrows, x)}, {"o": o}, rtol=RTOL)


def test_a_vanilla_network_is_a_drawing_with_one_square(answers):
    rng = np.random.default_rng(5)
    cell, readout = VanillaRNN.create(3, 4, rng), Readout.create(4, 2, rng)
    x = rng.normal(size=(7, 3))
    arrows = [("x", "h", 0, cell.W_x), ("h", "h", 1, cell.W_h), ("h", "o", 0, readout.W_y)]
    expected = np.tanh(readout.forward(unroll(cell, x[:, None])[1:, 0]))
    compare({"o": answers["run_drawing"]({"x": 3, "h": 4, "o": 2}, arrows, x)}, {"o": expected}, rtol=RTOL)


@pytest.mark.parametrize("seed", range(10))
def test_a_drawn_drawing_can_be_computed_and_has_a_square_on_every_circle(seed):
    drawing = draw_folded(np.random.default_rng(seed))
    names = list(drawing.nodes)
    assert len(set(drawing.nodes.values())) == len(names)
    assert (names[0], names[-1]) == ("x", "o")
    for source, target, delay, W in drawing.arrows:
        assert W.shape == (drawing.nodes[source], drawing.nodes[target])
        assert target != "x"
        assert delay in (0, 1, 2)
        assert delay or names.index(source) < names.index(target)
    assert {1, 2} <= {delay for _, _, delay, _ in drawing.arrows}


def test_the_picture_the_table_and_the_checks_show_one_drawing(master):
    assert (master.answers["NODES"], tuple(master.answers["ARROWS"])) == (NODES, ARROWS)
    source = next(cell.source for cell in master.notebook.cells if cell.id == "drawing-02")
    table = [line.strip("|").split("|")[1:] for line in source.splitlines() if line.startswith("|")]
    shown = [(*way.strip().split(" → "), int(delay)) for way, delay in zip(table[0], table[2], strict=True)]
    assert tuple(shown) == ARROWS
    picture = source.partition("|")[0]
    assert (picture.count("■"), sum(picture.count(tip) for tip in "▶▼▲")) == (5, len(ARROWS))


def test_without_its_loop_the_pulse_leaves_silent_steps(master, capsys):
    run_cell(master, "pulse-02")
    lines = [line.partition(": ")[2].split() for line in capsys.readouterr().out.splitlines()[1::2]]
    silent = [[t for t, size in enumerate(line) if size == "0.000"] for line in lines]
    assert silent == [[], [1, 3, 5], []]


def test_an_arrow_without_a_square_that_leads_back_reads_zeros(answers):
    rng = np.random.default_rng(6)
    drawing, x = pictured(rng), rng.normal(size=(4, 3))
    circle = [*drawing.arrows, ("o", "a", 0, rng.normal(size=(2, 4)))]
    plain, asked = (answers["run_drawing"](drawing.nodes, arrows, x) for arrows in (drawing.arrows, circle))
    assert np.array_equal(plain, asked)
