"""A cell of its own for every step: what a recurrence would be if it did not share its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnnkit.arrays import Array, check_shape, namespace, zeros
from rnnkit.cells import Cell, Parameters, add_parameters
from rnnkit.unroll.backward import check_trace, state_gradient
from rnnkit.unroll.forward import check_inputs


class CopyGradients(NamedTuple):
    """What a backward pass through a chain of copies gives."""

    x: Array
    """:math:`\\partial L / \\partial x`, shape ``(T, B, I)``."""
    h0: Array
    """:math:`\\partial L / \\partial h_0`, shape ``(B, S)``."""
    copies: list[Parameters]
    """For every step, the gradients of the parameters of *its* cell."""

    def total(self) -> Parameters:
        """Return the sum over the copies: the gradient of parameters that they share."""
        total: Parameters = {}
        for share in self.copies:
            total = add_parameters(total, share)
        return total


def unroll_copies(cells: Sequence[Cell], x: Array, h0: Array | None = None) -> Array:
    r"""Run a chain in which step ``t`` has a cell of its own: :math:`h_t = f(h_{t-1}, x_t; \theta_t)`.

    With the same cell at every place this is :func:`unroll`.

    Parameters
    ----------
    cells
        One for each step; all of one kind and size.
    x, h0
        As for :func:`unroll`.

    Returns
    -------
    Array
        All states, shape ``(T+1, B, S)``, the initial one first.

    Raises
    ------
    ValueError
        When there is not one cell for each step, or a shape does not fit.
    TypeError
        When dtypes do not fit.
    """
    _check_cells(cells, x)
    x, h, _ = check_inputs(cells[0], x, h0, None)
    states = [h]
    for cell, x_t in zip(cells, x, strict=True):
        states.append(cell.step(x_t, states[-1]))
    return namespace(x).stack(states)


def bptt_copies(cells: Sequence[Cell], x: Array, h: Array, dh: Array) -> CopyGradients:
    r"""Carry gradients back through the chain and give each copy its own: :math:`\partial L / \partial \theta_t`.

    A parameter that all steps share receives the sum of these, which is :func:`bptt`:

    .. math::
        \frac{\partial L}{\partial \theta} = \sum_{t=1}^T \frac{\partial L}{\partial \theta_t}
            \quad\text{where}\quad \theta_1 = \dots = \theta_T = \theta

    Parameters
    ----------
    cells, x
        As given to :func:`unroll_copies`.
    h
        What it returned, shape ``(T+1, B, S)``.
    dh
        Immediate gradients of the states, shape ``(T, B, S)``, or of the outputs alone, ``(T, B, H)``.

    Raises
    ------
    ValueError
        When there is not one cell for each step, or a shape does not fit.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), section 10.2.2, where the copies are :math:`W^{(t)}`; lecture U, slide
    *RNN Training*: propagate, and sum up.
    """
    _check_cells(cells, x)
    check_trace(cells[0], x, h, dh)
    dh = state_gradient(cells[0], dh)
    carried, dx, copies = zeros((x.shape[1], cells[0].state_size), x), [], []
    for t in reversed(range(len(cells))):
        step = cells[t].step_backward(carried + dh[t], x[t], h[t], h[t + 1])
        carried = step.h_prev
        dx.append(step.x)
        copies.append(step.parameters)
    return CopyGradients(namespace(x).stack(dx[::-1]), carried, copies[::-1])


def _check_cells(cells: Sequence[Cell], x: Array) -> None:
    """Hold the chain to one cell for each step, all of one size."""
    check_shape("x", x, (None, None, None), "(T, B, I)")
    if not len(cells) or len(cells) != x.shape[0]:
        raise ValueError(f"cells must be one for each of the T = {x.shape[0]} steps, got {len(cells)}")
    sizes = [(cell.input_size, cell.state_size) for cell in cells]
    odd = [t for t, size in enumerate(sizes) if size != sizes[0]]
    if odd:
        raise ValueError(f"cells must agree in (I, S): cells[0] has {sizes[0]}, cells[{odd[0]}] has {sizes[odd[0]]}")
