"""Trying to break out: a report names the walls that held, found by running into them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any

__all__ = ["break_out", "outside"]


def outside() -> dict[str, Any]:
    """Return what :func:`break_out` needs to know of the process that must be out of reach: this one."""
    return {"pid": os.getpid(), "namespace": _namespace()}


def break_out(targets: Mapping[str, Any]) -> dict[str, bool]:
    """Try what a hostile notebook would; return which walls held.

    Parameters
    ----------
    targets
        ``read``: files and folders that must not be readable; ``write``: folders in which to make a file named
        ``mark`` (only outside can be seen whether it is there: it may have come to lie in a folder of its own);
        ``port``: where something outside listens on 127.0.0.1; ``address``: its abstract address; and :func:`outside`.
    """
    for path in targets["write"]:
        _write(os.path.join(path, targets["mark"]))
    return {
        "files": not any(map(_readable, targets["read"])),
        "network": not _reachable(targets["port"]) and not _answers(targets["address"]),
        "processes": _namespace() != targets["namespace"] or not _touchable(targets["pid"]),
    }


def _namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


def _readable(path: str) -> bool:
    try:
        if os.path.isdir(path):
            return bool(os.listdir(path))
        with open(path, "rb") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _write(path: str) -> None:
    with contextlib.suppress(OSError), open(path, "wb"):
        pass


def _reachable(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def _answers(address: str) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
            one.settimeout(2)
            one.connect("\0" + address)
            return True
    except OSError:
        return False


def _touchable(pid: int) -> bool:
    """Tell whether a signal would reach the process (0 is sent: it only asks)."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
