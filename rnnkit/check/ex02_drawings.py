"""The graphs of notebook 02: unfolded ones to count paths on (02.1), folded ones to run (02.4).

A graph is plain data here, names and arrows, so that its drawing can be read off it and no library is needed.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

NODES = {"x": 3, "a": 4, "b": 5, "o": 2}
"""The drawing in the notebook: every node's name and size."""

ARROWS = (
    ("x", "a", 0),
    ("a", "a", 1),
    ("b", "a", 2),
    ("a", "b", 0),
    ("x", "b", 2),
    ("b", "o", 0),
    ("x", "o", 0),
)
"""Its arrows: from, to, and how many black squares stand on the way."""


class Unfolded(NamedTuple):
    """A graph without circles: its title, its nodes in an order of computation, its edges in any order."""

    title: str
    nodes: list[str]
    edges: list[tuple[str, str]]


def stack(layers: int, steps: int) -> Unfolded:
    """Return layers that each keep a state of their own, over some steps; as the notebook's ``stack``."""
    T, L = range(1, steps + 1), range(1, layers + 1)
    nodes = [f"h{n}_{t}" if n else f"x_{t}" for t in T for n in range(layers + 1)]
    up = [(f"h{n - 1}_{t}" if n > 1 else f"x_{t}", f"h{n}_{t}") for t in T for n in L]
    along = [(f"h{n}_{t - 1}", f"h{n}_{t}") for t in T if t > 1 for n in L]
    return Unfolded(f"stack({layers}, {steps})", nodes, up + along)


def deep(layers: int, steps: int) -> Unfolded:
    """Return one state that goes through all layers in every step; as the notebook's ``deep``."""
    whole = stack(layers, steps)
    back = [(f"h{layers}_{t - 1}", f"h1_{t}") for t in range(2, steps + 1)]
    up = [edge for edge in whole.edges if edge[0].partition("_")[2] == edge[1].partition("_")[2]]
    return Unfolded(f"deep({layers}, {steps})", whole.nodes, up + back)


def with_skips(graph: Unfolded, rng: np.random.Generator, *, first: bool = False) -> Unfolded:
    """Add three edges that skip something, and shuffle the list of edges, or put the new ones first."""
    missing = [
        (source, target)
        for n, target in enumerate(graph.nodes)
        for source in graph.nodes[:n]
        if (source, target) not in graph.edges and "x" not in target and (source == "x_1" or "x" not in source)
    ]
    added = [missing[n] for n in rng.choice(len(missing), 3, replace=False)]
    edges = added + graph.edges
    order = range(len(edges)) if first else rng.permutation(len(edges))
    return Unfolded(f"{graph.title} with skips", graph.nodes, [edges[n] for n in order])


def tangle(rng: np.random.Generator, size: int = 9) -> Unfolded:
    """Return a random graph without circles, its names in no order of the alphabet."""
    nodes = [str(name) for name in rng.permutation(list("abcdefghijklmn"))[:size]]
    edges = [(nodes[i], nodes[j]) for j in range(size) for i in range(j) if j == i + 1 or rng.random() < 0.3]
    edges.remove((nodes[0], nodes[1]))  # a second node without a past
    return Unfolded("a random graph", nodes, [edges[n] for n in rng.permutation(len(edges))])


def draw_unfolded(rng: np.random.Generator) -> list[tuple[Unfolded, list[tuple[str, str]]]]:
    """Draw graphs, and for each the pairs of nodes to ask for: forwards, backwards and to itself."""
    plain = stack(2, 3)
    edges = [plain.edges[n] for n in rng.permutation(len(plain.edges))]
    graphs = [
        plain._replace(edges=edges),
        deep(3, 3)._replace(edges=deep(3, 3).edges[::-1]),
        with_skips(stack(int(rng.integers(2, 4)), 4), rng),
        with_skips(deep(2, int(rng.integers(4, 6))), rng, first=True),  # whoever follows the first edge goes wrong
        tangle(rng),
    ]
    asked = []
    for graph in graphs:
        first, second, last = graph.nodes[0], graph.nodes[1], graph.nodes[-1]
        middle = graph.nodes[int(rng.integers(3, len(graph.nodes) - 2))]
        pairs = [(first, last), (second, last), (second, middle), (last, first), (middle, middle)]
        asked.append((graph, pairs))
    return asked


# ------------------------------------------------------------------ folded


class Drawing(NamedTuple):
    """A folded drawing with weights on its arrows, as 02.4 takes it."""

    title: str
    nodes: dict[str, int]
    arrows: list[tuple[str, str, int, np.ndarray]]


def pictured(rng: np.random.Generator) -> Drawing:
    """Return the drawing of the notebook, with drawn weights."""
    return _weighted("the drawing above", NODES, ARROWS, rng)


def draw_folded(rng: np.random.Generator) -> Drawing:
    """Draw a drawing of four or five nodes: a chain, and arrows across it with up to two squares.

    The names are in no order of the alphabet, and two arrows join the last pair of nodes.
    """
    sizes = [int(size) for size in rng.permutation([2, 3, 4, 5, 6])]
    names = ["x", "c", "a", "b", "o"] if rng.random() < 0.5 else ["x", "b", "a", "o"]
    arrows = {(source, target, 0) for source, target in itertools.pairwise(names)}
    inner = names[1:]
    arrows |= {(inner[int(rng.integers(len(inner)))],) * 2 + (1,), (names[-2], names[-1], int(rng.integers(1, 3)))}
    arrows |= {(names[-2], names[1], 2), (names[0], names[-1], int(rng.integers(3)))}
    for _ in range(2):
        target, source = (int(n) for n in rng.integers(1, len(names), 2))
        arrows.add((names[source], names[target], int(rng.integers(0 if source < target else 1, 3))))
    ordered = sorted(arrows)
    shuffled = [ordered[n] for n in rng.permutation(len(ordered))]
    nodes = dict(zip(names, sizes, strict=False))
    words = ", ".join(f"{source} {'■' * delay}→ {target}" for source, target, delay in shuffled)
    return _weighted(words, nodes, tuple(shuffled), rng)


def _weighted(
    title: str, nodes: dict[str, int], arrows: tuple[tuple[str, str, int], ...], rng: np.random.Generator
) -> Drawing:
    weighted = [
        (source, target, delay, 0.6 * rng.standard_normal((nodes[source], nodes[target])))
        for source, target, delay in arrows
    ]
    return Drawing(title, dict(nodes), weighted)
