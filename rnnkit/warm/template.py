"""The template process: imports once, then forks a kernel for every request.

    python -m rnnkit.warm.template CONTROL

``CONTROL`` is the number of an inherited socket (see :mod:`rnnkit.warm.wire`). The first message says what to import;
each further one starts a kernel and brings the kernel's *leash*: signals travel down it, the exit status up, and when
its other end closes the kernel is killed with everything it started. When the control socket closes, so does all.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from typing import Any

from rnnkit.warm import wire

__all__ = ["MARK", "main"]

MARK = "RNNKIT_WARM_KERNEL"
"""The environment variable that tells a kernel's own processes from its neighbours'."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Kernel:
    """A kernel that was forked: its process, and its leash while the other end is held."""

    def __init__(self, pid: int, leash: socket.socket, mark: str) -> None:
        self.pid, self.leash, self.mark = pid, leash, mark
        self.ended = self.swept = False

    def tell(self, message: dict[str, Any]) -> None:
        """Tell who holds the leash, if anybody does."""
        with contextlib.suppress(OSError):
            wire.send(self.leash, message)


class Template:
    """The loop of the template process.

    `exclusive` templates run one kernel at a time: when it ends, every other process below is killed, and in a process
    namespace of its own (`own_processes`) that is everything there is.
    """

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self.control, self.settings = control, settings
        self.exclusive, self.own_processes = bool(settings.get("exclusive")), bool(settings.get("own_processes"))
        self.kernels: dict[int, Kernel] = {}  # by the leash's file number
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wakeup[1], warn_on_full_buffer=False)
        self.poll.register(self.wakeup[0], select.POLLIN)

    def run(self) -> None:
        """Serve until the control socket closes."""
        while True:
            for number, _ in self.poll.poll():
                if number == self.wakeup[0]:
                    with contextlib.suppress(BlockingIOError):
                        os.read(number, 4096)
                    self._reap()
                elif number == self.control.fileno():
                    request, descriptors = wire.receive(self.control)
                    if request is None:
                        return self._end()
                    self._start(request, descriptors)
                elif number in self.kernels:
                    self._obey(self.kernels[number])

    def _start(self, request: dict[str, Any], descriptors: list[int]) -> None:
        leash, *outputs = descriptors
        kernel_leash = socket.socket(fileno=leash)
        mark = f"{os.getpid()}-{leash}-{time.monotonic_ns()}"
        request["env"][MARK] = mark
        try:
            pid = os.fork()
        except OSError as error:
            wire.send(kernel_leash, {"failed": f"{type(error).__name__}: {error}"})
            kernel_leash.close()
            return
        if pid == 0:
            self._become_kernel(request, outputs)
        for output in outputs:
            os.close(output)
        kernel = self.kernels[leash] = Kernel(pid, kernel_leash, mark)
        self.poll.register(leash, select.POLLIN)
        kernel.tell({"pid": pid})

    def _become_kernel(self, request: dict[str, Any], outputs: list[int]) -> None:
        """Never returns: the forked process runs a kernel and ends."""
        leave, status = os._exit, 70
        try:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # no kernel outlives its template
            os.setsid()
            signal.set_wakeup_fd(-1)
            from rnnkit.warm import child

            status = child.become_kernel(request, outputs)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            leave(status)

    def _obey(self, kernel: Kernel) -> None:
        message, _ = wire.receive(kernel.leash)
        if message is None:
            self._kill(kernel)
            self._forget(kernel)
        elif "signal" in message and not kernel.ended:
            number = int(message["signal"])
            with contextlib.suppress(OSError):
                os.killpg(kernel.pid, number)
            if number == signal.SIGKILL:
                self._kill(kernel)

    def _reap(self) -> None:
        """Collect ended children; the kernels among them report their status."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for kernel in [one for one in self.kernels.values() if one.pid == pid]:
                kernel.ended = True
                self._kill(kernel)  # what it left behind
                kernel.tell({"exit": os.waitstatus_to_exitcode(status)})

    def _forget(self, kernel: Kernel) -> None:
        number = kernel.leash.fileno()
        self.poll.unregister(number)
        del self.kernels[number]
        kernel.leash.close()

    def _kill(self, kernel: Kernel) -> None:
        """Kill the kernel and every process that came from it, once: what runs later may be another's."""
        if kernel.swept:
            return
        kernel.swept = True
        if not kernel.ended:
            with contextlib.suppress(OSError):
                os.killpg(kernel.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.kill(kernel.pid, signal.SIGKILL)
        if self.own_processes:
            with contextlib.suppress(OSError):
                os.kill(-1, signal.SIGKILL)  # at once, so that nothing can fork away; never this process itself
            return
        for _ in range(100):
            left = [pid for pid in _below(os.getpid()) if self.exclusive or _carries(pid, kernel.mark)]
            if not left:
                return
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while (found := os.waitpid(-1, os.WNOHANG))[0]:
                    for other in self.kernels.values():
                        if other.pid == found[0]:
                            other.ended = True
                            other.tell({"exit": os.waitstatus_to_exitcode(found[1])})
            time.sleep(0.002)
        if self.exclusive:
            os._exit(71)  # what cannot be ended must not meet the next notebook

    def _end(self) -> None:
        for kernel in list(self.kernels.values()):
            self._kill(kernel)


def _below(ancestor: int) -> list[int]:
    """Return the living descendants of a process.

    Zombies are left out, but not what is below them: while one thread of theirs ends, its children are still theirs.
    """
    parent_of: dict[int, int] = {}
    zombies = set[int]()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{entry}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                parent_of[int(entry)] = int(fields[1])
                if fields[0] in (b"Z", b"X"):
                    zombies.add(int(entry))
    found, fresh = set[int](), {ancestor}
    while fresh:
        fresh = {pid for pid, parent in parent_of.items() if parent in fresh} - found
        found |= fresh
    return sorted(found - zombies)


def _carries(pid: int, mark: str) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{MARK}={mark}".encode() in file.read().split(b"\0")
    except OSError:
        return False


def _import(names: list[str]) -> dict[str, str]:
    """Import modules; return what could not be imported, with the reason."""
    failed: dict[str, str] = {}
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken package must not cost the others
            failed[name] = f"{type(error).__name__}: {error}"[:200]
    return failed


def main() -> None:
    """Import what the first message names, report, and serve."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    settings, _ = wire.receive(control)
    if settings is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started us
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    sys.path[:0] = settings.get("path", [])
    gc.disable()
    failed = _import(settings["preload"])
    gc.collect()
    gc.freeze()
    prctl(_PR_SET_DUMPABLE, 0)  # its memory and its descriptors are closed to its kernels
    ready = {"ready": os.getpid(), "failed": failed, "threads": len(os.listdir("/proc/self/task"))}
    wire.send(control, ready)
    Template(control, settings).run()


if __name__ == "__main__":
    from rnnkit.warm import template

    template.main()  # as a module of its name, so that nothing of it lies in the kernels' __main__
