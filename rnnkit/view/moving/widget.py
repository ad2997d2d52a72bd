"""Moving figures as widgets of a live kernel. ``anywidget`` is imported when the first one is made."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rnnkit.view.moving.figure import MovingFigure, module, style


def widget_of(figure: MovingFigure) -> Any:
    """Return a widget that draws ``figure`` with the page's own script and keeps its state in traits.

    Raises
    ------
    ImportError
        When ``anywidget`` is not installed.
    """
    try:
        anywidget, traitlets = import_module("anywidget"), import_module("traitlets")
    except ImportError as error:
        raise ImportError('widgets of figures need anywidget: pip install "rnnkit[lab]"') from error
    traits = {
        name: traitlets.Int(first, min=low, max=high).tag(sync=True)
        for name, (low, high, first) in figure.moves().items()
    }
    fixed = {
        "_repr_mimebundle_": _with_html,
        "_esm": module([figure.script or figure.kind]) + "export default { render };\n",
        "_css": style(),
        "_frame": traitlets.Unicode(figure.frame()).tag(sync=True),
        "_names": traitlets.List(traitlets.Unicode(), list(traits)).tag(sync=True),
        "figure": figure,
        "__module__": __name__,
        "__doc__": f"{figure!r} with its state: {', '.join(traits)}.",
    }
    return type(type(figure).__name__ + "Widget", (anywidget.AnyWidget,), {**fixed, **traits})()


def _with_html(self: Any, **settings: Any) -> Any:
    """Return the widget, and for viewers without a kernel the same figure as HTML."""
    shown, about = _parts(import_module("anywidget").AnyWidget._repr_mimebundle_(self, **settings))
    return {**shown, "text/plain": repr(self.figure), "text/html": self.figure._repr_html_()}, about


def _parts(bundle: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of what anywidget returns: both, the data alone, or nothing."""
    shown, about = bundle if isinstance(bundle, tuple) else (bundle, {})
    return shown or {}, about or {}
