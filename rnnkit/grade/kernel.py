"""A kernel that a hostile notebook cannot hang, flood or outlive.

nbval's :class:`~nbval.kernel.RunningKernel` waits per message (so an endless printer never times out), keeps all
output, and does not look whether the kernel still lives. This one has a deadline per cell and per notebook, drops
output while it is produced, notices a dead kernel at once, and at the end kills every process the notebook started.
"""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar

import psutil
import zmq
from jupyter_client.manager import KernelManager
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager, RunningKernel

from rnnkit.check.values import MIME
from rnnkit.grade.limits import Limits, kernel_environment

__all__ = ["GradingKernel", "KernelError", "adopt_orphans", "kill_orphans"]

_TICK = 250  # ms between two looks at a silent kernel
_GRACE = 3.0  # s for the last messages of a cell, and for an interrupted cell to stop


class KernelError(RuntimeError):
    """The kernel did not start or died; the message says when."""


class GradingKernel(RunningKernel):  # type: ignore[misc]
    """One bounded kernel, with the python of this process: the notebook has no say in the choice.

    Message loops are our own, over two plain sockets; nbval calls `execute_cell_input`, `await_reply`, `get_message`,
    `interrupt` and `stop`, and gets only well-formed messages that matter to a grade.
    """

    _WANTED: ClassVar[dict[str, tuple[str, type]]] = {
        "status": ("execution_state", str),
        "error": ("traceback", list),
        "display_data": ("data", dict),
    }

    def __init__(self, limits: Limits, deadline: float) -> None:
        self.limits, self.notebook_deadline = limits, deadline
        self.trouble = ""  # why the running cell did not end well
        self.reply: dict[str, Any] = {}
        self._inbox: collections.deque[dict[str, Any]] = collections.deque()
        self._cell_id, self._cell_deadline, self._bytes = "", 0.0, 0
        self._sockets: tuple[zmq.Socket[bytes], ...] = ()
        self.folder = tempfile.mkdtemp(prefix="k")
        sockets, self.work, self.home = (Path(self.folder, name) for name in (".k", "work", "home"))
        for path in (sockets, self.work, self.home):
            path.mkdir(mode=0o700)
        self.context = zmq.Context()
        for option, value in ((zmq.MAXMSGSIZE, 2 * limits.bundle_mb << 20), (zmq.RCVHWM, 64), (zmq.LINGER, 0)):
            self.context.setsockopt(option, value)
        self.km = KernelManager(
            kernel_name=CURRENT_ENV_KERNEL_NAME,
            kernel_spec_manager=NbvalKernelspecManager(),
            connection_file=str(sockets / "c.json"),
            context=self.context,
        )
        if os.name == "posix":  # no port for others to meet, none to race for
            self.km.transport, self.km.ip, self.km.cache_ports = "ipc", str(sockets / "s"), False
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.km.start_kernel(cwd=str(self.work), env=kernel_environment(str(self.home)), **quiet)
        self.pid: int = self.km.provisioner.pid
        self._connect()
        self._synchronise(self.limits.startup_seconds)

    def _connect(self) -> None:
        """Open both channels; anew after a message above MAXMSGSIZE, which ends a zmq connection for good."""
        for socket in self._sockets:
            socket.close(linger=0)
        self._sockets = (self.km.connect_shell(), self.km.connect_iopub())
        self.poller = zmq.Poller()
        for socket in self._sockets:
            self.poller.register(socket, zmq.POLLIN)

    # ------------------------------------------------------------------ what nbval calls

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send the cell; from now on its deadline runs."""
        self._inbox.clear()
        self._bytes, self.trouble, self.reply = 0, "", {}
        self._cell_deadline = min(time.monotonic() + self.limits.cell_seconds, self.notebook_deadline)
        content = {
            "code": cell_input,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": bool(allow_stdin),
            "stop_on_error": False,
        }
        self._cell_id = self._send("execute_request", content)
        return self._cell_id

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the cell's reply, dropping output meanwhile; ``Empty`` means: interrupt it."""
        while not self._read(msg_id):
            if self._bytes > self.limits.output_mb << 20:
                self.trouble = f"printed more than {self.limits.output_mb} MB"
                raise Empty
            if time.monotonic() > self._cell_deadline:
                over_all = self._cell_deadline >= self.notebook_deadline
                self.trouble = (
                    f"the notebook ran longer than {self.limits.notebook_seconds:g} s"
                    if over_all
                    else f"ran longer than {self.limits.cell_seconds:g} s"
                )
                raise Empty
        self._cell_deadline = time.monotonic() + _GRACE

    def get_message(self, stream: str, timeout: float | None = None) -> dict[str, Any]:
        """Return the next wanted message; after a reply whose idle message was lost in a flood, an idle of our own."""
        while not self._inbox:
            if time.monotonic() > self._cell_deadline:
                if self.trouble:
                    raise Empty
                self._connect()
                self._synchronise(_GRACE)
                return self._idle(self._cell_id)
            self._read("")
        return self._inbox.popleft()

    def interrupt(self) -> None:
        """Interrupt the kernel and what it started; it has a short grace to obey."""
        self._cell_deadline = time.monotonic() + _GRACE
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGINT)
            else:
                self.km.interrupt_kernel()

    def is_alive(self) -> bool:
        """Tell whether the kernel's process runs."""
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        return process is not None and process.poll() is None

    def stop(self) -> None:
        """Kill the kernel with everything it started, and remove its folder; a second call does nothing."""
        process = getattr(getattr(self.km, "provisioner", None), "process", None)
        if process is not None:
            kill_tree(process.pid)
            process.wait()
            self.km.provisioner.process = None
        self.context.destroy(linger=0)
        self.km.cleanup_connection_file()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------------ the grader's own

    def run(self, source: str) -> str:
        """Run trusted or replayed source for its effect; return its error in a line, or nothing."""
        cell = self.execute_cell_input(source)
        try:
            self.await_reply(cell)
        except Empty:
            self.interrupt()
        try:
            self.await_idle(cell, None)
        except Empty:
            self.stop()  # it did not obey
        if self.reply.get("status") == "error" and not self.trouble:
            return f"{self.reply.get('ename')}: {self.reply.get('evalue')}"
        return self.trouble

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        message = self.km.session.send(self._sockets[0], kind, content)
        return str(message["header"]["msg_id"])

    def _synchronise(self, seconds: float) -> None:
        """Ask who is there until both channels answer: iopub subscriptions and reconnections take their time."""
        self._cell_deadline = time.monotonic() + seconds
        while time.monotonic() < self._cell_deadline:
            self._inbox.clear()
            asked = self._send("kernel_info_request", {})
            while time.monotonic() < self._cell_deadline and not self._read(asked):
                pass
            for _ in range(4):
                if any(message["parent_header"]["msg_id"] == asked for message in self._inbox):
                    self._inbox.clear()
                    return
                self._read("", wait=20)
        raise KernelError(f"the kernel gave no answer within {seconds:g} s")

    def _read(self, awaited: str, wait: int = _TICK) -> bool:
        """Take what has arrived from both sockets; True when the reply to `awaited` is among it."""
        shell, iopub = self._sockets
        ready = dict(self.poller.poll(wait))
        if iopub in ready:
            for _ in range(100):
                message = self._receive(iopub)
                if message is None:
                    break
                self._keep(message)
        if shell in ready:
            message = self._receive(shell)
            if message and message["parent_header"]["msg_id"] == awaited:
                self.reply = message["content"]
                return True
        if not ready and not self.is_alive():
            self.trouble = "ended the kernel"
            raise KernelError("the kernel ended")
        return False

    def _receive(self, socket: zmq.Socket[bytes]) -> dict[str, Any] | None:
        """Take one message that is signed and well-formed, ``{}`` for one that is not, None when there is none."""
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        self._bytes += sum(map(len, frames))
        try:
            _, parts = self.km.session.feed_identities(frames)
            message: dict[str, Any] = self.km.session.deserialize(parts)
            fine = isinstance(message["content"], dict) and isinstance(message["parent_header"], dict)
        except Exception:  # whatever a forged message makes the parser raise
            return {}
        return message if fine and isinstance(message["parent_header"].get("msg_id"), str) else {}

    def _keep(self, message: dict[str, Any]) -> None:
        """Keep the few kinds that matter: streams, pictures and widgets are dropped here."""
        kind = message.get("msg_type")
        if not isinstance(kind, str) or kind not in self._WANTED:
            return
        key, wanted = self._WANTED[kind]
        content = message["content"]
        if not isinstance(content.get(key), wanted):
            return
        if kind == "display_data":
            if MIME not in content["data"] or len(self._inbox) > 64:
                return
            content = {"data": {MIME: content["data"][MIME]}, "metadata": {}}
        elif kind == "error":
            content = {"ename": str(content.get("ename")), "evalue": str(content.get("evalue")), "traceback": []}
        self._inbox.append({**message, "content": content})

    @staticmethod
    def _idle(msg_id: str) -> dict[str, Any]:
        return {"msg_type": "status", "content": {"execution_state": "idle"}, "parent_header": {"msg_id": msg_id}}


def adopt_orphans() -> None:
    """On Linux, make orphans of this process's descendants its own children, so that `kill_orphans` finds them."""
    if sys.platform == "linux":
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def kill_tree(pid: int) -> None:
    """Kill a process, its descendants and its process group."""
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(pid).children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(psutil.Error):
        psutil.Process(pid).kill()


def kill_orphans(rounds: int = 50) -> None:
    """Kill every descendant of this process (a worker's own, see `adopt_orphans`): daemons that a notebook left."""
    for _ in range(rounds):
        left = psutil.Process().children(recursive=True)
        if not left:
            return
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)
