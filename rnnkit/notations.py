r"""One step of the vanilla network, written as each of the five lectures writes it.

All five mean :meth:`rnnkit.cells.VanillaRNN.step`: :func:`weights` turns a cell's parameters into each lecture's
letters, :func:`steps` makes of each lecture's equation a step that takes and gives rows, and so can be compared. The
activation is tanh here, also where the slide has another letter: San Pablo leaves its ``f`` open, and TTIC's σ is the
sigmoid on its later slides. Vectors of four lectures are columns, arrays of shape ``(I,)``
or ``(H,)``, one sequence at a time; TTIC's equation speaks of a minibatch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnnkit.arrays import check_shape
from rnnkit.cells import VanillaRNN

LECTURES = ("Lecture 9", "Barcelona", "TTIC", "San Pablo", "Monash")
"""The lectures in the order of this module's functions."""


def lecture_9(x: np.ndarray, h_prev: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray) -> np.ndarray:
    r"""Step as in lecture B, slide *RNN Visualization*: transposed matrices left of a column, no bias.

    .. math:: h_t = \tanh(W_{hh}^T h_{t-1} + W_{xh}^T x_t)

    Parameters
    ----------
    x, h_prev
        Columns, shapes ``(I,)`` and ``(H,)``.
    W_xh, W_hh
        Shapes ``(I, H)`` and ``(H, H)``.
    """
    return np.asarray(np.tanh(W_hh.T @ h_prev + W_xh.T @ x))


def barcelona(x: np.ndarray, s_prev: np.ndarray, U: np.ndarray, W: np.ndarray) -> np.ndarray:
    r"""Step as in lecture U, slide *Unfolding in time of a RNN*: the state is called ``s``, no bias.

    .. math:: s_t = \tanh(U x_t + W s_{t-1})

    The lecture's code, slide *RNN Computation*, has ``W_xh`` and ``W_hh`` for the same two matrices.

    Parameters
    ----------
    x, s_prev
        Columns, shapes ``(I,)`` and ``(H,)``.
    U, W
        Shapes ``(H, I)`` and ``(H, H)``.
    """
    return np.asarray(np.tanh(U @ x + W @ s_prev))


def ttic(x: np.ndarray, h_prev: np.ndarray, W_xh: np.ndarray, W_hh: np.ndarray, B: np.ndarray) -> np.ndarray:
    r"""Step as in lecture T, slide *Vanilla RNNs*: entry by entry, for a minibatch, the bias subtracted.

    .. math:: h[b,t,j] = \sigma\left(W^{h,h}[j,I]\, h[b,t-1,I] + W^{x,h}[j,K]\, x[b,t,K] - B[j]\right)

    A capital index stands for the whole axis; where it occurs twice, the sum over it is meant.

    Parameters
    ----------
    x, h_prev
        :math:`x[\cdot,t,\cdot]` and :math:`h[\cdot,t-1,\cdot]`, shapes ``(batch, K)`` and ``(batch, J)``.
    W_xh, W_hh, B
        :math:`W^{x,h}, W^{h,h}, B`, shapes ``(J, K)``, ``(J, J)`` and ``(J,)``.
    """
    return np.asarray(np.tanh(np.einsum("ji,bi->bj", W_hh, h_prev) + np.einsum("jk,bk->bj", W_xh, x) - B))


def san_pablo(x: np.ndarray, h_prev: np.ndarray, W_h: np.ndarray, b_a: np.ndarray) -> np.ndarray:
    r"""Step as in lecture S, slide *Recurrent Neural Networks*: one matrix for input and state together.

    .. math::
        h_t = f(W_h [x_t; h_{t-1}] + b_a), \qquad
        W_h = [W_{hx}, W_{ah}] \text{ of } h_t = f(W_{hx} x_t + W_{ah} h_{t-1} + b_a)

    The input comes first; on the slide *Bidirectional RNNs* of the same lecture the state does.

    Parameters
    ----------
    x, h_prev
        Columns, shapes ``(I,)`` and ``(H,)``.
    W_h, b_a
        Shapes ``(H, I + H)`` and ``(H,)``.
    """
    return np.asarray(np.tanh(W_h @ np.concatenate([x, h_prev]) + b_a))


def monash(h_prev: np.ndarray, x: np.ndarray, theta: Mapping[str, np.ndarray]) -> np.ndarray:
    r"""Step as in lecture M, slide *Unfolding computational graphs*: a function of state, input and all parameters.

    .. math:: \mathbf{h}^{(t)} = f(\mathbf{h}^{(t-1)}, \mathbf{x}^{(t)}; \boldsymbol\theta)

    The slides do not say what is inside; that its :math:`\mathbf W` stands transposed left of a column is from the
    slide *Learning long term dependencies*, :math:`\mathbf h^{(t)} = \mathbf W' \mathbf h^{(t-1)}`.

    Parameters
    ----------
    h_prev, x
        Columns, shapes ``(H,)`` and ``(I,)``, the state first.
    theta
        ``W``, shape ``(H, H)``; for what the slides give no letter, ``W_x`` ``(I, H)`` and ``b`` ``(H,)``.
    """
    return np.asarray(np.tanh(theta["W"].T @ h_prev + theta["W_x"].T @ x + theta["b"]))


def weights(cell: VanillaRNN) -> dict[str, dict[str, np.ndarray]]:
    """Return, for each of :data:`LECTURES`, a cell's parameters in that lecture's letters and layout.

    The two lectures without a bias get it as one more row (column) of the input's matrix: a constant 1 is then put
    behind each input, see :func:`with_one`.
    """
    W_x, W_h, b = cell.W_x, cell.W_h, cell.b
    W_x_and_b = np.vstack([W_x, b])
    return {
        "Lecture 9": {"W_xh": W_x_and_b, "W_hh": W_h},
        "Barcelona": {"U": W_x_and_b.T, "W": W_h.T},
        "TTIC": {"W_xh": W_x.T, "W_hh": W_h.T, "B": -b},
        "San Pablo": {"W_h": np.hstack([W_x.T, W_h.T]), "b_a": b},
        "Monash": {"W": W_h, "W_x": W_x, "b": b},
    }


def with_one(x: np.ndarray) -> np.ndarray:
    """Put a constant 1 behind the last axis of inputs, ``(..., I)`` to ``(..., I + 1)``: its weights are the bias."""
    return np.concatenate([x, np.ones((*x.shape[:-1], 1), x.dtype)], axis=-1)


def steps(cell: VanillaRNN) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Return, for each of :data:`LECTURES`, its step with ``cell``'s weights, for rows.

    Each takes ``x (B, I)`` and ``h_prev (B, H)`` and gives ``(B, H)`` as ``cell.step`` does; ``ValueError`` when a
    shape does not fit. Within, every row is turned into a column and put through the lecture's equation by itself;
    TTIC's takes the batch as it is.
    """
    its = weights(cell)

    def checked(batch: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
        def step(x: np.ndarray, h_prev: np.ndarray) -> np.ndarray:
            check_shape("x", x, (None, cell.input_size), "(B, I)")
            check_shape("h_prev", h_prev, (len(x), cell.hidden_size), "(B, H)")
            return batch(x, h_prev)

        return step

    def by_columns(one: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
        return checked(lambda x, h_prev: np.array([one(*columns) for columns in zip(x, h_prev, strict=True)]))

    return {
        "Lecture 9": by_columns(lambda x, h: lecture_9(with_one(x), h, **its["Lecture 9"])),
        "Barcelona": by_columns(lambda x, h: barcelona(with_one(x), h, **its["Barcelona"])),
        "TTIC": checked(lambda x, h: ttic(x, h, **its["TTIC"])),
        "San Pablo": by_columns(lambda x, h: san_pablo(x, h, **its["San Pablo"])),
        "Monash": by_columns(lambda x, h: monash(h, x, its["Monash"])),
    }
