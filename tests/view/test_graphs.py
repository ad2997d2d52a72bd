"""Graphs and trees drawn: who stands where, and what is joined."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.cells import Readout, VanillaRNN
from rnnkit.graph import Edge, Graph, Node, trace
from rnnkit.trees import Tree
from rnnkit.view import draw_graph, draw_tree
from rnnkit.view.style import COLOURS

mpl = pytest.importorskip("matplotlib")
mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close():
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(0)
    return trace(VanillaRNN.create(1, 1, rng), 3, readout=Readout.create(1, 1, rng), loss=lambda o, y: (o - y) ** 2)


def places(ax):
    return {text.get_text(): text.xy for text in ax.texts if text.get_text()}


def squares(ax):
    return [line.get_xydata()[0] for line in ax.lines if line.get_marker() == "s"]


def test_time_runs_to_the_right_and_a_step_upwards(graph):
    at = places(draw_graph(graph.unfolded()))
    assert set(at) == {"h₀", "total", *(f"{c}{t}" for c in "xhoyL" for t in "₁₂₃")}
    assert at["h₀"][0] < at["h₁"][0] < at["h₂"][0] < at["h₃"][0] < at["total"][0]
    for t in "₁₂₃":
        column = [at[f"{c}{t}"] for c in "xhoL"]
        assert [y for _, y in column] == [0, 1, 2, 3]
        assert len({x for x, _ in column}) == 1
        assert at[f"y{t}"] == (column[0][0] + 1, 2)
    assert len({at[f"h{t}"][1] for t in "₀₁₂₃"}) == 1


def test_no_two_nodes_stand_in_one_place(graph):
    for level in ("states", "operations"):
        spots = [line.get_xydata()[0] for line in draw_graph(graph.unfolded(level, parameters=True)).lines]
        apart = np.linalg.norm(np.array(spots)[:, None] - spots, axis=2) + 9 * np.eye(len(spots))
        assert apart.min() > 0.9


def test_every_edge_is_drawn_once(graph):
    unfolded = graph.unfolded()
    arrows = [text for text in draw_graph(unfolded).texts if text.arrow_patch is not None]
    assert len(arrows) == len(unfolded.edges) == 3 * 5 + 3


def test_edges_keep_clear_of_the_nodes_between_their_ends(graph):
    from rnnkit.view.graphs import _curve, bend_of

    spots = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 5.0]])
    bend = bend_of(spots[0], spots[2], spots)
    assert bend != 0
    assert np.linalg.norm(_curve(spots[0], spots[2], bend) - spots[1], axis=1).min() > 0.1
    assert bend_of(spots[0], spots[1], spots) == 0


def test_the_folded_graph_has_one_black_square_on_the_way_from_h_to_h(graph):
    ax = draw_graph(graph.unfolded().folded())
    at = places(ax)
    assert set(at) == {"x", "h", "o", "y", "L", "total"}
    (square,) = squares(ax)
    assert square[0] > at["h"][0]
    assert square[1] == pytest.approx(at["h"][1])
    assert squares(draw_graph(graph.unfolded())) == []


def test_a_delay_of_several_steps_says_how_many():
    nodes = (Node(0, "state", "h", None), Node(1, "output", "o", None))
    ax = draw_graph(Graph(nodes, (Edge(0, 1), Edge(1, 0, 3))))
    assert "3" in places(ax)
    assert len(squares(ax)) == 1


def test_kinds_have_their_colours_and_operations_their_signs(graph):
    ax = draw_graph(graph.unfolded("operations"))
    assert {"@", "+"} <= set(places(ax))
    colours = {line.get_markeredgecolor() for line in ax.lines}
    assert set(COLOURS[:4]) <= colours


def test_edges_that_lead_nowhere_are_refused():
    with pytest.raises(ValueError, match=r"edges must join nodes of the graph, got Edge\(source=0, target=7"):
        draw_graph(Graph((Node(0, "state", "h", 0),), (Edge(0, 7),)))
    with pytest.raises(ValueError, match="graph has no nodes"):
        draw_graph(Graph((), ()))


def test_a_tree_has_its_words_side_by_side_and_its_root_on_top():
    tree = Tree("S", (Tree("the"), Tree("NP", (Tree("big"), Tree("cat")))))
    at = places(draw_tree(tree))
    assert [at[word] for word in ("the", "big", "cat")] == [(0, 0), (1, 0), (2, 0)]
    assert at["NP"] == (1.5, 1)
    assert at["S"] == (0.75, 2)


def test_a_node_has_the_colour_of_its_value_and_zero_is_white():
    tree = Tree.chain(["not", "good"])
    dots = draw_tree(tree, [0.0, 1.0, -1.0]).collections[0].get_facecolors()
    assert dots[0][:3].min() > 0.95
    assert dots[1][0] > 0.4 > dots[1][2]  # red
    assert dots[2][2] > 0.35 > dots[2][0]  # blue
    named = draw_tree(tree, ["red", "lime", "blue"]).collections[0].get_facecolors()
    np.testing.assert_array_equal(named[:, :3], np.eye(3))


def test_a_value_for_each_node():
    with pytest.raises(ValueError, match="values must have one entry for each of the 3 nodes, got 2"):
        draw_tree(Tree.chain(["a", "b"]), [1.0, 2.0])
