r"""A network whose only memory is its own last output, and the three ways to feed it.

.. math::
    h_t = \tanh(x_t W_x + y_{t-1} W_r + b), \qquad o_t = h_t W_y + b_y

*Teacher forcing* feeds the true :math:`y_{t-1}`: no step waits for another, so all are computed at once. *Free running*
feeds back the network's own prediction, one step after the other. *Scheduled sampling* tosses a coin at every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from rnnkit.arrays import Array, check_shape, namespace
from rnnkit.cells import Parameters, Shaped
from rnnkit.losses import one_hot, softmax_cross_entropy


@dataclass
class OutputRNN(Shaped):
    r"""The job of this network: decide from the input and from what it, or a teacher, said one step ago.

    Parameters
    ----------
    W_x
        Input to hidden, shape ``(I, H)``.
    W_r
        Previous output to hidden, shape ``(V, H)``: one row for each class.
    b
        Hidden bias, shape ``(H,)``.
    W_y
        Hidden to output, shape ``(H, V)``.
    b_y
        Output bias, shape ``(V,)``.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), figure 10.4 and section 10.2.1; lecture S, slide *Teaching forcing*;
    lecture M, slide *Training RNNs*.
    """

    W_x: Array
    W_r: Array
    b: Array
    W_y: Array
    b_y: Array

    shapes: ClassVar[Mapping[str, str]] = {"W_x": "I H", "W_r": "V H", "b": "H", "W_y": "H V", "b_y": "V"}

    @classmethod
    def create(
        cls,
        input_size: int,
        hidden_size: int,
        num_classes: int,
        rng: np.random.Generator,
        *,
        dtype: type[np.floating] = np.float64,
    ) -> Self:
        """Draw a new network: Glorot for matrices, zero for biases; ``ValueError`` when a size is no positive int."""
        return cls(**cls._draw({"I": input_size, "H": hidden_size, "V": num_classes}, rng, dtype=dtype))

    def hidden(self, x: Array, y_prev: Array) -> Array:
        """Return the hidden units ``(..., H)`` for inputs ``(..., I)`` and previous classes ``(...)``.

        The leading axes are free: one step ``(B,)``, or all steps at once ``(T, B)``.
        """
        check_shape("y_prev", y_prev, tuple(x.shape[:-1]), "of x without its last axis")
        z = x @ self.W_x + one_hot(y_prev, self.W_r.shape[0], x) @ self.W_r + self.b
        return namespace(z).tanh(z)

    def logits(self, x: Array, y_prev: Array) -> Array:
        """Return the scores ``(..., V)``; arguments as for :meth:`hidden`."""
        return self.hidden(x, y_prev) @ self.W_y + self.b_y

    def loss_and_gradients(self, x: Array, y_prev: Array, y: Array) -> tuple[Array, Parameters]:
        """Return the mean cross-entropy and the gradient of every parameter.

        ``y_prev`` is taken as given: no gradient flows through it, which is what decouples the steps.

        Parameters
        ----------
        x
            Inputs, shape ``(..., I)``.
        y_prev, y
            Previous and true classes, shape ``(...)``, integers.
        """
        h = self.hidden(x, y_prev)
        loss, do = softmax_cross_entropy(h @ self.W_y + self.b_y, y)
        dz = (do @ self.W_y.T) * (1 - h * h)
        r = one_hot(y_prev, self.W_r.shape[0], x)
        x, r, h, do, dz = (a.reshape(-1, a.shape[-1]) for a in (x, r, h, do, dz))
        return loss, {
            "W_x": x.T @ dz,
            "W_r": r.T @ dz,
            "b": dz.sum(axis=0),
            "W_y": h.T @ do,
            "b_y": do.sum(axis=0),
        }


@dataclass
class CountTable:
    """The job of this table: be the baseline that learns nothing but how often each class followed each pair.

    It answers a pair (input symbol, previous class) with the class that followed it most often in the training data,
    and is fed like an :class:`OutputRNN`.

    Parameters
    ----------
    counts
        How often class ``c`` followed symbol ``i`` and previous class ``r``, shape ``(I, V, V)``.
    """

    counts: np.ndarray

    @classmethod
    def of(cls, symbols: np.ndarray, y_prev: np.ndarray, y: np.ndarray, num_symbols: int, num_classes: int) -> Self:
        """Count over arrays of one shape: symbols, previous classes and classes, all integers."""
        counts = np.zeros((num_symbols, num_classes, num_classes))
        np.add.at(counts, (symbols, y_prev, y), 1)
        return cls(counts)

    def logits(self, x: np.ndarray, y_prev: np.ndarray) -> np.ndarray:
        """Return the counts, shape ``(..., V)``, for inputs ``(..., I)`` that are unit vectors."""
        return np.asarray(self.counts[x.argmax(axis=-1), y_prev])

    def knows(self, x: np.ndarray, y_prev: np.ndarray) -> np.ndarray:
        """Tell which pairs have occurred at all, shape ``(...)``."""
        return np.asarray(self.logits(x, y_prev).sum(axis=-1) > 0)


def shifted(y: Array, first: Array) -> Array:
    """Return the targets one step late, ``y_prev[t] = y[t-1]``, with ``first`` of shape ``(B,)`` in front."""
    return namespace(y).concatenate([first[None], y[:-1]])


def free_running(net: OutputRNN | CountTable, x: Array, first: Array) -> Array:
    """Let the network feed on its own most likely outputs.

    Parameters
    ----------
    net
        The network.
    x
        Inputs, shape ``(T, B, I)``.
    first
        The class before the first step, shape ``(B,)``.

    Returns
    -------
    Array
        Predicted classes, shape ``(T, B)``.
    """
    predictions, previous = [], first
    for x_t in x:
        previous = net.logits(x_t, previous).argmax(-1)
        predictions.append(previous)
    return namespace(x).stack(predictions)


def futures(net: OutputRNN, histories: np.ndarray, future: np.ndarray, first: int = 0) -> np.ndarray:
    """Return what the network answers, running free, to the same future after each of several histories.

    Its only memory is the class it said last: histories that end in the same class have the same future, bit for bit,
    so there are at most ``V`` different ones. Each history runs by itself, as one sequence.

    Parameters
    ----------
    net
        Its weights do not matter.
    histories
        Inputs of ``N`` histories, shape ``(N, T, I)``.
    future
        The inputs that follow, shape ``(F, I)``.
    first
        The class before the first step.

    Returns
    -------
    numpy.ndarray
        Scores over the future, shape ``(N, F, V)``.

    Raises
    ------
    ValueError
        When a shape does not fit or ``first`` is no class.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), section 10.2.1: such a network is less powerful because it lacks
    connections between hidden units.
    """
    check_shape("future", future, (None, net.W_x.shape[0]), "(F, I)")
    check_shape("histories", histories, (None, None, net.W_x.shape[0]), "(N, T, I)")
    scores = []
    for history in histories:
        x, start = np.concatenate([history, future])[:, None], np.array([first])
        said = free_running(net, x, start)
        scores.append([net.logits(*now)[0] for now in zip(x, shifted(said, start), strict=True)][len(history) :])
    return np.array(scores)


def scheduled_inputs(
    net: OutputRNN, x: np.ndarray, y: np.ndarray, first: np.ndarray, own: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the previous outputs that scheduled sampling feeds: the network's own with probability ``own``.

    The own output is a draw from the softmax at the step before, as in the paper.

    Parameters
    ----------
    net
        The network as it stands.
    x, y
        Inputs ``(T, B, I)`` and true classes ``(T, B)``.
    first
        The class before the first step, shape ``(B,)``.
    own
        Probability, at each step and for each sequence, of feeding the network's own draw instead of the truth.
    rng
        Source of randomness.

    Returns
    -------
    numpy.ndarray
        Shape ``(T, B)``, int64.

    Raises
    ------
    ValueError
        When ``own`` is not a probability.

    References
    ----------
    Bengio, Vinyals, Jaitly and Shazeer (2015), *Scheduled sampling for sequence prediction with recurrent
    neural networks*.
    """
    if not 0 <= own <= 1:
        raise ValueError(f"own must be a probability in [0, 1], got {own}")
    y_prev = shifted(y, first).astype(np.int64)
    for t in range(len(x) - 1):
        logits = net.logits(x[t], y_prev[t])
        draw = (logits + rng.gumbel(size=logits.shape)).argmax(-1)
        y_prev[t + 1] = np.where(rng.random(len(draw)) < own, draw, y_prev[t + 1])
    return np.asarray(y_prev)
