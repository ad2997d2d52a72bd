"""Figures: one style, claims tables, figures that move without a kernel. matplotlib is imported on first use."""

from rnnkit.view.claims import ClaimError, Claims
from rnnkit.view.coloured import ColouredText, coloured_text
from rnnkit.view.figures import alignment_map, bound_curves, draw_spectrum, gate_raster, heat_map, training_curves
from rnnkit.view.graphs import draw_graph, draw_tree
from rnnkit.view.moving import (
    BackwardStepper,
    Curve,
    Curves,
    GradientHeatMap,
    MovingFigure,
    Panel,
    Plane,
    Slider,
    UnfoldedGraph,
)
from rnnkit.view.patterns import draw_wiring
from rnnkit.view.style import COLOURS, INK, use_style
from rnnkit.view.trace import NINE_LINES, trace_nine_lines
from rnnkit.view.widgets import explore_alignment, explore_gates, explore_spectrum, explore_text, slider

__all__ = [
    "COLOURS",
    "INK",
    "NINE_LINES",
    "BackwardStepper",
    "ClaimError",
    "Claims",
    "ColouredText",
    "Curve",
    "Curves",
    "GradientHeatMap",
    "MovingFigure",
    "Panel",
    "Plane",
    "Slider",
    "UnfoldedGraph",
    "alignment_map",
    "bound_curves",
    "coloured_text",
    "draw_graph",
    "draw_spectrum",
    "draw_tree",
    "draw_wiring",
    "explore_alignment",
    "explore_gates",
    "explore_spectrum",
    "explore_text",
    "gate_raster",
    "heat_map",
    "slider",
    "trace_nine_lines",
    "training_curves",
    "use_style",
]
