"""The course's own Sphinx extension: what Jupyter Book leaves to do for pages that are right, fast and self-contained.

``inputs``   what a page depends on: the key of the cache of executed notebooks, and the stamp of a whole build
``pages``    repairs to the theme's HTML, MathJax from the environment, a text for every picture
``numbers``  chapter numbers from file names: ``chapters/05-bptt`` is chapter 5, whichever others exist
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rnnkit.warm
from coursebook import inputs, numbers, pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect every part to the moment of the build at which it acts; let Jupyter find the warm kernels."""
    known = [str(Path(rnnkit.warm.__file__).parent), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(known)
    app.connect("config-inited", inputs.choose_cache)
    app.connect("env-get-updated", numbers.number_by_file_name, priority=900)  # after Sphinx has numbered
    app.connect("autodoc-process-docstring", pages.keep_colons, priority=400)  # before napoleon
    app.connect("doctree-read", pages.ask_for_alt_text)
    app.connect("html-page-context", pages.drop_unneeded_scripts, priority=900)
    app.connect("build-finished", pages.copy_mathjax)
    app.connect("build-finished", pages.repair_html)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
