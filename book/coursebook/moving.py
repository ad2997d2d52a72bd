"""Moving figures in the book: what they share is linked once for a page, not repeated in each figure.

On its own a figure carries script and style sheet. Here both are taken out, and a page links one script that holds what
its figures need. Kernels of the build are told to show figures as HTML, not as widgets.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]

from rnnkit.view.moving import figure

if TYPE_CHECKING:
    from sphinx.application import Sphinx

KIND = re.compile(r'data-rk-figure="(\w+)"')

FOLDER = "moving"
"""Below ``_static``; scripts there are linked by the pages that need them, and by no other."""


def lighten(app: Sphinx, doctree: nodes.document) -> None:
    """Take script and style sheet out of the figures of a page."""
    for output in doctree.findall(nodes.raw):
        text = output.astext()
        if KIND.search(text):
            output.children = [nodes.Text(figure.STANDALONE.sub("", text))]


def link(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Link what the figures of this page need; the script's name says which kinds it draws."""
    if app.builder.format != "html" or doctree is None:
        return
    outputs = (output.astext() for output in doctree.findall(nodes.raw))
    kinds = sorted({kind for text in outputs for kind in KIND.findall(text)})
    if not kinds:
        return
    name = f"{FOLDER}/{'-'.join(kinds)}.js"
    for file, text in ((name, figure.script(kinds)), (f"{FOLDER}/moving.css", figure.style())):
        target = Path(app.outdir) / "_static" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_text("utf8") != text:
            target.write_text(text, "utf8")
    app.add_css_file(f"{FOLDER}/moving.css")
    app.add_js_file(name, loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act on every page read, and on every page written."""
    os.environ[figure.HTML_ONLY] = "html"
    app.connect("doctree-read", lighten)
    app.connect("html-page-context", link)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
