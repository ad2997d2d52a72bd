"""How far the loss looks back, as a heat map with the marked row beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnkit.view.moving.figure import MovingFigure, rounded, written

MAX_STEPS = 120
"""The longest sequence a heat map shows; beyond it, cells are smaller than an eye or a finger can tell apart."""


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
        rows = [[[rounded(v) for v in matrix[t, : t + 1]] for t in range(self.T)] for matrix in self.matrices]
        return {"T": self.T, "names": self.names, "rows": rows}

    def moves(self) -> dict[str, tuple[int, int, int]]:
        """Return the number of the matrix shown, and the marked cell."""
        return {"shown": (0, len(self.names) - 1, 0), "t": (1, self.T, self.T), "s": (1, self.T, max(1, self.T // 2))}

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return, for each lag, the median over all ``t`` of every matrix."""
        header = ["lag t − s", *(f"{name}: median over t" for name in self.names)]
        body = [
            [str(lag), *(written(float(np.median(np.diagonal(m, -lag)))) for m in self.matrices)]
            for lag in range(self.T)
        ]
        return header, body


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
