"""The backward pass, step by step, on the unfolded graph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from rnnkit.view.moving.figure import MovingFigure, rounded, written

Number: TypeAlias = float | None
"""A norm with three significant digits, or ``None`` where there is none (yet)."""

_WEIGHT_EDGES = {"W_y": "o{t}>h{t}", "W_x": "h{t}>x{t}", "W_h": "h{t}>h{before}"}
"""Where in the unfolded graph each weight is used; its gradient is collected there."""


class BackwardStepper(MovingFigure):
    r"""The unfolded graph :math:`x_t \to h_t \to o_t \to L_t`, and the backward pass walking through it.

    Parameters
    ----------
    steps
        One mapping for each micro-step, in the order in which they happen: ``t`` (1 … T), ``line`` (a number in
        ``code``), ``norms`` with ``do`` (T numbers), ``dh`` (T+1, the initial state's first) and ``dx`` (T), ``None``
        or NaN for what has not been computed yet; ``sums``, the norm of every weight's gradient so far, by name
        (``W_y``, ``W_x``, ``W_h`` have their place in the graph); ``note``, a sentence on what happens.
    code
        The algorithm: ``(line number, text)`` or ``(line number, text, explanation)``.
    title, alt
        The figure's name, and what it shows in words.

    Raises
    ------
    ValueError
        Naming the step and the entry that does not fit.
    """

    kind = "stepper"

    def __init__(
        self, steps: Sequence[Mapping[str, Any]], *, code: Sequence[Sequence[Any]], title: str, alt: str
    ) -> None:
        super().__init__(title, alt)
        self.code = [_code_line(line) for line in code]
        if len({line["line"] for line in self.code}) != len(self.code):
            raise ValueError(f"code has a line number twice: {[line['line'] for line in self.code]}")
        if not steps:
            raise ValueError("steps is empty: give one mapping for each micro-step of the backward pass")
        lines = {line["line"] for line in self.code}
        length = len(_entry(_entry(steps[0], "norms", "steps[0]"), "do", "steps[0]['norms']"))
        self.T = length
        self.steps = [_check_step(step, f"steps[{i}]", length, lines) for i, step in enumerate(steps)]
        names = list(self.steps[0]["sums"])
        for i, step in enumerate(self.steps):
            if list(step["sums"]) != names:
                raise ValueError(
                    f"steps[{i}]['sums'] must have the names of steps[0], {names}; got {list(step['sums'])}"
                )
        for before, step in zip([None, *self.steps[:-1]], self.steps, strict=True):
            step.update(_what_changed(before, step))

    def __repr__(self) -> str:
        return f"BackwardStepper({self.title!r}, T={self.T}, {len(self.steps)} steps)"

    def data(self) -> dict[str, Any]:
        """Return the steps, each with the edges its gradient travels and the nodes it reaches."""
        return {"T": self.T, "code": self.code, "steps": self.steps}

    def moves(self) -> dict[str, tuple[int, int, int]]:
        """Return the micro-step: 0 before the pass, then the number of the step just done."""
        return {"step": (0, len(self.steps), 0)}

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return one row for each micro-step: what is at its place after it."""
        names = list(self.steps[0]["sums"])
        header = ["step", "t", "line", "‖∂L/∂o_t‖", "‖∂L/∂h_t‖", "‖∂L/∂h_{t−1}‖", "‖∂L/∂x_t‖"]
        rows = []
        for i, step in enumerate(self.steps):
            t, norms = step["t"], step["norms"]
            here = [norms["do"][t - 1], norms["dh"][t], norms["dh"][t - 1], norms["dx"][t - 1], *step["sums"].values()]
            rows.append([str(i + 1), str(t), str(step["line"]), *map(written, here), step["note"]])
        return [*header, *(f"‖d{name}‖" for name in names), "what happens"], rows


def _entry(mapping: Any, key: str, where: str) -> Any:
    if not isinstance(mapping, Mapping) or key not in mapping:
        raise ValueError(f"{where} must be a mapping with the key {key!r}, got {mapping!r}")
    return mapping[key]


def _code_line(line: Sequence[Any]) -> dict[str, Any]:
    if isinstance(line, str) or len(line) not in (2, 3):
        raise ValueError(f"a line of code must be (number, text) or (number, text, explanation), got {line!r}")
    number, text, *explanation = line
    return {"line": int(number), "text": str(text), "says": str(explanation[0]) if explanation else ""}


def _check_step(step: Mapping[str, Any], where: str, length: int, lines: set[int]) -> dict[str, Any]:
    """Return ``step`` as plain numbers, every entry checked."""
    t, line = int(_entry(step, "t", where)), int(_entry(step, "line", where))
    if not 1 <= t <= length:
        raise ValueError(f"{where}['t'] must be between 1 and T = {length}, got {t}")
    if line not in lines:
        raise ValueError(f"{where}['line'] is {line}, but code has the lines {sorted(lines)}")
    norms = _entry(step, "norms", where)
    checked: dict[str, list[Number]] = {}
    for key, size in (("do", length), ("dh", length + 1), ("dx", length)):
        values = list(_entry(norms, key, f"{where}['norms']"))
        if len(values) != size:
            raise ValueError(f"{where}['norms'][{key!r}] must have {size} numbers (T = {length}), got {len(values)}")
        checked[key] = [_norm(v, f"{where}['norms'][{key!r}][{i}]") for i, v in enumerate(values)]
    sums = _entry(step, "sums", where)
    return {
        "t": t,
        "line": line,
        "norms": checked,
        "sums": {str(name): _norm(value, f"{where}['sums'][{name!r}]") or 0.0 for name, value in sums.items()},
        "note": str(_entry(step, "note", where)),
    }


def _norm(value: Any, where: str) -> Number:
    if value is None or math.isnan(value):
        return None
    if math.isinf(value) or value < 0:
        raise ValueError(f"{where} must be a norm (finite, not negative), or None where there is none; got {value}")
    return rounded(float(value))


def _what_changed(before: dict[str, Any] | None, step: dict[str, Any]) -> dict[str, list[str]]:
    """Find the nodes this step gave a new gradient, the edges it came along, and where weights collected theirs."""
    nodes, edges = [], []
    for key, letter in (("do", "o"), ("dh", "h"), ("dx", "x")):
        for i, new in enumerate(step["norms"][key]):
            old = before["norms"][key][i] if before else None
            if new == old or (old is None and new == 0):  # a gradient set to zero has come from nowhere
                continue
            t = i if key == "dh" else i + 1
            nodes.append(f"{letter}{t}")
            source = {"do": f"L{t}", "dx": f"h{t}", "dh": f"o{t}" if step["t"] == t else f"h{t + 1}"}[key]
            edges.append(f"{source}>{letter}{t}")
    collected = [
        _WEIGHT_EDGES[name].format(t=step["t"], before=step["t"] - 1)
        for name, new in step["sums"].items()
        if name in _WEIGHT_EDGES and new != (before["sums"][name] if before else 0.0)
    ]
    return {"nodes": nodes, "edges": edges, "collect": collected}
