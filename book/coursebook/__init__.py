"""The course's own Sphinx extension: what Jupyter Book leaves to do for pages that are right, fast and self-contained.

Each part is a module with a ``setup`` of its own, and they are set up in this order.

How a page comes to be:

``problems``  what is wrong with a book, as a list with file and line
``inputs``    what a page depends on: the key of the cache of executed notebooks, and the stamp of a whole build
``executing`` pages executed side by side, before they are read
``numbers``   chapter numbers from file names: ``chapters/05-bptt`` is chapter 5, whichever others exist

What a page brings along:

``pages``      repairs to the theme's HTML, MathJax from the environment, a text for every picture
``moving``     the script and the style sheet of moving figures, once for a page
``notation``   the five lectures' letters side by side, and a switch on every page with formulas
``glossary``   links to chapters by number, where they exist
``lite``       on exercises: open it in the browser, download it
``live``       cells that run in the page, checked to be able to
``publishing`` descriptions, licences, addresses, and buttons that lead to the repository once it is known
``styles``     one small style sheet in the place of a dozen
``scripts``    scripts that no page waits for, and none where nothing needs it
``searching``  names that the search would forget from one build to the next

Tables made from the whole book, and held against it (``generated`` is what they have in common):

``lecture_map`` where each of the lectures' 54 rows is taught
``claims``      all that the chapters have claimed
``downloads``   every notebook, and the exercises in one archive
``licences``    the packages the book stands on
``runs``        how long the pages took, with what and on what
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rnnkit.warm

from . import inputs

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PARTS = (
    "problems",  # first: it hears what the others have to say
    "inputs",
    "executing",
    "numbers",
    "pages",
    "moving",
    "notation",
    "glossary",
    "lite",
    "live",
    "publishing",
    "styles",
    "scripts",
    "searching",
    "lecture_map",
    "claims",
    "downloads",
    "licences",
    "runs",
)  # fmt: skip


BOOK = Path(__file__).resolve().parent.parent
CODE = [BOOK / "coursebook", BOOK / "site", BOOK / "browser", BOOK / "notation.toml"]
"""What any page may owe its form to, besides its source; ``static`` is linked by digest."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Let every part connect itself to the moments of the build at which it acts; let Jupyter find the warm kernels."""
    known = [str(Path(rnnkit.warm.__file__).parent), *filter(None, [os.environ.get("JUPYTER_PATH")])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(known)
    # Sphinx reads no page again because an extension has changed; it does so for a value of its configuration
    app.add_config_value("coursebook_code", inputs.digest(CODE), "env", str)
    for part in PARTS:
        app.setup_extension(f"coursebook.{part}")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
