"""Drawings of computational graphs, folded and unfolded, and of trees: circles and arrows on matplotlib's axes.

What cannot be drawn is refused with a ``ValueError`` that says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnkit.view.figures import new_axes
from rnnkit.view.style import COLOURS, INK

if TYPE_CHECKING:
    from rnnkit.graph import Graph, Node
    from rnnkit.trees import Tree

KINDS = {"input": COLOURS[0], "state": COLOURS[1], "output": COLOURS[2], "loss": COLOURS[3], "parameter": COLOURS[4]}
"""The colour of each kind of node; the rest are grey."""

SIGNS = {"matmul": "@", "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "negative": "−", "sigmoid": "σ"}
"""How an operation is written where its name is too long for a circle."""

RADIUS = 11.0  # of a node, in points
UNIT = 0.6  # from one node to the next, in inches
LOOP = np.array([[0.22, 0.18], [1.1, 0.7], [1.1, -0.7], [0.22, -0.18]])  # control points, around the node


def draw_graph(graph: Graph, *, ax: Any = None) -> Any:
    """Draw a graph with time to the right and each step's computation going up.

    A quantity has one row in all steps: above all that leads to it within a step, or, where nothing does, below what
    it leads to. Parameters, which every step shares, lie below; what the steps lead to in the end stands at the right.
    In a folded graph an edge on which steps pass carries lecture S's black square, with their number if it is not 1.

    Parameters
    ----------
    graph
        What :func:`rnnkit.graph.trace` returns, or its ``unfolded(...)`` or ``folded()``.
    """
    nodes = {node.id: node for node in graph.nodes}
    missing = [edge for edge in graph.edges if not {edge.source, edge.target} <= set(nodes)]
    if not nodes or missing:
        raise ValueError(f"edges must join nodes of the graph, got {missing[0]}" if missing else "graph has no nodes")
    spots = spots_of(graph)
    places = np.array(list(spots.values()))
    shared = {name for name, node in nodes.items() if node.kind == "parameter"}  # many straight, faint lines
    ends = [(np.array(spots[edge.source]), np.array(spots[edge.target])) for edge in graph.edges]
    bends = [0.0 if e.source in shared else bend_of(*pq, places) for e, pq in zip(graph.edges, ends, strict=True)]
    drawn = np.concatenate([places, *(_curve(*pq, bend) for pq, bend in zip(ends, bends, strict=True))])
    low, high = drawn.min(axis=0) - 0.6, drawn.max(axis=0) + 0.6
    ax = new_axes(ax, figsize=tuple(UNIT * (high - low)))
    for edge, pq, bend in zip(graph.edges, ends, bends, strict=True):
        _arrow(ax, *pq, bend, edge.delay, alpha=0.4 if edge.source in shared else 1.0)
    for node in graph.nodes:
        _node(ax, spots[node.id], node)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.set_axis_off()
    return ax


def draw_tree(tree: Tree, values: Sequence[float] | Sequence[str] | None = None, *, ax: Any = None) -> Any:
    """Draw a tree, its root on top and its leaves side by side, each node in a colour.

    Parameters
    ----------
    tree
        Labels stand under leaves and beside other nodes.
    values
        For each node in the order of :meth:`rnnkit.trees.Tree.post_order`, a colour of matplotlib's, or a number: then
        blue for the most negative, white for 0, red for the most positive.
    """
    spots: list[tuple[float, float]] = []
    edges: list[tuple[tuple[float, float], tuple[float, float]]] = []
    leaves = 0

    def place(node: Tree, below: list[tuple[float, float]]) -> tuple[float, float]:
        nonlocal leaves
        leaves += not below
        spot = (np.mean([x for x, _ in below]), 1 + max(y for _, y in below)) if below else (leaves - 1.0, 0.0)
        spots.append((float(spot[0]), float(spot[1])))
        edges.extend((spots[-1], child) for child in below)
        return spots[-1]

    _, top = tree.fold(place)
    colours = _colours(values, len(spots))
    ax = new_axes(ax, figsize=(min(9.0, 1.2 + 0.5 * leaves), min(7.0, 1.2 + 0.5 * top)))
    for (x0, y0), (x1, y1) in edges:
        ax.plot([x0, x1], [y0, y1], color=INK, linewidth=1, zorder=1)
    x, y = zip(*spots, strict=True)
    ax.scatter(x, y, s=130, c=colours, edgecolors=INK, linewidths=1, zorder=2)
    for node, spot in zip(tree.post_order(), spots, strict=True):
        turned = leaves > 8 and not node.children
        shift, how = ((7, 4), {}) if node.children else ((0, -10), {"ha": "center", "va": "top"})
        ax.annotate(node.label, spot, shift, textcoords="offset points", rotation=90 if turned else 0, **how)
    ax.set(xlim=(-0.7, leaves - 0.3), ylim=(-0.9, top + 0.5))
    ax.set_axis_off()
    return ax


def spots_of(graph: Graph) -> dict[int, tuple[float, float]]:
    """Give each node its place: a column for each step, a row for each quantity."""
    rows, times = _rows(graph), {node.id: node.time for node in graph.nodes}
    folded = not any(time is not None for time in times.values())
    last = max((time for time in times.values() if time is not None), default=0)
    below = [node.id for node in graph.nodes if node.kind == "parameter" and not folded]
    columns: dict[int, dict[int, list[int]]] = {}
    for name, time in times.items():
        if name not in below:
            columns.setdefault(last + 1 if time is None else time, {}).setdefault(rows[name], []).append(name)
    spots, left = {}, 0.0
    for time in sorted(columns):
        for row, names in columns[time].items():
            spots.update({name: (left + lane, float(row)) for lane, name in enumerate(names)})
        left += max(map(len, columns[time].values())) + 0.2
    bottom = min((y for _, y in spots.values()), default=0.0) - 1.8
    gap = max(1.0, left / (len(below) + 1))
    spots.update({name: (gap * (i + 0.6), bottom) for i, name in enumerate(below)})
    return spots


def _rows(graph: Graph) -> dict[int, int]:
    """Return the row of each node: the longest way to it within a step, the same for a quantity in all steps."""
    keys = {node.id: (node.kind, node.label, node.place) for node in graph.nodes}
    times = {node.id: node.time for node in graph.nodes}
    parameters = {node.id for node in graph.nodes if node.kind == "parameter" and node.time is None}
    in_step = {  # and what all steps lead to in the end
        (keys[e.source], keys[e.target])
        for e in graph.edges
        if not e.delay and e.source not in parameters and times[e.target] in (times[e.source], None)
    }
    rows = dict.fromkeys(keys.values(), 0)
    for _ in rows:
        for source, target in in_step:
            rows[target] = max(rows[target], rows[source] + 1)
    led_to = {target for _, target in in_step}
    for key in set(rows) - led_to:  # what is given: right below what it leads to
        rows[key] = max(0, min((rows[t] - 1 for s, t in in_step if s == key), default=rows[key]))
    return {name: rows[key] for name, key in keys.items()}


def _node(ax: Any, spot: tuple[float, float], node: Node) -> None:
    name = SIGNS.get(node.label, node.label)
    if node.time is not None and node.kind != "operation":
        name += str(node.time).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
    style = {"markeredgecolor": KINDS.get(node.kind, INK), "markeredgewidth": 1.8, "markersize": 2 * RADIUS}
    ax.plot(*spot, "o", markerfacecolor="none", **style)
    ax.annotate(name, spot, ha="center", va="center", fontsize=(11, 9, 7)[min(2, max(0, len(name) - 2))])


def _arrow(ax: Any, p: np.ndarray, q: np.ndarray, bend: float, delay: int, *, alpha: float) -> None:
    """Draw an edge, with its black square."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "color": INK, "linewidth": 1.2, "alpha": alpha}
    if (p == q).all():
        ax.add_patch(FancyArrowPatch(path=Path(p + LOOP, [1, 4, 4, 4]), **style))
    else:
        gaps = {"shrinkA": RADIUS + 1, "shrinkB": RADIUS + 1, "connectionstyle": f"arc3,rad={bend}"}
        ax.annotate("", q, p, arrowprops={**style, **gaps})
    if delay:
        middle = _curve(p, q, bend)[10]
        ax.plot(*middle, "s", color="black", markeredgecolor=INK, markersize=9, zorder=3)
        ax.annotate("" if delay == 1 else str(delay), middle, (8, 0), textcoords="offset points", va="center")


def _curve(p: np.ndarray, q: np.ndarray, bend: float) -> np.ndarray:
    """Return 21 points of the curve that matplotlib's ``arc3`` draws, or of the loop from a node to itself."""
    t = np.linspace(0, 1, 21)[:, None]
    if (p == q).all():
        return np.asarray(p + (np.array([1, 3, 3, 1]) * t ** [0, 1, 2, 3] * (1 - t) ** [3, 2, 1, 0]) @ LOOP)
    control = (p + q) / 2 + bend * np.array([q[1] - p[1], p[0] - q[0]])
    return np.asarray((1 - t) ** 2 * p + 2 * t * (1 - t) * control + t**2 * q)


def bend_of(p: np.ndarray, q: np.ndarray, others: np.ndarray) -> float:
    """Return the smallest bend, 0 if that will do, with which the edge keeps clear of the other nodes."""
    others = others[(others != p).any(axis=1) & (others != q).any(axis=1)]
    room = {0.0: np.inf}
    for bend in (0.0, -0.12, 0.12, -0.25, 0.25, -0.4, 0.4) if len(others) else ():
        room[bend] = float(np.linalg.norm(_curve(p, q, bend)[:, None] - others, axis=2).min())
        if room[bend] > 0.33:
            return bend
    return max(room, key=lambda bend: room[bend])


def _colours(values: Sequence[float] | Sequence[str] | None, size: int) -> Any:
    if values is None:
        return [COLOURS[0]] * size
    if len(values) != size:
        raise ValueError(f"values must have one entry for each of the {size} nodes, got {len(values)}")
    if isinstance(values[0], str):
        return list(values)
    import matplotlib as mpl

    numbers = np.asarray(values, np.float64)
    top = np.abs(numbers).max() or 1.0
    return mpl.colormaps["RdBu_r"](0.5 + 0.5 * numbers / top)
