r"""The linear state model learned from a series by gradient descent; many models side by side.

Such a model is small and its loss has several valleys, so one start tells little. Here a leading axis of the parameters
counts models: one loop over time serves all of them, and a matrix product costs hardly more for eight than for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rnnkit.arrays import check_positive_int, check_shape
from rnnkit.cells import Linear, Parameters
from rnnkit.train.optimisers import Adam

NAMES = ("A", "B", "C", "D")


class OutputError(NamedTuple):
    """What :func:`output_error` gives, each with the leading axes of the parameters."""

    loss: np.ndarray
    """Mean squared error over time, batch and outputs, one number for each model."""
    gradients: Parameters
    """Of ``A``, ``B``, ``C``, ``D`` and of ``h0``, the last of shape ``(..., B, H)``."""


def output_error(
    parameters: Mapping[str, np.ndarray], x: np.ndarray, target: np.ndarray, h0: np.ndarray | None = None
) -> OutputError:
    r"""Return the mean squared error of a linear model's outputs, and its gradients.

    With :math:`N` numbers in all, :math:`dy_t = 2 (y_t - \mathrm{target}_t) / N`, and, from the last step to the first,
    with :math:`dh_T = 0`,

    .. math::
        & dh_{t-1} = dy_t B^\top + dh_t D^\top, \\
        & dA = \sum_t x_t^\top dy_t, \quad dB = \sum_t h_{t-1}^\top dy_t, \quad
          dC = \sum_t x_t^\top dh_t, \quad dD = \sum_t h_{t-1}^\top dh_t.

    Parameters
    ----------
    parameters
        ``A (..., I, O)``, ``B (..., H, O)``, ``C (..., I, H)``, ``D (..., H, H)`` of
        :class:`rnnkit.cells.Linear`; leading axes count models.
    x, target
        Shapes ``(T, B, I)`` and ``(T, B, O)``, the same for every model.
    h0
        Initial state, shape ``(B, H)`` or ``(..., B, H)``; zero when left out.

    Returns
    -------
    OutputError
        Loss and gradients. That of ``h0`` is :math:`dh_0`.

    Raises
    ------
    ValueError
        When a shape does not fit, or there is nothing to compare.

    References
    ----------
    Lecture B, slide *Towards a General Formulation: RNNs*: "learned from the data".
    """
    A, B, C, D = (parameters[name] for name in NAMES)
    _check_parameters(A, B, C, D)
    check_shape("x", x, (None, None, A.shape[-2]), "(T, B, I)")
    check_shape("target", target, (*x.shape[:2], A.shape[-1]), "(T, B, O)")
    if not target.size:
        raise ValueError(f"target must hold at least one number, got shape {target.shape}")
    if h0 is not None:
        legend = "(..., B, H)" if h0.ndim > 2 else "(B, H)"
        check_shape("h0", h0, (*A.shape[: -2 if h0.ndim > 2 else 0], x.shape[1], D.shape[-1]), legend)
    models = (1,) * (A.ndim - 2)
    x, target = (a.reshape(len(a), *models, *a.shape[1:]) for a in (x, target))
    h = _states(x @ C, D, h0)
    error = x @ A + h[:-1] @ B - target
    dy = 2 * error / target.size
    dh = _states_backward(dy @ _turned(B), _turned(D))
    into = {"A": (x, dy), "B": (h[:-1], dy), "C": (x, dh[1:]), "D": (h[:-1], dh[1:])}
    gradients = {name: (_turned(left) @ right).sum(axis=0) for name, (left, right) in into.items()}
    return OutputError((error * error).sum(axis=(0, -2, -1)) / target.size, {**gradients, "h0": dh[0]})


def fit_linear(
    models: Sequence[Linear], x: np.ndarray, target: np.ndarray, *, steps: int, lr: float = 0.02
) -> np.ndarray:
    """Train linear models of one shape by Adam on the whole series at once, each from where it stands, in place.

    Parameters
    ----------
    models
        With NumPy parameters; they end up trained.
    x, target
        Shapes ``(T, B, I)`` and ``(T, B, O)``; every sequence begins with a zero state.
    steps
        How many steps of the optimiser.
    lr
        Its learning rate. Every number has a pace of its own, so a model learns the same alone and among others.

    Returns
    -------
    numpy.ndarray
        The mean squared error before each step and after the last, shape ``(steps + 1, models)``.

    Raises
    ------
    ValueError
        When there are no models, they differ in shape, or a shape does not fit.
    """
    check_positive_int("steps", steps)
    sizes = [tuple(model.D.shape[-1:] + model.A.shape) for model in models]
    if len(set(sizes)) != 1:
        raise ValueError(f"models must be at least one, and of one shape, got (H, I, O) of {sizes}")
    parameters = {name: np.stack([getattr(model, name) for model in models]) for name in NAMES}
    optimiser, losses = Adam(lr), np.empty((steps + 1, len(models)))
    for n in range(steps):
        losses[n], gradients = output_error(parameters, x, target)
        optimiser.step(parameters, gradients)
    losses[steps] = output_error(parameters, x, target).loss
    for k, model in enumerate(models):
        for name in NAMES:
            getattr(model, name)[...] = parameters[name][k]
    return losses


def _check_parameters(A: np.ndarray, B: np.ndarray, C: np.ndarray, D: np.ndarray) -> None:
    (*models, inputs, outputs), hidden = A.shape, D.shape[-1]
    check_shape("B", B, (*models, hidden, outputs), "(..., H, O)")
    check_shape("C", C, (*models, inputs, hidden), "(..., I, H)")
    check_shape("D", D, (*models, hidden, hidden), "(..., H, H)")


def _turned(a: np.ndarray) -> np.ndarray:
    return np.swapaxes(a, -1, -2)


def _states(drive: np.ndarray, D: np.ndarray, h0: np.ndarray | None) -> np.ndarray:
    """Return h_0 … h_T of h_t = drive_t + h_{t-1} D."""
    h = np.zeros((len(drive) + 1, *drive.shape[1:]), drive.dtype)
    if h0 is not None:
        h[0] = h0
    for t, u in enumerate(drive):
        np.matmul(h[t], D, out=h[t + 1])
        h[t + 1] += u
    return h


def _states_backward(immediate: np.ndarray, D_turned: np.ndarray) -> np.ndarray:
    """Return dh_0 … dh_T of dh_{t-1} = immediate_t + dh_t Dᵀ, from dh_T = 0."""
    dh = np.zeros((len(immediate) + 1, *immediate.shape[1:]), immediate.dtype)
    for t in range(len(immediate) - 1, -1, -1):
        np.matmul(dh[t + 1], D_turned, out=dh[t])
        dh[t] += immediate[t]
    return dh
