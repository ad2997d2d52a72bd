"""Nothing graded is lost: two graders at once, kills, full and read-only disks, files damaged, deleted or not ours."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnnkit.grade import storage
from rnnkit.grade.gradebook import Gradebook, GradebookError
from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.storage import explained
from rnnkit.grade.submissions import Submission

ANA = Submission("ana", "ana.ipynb", Path("/class/ana.ipynb"))
BEN = Submission("ben", "ben.ipynb", Path("/class/ben.ipynb"))
RESULT = Result("graded", "", "05-bptt", "m", (CheckResult("05.1a", "check-05-1a", 3, 3),), ("a note",), 1.5, "limits")
THIS_MODULE = (
    f"import os, sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_gradebook_mishaps import *\n"
)


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


def in_namespace(script, *mounts):
    """Run Python where these mounts are made first: a tiny disk, a read-only one. Skip where that is not allowed."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*command, "mount -t tmpfs none /tmp"], check=False).returncode:
        pytest.skip("this user may not mount a file system of its own")
    shell = " && ".join([*mounts, 'exec "$0" -c "$1"'])
    done = subprocess.run(
        [*command, shell, sys.executable, THIS_MODULE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def holding(path, then="time.sleep(60)"):
    """Start a process that opens the gradebook, writes a row and waits; return it once it has."""
    script = f"book = Gradebook(Path({str(path)!r}))\nwrite(book)\nprint('written', flush=True)\n{then}\n"
    process = subprocess.Popen([sys.executable, "-c", THIS_MODULE + script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    return process


# Files that are not ours, or not sound


def test_a_damaged_file_is_refused_and_left_as_it_is(path):
    path.write_bytes(b"not a database, but years of work" * 100)
    with pytest.raises(GradebookError, match="left as it is: move it away, restore it"):
        Gradebook(path)
    assert path.read_bytes() == b"not a database, but years of work" * 100
    assert list(path.parent.iterdir()) == [path]


def test_a_torn_gradebook_is_refused(path):
    with Gradebook(path) as book:
        write(book)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(GradebookError, match=r"damaged|malformed"):
        Gradebook(path)


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_the_database_of_another_program_is_refused_untouched(path, tmp_path, journal):
    with closing(sqlite3.connect(tmp_path / "running.db")) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
        db.execute("CREATE TABLE grade (points)")
        for file in tmp_path.iterdir():  # as it is left when that program is killed: with a log
            shutil.copy(file, tmp_path / file.name.replace("running.db", path.name))
    before = path.read_bytes()
    with pytest.raises(GradebookError, match="another program"):
        Gradebook(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob(".*"))


def test_a_file_of_a_newer_version_is_refused_untouched(path):
    Gradebook(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 3")
    before = path.read_bytes()
    with pytest.raises(GradebookError, match=r"written by a newer rnnkit \(its version is 3.*update rnnkit"):
        Gradebook(path)
    assert path.read_bytes() == before


def test_damage_during_the_run_is_told_and_the_state_before_the_run_is_beside_it(path):
    with Gradebook(path) as book:
        write(book)
    book = Gradebook(path)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    book.db.execute("PRAGMA shrink_memory")  # forget what was read before the damage
    with pytest.raises(
        GradebookError, match=r"is damaged .*gradebook.db.backup if it is there: its state before the last run"
    ):
        write(book, submission=BEN)
    book.close()
    path.with_name("gradebook.db.backup").replace(path)
    assert points(path) == {"ana": 3}


def test_a_gradebook_deleted_during_the_run_is_put_back(path):
    book = Gradebook(path)
    write(book)
    path.unlink()
    with pytest.raises(GradebookError, match=r"was deleted during the run; .* was put back"):
        write(book, submission=BEN)
    book.close()
    assert points(path) == {"ana": 3}


def test_a_gradebook_deleted_with_its_folder_after_the_last_row_is_put_back(tmp_path):
    path = tmp_path / "grades/gradebook.db"
    book = Gradebook(path)
    write(book)
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    with pytest.raises(GradebookError, match="put back"):
        book.close()
    assert points(path) == {"ana": 3}


def test_a_file_put_in_the_gradebooks_place_is_not_overwritten(path, tmp_path):
    book = Gradebook(path)
    write(book)
    (tmp_path / "other").write_text("theirs")
    (tmp_path / "other").replace(path)
    with pytest.raises(GradebookError, match=r"replaced by another file .* saved as .*gradebook.db.rescued"):
        write(book)
    book.close()
    assert path.read_text() == "theirs"
    path.with_name("gradebook.db.rescued").replace(path)
    assert points(path) == {"ana": 3}


def test_a_log_left_without_its_gradebook_is_not_mixed_into_a_new_one(path):
    process = holding(path)
    process.kill()
    process.wait()
    path.unlink()
    assert points(path) == {}
    assert path.with_name("gradebook.db-wal.orphan").stat().st_size > 0


# Two graders


def test_a_second_grader_is_told_who_writes_here_and_changes_nothing(path):
    process = holding(path)
    with pytest.raises(GradebookError, match=rf"another rnnkit grade is writing here \(pid {process.pid}, since 20"):
        Gradebook(path)
    process.kill()
    process.wait()
    assert points(path) == {"ana": 3}


def test_the_claim_of_a_killed_grader_ends_with_it_even_if_a_fork_lives_on(path):
    then = "child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(60)"
    process = holding(path, then)
    child = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.kill(child, 0)  # lives
    assert points(path) == {"ana": 3}
    os.kill(child, signal.SIGKILL)


def test_two_graders_in_one_process_exclude_each_other_too(book, path):
    with pytest.raises(GradebookError, match="another rnnkit grade"):
        Gradebook(path)
    write(book)
    assert book.find(ANA).result == RESULT


def test_a_gradebook_that_another_program_keeps_locked_is_told(book, path, monkeypatch):
    book.db.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(path, isolation_level=None)) as viewer:
        viewer.execute("BEGIN IMMEDIATE")
        with pytest.raises(GradebookError, match=r"another program keeps it locked .* what was graded before is safe"):
            write(book)
    write(book)
    assert book.find(ANA).result == RESULT


# Disks


def test_a_full_disk_is_told_and_the_rows_before_are_safe(book, path):
    write(book)
    (pages,) = book.db.execute("PRAGMA page_count").fetchone()
    book.db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(GradebookError, match=r"the disk is full .* graded before is safe; make room .* same command"):
        write(book, Result("graded", "x" * 100_000), BEN)
    assert book.find(ANA).result == RESULT
    book.db.execute("PRAGMA max_page_count = 1000000")
    write(book, submission=BEN)
    assert len(book.rows()) == 2


def test_an_error_of_a_disk_without_room_is_told_as_a_full_disk(path, monkeypatch):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR | 18 << 8  # no room for the log's shared memory
    assert "the disk gave an error" in str(explained(path, error))
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    assert "the disk is full" in str(explained(path, error))


def test_on_a_disk_that_is_really_full_nothing_written_is_lost_and_the_next_run_goes_on(tmp_path):
    script = f"""
        path = Path({str(tmp_path)!r}) / "grades/gradebook.db"
        book = Gradebook(path)
        for written in range(10_000):
            try:
                write(book, submission=Submission(f"{{written:04}}", "a.ipynb", Path(f"/class/{{written}}.ipynb")))
            except GradebookError as error:
                said = str(error)
                break
        book.close()
        print("the disk is full" in said, 0 < written < 9_999)
        import subprocess
        subprocess.run(["mount", "-o", "remount,size=8m", path.parent.parent], check=True)
        print(len(points(path)) == written)
    """
    assert in_namespace(script, f"mount -t tmpfs -o size=700k none {tmp_path}").split() == ["True"] * 3


def test_a_gradebook_that_cannot_be_made_on_a_full_disk_leaves_nothing_half_made(tmp_path):
    script = f"""
        path = Path({str(tmp_path)!r}) / "gradebook.db"
        Path({str(tmp_path)!r}, "filler").write_bytes(bytes(60_000))
        try:
            Gradebook(path)
        except GradebookError as error:
            print("the disk is full" in str(error), path.exists())
    """
    assert in_namespace(script, f"mount -t tmpfs -o size=64k none {tmp_path}") == "True False\n"


def test_a_disk_that_turns_read_only_is_told(book):
    write(book)
    book.db.execute("PRAGMA query_only = ON")
    with pytest.raises(GradebookError, match=r"is read-only, .* what was graded before is safe; make it writable"):
        write(book, submission=BEN)
    assert book.find(ANA).result == RESULT


def test_a_gradebook_in_a_read_only_folder_is_told_before_anything_is_graded(tmp_path, path):
    Gradebook(path).close()
    script = f"""
        for path in (Path({str(path)!r}), Path({str(tmp_path)!r}) / "grades/gradebook.db"):
            try:
                Gradebook(path)
            except GradebookError as error:
                print(error)
    """
    mounts = [f"mount --bind {tmp_path} {tmp_path}", f"mount -o remount,ro,bind {tmp_path}"]
    first, second = in_namespace(script, *mounts).splitlines()
    assert "is read-only" in first
    assert "is read-only" in second


@pytest.mark.parametrize("already", [False, True])
def test_without_shared_memory_a_rollback_journal_does(path, already):
    if already:
        with Gradebook(path) as book:
            write(book)
    path.with_name("gradebook.db-shm").mkdir()  # as on a file system that has none
    with Gradebook(path) as book:
        assert book.db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        write(book, submission=BEN)
    assert set(points(path)) == ({"ana", "ben"} if already else {"ben"})
