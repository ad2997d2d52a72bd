"""The exercises as a browser wants them: another kernel's name, and a first cell that says where one's work is.

Every other cell stays as it is in ``exercises/``, to the letter. So what a learner downloads can be handed in, opened
in JupyterLab, and brought up to date by ``rnnkit new``; links to chapters are led to the published pages by a script of
the site (``site.js``), not by other addresses in the text.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

KERNEL = {"name": "python", "display_name": "Python (in the browser)", "language": "python"}
"""The name must be that of JupyterLite's kernel, or a dialog asks for one before anything runs."""

TORCH = re.compile(r"^(import torch\b|from torch\b|from rnnkit\.torch\b|import rnnkit\.torch\b)", re.MULTILINE)
"""An import that stands at the left margin, so that without torch its cell can only fail."""

WELCOME = """\
**You are in your browser.** Python runs on this page and nothing that you write leaves your device. Your work is saved
in this browser a few seconds after each change and is here when you come back; Python then starts anew, so
run the cells above first (*Run → Run All Above Selected Cell*). Other browsers and devices do not have
it, and clearing this site's data removes it: *File → Download* gives you a copy to keep or to hand in. A cell that
never ends is stopped by *Kernel → Restart Kernel*. What has torch in it is skipped here."""


def edition(source: bytes) -> str:
    """Return the name of a notebook's state, from its content."""
    return hashlib.sha256(source).hexdigest()[:12]


def needs_torch(notebook: dict[str, Any]) -> bool:
    """Tell whether a notebook cannot run without torch."""
    return any(cell["cell_type"] == "code" and TORCH.search("".join(cell["source"])) for cell in notebook["cells"])


def for_browser(source: bytes) -> dict[str, Any]:
    """Return the notebook for the browser."""
    notebook = json.loads(source)
    welcome = {
        "cell_type": "markdown",
        "id": "in-the-browser",
        "metadata": {"editable": False},
        "source": WELCOME.splitlines(keepends=True),
    }
    metadata = notebook["metadata"] | {"kernelspec": KERNEL, "rnnkit": {"edition": edition(source)}}
    return notebook | {"cells": [welcome, *notebook["cells"]], "metadata": metadata}


def write_notebooks(exercises: Path, target: Path) -> list[str]:
    """Write the copies of all notebooks that can run without torch; return their names."""
    target.mkdir(parents=True)
    written = []
    for path in sorted(exercises.glob("*.ipynb")):
        source = path.read_bytes()
        try:
            notebook = json.loads(source)
        except ValueError as error:
            raise ValueError(f"{path} is not a notebook: {error}") from None
        if not needs_torch(notebook):
            text = json.dumps(for_browser(source), indent=1, ensure_ascii=False) + "\n"
            (target / path.name).write_text(text, "utf8")
            written.append(path.name)
    return written
