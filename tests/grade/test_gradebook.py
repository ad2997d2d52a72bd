"""The gradebook gives back what it was given, keeps what was before, and brings older files along."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rnnkit.grade import gradebook, storage
from rnnkit.grade.gradebook import Gradebook, GradebookError
from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.submissions import Submission

ANA = Submission("ana", "ana.ipynb", Path("/class/ana.ipynb"))
BEN = Submission("ben", "ben.ipynb", Path("/class/ben.ipynb"))
CHECKS = (CheckResult("05.1a", "check-05-1a", 3, 3), CheckResult("05.1b", "check-05-1b", 0, 5, "W_h differs", "0.1"))
RESULT = Result("graded", "", "05-bptt", "m", CHECKS, ("cell 1: raised",), 1.5, "limits")
VERSION_1 = """
PRAGMA journal_mode = WAL; PRAGMA application_id = 1919839851; PRAGMA user_version = 1;
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
INSERT INTO setting VALUES ('root_seed', 'the seed of this class');
INSERT INTO submission VALUES ('/class/ana.ipynb', 'ana', 'ana.ipynb', 'digest', 'policy', '05-bptt', 'm', 'graded', 3,
    8, '', 'seed', 'limits', 1.5, '2026-01-02T03:04:05+00:00');
INSERT INTO check_result VALUES ('/class/ana.ipynb', 0, '05.1a', 'check-05-1a', 3, 3, '', ''),
    ('/class/ana.ipynb', 1, '05.1b', 'check-05-1b', 0, 5, 'W_h differs', '0.1');
INSERT INTO note VALUES ('/class/ana.ipynb', 0, 'cell 1: raised');
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gradebook.db"


@pytest.fixture
def book(path):
    with Gradebook(path) as opened:
        yield opened


def write(book, result=RESULT, submission=ANA):
    book.write(submission, "digest", "policy", "seed", result)


def points(path):
    with Gradebook(path) as book:
        return {row.student: row.result.points for row in book.rows()}


def make_version_1(path, rows=1):
    with closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1)
        columns = "student, name, digest, policy, master, master_digest, status, points, maximum, reason, seed"
        for number in range(1, rows):
            copied = f"SELECT key || {number}, {columns}, isolation, seconds, graded_at FROM submission LIMIT 1"
            db.execute(f"INSERT INTO submission {copied}")
        db.commit()


def test_a_row_comes_back_as_it_was_written(book):
    write(book)
    row = book.find(ANA)
    assert (row.student, row.name, row.key) == ("ana", "ana.ipynb", ANA.key)
    assert (row.digest, row.policy, row.seed, row.result) == ("digest", "policy", "seed", RESULT)
    assert (row.result.points, row.result.maximum) == (3, 8)
    assert row.graded_at.endswith("+00:00")


def test_a_regrade_takes_the_place_of_the_row_and_keeps_it_as_history(book):
    write(book)
    write(book, Result("failed", "the worker died"))
    assert book.find(ANA).result == Result("failed", "the worker died")
    (earlier,) = book.history(ANA.key)
    assert (earlier.result, earlier.digest, earlier.policy, earlier.seed) == (RESULT, "digest", "policy", "seed")


def test_history_is_in_the_order_of_grading_and_without_the_row_of_now(book):
    for reason in ("first", "second", "third"):
        write(book, Result("failed", reason))
    assert [row.result.reason for row in book.history(ANA.key)] == ["first", "second"]
    assert book.history(BEN.key) == ()


def test_rows_are_the_latest_of_each_submission_by_student(book):
    write(book, submission=BEN)
    write(book)
    write(book, Result("failed", "again"), BEN)
    assert [(row.student, row.result.status) for row in book.rows()] == [("ana", "graded"), ("ben", "failed")]


def test_other_tools_see_the_latest_grading_only(book, path):
    write(book)
    write(book, Result("graded", checks=CHECKS[:1], notes=("one", "two")))
    with closing(sqlite3.connect(path)) as db:
        counts = [db.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in ("submission", "check_result", "note")]
        found = db.execute("SELECT student, grade_id FROM check_result JOIN submission USING (key)").fetchall()
    assert counts == [1, 1, 2]
    assert found == [("ana", "check-05-1a")]


def test_a_row_is_written_whole_or_not_at_all(book):
    write(book)
    unwritable = Result("graded", checks=CHECKS, notes=(object(),))
    with pytest.raises(sqlite3.Error):
        write(book, unwritable)
    assert book.find(ANA).result == RESULT
    assert book.history(ANA.key) == ()


def test_text_that_is_no_unicode_is_kept_as_escapes(book):
    write(book, Result("failed", "half a character: \ud800"))
    assert book.find(ANA).result.reason == "half a character: \\ud800"


def test_the_root_seed_is_drawn_once_per_gradebook(tmp_path):
    seeds = []
    for name in ("one.db", "two.db", "one.db"):
        with Gradebook(tmp_path / name) as book:
            seeds.append(book.root_seed)
    assert seeds[0] == seeds[2] != seeds[1]


def test_every_commit_waits_for_the_disk(book):
    assert book.db.execute("PRAGMA synchronous").fetchone() == (3,)
    assert book.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


# Version 1


def test_a_file_of_version_1_is_migrated_and_nothing_is_lost(path):
    make_version_1(path)
    with Gradebook(path) as book:
        row = book.find(ANA)
        assert (row.result, row.seed, row.graded_at) == (RESULT, "seed", "2026-01-02T03:04:05+00:00")
        assert book.root_seed == "the seed of this class"
        write(book, Result("failed"))
        assert [row.result for row in book.history(ANA.key)] == [RESULT]


def test_a_migration_that_fails_leaves_version_1_as_it_was(path, monkeypatch):
    make_version_1(path, rows=200)

    def connect(path):
        db = storage.connect(path)
        db.execute("PRAGMA max_page_count = 30")
        return db

    monkeypatch.setattr(gradebook, "connect", connect)
    with pytest.raises(GradebookError, match="the disk is full"):
        Gradebook(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT type, count(*) FROM submission, sqlite_master WHERE sqlite_master.name = 'submission'"
                          ).fetchone() == ("table", 200)  # fmt: skip
    assert len(Gradebook(path).rows()) == 200
