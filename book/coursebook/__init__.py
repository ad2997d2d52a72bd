"""The course's own Sphinx extension: what Jupyter Book leaves to do for pages that are right, fast and self-contained.

Each part is a module with a ``setup`` of its own:

``inputs``   what a page depends on: the key of the cache of executed notebooks, and the stamp of a whole build
``pages``    repairs to the theme's HTML, MathJax from the environment, a text for every picture
``problems`` what is wrong with a book, as a list with file and line
``executing`` pages executed side by side, before they are read
``scripts``  scripts that no page waits for, and none where nothing needs it
``styles``   one small style sheet in the place of a dozen
``numbers``  chapter numbers from file names: ``chapters/05-bptt`` is chapter 5, whichever others exist
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rnnkit.warm

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PARTS = (
    "problems",  # first: it hears what the others have to say
    "executing",
    "inputs",
    "numbers",
    "pages",
    "scripts",
    "styles",
)  # fmt: skip


def setup(app: Sphinx) -> dict[str, Any]:
    """Let every part connect itself to the moments of the build at which it acts; let Jupyter find the warm kernels."""
    known = [str(Path(rnnkit.warm.__file__).parent), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(known)
    for part in PARTS:
        app.setup_extension(f"coursebook.{part}")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
