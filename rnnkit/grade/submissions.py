"""Finding and reading submissions. Files are hostile: nothing is followed, written or trusted."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from rnnkit.check import notebooks
from rnnkit.grade.plan import grade_id
from rnnkit.grade.results import plain

if TYPE_CHECKING:
    from rnnkit.grade.master import Master

__all__ = ["NoSubmissionsError", "Submission", "UnreadableError", "belongs_to", "find", "fingerprint", "read_cells"]

_LARGEST = 20 << 20
_MOST_CELLS = 2000


class NoSubmissionsError(ValueError):
    """There is nothing to grade; the message says where we looked."""


class UnreadableError(ValueError):
    """The file is no notebook that can be graded; the message says why."""


@dataclass(frozen=True, order=True)
class Submission:
    """One file handed in. `student` and `name` are made printable; `path` is the file itself."""

    student: str
    name: str
    path: Path

    @property
    def key(self) -> str:
        """Return the absolute path as text that any database takes, bytes that are no UTF-8 written as escapes."""
        return os.fsencode(self.path.absolute()).decode("utf-8", "backslashreplace")


def find(places: Iterable[str | Path]) -> list[Submission]:
    """Find all submissions in `places`: notebooks, or folders with ``student.ipynb`` and ``student/05-bptt.ipynb``.

    A student's folder may hold its notebook at any depth; one that holds none is found too, to be told so in its row.
    """
    found: dict[str, Submission] = {}
    for place in map(Path, places):
        if place.is_dir():
            here = list(_in_folder(place))
            if all(one.path.is_dir() and not one.path.is_symlink() for one in here):
                raise NoSubmissionsError(
                    f"{place} holds no notebook; expected {place}/student.ipynb or {place}/student/05-bptt.ipynb"
                )
        elif place.is_symlink() or place.exists():
            here = [_named(place, place.absolute().parent.name if place.stem in notebooks() else place.stem)]
        else:
            raise NoSubmissionsError(f"{place} does not exist; give a notebook or a folder of notebooks")
        found |= {one.key: one for one in here}
    return sorted(found.values())


def _in_folder(folder: Path) -> Iterator[Submission]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if _is_notebook(entry) and (entry.is_symlink() or not entry.is_dir()):
            yield _named(entry, entry.stem)
        elif entry.is_dir() and entry.is_symlink():
            yield _named(entry, entry.name)
        elif entry.is_dir():
            below = [path for path in sorted(entry.rglob("*")) if _is_notebook(path) and not _hidden(path, entry)]
            for path in below or [entry]:
                yield _named(path, entry.name)


def _is_notebook(path: Path) -> bool:
    return path.suffix.lower() == ".ipynb"


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _named(path: Path, student: str) -> Submission:
    readable = [os.fsencode(text).decode("utf-8", "backslashreplace") for text in (student, path.name)]
    return Submission(plain(readable[0]), plain(readable[1]), path)


def _read(path: Path) -> bytes:
    """Return the file's bytes; a link, a device, a pipe or an oversized file is refused before it is read."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        if path.is_symlink():
            raise UnreadableError("is a symbolic link; hand in the file itself")
        if path.is_dir():
            raise UnreadableError("is a folder that holds no notebook")
        descriptor = os.open(path, flags)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableError("is not a regular file")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UnreadableError(f"is over {_LARGEST >> 20} MB; clear its outputs and hand it in again")
    return content


def fingerprint(path: Path) -> str:
    """Digest what was handed in; an unreadable file's is that of the reason."""
    try:
        return hashlib.sha256(_read(path)).hexdigest()
    except UnreadableError as error:
        return hashlib.sha256(f"unreadable: {error}".encode()).hexdigest()


def read_cells(path: Path) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the digest and the cells of a notebook, or `UnreadableError` with the reason."""
    content = _read(path)
    if not content.strip():
        raise UnreadableError("is empty")
    try:
        raw = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"is not JSON: {plain(error, 120)}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("nbformat"), int):
        raise UnreadableError("is JSON but not a notebook (no nbformat number)")
    try:
        notebook = nbformat.convert(nbformat.from_dict(raw), 4)
        cells = notebook.cells
    except Exception as error:  # a hostile structure can raise anything in the conversion
        raise UnreadableError(f"is not a valid notebook: {plain(error, 120)}") from error
    if not isinstance(cells, list) or len(cells) > _MOST_CELLS:
        raise UnreadableError(f"is not a valid notebook: cells must be a list of at most {_MOST_CELLS}")
    return hashlib.sha256(content).hexdigest(), [_cell(cell, number) for number, cell in enumerate(cells, 1)]


def _cell(cell: Any, number: int) -> Mapping[str, Any]:
    """Return the parts of a cell that grading uses, of the types it relies on."""
    source = cell.get("source") if isinstance(cell, Mapping) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or not isinstance(cell.get("cell_type"), str):
        raise UnreadableError(f"is not a valid notebook: cell {number} has no text or no type")
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise UnreadableError(f"is not a valid notebook: cell {number} is not Unicode text") from error
    return {"cell_type": cell["cell_type"], "source": source, "metadata": cell.get("metadata")}


def belongs_to(name: str, cells: Sequence[Mapping[str, Any]], masters: Sequence[Master]) -> Master | None:
    """Find the master whose cells (by nbgrader ids, by check lines) a notebook holds, else the one of its name."""
    ids = {grade_id(cell) for cell in cells} - {""}
    lines = {cell["source"].strip() for cell in cells}
    shared = {
        master.name: len(ids & {grade_id(cell) for cell in master.release.cells})
        + len(lines & {check.source.strip() for check in master.checks})
        for master in masters
    }
    best = max(masters, key=lambda master: shared[master.name])
    if shared[best.name]:
        return best
    return next((master for master in masters if master.name in name), None)
