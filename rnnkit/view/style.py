"""One look for every figure: readable on a light and on a dark page, at phone width, without colour vision."""

from __future__ import annotations

import sys

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b")
"""Okabe and Ito's palette in the tones that keep a contrast of 3:1 on white and on the dark page."""

INK = "#767676"
"""Mid-grey for axes and text: 4.5:1 on white, 3.9:1 on the book's dark page."""


def use_style() -> None:
    """Set matplotlib up for the book: SVG with text kept as text, no background, one palette.

    Call it once at the top of a notebook. Outside a notebook it changes ``matplotlib.rcParams`` alone.

    Raises
    ------
    ImportError
        When matplotlib is not installed: ``pip install "rnnkit[view]"``.
    """
    try:
        import matplotlib as mpl
        from cycler import cycler

        if "IPython" in sys.modules:  # a notebook, whose figures come through matplotlib_inline
            from matplotlib_inline.backend_inline import set_matplotlib_formats

            set_matplotlib_formats("svg")  # type: ignore[no-untyped-call]
    except ImportError as error:
        raise ImportError('figures need matplotlib: pip install "rnnkit[view]"') from error
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "rnnkit",
            "figure.figsize": (5.0, 3.0),  # on a phone of 390 pixels letters are then still 11 pixels high
            "figure.constrained_layout.use": True,
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "axes.prop_cycle": cycler(color=COLOURS),
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": INK,
            "grid.alpha": 0.25,
            "legend.frameon": False,
            "legend.handlelength": 1.5,  # four names side by side are no wider than the figure
            "legend.handletextpad": 0.5,
            "legend.columnspacing": 1.2,
            "figure.constrained_layout.wspace": 0.05,
            "lines.linewidth": 2.0,
            "font.family": "sans-serif",
            "font.size": 12.0,
        }
    )
