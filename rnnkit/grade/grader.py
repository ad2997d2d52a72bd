"""The worker's side: one process that grades one submission after the other, each into one row."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import pickle
import queue
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import psutil

from rnnkit.grade.lanes import GAVE_UP
from rnnkit.grade.master import Master
from rnnkit.grade.plan import make_plan
from rnnkit.grade.processes import adopt_orphans, kill_orphans, kill_tree
from rnnkit.grade.results import CheckResult, GraderError, Result, plain
from rnnkit.grade.source import KernelError, KernelSource
from rnnkit.grade.submissions import UnreadableError, belongs_to
from rnnkit.grade.tasks import Assignment, MasterFiles, Task, pack_result
from rnnkit.isolation.plan import IsolationError
from rnnkit.warm.client import TemplateError

__all__ = ["PUBLIC_SEED", "Worker", "fresh_seed", "main", "start_worker"]

PUBLIC_SEED = 0
_SOURCES = 2  # of kernels, kept open by one worker
_PARKING = getattr(signal, "SIGUSR1", None)  # stops the main thread where it is
_ENDING = 3.0  # s for an idle worker to put its things away when it is no longer needed


def fresh_seed(root_seed: str, digest: str, exercise_id: str) -> int:
    """Derive one check's seed for one submission: nobody without `root_seed` can tell it, anyone with it can again."""
    code = hmac.new(root_seed.encode(), f"{digest}/{exercise_id}".encode(), hashlib.sha256)
    return int.from_bytes(code.digest()[:8], "big") >> 1


# ------------------------------------------------------------------ the process


def main(scratch: str) -> None:
    """Grade the tasks that arrive on standard input, answer on standard output, end when the input ends."""
    tasks, results = _own_pipes()
    waiting: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
    with contextlib.closing(start_worker(scratch)) as worker:
        threading.Thread(target=_receive, args=(tasks, waiting, worker), daemon=True).start()
        while (task := waiting.get()) is not None:
            with worker.at_work:
                line = pack_result(worker.grade(task))
            results.write(f"{line}\n".encode())
            results.flush()


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take standard input and output for ourselves: nothing that prints can write among the results."""
    pipes = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return pipes


def _receive(tasks: BinaryIO, waiting: queue.SimpleQueue[Task | None], worker: Worker) -> None:
    """Pass tasks on; when the input ends (the grader is gone), end what is running, or what ends too slowly."""
    with contextlib.suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            waiting.put(pickle.load(tasks))
    if not worker.at_work.locked():
        waiting.put(None)
        time.sleep(_ENDING)
    worker.give_up(1)


def start_worker(scratch: str) -> Worker:
    """Prepare this process: it adopts notebooks' daemons and leaves Ctrl-C to the grader; `scratch` is made here."""
    Path(scratch).mkdir(mode=0o700)
    tempfile.tempdir = scratch
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _PARKING:
        signal.signal(_PARKING, lambda *_: threading.Event().wait())  # for ever
    adopt_orphans()
    return Worker(scratch)


class Worker:
    """What one grading process keeps from one submission to the next: masters, and where kernels come from."""

    def __init__(self, scratch: str) -> None:
        self.scratch = scratch
        self.at_work = threading.Lock()
        self._masters: dict[str, Master] = {}
        self._kernels: dict[tuple[str, Assignment], KernelSource] = {}

    def grade(self, task: Task) -> Result:
        """Grade one submission; never raises for anything in it.

        It takes at most `task.seconds` (the notebook's time, a kernel's start and two minutes): then the process gives
        itself up, with status `GAVE_UP`. Should it be unable to (it was stopped), the grader kills it a minute later.
        """
        started = time.perf_counter()
        try:
            with _watchdog(task.seconds, self.give_up):
                result = _grade(task, self)
        except Exception as error:
            reason = f"the grader raised {type(error).__name__}: {plain(error, 300)}"
            result = Result("failed", reason, isolation="not known")
        finally:
            self._sweep()
        return replace(result, seconds=time.perf_counter() - started)

    def master(self, files: MasterFiles) -> Master:
        """Load a master from files of our own, once."""
        if files.digest not in self._masters:
            self._masters[files.digest] = Master.load(files.write(self._folder(files)))
        return self._masters[files.digest]

    def _folder(self, files: MasterFiles) -> Path:
        return Path(self.scratch, f"m{files.digest[:16]}")

    def kernels(self, files: MasterFiles, given: Assignment) -> KernelSource:
        """Return where kernels for this master come from; a few are kept, each holds a template in memory."""
        key = files.digest, replace(given, masters=(), root_seed="")
        if key not in self._kernels:
            while len(self._kernels) >= _SOURCES:
                self._kernels.pop(next(iter(self._kernels))).close()
            hidden = [*map(self._folder, given.masters), *filter(Path.exists, map(Path, given.hidden))]
            self._kernels[key] = KernelSource(self.master(files), given.limits, given.isolation, hidden)
        return self._kernels[key]

    def _sweep(self) -> None:
        """Kill what a notebook left behind; templates live on, and sweep below themselves."""
        templates = [source.template for source in self._kernels.values() if source.template]
        kept = {template.process.pid for template in templates}
        for _ in range(50):
            left = [child for child in psutil.Process().children() if child.pid not in kept]
            if not left:
                return
            for child in left:
                kill_tree(child.pid)
            psutil.wait_procs(left, timeout=1)

    def close(self) -> None:
        """End the templates and remove all files."""
        for source in self._kernels.values():
            source.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def give_up(self, status: int) -> None:
        """End this process now (from another thread), with all that notebooks started, and remove all files."""
        if _PARKING:
            signal.pthread_kill(threading.main_thread().ident or 0, _PARKING)  # it would go on making files
        kill_orphans()
        for source in list(self._kernels.values()):
            source.plan.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        os._exit(status)


@contextlib.contextmanager
def _watchdog(seconds: float, give_up: Callable[[int], None]) -> Iterator[None]:
    """End this worker if grading hangs where no deadline of ours reaches; the grader gives the row its reason."""
    timer = threading.Timer(seconds, give_up, args=(GAVE_UP,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


# ------------------------------------------------------------------ one submission


def _grade(task: Task, worker: Worker) -> Result:
    given = task.assignment
    masters = {worker.master(files): files for files in given.masters}
    try:
        cells = task.handed_in.cells()
    except UnreadableError as error:
        return _nothing(masters, Result("unreadable", str(error)))
    master = belongs_to(task.name, cells, list(masters))
    if master is None:
        known = ", ".join(one.name for one in masters)
        return _nothing(masters, Result("unmatched", f"belongs to none of the masters ({known})"))
    isolation = "nothing was run"
    try:
        kernels = worker.kernels(masters[master], given)
        # a new template imports for a second or more: meanwhile we import pytest and nbval, and run the reference
        from rnnkit.grade.notebook import Run, run_plan

        master.prepare()
        isolation = kernels.isolation
        run = Run(make_plan(master, cells), master, _seeds(task), kernels)
        run_plan(run)
    except (GraderError, IsolationError, KernelError, TemplateError) as error:
        return _nothing([master], Result("failed", plain(error, 400), isolation=isolation))
    order = [check.grade_id for check in master.checks]
    checks = tuple(sorted(run.checks, key=lambda check: order.index(check.grade_id)))
    notes = (*_copied(task, masters[master]), *run.plan.notes, *run.notes)
    return Result("graded", "", master.name, checks=checks, notes=notes, isolation=isolation)


def _seeds(task: Task) -> Callable[[str], int]:
    """Return each check's seed for this submission."""
    given, digest = task.assignment, task.handed_in.digest
    return lambda exercise_id: PUBLIC_SEED if given.public else fresh_seed(given.root_seed, digest, exercise_id)


def _copied(task: Task, files: MasterFiles) -> Iterator[str]:
    """Remark on a file that is the master's own: a copy, or a hard link (which no flag of `open` refuses)."""
    if task.handed_in.content == files.files[0][1]:
        yield "the file is the master itself, byte for byte"


def _nothing(masters: Iterable[Master], result: Result) -> Result:
    """No points, out of the points there were to win when it is clear which notebook this should have been."""
    result = replace(result, isolation=result.isolation or "nothing was run")
    meant, *others = masters
    if others:
        return result
    checks = [CheckResult(one.exercise.id, one.grade_id, 0.0, float(one.points)) for one in meant.checks]
    return replace(result, master=meant.name, checks=tuple(checks))
