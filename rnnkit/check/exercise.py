"""What an exercise is: one question, one function to write, and the probe that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rnnkit.check.values import FormError

Answer: TypeAlias = Callable[..., Any]
"""What a learner writes."""

Probe: TypeAlias = Callable[[Answer, np.random.Generator, Mapping[str, np.ndarray]], Mapping[str, Any]]
"""Calls an answer with inputs drawn from the generator (and with given arrays); returns the values to look at."""


@dataclass(frozen=True)
class Exercise:
    """One check of one exercise; a function may have several checks."""

    id: str
    """Such as ``"05.1a"``."""
    title: str
    function: str
    """Name of the function to write."""
    points: int
    minutes: int
    difficulty: int
    """From 1 to 5."""
    lecture: str
    """Where the lectures treat it."""
    probe: Probe
    hints: tuple[str, str, str]
    """Of rising strength, as in the notebook."""
    withheld: tuple[str, ...] = ()
    """Dotted names in rnnkit that are the answer; the grader locks them."""
    has_given: bool = False
    """Whether the probe needs arrays that only the trusted side can make."""
    labels: tuple[str, ...] = ()
    """Where values are indices: what they point at."""
    rtol: float = 1e-4
    atol: float = 1e-6
    """An answer may differ by ``atol + rtol * abs(expected)``: float32 passes, no wrong answer does."""


def fresh(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copy arrays, so that an answer may change what it is handed."""
    return {name: np.array(array) for name, array in arrays.items()}


def pair_of(result: Any, function: str, first: str, second: str) -> tuple[Any, Any]:
    """Return the two parts of ``result``.

    Raises
    ------
    FormError
        When it is no pair.
    """
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise FormError(f"{function} must return the pair ({first}, {second}), got {_described(result)}")
    return result[0], result[1]


def entries_of(result: Any, function: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the entries ``names`` of a dict of gradients; other entries are left alone.

    Raises
    ------
    FormError
        Naming the entries that are missing, and the ones that might be meant.
    """
    if not isinstance(result, Mapping):
        raise FormError(f"{function} must return its gradients in a dict, got {_described(result)}")
    if missing := [name for name in names if name not in result]:
        there = ", ".join(str(name) for name in result) or "nothing"
        raise FormError(f"the gradients of {function} lack {', '.join(missing)}; there is {there}")
    return {name: result[name] for name in names}


def _described(result: Any) -> str:
    if result is None:
        return "None (is a return missing?)"
    if isinstance(result, tuple | list):
        return f"a {type(result).__name__} of {len(result)}"
    return f"{type(result).__name__}"
