"""Grading on a Dask cluster: the same lanes on many machines, and no file system that they share.

The scheduler only carries messages. Which worker grades what is decided here, so that a lost worker costs exactly the
submissions it was grading one of their attempts. On a worker, each of its threads holds a grading process of its own.

Masters, submissions and the root seed travel to the workers, and Dask runs what anyone sends to its scheduler: use a
network you trust, or Dask's TLS settings (they are obeyed here).
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Generic

import dask.config
from distributed import Client, Future, KilledWorker, Worker, WorkerPlugin, get_worker, wait
from distributed.utils import silence_logging_cmgr

import rnnkit
from rnnkit.grade.lanes import Job, Key, Lanes, Outcome
from rnnkit.grade.results import Result, plain
from rnnkit.grade.tasks import Task, library_digest

__all__ = ["ClusterError", "DaskExecutor"]

_PER_THREAD = 2  # tasks sent to a worker for each of its threads: one runs, one waits beside it
_IDLE = 60.0  # s after which a worker lets an idle grading process go
_TICK = 1.0  # s between two looks at the workers
_CLOSING = 2.0  # s to say goodbye to the scheduler
_GATHER = 10.0  # s for a finished task's result to arrive


class ClusterError(ValueError):
    """The cluster cannot grade; the message says what to do. What was graded before is kept."""


@dataclass(frozen=True)
class DaskExecutor:
    """Grades on the workers of a Dask scheduler.

    Parameters
    ----------
    address
        Of the scheduler, such as ``"tcp://10.0.0.5:8786"``.
    connect_seconds, patience
        How long the scheduler may take to answer, and how long there may be no worker.
    """

    address: str
    connect_seconds: float = 10.0
    patience: float = 60.0

    def run(self, tasks: Iterable[tuple[Key, Task]]) -> Iterator[tuple[Key, Result]]:
        """Grade every task; see :class:`rnnkit.grade.lanes.Executor`.

        Raises
        ------
        ClusterError
            When the scheduler does not answer, or its workers cannot grade or are gone.
        """
        quiet = silence_logging_cmgr(logging.CRITICAL)  # what it would tell is in our errors
        with quiet, self._connected() as client, contextlib.closing(_Campaign(client, self, tasks)) as campaign:
            yield from campaign.run()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Client]:
        try:
            client = Client(self.address, timeout=self.connect_seconds, set_as_default=False, name="rnnkit-grade")
        except (OSError, ValueError, TypeError) as error:
            raise ClusterError(
                f"no Dask scheduler answers at {self.address} within {self.connect_seconds:g} s "
                f"({plain(error, 120)}); start one with `dask scheduler` and name its address with --scheduler"
            ) from error
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):  # it may be gone
                client.close(timeout=_CLOSING)


@dataclass(frozen=True)
class _Flight(Generic[Key]):
    """A job sent to a worker."""

    job: Job[Key]
    future: Future[Outcome]
    worker: str


class _Campaign(Generic[Key]):
    """One run over a cluster."""

    def __init__(self, client: Client, executor: DaskExecutor, tasks: Iterable[tuple[Key, Task]]) -> None:
        self.client, self.executor = client, executor
        self.name = f"rnnkit-grade-{secrets.token_hex(4)}"
        self.numbers = itertools.count()
        self.fresh = (Job(key, task) for key, task in tasks)
        self.first: collections.deque[Job[Key]] = collections.deque()  # drawn, but no worker has begun with them
        self.again: collections.deque[Job[Key]] = collections.deque()
        self.flying: dict[str, _Flight[Key]] = {}
        self.results: collections.deque[tuple[Key, Result]] = collections.deque()
        self.threads: dict[str, int] = {}  # by worker
        self.refused: dict[str, str] = {}
        self.own = _named()
        self.last_seen = time.monotonic()

    def run(self) -> Iterator[tuple[Key, Result]]:
        """Keep the workers busy until there is no job left."""
        self._look()
        if self.refused:
            raise ClusterError("; ".join(f"the worker {name} {why}" for name, why in self.refused.items()))
        self._ask(self.client.register_plugin, LanesPlugin(), name=self.name)
        while self._fill():
            self._land()
            self._look()
            while self.results:
                yield self.results.popleft()

    def close(self) -> None:
        """Stop what still runs, and end the grading processes."""
        if self.client.status != "running":
            return  # the scheduler is gone: then the workers end them for that
        with contextlib.suppress(Exception):
            self.client.cancel([flight.future for flight in self.flying.values()])
            self.client.unregister_worker_plugin(self.name)

    def _ask(self, question: Callable[..., Any], *words: Any, **named: Any) -> Any:
        """Ask the scheduler."""
        try:
            if self.client.status != "running":
                raise OSError("the connection is closed")
            return question(*words, **named)
        except (OSError, RuntimeError) as error:
            raise ClusterError(
                f"the Dask scheduler at {self.executor.address} went away ({plain(error, 120)}); what was graded is "
                "kept, the same command goes on from here"
            ) from error

    # ------------------------------------------------------------------ workers

    def _look(self) -> None:
        """Take note of workers that came or went."""
        there = self._ask(self.client.nthreads)
        for worker in [worker for worker in self.threads if worker not in there]:
            self._lose(worker)
        self._admit({name: there[name] for name in there if name not in self.threads and name not in self.refused})
        if self.threads:
            self.last_seen = time.monotonic()
        elif time.monotonic() - self.last_seen > self.executor.patience:
            raise ClusterError(
                f"the Dask scheduler at {self.executor.address} has had no worker for {self.executor.patience:g} s; "
                f"start some with `dask worker {self.executor.address}`, the same command goes on from here"
                + "".join(f"; the worker {name} {why}" for name, why in self.refused.items())
            )

    def _admit(self, new: Mapping[str, int]) -> None:
        """Use those workers that have the same library as we do."""
        if not new:
            return
        answers = self._ask(self.client.run, library, workers=list(new), on_error="return")
        for worker, answer in answers.items():
            if answer == self.own:
                self.threads[worker] = new[worker]
            elif isinstance(answer, str):
                self.refused[worker] = f"has another rnnkit ({answer}); install there what runs here ({self.own})"
            elif not isinstance(answer, OSError):  # else it is gone already
                need = f"rnnkit[grade,cluster] {rnnkit.__version__}"
                self.refused[worker] = f"cannot grade ({plain(answer, 120)}); install {need} there"

    def _lose(self, worker: str) -> None:
        """Take back the jobs of a worker that is gone: those it had begun have used up an attempt."""
        threads = self.threads.pop(worker)
        lost = [key for key, flight in self.flying.items() if flight.worker == worker]
        for position, key in enumerate(lost):
            job = self._drop(key)
            if position < threads:
                self._settle(job, Outcome(died=f"the cluster lost {worker}"))
            else:
                self.first.append(job)

    # ------------------------------------------------------------------ jobs

    def _fill(self) -> bool:
        """Send jobs while workers want some; tell whether any is left or on its way."""
        while True:
            job = self._next()
            if job is None:
                return bool(self.flying)
            load = collections.Counter(flight.worker for flight in self.flying.values())
            free = {name: _PER_THREAD * threads - load[name] for name, threads in self.threads.items()}
            worker = max(free, key=lambda name: free[name], default="")
            if not worker or not free[worker]:
                self.first.appendleft(job)
                return True
            self._send(job, worker)

    def _next(self) -> Job[Key] | None:
        if self.first:
            return self.first.popleft()
        job = next(self.fresh, None)
        return self.again.popleft() if job is None and self.again else job

    def _send(self, job: Job[Key], worker: str) -> None:
        key = f"{self.name}-{next(self.numbers)}"
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"}):  # a notebook may be large
            future = self._ask(
                self.client.submit, _grade, self.name, key, job.task.pack(), job.task.seconds,
                key=key, workers=[worker], pure=False,
            )  # fmt: skip
        self.flying[key] = _Flight(job, future, worker)

    def _drop(self, key: str) -> Job[Key]:
        flight = self.flying.pop(key)
        with contextlib.suppress(Exception):
            flight.future.cancel()
        return flight.job

    def _land(self) -> None:
        """Wait for results, but not for long."""
        if not self.flying:
            time.sleep(_TICK)
            return
        with self.client.as_current(), contextlib.suppress(TimeoutError, CancelledError):
            wait([flight.future for flight in self.flying.values()], timeout=_TICK, return_when="FIRST_COMPLETED")
        for key, flight in list(self.flying.items()):
            outcome = _outcome(flight.future) if flight.future.done() else None
            if outcome is not None:
                self._settle(self._drop(key), outcome)

    def _settle(self, job: Job[Key], outcome: Outcome) -> None:
        result = job.settle(outcome)
        if result is None:
            self.again.append(job)
        else:
            self.results.append((job.key, result))


def _outcome(future: Future[Outcome]) -> Outcome | None:
    """Return a future's outcome; None when it was lost with its worker, which `_look` will find."""
    try:
        outcome: Outcome = future.result(timeout=_GATHER)
        return outcome
    except TimeoutError:
        return None
    except KilledWorker:
        return Outcome(died="the workers grading it were lost, one after the other", final=True)
    except CancelledError:
        return Outcome(died="the cluster dropped it")
    except Exception as error:
        return Outcome(died=f"the cluster raised {type(error).__name__}: {plain(error)}")


# ------------------------------------------------------------------ on the workers


def library() -> str:
    """Name this machine's library; raises where it cannot grade."""
    import rnnkit.grade.grader  # noqa: F401 -- with all that it needs

    return _named()


def _named() -> str:
    return f"{rnnkit.__version__}, {library_digest()[:12]}"


class LanesPlugin(WorkerPlugin):  # type: ignore[misc]
    """The grading processes of a worker: a task that is no longer wanted (its client is gone) ends its process."""

    def setup(self, worker: Worker) -> None:
        """Make room for them; they start with the first tasks."""
        self.lanes = Lanes()

    def transition(self, key: str, start: str, finish: str, **_: Any) -> None:
        """End the process of a task that is taken back."""
        if (start, finish) == ("executing", "released"):
            self.lanes.stop(key)

    async def teardown(self, worker: Worker) -> None:
        """End all of them."""
        await asyncio.to_thread(self.lanes.close)


def _grade(plugin: str, key: str, task: bytes, seconds: float) -> Outcome:
    """Grade a packed task in one of this worker's processes."""
    lanes: Lanes = get_worker().plugins[plugin].lanes
    outcome = lanes.grade(key, task, seconds)
    later = threading.Timer(_IDLE + 1, lanes.end_idle, [_IDLE])
    later.daemon = True
    later.start()
    return outcome
