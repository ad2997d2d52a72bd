"""Which layers this machine has, put together, and what they amount to in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rnnkit.isolation import bubblewrap, cgroups, landlock

__all__ = ["MODES", "IsolationError", "Mode", "Plan", "make_plan", "require", "verdict"]

Mode = Literal["auto", "strict", "none"]
MODES: tuple[Mode, ...] = ("auto", "strict", "none")

_WALLS = ("files", "network", "processes")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty")
_MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys", "/sys/devices/system")


class IsolationError(RuntimeError):
    """The isolation that was asked for cannot be had here; the message says what is missing and what would help."""


@dataclass
class Plan:
    """How a template and its kernels are walled in; see :func:`make_plan`.

    `command` stands before the template's; `own_root` says that ``/tmp`` there is its own; `layers` are those that
    will be tried, `missing` says of the others why not.
    """

    shared: str
    command: list[str] = field(default_factory=list)
    own_root: bool = False
    layers: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    bounded: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    mounted: list[str] = field(default_factory=list)
    landlock: bool = False
    seccomp: bool = False
    group: cgroups.Group | None = None

    def inside(self, path: Path) -> str:
        """Return the name, inside, of a path in the shared folder."""
        return str(Path(bubblewrap.SHARED) / path.relative_to(self.shared)) if self.own_root else str(path)

    def walls(self, sockets: str, work: Sequence[str], limits: Mapping[str, int]) -> dict[str, Any]:
        """Return what :func:`rnnkit.isolation.inside.enter` gets for one kernel.

        Parameters
        ----------
        sockets
            The kernel's folder for its connection, by its name inside.
        work
            Folders it may write to.
        limits
            By the names of :mod:`resource`.
        """
        walls: dict[str, Any] = {"limits": dict(limits), "seccomp": self.seccomp, "make": list(work)}
        if self.own_root:
            walls |= {"empty": ["/tmp", "/dev/shm"], "keep": self.mounted, "own_network": True}
        if self.landlock:
            write = [*_DEVICES, *(["/tmp", "/dev/shm", "/dev/pts"] if self.own_root else work)]
            walls["landlock"] = {"read": [*self.read, sockets], "write": write, "sockets": [sockets]}
        return walls

    def close(self) -> None:
        """Remove what was made for it; its processes must have ended."""
        if self.group is not None:
            self.group.remove()


def make_plan(
    mode: Mode, *, read: Iterable[str], hidden: Iterable[str], shared: str, memory: int, processes: int, scratch: int
) -> Plan:
    """Put together the layers that this machine has.

    Parameters
    ----------
    mode
        ``"auto"``: all there are; ``"strict"``: the same, or refuse; ``"none"``: resource limits alone.
    read
        Folders that the code may read beside the system's own.
    hidden
        What it must not see even if it lies in one of them.
    shared
        The folder where kernels make their sockets.
    memory, processes, scratch
        Bytes and numbers for the control group and for the folders of its own.

    Raises
    ------
    IsolationError
        In mode ``"strict"``, when neither bubblewrap nor Landlock with a system call filter is to be had.
    """
    plan = Plan(shared)
    if mode == "none":
        plan.missing.append("switched off by --isolation none")
    elif sys.platform != "linux":
        plan.missing.append(f"namespaces, Landlock and seccomp need Linux, this is {sys.platform}")
    else:
        read, hidden = list(dict.fromkeys(read)), [os.path.realpath(path) for path in hidden]
        _add_bubblewrap(plan, read, hidden, shared, scratch)
        _add_landlock(plan, read, hidden)
        _add_seccomp(plan)
    if mode == "strict":
        _check_strict(plan)
    if sys.platform == "linux":
        _add_group(plan, memory, processes)  # last: what is refused leaves no group behind
    return plan


def require() -> None:
    """Raise `IsolationError` where a strict plan cannot be made: sooner than when the first kernel starts."""
    plan = Plan("/")
    if sys.platform != "linux":
        raise IsolationError(f"--isolation strict needs Linux, this is {sys.platform}")
    try:
        bubblewrap.find()
        return
    except bubblewrap.BubblewrapError as error:
        plan.missing.append(str(error))
    _add_landlock(plan, [], [])
    _add_seccomp(plan)
    _check_strict(plan)


def _check_strict(plan: Plan) -> None:
    if not (plan.own_root or (plan.landlock and plan.seccomp)):
        raise IsolationError(f"--isolation strict cannot be had here: {'; '.join(plan.missing)}")


def _add_bubblewrap(plan: Plan, read: list[str], hidden: list[str], shared: str, scratch: int) -> None:
    inside = [path for path in hidden if any(_below(path, top) for top in [*bubblewrap.system_paths(), *read])]
    try:
        plan.command = list(bubblewrap.command(read, inside, shared, scratch))
    except bubblewrap.BubblewrapError as error:
        plan.missing.append(str(error))
        return
    plan.own_root = True
    plan.mounted = [path for path in [*read, *inside] if _below(path, "/tmp") or _below(path, "/dev/shm")]
    plan.layers.append("bubblewrap")


def _add_landlock(plan: Plan, read: list[str], hidden: list[str]) -> None:
    number = landlock.version()
    if not number:
        plan.missing.append("no Landlock (Linux 5.13 or newer, enabled at boot)")
        return
    if plan.own_root:
        plan.read = ["/"]
    else:
        tops = [*bubblewrap.system_paths(), *_MACHINE, *read]
        plan.read = [part for top in tops for part in _around(os.path.realpath(top), hidden)]
    plan.landlock = True
    plan.layers.append(f"Landlock {number}")


def _add_seccomp(plan: Plan) -> None:
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, RuntimeError, OSError) as error:
        plan.missing.append(f"no system call filter ({error}; pip install pyseccomp, apt install libseccomp2)")
        return
    plan.seccomp = True
    plan.layers.append("seccomp")


def _add_group(plan: Plan, memory: int, processes: int) -> None:
    try:
        plan.group = cgroups.make_group(memory, processes)
    except OSError as error:
        plan.missing.append(f"no control group ({error.strerror or error})")
        if os.geteuid() != 0:
            plan.bounded.append("number of processes")
        return
    plan.command = [*plan.group.command(), *plan.command]
    plan.layers.append("cgroup")
    plan.bounded += ["memory together", "number of processes"]


def _below(path: str, top: str) -> bool:
    return os.path.commonpath([path, os.path.realpath(top)]) == os.path.realpath(top)


def _around(top: str, hidden: Sequence[str]) -> list[str]:
    """Return `top`, or, where something hidden lies in it, its parts around that."""
    if top in hidden:
        return []
    if not any(_below(path, top) for path in hidden):
        return [top]
    try:
        return [part for entry in os.scandir(top) for part in _around(entry.path, hidden)]
    except OSError:
        return []


def verdict(plan: Plan, held: Mapping[str, bool]) -> tuple[bool, str]:
    """Say whether all three walls held when they were run into, and everything in one line.

    `held` is what :func:`rnnkit.isolation.probe.break_out` found, empty where nothing could be tried.
    """
    closed = [name for name in _WALLS if held.get(name)]
    opened = [name for name in _WALLS if not held.get(name)]
    said = []
    if closed:
        said.append(f"{_list(closed)} sealed off and tried ({', '.join(plan.layers)})")
    if opened:
        said.append(f"NO isolation of {_list(opened)}, so a hostile notebook can reach what this user can reach")
    missing_bounds = "" if "number of processes" in plan.bounded else "; the NUMBER OF PROCESSES is not limited"
    bounded = ["time", *_by_resource(), "output", *plan.bounded]
    said.append(f"limits on {_list(bounded)}{missing_bounds}")
    if plan.missing:
        said.append(f"not in force: {'; '.join(plan.missing)}")
    return not opened, "; ".join(said)


def _by_resource() -> list[str]:
    """Return what the module :mod:`resource` bounds on this system (macOS takes no bound on memory)."""
    if sys.platform == "linux":
        return ["CPU", "memory", "file size", "open files"]
    return ["CPU", "file size", "open files"] if os.name == "posix" else []


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
