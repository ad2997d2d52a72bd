r"""Repeat a cell over a sequence, and carry gradients back through the repetitions.

:func:`unroll` is the generic CELL procedure: one cell, the same parameters at every step. What follows are four ways
to run it backwards: step by step (:func:`backward_steps`), summed up (:func:`bptt`), cut short
(:func:`truncated_bptt`) and with most states forgotten and computed again (:func:`checkpointed_bptt`).

All of them take the loss as what it does to the states: ``dh[t]`` is the *immediate* gradient
:math:`\partial L_t / \partial h_t`, what the loss of step ``t`` alone sends into the state of step ``t``. They add
what comes back from later steps. So any readout and any loss will do.

States are kept in one array ``h`` of shape ``(T+1, B, H)``: ``h[0]`` is the initial state and ``h[t+1]`` the state
after input ``x[t]``. Code counts time from 0, the equations from 1.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from rnnkit.arrays import Array, check_mask, check_positive_int, check_shape, is_floating, namespace, to_numpy, zeros
from rnnkit.cells import Cell, Parameters

Upstream = Callable[[int, Array], Array]
"""``upstream(start, h)``: from the states after steps ``start, start+1, …`` to their immediate gradients."""


class Gradients(NamedTuple):
    """What a backward pass through time gives."""

    x: Array | None
    """:math:`\\partial L / \\partial x`, shape ``(T, B, I)``; ``None`` where it was not asked for."""
    h0: Array
    """:math:`\\partial L / \\partial h_0`, shape ``(B, H)``; sum over ``B`` where one ``h0`` is shared by the batch."""
    parameters: Parameters
    """The sum over time of every step's share."""


class BackwardStep(NamedTuple):
    """One step of the backward pass, as :func:`backward_steps` yields it."""

    t: int
    """Index of the input, counted from 0."""
    dh: Array
    """The *total* gradient of the loss with respect to ``h[t+1]``, shape ``(B, H)``."""
    x: Array
    """Gradient with respect to ``x[t]``, shape ``(B, I)``."""
    h_prev: Array
    """What goes on to ``h[t]``, shape ``(B, H)``."""
    parameters: Parameters
    """This step's share of the gradient of every parameter."""


def unroll(cell: Cell, x: Array, h0: Array | None = None, mask: Array | None = None) -> Array:
    r"""Run ``cell`` over a sequence: :math:`h_t = f(x_t, h_{t-1}; \theta)` for :math:`t = 1 \dots T`.

    Parameters
    ----------
    cell
        Any :class:`~rnnkit.cells.Cell`.
    x
        Inputs, shape ``(T, B, I)``, in the dtype of the cell's parameters.
    h0
        Initial state, shape ``(B, H)``, or ``(H,)`` for one state shared by the batch; zero when left out.
    mask
        Booleans of shape ``(T, B)`` for sequences of unequal length: where ``False`` the input is padding, is not
        looked at, and the state stays as it was.

    Returns
    -------
    Array
        All states, shape ``(T+1, B, H)``, the initial one first.

    Raises
    ------
    ValueError
        When a shape does not fit, or an input that counts is NaN or infinite.
    TypeError
        When dtypes do not fit.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), eq. 10.5; lecture T, slide *RNN for a generic CELL procedure*.
    """
    x, h, mask = _check_inputs(cell, x, h0, mask)
    return namespace(x).stack([h, *_states(cell, x, h, mask)])


def backward_steps(
    cell: Cell, x: Array, h: Array, dh: Array, mask: Array | None = None, dh_last: Array | None = None
) -> Iterator[BackwardStep]:
    r"""Walk back through time and yield every step on the way, the last one first.

    The total gradient of a state is what its own step's loss sends it and what comes back from the step after:

    .. math::
        \frac{\partial L}{\partial h_t} = \frac{\partial L_t}{\partial h_t}
            + \frac{\partial L}{\partial h_{t+1}} \frac{\partial h_{t+1}}{\partial h_t}

    Parameters
    ----------
    cell, x, mask
        As given to :func:`unroll`.
    h
        What :func:`unroll` returned, shape ``(T+1, B, H)``.
    dh
        Immediate gradients, shape ``(T, B, H)``.
    dh_last
        Gradient that reaches the last state from beyond the sequence, shape ``(B, H)``; zero when left out.

    Yields
    ------
    BackwardStep
        For ``t = T-1, …, 0``.

    Raises
    ------
    ValueError
        When a shape does not fit.

    References
    ----------
    Werbos (1990); Goodfellow, Bengio and Courville (2016), section 10.2.2; lecture S, slide *BackPropagation Through
    Time*.
    """
    xp, (steps, batch, _) = namespace(x), x.shape
    check_trace(cell, x, h, dh, mask)
    if mask is not None:
        x = _without_padding(x, mask)
    if dh_last is not None:
        check_shape("dh_last", dh_last, (batch, cell.hidden_size), "(B, H)")
    carried = zeros((batch, cell.hidden_size), x) if dh_last is None else dh_last
    for t in reversed(range(steps)):
        total = carried + dh[t]
        if mask is None:
            step = cell.step_backward(total, x[t], h[t], h[t + 1])
            carried = step.h_prev
        else:  # a padded step copied its state: the gradient passes it unchanged, and no parameter had a part in it
            real = mask[t][:, None]
            step = cell.step_backward(xp.where(real, total, xp.zeros_like(total)), x[t], h[t], h[t + 1])
            carried = step.h_prev + xp.where(real, xp.zeros_like(total), total)
        yield BackwardStep(t, total, step.x, carried, step.parameters)


def bptt(
    cell: Cell,
    x: Array,
    h: Array,
    dh: Array,
    mask: Array | None = None,
    dh_last: Array | None = None,
    *,
    input_gradient: bool = True,
) -> Gradients:
    """Carry gradients back through time: back-propagation on the unfolded graph.

    A parameter is used at every step, so its gradient is the sum of all its uses.

    Parameters
    ----------
    cell, x, h, dh, mask, dh_last
        As for :func:`backward_steps`, whose steps are added up here; errors and sources are the same.
    input_gradient
        Whether to keep the gradient of ``x``, which takes as much memory as ``x`` itself.

    Returns
    -------
    Gradients
        Of the inputs, of the initial state and of every parameter.
    """
    dx, carried, total = [], None, _no_gradient(cell)
    for step in backward_steps(cell, x, h, dh, mask, dh_last):
        if input_gradient:
            dx.append(step.x)
        _add(total, step.parameters)
        carried = step.h_prev
    return Gradients(namespace(x).stack(dx[::-1]) if input_gradient else None, carried, total)


def truncation_windows(steps: int, k1: int, k2: int) -> Iterator[tuple[int, int, int]]:
    """Yield ``(start, counted, end)`` of every backward pass of BPTT(k1, k2).

    After every ``k1`` steps (and once more at the end of the sequence) a pass goes back from ``end`` to ``start``, at
    most ``k2`` steps, with the losses of the steps ``counted … end-1``, which no earlier pass has seen.

    Raises
    ------
    ValueError
        Unless ``1 <= k1 <= k2 <= steps``.
    """
    k1, k2 = check_positive_int("k1", k1), check_positive_int("k2", k2)
    if k2 > steps:
        raise ValueError(f"k1 and k2 must not exceed the number of steps T = {steps}, got k1={k1}, k2={k2}")
    if k1 > k2:
        raise ValueError(
            f"k1 must not exceed k2, or the losses of k1 - k2 steps would be seen by no pass; got k1={k1}, k2={k2}"
        )
    for counted in range(0, steps, k1):
        end = min(counted + k1, steps)
        yield max(0, end - k2), counted, end


def truncated_bptt(cell: Cell, x: Array, h: Array, dh: Array, k1: int, k2: int, mask: Array | None = None) -> Gradients:
    r"""Carry losses back over at most ``k2`` steps: truncated back-propagation through time, BPTT(k1, k2).

    After every ``k1`` steps the losses of those steps are carried back, but over at most ``k2`` steps. Every path
    longer than that is dropped. The result is that of an autograd which *detaches* the state ``k2`` steps back.
    With ``k1 = k2 = T`` nothing is dropped; with ``k1 = 1`` the lags :math:`0 \dots k_2 - 1` are kept for every loss.

    Parameters
    ----------
    cell, x, h, dh, mask
        As for :func:`bptt`.
    k1
        Steps between two backward passes.
    k2
        Steps a backward pass may go back, ``k1 <= k2 <= T``.

    Returns
    -------
    Gradients
        ``h0`` holds what still reaches the initial state: zero where no pass gets that far.

    Raises
    ------
    ValueError
        When a shape does not fit or ``1 <= k1 <= k2 <= T`` does not hold.

    References
    ----------
    Williams and Peng (1990), where it is BPTT(h; h'); Sutskever (2013), section 2.8.6, whose k1 and k2 these are;
    lecture M.
    """
    xp = namespace(x)
    dx, dh0, total = xp.zeros_like(x), zeros((x.shape[1], cell.hidden_size), x), _no_gradient(cell)
    check_trace(cell, x, h, dh, mask)
    for start, counted, end in truncation_windows(x.shape[0], k1, k2):
        immediate = xp.zeros_like(dh[start:end])
        immediate[counted - start :] = dh[counted:end]
        window_mask = None if mask is None else mask[start:end]
        window = bptt(cell, x[start:end], h[start : end + 1], immediate, window_mask)
        dx[start:end] += window.x
        _add(total, window.parameters)
        if start == 0:
            dh0 = dh0 + window.h0
    return Gradients(dx, dh0, total)


def checkpointed_bptt(
    cell: Cell,
    x: Array,
    upstream: Upstream,
    h0: Array | None = None,
    mask: Array | None = None,
    *,
    every: int | None = None,
    input_gradient: bool = True,
) -> Gradients:
    r"""Carry gradients back through time while keeping only every ``every``-th state.

    The forward pass keeps a state now and then; the backward pass takes the segments between them last to first and
    computes their states again. At :math:`\lceil\sqrt T\rceil` steps to a segment about :math:`2\sqrt T` states are
    alive at once instead of :math:`T`, for one more forward pass. The gradient is the same.

    Parameters
    ----------
    cell, x, h0, mask
        As for :func:`unroll`.
    upstream
        ``upstream(start, h)`` receives the states after steps ``start, start+1, …`` of one segment, shape
        ``(S, B, H)``, and returns their immediate gradients in the same shape. It is called once for each segment,
        the last one first, and is the place to add up the gradient of a readout.
    every
        Steps to a segment; :math:`\lceil\sqrt T\rceil` when left out.
    input_gradient
        As for :func:`bptt`; leave it out where memory is what you are after.

    Returns
    -------
    Gradients
        Equal to :func:`bptt`'s.

    Raises
    ------
    ValueError
        When a shape does not fit, an input that counts is NaN or infinite, or ``every`` is not a positive int.
    TypeError
        When dtypes do not fit.

    References
    ----------
    Chen, Xu, Zhang and Guestrin (2016), *Training deep nets with sublinear memory cost*; Gruslys et al. (2016) for
    recurrent networks.
    """
    x, h, mask = _check_inputs(cell, x, h0, mask)
    steps = x.shape[0]
    every = math.isqrt(max(steps - 1, 0)) + 1 if every is None else check_positive_int("every", every)
    starts = range(0, steps, every)
    kept = []
    for start in starts:
        kept.append(h)
        segment_mask = None if mask is None else mask[start : start + every]
        h = deque(_states(cell, x[start : start + every], h, segment_mask), maxlen=1).pop()  # keeps the last one alone
    dx, carried, total = [], None, _no_gradient(cell)
    for start, first in zip(reversed(starts), reversed(kept), strict=True):
        segment = x[start : start + every]
        segment_mask = None if mask is None else mask[start : start + every]
        h = unroll(cell, segment, first, segment_mask)
        immediate = upstream(start, h[1:])
        gradients = bptt(cell, segment, h, immediate, segment_mask, carried, input_gradient=input_gradient)
        if input_gradient:
            dx.append(gradients.x)
        _add(total, gradients.parameters)
        carried = gradients.h0
    return Gradients(namespace(x).concatenate(dx[::-1]) if input_gradient else None, carried, total)


def check_trace(cell: Cell, x: Array, h: Array, dh: Array, mask: Array | None = None) -> None:
    """Hold what a backward pass is given to the shapes of ``x``.

    Raises
    ------
    ValueError
        When a shape does not fit.
    TypeError
        When the mask is not boolean.
    """
    steps, batch, _ = x.shape
    check_shape("h", h, (steps + 1, batch, cell.hidden_size), "(T+1, B, H)")
    check_shape("dh", dh, (steps, batch, cell.hidden_size), "(T, B, H)")
    if mask is not None:
        check_mask(mask, (steps, batch), "(T, B)")


def _states(cell: Cell, x: Array, h: Array, mask: Array | None) -> Iterator[Array]:
    """Yield the state after each step; a padded step copies its state."""
    for t in range(x.shape[0]):
        h_new = cell.step(x[t], h)
        h = h_new if mask is None else namespace(h).where(mask[t][:, None], h_new, h)
        yield h


def _no_gradient(cell: Cell) -> Parameters:
    return {name: namespace(array).zeros_like(array) for name, array in cell.parameters().items()}


def _add(total: Parameters, share: Parameters) -> None:
    for name, array in share.items():
        total[name] = total[name] + array


def _without_padding(x: Array, mask: Array) -> Array:
    xp = namespace(x)
    return xp.where(mask[:, :, None], x, xp.zeros_like(x))


def _check_inputs(cell: Cell, x: Array, h0: Array | None, mask: Array | None) -> tuple[Array, Array, Array | None]:
    """Hold the inputs of a forward pass to their shapes and dtypes; blank the padding; complete ``h0``."""
    xp = namespace(x)
    check_shape("x", x, (None, None, cell.input_size), "(T, B, I)")
    steps, batch, _ = x.shape
    if steps == 0 or batch == 0:
        raise ValueError(f"x must hold at least one step and one sequence, got shape {tuple(x.shape)}")
    parameter = next(iter(cell.parameters().values()))
    if namespace(parameter) is not xp:
        kinds = type(x).__name__, type(parameter).__name__
        raise TypeError(f"x is a {kinds[0]} but the cell's parameters are of type {kinds[1]}; convert one of them")
    dtype = parameter.dtype
    if not is_floating(x):
        raise TypeError(f"x must be floating point, got {x.dtype}; turn class numbers into vectors with one_hot")
    if x.dtype != dtype:
        raise TypeError(f"x is {x.dtype} but the cell's parameters are {dtype}; convert one of them")
    if mask is not None:
        check_mask(mask, (steps, batch), "(T, B)")
        x = _without_padding(x, mask)
    _check_finite(x)
    if h0 is None:
        h0 = zeros((batch, cell.hidden_size), x)
    elif h0.ndim == 1:
        check_shape("h0", h0, (cell.hidden_size,), "(H,)")
        h0 = xp.broadcast_to(h0, (batch, cell.hidden_size))
    check_shape("h0", h0, (batch, cell.hidden_size), "(B, H)")
    if h0.dtype != x.dtype:
        raise TypeError(f"h0 is {h0.dtype} but x is {x.dtype}; convert one of them")
    return x, h0, mask


def _check_finite(x: Array) -> None:
    """Refuse NaN and infinity. Their sum is never finite, so one number tells whether to look closer."""
    if bool(namespace(x).isfinite(x.sum())):
        return
    values = to_numpy(x)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        t, b, i = wrong[0]
        raise ValueError(f"x[{t}, {b}, {i}] is {values[t, b, i]}: clean the input, or mask the padding")
