"""Figures: one style, claims tables, and figures that move without a kernel. matplotlib is imported on first use."""

from rnnkit.view.claims import ClaimError, Claims
from rnnkit.view.moving import BackwardStepper, GradientHeatMap
from rnnkit.view.style import COLOURS, INK, use_style
from rnnkit.view.trace import NINE_LINES, trace_nine_lines

__all__ = [
    "COLOURS",
    "INK",
    "NINE_LINES",
    "BackwardStepper",
    "ClaimError",
    "Claims",
    "GradientHeatMap",
    "trace_nine_lines",
    "use_style",
]
