"""The gradebook: one SQLite file, one transaction per grading: a killed run loses nothing it had finished.

Nothing is ever deleted: a submission graded again keeps its earlier gradings. ``submission``, ``check_result`` and
``note`` are views of the latest grading of each submission, for whoever looks into the file with other tools.
"""

from __future__ import annotations

import contextlib
import datetime
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.storage import (
    APPLICATION_ID,
    Claim,
    GradebookError,
    connect,
    copied,
    create,
    explained,
    looked_at,
    save_copy,
    transaction,
)
from rnnkit.grade.submissions import Submission

__all__ = ["Gradebook", "GradebookError", "Row"]

_VERSION = 2
_COLUMNS = (
    "key, student, name, digest, policy, master, master_digest, status, points, maximum, reason, seed, isolation, "
    "seconds, graded_at"
)
_CHECK = "exercise, grade_id, points, maximum, reason, detail"
_TABLES = """
CREATE TABLE grading (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, student TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
    policy TEXT NOT NULL, master TEXT NOT NULL, master_digest TEXT NOT NULL, status TEXT NOT NULL,
    points REAL NOT NULL, maximum REAL NOT NULL, reason TEXT NOT NULL, seed TEXT NOT NULL, isolation TEXT NOT NULL,
    seconds REAL NOT NULL, graded_at TEXT NOT NULL
) STRICT;
CREATE INDEX grading_of_key ON grading (key, id);
CREATE TABLE grading_check (
    grading INTEGER NOT NULL REFERENCES grading, position INTEGER NOT NULL, exercise TEXT NOT NULL,
    grade_id TEXT NOT NULL, points REAL NOT NULL, maximum REAL NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (grading, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE grading_note (
    grading INTEGER NOT NULL REFERENCES grading, position INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (grading, position)
) STRICT, WITHOUT ROWID;
"""
_VIEWS = f"""
CREATE VIEW latest AS SELECT max(id) AS id FROM grading GROUP BY key;
CREATE VIEW submission AS SELECT {_COLUMNS} FROM grading WHERE id IN (SELECT id FROM latest);
CREATE VIEW check_result AS
    SELECT key, position, exercise, grade_id, grading_check.points, grading_check.maximum, grading_check.reason, detail
    FROM grading_check JOIN grading ON grading.id = grading WHERE grading IN (SELECT id FROM latest);
CREATE VIEW note AS
    SELECT key, position, text FROM grading_note JOIN grading ON grading.id = grading
    WHERE grading IN (SELECT id FROM latest);
"""
_FROM_VERSION_1 = f"""
INSERT INTO grading ({_COLUMNS}) SELECT {_COLUMNS} FROM submission ORDER BY graded_at, key;
INSERT INTO grading_check (grading, position, {_CHECK})
    SELECT grading.id, position, exercise, grade_id, old.points, old.maximum, old.reason, detail
    FROM check_result AS old JOIN grading USING (key);
INSERT INTO grading_note (grading, position, text)
    SELECT grading.id, position, text FROM note JOIN grading USING (key);
DROP TABLE check_result;
DROP TABLE note;
DROP TABLE submission;
"""


@dataclass(frozen=True)
class Row:
    """A submission with its result, and what says for which inputs it holds."""

    student: str
    name: str
    key: str
    digest: str
    policy: str
    seed: str
    graded_at: str
    result: Result


class Gradebook:
    """All results of a class, and the root seed they were drawn from.

    One grader at a time: opening a gradebook claims it, `close` (or the end of the process, whatever ends it) lets it
    go. Reading the file with other tools is always possible.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._known(looked_at(path))
            self._claim = Claim(path)
            try:
                self.db = self._opened()
                self._file = _identity(path)
            except BaseException:
                self._claim.release()
                raise
        except (sqlite3.Error, OSError) as error:
            raise explained(path, error) from error

    def _known(self, version: int | None) -> int | None:
        if version is not None and version not in range(1, _VERSION + 1):
            raise GradebookError(
                f"{self.path} was written by a newer rnnkit (its version is {version}, this rnnkit knows {_VERSION}); "
                "it was left as it is: update rnnkit, or choose another folder with --out"
            )
        return version

    def _opened(self) -> sqlite3.Connection:
        version = self._known(looked_at(self.path))
        if version is None:
            create(self.path, _fill)
        db = connect(self.path)
        try:
            if version is not None:
                with contextlib.suppress(sqlite3.Error, OSError):  # a full disk: then the older copy stays
                    save_copy(db, copied(self.path))
            if version == 1:
                _migrate(db)
            db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            db.close()
            raise
        return db

    @property
    def root_seed(self) -> str:
        """Return the seed drawn when the gradebook was made: another run over the same files gives the same grades."""
        try:
            (seed,) = self.db.execute("SELECT value FROM setting WHERE name = 'root_seed'").fetchone()
        except sqlite3.DatabaseError as error:
            raise explained(self.path, error) from error
        return str(seed)

    def find(self, submission: Submission) -> Row | None:
        """Return the row of a submission, whatever inputs it holds for."""
        rows = self._rows("WHERE id = (SELECT max(id) FROM grading WHERE key = ?)", submission.key)
        return rows[0] if rows else None

    def rows(self) -> tuple[Row, ...]:
        """Return the latest row of every submission that was ever graded here, by student and file."""
        return self._rows("WHERE id IN (SELECT id FROM latest) ORDER BY student, name, key")

    def history(self, key: str) -> tuple[Row, ...]:
        """Return the earlier gradings of a submission, oldest first; its row now is not among them."""
        return self._rows("WHERE key = ? ORDER BY id", key)[:-1]

    def _rows(self, which: str, *values: str) -> tuple[Row, ...]:
        try:
            return tuple(
                self._row(*found) for found in self.db.execute(f"SELECT id, {_COLUMNS} FROM grading {which}", values)
            )
        except sqlite3.DatabaseError as error:
            raise explained(self.path, error) from error

    def _row(
        self, number: int, key: str, student: str, name: str, digest: str, policy: str, master: str,
        master_digest: str, status: str, points: float, maximum: float, reason: str, seed: str, isolation: str,
        seconds: float, graded_at: str,
    ) -> Row:  # fmt: skip
        checks = self.db.execute(f"SELECT {_CHECK} FROM grading_check WHERE grading = ? ORDER BY position", (number,))
        notes = self.db.execute("SELECT text FROM grading_note WHERE grading = ? ORDER BY position", (number,))
        result = Result(
            status,  # type: ignore[arg-type]
            reason,
            master,
            master_digest,
            tuple(CheckResult(*check) for check in checks),
            tuple(text for (text,) in notes),
            seconds,
            isolation,
        )
        return Row(student, name, key, digest, policy, seed, graded_at, result)

    def write(self, submission: Submission, digest: str, policy: str, seed: str, result: Result) -> None:
        """Add a grading of a submission, all of it or nothing; from now on it is the submission's row."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        row = (
            submission.key, submission.student, submission.name, digest, policy, result.master, result.master_digest,
            result.status, result.points, result.maximum, result.reason, seed, result.isolation, result.seconds, now,
        )  # fmt: skip
        self._still_there()
        try:
            with transaction(self.db):
                self._write(row, result)
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            if isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)):
                raise  # ours to mend, not the instructor's
            raise explained(self.path, error) from error

    def _write(self, row: Iterable[object], result: Result) -> None:
        values = _storable(row)
        added = self.db.execute(f"INSERT INTO grading ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)
        number = added.lastrowid
        self.db.executemany(
            f"INSERT INTO grading_check (grading, position, {_CHECK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                _storable((number, at, one.exercise, one.grade_id, one.points, one.maximum, one.reason, one.detail))
                for at, one in enumerate(result.checks)
            ],
        )
        self.db.executemany(
            "INSERT INTO grading_note VALUES (?, ?, ?)",
            [_storable((number, at, text)) for at, text in enumerate(result.notes)],
        )

    def _still_there(self) -> None:
        """Stop if the file was deleted or replaced during the run: SQLite would go on writing where nobody can read."""
        if self._file is None or _identity(self.path) == self._file:
            return
        self._file = None
        refuge = self.path
        if refuge.exists():
            free = (self.path.with_name(f"{self.path.name}.rescued{number or ''}") for number in range(1000))
            refuge = next(path for path in free if not path.exists())
        try:
            refuge.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(sqlite3.Error):  # or the log would be mixed into whatever is put in this place
                self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            save_copy(self.db, refuge)
        except (sqlite3.Error, OSError) as error:
            raise GradebookError(
                f"{self.path} was deleted or replaced during the run and cannot be put back ({error}); restore it from "
                f"{copied(self.path).name} (its state before this run) or from a backup of yours"
            ) from error
        what, there = (
            ("deleted", "put back") if refuge == self.path else ("replaced by another file", f"saved as {refuge}")
        )
        raise GradebookError(
            f"{self.path} was {what} during the run; what was graded before is safe and was {there}: find out which "
            "program did that, and run the same command again: it goes on from here"
        )

    def close(self) -> None:
        """Close the file and let others write; what was written is safe already."""
        try:
            self._still_there()
        finally:
            self.db.close()
            self._claim.release()

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _fill(db: sqlite3.Connection) -> None:
    """Lay out an empty gradebook."""
    db.execute("CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
    _execute_all(db, _TABLES + _VIEWS)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {_VERSION}")
    db.execute("INSERT INTO setting VALUES ('root_seed', ?)", (secrets.token_hex(16),))


def _migrate(db: sqlite3.Connection) -> None:
    """Bring a file of version 1 (one row per submission, no history) to this version: all of it or nothing."""
    with transaction(db):
        _execute_all(db, _TABLES + _FROM_VERSION_1 + _VIEWS)
        db.execute(f"PRAGMA user_version = {_VERSION}")


def _execute_all(db: sqlite3.Connection, script: str) -> None:
    """Run statements one by one (`executescript` would commit first)."""
    for statement in filter(str.strip, script.split(";")):
        db.execute(statement)


def _storable(values: Iterable[object]) -> tuple[object, ...]:
    """Write what is no Unicode (a lone surrogate in a learner's message) as escapes: SQLite takes UTF-8 only."""
    return tuple(v.encode("utf-8", "backslashreplace").decode() if isinstance(v, str) else v for v in values)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise explained(path, error) from error
    return found.st_dev, found.st_ino
