"""A chain whose steps have cells of their own, and what sharing makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import gradients
from rnnkit.cells import GRU, LSTM, VanillaRNN
from rnnkit.unroll import backward_steps, bptt, bptt_copies, unroll, unroll_copies

T, B, H, FEATURES = 5, 2, 4, 3


def drawn(kind=VanillaRNN, seed=0):
    """Return T cells that differ, inputs, and a weight for every number of the states."""
    rng = np.random.default_rng(seed)
    cells = [kind.create(FEATURES, H, rng) for _ in range(T)]
    return cells, rng.normal(size=(T, B, FEATURES)), rng.normal(size=(T, B, cells[0].state_size))


@pytest.mark.parametrize("kind", [VanillaRNN, GRU, LSTM])
def test_one_cell_at_every_place_is_the_recurrence(kind):
    (cell, *_), x, dh = drawn(kind)
    h, shared = unroll(cell, x), bptt(cell, x, unroll(cell, x), dh)
    np.testing.assert_array_equal(unroll_copies([cell] * T, x), h)
    found = bptt_copies([cell] * T, x, h, dh)
    gradients.compare({**found.total(), "x": found.x, "h0": found.h0},
                      {**shared.parameters, "x": shared.x, "h0": shared.h0}, rtol=1e-12)  # fmt: skip


def test_each_copy_of_a_shared_cell_gets_its_steps_share():
    (cell, *_), x, dh = drawn()
    h = unroll(cell, x)
    shares = {step.t: step.parameters for step in backward_steps(cell, x, h, dh)}
    for t, copy in enumerate(bptt_copies([cell] * T, x, h, dh).copies):
        for name, array in copy.items():
            np.testing.assert_array_equal(array, shares[t][name])


@pytest.mark.parametrize("kind", [VanillaRNN, LSTM])
def test_gradients_of_copies_that_differ_agree_with_central_differences(kind):
    cells, x, dh = drawn(kind)
    found = bptt_copies(cells, x, unroll_copies(cells, x), dh)
    for cell, copy in zip(cells, found.copies, strict=True):
        gradients.check(lambda: (unroll_copies(cells, x)[1:] * dh).sum(), cell.parameters(), copy, rtol=1e-6)


def test_the_gradients_of_inputs_and_initial_state_agree_with_central_differences():
    cells, x, dh = drawn()
    h0 = np.full((B, H), 0.3)
    found = bptt_copies(cells, x, unroll_copies(cells, x, h0), dh)
    gradients.check(lambda: (unroll_copies(cells, x, h0)[1:] * dh).sum(), {"x": x, "h0": h0},
                    {"x": found.x, "h0": found.h0}, rtol=1e-6)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cells: cells[1:], r"cells must be one for each of the T = 5 steps, got 4"),
        (lambda cells: [], r"T = 5 steps, got 0"),
        (lambda cells: [*cells[1:], VanillaRNN.create(FEATURES, 7, np.random.default_rng(0))],
         r"cells\[0\] has \(3, 4\), cells\[4\] has \(3, 7\)"),
    ],
)  # fmt: skip
def test_cells_that_do_not_fit_the_sequence_are_refused(change, message):
    cells, x, dh = drawn()
    h = unroll_copies(cells, x)
    with pytest.raises(ValueError, match=message):
        unroll_copies(change(cells), x)
    with pytest.raises(ValueError, match=message):
        bptt_copies(change(cells), x, h, dh)


def test_states_and_gradients_of_another_shape_are_refused():
    cells, x, dh = drawn()
    h = unroll_copies(cells, x)
    with pytest.raises(ValueError, match=r"h must have shape \(T\+1, B, S\) = \(6, 2, 4\), got \(5, 2, 4\)"):
        bptt_copies(cells, x, h[1:], dh)
    with pytest.raises(ValueError, match=r"dh must have shape \(T, B, H\) = \(5, 2, 4\), got \(5, 1, 4\)"):
        bptt_copies(cells, x, h, dh[:, :1])
