"""The exercises of notebook 02: what each check calls, and which values it looks at.

Sizes are pairwise different, every step has weights or inputs of its own, and the functions :math:`f` that an answer is
handed are drawn, so that an answer can know nothing of them but how they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnkit.check.ex02_drawings import Drawing, draw_folded, draw_unfolded, pictured
from rnnkit.check.exercise import LIBRARY_GRADIENTS, Answer, Arrays, Exercise, Probe, pair_of
from rnnkit.check.values import FormError, to_arrays

# ------------------------------------------------------------------ 02.1

_NO_PATH = -987_654_321
"""What stands for None: a number that nobody returns, so that -1 or infinity in its place is told."""

_WANT = "paths must return (longest, shortest, count)"


def _probe_paths(*names: str) -> Probe:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        values = dict[str, Any]()
        for graph, pairs in draw_unfolded(rng):
            for start, end in pairs:
                got = answer(list(graph.nodes), list(graph.edges), start, end)
                found = dict(zip(("longest", "shortest", "count"), _three(got), strict=True))
                values |= {f"{name}, {start} to {end}, {graph.title}": found[name] for name in names}
        return values

    return probe


def _three(result: Any) -> list[Any]:
    """Return the three numbers; a length that is None, where no path leads, as a number that no length can be."""
    if not isinstance(result, tuple | list) or len(result) != 3:
        raise FormError(f"{_WANT}, got {'None (is a return missing?)' if result is None else repr(result)[:60]}")
    longest, shortest, count = result
    if count is None:
        raise FormError(f"{_WANT}: count is a number, 0 where no path leads; got None")
    return [*(_NO_PATH if length is None else length for length in (longest, shortest)), count]


def _words_paths(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    what, way, graph = name.split(", ", 2)
    if got.ndim:
        return None
    start, _, end = way.partition(" to ")
    say = f"{got:g}"
    if what == "count":
        there = "there is 1 path" if expected == 1 else f"there are {expected:g} paths"
        return f"{graph}: from {start} to {end} {there}, you count {say}"
    say = "None" if got == _NO_PATH else say
    if expected == _NO_PATH:
        return f"{graph}: no path leads from {start} to {end}, so {what} is None, and yours is {say}"
    return f"{graph}: the {what} path from {start} to {end} has {expected:g} edges, yours {say}"


# ------------------------------------------------------------------ 02.2

_F = Callable[..., np.ndarray]


def _tanh_of_sum(rng: np.random.Generator) -> tuple[_F, Callable[..., Any], tuple[int, ...]]:
    """Return ``tanh([h, x] theta)`` and its derivative: 4 numbers of state, 2 of input."""

    def f(h: np.ndarray, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        after: np.ndarray = np.tanh(np.concatenate([h, x]) @ theta)
        return after

    def f_backward(dh: np.ndarray, h: np.ndarray, x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dz = dh * (1 - f(h, x, theta) ** 2)
        return theta[: len(h)] @ dz, np.outer(np.concatenate([h, x]), dz)

    return f, f_backward, (6, 4)


def _sine_of_neighbours(rng: np.random.Generator) -> tuple[_F, Callable[..., Any], tuple[int, ...]]:
    """Draw a map that no layer computes: ``sin(theta h + phase) + roll(h) sum(x)``."""
    phase = rng.uniform(-1, 1, 4)

    def f(h: np.ndarray, x: np.ndarray, theta: np.ndarray) -> np.ndarray:
        after: np.ndarray = np.sin(theta * h + phase) + 0.5 * np.roll(h, 1) * x.sum()
        return after

    def f_backward(dh: np.ndarray, h: np.ndarray, x: np.ndarray, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        slope = dh * np.cos(theta * h + phase)
        return slope * theta + 0.5 * np.roll(dh, -1) * x.sum(), slope * h

    return f, f_backward, (4,)


_KINDS = {"f a tanh": _tanh_of_sum, "f unknown": _sine_of_neighbours}


def _probe_copies(part: str, *equal: bool) -> Probe:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        values = dict[str, Any]()
        for kind, make in _KINDS.items():
            for same in equal:
                for T in (1, 5):
                    f, f_backward, shape = make(rng)
                    first = rng.standard_normal(shape)
                    thetas = [first.copy() if same else rng.standard_normal(shape) for _ in range(T)]
                    x, h0, v = rng.standard_normal((T, 2)), rng.standard_normal(4), rng.standard_normal(4)
                    got = pair_of(answer(f, f_backward, thetas, x, h0, v), "gradients_of_copies", "copies", "shared")
                    title = f"{kind}, T = {T}, {'equal' if same else 'different'} weights"
                    values[f"{part} ({title})"] = got[part == "shared"]
        return values

    return probe


# ------------------------------------------------------------------ 02.3


def _draw_f(rng: np.random.Generator, kind: str) -> tuple[_F, Any]:
    """Draw an ``f(h, x, theta)`` on batches, 5 numbers of state and 3 of input, and its ``theta``."""
    if kind == "f a tanh":
        theta = {"W_x": rng.standard_normal((3, 5)), "W_h": 0.6 * rng.standard_normal((5, 5))}
        return lambda h, x, theta: np.tanh(x @ theta["W_x"] + h @ theta["W_h"]), theta
    mix = rng.standard_normal((3, 5))
    return lambda h, x, theta: np.cos(theta * np.roll(h, 1, axis=-1)) + x @ mix, rng.standard_normal(5)


_NAN = -99.0
"""What stands for NaN, which equals nothing, not even itself: so that a mistake that makes NaN can be told by name."""


def _unfolded(title: str, answer: Answer, *arguments: Any) -> dict[str, np.ndarray]:
    states, last = pair_of(answer(*arguments), "unfold", "states", "last")
    arrays = to_arrays({f"states ({title})": states, f"last ({title})": last})
    return {name: np.where(np.isnan(array), _NAN, array) for name, array in arrays.items()}


def _probe_any_length(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    values = dict[str, Any]()
    for kind in _KINDS:
        f, theta = _draw_f(rng, kind)
        for T in (6, 1, 0):
            x, h0 = rng.standard_normal((T, 4, 3)), rng.standard_normal((4, 5))
            values |= _unfolded(f"{kind}, T = {T}", answer, f, theta, x, h0, np.ones((T, 4), bool))
    return values


def _probe_mask(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    values, T = dict[str, Any](), 6
    for kind, padding in (("f a tanh", "numbers"), ("f unknown", "numbers"), ("f a tanh", "NaN"), ("f unknown", "NaN")):
        f, theta = _draw_f(rng, kind)
        lengths = rng.permutation([0, int(rng.integers(1, 3)), int(rng.integers(3, 6)), T])
        mask = np.arange(T)[:, None] < lengths
        x, h0 = rng.standard_normal((T, 4, 3)), rng.standard_normal((4, 5))
        if padding == "NaN":
            x[~mask] = np.nan
        title = f"{kind}, lengths {', '.join(map(str, lengths))}, {padding} as padding"
        values |= _unfolded(title, answer, f, theta, x, h0, mask)
    return values


def _words_unfold(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    if (got == _NAN).any() and "NaN as padding" in name:
        return f"{name} holds NaN: what stands in the padding has leaked into a state (0 · NaN is NaN)"
    return f"{name} holds NaN" if (got == _NAN).any() else None


# ------------------------------------------------------------------ 02.4


def _probe_drawing(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    values = dict[str, Any]()
    for make, T in ((pictured, 7), (pictured, 2), (draw_folded, 8), (draw_folded, 9)):
        drawing = make(rng)
        nodes, arrows = _copied(drawing)
        o = answer(nodes, arrows, rng.standard_normal((T, nodes["x"])))
        if o is None:
            raise FormError("run_drawing must return the rows of o, got None (is a return missing?)")
        values[f"o ({drawing.title}, T = {T})"] = o
    return values


def _copied(drawing: Drawing) -> tuple[dict[str, int], list[tuple[str, str, int, np.ndarray]]]:
    return dict(drawing.nodes), [(*arrow[:3], arrow[3].copy()) for arrow in drawing.arrows]


# ------------------------------------------------------------------ the exercises

_VISUALIZATION = "Lecture 9, slide RNN Visualization"
_UNFOLDING = "San Pablo, slide Unfolding Computational Graphs"
_LIBRARY_PATHS = tuple(
    f"rnnkit.graph.Graph.{name}" for name in ("longest_path", "shortest_path", "count_paths", "depth", "_path")
)
_LIBRARY_BACKWARD = (
    *LIBRARY_GRADIENTS,
    "rnnkit.unroll.bptt_copies",
    "rnnkit.unroll.truncated_bptt",
    "rnnkit.unroll.checkpointed_bptt",
)
_LIBRARY_UNROLL = (
    "rnnkit.unroll.unroll",
    "rnnkit.unroll.unroll_copies",
    "rnnkit.unroll.forward.states_of",
    "rnnkit.probe.forced_unroll",
    "rnnkit.run.run",
)

_HINTS_PATHS = (
    "Say you know the answer for every node with an edge into `h2_3`, its *parents*. How do you get it for `h2_3`? "
    "Lengths and number each take one line.",
    "First collect the parents of every node from `edges`. Then walk over `nodes` in their order and fill three "
    "dicts, which begin with what is true of `start` itself: `{start: 0}`, `{start: 0}`, `{start: 1}`. Only nodes "
    "that can be reached from `start` get an entry.",
    "With `reached = [p for p in parents[node] if p in count]`, and only where it is not empty: `longest[node]` is "
    "`1 + max(…)` and `shortest[node]` is `1 + min(…)` over `reached`, `count[node]` is the `sum` of their counts. "
    "In the end, `longest.get(end)` is `None` where no path leads.",
)
_HINTS_COPIES = (
    "Two loops. Forward: keep every state, since step $t$ is undone at the place where it was taken. Backward: from "
    "the last step to the first, with one array `dh` that says how $L$ changes with the state you stand at.",
    "At the end `dh` is `v`: that is $\\partial L/\\partial h_T$. One call of `f_backward` gives this step's copy its "
    "gradient, and the `dh` of the step before. It wants the state *before* the step, the step's own input and the "
    "step's own copy.",
    "With `h = [h0]` and `h.append(f(h[t], x[t], thetas[t]))`: for `t` in `reversed(range(T))`, "
    "`dh, copies[t] = f_backward(dh, h[t], x[t], thetas[t])`. Then `shared = sum(copies)`.",
)
_HINTS_UNFOLD = (
    "Begin without the mask: a list `states` that holds `h0`, and a loop that appends `f(h, x[t], theta)`. Which "
    "states does it hold for $T = 0$?",
    "At each step compute `after = f(h, x[t], theta)` for the whole batch. Then choose, for each sequence, between "
    "`after` and the old `h`. Choose, do not multiply.",
    "`h = np.where(mask[t][:, None], after, h)`: `mask[t]` has shape `(B,)`, `[:, None]` makes it `(B, 1)`, so that "
    "it chooses whole rows. A state that stays is still there at the end, so `last` is the last `h`.",
)
_HINTS_DRAWING = (
    "Write the drawing's equations first. For its node `a`: $a_t = \\tanh(x_t W_1 + a_{t-1} W_2 + b_{t-2} W_3)$. One "
    "term for each arrow that ends there; the squares are what is taken from $t$.",
    "Keep all rows of all nodes, one array of zeros of shape `(T, size)` for each. Three loops: over steps, over the "
    "nodes but `x` in their order, over the arrows that end at the node.",
    "For an arrow, add `rows[source][t - delay] @ W` to the sum, where `t >= delay`; for smaller `t` there is nothing "
    "to add. (A negative index would count from the end.) After the last arrow: `rows[name][t] = np.tanh(z)`.",
)


def _paths(part: str, title: str, points: int, minutes: int, *names: str) -> Exercise:
    return Exercise(
        id=f"02.1{part}",
        title=title,
        function="paths",
        points=points,
        minutes=minutes,
        difficulty=2,
        lecture=_VISUALIZATION,
        probe=_probe_paths(*names),
        words=_words_paths,
        hints=_HINTS_PATHS,
        withheld=_LIBRARY_PATHS,
        rtol=0,
        atol=0,
    )


def _copies(part: str, title: str, points: int, minutes: int, probe: Probe) -> Exercise:
    return Exercise(
        id=f"02.2{part}",
        title=title,
        function="gradients_of_copies",
        points=points,
        minutes=minutes,
        difficulty=3,
        lecture=_VISUALIZATION,
        probe=probe,
        hints=_HINTS_COPIES,
        withheld=_LIBRARY_BACKWARD,
    )


def _unfold(part: str, title: str, minutes: int, probe: Probe) -> Exercise:
    return Exercise(
        id=f"02.3{part}",
        title=title,
        function="unfold",
        points=2,
        minutes=minutes,
        difficulty=2,
        lecture=_UNFOLDING,
        probe=probe,
        words=_words_unfold,
        hints=_HINTS_UNFOLD,
        withheld=_LIBRARY_UNROLL,
    )


EXERCISES = (
    _paths("a", "the longest and the shortest path", 2, 9, "longest", "shortest"),
    _paths("b", "the number of paths", 1, 3, "count"),
    _copies("a", "a gradient for every copy", 3, 12, _probe_copies("copies", True, False)),
    _copies("b", "the weight that all steps share", 1, 3, _probe_copies("shared", True)),
    _unfold("a", "any length", 9, _probe_any_length),
    _unfold("b", "sequences that end early", 9, _probe_mask),
    Exercise(
        id="02.4",
        title="from a drawing to numbers",
        function="run_drawing",
        points=3,
        minutes=15,
        difficulty=3,
        lecture=_UNFOLDING,
        probe=_probe_drawing,
        hints=_HINTS_DRAWING,
    ),
)
