"""Figures that move in a page, without a kernel: numbers from Python, drawn by one small script.

A figure holds numbers a notebook has computed. Its HTML carries them as JSON, next to a script (``moving.js`` and the
part for its kind) and a style sheet (``moving.css``), and so works the same in the published book and as output in
JupyterLab. Where scripts do not run, what is left is a table of the same numbers. In every text, ``h_t`` and
``h_{t−1}`` are shown with a lowered index.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np

Number: TypeAlias = float | None
"""A norm with three significant digits, or ``None`` where there is none (yet)."""

MAX_STEPS = 120
"""The longest sequence a heat map shows; beyond it, cells are smaller than an eye or a finger can tell apart."""

_INDEX = re.compile(r"(?<=[^\W_])_(\{[^}]*\}|\d+|[A-Za-z](?![A-Za-z]))")
"""An index behind a letter: braces, a number, or one letter."""

_WEIGHT_EDGES = {"W_y": "o{t}>h{t}", "W_x": "h{t}>x{t}", "W_h": "h{t}>h{before}"}
"""Where in the unfolded graph each weight is used; its gradient is collected there."""


class MovingFigure:
    """What every moving figure shares: a title, a text for those who do not see it, and its HTML."""

    kind: ClassVar[str]

    def __init__(self, title: str, alt: str) -> None:
        for name, value in (("title", title), ("alt", alt)):
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name} must be a text that is not empty, got {value!r}")
        self.title = title
        self.alt = alt

    def data(self) -> dict[str, Any]:
        """Return what the script draws, as plain lists and numbers."""
        raise NotImplementedError

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return the header and the rows of the table behind the figure."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return :meth:`data` as JSON that is safe inside a ``<script>`` element."""
        text = json.dumps(self.data(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.replace("<", "\\u003c")

    def _repr_html_(self) -> str:
        title, alt = html.escape(self.title), html.escape(self.alt)
        script = f"(() => {{\n'use strict';\n{_beside('moving.js')}{_beside(f'moving_{self.kind}.js')}}})();"
        return (
            f'<div class="rk-figure rk-{self.kind}" data-rk-figure="{self.kind}" data-lm-suppress-shortcuts="true"'
            f' role="group" aria-label="{title}">\n<style>{_beside("moving.css")}</style>\n'
            f'<p class="rk-title">{_formula(self.title)}</p>\n<div class="rk-stage" data-rk-alt="{alt}"></div>\n'
            '<details class="rk-data" open><summary>The numbers behind this figure</summary>\n'
            f"<p>{_formula(self.alt)}</p>\n"
            f'<div class="rk-scroll" tabindex="0" role="region" aria-label="Table: {title}">{self._table()}</div>'
            f'</details>\n<script type="application/json">{self.to_json()}</script>\n<script>{script}</script>\n</div>'
        )

    def _table(self) -> str:
        header, rows = self.rows()
        head = "".join(f'<th scope="col">{_formula(cell)}</th>' for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{_formula(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


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

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return one row for each micro-step: what is at its place after it."""
        names = list(self.steps[0]["sums"])
        header = ["step", "t", "line", "‖∂L/∂o_t‖", "‖∂L/∂h_t‖", "‖∂L/∂h_{t−1}‖", "‖∂L/∂x_t‖"]
        rows = []
        for i, step in enumerate(self.steps):
            t, norms = step["t"], step["norms"]
            here = [norms["do"][t - 1], norms["dh"][t], norms["dh"][t - 1], norms["dx"][t - 1], *step["sums"].values()]
            rows.append([str(i + 1), str(t), str(step["line"]), *map(_written, here), step["note"]])
        return [*header, *(f"‖d{name}‖" for name in names), "what happens"], rows


class GradientHeatMap(MovingFigure):
    r"""How strongly the loss at step ``t`` depends on the state at step ``s``, for one network or several.

    Parameters
    ----------
    matrices
        One ``(T, T)`` array, or several of the same size: row ``t``, column ``s`` holds
        :math:`\lVert \partial L_t / \partial h_s \rVert`; NaN (or ``None``) for :math:`s > t`.
    names
        One name for each matrix, shown on its button.
    title, alt
        The figure's name, and what it shows in words.

    Raises
    ------
    ValueError
        Naming the matrix and the entry that does not fit.
    """

    kind = "heatmap"

    def __init__(self, matrices: Any, *, names: Sequence[str], title: str, alt: str) -> None:
        super().__init__(title, alt)
        if isinstance(names, str):
            raise ValueError(f"names must be a sequence with one text for each matrix, got the text {names!r}")
        stack = [np.asarray(matrices, np.float64)] if _is_one_matrix(matrices) else [
            np.asarray(matrix, np.float64) for matrix in matrices
        ]  # fmt: skip
        self.names = [str(name) for name in names]
        if not stack or len(stack) != len(self.names):
            raise ValueError(f"names must have one entry for each matrix: {len(stack)} matrices, names {self.names}")
        for name, matrix in zip(self.names, stack, strict=True):
            _check_matrix(name, matrix, stack[0].shape)
        self.matrices = stack
        self.T = int(stack[0].shape[0])

    def __repr__(self) -> str:
        return f"GradientHeatMap({self.title!r}, T={self.T}, {self.names})"

    def data(self) -> dict[str, Any]:
        """Return the lower triangles, row by row."""
        rows = [[[_rounded(v) for v in matrix[t, : t + 1]] for t in range(self.T)] for matrix in self.matrices]
        return {"T": self.T, "names": self.names, "rows": rows}

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return, for each lag, the median over all ``t`` of every matrix."""
        header = ["lag t − s", *(f"{name}: median over t" for name in self.names)]
        body = [
            [str(lag), *(_written(float(np.median(np.diagonal(m, -lag)))) for m in self.matrices)]
            for lag in range(self.T)
        ]
        return header, body


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf8")


def _formula(text: str) -> str:
    """Return ``text`` as HTML, with the index of ``h_t`` or ``h_{t−1}`` lowered (as ``formula`` in the script does)."""
    return _INDEX.sub(lambda match: f"<sub>{match[1].strip('{}')}</sub>", html.escape(text))


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
    return _rounded(float(value))


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _written(value: Number) -> str:
    return "–" if value is None else f"{value:.3g}"


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


def _is_one_matrix(matrices: Any) -> bool:
    return isinstance(matrices, np.ndarray) and matrices.ndim == 2


def _check_matrix(name: str, matrix: np.ndarray, shape: tuple[int, ...]) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape != shape or not matrix.size:
        raise ValueError(f"matrices must be square and of one size; {name!r} has shape {matrix.shape}, not {shape}")
    if len(matrix) > MAX_STEPS:
        raise ValueError(f"T is {len(matrix)}, but a heat map shows at most {MAX_STEPS} steps: cut the matrices")
    lower = np.tri(len(matrix), dtype=bool)
    bad = lower & ~(np.isfinite(matrix) & (matrix >= 0))
    if bad.any():
        t, s = (int(index) for index in np.argwhere(bad)[0])
        where, value = f"{name!r}: entry t={t + 1}, s={s + 1}", matrix[t, s]
        raise ValueError(f"{where} must be a norm (finite, not negative), got {value}")
    ahead = ~lower & ~np.isnan(matrix)
    if ahead.any():
        t, s = (int(index) for index in np.argwhere(ahead)[0])
        where, value = f"{name!r}: entry t={t + 1}, s={s + 1}", matrix[t, s]
        raise ValueError(f"{where} is {value}, but a loss does not depend on later states; set it to NaN")
