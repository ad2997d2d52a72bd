"""A control group around a template and its kernels: memory and processes counted together, where we may write."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

__all__ = ["Group", "make_group"]

_MOUNT = Path("/sys/fs/cgroup")


class Group:
    """A control group of ours; see :func:`make_group`. `folders` are one (version 2) or one per controller."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders

    def command(self) -> list[str]:
        """Return what to put before a command so that it starts inside the group."""
        enter = "".join(f'echo $$ > "{folder}/cgroup.procs" && ' for folder in self.folders)
        return ["/bin/sh", "-c", f'{enter}exec "$@"', "enter"]

    def remove(self) -> None:
        """Remove the group; its processes must have ended (they may take a moment)."""
        for folder in self.folders:
            for _ in range(100):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
                else:
                    break


def make_group(memory: int, processes: int) -> Group:
    """Make a group that holds at most `memory` bytes (no swap) and `processes` processes and threads.

    Raises
    ------
    OSError
        Where control groups are missing or not ours to write.
    """
    name = f"rnnkit-{os.getpid()}-{time.monotonic_ns()}"
    places = _own_groups()
    _remove_stale(places)
    if "" in places:  # version 2: one tree
        return _make_in_one_tree(places[""], name, memory, processes)
    if not {"memory", "pids"} <= set(places):
        raise OSError("no control groups for memory and processes")
    limits = {
        "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
        "pids": {"pids.max": processes},
    }
    made: list[Path] = []
    for controller, values in limits.items():
        folder = places[controller] / name
        try:
            folder.mkdir()
            made.append(folder)
            _write(folder, values)
        except OSError:
            Group(tuple(made)).remove()
            raise
    return Group(tuple(made))


def _make_in_one_tree(own: Path, name: str, memory: int, processes: int) -> Group:
    """Make a sibling of our own group, since a group with processes can have no children with limits."""
    parent = own if own == _MOUNT else own.parent
    granted = (parent / "cgroup.subtree_control").read_text().split()
    if not {"memory", "pids"} <= set(granted):
        raise OSError(f"{parent} hands down no limits on memory and processes")
    folder = parent / name
    folder.mkdir()
    try:
        _write(folder, {"memory.max": memory, "memory.swap.max": 0, "pids.max": processes})
    except OSError:
        Group((folder,)).remove()
        raise
    return Group((folder,))


def _remove_stale(places: dict[str, Path]) -> None:
    """Remove what processes that were killed left behind (groups that hold a process stay)."""
    for controller, own in places.items():
        for folder in (own if controller or own == _MOUNT else own.parent).glob("rnnkit-*-*"):
            maker = folder.name.split("-")[1]
            if not Path("/proc", maker).exists():
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _write(folder: Path, values: dict[str, int]) -> None:
    for name, value in values.items():
        optional = "swap" in name or "memsw" in name  # not every system counts swap
        with contextlib.suppress(OSError) if optional else contextlib.nullcontext():
            (folder / name).write_text(str(value))


def _own_groups() -> dict[str, Path]:
    """Return the folder of this process's group by controller; the controller of version 2 is ``""``."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            root = _MOUNT / controller if controller else _MOUNT
            if (root / "cgroup.procs").exists():
                found[controller] = root / path.lstrip("/")
    return found
