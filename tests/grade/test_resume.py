"""Killed at any moment, the next run goes on, and the gradebook ends like that of a run nobody disturbed."""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

CLASS = {"ana": (2,), "ben": (), "cem": (5,), "dora": (2, 5), "eli": (2, 3)}
CONTENT = {
    "submission": "key, student, name, digest, policy, master, master_digest, status, points, maximum, reason, seed, "
    "isolation",
    "check_result": "key, position, exercise, grade_id, points, maximum, reason, detail",
    "note": "key, position, text",
}


@pytest.fixture
def small_class(handed_in, tmp_path, exercises_only):
    for student, solved in CLASS.items():
        handed_in(f"{student}.ipynb", solved=solved, change=exercises_only)
    (tmp_path / "class/broken.ipynb").write_text("{")


@pytest.fixture
def here():
    """A short folder of this test's own: all that graders start is told by it."""
    folder = tempfile.mkdtemp(prefix="rnnkit-resume-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def heed_ctrl_c():
    """What runs in the background of a shell ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path, small_class, small_master, here):
    """Start `rnnkit grade` on the class as a process group of its own."""

    started = []

    def run(out):
        command = [sys.executable, "-m", "rnnkit", "grade", tmp_path / "class", "--master", small_master]
        command += ["--out", tmp_path / out, "--workers", "2", "--seed", "one"]
        options = {"start_new_session": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        options["preexec_fn"] = heed_ctrl_c
        started.append(subprocess.Popen(command, env=os.environ | {"TMPDIR": here}, **options))
        return started[-1]

    yield run
    for grader in started:
        grader.kill()
        grader.wait()
        grader.stdout.close()


def content(gradebook):
    """All of a gradebook but the clock's part."""
    with contextlib.closing(sqlite3.connect(gradebook)) as db:
        return {table: sorted(db.execute(f"SELECT {columns} FROM {table}")) for table, columns in CONTENT.items()}


def count(gradebook):
    """How many submissions have a row."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(f"file:{gradebook}?mode=ro")) as db:
        return db.execute("SELECT count(*) FROM submission").fetchone()[0]
    return 0


def traces(process, folder):
    """Whether a process has to do with a folder: by its arguments, its environment or where it works."""
    with contextlib.suppress(psutil.Error):
        return any(folder in text for text in (*process.cmdline(), *process.environ().values(), process.cwd()))
    return False


def left_of(folder):
    """The processes that graders with this TMPDIR left, once those that are ending have had their time."""
    deadline = time.monotonic() + 20
    while left := [one for one in psutil.process_iter() if traces(one, folder)]:
        if time.monotonic() > deadline:
            return left
        time.sleep(0.1)
    return []


def test_killed_at_ten_random_moments_the_gradebook_is_that_of_an_undisturbed_run(start, tmp_path, here):
    began = time.monotonic()
    undisturbed = start("undisturbed")
    assert undisturbed.wait() == 0, undisturbed.stdout.read().decode()
    whole = time.monotonic() - began
    moments, kills, run = random.Random(5), 0, 0
    while kills < 10:
        grader = start(f"disturbed-{run}")
        try:
            assert grader.wait(moments.uniform(0.1, 0.8) * whole) == 0, grader.stdout.read().decode()
            assert content(tmp_path / f"disturbed-{run}/gradebook.db") == content(tmp_path / "undisturbed/gradebook.db")
            run += 1  # it got to its end: the remaining kills hit another one
        except subprocess.TimeoutExpired:
            grader.kill()
            grader.wait()
            kills += 1
    last = start(f"disturbed-{run}")
    assert last.wait() == 0, last.stdout.read().decode()
    assert content(tmp_path / f"disturbed-{run}/gradebook.db") == content(tmp_path / "undisturbed/gradebook.db")
    assert len(content(tmp_path / "undisturbed/gradebook.db")["submission"]) == len(CLASS) + 1
    assert left_of(here) == []
    assert list(Path(here).glob("rk-*")) == []


def test_ctrl_c_ends_with_130_leaves_nothing_running_and_goes_on(start, tmp_path, here):
    grader = start("grades")
    while not count(tmp_path / "grades/gradebook.db"):
        assert grader.poll() is None
        time.sleep(0.05)
    os.killpg(grader.pid, signal.SIGINT)
    said = grader.communicate()[0].decode()
    assert grader.returncode == 130, said
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert left_of(here) == []
    graded = count(tmp_path / "grades/gradebook.db")
    again = start("grades")
    assert f"{graded} of 6 are graded already" in again.communicate()[0].decode()
    assert count(tmp_path / "grades/gradebook.db") == 6
