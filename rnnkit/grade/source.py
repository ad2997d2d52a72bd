"""Where a worker's kernels come from: a warm template behind walls, or, where that cannot be, one new process each."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from rnnkit.grade.library import make_library
from rnnkit.grade.limits import Limits, kernel_environment
from rnnkit.isolation import probe
from rnnkit.isolation.plan import IsolationError, Mode, Plan, make_plan, verdict
from rnnkit.warm.client import Template, TemplateError, WarmProcess, available

if TYPE_CHECKING:
    from rnnkit.grade.master import Master

__all__ = ["KernelError", "KernelSource", "Place"]

_TEMPLATE_MB = 512  # what a template holds beside its kernel
_TEMPLATE_PROCESSES = 16
_COLD = "import json, sys; from rnnkit.warm import child; child.become_kernel_without_template(json.loads(sys.argv[1]))"


class KernelError(RuntimeError):
    """The kernel did not start or died; the message says when."""


@dataclass(frozen=True)
class Place:
    """The folders of one kernel: `folder` holds all, `sockets` its connection; `work` and `home` may lie elsewhere."""

    folder: Path
    sockets: Path
    work: str
    home: str


class KernelSource:
    """Starts the kernels for one master in one worker, one at a time.

    Parameters
    ----------
    master
        Says what is withheld and what its notebooks import.
    limits, mode
        What a kernel may use, and how it is walled in.
    hidden
        Files and folders that no kernel may see, wherever they lie.

    Raises
    ------
    IsolationError
        In mode ``"strict"``, when a wall is missing.
    """

    def __init__(self, master: Master, limits: Limits, mode: Mode = "auto", hidden: Iterable[Path] = ()) -> None:
        self.limits, self.mode = limits, mode
        withheld = sorted({name for check in master.checks for name in check.exercise.withheld})
        self.elsewhere = [name for name in withheld if not name.startswith("rnnkit.")]
        self.preload = _imports(master)
        self.folder = Path(tempfile.mkdtemp(prefix="s"))
        self.shared = self.folder / "k"
        self.shared.mkdir(mode=0o700)
        own = [name for name in withheld if name.startswith("rnnkit.")]
        self.library = make_library(self.folder / "library", own)
        package = Path(sys.modules["rnnkit"].__file__ or "").parent
        self.hidden = [package, *hidden]
        self.template: Template | None = None
        self._said = self.folder / "said"
        self.plan = self._plan()
        self._tried: tuple[bool, str] | None = None
        if available():
            self._open()

    @property
    def isolation(self) -> str:
        """Return what walls the kernels in, found by trying it once, in one line."""
        return self._walls_tried()[1]

    def _walls_tried(self) -> tuple[bool, str]:
        if self._tried is None:
            self._tried = verdict(self.plan, self._try_walls() if available() else {})
        strong, line = self._tried
        if self.mode == "strict" and not strong:
            raise IsolationError(f"--isolation strict: a wall is missing: {line}")
        return self._tried

    def _plan(self) -> Plan:
        megabyte = 1 << 20
        prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
        return make_plan(
            self.mode,
            read=[*sorted(prefixes), str(self.library)],
            hidden=[str(path) for path in self.hidden],
            shared=str(self.shared),
            memory=(self.limits.memory_mb + _TEMPLATE_MB) * megabyte,
            processes=self.limits.processes + _TEMPLATE_PROCESSES,
            scratch=self.limits.scratch_mb * megabyte,
        )

    def _open(self) -> None:
        self.template = Template(
            self.preload,
            command=self.plan.command,
            env={**kernel_environment("/tmp/home"), "PYTHONPATH": str(self.library)},
            exclusive=True,
            own_processes=self.plan.own_root,
            seconds=self.limits.startup_seconds,
            wait=False,  # its imports take a second or more, in which a worker has its own to do
        )

    def _try_walls(self) -> dict[str, bool]:
        """Run into the walls from inside, where a notebook would be; return which held."""
        if self.template is None or not self.template.is_alive():
            self._renew()
        assert self.template is not None
        place = self.place()
        with _listening() as (port, address), tempfile.TemporaryFile() as said:
            written = [self.folder, place.folder, *filter(Path.is_dir, self.hidden)]
            targets: dict[str, Any] = {"read": [*map(str, self.hidden)], "write": [*map(str, written)]}
            targets |= {"mark": f".{address}", "port": port, "address": address, **probe.outside()}
            process = self.template.start(
                [], kernel_environment(place.home), place.work, walls=self._walls(place), try_walls=targets,
                outputs=[said.fileno()],
            )  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self.limits.startup_seconds)
            said.seek(0)
            words = said.read().decode(errors="replace")
        marks = [path / f".{address}" for path in written]
        appeared = [mark for mark in marks if mark.exists()]
        for mark in appeared:
            mark.unlink()
        shutil.rmtree(place.folder, ignore_errors=True)
        try:
            found = ast.literal_eval(words)
            held = {str(name): bool(value) for name, value in found.items()}
        except (ValueError, SyntaxError, AttributeError):
            raise TemplateError(f"the walls could not be tried: {' '.join(words.split())[-300:]}") from None
        return held | {"files": held.get("files", False) and not appeared}

    def place(self) -> Place:
        """Make the folders of a new kernel; :meth:`start` runs it there and :meth:`clear` removes them."""
        self.shared.chmod(0o700)  # a notebook may have closed it, or left a sign in its times
        folder = Path(tempfile.mkdtemp(prefix="", dir=self.shared))
        os.utime(self.shared, (0, 0))
        sockets = folder / "s"
        sockets.mkdir(mode=0o700)
        if self.plan.own_root:
            return Place(folder, sockets, "/tmp/work", "/tmp/home")
        for name in ("work", "home"):
            (folder / name).mkdir(mode=0o700)
        return Place(folder, sockets, str(folder / "work"), str(folder / "home"))

    def _walls(self, place: Place) -> dict[str, Any]:
        return self.plan.walls(self.plan.inside(place.sockets), [place.work, place.home], self._bounds())

    def _bounds(self) -> dict[str, int]:
        """Return the resource limits; the system counts all threads of the user, unless numbers are its own."""
        bounds = self.limits.in_kernel()
        if "number of processes" in self.plan.bounded and self.plan.group is None:
            others = 0 if self.plan.own_root else _threads_of_this_user()
            bounds["NPROC"] = self.limits.processes + _TEMPLATE_PROCESSES + others
        return bounds

    def inside(self, path: Path) -> str:
        """Return a kernel's own name for a path in its folder."""
        return self.plan.inside(path)

    def start(self, place: Place, connection_file: str) -> WarmProcess | subprocess.Popen[bytes]:
        """Start a kernel for this connection.

        Raises
        ------
        TemplateError
            When it cannot be started, a second time with a new template.
        IsolationError
            In mode ``"strict"``, when a wall is missing or did not hold when it was tried.
        """
        self._walls_tried()
        arguments = ["-f", connection_file, "--HistoryManager.enabled=False"]
        if not available():
            return self._start_cold(place, arguments)
        try:
            return self._fork(place, arguments)
        except TemplateError:
            self._renew()
            return self._fork(place, arguments)

    def _fork(self, place: Place, arguments: Sequence[str]) -> WarmProcess:
        if self.template is None:
            raise TemplateError("there is no template")
        self._said = place.folder / "said"  # the template's own log would carry messages from one kernel to the next
        said = os.open(self._said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return self.template.start(
                arguments, kernel_environment(place.home), place.work,
                walls=self._walls(place), withheld=self.elsewhere, outputs=[said, said],
            )  # fmt: skip
        finally:
            os.close(said)

    def _start_cold(self, place: Place, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        nothing = subprocess.DEVNULL
        environment = {**kernel_environment(place.home), "PYTHONPATH": str(self.library)}
        request = {"argv": [*arguments], "withheld": self.elsewhere, "limits": self._bounds()}
        return subprocess.Popen(
            [sys.executable, "-P", "-c", _COLD, json.dumps(request)],
            env=environment, cwd=place.work, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True,
        )  # fmt: skip

    def _renew(self) -> None:
        """Start another template: the old one died, or something that a notebook left behind could not be removed."""
        self.discard()
        self._open()

    def discard(self) -> None:
        """Give up the template: its walls or folders are in doubt. The next kernel gets a new one."""
        if self.template is not None:
            self.template.close()
            self.template = None

    def last_words(self) -> str:
        """Return what the template or a fork that did not become a kernel said last."""
        said = ""
        with contextlib.suppress(OSError):
            said = " ".join(self._said.read_bytes()[-400:].decode(errors="replace").split())
        return said or (self.template.last_words() if self.template else "") or "it said nothing"

    def clear(self, place: Place) -> None:
        """Remove the folders of a kernel that has ended."""
        shutil.rmtree(place.folder, ignore_errors=True)

    def close(self) -> None:
        """End the template and remove all folders; a second call does nothing."""
        self.discard()
        self.plan.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def _listening() -> Iterator[tuple[int, str]]:
    """Answer on a port of 127.0.0.1 and on an abstract address, for a kernel to try."""
    address = f"rnnkit-{os.getpid()}-{os.urandom(4).hex()}"
    with socket.create_server(("127.0.0.1", 0)) as internet, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0" + address)
        local.listen(1)
        yield internet.getsockname()[1], address


def _imports(master: Master) -> list[str]:
    """Return the modules that the master's cells import, so that its learners' kernels have them already."""
    found = ["numpy", "rnnkit.check", "pyseccomp"]
    sources = [one.source for one in master.notebook.cells if one.cell_type == "code"]
    for source in sources:
        try:
            tree = ast.parse(source)
        except SyntaxError:  # a cell with magics
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.append(node.module)
    if "torch" in found and any("optim" in source for source in sources):
        found.append("torch._dynamo")  # the first optimiser would import it
    return list(dict.fromkeys(found))


def _threads_of_this_user() -> int:
    me, count = psutil.Process().username(), 0
    for process in psutil.process_iter():
        try:
            if process.username() == me:
                count += process.num_threads()
        except psutil.Error:
            continue
    return count
