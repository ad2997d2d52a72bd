"""What a computation costs, memory exactly, time as this machine happens to give it; and what a comparison is worth."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rnnkit.arrays import Array, check_positive_int, check_shape


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


def multiply_adds(parameters: Mapping[str, Array], batch_size: int) -> int:
    """Return how many multiplications (each with an addition) one step of ``batch_size`` sequences takes.

    In a network whose step puts every row once through every matrix, as the vanilla cell and the readout do, that is
    the batch size times the number of weights; biases and activations are not counted.

    Parameters
    ----------
    parameters
        By name, as ``parameters()`` of a cell returns them; those that are no matrix do not count.
    batch_size
        ``B``.

    Raises
    ------
    ValueError
        When ``batch_size`` is not a positive int.
    """
    weights = (math.prod(array.shape) for array in parameters.values() if len(array.shape) == 2)
    return check_positive_int("batch_size", batch_size) * int(sum(weights))


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


def accuracy_by_step(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return how large a share of the batch is told right at each step, shape ``(T,)``.

    Parameters
    ----------
    scores
        Of every class, shape ``(T, B, V)``; the highest is the answer.
    y
        The true classes, shape ``(T, B)``; ``ValueError`` when the shapes do not fit.
    """
    check_shape("scores", scores, (None, None, None), "(T, B, V)")
    check_shape("y", y, tuple(scores.shape[:-1]), "of scores without its last axis")
    return np.asarray((scores.argmax(axis=-1) == y).mean(axis=1))


def error_by_step(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the root of the mean squared error at each step, shape ``(T,)``, of numbers of shape ``(T, B, O)``.

    ``ValueError`` when the shapes differ or are not of this kind.
    """
    check_shape("predictions", predictions, (None, None, None), "(T, B, O)")
    check_shape("y", y, tuple(predictions.shape), "of the predictions")
    return np.asarray(np.sqrt(((predictions - y) ** 2).mean(axis=(1, 2))))


def bootstrap_interval(
    values: np.ndarray, rng: np.random.Generator, *, level: float = 0.95, draws: int = 10_000
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of the mean of ``values``, such as scores over seeds, shape ``(N,)``.

    Raises
    ------
    ValueError
        When there are fewer than two values or ``level`` is not between 0 and 1.

    References
    ----------
    Efron and Tibshirani (1993), chapter 13.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"values must have shape (N,) with N >= 2, got {values.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    means = values[rng.integers(0, len(values), (check_positive_int("draws", draws), len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def hidden_size_for(num_parameters: Callable[[int], int], budget: int) -> int:
    """Return the largest hidden size whose network stays within ``budget`` parameters, to compare cells fairly.

    Parameters
    ----------
    num_parameters
        From a hidden size to how many parameters a network of that size has; it must grow with the size.
    budget
        Most parameters allowed.

    Raises
    ------
    ValueError
        When even a hidden size of 1 exceeds the budget, or there are fewer parameters than units.
    """
    if num_parameters(1) > budget:
        raise ValueError(
            f"budget must allow at least a hidden size of 1 ({num_parameters(1)} parameters), got {budget}"
        )
    high = 2
    while num_parameters(high) <= budget:
        if high > budget:
            raise ValueError("num_parameters must grow with the hidden size: it gave fewer parameters than units")
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if num_parameters(middle) <= budget else (low, middle)
    return low
