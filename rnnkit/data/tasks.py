"""The tasks on which memory has been measured, drawn by the recipes of their papers; there are as many as you ask for.

All are time-major, inputs ``(T, B, ...)``; numbers are float64, symbols int64. For train, validation and test, use
generators of different seeds. Where a size is not a positive int, or too small, a ``ValueError`` names it.
"""

from __future__ import annotations

import numpy as np

from rnnkit.arrays import check_positive_int

TEMPORAL_ORDER = "abcdXYEB"
"""The symbols of :func:`temporal_order` by number."""


def adding(rng: np.random.Generator, length: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the adding problem: add the two numbers that are marked, one in each half.

    Source: Hochreiter and Schmidhuber (1997), section 5.4, as in Arjovsky, Shah and Bengio (2016), section 4.2.

    Returns
    -------
    x, y
        Inputs ``(T, B, 2)``, a number uniform in [0, 1) and a marker, 0 or 1; the sum ``(B, 1)``, float64. Answering
        1 always has a mean squared error of 1/6.
    """
    length, batch_size = _at_least("length", length, 2), check_positive_int("batch_size", batch_size)
    columns = np.arange(batch_size)
    x = np.zeros((length, batch_size, 2))
    x[:, :, 0] = rng.random((length, batch_size))
    x[rng.integers(0, length // 2, batch_size), columns, 1] = 1
    x[rng.integers(length // 2, length, batch_size), columns, 1] = 1
    return x, x.prod(axis=2).sum(axis=0)[:, None]


def copying(
    rng: np.random.Generator, delay: int, batch_size: int, *, symbols: int = 8, length: int = 10
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the copying problem: repeat ``length`` symbols once asked to, ``delay`` steps later.

    Source: Arjovsky, Shah and Bengio (2016), section 4.1, after Hochreiter and Schmidhuber (1997).

    Returns
    -------
    x, y
        Inputs and outputs ``(delay + 2 length, B)``. Inputs: the symbols 0 … ``symbols`` − 1, blanks (number
        ``symbols``), the sign to start (``symbols`` + 1), blanks; outputs: blanks, then the symbols. Guessing among
        the symbols at the end has a cross-entropy of ``length * log(symbols) / T`` a step.
    """
    sizes = {"delay": delay, "batch_size": batch_size, "symbols": symbols, "length": length}
    delay, batch_size, symbols, length = (check_positive_int(name, size) for name, size in sizes.items())
    shown = rng.integers(0, symbols, (length, batch_size), dtype=np.int64)
    x = np.full((delay + 2 * length, batch_size), symbols, dtype=np.int64)
    y = x.copy()
    x[:length], x[length + delay - 1], y[-length:] = shown, symbols + 1, shown
    return x, y


def temporal_order(rng: np.random.Generator, length: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the temporal-order problem: tell whether the two signals were XX, XY, YX or YY.

    Source: Hochreiter and Schmidhuber (1997), experiment 6a; places as in Pascanu et al. (2013), section 4.1.

    Returns
    -------
    x, y
        Symbols ``(T, B)``, numbered as in ``TEMPORAL_ORDER``: E first, B last, in between a to d at random, but X
        or Y at one step in [T/10, 2T/10) and at one in [4T/10, 5T/10); classes 0 to 3, ``(B,)``.
    """
    length, batch_size = _at_least("length", length, 10), check_positive_int("batch_size", batch_size)
    columns = np.arange(batch_size)
    x = rng.integers(0, 4, (length, batch_size), dtype=np.int64)
    signals = rng.integers(0, 2, (2, batch_size), dtype=np.int64)
    for signal, tenth in zip(signals, (1, 4), strict=True):
        place = rng.integers(tenth * length // 10, (tenth + 1) * length // 10, batch_size)
        x[place, columns] = TEMPORAL_ORDER.index("X") + signal
    x[0], x[-1] = TEMPORAL_ORDER.index("E"), TEMPORAL_ORDER.index("B")
    return x, 2 * signals[0] + signals[1]


def latch(
    rng: np.random.Generator, length: int, batch_size: int, *, shown: int = 3, noise: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the latching problem: keep one bit, shown at the beginning, through noise.

    Source: Bengio, Simard and Frasconi (1994), section III; there the values shown are learned too.

    Returns
    -------
    x, y
        Inputs ``(T, B, 1)``: Gaussian noise, to which the first ``shown`` steps add +1 for class 1 and −1 for class
        0; classes ``(B,)``.
    """
    shown = check_positive_int("shown", shown)
    length, batch_size = _at_least("length", length, shown), check_positive_int("batch_size", batch_size)
    if not noise >= 0:
        raise ValueError(f"noise must not be negative, got {noise}")
    y = rng.integers(0, 2, batch_size, dtype=np.int64)
    x = noise * rng.normal(size=(length, batch_size, 1))
    x[:shown, :, 0] += 2 * y - 1
    return x, y


def parity(rng: np.random.Generator, length: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw bits and their parity so far.

    Source: Minsky and Papert (1969); as a sequence, Hochreiter and Schmidhuber (1997), section 3.

    Returns
    -------
    x, y
        Bits and, at each step, whether the number of ones up to there is odd: both ``(T, B)``.
    """
    length, batch_size = check_positive_int("length", length), check_positive_int("batch_size", batch_size)
    x = rng.integers(0, 2, (length, batch_size), dtype=np.int64)
    return x, x.cumsum(axis=0) % 2


def flip_flop(
    rng: np.random.Generator, length: int, batch_size: int, *, chance: float = 0.4
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pulses up and down, and the last of them so far: one bit, kept until it is set anew.

    Source: one channel of the three-bit flip-flop of Sussillo and Barak (2013).

    Returns
    -------
    x, y
        Inputs ``(T, B, 1)``: +1 or −1, each equally likely, with ``chance`` at every step and always at the first,
        otherwise 0; whether the last pulse was +1, ``(T, B)``.
    """
    length, batch_size = check_positive_int("length", length), check_positive_int("batch_size", batch_size)
    if not 0 <= chance <= 1:
        raise ValueError(f"chance must lie in [0, 1], got {chance}")
    pulses = rng.choice([-1.0, 1.0], (length, batch_size))
    there = rng.random((length, batch_size)) < chance
    there[0] = True
    last = np.maximum.accumulate(np.where(there, np.arange(length)[:, None], 0), axis=0)  # when the last pulse came
    return np.where(there, pulses, 0.0)[:, :, None], (np.take_along_axis(pulses, last, axis=0) > 0).astype(np.int64)


def dyck(
    rng: np.random.Generator, length: int, batch_size: int, *, pairs: int = 2, depth: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draw balanced brackets of several kinds, each word of the length (and at most that depth) equally likely.

    Source: Chomsky and Schützenberger (1963); with bounded depth, Hewitt et al. (2020), *RNNs can generate bounded
    hierarchical languages with optimal memory*.

    Returns
    -------
    x, y
        Both ``(T, B)``. Symbol ``2k`` opens a bracket of kind ``k``, ``2k + 1`` closes it; ``y`` is the kind of the
        innermost bracket open after the step, ``pairs`` where none is: to know it is to keep the stack.
    """
    batch_size, pairs = check_positive_int("batch_size", batch_size), check_positive_int("pairs", pairs)
    length = _at_least("length", length, 2)
    depth = length if depth is None else check_positive_int("depth", depth)
    if length % 2:
        raise ValueError(f"length must be even (every bracket is closed), got {length}")
    opens = _chance_to_open(length, depth)
    x, y = (np.empty((length, batch_size), dtype=np.int64) for _ in range(2))
    for b in range(batch_size):
        stack: list[int] = []
        for t, toss in enumerate(rng.random(length)):
            if toss < opens[length - t, len(stack)]:
                stack.append(int(rng.integers(pairs)))
                x[t, b] = 2 * stack[-1]
            else:
                x[t, b] = 2 * stack.pop() + 1
            y[t, b] = stack[-1] if stack else pairs
    return x, y


def _chance_to_open(length: int, depth: int) -> np.ndarray:
    """Return the share, among the ways to go on, of those that open: ``[steps left, brackets open]``."""
    ways = [[int(d == 0) for d in range(depth + 2)]]  # ways to close everything, kinds aside: exact integers
    for _ in range(length):
        last = ways[-1]
        ways.append([last[d + 1] + (last[d - 1] if d else 0) for d in range(depth + 1)] + [0])
    chance = np.zeros((length + 1, depth + 1))
    for left in range(1, length + 1):
        for d in range(depth):
            chance[left, d] = ways[left - 1][d + 1] / ways[left][d] if ways[left][d] else 0.0
    return chance


def mackey_glass(
    rng: np.random.Generator,
    length: int,
    batch_size: int = 1,
    *,
    tau: float = 17.0,
    step: float = 0.1,
    every: int = 10,
    washout: int = 1000,
) -> np.ndarray:
    r"""Integrate the Mackey–Glass equation, mildly chaotic at :math:`\tau = 17`.

    .. math::
        \dot x(t) = \frac{0.2\, x(t-\tau)}{1 + x(t-\tau)^{10}} - 0.1\, x(t)

    The classical Runge–Kutta method of order 4; between steps, the past is a cubic through its values and slopes. The
    past before 0 is constant, drawn uniformly from [1.1, 1.3) for each sequence; the beginning is thrown away.

    Source: Mackey and Glass (1977), equation 4b; parameters and sampling as in Jaeger and Haas (2004).

    Parameters
    ----------
    rng
        Source of randomness, for the past alone.
    length, batch_size
        ``T`` samples of ``B`` sequences.
    tau
        Delay, a multiple of ``step``.
    step, every
        Step of the integration, and how many of them lie between two samples: one sample a unit of time by default.
    washout
        Samples thrown away first.

    Returns
    -------
    numpy.ndarray
        Shape ``(T, B, 1)``, float64.
    """
    sizes = {"length": length, "batch_size": batch_size, "every": every}
    length, batch_size, every = (check_positive_int(name, size) for name, size in sizes.items())
    if not isinstance(washout, int | np.integer) or washout < 0:
        raise ValueError(f"washout must be an int of at least 0, got {washout}")
    lag = whole_steps("tau", tau, step)
    steps = lag + (washout + length) * every
    x = np.empty((steps + lag, batch_size))  # up to lag more than needed: whole stretches of length tau
    x[: lag + 1] = rng.uniform(1.1, 1.3, batch_size)
    slope = np.zeros((lag + 1, batch_size))
    decay = _runge_kutta(np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1), step)
    for start in range(lag, steps, lag):  # over a stretch as long as tau all of x(t - tau) is known
        past = x[start - lag : start + 1]
        middle = (past[:-1] + past[1:]) / 2 + step / 8 * (slope[:-1] - slope[1:])  # of Hermite's cubic
        p, p_middle = _production(past), _production(middle)
        gained = _runge_kutta(np.zeros(batch_size), p[:-1], p_middle, p[1:], step)
        for n, gain in enumerate(gained, start):
            x[n + 1] = decay * x[n] + gain  # the equation is linear in x(t), and so is the step
        slope = p - 0.1 * x[start : start + lag + 1]
    return np.ascontiguousarray(x[lag + washout * every : steps : every, :, None])


def _production(past: np.ndarray) -> np.ndarray:
    return np.asarray(0.2 * past / (1 + past**10))


def _runge_kutta(x: np.ndarray, p: np.ndarray, p_middle: np.ndarray, p_after: np.ndarray, step: float) -> np.ndarray:
    """Take one step of the classical method for x' = p - 0.1 x, with p at its beginning, middle and end."""
    k1 = p - 0.1 * x
    k2 = p_middle - 0.1 * (x + step / 2 * k1)
    k3 = p_middle - 0.1 * (x + step / 2 * k2)
    k4 = p_after - 0.1 * (x + step * k3)
    return np.asarray(x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4))


def whole_steps(name: str, duration: float, step: float) -> int:
    """Return how many steps a duration is; ``ValueError`` where that is no positive whole number."""
    count = duration / step if step > 0 else 0.0
    if not (0.5 < count < 1e9 and abs(round(count) * step - duration) <= 1e-9 * duration):
        raise ValueError(f"{name} must be a multiple of step, got {name} = {duration}, step = {step}")
    return round(count)


def _at_least(name: str, value: int, least: int) -> int:
    if check_positive_int(name, value) < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value
