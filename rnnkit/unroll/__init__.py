r"""Repeat a cell over a sequence, and carry gradients back through the repetitions.

:func:`unroll` is the generic CELL procedure: one cell, the same parameters at every step. What follows are four ways
to run it backwards: step by step (:func:`backward_steps`), summed up (:func:`bptt`), cut short
(:func:`truncated_bptt`) and with most states forgotten and computed again (:func:`checkpointed_bptt`). What the sum
is made of shows where every step has a cell of its own (:func:`unroll_copies`, :func:`bptt_copies`).

All of them take the loss as what it does to the states: ``dh[t]`` is the *immediate* gradient
:math:`\partial L_t / \partial h_t`, what the loss of step ``t`` alone sends into the state of step ``t``. They add
what comes back from later steps. So any readout and any loss will do.

States are kept in one array ``h`` of shape ``(T+1, B, S)``: ``h[0]`` is the initial state and ``h[t+1]`` the state
after input ``x[t]``. Code counts time from 0, the equations from 1.
"""

from rnnkit.unroll.backward import BackwardStep, Gradients, backward_steps, bptt, check_trace, state_gradient
from rnnkit.unroll.copies import CopyGradients, bptt_copies, unroll_copies
from rnnkit.unroll.forward import check_inputs, unroll
from rnnkit.unroll.shortened import Upstream, checkpointed_bptt, truncated_bptt, truncation_windows

__all__ = [
    "BackwardStep",
    "CopyGradients",
    "Gradients",
    "Upstream",
    "backward_steps",
    "bptt",
    "bptt_copies",
    "check_inputs",
    "check_trace",
    "checkpointed_bptt",
    "state_gradient",
    "truncated_bptt",
    "truncation_windows",
    "unroll",
    "unroll_copies",
]
