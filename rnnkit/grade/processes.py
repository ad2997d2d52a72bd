"""Ending processes that notebooks started, whole families of them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

import psutil

__all__ = ["adopt_orphans", "kill_orphans", "kill_tree"]


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
