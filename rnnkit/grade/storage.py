"""The file under the gradebook: who may write it, how it is opened and kept whole, and what its errors mean.

``synchronous = EXTRA``: every commit waits until the disk holds it (with a rollback journal the folder too). A result
has cost a second of grading and more, the wait costs milliseconds, and then not even a power cut loses a graded
submission. With NORMAL the file would stay whole too, but the last rows before the cut could be gone.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rnnkit.grade.results import plain

__all__ = [
    "APPLICATION_ID",
    "Claim",
    "GradebookError",
    "connect",
    "copied",
    "create",
    "explained",
    "looked_at",
    "save_copy",
    "transaction",
]

APPLICATION_ID = 0x726E6E6B  # "rnnk": tells our files from any other SQLite file
_PATIENCE = 30.0  # s that a reader with a lock (a backup, a viewer) may hold us up
_AGAIN = "run the same command again: it goes on from here"
_SAFE = "what was graded before is safe"
_WORN = (
    "is damaged",
    "it was left as it is: move it away, restore it from a backup ({backup} if it is there: its state before the last "
    "run), or choose another folder with --out",
)
_MEANINGS = {
    sqlite3.SQLITE_FULL: ("the disk is full", f"{_SAFE}; make room there, or with --out elsewhere, and {_AGAIN}"),
    sqlite3.SQLITE_IOERR: ("the disk gave an error", f"{_SAFE} unless the disk is broken; look after it and {_AGAIN}"),
    sqlite3.SQLITE_READONLY: (
        "is read-only, or its folder or the disk is",
        f"{_SAFE}; make it writable and {_AGAIN}, or choose another folder with --out",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened for writing",
        f"{_SAFE}; is its folder there and writable? then {_AGAIN}, or choose another folder with --out",
    ),
    sqlite3.SQLITE_BUSY: ("another program keeps it locked", f"{_SAFE}; close that program and {_AGAIN}"),
    sqlite3.SQLITE_CORRUPT: _WORN,
    sqlite3.SQLITE_NOTADB: ("is no gradebook", _WORN[1]),
}
_MEANINGS[sqlite3.SQLITE_LOCKED] = _MEANINGS[sqlite3.SQLITE_PROTOCOL] = _MEANINGS[sqlite3.SQLITE_BUSY]
_MEANINGS[sqlite3.SQLITE_PERM] = _MEANINGS[sqlite3.SQLITE_CANTOPEN]
# what a read-only look at a file that a killed run left behind may answer: only a writer can put it right
_NEEDS_A_WRITER = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL}


class GradebookError(RuntimeError):
    """The gradebook cannot be used, or not any more; the message says what happened, what is safe and what to do."""


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def explained(path: Path, error: sqlite3.Error | OSError) -> GradebookError:
    """Say in one line what an error of the database at `path` means."""
    if isinstance(error, OSError):
        kind, said = sqlite3.SQLITE_CANTOPEN, error.strerror or str(error)
    else:
        kind, said = _code(error), plain(error)
    if kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):  # SQLite does not say why; the disk may
        with contextlib.suppress(OSError):
            if not os.access(path.parent, os.W_OK):
                kind = sqlite3.SQLITE_READONLY
            elif shutil.disk_usage(path.parent).free < 1 << 16:
                kind = sqlite3.SQLITE_FULL
    what, remedy = _MEANINGS.get(kind, ("cannot be used as a gradebook", _WORN[1]))
    return GradebookError(f"{path}: {what} ({said}); {remedy.format(backup=copied(path).name)}")


def copied(path: Path) -> Path:
    """Return where the copy from before the last run lies."""
    return path.with_name(f"{path.name}.backup")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the error that stopped it is the one that is seen."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # on a full disk SQLite has rolled back already
            db.execute("ROLLBACK")
        raise


class Claim:
    """The right to write one gradebook, held by a lock that the system takes back however the holder ends.

    The lock is SQLite's own, on a file of its own beside the gradebook: a writer's lock there lets others read who
    holds it, and stops nobody from reading the gradebook itself. Forked children do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.claim")
        self._db = sqlite3.connect(self.path, timeout=0.5, isolation_level=None)
        try:
            self._take(path)
        except BaseException:
            self._db.close()
            raise

    def _take(self, path: Path) -> None:
        here = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        try:
            with transaction(self._db):
                self._db.execute("CREATE TABLE IF NOT EXISTS holder (pid INTEGER, host TEXT, since TEXT) STRICT")
                self._db.execute("DELETE FROM holder")
                self._db.execute("INSERT INTO holder VALUES (?, ?, ?)", (os.getpid(), socket.gethostname(), here))
            self._db.execute("BEGIN IMMEDIATE")  # kept until the end
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY:
                raise
            raise GradebookError(
                f"{path}: another rnnkit grade is writing here ({self._holder()}); nothing was changed: let it finish, "
                "or choose another folder with --out"
            ) from error
        except sqlite3.DatabaseError as error:
            if _code(error) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
            raise GradebookError(
                f"{self.path}: cannot tell whether another rnnkit grade is writing here ({error}); the gradebook was "
                "left as it is: make sure that none is, delete this file and run the same command again"
            ) from error

    def _holder(self) -> str:
        try:
            pid, host, since = self._db.execute("SELECT pid, host, since FROM holder").fetchone()
        except (sqlite3.Error, TypeError):
            return "it has just begun"
        where = "" if host == socket.gethostname() else f" on {plain(host)}"
        return f"pid {pid}{where}, since {plain(since)}"

    def release(self) -> None:
        """Let others write."""
        self._db.close()


def looked_at(path: Path) -> int | None:
    """Return the version of the gradebook at `path`, None where there is none yet; refuse any other file untouched."""
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return None
    if not header:
        return None
    ours = header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    with closing(_connected(path, "ro")) as db:
        try:
            return _examined(db)
        except sqlite3.OperationalError as error:
            if not ours or _code(error) not in _NEEDS_A_WRITER:
                raise
    with closing(connect(path)) as db:  # a killed run left a journal behind: SQLite rolls it back or forward
        return _examined(db)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=_PATIENCE, isolation_level=None)


def _examined(db: sqlite3.Connection) -> int:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID or not tables:
        raise sqlite3.DatabaseError(f"it is a database of another program or version ({application}/{version})")
    (health,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if health != "ok":
        raise sqlite3.DatabaseError(f"it is damaged: {health}")
    return int(version)


def connect(path: Path) -> sqlite3.Connection:
    """Open the gradebook at `path` for writing; an unwritable one is an error now, not after an hour of grading.

    It keeps a write-ahead log (others can read while we write), or a rollback journal where the file system has no
    shared memory for that.
    """
    try:
        return _writing(path, "WAL")
    except sqlite3.OperationalError as error:
        if _code(error) not in _NEEDS_A_WRITER:
            raise
    return _writing(path, "DELETE")


def _writing(path: Path, journal: str) -> sqlite3.Connection:
    db = _connected(path, "rw")
    try:
        if journal != "WAL":
            db.execute("PRAGMA locking_mode = EXCLUSIVE")  # a log that is there can be read without shared memory then
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("PRAGMA locking_mode = NORMAL")
        db.execute("PRAGMA synchronous = EXTRA")
        with transaction(db):
            pass
    except BaseException:
        db.close()
        raise
    return db


def create(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make a new gradebook, filled by a function; it appears whole or not at all. Needs the claim."""
    partial = _beside(path)
    with closing(sqlite3.connect(partial, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = OFF")  # nobody will ever look at half a file
        fill(db)
    _into_place(partial, path)


def save_copy(db: sqlite3.Connection, path: Path) -> None:
    """Write all that `db` holds to the file `path`, which appears whole or not at all."""
    partial = _beside(path)
    try:
        db.execute("VACUUM INTO ?", (str(partial),))
        _into_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)  # of a killed run
    return partial


def _into_place(partial: Path, path: Path) -> None:
    for suffix in ("-wal", "-journal"):  # of a gradebook that is gone: SQLite would mix it into the new one
        left = path.with_name(path.name + suffix)
        if left.exists():
            if left.stat().st_size:
                left.replace(left.with_name(f"{left.name}.orphan"))
            else:
                left.unlink()
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
