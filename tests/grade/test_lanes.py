"""Grading processes that die, hang, cannot start or are no longer wanted: each costs at most its own submission."""

import contextlib
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue

import psutil
import pytest

from rnnkit.grade import grader, lanes
from rnnkit.grade.lanes import Job, LocalExecutor, Outcome
from rnnkit.grade.results import Result
from rnnkit.grade.submissions import HandedIn, find
from rnnkit.grade.tasks import Assignment, Task, pack_result, read_masters

# A cell that tells where it runs and goes on when it is let.
WAITS = """
import os, time
with open({folder!r} + "/started", "a") as file:
    print(os.getpid(), file=file)
while not os.path.exists({folder!r} + "/go"):
    time.sleep(0.05)
"""
NOTHING = Task("a.ipynb", HandedIn(b"", "is empty"), Assignment((), "seed"))


@pytest.fixture
def given(small_master):
    return Assignment(read_masters([small_master]), "seed", isolation="none")


@pytest.fixture
def tasks(tmp_path, given):
    """All submissions of the class folder, by student."""
    return lambda: ((one.student, Task.read(one, given)) for one in find([tmp_path / "class"]))


@pytest.fixture
def waiting(tmp_path, handed_in, corpus, exercises_only):
    """Hand in a notebook that waits; give back a function that waits until it runs and returns its process."""

    def change(made):
        exercises_only(made)
        corpus.put_first(made, WAITS.format(folder=str(tmp_path)))

    def started():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, IndexError, ValueError):
                return psutil.Process(int((tmp_path / "started").read_text().split()[-1]))
            time.sleep(0.05)
        raise TimeoutError("the notebook was never run")

    handed_in("waits.ipynb", solved=(2,), change=change)
    return started


def lane_of(kernel):
    """The grading process a kernel belongs to."""
    return next(one for one in kernel.parents() if "rnnkit.grade.grader" in " ".join(one.cmdline()))


def test_a_killed_worker_costs_its_submission_one_attempt(waiting, tasks, tmp_path):
    (tmp_path / "class/broken.ipynb").write_text("{")

    def kill():
        lane_of(waiting()).kill()
        (tmp_path / "go").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    results = dict(LocalExecutor(2).run(tasks()))
    killer.join()
    assert (results["waits"].points, results["broken"].status) == (4, "unreadable")
    assert len((tmp_path / "started").read_text().split()) == 2


def test_a_worker_that_was_stopped_is_given_up(monkeypatch):
    monkeypatch.setattr(lanes, "_GRACE", 0.3)
    lane = lanes.Lane()
    lane.process.send_signal(signal.SIGSTOP)
    assert lane.grade(NOTHING.pack(), 0.2) == Outcome(died="the grader gave it up after 0.5 s", final=True)
    lane.end()


def test_a_worker_that_hangs_gives_itself_up():
    status = SimpleQueue()
    with grader._watchdog(0.01, status.put):
        assert status.get() == lanes.GAVE_UP


def test_what_is_no_longer_wanted_is_ended_at_once(waiting, tasks):
    with contextlib.closing(lanes.Lanes()) as many, ThreadPoolExecutor(1) as thread:
        outcome = thread.submit(many.grade, "one", next(tasks())[1].pack(), 1e5)
        kernel = waiting()
        many.stop("one")
        assert not outcome.result().line
        assert psutil.wait_procs([kernel], timeout=20)[1] == []


def test_closing_the_results_ends_everything(handed_in, waiting, tasks, exercises_only):
    handed_in("aaron.ipynb", change=exercises_only)
    results = LocalExecutor(2).run(tasks())
    assert next(results)[0] == "aaron"
    kernel = waiting()
    lane = lane_of(kernel)
    results.close()
    assert psutil.wait_procs([kernel, lane], timeout=20)[1] == []


def test_tasks_are_drawn_when_they_can_be_graded(given):
    drawn = []
    tasks = ((number, drawn.append(number) or replace(NOTHING, assignment=given)) for number in range(9))
    ahead = [len(drawn) - done for done, _ in enumerate(LocalExecutor(2).run(tasks))]
    assert len(ahead) == 9
    assert max(ahead) <= 2 + 1


def test_a_worker_that_cannot_start_says_why(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    (result,) = dict(LocalExecutor(1).run([("ana", NOTHING)])).values()
    assert result.status == "failed"
    assert result.reason.startswith("the worker grading it died 2 times: ")
    assert "ModuleNotFoundError: " in result.reason


def test_without_processes_a_submission_has_its_reason(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(lanes.subprocess, "Popen", refuse)
    monkeypatch.setattr(lanes.tempfile, "tempdir", str(tmp_path))
    (result,) = dict(LocalExecutor(1).run([("ana", NOTHING)])).values()
    assert "no process could be started for it (Resource temporarily unavailable)" in result.reason
    assert list(tmp_path.iterdir()) == []


def test_a_worker_is_out_of_reach_of_ctrl_c_and_of_the_terminal():
    lane = lanes.Lane()
    assert os.getsid(lane.process.pid) == lane.process.pid != os.getsid(0)
    lane.end()
    assert not lane.scratch.exists()


def test_an_idle_worker_is_used_again_and_let_go_after_a_while(given):
    many, task = lanes.Lanes(), replace(NOTHING, assignment=given)
    lines = [many.grade(number, task.pack(), 60.0).line for number in range(2)]
    assert all(lines)
    (lane,) = many.idle
    many.end_idle(1e5)
    assert many.idle == [lane]
    many.end_idle(0.0)
    assert many.idle == []
    assert lane.process.poll() == 0


def test_a_job_is_tried_twice_unless_it_is_hopeless():
    job = Job("ana", NOTHING)
    assert job.settle(Outcome(died="signal 9")) is None
    assert job.settle(Outcome(died="signal 9")).reason == "the worker grading it died 2 times: signal 9"
    assert Job("ana", NOTHING).settle(Outcome(died="too slow", final=True)).reason == "too slow"
    assert Job("ana", NOTHING).settle(Outcome(line=pack_result(Result("graded")))) == Result("graded")


def test_no_workers_is_an_error():
    with pytest.raises(ValueError, match="workers is 0; give at least 1"):
        LocalExecutor(0)
