"""What the fork that will run a stranger's code does first: it closes the walls behind itself."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnkit.isolation import landlock, syscalls

__all__ = ["WallError", "bound", "enter"]

_PR_SET_DUMPABLE = 4


class WallError(RuntimeError):
    """A wall that was promised does not stand; the code must not run."""


def enter(walls: Mapping[str, Any]) -> None:
    """Close the walls around this process.

    Parameters
    ----------
    walls
        Plain JSON, made by :mod:`rnnkit.isolation.plan`. ``empty``: folders to empty first, but for the paths ``keep``;
        ``make``: folders to make then; ``landlock``: paths by ``read``, ``write`` and ``sockets``, or None;
        ``seccomp``: whether to filter system calls; ``own_network``: whether connections are harmless; ``limits``: by
        the names of :mod:`resource`.

    Raises
    ------
    WallError
        When a folder cannot be emptied (what another notebook left there) or a promised layer cannot be had.
    """
    for folder in walls.get("empty", ()):
        try:
            os.chmod(folder, 0o1777)
            _empty(folder, walls.get("keep", ()))
            os.utime(folder, (0, 0))
        except OSError as error:
            raise WallError(f"{folder} cannot be emptied: {error}") from error
    for folder in walls.get("make", ()):
        Path(folder).mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # when memory runs out, this goes first
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    bound(walls.get("limits", {}))
    network = bool(walls.get("own_network"))
    try:
        if walls.get("landlock"):
            paths = walls["landlock"]
            own = [f"/proc/{os.getpid()}", "/proc/self"]
            landlock.restrict([*paths["read"], *own], paths["write"], paths["sockets"], network)
        if walls.get("seccomp"):
            syscalls.close_system_calls(network)
    except OSError as error:
        raise WallError(f"a layer of isolation failed: {error}") from error


def bound(limits: Mapping[str, int]) -> None:
    """Set hard resource limits, never above those in force; a system without :mod:`resource` has none."""
    try:
        import resource
    except ImportError:
        return
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        hard = resource.getrlimit(number)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (bounded, bounded))
        except (ValueError, OSError):  # macOS refuses some of them
            continue


def _empty(folder: str, keep: Sequence[str]) -> None:
    for entry in os.scandir(folder):
        try:
            if entry.path in keep:
                continue
            if any(path.startswith(f"{entry.path}/") for path in keep):
                _empty(entry.path, keep)
            elif entry.is_dir(follow_symlinks=False):
                _remove(entry.path)
            else:
                os.unlink(entry.path)
        except (OSError, RecursionError) as error:
            raise WallError(f"{folder} cannot be emptied: {error}") from error


def _remove(folder: str) -> None:
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=_open_and_retry)
    else:
        shutil.rmtree(folder, onerror=_open_and_retry)


def _open_and_retry(function: Any, path: str, _: object) -> None:
    os.chmod(os.path.dirname(path), 0o700)
    os.chmod(path, 0o700)
    if function is os.unlink or function is os.rmdir:
        function(path)
    else:
        shutil.rmtree(path)
