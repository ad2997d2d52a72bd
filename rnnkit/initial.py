"""Where a recurrence starts: zero, random, after a warm-up, or learned.

An initial state is not given with the data, and every choice costs something. Zero may be a state the network never
visits later; a random one makes it learn to forget where it began; a warm-up spends inputs to get somewhere plausible;
a learned one is a parameter like any other. Lecture B, slide *The Problem of Initial States*; lecture T, where the
learned state is ``Phi.init``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from rnnkit.arrays import Array, assign, check_positive_int, check_shape, namespace, zeros
from rnnkit.cells import Cell, HasParameters, Linear, Parameters
from rnnkit.unroll import unroll


def zero_state(cell: Cell, batch_size: int) -> Array:
    """Return zeros of shape ``(B, S)`` in the dtype of the cell."""
    return zeros((check_positive_int("batch_size", batch_size), cell.state_size), _parameter(cell))


def random_state(cell: Cell, batch_size: int, rng: np.random.Generator, *, scale: float = 1.0) -> Array:
    """Draw a state from a normal distribution with standard deviation ``scale``, shape ``(B, S)``.

    Raises
    ------
    ValueError
        When ``scale`` is negative, or the cell keeps a clock in its state.
    """
    if getattr(cell, "has_clock", False):
        raise ValueError("cell keeps a clock in its state, which a random state would set wrong: start it at zero")
    if not scale >= 0:
        raise ValueError(f"scale must not be negative, got {scale}")
    state = zero_state(cell, batch_size)
    assign(state, scale * rng.standard_normal(tuple(state.shape)))
    return state


def warm_up(cell: Cell, x: Array, h0: Array | None = None) -> Array:
    """Run the cell over inputs that are spent on finding a plausible state; return that state.

    Parameters
    ----------
    cell, h0
        As for :func:`rnnkit.unroll.unroll`.
    x
        The inputs just before the sequence, shape ``(T_w, B, I)``; no loss is taken on them.

    Returns
    -------
    Array
        The state after them, shape ``(B, S)``.
    """
    return unroll(cell, x, h0)[-1]


@dataclass
class LearnedState(HasParameters):
    r"""The job of this state: be one more parameter, shared by all sequences.

    Parameters
    ----------
    h0
        Shape ``(S,)``. Its gradient is the sum over the batch of what arrives at the initial state.

    References
    ----------
    Lecture T, slide *RNN for a generic CELL procedure* (``Phi.init``).
    """

    h0: Array

    def __post_init__(self) -> None:
        check_shape("h0", self.h0, (None,), "(S,)")

    @classmethod
    def create(cls, cell: Cell) -> Self:
        """Start at zero, in the dtype of the cell."""
        return cls(zeros((cell.state_size,), _parameter(cell)))

    def forward(self, batch_size: int) -> Array:
        """Return the state for every sequence of a batch, shape ``(B, S)``."""
        shape = check_positive_int("batch_size", batch_size), self.h0.shape[0]
        return namespace(self.h0).broadcast_to(self.h0, shape)

    def backward(self, dh0: Array) -> Parameters:
        """Return the gradient of ``h0`` from that of the batch's initial states, shape ``(B, S)``."""
        check_shape("dh0", dh0, (None, self.h0.shape[0]), "(B, S)")
        return {"h0": dh0.sum(axis=0)}


def best_linear_state(model: Linear, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    r"""Return the initial state, one for all sequences, that makes a linear model's squared error least.

    The outputs are :math:`y_t = y_t^{(0)} + h_0 D^{t-1} B` with those from a zero state in front, so the error is a
    parabola in :math:`h_0`; gradient descent by :math:`\sum_t dy_t (D^{t-1} B)^\top` ends where this begins.

    Parameters
    ----------
    model
        With NumPy parameters.
    x, target
        Shapes ``(T, B, I)`` and ``(T, B, O)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(H,)``; of several equally good states the shortest.

    Raises
    ------
    ValueError
        When a shape does not fit.
    """
    from_zero = model.output_from(x, unroll(model, x)[:-1])
    check_shape("target", target, tuple(from_zero.shape), "(T, B, O)")
    reach = [model.B]
    for _ in range(1, len(x)):
        reach.append(model.D @ reach[-1])
    wanted = (target - from_zero).mean(axis=1)  # all sequences are moved alike, so only their mean error counts
    return np.asarray(np.linalg.lstsq(np.hstack(reach).T, wanted.ravel(), rcond=None)[0])


def transient(cell: Cell, x: Array, h0: Array, other_h0: Array) -> Array:
    """Return how far apart two runs over the same inputs stay that began in different states.

    Parameters
    ----------
    cell, x
        As for :func:`rnnkit.unroll.unroll`.
    h0, other_h0
        Initial states, shape ``(B, S)`` or ``(S,)``.

    Returns
    -------
    Array
        Euclidean distance of the two states at each time, shape ``(T+1, B)``. Where it goes to zero the network
        forgets where it began.
    """
    difference = unroll(cell, x, h0) - unroll(cell, x, other_h0)
    return namespace(difference).sqrt((difference * difference).sum(axis=-1))


def _parameter(cell: Cell) -> Array:
    return next(iter(cell.parameters().values()))
