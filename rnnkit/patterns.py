r"""Five patterns of input and output, and the one network that serves them all.

One-to-one, one-to-many, many-to-one, and many-to-many of two kinds differ in *when* an input is read and *when* an
output is asked for, in nothing else. A step that reads nothing gets the zero vector; a step that is asked nothing has
no loss. :func:`wiring` says when, :func:`arrange` lays whole sequences out, :class:`PatternNet` learns from them.

Source: Karpathy (2015), as in lecture U, slides *one to one* to *many to many*; lecture S, slides *RNN for
many-to-one* and *one-to-many*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from rnnkit.arrays import Array, check_positive_int, check_shape, is_integer, to_numpy
from rnnkit.cells import Cell, Conditioned, HasParameters, Parameters, Readout, VanillaRNN, prefixed
from rnnkit.losses import softmax_cross_entropy
from rnnkit.run import Run, run

PATTERNS = ("one-to-one", "one-to-many", "many-to-one", "many-to-many, aligned", "many-to-many, not aligned")
"""The five patterns by name."""


class Wiring(NamedTuple):
    """When a network reads and when it is asked, both of shape ``(T,)``, bool."""

    reads: np.ndarray
    asked: np.ndarray


def wiring(pattern: str, inputs: int, outputs: int) -> Wiring:
    """Return the steps at which ``pattern`` reads its inputs and is asked for its outputs.

    Parameters
    ----------
    pattern
        One of :data:`PATTERNS`. *One-to-…* is asked from the first step on, *…-to-one* at the last input. Aligned, each
        input has its output in the same step. Not aligned, the first output is asked for one step after the last input.
    inputs, outputs
        How many there are.

    Raises
    ------
    ValueError
        When the pattern is unknown or these numbers do not go with it.
    """
    n, m = check_positive_int("inputs", inputs), check_positive_int("outputs", outputs)
    if pattern not in PATTERNS:
        raise ValueError(f"pattern must be one of {', '.join(map(repr, PATTERNS))}; got {pattern!r}")
    source, _, target = pattern.partition("-to-")
    one = [name for name, word, count in (("inputs", source, n), ("outputs", target, m)) if word == "one" and count > 1]
    if one or (pattern == PATTERNS[3] and n != m):
        wanted = f"have one of its {one[0]}" if one else "have as many outputs as inputs"
        raise ValueError(f"{pattern!r} must {wanted}, got {n} inputs and {m} outputs")
    first = {"one-to-one": 0, "one-to-many": 0, "many-to-one": n - 1, PATTERNS[3]: 0, PATTERNS[4]: n}[pattern]
    step = np.arange(max(n, first + m))
    return Wiring(step < n, (step >= first) & (step < first + m))


class Arranged(NamedTuple):
    """Sequences side by side, laid out in a pattern."""

    x: np.ndarray
    """What is read, ``(T, B, I)``, zero where nothing is."""
    y: np.ndarray
    """What is asked for, ``(T, B)``, int64; 0 where nothing is."""
    asked: np.ndarray
    """Where an output is asked for, ``(T, B)``, bool: the mask of the loss."""


def arrange(
    pattern: str, inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray], *, dtype: Any = np.float32
) -> Arranged:
    """Lay pairs of sequences out in time, each by :func:`wiring`, padded to the longest.

    Parameters
    ----------
    pattern
        One of :data:`PATTERNS`.
    inputs
        ``B`` sequences of vectors, each ``(n_b, I)``.
    targets
        ``B`` sequences of class numbers, each ``(m_b,)``.
    dtype
        Of ``x``.

    Raises
    ------
    ValueError
        When the pattern or a shape does not fit, or there are not as many targets as inputs.
    TypeError
        When something is no array, or class numbers are not integers.
    """
    _check_pairs(inputs, targets)
    wired = [wiring(pattern, len(x), len(y)) for x, y in zip(inputs, targets, strict=True)]
    shape = (max(len(each.reads) for each in wired), len(wired))
    x, y = np.zeros((*shape, inputs[0].shape[-1]), dtype), np.zeros(shape, np.int64)
    asked = np.zeros(shape, bool)
    for b, (reads, asks) in enumerate(wired):
        x[np.flatnonzero(reads), b] = inputs[b]
        y[np.flatnonzero(asks), b] = targets[b]
        asked[: len(asks), b] = asks
    return Arranged(x, y, asked)


def _check_pairs(inputs: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> None:
    """Hold sequences to one size of vectors: an array of one column would fit any other without a word."""
    if not len(inputs) or len(inputs) != len(targets):
        raise ValueError(f"inputs and targets must be as many, at least one, got {len(inputs)} and {len(targets)}")
    check_shape("inputs[0]", inputs[0], (None, None), "(n, I)")
    for b, (x, y) in enumerate(zip(inputs, targets, strict=True)):
        check_shape(f"inputs[{b}]", x, (None, inputs[0].shape[1]), "(n, I)")
        check_shape(f"targets[{b}]", y, (None,), "(m,)")
        if not is_integer(y):
            raise TypeError(f"targets[{b}] must be integers (class numbers), got {y.dtype}")


@dataclass
class PatternNet(HasParameters):
    r"""The job of this network: answer where it is asked, whatever the pattern.

    .. math:: h_t = \mathrm{cell}(x_t, h_{t-1}), \qquad o_t = h_t W_y + b_y

    Parameters
    ----------
    cell
        Any cell.
    readout
        From its outputs to scores.
    memory
        Without it every step starts from the zero state: the same network with the recurrence cut, as a baseline.
    """

    cell: Cell
    readout: Readout
    memory: bool = True

    @classmethod
    def create(
        cls,
        input_size: int,
        hidden_size: int,
        num_classes: int,
        rng: np.random.Generator,
        *,
        memory: bool = True,
        cell: Any = VanillaRNN,
        dtype: type[np.floating] = np.float32,
    ) -> Self:
        """Draw a new network; ``ValueError`` when a size is no positive int."""
        drawn = cell.create(input_size, hidden_size, rng, dtype=dtype)
        return cls(drawn, Readout.create(hidden_size, num_classes, rng, dtype=dtype), memory)

    def logits(self, x: Array) -> Array:
        """Return the scores at every step, ``(T, B, V)``, for inputs ``(T, B, I)``."""
        return self.readout.forward(self._through_time(x)[0])

    def loss_and_gradients(self, x: Array, y: Array, asked: Array) -> tuple[Array, Parameters]:
        """Return the mean cross-entropy over the outputs asked for, and the gradient of every parameter."""
        h, backward = self._through_time(x)
        loss, do = softmax_cross_entropy(self.readout.forward(h), y, asked)
        dh, of_readout = self.readout.backward(do, h)
        return loss, prefixed("cell", backward(dh)) | prefixed("readout", of_readout)

    def right(self, x: Array, y: Array, asked: Array) -> np.ndarray:
        """Return, for each sequence, the share of its outputs that are right, shape ``(B,)``."""
        return share_right(self.logits(x), y, asked)

    def _through_time(self, x: Array) -> tuple[Array, Callable[[Array], Parameters]]:
        """Return the outputs of the cell, ``(T, B, H)``, and the way back to its parameters."""
        check_shape("x", x, (None, None, self.cell.input_size), "(T, B, I)")
        steps, batch, size = x.shape
        ran = run(self.cell, x if self.memory else x.reshape(1, steps * batch, size))  # cut: all steps are first steps

        def backward(dh: Array) -> Parameters:
            return ran.backward(dh.reshape(*ran.output.shape), input_gradient=False).parameters

        return ran.output.reshape(steps, batch, -1), backward


def share_right(logits: Array, y: Array, asked: Array) -> np.ndarray:
    """Return, for each sequence, the share of outputs asked for whose highest score is the right one, ``(B,)``.

    ``ValueError`` when a shape does not fit or a sequence is asked for nothing.
    """
    check_shape("y", y, tuple(logits.shape[:-1]), "of the scores without their last axis")
    check_shape("asked", asked, tuple(y.shape), "of y")
    count = asked.sum(axis=0)
    if not count.all():
        raise ValueError(f"asked must hold an output of every sequence, not so of {np.flatnonzero(count == 0)}")
    return np.asarray(((to_numpy(logits).argmax(-1) == y) & asked).sum(axis=0) / count)


@dataclass
class ContextNet(HasParameters):
    """The job of this network: answer at every step, told once or always what the sequence is about.

    Parameters
    ----------
    conditioned
        The cell and how it learns of the context.
    readout
        From its outputs to scores.
    """

    conditioned: Conditioned
    readout: Readout

    def logits(self, x: Array, context: Array) -> Array:
        """Return the scores ``(T, B, V)`` for inputs ``(T, B, I)`` and contexts ``(B, C)``."""
        return self.readout.forward(self._run(x, context).output)

    def loss_and_gradients(self, x: Array, context: Array, y: Array, asked: Array) -> tuple[Array, Parameters]:
        """Return the mean cross-entropy over the outputs asked for, and the gradient of every parameter."""
        ran = self._run(x, context)
        loss, do = softmax_cross_entropy(self.readout.forward(ran.output), y, asked)
        dh, of_readout = self.readout.backward(do, ran.output)
        g = ran.backward(dh)
        _, _, of_context = self.conditioned.backward(g.x, g.h0, context)
        of_cell = prefixed("cell", g.parameters) | of_context
        return loss, prefixed("conditioned", of_cell) | prefixed("readout", of_readout)

    def _run(self, x: Array, context: Array) -> Run:
        told = self.conditioned
        return run(told.cell, told.inputs(x, context), told.initial_state(context))
