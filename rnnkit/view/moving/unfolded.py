"""A traced graph that unfolds: from the folded drawing to T steps, with shared weights and paths marked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from rnnkit.graph import Edge, Graph, Node, Path
from rnnkit.view.graphs import bend_of, spots_of
from rnnkit.view.moving.figure import MovingFigure

MAX_STEPS = 16
"""Beyond so many steps, nodes are smaller than an eye can read."""

COUNTS = ("longest", "shortest", "count")


class UnfoldedGraph(MovingFigure):
    """A computational graph, folded (position 0) and unfolded over 1 … T steps.

    Buttons mark the copies that share one weight, and the longest and the shortest path from a node to the same
    quantity at the last step. Everything is read off the trace: which edge a weight sits on, and what a path is.

    Parameters
    ----------
    graph
        What :func:`rnnkit.graph.trace` returns for T steps, with its operations.
    path
        The name of the node where paths begin, such as ``"x_1"``, and the label of that where they end, such as ``"h"``
        (at step t when t steps are shown) or ``"total"``. Without it no paths are shown.
    counting
        As in :meth:`rnnkit.graph.Graph.longest_path`: the operations that count. Without it, edges of the drawing do.
    title, alt
        The figure's name, and what it shows in words.

    Raises
    ------
    ValueError
        When the graph is folded, without operations or too long, or the path's ends are not in it.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnkit.cells import VanillaRNN
    >>> from rnnkit.graph import trace
    >>> cell = VanillaRNN.create(2, 3, np.random.default_rng(0))
    >>> figure = UnfoldedGraph(
    ...     trace(cell, 4),
    ...     path=("x_1", "h"),
    ...     title="One cell, four steps",
    ...     alt="A loop unfolds into a chain: every step adds one more copy of the same cell.",
    ... )
    >>> figure
    UnfoldedGraph('One cell, four steps', T=4, 6 marks)
    >>> figure.rows()[1][-1]
    ['4', '9', '8', '4', '4', '1']
    """

    kind = "unfolded"

    def __init__(
        self,
        graph: Graph,
        *,
        path: tuple[str, str] | None = None,
        counting: Collection[str] | None = None,
        title: str,
        alt: str,
    ) -> None:
        super().__init__(title, alt)
        self.graph = graph
        self.T = max((node.time for node in graph.nodes if node.time is not None), default=0)
        if not self.T:
            raise ValueError("graph has no steps: give what trace(cell, T) returns, not its folded() form")
        if self.T > MAX_STEPS:
            raise ValueError(f"graph has {self.T} steps, but the figure shows at most {MAX_STEPS}: trace fewer")
        if not any(node.kind == "operation" for node in graph.nodes):
            raise ValueError("graph has no operations: give what trace(cell, T) returns, not its unfolded() form")
        self.shown = graph.unfolded()
        self.weights = _uses(graph, self.shown)
        self.paths = [] if path is None else [self._paths(*path, counting, t) for t in range(1, self.T + 1)]
        self.path = path

    def __repr__(self) -> str:
        return f"UnfoldedGraph({self.title!r}, T={self.T}, {len(self.marks())} marks)"

    def marks(self) -> list[str]:
        """Return what the buttons say."""
        return ["nothing", *self.weights, *(["longest path", "shortest path"] if self.path else [])]

    def moves(self) -> dict[str, tuple[int, int, int]]:
        """Return the steps shown (0: folded), and the number of the button pressed."""
        return {"step": (0, self.T, self.T), "mark": (0, len(self.marks()) - 1, 0)}

    def data(self) -> dict[str, Any]:
        """Return both drawings with their places, and what each button marks in them."""
        folded = self.shown.folded()
        of = {_key(node): node.id for node in folded.nodes}
        return {
            "T": self.T,
            "marks": self.marks(),
            "folded": _drawn(folded),
            "unfolded": _drawn(self.shown),
            "folds": {node.id: of[_key(node)] for node in self.shown.nodes},
            "weights": [{"edges": sorted(edges), "nodes": sorted(nodes)} for edges, nodes in self.weights.values()],
            "ends": self.path,
            "paths": self.paths,
        }

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return, for every number of steps, how many nodes and edges there are, and what is known of paths."""
        header = ["steps", "nodes", "edges"]
        if self.path:
            a, b = self.path
            header += [f"longest path {a} to {b}", "shortest", "number of paths"]
        body = []
        for t in range(1, self.T + 1):
            seen = {node.id for node in self.shown.nodes if node.time is None or node.time <= t}
            edges = sum({edge.source, edge.target} <= seen for edge in self.shown.edges)
            found = self.paths[t - 1] if self.path else None
            counts = [str(found[k]) if found else "–" for k in COUNTS] if self.path else []
            body.append([str(t), str(len(seen)), str(edges), *counts])
        return header, body

    def _paths(self, start: str, end: str, counting: Collection[str] | None, t: int) -> dict[str, Any] | None:
        """Return the longest and the shortest path when ``t`` steps are there, as nodes that are shown."""
        if (self.shown.node(start).time or 0) > t:
            return None
        timed = any(node.label == end and node.time is not None for node in self.shown.nodes)
        graph, shown = _first(self.graph, t), _first(self.shown, t)
        name = f"{end}_{t}" if timed else end
        asked = shown if counting is None else graph
        longest = asked.longest_path(start, name, counting)
        shortest = asked.shortest_path(start, name, counting)
        kept = {node.id for node in shown.nodes}
        return {
            "longest": longest.length,
            "shortest": shortest.length,
            "count": shown.count_paths(start, name),
            "nodes": [_ids(longest, kept), _ids(shortest, kept)],
        }


def _ids(path: Path, kept: set[int]) -> list[int]:
    return [node.id for node in path.nodes if node.id in kept]


def _first(graph: Graph, t: int) -> Graph:
    """Return the part of the graph that ``t`` steps need."""
    nodes = tuple(node for node in graph.nodes if node.time is None or node.time <= t)
    known = {node.id for node in nodes}
    return Graph(nodes, tuple(edge for edge in graph.edges if {edge.source, edge.target} <= known))


def _uses(graph: Graph, shown: Graph) -> dict[str, tuple[set[tuple[int, int]], set[int]]]:
    """Find where each parameter is used: the edges it sits on, or, where it meets no quantity, the nodes it enters.

    An operation that takes a parameter and a quantity with a letter (``x_t @ W_x``) puts the parameter on the edges
    from that quantity to what the result leads to. One that takes it with an intermediate result (``… + b``) puts it
    into the node.
    """
    kept = {node.id for node in shown.nodes}
    parents: dict[int, set[int]] = {node.id: set() for node in graph.nodes}
    children: dict[int, set[int]] = {node.id: set() for node in graph.nodes}
    for edge in graph.edges:
        parents[edge.target].add(edge.source)
        children[edge.source].add(edge.target)
    reached: dict[int, set[int]] = {}
    for node in reversed(graph.nodes):
        reached[node.id] = {node.id} if node.id in kept else {n for c in children[node.id] for n in reached[c]}
    uses: dict[str, tuple[set[tuple[int, int]], set[int]]] = {}
    for parameter in (node for node in graph.nodes if node.kind == "parameter"):
        edges: set[tuple[int, int]] = set()
        nodes: set[int] = set()
        for operation in children[parameter.id]:
            partners = parents[operation] & kept - {parameter.id}
            edges |= {(source, target) for source in partners for target in reached[operation]}
            nodes |= set() if partners else reached[operation]
        uses[parameter.label] = edges, nodes
    return uses


def _key(node: Node) -> tuple[str, str, int]:
    return node.kind, node.label, node.place


def _drawn(graph: Graph) -> dict[str, Any]:
    """Return the places of nodes and the bends of edges, as ``draw_graph`` has them."""
    spots = spots_of(graph)
    places = np.array(list(spots.values()))
    return {
        "nodes": [_node(node, spots[node.id]) for node in graph.nodes],
        "edges": [_edge(edge, spots, places) for edge in graph.edges],
    }


def _node(node: Node, spot: tuple[float, float]) -> dict[str, Any]:
    letter = node.label if node.time is None else f"{node.label}_{{{node.time}}}"
    return {
        "id": node.id,
        "name": letter,
        "kind": node.kind,
        "t": node.time,
        "x": round(spot[0], 3),
        "y": round(spot[1], 3),
    }


def _edge(edge: Edge, spots: dict[int, tuple[float, float]], places: np.ndarray) -> list[float]:
    bend = bend_of(np.array(spots[edge.source]), np.array(spots[edge.target]), places)
    return [edge.source, edge.target, edge.delay, bend]
