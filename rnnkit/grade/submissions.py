"""Finding and reading submissions. Files are hostile: no link is followed, nothing is written or trusted."""

from __future__ import annotations

import collections
import hashlib
import json
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.check import notebooks
from rnnkit.grade.plan import grade_id
from rnnkit.grade.results import plain

if TYPE_CHECKING:
    from rnnkit.grade.master import Master

__all__ = [
    "HandedIn", "NoSubmissionsError", "Submission", "UnreadableError", "belongs_to", "cells_of", "find", "fingerprint",
    "read_cells",
]  # fmt: skip

_LARGEST = 20 << 20  # bytes of a notebook
_MOST_VALUES = 1_000_000  # lists and objects in it: each takes thirty times its length in memory
_MOST_CELLS = 2000
_MOST_FILES = 10_000  # in one student's folder
_PLAIN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"))


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
    root: Path | None = field(default=None, compare=False)
    """The folder the instructor named (its own path may hold links); None: the one the file lies in."""
    trouble: str = field(default="", compare=False)
    """Why the search for it found no file to read."""

    @property
    def key(self) -> str:
        """Return the absolute path as text that any database takes, bytes that are no UTF-8 written as escapes."""
        raw = os.fsencode(self.path.absolute())
        return (raw if os.sep == "\\" else raw.replace(b"\\", b"\\\\")).decode("utf-8", "backslashreplace")

    def read(self) -> HandedIn:
        """Read the file; what cannot be read has its reason instead."""
        try:
            return HandedIn(b"" if self.trouble else _read(self.path, self.root or self.path.parent), self.trouble)
        except UnreadableError as error:
            return HandedIn(b"", str(error))


@dataclass(frozen=True)
class HandedIn:
    """The content of a file, or the reason why there is none."""

    content: bytes
    reason: str = ""

    @property
    def digest(self) -> str:
        """Return the digest of the content, or of the reason."""
        return hashlib.sha256(f"unreadable: {self.reason}".encode() if self.reason else self.content).hexdigest()

    def cells(self) -> list[Mapping[str, Any]]:
        """Return the notebook's cells, or raise `UnreadableError`."""
        if self.reason:
            raise UnreadableError(self.reason)
        return cells_of(self.content)


# ------------------------------------------------------------------ finding


def find(places: Iterable[str | Path]) -> list[Submission]:
    """Find all submissions in `places`: notebooks, or folders with ``student.ipynb`` and ``student/05-bptt.ipynb``.

    A student's folder may hold its notebook at any depth; one that holds none is found too, to be told so in its row.
    Students whose names look the same get a mark that tells them apart.
    """
    found: dict[str, tuple[str, Submission]] = {}
    for place in map(Path, places):
        if place.is_dir():
            here = list(_in_folder(place))
            if all(one.path.is_dir() and not one.path.is_symlink() and not one.trouble for _, one in here):
                raise NoSubmissionsError(
                    f"{place} holds no notebook; expected {place}/student.ipynb or {place}/student/05-bptt.ipynb"
                )
        elif place.is_symlink() or place.exists():
            owner = place.absolute().parent.name if place.stem in notebooks() else place.stem
            here = [(owner, _named(place, owner))]
        else:
            raise NoSubmissionsError(f"{place} does not exist; give a notebook or a folder of notebooks")
        found |= {one.key: (owner, one) for owner, one in here}
    return sorted(_told_apart(list(found.values())))


def _in_folder(folder: Path) -> Iterator[tuple[str, Submission]]:
    """Yield what lies in `folder`, each with its owner's name as the file system has it."""
    for entry in sorted(folder.iterdir()):
        if _is_litter(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            below, trouble = _notebooks_below(entry)
            for path in below:
                yield entry.name, _named(path, entry.name, folder)
            if trouble or not below:
                yield entry.name, replace(_named(entry, entry.name, folder), trouble=trouble)
        elif _is_notebook(entry.name) or entry.is_dir():
            owner = entry.stem if _is_notebook(entry.name) else entry.name
            yield owner, _named(entry, owner, folder)


def _notebooks_below(folder: Path) -> tuple[list[Path], str]:
    """Find the notebooks in a student's folder; and why it could not be searched to its end."""
    found: list[Path] = []
    folders, seen, trouble = [str(folder)], 0, ""
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _MOST_FILES:
                        return sorted(found), f"holds more than {_MOST_FILES} files; hand in the notebook alone"
                    if _is_litter(entry.name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif _is_notebook(entry.name):
                        found.append(Path(entry.path))
        except OSError as error:
            trouble = f"is a folder that cannot be searched: {error.strerror}"
    return sorted(found), trouble


def _is_litter(name: str) -> bool:
    """Tell what systems and editors leave; a notebook of a hidden name is somebody's work all the same."""
    return name.startswith("._") or (name.startswith(".") and not _is_notebook(name))


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _named(path: Path, owner: str, root: Path | None = None) -> Submission:
    return Submission(plain(_text(owner)) or "unnamed", plain(_text(path.name)), path, root)


def _text(name: str) -> str:
    """Write a file's name as Unicode text, whatever its bytes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _told_apart(found: Sequence[tuple[str, Submission]]) -> Iterator[Submission]:
    """Mark students that look the same but are not, and equal files of one student by their folders."""
    owners = collections.defaultdict(set)
    for owner, one in found:
        owners[_look(one.student)].add(owner)
    marked = []
    for owner, one in found:
        if len(owners[_look(one.student)]) > 1:
            mark = hashlib.sha256(os.fsencode(owner)).hexdigest()[:4]
            one = replace(one, student=f"{plain(one.student, 24)} #{mark}")
        marked.append(one)
    count = collections.Counter((one.student, one.name) for one in marked)
    for one in marked:
        if count[one.student, one.name] > 1:
            one = replace(one, name=plain(f"{one.name} in {_text(one.path.absolute().parent.name)}"))
        yield one


def _look(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


# ------------------------------------------------------------------ reading


def _read(path: Path, root: Path) -> bytes:
    """Return the file's bytes; a link, a device, a pipe or an oversized file is refused before it is read."""
    try:
        descriptor = _open(path, root)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            _refuse(status)  # it may have been exchanged since
            content = file.read(_LARGEST + 1) if status.st_size <= _LARGEST else b""
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error
    if max(status.st_size, len(content)) > _LARGEST:
        raise UnreadableError(f"is over {_LARGEST >> 20} MB; clear its outputs and hand it in again")
    return content


def _open(path: Path, root: Path) -> int:
    """Open a file below `root` so that no step follows a link, even one put there this moment."""
    if os.open not in os.supports_dir_fd:
        _refuse(path.lstat())
        return os.open(path, _PLAIN)
    *folders, name = path.relative_to(root).parts
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            above, here = here, os.open(folder, _PLAIN | os.O_DIRECTORY, dir_fd=here)
            os.close(above)
        _refuse(os.stat(name, dir_fd=here, follow_symlinks=False))
        return os.open(name, _PLAIN, dir_fd=here)
    finally:
        os.close(here)


def _refuse(status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnreadableError("is a symbolic link; hand in the file itself")
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableError("is a folder that holds no notebook")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("is not a regular file")


def fingerprint(submission: Submission | Path) -> str:
    """Digest what was handed in; an unreadable file's is that of the reason."""
    one = submission if isinstance(submission, Submission) else Submission("", "", submission)
    return one.read().digest


def read_cells(path: Path) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the digest and the cells of a notebook, or `UnreadableError` with the reason."""
    handed_in = Submission("", "", path).read()
    return handed_in.digest, handed_in.cells()


def cells_of(content: bytes) -> list[Mapping[str, Any]]:
    """Return the cells of a notebook (format 2 to 4, any Unicode encoding), or `UnreadableError` with the reason."""
    if not content.strip():
        raise UnreadableError("is empty")
    if content.count(b"[") + content.count(b"{") > _MOST_VALUES:
        raise UnreadableError(f"holds more than {_MOST_VALUES} values; clear its outputs and hand it in again")
    try:
        raw = json.loads(content, parse_int=float)  # no grade hangs on a number; a long one would be an error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"is not JSON: {plain(error, 120)}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("nbformat"), float):
        raise UnreadableError("is JSON but not a notebook (no nbformat number)")
    if raw["nbformat"] not in (2, 3, 4):
        raise UnreadableError(f"is not a valid notebook: its format is {raw['nbformat']:g}, known are 2 to 4")
    cells = raw.get("cells") if raw["nbformat"] == 4 else _old_cells(raw)
    if not isinstance(cells, list) or len(cells) > _MOST_CELLS:
        raise UnreadableError(f"is not a valid notebook: cells must be a list of at most {_MOST_CELLS}")
    return [_cell(cell, number) for number, cell in enumerate(cells, 1)]


def _old_cells(raw: Mapping[str, Any]) -> list[Any] | None:
    """Return the cells of formats 2 and 3, which lie in worksheets and call a code cell's source its input."""
    try:
        cells = [cell for sheet in raw["worksheets"] for cell in sheet["cells"]]
        return [{**cell, "source": cell["input"]} if "input" in cell else cell for cell in cells]
    except (KeyError, TypeError):
        return None


def _cell(cell: Any, number: int) -> Mapping[str, Any]:
    """Return the parts of a cell that grading uses, of the types it relies on."""
    if not isinstance(cell, Mapping) or not isinstance(cell.get("cell_type"), str):
        raise UnreadableError(f"is not a valid notebook: cell {number} has no type")
    source = cell.get("source") or ""
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise UnreadableError(f"is not a valid notebook: the source of cell {number} is no text")
    whole = source.encode("utf-8", "replace").decode() if not source.isascii() else source  # half a surrogate pair
    text = whole.replace("\r\n", "\n").replace("\r", "\n")
    return {"cell_type": cell["cell_type"], "source": text, "metadata": cell.get("metadata")}


def belongs_to(name: str, cells: Sequence[Mapping[str, Any]], masters: Sequence[Master]) -> Master | None:
    """Find the master whose cells (by nbgrader ids, by check lines) a notebook holds, else the one of its name."""
    ids = {grade_id(cell) for cell in cells} - {""}
    lines = {line.strip() for cell in cells for line in cell["source"].splitlines()}
    shared = {
        master.name: len(ids & {grade_id(cell) for cell in master.release.cells})
        + len(lines & {check.source.strip() for check in master.checks})
        for master in masters
    }
    best = max(masters, key=lambda master: shared[master.name])
    if shared[best.name]:
        return best
    return next((master for master in masters if master.name in name), None)
