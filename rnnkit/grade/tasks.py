"""What travels to a worker and back: nothing else is needed there, least of all a shared file system.

A task goes out as a pickle of our own types; a result comes back as one line of JSON, because it was made beside a
hostile notebook.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import rnnkit
from rnnkit.grade.limits import Limits
from rnnkit.grade.master import wrong_answers_beside
from rnnkit.grade.results import CheckResult, Result, Status
from rnnkit.grade.submissions import HandedIn, Submission
from rnnkit.isolation.plan import Mode

__all__ = [
    "Assignment", "MasterFiles", "Task", "digest_of", "library_digest", "masters_digest", "pack_result", "read_masters",
    "unpack_result",
]  # fmt: skip


def digest_of(*parts: str | bytes) -> str:
    """Digest these parts, in this order, so that no two lists of parts share a digest."""
    code = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        code.update(len(data).to_bytes(8, "big") + data)
    return code.hexdigest()


def library_digest(*folders: str) -> str:
    """Digest rnnkit's version and its Python sources: all of them, or those of some folders, such as ``"check"``."""
    package = Path(rnnkit.__file__).parent
    sources = sorted(path for folder in folders or (".",) for path in (package / folder).rglob("*.py"))
    named = [part for path in sources for part in (path.relative_to(package).as_posix(), path.read_bytes())]
    return digest_of(rnnkit.__version__, *named)


@dataclass(frozen=True)
class MasterFiles:
    """A master notebook and the Python modules beside it (they make what an exercise is given), as bytes.

    What belongs to another master stays behind: a change there is no reason to grade this one again.
    """

    name: str
    files: tuple[tuple[str, bytes], ...]
    """The notebook first."""
    digest: str

    @classmethod
    def read(cls, path: Path) -> MasterFiles:
        """Read the master at `path`, such as ``solutions/05-bptt.ipynb``."""
        own = wrong_answers_beside(path)
        beside = [
            module
            for module in sorted(path.parent.glob("*.py"))
            if module.is_file() and (module == own or not module.name.startswith("wrong_answers_"))
        ]
        files = tuple((file.name, file.read_bytes()) for file in (path, *beside))
        return cls(path.stem, files, digest_of(*(part for file in files for part in file)))

    def write(self, folder: Path) -> Path:
        """Write the files into a new private folder; return the notebook's path."""
        folder.mkdir(mode=0o700)
        for name, content in self.files:
            (folder / name).write_bytes(content)
        return folder / self.files[0][0]


def read_masters(paths: Iterable[Path]) -> tuple[MasterFiles, ...]:
    """Read all masters; two of one name would be one to every table, so that is an error."""
    masters = tuple(MasterFiles.read(path) for path in paths)
    names = [master.name for master in masters]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"two masters are named {twice}; rename one of them or grade them in two runs")
    return masters


def masters_digest(masters: Sequence[MasterFiles], name: str) -> str | None:
    """Return the digest a row's `master` stands for: one master's, or all masters' for a row that matched none."""
    if not name:
        return digest_of(*(master.digest for master in masters))
    return next((master.digest for master in masters if master.name == name), None)


@dataclass(frozen=True)
class Assignment:
    """What is the same for a whole class."""

    masters: tuple[MasterFiles, ...]
    root_seed: str
    public: bool = False
    limits: Limits = Limits()  # noqa: RUF009  (frozen)
    isolation: Mode = "auto"
    hidden: tuple[str, ...] = ()
    """Paths that no notebook may see, should they lie on the worker's machine."""


@dataclass(frozen=True)
class Task:
    """Everything a worker needs for one submission."""

    name: str
    """The file's name, printable."""
    handed_in: HandedIn
    assignment: Assignment

    @classmethod
    def read(cls, submission: Submission, assignment: Assignment) -> Task:
        """Read a submission, now that its turn has come: a whole class would not fit into memory."""
        name = os.fsencode(submission.path.name).decode("utf-8", "backslashreplace")
        return cls(name, submission.read(), assignment)

    @property
    def seconds(self) -> float:
        """The time after which a worker gives itself up: what the limits allow, and two minutes for the grader."""
        limits = self.assignment.limits
        return limits.notebook_seconds + limits.startup_seconds + 120.0

    def pack(self) -> bytes:
        """Write the task for its journey; trusted on both ends."""
        return pickle.dumps(self, protocol=5)


def pack_result(result: Result) -> str:
    """Write a result as one line of JSON."""
    return json.dumps({field.name: asdict(result)[field.name] for field in fields(result) if field.init})


def unpack_result(line: str | bytes) -> Result:
    """Read what :func:`pack_result` wrote.

    Raises
    ------
    ValueError
        For anything else.
    """
    try:
        raw = json.loads(line)
        checks = tuple(CheckResult(**check) for check in raw.pop("checks"))
        notes = tuple(map(str, raw.pop("notes")))
        result = Result(checks=checks, notes=notes, **raw)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a worker sent no result: {type(error).__name__}") from error
    if result.status not in Status.__args__:  # type: ignore[attr-defined]
        raise ValueError(f"a worker sent the status {result.status!r}")
    return result
