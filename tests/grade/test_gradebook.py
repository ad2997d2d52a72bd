import sqlite3
from pathlib import Path

import pytest

from rnnkit.grade.gradebook import Gradebook, GradebookError
from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.submissions import Submission

ANA = Submission("ana", "ana.ipynb", Path("/class/ana.ipynb"))
CHECKS = (CheckResult("05.1a", "check-05-1a", 3, 3), CheckResult("05.1b", "check-05-1b", 0, 5, "W_h differs", "0.1"))
RESULT = Result("graded", "", "05-bptt", "m", CHECKS, ("cell 1: raised",), 1.5, "limits")


def write(book, result=RESULT):
    book.write(ANA, "digest", "policy", "seed", result)


def test_a_row_comes_back_as_it_was_written(tmp_path):
    book = Gradebook(tmp_path / "gradebook.db")
    write(book)
    row = book.find(ANA)
    assert (row.digest, row.policy, row.result) == ("digest", "policy", RESULT)
    assert (row.result.points, row.result.maximum) == (3, 8)


def test_a_regrade_replaces_the_whole_row(tmp_path):
    book = Gradebook(tmp_path / "gradebook.db")
    write(book)
    write(book, Result("failed", "the worker died"))
    assert book.find(ANA).result == Result("failed", "the worker died")
    for table in ("check_result", "note"):
        assert book.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_row_is_written_whole_or_not_at_all(tmp_path):
    book = Gradebook(tmp_path / "gradebook.db")
    write(book)
    unwritable = Result("graded", checks=CHECKS, notes=(object(),))
    with pytest.raises(sqlite3.Error):
        write(book, unwritable)
    assert book.find(ANA).result == RESULT


def test_the_root_seed_is_drawn_once_per_gradebook(tmp_path):
    one, other = Gradebook(tmp_path / "one.db").root_seed, Gradebook(tmp_path / "two.db").root_seed
    assert one == Gradebook(tmp_path / "one.db").root_seed != other


def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "gradebook.db"
    path.write_bytes(b"not a database, but years of work" * 100)
    with pytest.raises(GradebookError, match="left as it is: move it away, restore it"):
        Gradebook(path)
    assert path.read_bytes() == b"not a database, but years of work" * 100


def test_a_torn_gradebook_is_refused(tmp_path):
    path = tmp_path / "gradebook.db"
    book = Gradebook(path)
    write(book)
    book.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(GradebookError, match=r"damaged|malformed"):
        Gradebook(path)


def test_the_database_of_another_program_is_refused(tmp_path):
    path = tmp_path / "gradebook.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE grade (points)")
    before = path.read_bytes()
    with pytest.raises(GradebookError, match="another program"):
        Gradebook(path)
    assert path.read_bytes() == before
