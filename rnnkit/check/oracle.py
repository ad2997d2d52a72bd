"""Functions that an answer may only call: they live on the trusted side, and remember how they were called.

Values show *what* an answer computes, not *how*. Where the way is the question (how often was ``step`` called, and
when?), the exercise has an :class:`Oracle`. Its weights are drawn from a seed that never enters the answer's process,
so there is no right value without asking, and what was asked is known afterwards: its :meth:`~Oracle.evidence`.

In :func:`rnnkit.check.check` an answer calls the oracle itself. In grading it lives in another process, and the answer
calls a :class:`Remote`: each call is one line of text out and one line back, through any channel that can ask a
question (a kernel's ``input()``). :func:`answer_call` is the trusted end; whatever it is sent, it returns a line.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np

from rnnkit.check.values import FormError, decode, encode, to_arrays

__all__ = ["MAX_LINE", "Ask", "Call", "Oracle", "OracleError", "Remote", "answer_call"]

MAX_LINE = 1 << 16
"""Characters of one call, or of one reply."""

Ask: TypeAlias = Callable[[str], str]
"""Sends one line, waits, and returns the line that comes back."""

Call: TypeAlias = Callable[..., dict[str, np.ndarray]]
"""What a probe is handed: ``call("step", x=..., h_prev=...)`` gives named arrays."""


class OracleError(ValueError):
    """A call that an oracle does not take; the message says what it takes."""


class Oracle(ABC):
    """Named functions of named arrays; a subclass has a method for each name in ``takes``."""

    takes: ClassVar[Mapping[str, Mapping[str, tuple[int, ...]]]] = {}
    """By function, then by argument: the shape it must have. Nothing else can be called."""
    max_calls: ClassVar[int] = 400

    def __init__(self) -> None:
        self.calls = 0

    @abstractmethod
    def evidence(self) -> dict[str, Any]:
        """Return what the calls so far show, as values to be compared: the same names, whatever was called."""

    def __call__(self, function: str, **values: Any) -> dict[str, np.ndarray]:
        """Count and answer one call.

        Raises
        ------
        OracleError
            When there is no such function, an argument is not as ``takes`` says, or there were too many calls.
        """
        self.count()
        return self.answer(function, values)

    def count(self) -> None:
        """Count a call, also one that cannot be answered."""
        self.calls += 1
        if self.calls > self.max_calls:
            raise OracleError(f"more than {self.max_calls} calls of {', '.join(self.takes)}: does a loop never end?")

    def answer(self, function: str, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Answer one call, without counting it; raises as a call does."""
        wanted = self.takes.get(function)
        if wanted is None:
            raise OracleError(f"there is no {function[:40]!r}, there are {', '.join(self.takes)}")
        if set(values) != set(wanted):
            raise OracleError(f"{function} takes {', '.join(wanted)}")
        try:
            arrays = to_arrays(values)
        except FormError as error:
            raise OracleError(f"{function}: {error}") from None
        for name, shape in wanted.items():
            if arrays[name].shape != shape:
                raise OracleError(f"{function}: {name} must have shape {shape}, got {arrays[name].shape}")
        with np.errstate(all="ignore"):
            return to_arrays(getattr(self, function)(**arrays))


class Remote:
    """An oracle elsewhere, reached through ``ask``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def __call__(self, function: str, **values: Any) -> dict[str, np.ndarray]:
        """Call a function of the oracle; raises :class:`OracleError` with what it says."""
        try:
            call = json.dumps({"oracle": function, "values": encode(values)})
        except FormError as error:
            raise OracleError(f"{function}: {error}") from None
        if len(call) > MAX_LINE:
            raise OracleError(f"{function}: the arrays are larger than any it takes")
        reply = json.loads(self._ask(call))
        if "error" in reply:
            raise OracleError(reply["error"])
        return decode(reply["values"])


def answer_call(oracle: Oracle, line: object) -> str:
    """Answer one line that a :class:`Remote` sent, or that was made by hand to do harm.

    Returns
    -------
    str
        The line to send back: ``{"values": {...}}`` or ``{"error": "..."}``. It never raises for what is in ``line``,
        and a line above :data:`MAX_LINE`, or after ``max_calls`` others, is not even read.
    """
    try:
        oracle.count()
        return json.dumps({"values": encode(oracle.answer(*_read_call(line)))})
    except OracleError as error:
        return json.dumps({"error": str(error)[:500]})


def _read_call(line: object) -> tuple[str, dict[str, np.ndarray]]:
    if not isinstance(line, str) or len(line) > MAX_LINE:
        raise OracleError(f"a call must be a line of at most {MAX_LINE} characters")
    try:
        call = json.loads(line)
    except (ValueError, RecursionError):
        raise OracleError("a call must be JSON") from None
    if not isinstance(call, dict) or set(call) != {"oracle", "values"} or not isinstance(call["oracle"], str):
        raise OracleError('a call must be {"oracle": name, "values": arrays}')
    try:
        return call["oracle"], decode(call["values"])
    except ValueError as error:
        raise OracleError(str(error)) from None
