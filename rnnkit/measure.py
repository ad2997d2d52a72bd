"""What a computation costs: memory exactly, time as this machine happens to give it."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from rnnkit.arrays import check_positive_int


def peak_memory(function: Callable[[], object]) -> int:
    """Return the most memory, in bytes, that ``function`` held at once of what it allocated itself.

    NumPy reports its arrays to :mod:`tracemalloc`, so the figure is the same at every run. What existed before the
    call does not count; neither does memory that torch allocates.
    """
    function()  # whatever is made once and kept belongs to no single call
    outer = tracemalloc.is_tracing()
    if not outer:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        function()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if not outer:
            tracemalloc.stop()
    return peak - before


def best_seconds(functions: Sequence[Callable[[], object]], *, repeats: int = 5) -> list[float]:
    """Time several functions side by side and return the shortest time of each, in seconds.

    They take turns, so that a slow moment of the machine hits all of them, and the shortest of several runs is the one
    that was disturbed least. Never assert such a figure: it is the machine's, not the code's.

    Raises
    ------
    ValueError
        When ``repeats`` is not a positive int.
    """
    taken: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(check_positive_int("repeats", repeats)):
        for function, times in zip(functions, taken, strict=True):
            start = time.perf_counter()
            function()
            times.append(time.perf_counter() - start)
    return [min(times) for times in taken]


def growth_exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    r"""Fit :math:`cost \propto size^a` by least squares on logarithms and return ``a``.

    Raises
    ------
    ValueError
        When there are fewer than two points, or a value is not positive.
    """
    if len(sizes) < 2 or len(sizes) != len(costs) or min(*sizes, *costs) <= 0:
        raise ValueError(f"an exponent needs at least two positive points, got sizes {sizes} and costs {costs}")
    slope, _ = np.polyfit(np.log(sizes), np.log(costs), 1)
    return float(slope)
