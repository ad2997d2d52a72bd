"""Many workers, one submission each: a worker that dies takes nothing with it but its own submission.

A lane is a process pool of one worker, so that a broken pool names the submission that broke it. That submission is
tried once more (the machine may have been short of memory) and then gets its reason.
"""

from __future__ import annotations

import collections
import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import psutil

from rnnkit.grade.limits import ISOLATION, Limits
from rnnkit.grade.results import Result, plain

__all__ = ["Task", "grade_all"]

Key = TypeVar("Key")
_ATTEMPTS = 2


@dataclass(frozen=True)
class Task:
    """Everything a worker needs for one submission; travels by pickle."""

    path: Path
    masters: tuple[Path, ...]
    root_seed: str
    public: bool
    limits: Limits


# The two functions a worker is asked for: only there are pytest, nbval and zmq imported.


def _start(scratch: str) -> None:
    from rnnkit.grade.grader import start_worker

    start_worker(scratch)


def _grade(task: Task) -> Result:
    from rnnkit.grade.grader import grade

    return grade(task)


def grade_all(tasks: Iterable[tuple[Key, Task]], workers: int) -> Iterator[tuple[Key, Result]]:
    """Grade every task on `workers` processes; yield each result as soon as it is there."""
    if workers < 1:
        raise ValueError(f"workers is {workers}; give at least 1")
    with tempfile.TemporaryDirectory(prefix="rk-", ignore_cleanup_errors=True) as scratch:
        yield from _grade_all(collections.deque(_Job(key, task) for key, task in tasks), workers, scratch)


def _grade_all(waiting: collections.deque[_Job[Key]], workers: int, scratch: str) -> Iterator[tuple[Key, Result]]:
    free = [_Lane(scratch) for _ in range(min(workers, len(waiting)))]
    running: dict[Future[Result], tuple[_Job[Key], _Lane]] = {}
    try:
        while waiting or running:
            while waiting and free:
                job, lane = waiting.popleft(), free.pop()
                job.attempts += 1
                running[lane.submit(job.task)] = (job, lane)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job, lane = running.pop(future)
                result = _result(future, job)
                if isinstance(future.exception(), BrokenProcessPool):
                    lane.end()
                    lane = _Lane(scratch)
                free.append(lane)
                if result is None:
                    waiting.append(job)
                else:
                    yield job.key, result
    finally:
        for lane in free:
            lane.end()
        for _, lane in running.values():
            lane.kill()


class _Job(Generic[Key]):
    """A task, by whom it was asked for, and how often it was tried."""

    def __init__(self, key: Key, task: Task) -> None:
        self.key, self.task, self.attempts = key, task, 0


class _Lane:
    """A pool of one worker; the worker starts at once."""

    def __init__(self, scratch: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, mp_context=context, initializer=_start, initargs=(scratch,))
        self.pid = self.pool.submit(os.getpid)

    def submit(self, task: Task) -> Future[Result]:
        """Give the worker a task; one that died while idle (killed by a neighbour) breaks the task like any other."""
        try:
            return self.pool.submit(_grade, task)
        except BrokenProcessPool as error:
            broken: Future[Result] = Future()
            broken.set_exception(error)
            return broken

    def end(self) -> None:
        """Let the idle (or dead) worker go."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def kill(self) -> None:
        """Stop a worker in the middle of a submission: the grading was given up."""
        with contextlib.suppress(psutil.Error, BrokenProcessPool):
            worker = psutil.Process(self.pid.result())
            family = [*worker.children(recursive=True), worker]
            for process in family:
                process.kill()
            psutil.wait_procs(family, timeout=5)
        self.end()


def _result(future: Future[Result], job: _Job[Key]) -> Result | None:
    """Return the job's result; None to try it once more."""
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, BrokenProcessPool):
        return Result("failed", f"the grader raised {type(error).__name__}: {plain(error)}", isolation=ISOLATION)
    if job.attempts < _ATTEMPTS:
        return None
    return Result("failed", f"the worker grading it died {job.attempts} times", isolation=ISOLATION)
