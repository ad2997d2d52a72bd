"""Starting templates and kernels: the side of nbval, nbclient, a grader's worker, a Jupyter server."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO, Any

from rnnkit.warm import wire

__all__ = ["PRELOAD", "Template", "TemplateError", "WarmProcess", "available"]

PRELOAD = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.historyapp",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.utils.wildcard",
    "comm",
    "decimal",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "pdb",
    "resource",
    "sqlite3",
    "tornado.platform.asyncio",
    "zmq.eventloop.zmqstream",
    "rnnkit.isolation.inside",
    "rnnkit.isolation.probe",
    "rnnkit.warm.child",
    "rnnkit.warm.preamble",
)
"""What every kernel needs before its first cell."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class TemplateError(RuntimeError):
    """A template could not be started, or is gone; the message says why."""


def available() -> bool:
    """Tell whether warm kernels work on this system: they need Linux's process control."""
    return sys.platform == "linux"


class Template:
    """A running template process, started by this process and ended with it.

    Parameters
    ----------
    preload
        Modules to import beside :data:`PRELOAD`; those that fail are left out (see :attr:`failed`).
    command
        What stands before the Python command, such as bubblewrap's.
    env
        The template's whole environment; one thread of linear algebra unless it says otherwise.
    path
        Folders to put first on ``sys.path``.
    exclusive, own_processes
        One kernel at a time, after which every process below is killed; and whether `command` gives the template a
        process namespace of its own.
    seconds
        How long the imports may take.

    Raises
    ------
    TemplateError
        With the last lines the process wrote.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        *,
        command: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        path: Sequence[str] = (),
        exclusive: bool = False,
        own_processes: bool = False,
        seconds: float = 120.0,
        wait: bool = True,
    ) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the template
        self._deadline = time.monotonic() + seconds
        self._control, theirs = wire.pair()
        environment = dict.fromkeys(_ONE_THREAD, "1") | dict(os.environ if env is None else env)
        environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the debugger complains, in the template alone
        here = [*command, sys.executable, "-P", "-m", "rnnkit.warm.template", str(theirs.fileno())]
        try:
            self.process = subprocess.Popen(
                here, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, stdout=self._log,
                stderr=self._log, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._control.close()
            raise TemplateError(f"the kernel template did not start: {error}") from error
        finally:
            theirs.close()
        settings = {"preload": [*PRELOAD, *preload], "path": list(path), "exclusive": exclusive}
        with contextlib.suppress(OSError):  # it has ended already: `wait_ready` says why
            wire.send(self._control, settings | {"own_processes": own_processes})
        self._ready: dict[str, Any] = {}
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the imports are done; they go on meanwhile, so ask late."""
        while not self._ready:
            left = self._deadline - time.monotonic()
            arrived = select.select([self._control], [], [], max(0.0, left))[0]
            message = wire.receive(self._control)[0] if arrived else None
            if message is None:
                said = self.last_words()
                self.close()
                why = "ended" if arrived else "took too long"
                raise TemplateError(f"the kernel template {why} before it was ready: {said or 'it said nothing'}")
            self._ready = message

    @property
    def failed(self) -> dict[str, str]:
        """Return the modules that could not be imported, with the reasons."""
        self.wait_ready()
        return dict(self._ready["failed"])

    @property
    def threads(self) -> int:
        """Return how many threads the template has: more than one makes forks unsafe."""
        self.wait_ready()
        return int(self._ready["threads"])

    def last_words(self) -> str:
        """Return the end of what the template wrote, in one line."""
        self._log.seek(0)
        return " ".join(self._log.read()[-400:].decode(errors="replace").split())

    def is_alive(self) -> bool:
        """Tell whether the template runs."""
        return self.process.poll() is None

    def start(self, argv: Sequence[str], env: Mapping[str, str], cwd: str, *,
              outputs: Sequence[int] = (), **request: Any) -> WarmProcess:  # fmt: skip
        """Fork a kernel with these arguments of ipykernel, environment and folder.

        Raises
        ------
        TemplateError
            When the template is gone or cannot fork.
        """
        if not self.is_alive():
            raise TemplateError("the kernel template is gone")
        self.wait_ready()
        ours, theirs = wire.pair()
        message = {"argv": list(argv), "env": dict(env), "cwd": cwd, **request}
        try:
            wire.send(self._control, message, [theirs.fileno(), *outputs])
            theirs.close()  # before we wait: its copy is the only one then, and closes with the template
            return WarmProcess(ours)
        except (OSError, ValueError) as error:
            ours.close()
            raise TemplateError(f"the kernel template takes no request ({error})") from error
        finally:
            theirs.close()

    def close(self) -> None:
        """End the template with all its kernels; a second call does nothing."""
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        self.process.kill()
        self.process.wait()
        self._log.close()

    def __enter__(self) -> Template:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WarmProcess:
    """A kernel's process as seen from here; the part of :class:`subprocess.Popen` that Jupyter uses.

    `pid` is the number inside the template's process namespace.
    """

    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None

    def __init__(self, leash: socket.socket) -> None:
        self._leash = leash
        self.returncode: int | None = None
        answer = wire.receive(leash)[0]
        if answer is None or "pid" not in answer:
            leash.close()
            raise TemplateError(f"the kernel template could not fork: {(answer or {}).get('failed', 'it ended')}")
        self.pid = int(answer["pid"])

    def poll(self) -> int | None:
        """Return the exit status, None while the kernel runs."""
        if self.returncode is None and select.select([self._leash], [], [], 0)[0]:
            message = wire.receive(self._leash)[0]
            self.returncode = int(message["exit"]) if message and "exit" in message else -signal.SIGKILL
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end and let the leash go.

        Raises
        ------
        subprocess.TimeoutExpired
            When it does not end in time.
        """
        if self.returncode is None and not select.select([self._leash], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
        status = self.poll()
        self._leash.close()
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel and what it started."""
        if self.poll() is None:
            with contextlib.suppress(OSError):
                wire.send(self._leash, {"signal": int(number)})

    def kill(self) -> None:
        """Kill the kernel with everything it started."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)
