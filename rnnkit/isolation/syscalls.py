"""A seccomp filter: system calls that a notebook never needs fail with EPERM. Built by libseccomp, by name."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

__all__ = ["REFUSED", "close_system_calls"]

REFUSED = (
    # looking into or steering other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
    # what outlives a process without lying in a folder
    "shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop", "semtimedop", "semctl",
    "mq_open", "mq_unlink", "setxattr", "lsetxattr", "fsetxattr", "setxattrat",
    # mounts, roots and namespaces
    "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "move_mount", "open_tree", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr",
    # ways around path checks, and into the kernel
    "open_by_handle_at", "name_to_handle_at", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup",
    "io_uring_enter", "io_uring_register", "keyctl", "add_key", "request_key", "personality", "init_module",
    "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl",
    "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "iopl", "ioperm",
)  # fmt: skip
"""The calls that fail."""

_NEW_USER_NAMESPACE = 0x10000000
_TYPE_INTO_TERMINAL = 0x5412  # TIOCSTI


def close_system_calls(network: bool) -> None:
    """Refuse :data:`REFUSED`, new user namespaces and foreign sockets, to this process and its children.

    Without a `network` of its own only local sockets stay, and those of kind AF_NETLINK: libzmq ends the process
    without them, and they lead nowhere. With one, connections inside this process's network may be made too.

    Raises
    ------
    OSError
        Where the package pyseccomp or the system's libseccomp is missing.
    """
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise OSError(f"no seccomp filter: {error}") from error
    refuse = pyseccomp.ERRNO(errno.EPERM)
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in REFUSED:
        try:
            rules.add_rule(refuse, name)
        except OSError:  # a libseccomp older than the call
            continue
    flags = pyseccomp.Arg(0, pyseccomp.MASKED_EQ, _NEW_USER_NAMESPACE, _NEW_USER_NAMESPACE)
    rules.add_rule(refuse, "clone", flags)
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")  # hides its flags from a filter; libc falls back to clone
    rules.add_rule(refuse, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, _TYPE_INTO_TERMINAL))
    families = [socket.AF_UNIX, socket.AF_NETLINK, *((socket.AF_INET, socket.AF_INET6) if network else ())]
    for comparison in _all_but(pyseccomp, *families):
        rules.add_rule(refuse, "socket", comparison)
    rules.load()


def _all_but(pyseccomp: Any, *families: int) -> Iterator[Any]:
    """Yield comparisons that together hold for every other socket family (the rules of one call are joined by or)."""
    low, high = min(families), max(families)
    yield pyseccomp.Arg(0, pyseccomp.LT, low)
    yield pyseccomp.Arg(0, pyseccomp.GT, high)
    for family in set(range(low, high)) - set(families):
        yield pyseccomp.Arg(0, pyseccomp.EQ, family)
