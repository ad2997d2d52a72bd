"""A kernel that a hostile notebook cannot hang, flood or outlive.

nbval's :class:`~nbval.kernel.RunningKernel` waits per message (so an endless printer never times out), keeps all
output, and does not look whether the kernel still lives. This one has a deadline per cell and per notebook, drops
output while it is produced, notices a dead kernel at once, and at the end kills every process the notebook started.
"""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar

import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session
from nbval.kernel import RunningKernel

from rnnkit.check.values import MIME
from rnnkit.grade.processes import kill_tree
from rnnkit.grade.results import plain
from rnnkit.grade.source import KernelError, KernelSource
from rnnkit.warm.client import TemplateError, WarmProcess

__all__ = ["GradingKernel"]

_TICK = 250  # ms between two looks at a silent kernel
_GRACE = 3.0  # s for the last messages of a cell, and for an interrupted cell to stop
_REPLY = 2.0  # s for the reply of a cell after which the kernel is idle again
_MOST_BUNDLES = 2  # of values kept from one cell: more than one is wrong, however many
_LONGEST_ERROR = 500  # characters of an error's name and of its text
_LONGEST_ADDRESS = 100  # of the 107 characters that a socket's path may have
_CHANNELS = ((zmq.DEALER, "shell"), (zmq.SUB, "iopub"), (zmq.DEALER, "stdin"))


class GradingKernel(RunningKernel):  # type: ignore[misc]
    """One bounded kernel from a worker's source: the notebook has no say in the choice.

    Message loops are our own, over three plain sockets; nbval calls `execute_cell_input`, `await_reply`, `get_message`,
    `interrupt` and `stop`, and gets only well-formed messages that matter to a grade.
    """

    _WANTED: ClassVar[dict[str, tuple[str, type]]] = {
        "status": ("execution_state", str),
        "error": ("traceback", list),
        "display_data": ("data", dict),
    }

    def __init__(self, source: KernelSource, deadline: float) -> None:
        self.source, self.limits, self.notebook_deadline = source, source.limits, deadline
        self.trouble = ""  # why the running cell did not end well
        self.reply: dict[str, Any] = {}
        self._inbox: collections.deque[dict[str, Any]] = collections.deque()
        self._cell_id, self._cell_deadline, self._idle_since, self._bytes = "", 0.0, 0.0, 0
        self._sockets: tuple[zmq.Socket[bytes], ...] = ()
        self.process: WarmProcess | subprocess.Popen[bytes] | None = None
        self.judged = False
        """Whether the running cell's values are looked at; those of other cells are dropped as they come."""
        self._bundles = 0
        self.answer: Callable[[object], str] | None = None
        """Answers the questions (``input()``) of the running cell; most cells may ask none."""
        try:
            self._begin()
        except KernelError:  # perhaps for what another notebook left: once more, behind walls that nobody has met
            source.discard()
            self._begin()

    def _begin(self) -> None:
        """Start a kernel in folders of its own."""
        self.context = zmq.Context()
        options = {zmq.MAXMSGSIZE: 2 * self.limits.bundle_mb << 20, zmq.RCVHWM: 64, zmq.SNDTIMEO: 0, zmq.LINGER: 0}
        options[zmq.RECONNECT_IVL] = 5  # ms between two looks whether the kernel has opened its sockets
        for option, value in options.items():
            self.context.setsockopt(option, value)
        self.place = self.source.place()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.session = Session(key=os.urandom(16).hex().encode())
        file = self.place.sockets / "c.json"
        self.address = str(self.place.sockets / "s")
        local = os.name == "posix"  # no port for others to meet, none to race for
        if local and len(self.address) > _LONGEST_ADDRESS:
            raise KernelError(f"the path {self.address} is too long for a socket; set TMPDIR to a shorter folder")
        inside = self.source.inside(Path(self.address))
        _, self.connection = write_connection_file(
            str(file), key=self.session.key, transport="ipc" if local else "tcp", ip=inside if local else "127.0.0.1"
        )
        try:
            self.process = self.source.start(self.place, self.source.inside(file))
        except (TemplateError, OSError) as error:
            raise KernelError(f"the kernel did not start: {error}") from error
        self._connect()
        try:
            self._synchronise(self.limits.startup_seconds)
        except KernelError as error:
            raise KernelError(f"{error} while it started; {self.source.last_words()}") from error

    def _connect(self) -> None:
        """Open all channels; anew after a message above MAXMSGSIZE, which ends a zmq connection for good."""
        for socket in self._sockets:
            socket.close(linger=0)
        self._sockets = tuple(self._open(kind, name) for kind, name in _CHANNELS)
        self.poller = zmq.Poller()
        for socket in self._sockets:
            self.poller.register(socket, zmq.POLLIN)

    def _open(self, kind: int, channel: str) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self.context.socket(kind)
        if kind == zmq.SUB:
            socket.setsockopt(zmq.SUBSCRIBE, b"")
        else:
            socket.setsockopt(zmq.IDENTITY, self.session.bsession)  # questions come back to who sent the cell
        number, local = self.connection[f"{channel}_port"], self.connection["transport"] == "ipc"
        socket.connect(f"ipc://{self.address}-{number}" if local else f"tcp://{self.connection['ip']}:{number}")
        return socket

    # ------------------------------------------------------------------ what nbval calls

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        """Send the cell; from now on its deadline runs."""
        self._inbox.clear()
        self._bytes, self._bundles, self._idle_since, self.trouble, self.reply = 0, 0, 0.0, "", {}
        self._cell_deadline = min(time.monotonic() + self.limits.cell_seconds, self.notebook_deadline)
        content = {
            "code": cell_input,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": self.answer is not None,
            "stop_on_error": False,
        }
        self._cell_id = self._send("execute_request", content)
        return self._cell_id

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """Wait for the cell's reply, dropping output meanwhile; ``Empty`` means: interrupt it."""
        while not self._read(msg_id):
            if self._idle_since and time.monotonic() > self._idle_since + _REPLY:
                self.trouble = "sent no reply"  # what runs cells was broken: all others would wait for nothing
                return
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
        if self.process is not None:
            with contextlib.suppress(OSError, ValueError):
                self.process.send_signal(signal.SIGINT)

    def is_alive(self) -> bool:
        """Tell whether the kernel's process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Kill the kernel with everything it started, and remove its folder; a second call does nothing."""
        if self.process is not None:
            end(self.process, self.source)
            self.process = None
        self.context.destroy(linger=0)
        self.source.clear(self.place)

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

    def _send(self, kind: str, content: dict[str, Any], socket: zmq.Socket[bytes] | None = None) -> str:
        try:
            message = self.session.send(socket or self._sockets[0], kind, content)
        except zmq.Again:
            raise KernelError("the kernel takes no more messages") from None
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
        shell, iopub, stdin = self._sockets
        ready = dict(self.poller.poll(wait))
        if stdin in ready:
            self._answer(self._receive(stdin))
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

    def _answer(self, message: dict[str, Any] | None) -> None:
        """Answer a question; one that no cell may ask gets nothing back."""
        if message and message.get("msg_type") == "input_request" and self.answer is not None:
            reply = {"value": self.answer(message["content"].get("prompt"))}
            with contextlib.suppress(KernelError):  # it asks, and takes no answers
                self._send("input_reply", reply, self._sockets[2])

    def _receive(self, socket: zmq.Socket[bytes]) -> dict[str, Any] | None:
        """Take one message that is signed and well-formed, ``{}`` for one that is not, None when there is none."""
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return None
        self._bytes += sum(map(len, frames))
        try:
            _, parts = self.session.feed_identities(frames)
            message: dict[str, Any] = self.session.deserialize(parts)
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
            self._bundles += MIME in content["data"]
            if MIME not in content["data"] or not self.judged or self._bundles > _MOST_BUNDLES:
                return
            content = {"data": {MIME: content["data"][MIME]}, "metadata": {}}
        elif kind == "error":
            content = {name: plain(content.get(name), _LONGEST_ERROR) for name in ("ename", "evalue")} | {
                "traceback": []
            }
        elif content["execution_state"] == "idle" and message["parent_header"]["msg_id"] == self._cell_id:
            self._idle_since = self._idle_since or time.monotonic()
        self._inbox.append({**message, "content": content})

    @staticmethod
    def _idle(msg_id: str) -> dict[str, Any]:
        return {"msg_type": "status", "content": {"execution_state": "idle"}, "parent_header": {"msg_id": msg_id}}


def end(process: WarmProcess | subprocess.Popen[bytes], source: KernelSource) -> None:
    """Kill a kernel with everything it started; a template that cannot do that is given up, which does it."""
    if isinstance(process, WarmProcess):
        process.kill()
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            source.discard()
    else:
        kill_tree(process.pid)
        process.wait()
