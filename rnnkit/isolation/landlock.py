"""Landlock: a process closes files, connections and signals to itself, for good and without privilege.

The interface of the kernel is three system calls, https://docs.kernel.org/userspace-api/landlock.html. (The package
``landlock`` on PyPI knows the first three versions of it: files, but neither network nor signals.)
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

__all__ = ["restrict", "version"]

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446  # the same on every architecture
_PR_SET_NO_NEW_PRIVS = 38
_O_PATH = getattr(os, "O_PATH", 0)

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_SOCKET = 1 << 5, 1 << 9
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_SOCKETS = _READ_FILE | _READ_DIR | _MAKE_SOCKET | _REMOVE_FILE
_CONNECT_AND_BIND = 0b11  # TCP
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11


def version() -> int:
    """Return the version of Landlock in this system, 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE, None, 0, 1)))


def restrict(read: Iterable[str], write: Iterable[str], sockets: Iterable[str] = (), network: bool = False) -> int:
    """Leave this process (and its children) these files and folders only; return the version in force.

    Parameters
    ----------
    read, write
        What may be read and run, and what may be changed too; missing ones are passed over.
    sockets
        Folders in which nothing but sockets may be made.
    network
        Whether TCP stays open (to a network of its own).

    From version 4 on TCP is closed otherwise, from version 6 on signals and abstract sockets of other processes. A
    process outside can never be traced.

    Raises
    ------
    OSError
        Where the system has no Landlock.
    """
    number = version()
    if not number:
        raise OSError("this system has no Landlock (Linux 5.13 or newer, enabled at boot)")
    files = (1 << 13) - 1
    files |= (1 << 13 if number >= 2 else 0) | (_TRUNCATE if number >= 3 else 0)
    files |= _DEVICE_CONTROL if number >= 5 else 0
    fields = [files]
    if number >= 4:
        fields.append(0 if network else _CONNECT_AND_BIND)
    if number >= 6:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    attributes = struct.pack(f"{len(fields)}Q", *fields)
    ruleset = _call("create", _CREATE, attributes, len(attributes), 0)
    try:
        for paths, rights in ((read, _READ), (write, files), (sockets, _SOCKETS)):
            for path in paths:
                _allow(ruleset, path, rights & files)
        _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call("restrict", _RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return number


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_A_FILE
        rule = struct.pack("=Qi", rights, handle)
        _call(f"allow {path}", _ADD_RULE, ruleset, 1, rule, 0)
    finally:
        os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(what: str, number: int, *arguments: bytes | int) -> int:
    result = int(_libc().syscall(number, *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock {what}: {os.strerror(error)}")
    return result
