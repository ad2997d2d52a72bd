"""What every moving figure shares: its HTML, its script, the table behind it, and its widget."""

from __future__ import annotations

import html
import json
import os
import re
import sys
from collections.abc import Collection
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

INDEX = re.compile(r"(?<=[^\W_])_(\{[^}]*\}|\d+|[A-Za-z](?![A-Za-z]))")
"""An index behind a letter: braces, a number, or one letter."""

STANDALONE = re.compile(r"<(style|script) data-rk-once>.*?</\1>\n?", re.DOTALL)
"""What a page of several figures needs once: the book takes it out of each figure and links it as files."""

HTML_ONLY = "RNNKIT_FIGURES"
"""Set to ``html`` in the environment where figures are to be shown without a kernel: no widget is made then."""


class MovingFigure:
    """A figure that moves: numbers, a title, and a text for those who do not see it.

    A kind of figure is a class with ``kind``, :meth:`data`, :meth:`rows` and :meth:`moves`, and a script ``KIND.js``
    beside this file that draws :meth:`data` with the means of ``shared.js``.
    """

    kind: ClassVar[str]
    script: ClassVar[str] = ""
    """The script that draws it, if it is not called like the kind."""

    def __init__(self, title: str, alt: str) -> None:
        for name, value in (("title", title), ("alt", alt)):
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name} must be a text that is not empty, got {value!r}")
        self.title = title
        self.alt = alt

    def data(self) -> dict[str, Any]:
        """Return what the script draws, as plain lists and numbers."""
        raise NotImplementedError

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Return the header and the rows of the table behind the figure."""
        raise NotImplementedError

    def moves(self) -> dict[str, tuple[int, int, int]]:
        """Return what a reader can move: name, and lowest, highest and first value. They become the widget's traits."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return :meth:`data` as JSON that is safe inside a ``<script>`` element."""
        text = json.dumps(self.data(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.replace("<", "\\u003c")

    def frame(self) -> str:
        """Return the figure as HTML without script and style: title, place to draw in, table, numbers."""
        title, alt, drawn = html.escape(self.title), html.escape(self.alt), self.script or self.kind
        return (
            f'<div class="rk-figure rk-{self.kind}" data-rk-figure="{drawn}" data-lm-suppress-shortcuts="true"'
            f' role="group" aria-label="{title}">\n'
            f'<p class="rk-title">{as_formula(self.title)}</p>\n<div class="rk-stage" data-rk-alt="{alt}"></div>\n'
            '<details class="rk-data" open><summary>The numbers behind this figure</summary>\n'
            f"<p>{as_formula(self.alt)}</p>\n"
            f'<div class="rk-scroll" tabindex="0" role="region" aria-label="Table: {title}">{self._table()}</div>'
            f'</details>\n<script type="application/json">{self.to_json()}</script>\n</div>'
        )

    def widget(self) -> Any:
        """Return the figure as an ``ipywidgets`` widget whose state Python can read, set, observe and link.

        Returns
        -------
        anywidget.AnyWidget
            With a trait for each thing a reader can move, such as ``step``, and the figure's numbers in ``figure``.

        Raises
        ------
        ImportError
            When ``anywidget`` is not installed: ``pip install "rnnkit[lab]"``.
        """
        module = import_module("rnnkit.view.moving.widget")
        return module.widget_of(self)

    def _repr_html_(self) -> str:
        drawing = script([self.script or self.kind])
        once = f"<style data-rk-once>{style()}</style>\n<script data-rk-once>{drawing}</script>\n"
        before, end, _ = self.frame().rpartition("</div>")
        return before + once + end

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Return HTML; where a kernel can hold a widget, the widget as well, which JupyterLab prefers.

        JupyterLab shows a widget as long as its kernel lives: in a notebook opened again, run the cell again. With
        ``RNNKIT_FIGURES=html`` in the environment the output is HTML alone, and moves without a kernel there, too.
        """
        if kernel_is_live():
            return self.widget()._repr_mimebundle_()
        return {"text/plain": repr(self), "text/html": self._repr_html_()}, {}

    def _table(self) -> str:
        header, rows = self.rows()
        head = "".join(f'<th scope="col">{as_formula(cell)}</th>' for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{as_formula(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"


def style() -> str:
    """Return the style sheet of all kinds."""
    return beside("moving.css")


def script(kinds: Collection[str], then: str = "mountAll();") -> str:
    """Return one script that draws these kinds, in a scope of its own."""
    return f"(() => {{\n'use strict';\n{module(kinds)}{then}\n}})();\n"


def module(kinds: Collection[str]) -> str:
    """Return what all figures share, and each kind in a block of its own."""
    return beside("shared.js") + "".join(f"{{\n{beside(f'{kind}.js')}}}\n" for kind in kinds)


def beside(name: str) -> str:
    """Return the text of a file in this folder."""
    return Path(__file__).with_name(name).read_text("utf8")


def kernel_is_live() -> bool:
    """Tell whether a kernel runs this that can hold a widget, and nobody asked for HTML alone."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return (
        getattr(shell, "kernel", None) is not None
        and os.environ.get(HTML_ONLY) != "html"
        and find_spec("anywidget") is not None
    )


def as_formula(text: str) -> str:
    """Return ``text`` as HTML, with the index of ``h_t`` or ``h_{t−1}`` lowered (as ``formula`` in the script does)."""
    return INDEX.sub(lambda match: f"<sub>{match[1].strip('{}')}</sub>", html.escape(text))


def rounded(value: float, digits: int = 3) -> float:
    """Return a number with so many significant digits, as it travels to the page."""
    return float(f"{value:.{digits}g}")


def written(value: float | None, digits: int = 3) -> str:
    """Return a number as the table shows it."""
    return "–" if value is None or value != value else f"{value:.{digits}g}"
