"""The backward pass taken apart into the lines of the lecture's algorithm, for the figure that steps through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnkit.cells import Readout, VanillaRNN
from rnnkit.losses import softmax_cross_entropy
from rnnkit.unroll import backward_steps, unroll

NINE_LINES: tuple[tuple[int, str, str], ...] = (
    (1, "for t = T … 1", "From the last step to the first."),
    (2, "do_t = p_t − 1_y", "The loss of step {t} reaches its scores."),
    (3, "dW_y += h_tᵀ do_t", "W_y collects its share of step {t}."),
    (4, "dh_t += do_t W_yᵀ", "The scores pass it to the state, which adds it to what came back from later steps."),
    (5, "dW_x += x_tᵀ dz_t", "Through the slope of the tanh, dz_t = dh_t ⊙ (1 − h_t²), and W_x collects."),
    (6, "dW_h += h_{t−1}ᵀ dz_t", "W_h collects, with the former state on its left."),
    (7, "dx_t = dz_t W_xᵀ", "The input gets its gradient; below it another layer could lie."),
    (8, "dh_{t−1} = dz_t W_hᵀ", "What is left goes one step back in time."),
    (9, "end", "Every weight has collected all its shares."),
)
"""Line number, text, and what happens there (lecture S, slide *BackPropagation Through Time*, for row vectors)."""


def trace_nine_lines(cell: VanillaRNN, readout: Readout, x: np.ndarray, y: np.ndarray) -> list[dict[str, Any]]:
    """Run the backward pass of one sequence line by line and write down all norms after each line.

    Parameters
    ----------
    cell, readout
        The network.
    x, y
        One sequence: inputs ``(T, I)`` and true classes ``(T,)``. The loss is summed over the steps.

    Returns
    -------
    list of dict
        What :class:`rnnkit.view.BackwardStepper` takes as its ``steps``: seven for each time step.
    """
    h = unroll(cell, x[:, None])
    do = softmax_cross_entropy(readout.forward(h[1:]), y[:, None], reduction="sum").dlogits
    dh, _ = readout.backward(do, h[1:])
    norms: dict[str, list[float | None]] = {"do": [None] * len(x), "dh": [None] * (len(x) + 1), "dx": [None] * len(x)}
    sums = {name: np.zeros_like(array) for name, array in (("W_y", readout.W_y), ("W_x", cell.W_x), ("W_h", cell.W_h))}
    frames: list[dict[str, Any]] = []
    says = {line: text for line, _, text in NINE_LINES}
    for step in backward_steps(cell, x[:, None], h, dh):
        t = step.t
        reached = {2: ("do", t, do[t]), 4: ("dh", t + 1, step.dh), 7: ("dx", t, step.x), 8: ("dh", t, step.h_prev)}
        of_step = {**step.parameters, "W_y": h[t + 1].T @ do[t]}
        collected = {3: "W_y", 5: "W_x", 6: "W_h"}
        for line in range(2, 9):
            if line in collected:
                sums[collected[line]] = sums[collected[line]] + of_step[collected[line]]
            else:
                name, place, gradient = reached[line]
                norms[name][place] = float(np.linalg.norm(gradient))
            frames.append(
                {
                    "t": t + 1,
                    "line": line,
                    "norms": {name: list(values) for name, values in norms.items()},
                    "sums": {name: float(np.linalg.norm(total)) for name, total in sums.items()},
                    "note": says[line].format(t=t + 1),
                }
            )
    return frames
