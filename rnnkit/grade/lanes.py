"""Grading processes, and the executor that runs many of them on this machine.

A lane is one process that grades one submission after the other: one that dies takes nothing with it but its own
submission. That is tried once more, at the end and alone (the machine may have been short of memory, or a neighbour
have killed it), and then gets its reason.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

from rnnkit.grade.results import Result, plain
from rnnkit.grade.tasks import Task, unpack_result

__all__ = ["Executor", "Job", "Lanes", "LocalExecutor", "Outcome"]

Key = TypeVar("Key")
ATTEMPTS = 2
GAVE_UP = 3  # the exit status of a lane that gave itself up
_LONGEST = 16 << 20  # bytes of a result's line
_GRACE = 60.0  # s that a lane has beyond its own patience: to start, or when it is stopped and cannot give itself up
_ENDING = 5.0  # s that a lane has to put things away


class Executor(Protocol):
    """Grades tasks somewhere."""

    def run(self, tasks: Iterable[tuple[Key, Task]]) -> Iterator[tuple[Key, Result]]:
        """Yield every result as soon as it is there; draw tasks only when they can be graded soon."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a lane made of a task: a result's line, or how the lane ended (`final`: another try would end so too)."""

    line: str = ""
    died: str = ""
    final: bool = False


class Job(Generic[Key]):
    """A task, by whom it was asked for, and how often it was tried."""

    def __init__(self, key: Key, task: Task) -> None:
        self.key, self.task, self.attempts = key, task, 0

    def settle(self, outcome: Outcome) -> Result | None:
        """Return the job's result; None to try it once more."""
        self.attempts += 1
        if outcome.line:
            try:
                return unpack_result(outcome.line)
            except ValueError as error:
                return _failed(plain(error))
        if outcome.final:
            return _failed(outcome.died)
        if self.attempts < ATTEMPTS:
            return None
        return _failed(f"the worker grading it died {self.attempts} times: {outcome.died}")


def _failed(reason: str) -> Result:
    return Result("failed", reason, isolation="not known: the worker was lost")


# ------------------------------------------------------------------ one process


class Lane:
    """One grading process; it starts at once, and ends when the pipe to it is closed (with us, at the latest)."""

    def __init__(self) -> None:
        self.scratch = Path(tempfile.gettempdir(), f"rk-{secrets.token_hex(5)}")  # it makes and removes this folder
        self.idle_since = time.monotonic()
        self._killed = ""
        source = (
            f"import sys; sys.path[:] = {[place for place in sys.path if place]!r}\n"  # not the current folder
            "sys.modules['rfc3987_syntax'] = None\n"  # a grammar of URIs that takes jsonschema a second to make
            f"from rnnkit.grade.grader import main; main({str(self.scratch)!r})"
        )
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the lane
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=one_thread | os.environ,
            start_new_session=True,  # Ctrl-C is ours to handle, and the terminal out of a notebook's reach
        )

    def grade(self, task: bytes, seconds: float) -> Outcome:
        """Send a packed task; return its outcome, at the latest when `seconds` and a grace are over."""
        guard = threading.Timer(seconds + _GRACE, self._kill, [f"the grader gave it up after {seconds + _GRACE:g} s"])
        guard.daemon = True
        guard.start()
        try:
            self._pipe(self.process.stdin).write(task)
            self._pipe(self.process.stdin).flush()
            line = self._pipe(self.process.stdout).readline(_LONGEST)
        except (OSError, ValueError):  # it died, or was ended from another thread
            line = b""
        finally:
            guard.cancel()
        if line.endswith(b"\n"):
            self.idle_since = time.monotonic()
            return Outcome(line=line.decode())
        return self._death(seconds)

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe

    def _death(self, seconds: float) -> Outcome:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_ENDING)
        if self._killed:
            return Outcome(died=self._killed, final=True)
        code = self.process.returncode
        if code == GAVE_UP:
            return Outcome(died=f"the grader gave it up after {seconds:g} s", final=True)
        if code and code < 0:
            return Outcome(died=f"it got signal {-code}")
        said = ""
        with contextlib.suppress(ValueError):  # it was ended from another thread
            self._log.seek(0)
            said = self._log.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
        return Outcome(died=plain(said) or f"exit status {code}")

    def _kill(self, reason: str = "") -> None:
        from rnnkit.grade.processes import kill_tree

        self._killed = reason
        kill_tree(self.process.pid)

    def close(self) -> None:
        """Tell the process to end, whatever it is doing."""
        with contextlib.suppress(OSError, ValueError):
            self._pipe(self.process.stdin).close()

    def end(self) -> None:
        """End the process and all it started, and remove its folder."""
        self.close()
        try:
            self.process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._kill()
            self.process.wait()
        for file in (self._pipe(self.process.stdout), self._log):
            file.close()
        shutil.rmtree(self.scratch, ignore_errors=True)


# ------------------------------------------------------------------ many


class Lanes:
    """As many lanes as there are threads that ask for one; an idle lane is used again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.idle: list[Lane] = []
        self._busy: dict[object, Lane] = {}
        self._stopped = False

    def grade(self, key: object, task: bytes, seconds: float) -> Outcome:
        """Grade a packed task; blocks until it is done, or :meth:`stop` is told its key."""
        try:
            lane = self._take(key)
        except OSError as error:
            return Outcome(died=f"no process could be started for it ({error.strerror})")
        outcome = Outcome(died="grading was stopped", final=True)
        try:
            if not self._stopped:
                outcome = lane.grade(task, seconds)
        finally:
            with self._lock:
                del self._busy[key]
                again = bool(outcome.line) and not self._stopped
                if again:
                    self.idle.append(lane)
            if not again:
                lane.end()
        return outcome

    def _take(self, key: object) -> Lane:
        with self._lock:
            lane = self._busy[key] = self.idle.pop() if self.idle else Lane()
        return lane

    def stop(self, key: object) -> None:
        """End the lane that grades `key`, if any; returns at once."""
        with self._lock:
            lane = self._busy.get(key)
        if lane is not None:
            threading.Thread(target=lane.close, daemon=True).start()

    def end_idle(self, seconds: float) -> None:
        """End the lanes that have had nothing to do for `seconds`."""
        with self._lock:
            old = [lane for lane in self.idle if time.monotonic() - lane.idle_since >= seconds]
            self.idle = [lane for lane in self.idle if lane not in old]
        for lane in old:
            lane.end()

    def close(self) -> None:
        """End all lanes, those in the middle of a task too."""
        with self._lock:
            self._stopped = True
            lanes = [*self.idle, *self._busy.values()]
        for lane in lanes:
            lane.close()
        for lane in lanes:
            lane.end()


@dataclass(frozen=True)
class LocalExecutor:
    """Grades on this machine, so many submissions at a time."""

    workers: int = 1

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}; give at least 1")

    def run(self, tasks: Iterable[tuple[Key, Task]]) -> Iterator[tuple[Key, Result]]:
        """Grade every task; see :class:`Executor`."""
        again: list[Job[Key]] = []
        with contextlib.closing(Lanes()) as lanes:
            for job, outcome in _spread(lanes, (Job(key, task) for key, task in tasks), self.workers):
                result = job.settle(outcome)
                if result is None:
                    again.append(job)
                else:
                    yield job.key, result
            for job, outcome in _spread(lanes, iter(again), 1):
                result = job.settle(outcome)
                assert result is not None
                yield job.key, result


def _spread(lanes: Lanes, jobs: Iterator[Job[Key]], workers: int) -> Iterator[tuple[Job[Key], Outcome]]:
    """Spread jobs over so many lanes, each served by a thread."""
    with ThreadPoolExecutor(workers) as threads:
        running: dict[Future[Outcome], Job[Key]] = {}
        try:
            while True:
                # one more than there are lanes, so that none waits while a result is written down
                for job in itertools.islice(jobs, workers + 1 - len(running)):
                    running[threads.submit(lanes.grade, job, job.task.pack(), job.task.seconds)] = job
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BaseException:
            lanes.close()  # or the threads would be waited for
            raise
