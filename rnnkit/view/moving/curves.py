"""Curves and points that follow a slider: every position computed before, the reader moves among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from rnnkit.view.moving.figure import MovingFigure, rounded, written

Mark: TypeAlias = Literal["line", "stem", "points", "path"]
"""How a curve is drawn; a path is a line with its points."""

MAX_POINTS = 6_000
"""So many points a figure may hold: its page stays light, and the table behind it can be read."""

LABELS = ("x_label", "y_label")


@dataclass(frozen=True)
class Slider:
    """What the reader moves.

    Parameters
    ----------
    name
        Such as ``"γ"``.
    values
        Its positions, from left to right: numbers or texts.
    start
        The index of the position shown first.
    """

    name: str
    values: Sequence[float | str]
    start: int = 0

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError(f"a slider's name must be a text that is not empty, got {self.name!r}")
        if isinstance(self.values, str) or len(self.values) < 2:
            raise ValueError(f"slider {self.name!r} must have at least two values, got {self.values!r}")
        if not 0 <= self.start < len(self.values):
            raise ValueError(
                f"slider {self.name!r}: start must be an index of its {len(self.values)} values, got {self.start}"
            )

    def texts(self) -> list[str]:
        """Return its positions as they are written."""
        return [value if isinstance(value, str) else f"{value:.4g}".replace("-", "−") for value in self.values]


@dataclass(frozen=True)
class Curve:
    """One curve of a panel.

    Parameters
    ----------
    name
        In the legend and in the table.
    y
        ``(N,)``, the same at every position of the slider; or ``(P, N)``, one row for each of its P positions; with two
        sliders ``(P, Q, N)``. NaN where there is nothing to draw.
    x
        As ``y``; without it the panel's.
    mark
        ``"line"``, ``"stem"``, ``"points"`` or ``"path"`` (a line with its points).
    """

    name: str
    y: Any
    x: Any = None
    mark: Mark = "line"


@dataclass(frozen=True)
class Panel:
    """Curves over one x axis.

    Parameters
    ----------
    curves
        At most five.
    x
        For curves without their own; the default counts from 0.
    title, x_label, y_label
        What stands above and beside it.
    log
        A logarithmic y axis: zeros are left out, negative numbers refused.
    x_limits, y_limits
        The ends of the axes; without them all positions of the slider fit in.
    equal
        One unit as long across as up.
    disc
        Draw the unit circle.
    """

    curves: Sequence[Curve]
    x: Any = None
    title: str = ""
    x_label: str = ""
    y_label: str = ""
    log: bool = False
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    equal: bool = False
    disc: bool = False


class Curves(MovingFigure):
    """Panels of lines, stems and points, for every position of a slider, or of two.

    A reader moves the slider, and reads exact numbers by pointing at a panel or with the arrow keys.

    Parameters
    ----------
    panels
        One :class:`Panel` or several.
    slider, second
        A :class:`Slider`, and a second one. Without them nothing moves, but numbers can be read.
    notes
        A sentence for each position of the slider (with two: P lists of Q sentences).
    title, alt
        The figure's name, and what it shows in words.

    Raises
    ------
    ValueError
        Naming the panel, the curve and what does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> gamma, lag = np.array([0.5, 0.9]), np.arange(4)
    >>> kernel = Curve("kernel", gamma[:, None] ** lag, mark="stem")
    >>> figure = Curves(
    ...     [Panel([kernel, Curve("one", np.ones(4))], x_label="lag")],
    ...     Slider("γ", gamma),
    ...     title="How a leaky unit forgets",
    ...     alt="Stems that fall from one, the slower the closer γ is to one.",
    ... )
    >>> figure
    Curves('How a leaky unit forgets', 1 panel, γ in 2 positions)
    >>> figure.rows()[1][-2:]
    [['0.9', 'kernel', '2', '0.81'], ['0.9', 'kernel', '3', '0.729']]
    """

    kind = "curves"
    script = "panels"

    def __init__(
        self,
        panels: Panel | Sequence[Panel],
        slider: Slider | None = None,
        *,
        second: Slider | None = None,
        notes: Sequence[Any] | None = None,
        title: str,
        alt: str,
    ) -> None:
        super().__init__(title, alt)
        self.panels = [panels] if isinstance(panels, Panel) else list(panels)
        if second is not None and slider is None:
            raise ValueError("second needs a first slider: give it as slider")
        self.sliders = [each for each in (slider, second) if each is not None]
        self.shape = tuple(len(each.values) for each in self.sliders)
        if not self.panels:
            raise ValueError("panels is empty: give at least one Panel")
        self._drawn = [_Checked(panel, self.shape, f"panel {i + 1}") for i, panel in enumerate(self.panels)]
        size = sum(curve.size for panel in self._drawn for curve in panel.curves)
        if size > MAX_POINTS:
            raise ValueError(f"the figure holds {size} points, more than {MAX_POINTS}: give fewer positions or points")
        self.notes = _check_notes(notes, self.shape)

    def __repr__(self) -> str:
        count = f"{len(self.panels)} panel{'s' * (len(self.panels) > 1)}"
        moved = "".join(f", {each.name} in {len(each.values)} positions" for each in self.sliders)
        return f"{type(self).__name__}({self.title!r}, {count}{moved})"

    def data(self) -> dict[str, Any]:
        """Return sliders, panels and notes; positions of two sliders are counted in one list."""
        sliders = [{"name": each.name, "values": each.texts(), "start": each.start} for each in self.sliders]
        return {"sliders": sliders, "panels": [panel.data() for panel in self._drawn], "notes": self.notes}

    def moves(self) -> dict[str, tuple[int, int, int]]:
        """Return the index of the slider's position (and of the second's)."""
        names = ("index", "index2")
        return {name: (0, len(each.values) - 1, each.start) for name, each in zip(names, self.sliders, strict=False)}

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return one row for each point of each curve; what no slider moves comes first, and once."""
        labels = [dict.fromkeys(getattr(each.panel, name) or name[0] for each in self._drawn) for name in LABELS]
        header = [*(each.name for each in self.sliders), "curve", *(" / ".join(each) for each in labels)]
        curves = [(curve, each.panel) for each in self._drawn for curve in each.curves]
        positions: list[list[str]] = [[]]
        for each in self.sliders:
            positions = [[*before, text] for before in positions for text in each.texts()]
        body = [
            row for curve, panel in curves if curve.fixed for row in curve.rows(0, ["any"] * len(self.shape), panel)
        ]
        for place, at in enumerate(positions):
            body.extend(row for curve, panel in curves if not curve.fixed for row in curve.rows(place, at, panel))
        return header, body


class Plane(Curves):
    """Points and paths in the plane that move with the slider, alone or beside panels of curves.

    One unit is as long across as up.

    Parameters
    ----------
    curves
        At most five, each with its own ``x`` and ``y``; ``mark`` is ``"points"`` or ``"path"``.
    slider, second, notes, title, alt
        As for :class:`Curves`.
    beside
        Panels driven by the same slider.
    disc
        Draw the unit circle.
    x_label, y_label, x_limits, y_limits
        As for :class:`Panel`.

    Raises
    ------
    ValueError
        As for :class:`Curves`.

    Examples
    --------
    >>> import numpy as np
    >>> gamma, lag = np.array([0.5, 0.9]), np.arange(4)
    >>> figure = Plane(
    ...     [Curve("pole", x=gamma[:, None], y=np.zeros((2, 1)), mark="points")],
    ...     Slider("γ", gamma),
    ...     beside=[Panel([Curve("response", gamma[:, None] ** lag, mark="stem")], x_label="lag")],
    ...     disc=True,
    ...     title="Pole and response",
    ...     alt="The pole moves to the right along the axis, and the response lasts longer.",
    ... )
    >>> figure.moves()
    {'index': (0, 1, 0)}
    """

    kind = "plane"

    def __init__(
        self,
        curves: Sequence[Curve],
        slider: Slider | None = None,
        *,
        beside: Sequence[Panel] = (),
        disc: bool = False,
        x_label: str = "",
        y_label: str = "",
        x_limits: tuple[float, float] | None = None,
        y_limits: tuple[float, float] | None = None,
        **common: Any,
    ) -> None:
        for curve in curves:
            if curve.x is None:
                raise ValueError(f"curve {curve.name!r} in the plane must have its own x")
        plane = Panel(curves, None, "", x_label, y_label, x_limits=x_limits, y_limits=y_limits, equal=True, disc=disc)
        super().__init__([plane, *beside], slider, **common)


class _CheckedCurve:
    """A curve as arrays: one row for each position, or one for all."""

    def __init__(self, curve: Curve, panel: Panel, shape: tuple[int, ...], where: str) -> None:
        if curve.mark not in get_args(Mark):
            raise ValueError(f"{where}: mark must be one of {', '.join(get_args(Mark))}, got {curve.mark!r}")
        self.name, self.mark = curve.name, curve.mark
        self.y, self.fixed = _frames(curve.y, shape, f"{where}: y")
        given = curve.x if curve.x is not None else panel.x
        self.x, fixed = _frames(np.arange(self.y.shape[-1]) if given is None else given, shape, f"{where}: x")
        self.fixed = self.fixed and fixed
        if self.x.shape[-1] != self.y.shape[-1]:
            raise ValueError(f"{where}: x has {self.x.shape[-1]} numbers, y has {self.y.shape[-1]}")
        if panel.log and (self.y < 0).any():
            raise ValueError(f"{where}: a logarithmic axis shows no negative numbers, got {np.nanmin(self.y):.3g}")
        self.size = max(self.x.size, self.y.size)

    def rows(self, place: int, at: list[str], panel: Panel) -> Iterator[list[str]]:
        """Yield a row of the table for each point at a position of the slider."""
        x, y = (values[min(place, len(values) - 1)].tolist() for values in (self.x, self.y))
        for point in zip(x, y, strict=True):
            yield [*at, self.name or panel.y_label or "–", *(written(value, 4) for value in point)]

    def data(self) -> dict[str, Any]:
        x, y = (
            [_plain(row) for row in values] if len(values) > 1 else _plain(values[0]) for values in (self.x, self.y)
        )
        return {"name": self.name, "mark": self.mark, "fixed": self.fixed, "x": x, "y": y}


class _Checked:
    """A panel whose curves fit the slider, with the ends of its axes."""

    def __init__(self, panel: Panel, shape: tuple[int, ...], where: str) -> None:
        self.panel = panel
        if not 1 <= len(panel.curves) <= 5:
            raise ValueError(f"{where} must have one to five curves, got {len(panel.curves)}")
        self.curves = [_CheckedCurve(curve, panel, shape, f"{where}, curve {curve.name!r}") for curve in panel.curves]
        xs, ys = (np.concatenate([getattr(c, name).ravel() for c in self.curves]) for name in "xy")
        self.x = _ends(xs, panel.x_limits, False, f"{where}: x_limits", around=panel.equal)
        self.y = _ends(ys, panel.y_limits, panel.log, f"{where}: y_limits", around=True)
        if panel.disc:
            self.x, self.y = ((min(low, -1.1), max(high, 1.1)) for low, high in (self.x, self.y))

    def data(self) -> dict[str, Any]:
        panel = self.panel
        x, y = panel.x_label or "x", panel.y_label or ", ".join(c.name for c in self.curves if c.name) or "y"
        return {
            "title": panel.title,
            "alt": ": ".join(filter(None, [panel.title, f"{y} against {x}"])),
            "x": {"label": panel.x_label, "low": self.x[0], "high": self.x[1]},
            "y": {"label": panel.y_label, "low": self.y[0], "high": self.y[1], "log": panel.log},
            "equal": panel.equal,
            "disc": panel.disc,
            "curves": [curve.data() for curve in self.curves],
        }


def _frames(values: Any, shape: tuple[int, ...], where: str) -> tuple[np.ndarray, bool]:
    """Return ``values`` with one row for each position, or a single row, and whether it is that single row."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} must be an array of numbers: {error}") from error
    sizes = "(N,)" + (f" or ({', '.join(map(str, shape))}, N)" if shape else "")
    if array.ndim == 0 or array.shape[:-1] not in ((), shape) or not array.size:
        raise ValueError(f"{where} must have shape {sizes}, got {array.shape}")
    if np.isinf(array).any():
        raise ValueError(
            f"{where} must be finite, or NaN where there is nothing to draw; got {array[np.isinf(array)][0]}"
        )
    return array.reshape(-1, array.shape[-1]), array.ndim == 1


def _plain(row: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else rounded(float(value), 4) for value in row]


def _ends(
    values: np.ndarray, limits: tuple[float, float] | None, log: bool, where: str, *, around: bool
) -> tuple[float, float]:
    """Return the ends of an axis: those given, or such that all values fit in, with some room ``around``."""
    if limits is not None:
        low, high = (float(end) for end in limits)
        if not (np.isfinite([low, high]).all() and low < high and (low > 0 or not log)):
            raise ValueError(f"{where} must be (low, high), finite{' and positive' * log}, got {limits}")
        return low, high
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not values.size:
        raise ValueError(f"{where[:-7]} has no {'positive ' * log}number to draw")
    low, high = float(values.min()), float(values.max())
    if log:
        low, high = np.floor(np.log10(low)), np.ceil(np.log10(high))
        return float(10.0 ** max(low, high - 16)), float(10.0 ** max(high, low + 1))
    room = 0.05 * (high - low) if high > low else 0.5
    return (low - room, high + room) if around or high == low else (low, high)


def _check_notes(notes: Sequence[Any] | None, shape: tuple[int, ...]) -> list[str] | None:
    """Return one sentence for each position in one list."""
    if notes is None:
        return None
    if np.shape(np.asarray(notes, dtype=object)) != (shape or (1,)):
        raise ValueError(
            f"notes must have one sentence for each position, shape {shape or (1,)}, "
            f"got shape {np.shape(np.asarray(notes, dtype=object))}"
        )
    return [str(note) for note in np.ravel(np.asarray(notes, dtype=object))]
