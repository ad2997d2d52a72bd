"""Drawings of the patterns of input and output, made from when a network reads and when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnkit.patterns import Wiring
from rnnkit.view.figures import new_axes
from rnnkit.view.style import COLOURS, INK

STYLE = {"linestyle": "none", "marker": "s", "markersize": 12, "markerfacecolor": "none", "markeredgewidth": 1.8}


def draw_wiring(wirings: Sequence[Wiring], titles: Sequence[str], *, axes: Any = None) -> Any:
    """Draw for each wiring the unfolded network: states in a row, inputs below, outputs above, where there are any.

    Parameters
    ----------
    wirings
        What :func:`rnnkit.patterns.wiring` returns.
    titles
        One for each.
    axes
        An array of at least as many axes to draw on; those left over stay empty.
    """
    if len(titles) != len(wirings):
        raise ValueError(f"titles must have one for each of the {len(wirings)} wirings, got {len(titles)}")
    if axes is None:
        axes = new_axes(ncols=len(wirings), figsize=(2.2 * len(wirings), 2.0), squeeze=False)
    axes = np.ravel(axes)
    if len(axes) < len(wirings):
        raise ValueError(f"axes must be at least {len(wirings)}, got {len(axes)}")
    widest = max(len(each.reads) for each in wirings)
    for ax, wired, title in zip(axes, wirings, titles, strict=False):
        _draw(ax, wired)
        ax.set(xlim=(-0.7, widest - 0.3), ylim=(-0.5, 2.5))
        ax.set_title(title, fontsize=10)
    for ax in axes:
        ax.set_axis_off()
    return axes


def _draw(ax: Any, wired: Wiring) -> None:
    """Draw one unfolded network; colours are those of :func:`~rnnkit.view.draw_graph`."""
    steps = np.arange(len(wired.reads))
    for row, shown in enumerate((wired.reads, np.ones(len(steps), bool), wired.asked)):
        ax.plot(steps[shown], np.full(shown.sum(), row), markeredgecolor=COLOURS[row], **STYLE)
    arrows = [((t, 0), (t, 1)) for t in steps[wired.reads]]
    arrows += [((t, 1), (t, 2)) for t in steps[wired.asked]]
    arrows += [((t, 1), (t + 1, 1)) for t in steps[:-1]]
    for start, end in arrows:
        ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 8, "shrinkB": 8})
