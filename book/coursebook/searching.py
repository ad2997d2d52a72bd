"""Search: chapters stand first in what it finds, and what it knows of names in the library is kept between builds.

Sphinx reads the rest of its search index back in, but not the entries of the general index: without this part, a build
that writes one page makes the search forget the names on all others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FILE = "search-entries.json"
"""Beside what Sphinx keeps of each page, so that one is never thrown away without the other."""

ATTRIBUTE = "_search_index_index_entries"


def bring_back(app: Sphinx) -> None:
    """Give the index the entries that the last build has found."""
    file = Path(app.doctreedir) / FILE
    if file.is_file():
        kept = json.loads(file.read_text("utf8"))
        entries = {name: [tuple(entry) for entry in kept[name]] for name in kept if name in app.env.all_docs}
        setattr(app.env, ATTRIBUTE, entries)


def keep(app: Sphinx, exception: Exception | None) -> None:
    """Keep the entries of all pages that there are."""
    if exception is None and app.builder.format == "html":
        entries = getattr(app.env, ATTRIBUTE, {})
        file = Path(app.doctreedir) / FILE
        file.write_text(json.dumps({name: entries[name] for name in sorted(entries)}), "utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act before the index is made, and after it was written."""
    app.config.html_search_scorer = str(Path(__file__).with_name("scorer.js"))  # type: ignore[attr-defined]
    app.connect("builder-inited", bring_back, priority=100)
    app.connect("build-finished", keep)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
