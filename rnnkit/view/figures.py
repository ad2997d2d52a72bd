"""Figures of what networks compute: arrays in, matplotlib's axes out.

All are drawn without a background and with colours that stand out on a light and on a dark page; call
:func:`rnnkit.view.use_style` first. Each takes ``ax``, the axes to draw on; without, it makes a figure of its own.
Without matplotlib, an ``ImportError`` says how to get it; what does not fit is named by a ``ValueError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnkit.arrays import check_positive_int
from rnnkit.gradients import spectrum
from rnnkit.view.style import COLOURS, INK

MAX_LABELS = 60
"""More symbols than this along one axis cannot be read; an axis then counts steps instead."""


def new_axes(ax: Any = None, **settings: Any) -> Any:
    """Return ``ax``, or the axes of a new figure (``settings`` as for ``matplotlib.pyplot.subplots``)."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "rnnkit[view]"') from error
    return plt.subplots(**{"layout": "constrained", **settings})[1]


def heat_map(
    values: np.ndarray,
    *,
    ax: Any = None,
    log: bool = False,
    label: str = "",
    xlabel: str = "step s",
    ylabel: str = "step t",
) -> Any:
    r"""Draw a matrix as colours: :math:`\lVert\partial L_t/\partial h_s\rVert`, or states over time.

    Parameters
    ----------
    values
        Shape ``(rows, columns)``; row 0 is at the top. NaN is left blank. Where there are negative numbers, colours
        run from blue through white at 0 to red.
    log
        Colours by magnitude: for norms over many decades. What is not positive is left blank.
    label, xlabel, ylabel
        What the colours, columns and rows are.
    """
    values = _matrix("values", values)
    shown = np.where(np.isfinite(values) & ((values > 0) | (not log)), values, np.nan)
    if np.isnan(shown).all():
        raise ValueError(f"values must hold a {'positive ' * log}finite number to show, got none of {values.size}")
    ax = new_axes(ax)
    settings: dict[str, Any] = {"cmap": "cividis"}
    if log:
        settings["norm"] = "log"
    elif np.nanmin(shown) < 0:
        top = np.nanmax(np.abs(shown))
        settings = {"cmap": "RdBu_r", "vmin": -top, "vmax": top}
    image = ax.imshow(shown, aspect="auto", interpolation="nearest", **settings)
    ax.figure.colorbar(image, ax=ax, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return ax


def draw_spectrum(W: np.ndarray, *, axes: Any = None) -> Any:
    """Draw a square matrix's eigenvalues in the unit disc, and its singular values beside them.

    Parameters
    ----------
    W
        Shape ``(H, H)``.
    axes
        Two axes to draw on.

    Returns
    -------
    array of two axes
        Titled with the spectral radius ρ and with the largest singular value σ.
    """
    found = spectrum(_matrix("W", W))
    disc, bars = axes = new_axes(axes, ncols=2, figsize=(5.0, 2.9))
    turn = np.exp(2j * np.pi * np.linspace(0, 1, 200))
    disc.plot(turn.real, turn.imag, color=INK, linewidth=1)
    disc.plot(found.eigenvalues.real, found.eigenvalues.imag, "o", color=COLOURS[0], markersize=4)
    disc.set_aspect("equal", adjustable="datalim")
    disc.set(xlabel="real part", ylabel="imaginary part", title=f"ρ = {found.radius:.3g}")
    bars.axhline(1, color=INK, linewidth=1)
    bars.plot(np.arange(1, len(found.singular_values) + 1), found.singular_values, "s", color=COLOURS[1], markersize=4)
    bars.set(xlabel="number", ylabel="singular value", title=f"σ = {found.norm:.3g}", ylim=(0, None))
    return axes


def bound_curves(truth: Mapping[str, np.ndarray], bound: Mapping[str, np.ndarray], *, ax: Any = None) -> Any:
    """Draw norms over the lag (solid) and, in the same colour, what bounds them (dashed), on a logarithmic scale.

    Parameters
    ----------
    truth, bound
        By name, shape ``(lags,)``, lag 0 first; a name may be in one of the two alone.
    """
    names = list(dict.fromkeys([*truth, *bound]))
    if not names:
        raise ValueError("truth and bound are both empty: give at least one curve by name")
    ax = new_axes(ax)
    for name, colour in zip(names, COLOURS * len(names), strict=False):
        for curves, line, says in ((truth, "-", name), (bound, "--", f"{name}: bound")):
            if name in curves:
                ax.plot(np.asarray(curves[name], np.float64), line, color=colour, label=says)
    ax.set(yscale="log", xlabel="lag", ylabel="norm")
    ax.legend()
    return ax


def gate_raster(gates: np.ndarray, symbols: Sequence[str], *, ax: Any = None, label: str = "gate") -> Any:
    """Draw the gates of every unit over a text: dark is closed (0), bright is open (1).

    Parameters
    ----------
    gates
        Shape ``(T, H)``, values in [0, 1].
    symbols
        The text, or its ``T`` words.
    """
    gates = _matrix("gates", gates)
    if not ((gates >= 0) & (gates <= 1)).all():
        raise ValueError(f"gates must lie in [0, 1], got values from {np.nanmin(gates):.3g} to {np.nanmax(gates):.3g}")
    _same_length("symbols", symbols, gates.shape[0], "steps of gates")
    ax = new_axes(ax)
    image = ax.imshow(gates.T, aspect="auto", interpolation="nearest", cmap="cividis", vmin=0, vmax=1)
    ax.figure.colorbar(image, ax=ax, label=label)
    _symbols(ax.xaxis, symbols)
    ax.set(ylabel="unit")
    return ax


def alignment_map(weights: np.ndarray, source: Sequence[str], target: Sequence[str], *, ax: Any = None) -> Any:
    """Draw where each target word looks in the source: one row for each target word, its weights summing to 1.

    Parameters
    ----------
    weights
        Attention weights, shape ``(target, source)``.
    source, target
        The words along the top and down the side.
    """
    weights = _matrix("weights", weights)
    _same_length("target", target, weights.shape[0], "rows of weights")
    _same_length("source", source, weights.shape[1], "columns of weights")
    side = (min(9.0, 1.6 + 0.34 * len(source)), min(9.0, 1.0 + 0.34 * len(target)))
    ax = new_axes(ax, figsize=side)
    ax.imshow(weights, cmap="cividis", vmin=0, vmax=max(1.0, float(np.nanmax(weights))))
    ax.xaxis.tick_top()
    _symbols(ax.xaxis, source, rotate=any(len(word) > 2 for word in source))
    _symbols(ax.yaxis, target)
    return ax


def training_curves(runs: Mapping[str, Sequence[Any]], *, ax: Any = None, smooth: int = 1) -> Any:
    """Draw the loss of training over the steps: the median of several seeds, and the band they all lie in.

    Parameters
    ----------
    runs
        By name, one :class:`rnnkit.train.History` for each seed (or an array of losses). Where there was validation,
        it is drawn as dots on a dashed line.
    smooth
        Average the loss over so many steps.
    """
    check_positive_int("smooth", smooth)
    ax = new_axes(ax)
    for (name, histories), colour in zip(runs.items(), COLOURS * len(runs), strict=False):
        losses = [np.asarray(getattr(run, "loss", run), np.float64) for run in histories]
        if not losses or min(map(len, losses)) < smooth:
            raise ValueError(f"runs[{name!r}] must hold runs of at least smooth = {smooth} steps each")
        kernel = np.ones(smooth) / smooth
        _band(ax, [(np.arange(len(y) - smooth + 1) + smooth, np.convolve(y, kernel, "valid")) for y in losses],
              color=colour, label=name)  # fmt: skip
        validated = [(run.validated_at, run.validation) for run in histories if getattr(run, "validation", None)]
        if validated:
            _band(ax, validated, color=colour, label=f"{name}: validation", linestyle="--", marker="o", markersize=4)
    ax.set(xlabel="step", ylabel="loss")
    ax.legend()
    return ax


def _band(ax: Any, curves: Sequence[tuple[Any, Any]], **style: Any) -> None:
    """Draw the median of curves ``(x, y)`` and the band from the lowest to the highest at each ``x``."""
    at: dict[int, list[float]] = {}
    for x, y in curves:
        for step, value in zip(x, y, strict=True):
            at.setdefault(int(step), []).append(float(value))
    steps = sorted(at)
    ax.plot(steps, [float(np.median(at[step])) for step in steps], **style)
    if len(curves) > 1:
        low, high = ([extreme(at[step]) for step in steps] for extreme in (min, max))
        ax.fill_between(steps, low, high, color=style["color"], alpha=0.25, linewidth=0)


def _symbols(axis: Any, symbols: Sequence[str], *, rotate: bool = False) -> None:
    """Write symbols along an axis where there is room; a space and a line's end are made visible."""
    if len(symbols) > MAX_LABELS:
        axis.set_label_text("step")
        return
    shown = [{" ": "␣", "\n": "↵", "\t": "⇥"}.get(symbol, symbol) for symbol in symbols]
    axis.set_ticks(range(len(symbols)), shown, rotation=90 if rotate else 0, fontsize=11 if len(shown) <= 30 else 8)
    axis.set_tick_params(length=0)


def _matrix(name: str, values: Any) -> np.ndarray:
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"{name} must be a matrix with something in it, got shape {matrix.shape}")
    return matrix


def _same_length(name: str, symbols: Sequence[str], length: int, what: str) -> None:
    if len(symbols) != length:
        raise ValueError(f"{name} must have one entry for each of the {length} {what}, got {len(symbols)}")
