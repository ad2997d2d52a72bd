"""The linear state model with its special cases, and the leaky cell."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import gradients
from rnnkit.cells import Leaky, Linear, VanillaRNN
from rnnkit.unroll import bptt, unroll

RNG = np.random.default_rng
MODELS = {
    "exponential": lambda: Linear.exponential_average(0.9),
    "accumulator": Linear.accumulator,
    "window": lambda: Linear.moving_average([0.5, 0.3, 0.2]),
    "delay": lambda: Linear.delay_line(4),
    "oscillator": lambda: Linear.oscillator(8.0, decay=0.95),
    "drawn": lambda: Linear.create(1, 5, RNG(0), gain=0.9),
}
every_model = pytest.mark.parametrize("model", [build() for build in MODELS.values()], ids=MODELS)


def outputs(cell, x, h0=None):
    return cell.output_from(x, unroll(cell, x, h0)[:-1])


@every_model
def test_outputs_from_rest_are_a_convolution_with_the_impulse_response(model):
    x = RNG(1).normal(size=40)
    response = model.impulse_response(40)[:, 0, 0]
    expected = np.convolve(x, response)[:40]
    np.testing.assert_allclose(outputs(model, x[:, None, None])[:, 0, 0], expected, rtol=1e-9, atol=1e-12)


@every_model
def test_another_basis_changes_no_output(model):
    P = RNG(2).normal(size=(model.hidden_size, model.hidden_size)) + 2 * np.eye(model.hidden_size)
    x, h0 = RNG(3).normal(size=(20, 2, 1)), RNG(4).normal(size=(2, model.hidden_size))
    turned = model.change_basis(P)
    np.testing.assert_allclose(outputs(turned, x, h0 @ P), outputs(model, x, h0), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(unroll(turned, x, h0 @ P), unroll(model, x, h0) @ P, rtol=1e-9, atol=1e-10)


def test_the_special_cases_are_what_they_are_called():
    x = RNG(1).normal(size=(12, 1, 1))
    t = np.arange(12)
    flat = {name: outputs(build(), x)[:, 0, 0] for name, build in MODELS.items()}
    average = [0.0]
    for value in x[:, 0, 0]:
        average.append(0.9 * average[-1] + 0.1 * value)
    np.testing.assert_allclose(flat["exponential"], average[1:], rtol=1e-12)
    np.testing.assert_allclose(flat["accumulator"], np.cumsum(x), rtol=1e-12)
    np.testing.assert_array_equal(flat["delay"], [0] * 4 + list(x[:-4, 0, 0]))
    np.testing.assert_allclose(flat["window"][2:], np.convolve(x[:, 0, 0], [0.5, 0.3, 0.2], "valid"), rtol=1e-12)
    ringing = Linear.oscillator(8.0, decay=0.95).impulse_response(12)[:, 0, 0]
    np.testing.assert_allclose(ringing, 0.95**t * np.cos(2 * np.pi * t / 8), atol=1e-14)


def test_a_step_is_lecture_bs_block_matrix_on_columns():
    cell = Linear.create(3, 4, RNG(0), output_size=2)
    x, h = RNG(1).normal(size=3), RNG(2).normal(size=4)
    block = np.block([[cell.A.T, cell.B.T], [cell.C.T, cell.D.T]])
    y_and_h = np.concatenate([cell.output_from(x[None], h[None])[0], cell.step(x[None], h[None])[0]])
    np.testing.assert_allclose(y_and_h, block @ np.concatenate([x, h]), rtol=1e-13)


def test_gradients_of_a_loss_on_the_outputs_agree_with_central_differences():
    cell = Linear.create(3, 4, RNG(0), output_size=2)
    x, h0, target = (RNG(k).normal(size=s) for k, s in enumerate([(6, 2, 3), (2, 4), (6, 2, 2)]))
    h = unroll(cell, x, h0)
    direct = cell.output_backward(outputs(cell, x, h0) - target, x, h[:-1])
    # y_t reads the state before x_t: dh_prev[t] belongs to h[t], and that of t = 0 to h0
    dh = np.concatenate([direct.h_prev[1:], np.zeros((1, 2, 4))])
    g = bptt(cell, x, h, dh)
    total = {**g.parameters, **direct.parameters, "x": g.x + direct.x, "h0": g.h0 + direct.h_prev[0]}
    gradients.check(
        lambda: 0.5 * ((outputs(cell, x, h0) - target) ** 2).sum(), {**cell.parameters(), "x": x, "h0": h0}, total
    )


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Linear.exponential_average(1.5), r"gamma must lie in \[0, 1\], got 1.5"),
        (lambda: Linear.delay_line(0), "n must be a positive int, got 0"),
        (lambda: Linear.moving_average([1.0]), "weights must be at least two"),
        (lambda: Linear.oscillator(0.0), "period must be positive, in steps, got 0.0"),
        (lambda: Linear.accumulator().impulse_response(0), "n must be a positive int, got 0"),
        (lambda: Linear.accumulator().change_basis(np.eye(2)), r"P must have shape \(H, H\)"),
        (lambda: Linear.create(1, 2, RNG(0), output_size=0), "output_size must be a positive int, got 0"),
        (lambda: Leaky.create(1, 2, RNG(0), leak=0.0), r"leak must lie in \(0, 1\], got 0.0"),
        (lambda: Leaky.create(1, 2, RNG(0), leak=1.1), r"leak must lie in \(0, 1\], got 1.1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(build, says):
    with pytest.raises(ValueError, match=says):
        build()


def test_a_cell_that_leaks_everything_is_vanilla():
    vanilla = VanillaRNN.create(3, 4, RNG(0))
    leaky = Leaky(vanilla.W_x, vanilla.W_h, vanilla.b, leak=1.0)
    x, weights = RNG(1).normal(size=(9, 2, 3)), RNG(2).normal(size=(9, 2, 4))
    h = unroll(vanilla, x)
    np.testing.assert_array_equal(unroll(leaky, x), h)
    expected, actual = (bptt(cell, x, h, weights) for cell in (vanilla, leaky))
    gradients.compare({**actual.parameters, "x": actual.x}, {**expected.parameters, "x": expected.x}, rtol=1e-14)


def test_without_weights_a_leaky_state_decays_by_one_minus_leak():
    cell = Leaky(np.zeros((1, 2)), np.zeros((2, 2)), np.zeros(2), leak=0.1)
    h = unroll(cell, np.zeros((30, 1, 1)), np.array([[1.0, -2.0]]))
    np.testing.assert_allclose(h[:, 0, 0], 0.9 ** np.arange(31), rtol=1e-12)


def test_a_closed_loop_goes_on_as_the_cell_fed_with_its_own_output():
    cell = Linear.create(2, 3, RNG(0), output_size=2)
    x, h = RNG(1).normal(size=(1, 2)), RNG(2).normal(size=(1, 3))
    expected = [cell.output_from(x, h), cell.step(x, h)]
    found = np.concatenate([x, h], axis=1) @ cell.closed_loop()
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), rtol=1e-13)


def test_a_closed_loop_needs_outputs_like_inputs():
    with pytest.raises(ValueError, match="a closed loop needs outputs of the size of inputs"):
        Linear.create(2, 3, RNG(0), output_size=1).closed_loop()
