"""What a network is trained to lower, with the gradient that starts the backward pass."""

from __future__ import annotations

from typing import Literal, NamedTuple

from rnnkit.arrays import Array, check_mask, check_shape, is_floating, is_torch, namespace, take_last, to_numpy, zeros

Reduction = Literal["mean", "sum"]


class LossAndGradient(NamedTuple):
    """A loss and its gradient with respect to the logits."""

    loss: Array
    """Scalar."""
    dlogits: Array
    """Shape of the logits."""


def log_softmax(logits: Array) -> Array:
    """Return ``log p`` over the last axis, shifted by the largest logit so that no exponential overflows.

    Complex logits are shifted by their largest real part, so that a complex step passes through unharmed.
    """
    xp = namespace(logits)
    shifted = logits - xp.amax(logits.real, axis=-1, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=-1, keepdims=True))


def softmax_cross_entropy(
    logits: Array, targets: Array, mask: Array | None = None, *, reduction: Reduction = "mean"
) -> LossAndGradient:
    r"""Cross-entropy of the true classes under the softmax, and its gradient.

    .. math::
        L = \sum_{t,b} -\log p_{t,b}[y_{t,b}], \qquad
        \frac{\partial L}{\partial o_{t,b}} = p_{t,b} - 1_{y_{t,b}}, \qquad p = \mathrm{softmax}(o)

    Parameters
    ----------
    logits
        ``o``, shape ``(..., V)``, floating point.
    targets
        ``y``, shape ``(...)``, integers in ``0 .. V-1``.
    mask
        Shape ``(...)``, ``True`` where a symbol counts. Masked symbols have loss and gradient zero; their targets
        are not looked at.
    reduction
        ``"mean"`` divides loss and gradient by the number of symbols that count, ``"sum"`` does not.

    Returns
    -------
    LossAndGradient
        ``loss`` (nats) and ``dlogits``.

    Raises
    ------
    TypeError
        When the logits are not floating point, the targets not integers or the mask not boolean.
    ValueError
        When shapes do not fit, a target is out of range, nothing is left to count, or ``reduction`` is unknown.

    Notes
    -----
    The lecture's pseudo-code (San Pablo, slide *BackPropagation Through Time*, line 2) starts from
    :math:`1_y - p`, which is minus this gradient: the direction of ascent of the log-likelihood.
    """
    xp = namespace(logits)
    if not is_floating(logits):
        raise TypeError(f"logits must be floating point, got {logits.dtype}")
    if is_floating(targets):
        raise TypeError(f"targets must be integers (class numbers), got {targets.dtype}")
    check_shape("targets", targets, tuple(logits.shape[:-1]), "of the logits without their last axis")
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction must be 'mean' or 'sum', got {reduction!r}")
    if mask is not None:
        check_mask(mask, tuple(targets.shape), "of the targets")
        targets = xp.where(mask, targets, xp.zeros_like(targets))
    _check_range(targets, logits.shape[-1])
    log_p = log_softmax(logits)
    one_hot = _one_hot(targets, log_p)
    losses, dlogits = -take_last(log_p, targets), xp.exp(log_p) - one_hot
    count = _size(targets) if mask is None else int(mask.sum())
    if count == 0:
        raise ValueError("no symbol is left to count: targets are empty or the mask is False everywhere")
    if mask is not None:
        losses = xp.where(mask, losses, xp.zeros_like(losses))
        dlogits = xp.where(mask[..., None], dlogits, xp.zeros_like(dlogits))
    divisor = count if reduction == "mean" else 1
    return LossAndGradient(losses.sum() / divisor, dlogits / divisor)


def one_hot(targets: Array, num_classes: int, like: Array) -> Array:
    """Return unit vectors, shape ``targets.shape + (num_classes,)``, in the dtype (and device) of ``like``.

    Raises
    ------
    ValueError
        When a target is not in ``0 .. num_classes-1``.
    """
    _check_range(targets, num_classes)
    return _one_hot(targets, zeros((*targets.shape, num_classes), like))


def _one_hot(targets: Array, like: Array) -> Array:
    """Return unit vectors along the last axis with the shape of ``like``."""
    xp = namespace(targets)
    classes = xp.arange(like.shape[-1], **({"device": targets.device} if is_torch(targets) else {}))
    hot = targets[..., None] == classes
    return hot.to(like.dtype) if is_torch(hot) else hot.astype(like.dtype)


def _size(array: Array) -> int:
    return int(array.numel()) if is_torch(array) else int(array.size)


def _check_range(targets: Array, num_classes: int) -> None:
    wrong = (targets < 0) | (targets >= num_classes)
    if bool(wrong.any()):
        value = int(to_numpy(targets)[to_numpy(wrong)][0])
        raise ValueError(f"targets must lie in 0 .. {num_classes - 1}, got {value}")
