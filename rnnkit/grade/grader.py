"""Grading one submission, in a worker process: read, match, plan, run, compare, one row."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import multiprocessing
import multiprocessing.connection
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.grade.kernel import KernelError, adopt_orphans, kill_orphans
from rnnkit.grade.limits import ISOLATION
from rnnkit.grade.notebook import GraderError, Run, run_plan
from rnnkit.grade.plan import make_plan
from rnnkit.grade.results import CheckResult, Result, plain
from rnnkit.grade.submissions import UnreadableError, belongs_to, read_cells

if TYPE_CHECKING:
    from rnnkit.grade.lanes import Task
    from rnnkit.grade.master import Master

__all__ = ["PUBLIC_SEED", "fresh_seed", "grade", "start_worker"]

PUBLIC_SEED = 0
_WATCHDOG = 120.0  # s beyond a notebook's own time after which a worker gives itself up


def fresh_seed(root_seed: str, digest: str, exercise_id: str) -> int:
    """Derive one check's seed for one submission: nobody without `root_seed` can tell it, anyone with it can again."""
    code = hmac.new(root_seed.encode(), f"{digest}/{exercise_id}".encode(), hashlib.sha256)
    return int.from_bytes(code.digest()[:8], "big") >> 1


@functools.cache
def load_master(path: Path) -> Master:
    """Load the master at `path`, once per worker."""
    from rnnkit.grade.master import Master

    return Master.load(path)


def start_worker(scratch: str) -> None:
    """Prepare a worker: it ends with the grader, adopts notebooks' daemons, and leaves Ctrl-C to the parent."""
    tempfile.tempdir = scratch
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel, scratch), daemon=True).start()


def _end_with(sentinel: int, scratch: str) -> None:
    multiprocessing.connection.wait([sentinel])
    kill_orphans()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


@contextlib.contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    """End this worker if grading hangs where no deadline of ours reaches; the parent gives the row its reason."""
    timer = threading.Timer(seconds, os._exit, args=(3,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def grade(task: Task) -> Result:
    """Grade one submission in this worker; never raises for anything in the submission."""
    started = time.perf_counter()
    try:
        with _watchdog(task.limits.notebook_seconds + task.limits.startup_seconds + _WATCHDOG):
            result = _grade(task)
    finally:
        kill_orphans()
    return replace(result, seconds=time.perf_counter() - started, isolation=ISOLATION)


def _grade(task: Task) -> Result:
    masters = [load_master(path) for path in task.masters]
    try:
        digest, cells = read_cells(task.path)
    except UnreadableError as error:
        return _nothing(masters, Result("unreadable", str(error)))
    name = os.fsencode(task.path.name).decode("utf-8", "backslashreplace")
    master = belongs_to(name, cells, masters)
    if master is None:
        known = ", ".join(one.name for one in masters)
        return _nothing(masters, Result("unmatched", f"belongs to none of the masters ({known})"))
    plan = make_plan(master, cells)

    def seed_of(exercise_id: str) -> int:
        return PUBLIC_SEED if task.public else fresh_seed(task.root_seed, digest, exercise_id)

    run = Run(plan, master, seed_of, task.limits)
    try:
        run_plan(run)
    except (GraderError, KernelError) as error:
        return _nothing([master], Result("failed", plain(error, 400)))
    order = [check.grade_id for check in master.checks]
    checks = tuple(sorted(run.checks, key=lambda check: order.index(check.grade_id)))
    return Result("graded", "", master.name, checks=checks, notes=(*plan.notes, *run.notes))


def _nothing(masters: list[Master], result: Result) -> Result:
    """No points, out of the points there were to win when it is clear which notebook this should have been."""
    if len(masters) != 1:
        return result
    checks = [CheckResult(one.exercise.id, one.grade_id, 0.0, float(one.points)) for one in masters[0].checks]
    return replace(result, master=masters[0].name, checks=tuple(checks))
