"""The gradebook: one SQLite file, one transaction per submission: a killed run loses nothing it had finished."""

from __future__ import annotations

import datetime
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.submissions import Submission

__all__ = ["Gradebook", "GradebookError", "Row"]

_APPLICATION_ID = 0x726E6E6B  # "rnnk": tells our files from any other SQLite file
_VERSION = 1
_SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE submission (
    key TEXT PRIMARY KEY, student TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, policy TEXT NOT NULL,
    master TEXT NOT NULL, master_digest TEXT NOT NULL, status TEXT NOT NULL, points REAL NOT NULL,
    maximum REAL NOT NULL, reason TEXT NOT NULL, seed TEXT NOT NULL, isolation TEXT NOT NULL, seconds REAL NOT NULL,
    graded_at TEXT NOT NULL
) STRICT;
CREATE TABLE check_result (
    key TEXT NOT NULL REFERENCES submission ON DELETE CASCADE, position INTEGER NOT NULL, exercise TEXT NOT NULL,
    grade_id TEXT NOT NULL, points REAL NOT NULL, maximum REAL NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (key, position)
) STRICT;
CREATE TABLE note (
    key TEXT NOT NULL REFERENCES submission ON DELETE CASCADE, position INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY (key, position)
) STRICT;
"""


class GradebookError(RuntimeError):
    """The file is no gradebook of ours, or broken; nothing was written to it."""


@dataclass(frozen=True)
class Row:
    """A submission with its result, and the digests that say for which inputs it holds."""

    student: str
    name: str
    digest: str
    policy: str
    result: Result


class Gradebook:
    """All results of a class, and the root seed they were drawn from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            raise GradebookError(
                f"{path} cannot be used as a gradebook ({error}); it was left as it is: move it away, restore it from "
                "a backup, or choose another folder with --out"
            ) from error

    def _open(self) -> None:
        self.db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            (application,) = self.db.execute("PRAGMA application_id").fetchone()
            (tables,) = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            (version,) = self.db.execute("PRAGMA user_version").fetchone()
            if tables and (application != _APPLICATION_ID or version != _VERSION):
                raise sqlite3.DatabaseError(f"it is a database of another program or version ({application}/{version})")
            (health,) = self.db.execute("PRAGMA quick_check(1)").fetchone()
            if health != "ok":
                raise sqlite3.DatabaseError(f"it is damaged: {health}")
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA foreign_keys = ON")
            if not tables:
                self._create()
        except BaseException:
            self.db.close()
            raise

    def _create(self) -> None:
        with self._transaction():
            if self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return  # another grader was faster
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self.db.execute(statement)
            self.db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self.db.execute(f"PRAGMA user_version = {_VERSION}")
            self.db.execute("INSERT INTO setting VALUES ('root_seed', ?)", (secrets.token_hex(16),))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @property
    def root_seed(self) -> str:
        """Return the seed drawn when the gradebook was made: another run over the same files gives the same grades."""
        found = self.db.execute("SELECT value FROM setting WHERE name = 'root_seed'").fetchone()
        return str(found[0])

    def find(self, submission: Submission) -> Row | None:
        """Return the row of a submission, whatever inputs it holds for."""
        columns = "student, name, digest, policy, status, reason, master, master_digest, seconds, isolation"
        found = self.db.execute(f"SELECT {columns} FROM submission WHERE key = ?", (submission.key,)).fetchone()
        if found is None:
            return None
        student, name, digest, policy, status, reason, master, master_digest, seconds, isolation = found
        checks = self.db.execute(
            "SELECT exercise, grade_id, points, maximum, reason, detail FROM check_result WHERE key = ? "
            "ORDER BY position",
            (submission.key,),
        )
        notes = self.db.execute("SELECT text FROM note WHERE key = ? ORDER BY position", (submission.key,))
        result = Result(
            status,
            reason,
            master,
            master_digest,
            tuple(CheckResult(*check) for check in checks),
            tuple(text for (text,) in notes),
            seconds,
            isolation,
        )
        return Row(student, name, digest, policy, result)

    def write(self, submission: Submission, digest: str, policy: str, seed: str, result: Result) -> None:
        """Put a submission's row in place of its older one: all of it or nothing."""
        key = submission.key
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        row = (
            key, submission.student, submission.name, digest, policy, result.master, result.master_digest,
            result.status, result.points, result.maximum, result.reason, seed, result.isolation, result.seconds, now,
        )  # fmt: skip
        with self._transaction():
            self.db.execute("DELETE FROM submission WHERE key = ?", (key,))
            self.db.execute(f"INSERT INTO submission VALUES ({', '.join('?' * len(row))})", row)
            self.db.executemany(
                "INSERT INTO check_result VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (key, number, one.exercise, one.grade_id, one.points, one.maximum, one.reason, one.detail)
                    for number, one in enumerate(result.checks)
                ],
            )
            self.db.executemany(
                "INSERT INTO note VALUES (?, ?, ?)", [(key, number, text) for number, text in enumerate(result.notes)]
            )

    def close(self) -> None:
        """Close the file; what was written is safe already."""
        self.db.close()
