"""Where a recurrence starts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit import gradients, initial
from rnnkit.cells import LSTM, Clockwork, Linear, VanillaRNN
from rnnkit.layers import StackedCell
from rnnkit.unroll import bptt, unroll


@pytest.fixture
def cell():
    return LSTM.create(2, 3, np.random.default_rng(0))


def test_zero_and_random_states_have_the_size_of_the_state(cell):
    assert initial.zero_state(cell, 4).shape == (4, 6)
    assert initial.random_state(cell, 4, np.random.default_rng(0)).shape == (4, 6)
    single = cell.map(lambda a: a.astype(np.float32))
    assert initial.random_state(single, 1, np.random.default_rng(0)).dtype == np.float32


def test_a_random_state_has_the_scale_asked_for(cell):
    state = initial.random_state(cell, 20000, np.random.default_rng(0), scale=0.3)
    assert abs(state.std() - 0.3) < 0.005  # 120,000 draws: the standard error is 0.0006


def test_a_warm_up_is_the_state_a_longer_run_passes_through(cell):
    x = np.random.default_rng(1).normal(size=(9, 2, 2))
    np.testing.assert_array_equal(unroll(cell, x[5:], initial.warm_up(cell, x[:5]))[-1], unroll(cell, x)[-1])


def test_a_learned_state_gets_the_sum_of_the_batch(cell):
    start, x = initial.LearnedState.create(cell), np.random.default_rng(1).normal(size=(4, 3, 2))
    start.h0[:] = np.random.default_rng(2).normal(size=6)
    h = unroll(cell, x, start.forward(3))
    mine = start.backward(bptt(cell, x, h, np.ones((4, 3, 3))).h0)
    gradients.check(lambda: unroll(cell, x, start.forward(3))[1:, :, :3].sum(), start.parameters(), mine, rtol=1e-6)


def test_at_the_best_state_of_a_linear_model_the_gradient_of_h0_vanishes():
    model = Linear.create(2, 3, np.random.default_rng(0), output_size=2, gain=0.8)
    x, target = np.random.default_rng(1).normal(size=(2, 9, 4, 2))
    h0 = initial.best_linear_state(model, x, target)

    def loss():
        return ((model.output_from(x, unroll(model, x, h0)[:-1]) - target) ** 2).sum()

    np.testing.assert_allclose(gradients.central_difference(loss, h0), 0, atol=1e-6)  # of a loss near 100


def test_a_contracting_network_forgets_where_it_began():
    cell = VanillaRNN.create(2, 4, np.random.default_rng(0), gain=0.5)
    x, rng = np.zeros((30, 1, 2)), np.random.default_rng(1)
    apart = initial.transient(cell, x, rng.normal(size=4), rng.normal(size=(1, 4)))
    assert apart.shape == (31, 1)
    bound = 0.5 * apart[:-1]  # tanh is 1-Lipschitz, W_h is half an orthogonal matrix
    assert (apart[1:] <= bound * (1 + 1e-9)).all()  # up to rounding


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: initial.zero_state(c, 0), "batch_size must be a positive int, got 0"),
        (lambda c: initial.random_state(c, 2, np.random.default_rng(0), scale=-1), "scale must not be negative"),
        (
            lambda c: initial.best_linear_state(Linear.accumulator(), np.zeros((3, 1, 1)), np.zeros((2, 1, 1))),
            r"target must have shape \(T, B, O\)",
        ),
        (lambda c: initial.LearnedState(np.zeros((2, 2))), r"h0 must have shape \(S,\)"),
    ],
)
def test_bad_input_is_refused_by_name(cell, call, says):
    with pytest.raises(ValueError, match=says):
        call(cell)


def test_a_random_state_is_what_the_cell_is_made_of(cell):
    tensors = cell.map(lambda a: torch.from_numpy(a.astype(np.float32)))
    mine, theirs = (initial.random_state(c, 4, np.random.default_rng(0)) for c in (tensors, cell))
    assert mine.dtype == torch.float32
    np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-6)


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: StackedCell([c])], ids=["alone", "in a stack"])
def test_a_clock_is_never_set_at_random(wrap):
    cell = wrap(Clockwork.create(2, 4, np.random.default_rng(0), periods=(1, 2)))
    with pytest.raises(ValueError, match="cell keeps a clock in its state"):
        initial.random_state(cell, 2, np.random.default_rng(0))
