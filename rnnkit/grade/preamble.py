"""The grader's part inside the learner's kernel: run before the learner's first cell.

It bounds the process and takes away what the exercise asks for. It hides nothing and decides nothing: whatever a
learner changes here, a check cell can only emit values, and only right values earn points.
"""

from __future__ import annotations

import ctypes
import importlib
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["emit", "enter", "withhold"]


def enter(limits: Mapping[str, int], withheld: Iterable[str]) -> None:
    """Bound this process, tie its life to the grader's, and withhold the named functions."""
    die_with_parent()
    stay()
    for name in withheld:
        withhold(name)
    bound(limits)


def die_with_parent() -> None:
    """Ask Linux to kill this kernel when the worker that started it dies (elsewhere ipykernel polls its parent)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)


def stay() -> None:
    """Make ``exit()`` and ``quit()`` do nothing: they would end the kernel after the cell, at no sure moment."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is not None:
        shell.ask_exit = lambda: None


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
        if name == "NPROC":
            value += _processes_of_this_user()
        hard = resource.getrlimit(number)[1]
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(number, (bounded, bounded))
        except (ValueError, OSError):  # macOS refuses some of them
            continue


def _processes_of_this_user() -> int:
    """RLIMIT_NPROC counts every thread of the user, not only this kernel's."""
    import psutil

    me, count = psutil.Process().username(), 0
    for process in psutil.process_iter():
        try:
            if process.username() == me:
                count += process.num_threads()
        except psutil.Error:
            continue
    return count


def withhold(dotted: str) -> None:
    """Replace ``rnnkit.module.name``, wherever rnnkit holds it, by a function that refuses to work."""
    parts = dotted.split(".")
    owner: Any = None
    for cut in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        break
    if owner is None:
        raise LookupError(f"cannot withhold {dotted!r}: there is no module of that name")
    for part in parts[cut:-1]:
        owner = getattr(owner, part)
    original = getattr(owner, parts[-1])

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError(f"{dotted} is what this exercise asks you to write; it is withheld while grading")

    setattr(owner, parts[-1], refuse)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "rnnkit":
            for key, value in list(vars(module).items()):
                if value is original:
                    setattr(module, key, refuse)


def emit(exercise_id: str, answer: Any, seed: int, given: Mapping[str, Any] | None = None) -> None:
    """Emit the answer's values at `seed`; `given` arrives encoded, as the plain literals of a cell."""
    from rnnkit.check import emit as emit_values
    from rnnkit.check.values import decode

    emit_values(exercise_id, answer, seed, decode(given) if given else None)
