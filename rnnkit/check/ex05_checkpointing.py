"""Exercise 05.4, checkpointing: whether states were forgotten and computed again is seen by who computes them.

The cell lives in an oracle. Its weights are secret, so every state in an answer comes from a call of ``step``, and
the order of the calls shows which states were kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from rnnkit.check.exercise import Answer, Arrays, at_most, entries_of
from rnnkit.check.oracle import Call, Oracle
from rnnkit.measure import peak_memory

_STEPS, _BATCH, _INPUTS, _HIDDEN = 11, 2, 3, 4
_EVERY = (4, _STEPS)
_SAME = 1e-3  # states may have been kept in float32; two steps never look alike to this
_GRADIENTS = ("W_x", "W_h", "b", "h0")


class _SineCell:
    """A cell unlike the chapter's: checkpointing must not care which. ``h_t = h_{t-1} / 2 + sin(z_t)``."""

    def __init__(self, rng: np.random.Generator, inputs: int, hidden: int) -> None:
        self.W_x = rng.standard_normal((inputs, hidden))
        self.W_h = 0.5 * rng.standard_normal((hidden, hidden)) / np.sqrt(hidden / 4)
        self.b = rng.standard_normal(hidden)

    def step(self, x: Any, h_prev: Any) -> np.ndarray:
        x, h_prev = np.asarray(x), np.asarray(h_prev)
        return np.asarray(0.5 * h_prev + np.sin(self._z(x, h_prev)))

    def step_backward(self, dh: Any, x: Any, h_prev: Any, h: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        dh, x, h_prev = np.asarray(dh), np.asarray(x), np.asarray(h_prev)
        dz = dh * np.cos(self._z(x, h_prev))
        return 0.5 * dh + dz @ self.W_h.T, {"W_x": x.T @ dz, "W_h": h_prev.T @ dz, "b": dz.sum(0)}

    def _z(self, x: np.ndarray, h_prev: np.ndarray) -> np.ndarray:
        return np.asarray(x @ self.W_x + h_prev @ self.W_h + self.b)


class CellOracle(Oracle):
    """The cell, and one sequence after the other; it writes down which step each call was about."""

    takes: ClassVar = {
        "sequence": {},
        "step": {"x": (_BATCH, _INPUTS), "h_prev": (_BATCH, _HIDDEN)},
        "step_backward": {
            "dh": (_BATCH, _HIDDEN), "x": (_BATCH, _INPUTS), "h_prev": (_BATCH, _HIDDEN), "h": (_BATCH, _HIDDEN),
        },
    }  # fmt: skip

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self.rng, self.cell = rng, _SineCell(rng, _INPUTS, _HIDDEN)
        self.logs: list[list[tuple[str, int]]] = []
        self.x, self.h = np.zeros((0, _BATCH, _INPUTS)), np.zeros((1, _BATCH, _HIDDEN))

    def sequence(self) -> dict[str, Any]:
        """Begin with the next sequence: its inputs, its initial state, and what each step's loss multiplies h by."""
        self.x, h = self.rng.standard_normal((_STEPS, _BATCH, _INPUTS)), [self.rng.standard_normal((_BATCH, _HIDDEN))]
        for x in self.x:
            h.append(self.cell.step(x, h[-1]))
        self.h = np.array(h)
        self.logs.append([])
        return {"x": self.x, "h0": h[0], "weights": self.rng.standard_normal((_STEPS, _BATCH, _HIDDEN)) / _STEPS}

    def step(self, x: np.ndarray, h_prev: np.ndarray) -> dict[str, Any]:
        """Compute a state."""
        self._note("step", x, h_prev)
        return {"h": self.cell.step(x, h_prev)}

    def step_backward(self, dh: np.ndarray, x: np.ndarray, h_prev: np.ndarray, h: np.ndarray) -> dict[str, Any]:
        """Go back through one step."""
        self._note("back", x, h_prev)
        dh_prev, shares = self.cell.step_backward(dh, x, h_prev, h)
        return {"h_prev": dh_prev, **shares}

    def _note(self, function: str, x: np.ndarray, h_prev: np.ndarray) -> None:
        """Write down which step of the sequence this is; -1 for none of them."""
        off = np.abs(self.x - x).max(axis=(1, 2), initial=0) + np.abs(self.h[:-1] - h_prev).max(axis=(1, 2), initial=0)
        if self.logs:
            self.logs[-1].append((function, next(iter(np.flatnonzero(off < _SAME).tolist()), -1)))

    def evidence(self) -> dict[str, Any]:
        """Return, for each sequence: how often a state was computed, and from which steps on it was done again."""
        found: dict[str, Any] = {}
        for every, log in zip(_EVERY, [*self.logs, *([] for _ in _EVERY)], strict=False):
            steps = sum(function == "step" for function, _ in log)
            found[f"every={every}: calls of step (at most 2T = {2 * _STEPS})"] = at_most(steps, 2 * _STEPS)
            found[f"every={every}: runs again from step"] = _starts(log, every)
            found[f"every={every}: a segment is run again when the way back arrives there"] = _in_time(log, every)
        return found


def _segments(every: int) -> list[tuple[int, int]]:
    return [(start, min(start + every, _STEPS)) for start in range(0, _STEPS, every)]


def _runs(log: list[tuple[str, int]]) -> list[tuple[int, int, int]]:
    """Return the stretches of steps computed again, after the first T: place in the log, first step, end."""
    runs: list[tuple[int, int, int]] = []
    before = ("", -1)
    for place, (function, t) in enumerate(log):
        if function == "step" and place >= _STEPS:
            if t > 0 and before == ("step", t - 1) and runs:
                runs[-1] = (*runs[-1][:2], t + 1)
            else:
                runs.append((place, t, t + 1))
        before = (function, t)
    return runs


def _optional(every: int) -> list[int]:
    """Where a segment need not be run again: it is a single step, or the last, whose states have just been there."""
    return [start for start, end in _segments(every) if end - start == 1 or end == _STEPS]


def _starts(log: list[tuple[str, int]], every: int) -> np.ndarray:
    """Count, for each step, the runs that begin there; runs that are optional count as done where all else is right."""
    counts, wanted = np.zeros(_STEPS, np.int64), np.zeros(_STEPS, np.int64)
    for _, start, _ in _runs(log):
        counts[start] += start >= 0
    wanted[[start for start, _ in _segments(every)]] = 1
    optional = _optional(every)
    return wanted if counts[optional].max() <= 1 and not np.delete(counts - wanted, optional).any() else counts


def _in_time(log: list[tuple[str, int]], every: int) -> bool:
    """Whether each segment was run to its end (or one step short: the next state is kept), and not before its turn.

    Its turn comes after the way forward is done and the way back has left the segments behind it.
    """
    forward = log[:_STEPS] == [("step", t) for t in range(_STEPS)]
    ends = dict(_segments(every))
    return forward and all(
        start in ends
        and end in (ends[start], ends[start] - 1)
        and (ends[start] == _STEPS or ("back", ends[start]) in log[:place])
        for place, start, end in _runs(log)
    )


def probe(answer: Answer, rng: np.random.Generator, given: Arrays, call: Call) -> dict[str, Any]:
    """Ask for the gradients of two sequences of the oracle's, and for those of a long one of an own cell."""

    def step(x: Any, h_prev: Any) -> np.ndarray:
        return call("step", x=x, h_prev=h_prev)["h"]

    def step_backward(dh: Any, x: Any, h_prev: Any, h: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        shares = call("step_backward", dh=dh, x=x, h_prev=h_prev, h=h)
        return shares.pop("h_prev"), shares

    values = dict[str, Any]()
    for every in _EVERY:
        drawn = call("sequence")
        weights = drawn["weights"]
        gradients = answer(
            step, step_backward, drawn["x"], lambda t, h, w=weights: w[t] * np.asarray(h), drawn["h0"], every
        )
        entries = entries_of(gradients, "checkpointed_bptt", _GRADIENTS)
        values |= {f"every={every}: {name}": gradient for name, gradient in entries.items()}
    for T, every in ((_LONG, _SEGMENT), (5, 1)):
        values |= _long(answer, *_draw_long(rng, T, _BATCH, _HIDDEN), every)
    return values


_LONG, _SEGMENT = 100, 10


def _draw_long(rng: np.random.Generator, T: int, B: int, H: int) -> tuple[_SineCell, np.ndarray, np.ndarray]:
    """Draw a cell that lies here, and a sequence."""
    return _SineCell(rng, _INPUTS, H), rng.standard_normal((T, B, _INPUTS)), np.zeros((B, H))


def _long(answer: Answer, cell: _SineCell, x: np.ndarray, h0: np.ndarray, every: int) -> dict[str, Any]:
    """Run the answer on a cell that lies here; return sums of its gradients."""
    T = len(x)
    gradients = answer(cell.step, cell.step_backward, x, lambda t, h: np.asarray(h) / T, h0, every)
    entries = entries_of(gradients, "checkpointed_bptt", _GRADIENTS)
    return {f"T={T}, every={every}: sum of {k}": np.sum(np.asarray(gradient)) for k, gradient in entries.items()}


def advice(answer: Answer, rng: np.random.Generator) -> str | None:
    """Say how many states an answer keeps that runs its segments again, and yet does not forget.

    √T checkpoints and √T states are a fifth of T = 100. States are as large as the weights and their gradients, which
    memory holds anyway.
    """
    cell, x, h0 = _draw_long(rng, _LONG, 64, 64)
    kept = peak_memory(lambda: _long(answer, cell, x, h0, _SEGMENT)) / h0.nbytes
    if kept < 0.6 * _LONG:
        return None
    return (
        f"but at its peak it holds the memory of {kept:.0f} states for T = {_LONG}: forget a segment's when it is done"
    )


def words(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    """Say from which steps an answer runs again, and from which it should."""
    every, _, what = name.partition(": ")
    if what.startswith("calls of step"):
        return f"with {every} step is called {got:.0f} times for T = {_STEPS}, at most 2T are allowed"
    if what != "runs again from step":
        return None
    begun, wanted = (", ".join(map(str, np.flatnonzero(values))) for values in (got, expected))
    if begun == wanted:
        return f"with {every} a segment is run again more than once: put its states in a list meanwhile"
    if not np.delete(got, _optional(int(every.removeprefix("every=")))).any():
        return f"with {every} no segment is run again: are all states kept?"
    return f"with {every} your code runs again from the states before steps {begun}; keep those before {wanted}"
