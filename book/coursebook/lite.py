"""The box on each exercise's page: do it in the browser, or download it, and how what you write is kept.

The config value ``coursebook_lite`` says whether the book has notebooks in the browser (``lite/``, made by
``book/browser``). Without them nothing may lead there. ``scripts/book.py build --no-lite`` sets it for one build.
"""

from __future__ import annotations

import json
import os
import tomllib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browser import HERE
from browser.notebooks import edition, needs_torch
from browser.site import STORAGE
from docutils import nodes  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SWITCH = "COURSEBOOK_LITE"
"""An environment variable: ``0`` builds the book without notebooks in the browser."""

FOLDER = "exercises/"

BOX = """\
<div class="lite-box" role="group" aria-label="Do this exercise" {data}>
<p class="lite-actions">{links}</p>
<p>{words}</p>
<p class="lite-yours" hidden></p>
</div>
"""


def insert_box(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the box below the title of an exercise's page."""
    source = Path(app.env.doc2path(docname))
    section = next(iter(doctree.findall(nodes.section)), None)
    if docname.startswith(FOLDER) and source.suffix == ".ipynb" and section is not None:
        html = box(source, lite=app.config.coursebook_lite)
        section.insert(1, nodes.raw("", html, format="html"))


def box(source: Path, *, lite: bool) -> str:
    """Return the box for the notebook in ``source``."""
    content, name = source.read_bytes(), escape(source.name)
    download = f'<a class="lite-download" href="../_sources/{FOLDER}{name}" download>Download the notebook</a>'
    if needs_torch(json.loads(content)):
        words = "This exercise needs torch, which does not run in a browser: download it and open it in JupyterLab."
        return BOX.format(data="", links=download, words=words)
    if not lite:
        return BOX.format(data="", links=download, words="Download it and open it in JupyterLab.")
    open_it = f'<a class="lite-open" href="../lite/notebooks/index.html?path={name}">Open in the browser</a>'
    words = (
        f"Nothing to install: Python comes with the page. {cost()} What you write is saved in this browser, on this "
        "device, and nowhere else; <em>File → Download</em> in the notebook gives you a copy to keep or to hand in."
    )
    data = f'data-notebook="{name}" data-edition="{edition(content)}" data-storage="{escape(STORAGE)}"'
    return BOX.format(data=data, links=f"{open_it} {download}", words=words)


def cost() -> str:
    """Say what the first visit costs, as ``benchmarks/browser.py`` has measured it."""
    figures = tomllib.loads((HERE / "measured.toml").read_text("utf8"))
    megabytes, seconds = figures["first_visit_megabytes"], figures["first_visit_seconds"]
    return (
        f"The first visit loads {megabytes:.0f} MB, and Python answered after {seconds:.0f} seconds where we measured "
        "it; later visits load next to nothing."
    )


def add_files(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Give the pages with a box its style and its script."""
    if pagename.startswith(FOLDER) and doctree is not None:
        app.add_css_file("lite.css")
        if app.config.coursebook_lite:
            app.add_js_file("lite.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the config value; act on every page that is written."""
    app.add_config_value("coursebook_lite", os.environ.get(SWITCH) != "0", "env", bool)
    app.connect("doctree-resolved", insert_box)
    app.connect("html-page-context", add_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
