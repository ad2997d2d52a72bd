"""Bring a learner's notebook up to date with a newer release of the same one: every answer and every own cell stays.

A cell of the release is *locked* (prose, checks), a *solution*, or *open* (there to play with). Locked ones become the
release's. The others become so only where the learner has left them as they were delivered.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnkit.learner.files import Cell, Notebook, info, source

__all__ = ["Merged", "digests", "merge"]


@dataclass
class Merged:
    """The notebook as it should be now, and what is different from before."""

    notebook: Notebook
    updated: int = 0
    added: int = 0
    removed: int = 0
    kept: list[str] = field(default_factory=list)
    """Cells of the learner's that stay although the release has another text for them."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.updated or self.added or self.removed)

    def __str__(self) -> str:
        parts = [(self.updated, "brought up to date"), (self.added, "added"), (self.removed, "removed")]
        said = [f"{n} cell{'s' if n != 1 else ''} {what}" for n, what in parts if n]
        return ", ".join(said) or "up to date"


def digests(notebook: Notebook) -> dict[str, str]:
    """Return what was delivered: a digest of each cell's text, by the cell's name."""
    return {_name(cell): digest(cell) for cell in notebook["cells"]}


def digest(cell: Cell) -> str:
    """Return a digest of a cell's text."""
    return hashlib.sha256(source(cell).strip().encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _name(cell: Cell) -> str:
    """Return what a cell is known by: its nbgrader id, else its own."""
    return str(info(cell).get("grade_id") or cell.get("id") or "")


def merge(mine: Notebook, release: Notebook, delivered: Mapping[str, str]) -> Merged:
    """Merge a learner's notebook with the release.

    Parameters
    ----------
    mine, release
        The learner's notebook, and the one that is current; neither is changed.
    delivered
        What :func:`digests` said of the release that the learner's notebook was made from.
    """
    merged = Merged({**copy.deepcopy(mine), "cells": []})
    merged.notebook["metadata"] = {**release.get("metadata", {}), **mine.get("metadata", {})}
    behind, places = _own_cells(mine, release, delivered, merged)
    cells = []
    ids = {str(cell.get("id")) for cell in release["cells"]}
    for name, cell in [("", None), *((_name(cell), cell) for cell in release["cells"])]:
        if cell is not None:
            cells.append(_cell(copy.deepcopy(cell), places.get(name), delivered.get(name), merged))
        cells += [_with_id(own, ids) for own in behind.get(name, [])]
    merged.notebook["cells"] = cells
    merged.notebook["nbformat"], merged.notebook["nbformat_minor"] = 4, max(_minor(mine), _minor(release))
    return merged


def _minor(notebook: Notebook) -> int:
    minor = notebook.get("nbformat_minor")
    return minor if isinstance(minor, int) else 5


def _own_cells(
    mine: Notebook, release: Notebook, delivered: Mapping[str, str], merged: Merged
) -> tuple[dict[str, list[Cell]], dict[str, Cell]]:
    """Sort the learner's cells: own ones, by the name of the release's cell they stand behind; and the release's."""
    known = {_name(cell): cell for cell in release["cells"]}
    by_text = {digest(cell): name for name, cell in known.items()}
    behind: dict[str, list[Cell]] = {}
    places: dict[str, Cell] = {}
    last = ""
    for cell in mine["cells"]:
        name = _name(cell)
        if name not in known and "id" not in cell:  # an old format has no ids
            name = by_text.get(digest(cell), name)
        if name in known and name not in places and known[name]["cell_type"] == cell["cell_type"]:
            places[name], last = cell, name
        elif name in delivered and name not in known and (info(cell).get("locked") or digest(cell) == delivered[name]):
            merged.removed += 1  # the course has done without it since
        else:
            behind.setdefault(last, []).append(copy.deepcopy(cell))
    return behind, places


def _cell(new: Cell, old: Cell | None, delivered: str | None, merged: Merged) -> Cell:
    """Return what stands in the place of the release's cell ``new``, where the learner has ``old``."""
    if old is None:
        merged.added += 1
        return new
    others = {key: value for key, value in old["metadata"].items() if key not in {"nbgrader", *new["metadata"]}}
    marked = {**others, **new["metadata"]}
    kept = {**copy.deepcopy(old), "metadata": marked} | ({"id": new["id"]} if "id" in new else {})
    if digest(old) == digest(new):
        merged.updated += marked != old["metadata"]
        return kept
    if not info(new).get("locked") and digest(old) != delivered:
        if delivered and delivered != digest(new):
            merged.kept.append(_name(new))
        return kept
    merged.updated += 1
    return {**new, "metadata": marked}


def _with_id(own: Cell, taken: set[str]) -> Cell:
    """Give an own cell an id that no other has: a copied cell has its model's, one of an old format has none."""
    if not isinstance(own.get("id"), str) or not own["id"] or own["id"] in taken:
        own["id"] = next(f"own-{n}" for n in range(1, len(taken) + 2) if f"own-{n}" not in taken)
    taken.add(own["id"])
    return own
