"""Curves, planes and graphs that move: what travels to the page, what stands in the table, what is refused."""

import doctest

import numpy as np
import pytest

from rnnkit.cells import VanillaRNN
from rnnkit.graph import trace
from rnnkit.view.moving import Curve, Curves, Panel, Plane, Slider, UnfoldedGraph, curves, unfolded

GAMMA = np.array([0.5, 0.9, 1.0])
LAG = np.arange(4.0)
KERNEL = GAMMA[:, None] ** LAG
WORDS = {"title": "A title", "alt": "What is seen."}


def figure(*extra, notes=None, **panel):
    panels = Panel([Curve("kernel", KERNEL), *extra], **panel)
    return Curves(panels, Slider("γ", GAMMA), notes=notes, **WORDS)


def traced(steps=3):
    return trace(VanillaRNN.create(2, 3, np.random.default_rng(0)), steps)


@pytest.mark.parametrize("module", [curves, unfolded])
def test_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_every_position_travels_with_four_digits():
    panel = figure().data()["panels"][0]["curves"][0]
    assert panel["y"] == [[float(f"{v:.4g}") for v in row] for row in KERNEL]
    assert panel["x"] == [0, 1, 2, 3]
    assert not panel["fixed"]


def test_a_reference_travels_once_and_stands_in_the_table_once():
    found = figure(Curve("half", np.full(4, 0.5)))
    assert found.data()["panels"][0]["curves"][1]["y"] == [0.5] * 4
    assert [row for row in found.rows()[1] if row[1] == "half"] == [["any", "half", str(i), "0.5"] for i in range(4)]


def test_the_table_has_every_point_of_every_position():
    header, rows = figure(x_label="lag", y_label="weight").rows()
    assert header == ["γ", "curve", "lag", "weight"]
    expected = [[f"{g:g}", "kernel", f"{k:g}", f"{g**k:.4g}"] for g in GAMMA for k in LAG]
    assert rows == expected


def test_two_sliders_are_counted_row_by_row():
    values = np.arange(6.0).reshape(2, 3, 1)
    found = Curves(Panel([Curve("v", values)]), Slider("a", [1, 2]), second=Slider("b", [1, 2, 3]), **WORDS)
    assert found.data()["panels"][0]["curves"][0]["y"] == [[0], [1], [2], [3], [4], [5]]
    assert found.rows()[1][4] == ["2", "2", "v", "0", "4"]
    assert found.moves() == {"index": (0, 1, 0), "index2": (0, 2, 0)}


def test_nan_is_a_gap():
    found = figure(Curve("gap", [1, np.nan, 1, 1]))
    assert found.data()["panels"][0]["curves"][1]["y"] == [1, None, 1, 1]
    assert found.rows()[1][1] == ["any", "gap", "1", "–"]


def test_axes_hold_every_position():
    panel = figure().data()["panels"][0]
    assert (panel["x"]["low"], panel["x"]["high"]) == (0, 3)
    assert panel["y"]["low"] < KERNEL.min() < KERNEL.max() < panel["y"]["high"]


def test_a_logarithmic_axis_ends_at_powers_of_ten_and_leaves_zeros_out():
    panel = Curves(Panel([Curve("v", [0.0, 0.003, 20])], log=True), **WORDS).data()["panels"][0]
    assert (panel["y"]["low"], panel["y"]["high"]) == (0.001, 100)


def test_the_unit_disc_fits_in_the_plane():
    plane = Plane([Curve("pole", [0.1], x=[0.2], mark="points")], disc=True, **WORDS).data()["panels"][0]
    assert plane["equal"]
    assert max(plane["x"]["low"], plane["y"]["low"]) < -1 < 1 < min(plane["x"]["high"], plane["y"]["high"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: figure(Curve("bad", np.ones((2, 4)))), r"panel 1, curve 'bad': y must have shape \(N,\) or \(3, N\)"),
        (lambda: figure(Curve("bad", np.ones(4), x=LAG[:3])), "curve 'bad': x has 3 numbers, y has 4"),
        (lambda: figure(Curve("bad", np.full(4, np.inf))), "curve 'bad': y must be finite, or NaN"),
        (lambda: figure(Curve("bad", ["a"])), "curve 'bad': y must be an array of numbers"),
        (lambda: figure(Curve("bad", np.ones(4), mark="dot")), "mark must be one of line, stem, points, path"),
        (lambda: figure(Curve("bad", -np.ones(4)), log=True), "shows no negative numbers, got -1"),
        (lambda: figure(y_limits=(1, 1)), r"panel 1: y_limits must be \(low, high\)"),
        (lambda: figure(log=True, y_limits=(0, 1)), "finite and positive"),
        (lambda: figure(*[Curve("c", LAG)] * 5), "panel 1 must have one to five curves, got 6"),
        (lambda: figure(notes=["one"]), r"notes must have one sentence for each position, shape \(3,\)"),
        (lambda: figure(Curve("long", np.ones(7000))), "the figure holds 7012 points, more than 6000"),
        (lambda: Curves([], **WORDS), "panels is empty"),
        (lambda: Curves(Panel([Curve("c", [np.nan])]), **WORDS), "panel 1: y has no number to draw"),
        (lambda: Curves(Panel([Curve("c", [1])]), second=Slider("b", [1, 2]), **WORDS), "second needs a first slider"),
        (lambda: Plane([Curve("c", [1])], **WORDS), "curve 'c' in the plane must have its own x"),
        (lambda: Slider("γ", [1]), "slider 'γ' must have at least two values"),
        (lambda: Slider("γ", [1, 2], start=2), "start must be an index of its 2 values, got 2"),
        (lambda: Slider(" ", [1, 2]), "name must be a text that is not empty"),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_sit_where_the_trace_uses_them():
    graph = traced()
    found = UnfoldedGraph(graph, **WORDS)
    names = {node.id: node.name for node in graph.nodes}
    places = {
        weight: ({(names[a], names[b]) for a, b in edges}, {names[n] for n in nodes})
        for weight, (edges, nodes) in found.weights.items()
    }
    assert places["W_x"] == ({(f"x_{t}", f"h_{t}") for t in (1, 2, 3)}, set())
    assert places["W_h"] == ({(f"h_{t - 1}", f"h_{t}") for t in (1, 2, 3)}, set())
    assert places["b"] == (set(), {"h_1", "h_2", "h_3"})


def test_paths_of_every_length_are_those_of_the_graph():
    graph = traced(4)
    found = UnfoldedGraph(graph, path=("x_1", "h"), counting={"tanh"}, **WORDS)
    assert [path["longest"] for path in found.paths] == [1, 2, 3, 4]
    assert [row[3:] for row in found.rows()[1]] == [[str(t), str(t), "1"] for t in (1, 2, 3, 4)]


def test_a_path_that_begins_later_is_not_there_before():
    found = UnfoldedGraph(traced(), path=("x_2", "h"), **WORDS)
    assert found.paths[0] is None
    assert found.rows()[1][0][3:] == ["–", "–", "–"]


def test_each_step_of_the_table_adds_its_nodes_and_edges():
    assert UnfoldedGraph(traced(), **WORDS).rows()[1] == [["1", "3", "2"], ["2", "5", "4"], ["3", "7", "6"]]


def test_every_node_folds_onto_one_of_the_folded_graph():
    data = UnfoldedGraph(traced(), **WORDS).data()
    names = {node["id"]: node["name"] for node in data["folded"]["nodes"]}
    assert {names[data["folds"][node["id"]]] for node in data["unfolded"]["nodes"]} == {"x", "h"}


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (lambda: traced().folded(), "graph has no steps"),
        (lambda: traced().unfolded(), "graph has no operations"),
        (lambda: traced(17), "graph has 17 steps, but the figure shows at most 16"),
    ],
)
def test_a_graph_that_cannot_unfold_is_refused(graph, message):
    with pytest.raises(ValueError, match=message):
        UnfoldedGraph(graph(), **WORDS)


def test_an_end_that_is_not_in_the_graph_is_named():
    with pytest.raises(ValueError, match="got 'z_1'"):
        UnfoldedGraph(traced(), path=("z_1", "h"), **WORDS)
