"""Figures that move in a page, without a kernel: numbers from Python, drawn by one small script.

A figure holds numbers a notebook has computed. Its HTML carries them as JSON, next to a script (``shared.js`` and the
part for its kind) and a style sheet (``moving.css``), and so works the same in the published book and in any page.
Where scripts do not run, what is left is a table of the same numbers. In JupyterLab with a kernel the same script draws
a widget, whose state Python can read and set. In every text, ``h_t`` and ``h_{t−1}`` are shown with a lowered index.
"""

from rnnkit.view.moving.curves import Curve, Curves, Panel, Plane, Slider
from rnnkit.view.moving.figure import MovingFigure
from rnnkit.view.moving.heatmap import GradientHeatMap
from rnnkit.view.moving.stepper import BackwardStepper
from rnnkit.view.moving.unfolded import UnfoldedGraph

__all__ = [
    "BackwardStepper",
    "Curve",
    "Curves",
    "GradientHeatMap",
    "MovingFigure",
    "Panel",
    "Plane",
    "Slider",
    "UnfoldedGraph",
]
