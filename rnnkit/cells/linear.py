r"""The linear state model, from which recurrent networks start, and the leaky cell, half way to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnkit.arrays import Array, check_positive_int, check_shape, concatenate, namespace
from rnnkit.cells.base import StepGradient
from rnnkit.cells.shaped import ShapedCell


@dataclass
class Linear(ShapedCell):
    r"""The job of this cell: sum up the past in a state, and predict from that state, by matrices alone.

    .. math:: y_t = x_t A + h_{t-1} B, \qquad h_t = x_t C + h_{t-1} D

    Lecture B has columns, :math:`[y_t; h_t] = [A\ B; C\ D]\,[x_t; h_{t-1}]`; its matrices are these transposed. Mind
    the letters: most books write the same model as :math:`h' = Ah + Bx, y = Ch + Dx`.

    Parameters
    ----------
    A, B, C, D
        Shapes ``(I, O)``, ``(H, O)``, ``(I, H)``, ``(H, H)``. :meth:`step` uses ``C`` and ``D``, and
        :meth:`output_from` ``A`` and ``B``.

    References
    ----------
    Lecture B, slides *Stateless vs. Stateful Models* and *Towards a General Formulation: RNNs*.
    """

    A: Array
    B: Array
    C: Array
    D: Array

    shapes: ClassVar[Mapping[str, str]] = {"A": "I O", "B": "H O", "C": "I H", "D": "H H"}

    @classmethod
    def create(
        cls, input_size: int, hidden_size: int, rng: np.random.Generator, *, output_size: int = 1, **settings: Any
    ) -> Self:
        """Draw a new cell as for the other cells: ``D`` is orthogonal, the others are Glorot's."""
        sizes = {"I": input_size, "H": hidden_size, "O": output_size}
        return cls(**cls._draw(sizes, rng, **settings))

    @classmethod
    def read_from_state(cls, C: Array, D: Array, E: Array) -> Self:
        """Return the model whose output is read from the new state, ``y_t = h_t E`` with ``E (H, O)``."""
        return cls(C @ E, D @ E, C, D)

    @classmethod
    def exponential_average(cls, gamma: float) -> Self:
        r"""Return :math:`y_t = h_t = \gamma h_{t-1} + (1 - \gamma) x_t`, lecture B's infinite horizon.

        ValueError unless ``0 <= gamma <= 1``.
        """
        if not 0 <= gamma <= 1:
            raise ValueError(f"gamma must lie in [0, 1], got {gamma!r}")
        return cls.read_from_state(np.array([[1.0 - gamma]]), np.array([[float(gamma)]]), np.ones((1, 1)))

    @classmethod
    def accumulator(cls) -> Self:
        """Return the model of the running sum, ``y_t = y_{t-1} + x_t``."""
        return cls.read_from_state(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))

    @classmethod
    def moving_average(cls, weights: Sequence[float]) -> Self:
        """Return ``y_t = sum of weights[k] x_{t-k}``, lecture B's sliding window: the state holds the last inputs.

        ValueError when there are fewer than two weights.
        """
        if len(weights) < 2:
            raise ValueError(f"weights must be at least two, for now and one step ago, got {len(weights)}")
        w, n = np.asarray(weights, np.float64), len(weights) - 1
        return cls(w[:1, None], w[1:, None], np.eye(1, n), np.eye(n, k=1))  # every step moves the state by one place

    @classmethod
    def delay_line(cls, n: int) -> Self:
        """Return ``y_t = x_{t-n}``; ValueError unless ``n`` is a positive int."""
        return cls.moving_average([0.0] * check_positive_int("n", n) + [1.0])

    @classmethod
    def oscillator(cls, period: float, decay: float = 1.0) -> Self:
        r"""Return the model that answers an impulse with :math:`decay^t \cos(2\pi t / period)`: a damped rotation."""
        if not period > 0:
            raise ValueError(f"period must be positive, in steps, got {period!r}")
        cos, sin = np.cos(2 * np.pi / period), np.sin(2 * np.pi / period)
        return cls.read_from_state(np.eye(1, 2), decay * np.array([[cos, sin], [-sin, cos]]), np.eye(2, 1))

    def step(self, x: Array, h_prev: Array) -> Array:
        """Return the next state ``(B, H)`` from ``x (B, I)`` and ``h_prev (B, H)``."""
        return x @ self.C + h_prev @ self.D

    def step_backward(self, dh: Array, x: Array, h_prev: Array, h: Array) -> StepGradient:
        """Carry ``dh (B, H)`` back through one step; ``A`` and ``B`` have no part in it."""
        return StepGradient(dh @ self.C.T, dh @ self.D.T, {"C": x.T @ dh, "D": h_prev.T @ dh})

    def output_from(self, x: Array, h_prev: Array) -> Array:
        """Return ``y (..., O)`` from ``x (..., I)`` and the state *before* it, ``(..., H)``: ``h[:-1]`` of a run."""
        return x @ self.A + h_prev @ self.B

    def output_backward(self, dy: Array, x: Array, h_prev: Array) -> StepGradient:
        """Carry ``dy (..., O)`` back to what :meth:`output_from` was given and to ``A`` and ``B``."""
        dx, dh_prev = dy @ self.A.T, dy @ self.B.T
        x, h_prev, dy = (a.reshape(-1, a.shape[-1]) for a in (x, h_prev, dy))
        return StepGradient(dx, dh_prev, {"A": x.T @ dy, "B": h_prev.T @ dy})

    def impulse_response(self, n: int) -> Array:
        r"""Return the weight that ``y_t`` gives to ``x_{t-k}``: :math:`A, CB, CDB, CD^2B, \dots`, shape ``(n, I, O)``.

        From a zero state the outputs are the convolution of the inputs with it. In lecture B's columns it reads
        :math:`A, BC, BDC, \dots`.
        """
        response, reached = [self.A], self.C
        for _ in range(check_positive_int("n", n) - 1):
            response.append(reached @ self.B)
            reached = reached @ self.D
        return namespace(self.A).stack(response)

    def change_basis(self, P: Array) -> Self:
        """Return the same model with the state written as ``h P``, ``P (H, H)`` invertible: no output changes."""
        check_shape("P", P, (self.hidden_size, self.hidden_size), "(H, H)")
        solve = namespace(P).linalg.solve
        return type(self)(self.A, solve(P, self.B), self.C @ P, solve(P, self.D @ P))

    def closed_loop(self) -> Array:
        r"""Return ``M (I+H, I+H)``, one step on the model's own forecasts: :math:`[y_t\; h_t] = [x_t\; h_{t-1}]\,M`.

        Where the output is a forecast of the next input, :math:`y_t` stands in for :math:`x_{t+1}`. The eigenvalues of
        ``M = [[A, C], [B, D]]``, in lecture B's columns of its block matrix itself, say which rhythms the model
        goes on in; those of ``D`` say how it forgets inputs.

        ValueError unless outputs have the size of inputs.
        """
        if self.A.shape[0] != self.A.shape[1]:
            raise ValueError(f"a closed loop needs outputs of the size of inputs, got A of shape {tuple(self.A.shape)}")
        return concatenate([concatenate([self.A, self.C]), concatenate([self.B, self.D])], axis=0)


@dataclass
class Leaky(ShapedCell):
    r"""The job of this cell: a vanilla cell that moves only part of the way, and so remembers for about 1/leak steps.

    .. math:: h_t = (1 - \alpha) h_{t-1} + \alpha \tanh(x_t W_x + h_{t-1} W_h + b)

    Parameters
    ----------
    W_x, W_h, b
        As for :class:`VanillaRNN`, which this is at ``leak = 1``: shapes ``(I, H)``, ``(H, H)``, ``(H,)``.
    leak
        :math:`\alpha`, in (0, 1].

    References
    ----------
    Jaeger, Lukoševičius, Popovici and Siewert (2007); Goodfellow, Bengio and Courville (2016), section 10.9.2;
    lecture M, slide on long-term dependencies.
    """

    W_x: Array
    W_h: Array
    b: Array
    leak: float = 0.5

    shapes: ClassVar[Mapping[str, str]] = {"W_x": "I H", "W_h": "H H", "b": "H"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.leak <= 1:
            raise ValueError(f"leak must lie in (0, 1], got {self.leak!r}; 1 leaks everything: a vanilla cell")
        self.leak = float(self.leak)  # a NumPy scalar would turn float32 into float64

    def step(self, x: Array, h_prev: Array) -> Array:
        """Return the next state ``(B, H)`` from ``x (B, I)`` and ``h_prev (B, H)``."""
        return (1 - self.leak) * h_prev + self.leak * self._squashed(x, h_prev)

    def step_backward(self, dh: Array, x: Array, h_prev: Array, h: Array) -> StepGradient:
        """Carry ``dh (B, H)`` back through one step: part of it leaks past the tanh."""
        n = self._squashed(x, h_prev)
        dz = self.leak * dh * (1 - n * n)
        share = {"W_x": x.T @ dz, "W_h": h_prev.T @ dz, "b": dz.sum(axis=0)}
        return StepGradient(dz @ self.W_x.T, (1 - self.leak) * dh + dz @ self.W_h.T, share)

    def _squashed(self, x: Array, h_prev: Array) -> Array:
        z = x @ self.W_x + h_prev @ self.W_h + self.b
        return namespace(z).tanh(z)
