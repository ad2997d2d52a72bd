"""The reference answers of notebook 01 are right by other means than their own checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.cells import Linear
from rnnkit.check.ex01_models import MATRICES, draw_gradient_problem, draw_spring, draw_start, outputs
from rnnkit.check.ex01_state import draw_initial_problem
from rnnkit.grade.master import Master
from rnnkit.gradients import check as check_gradient
from rnnkit.gradients import compare
from rnnkit.initial import best_linear_state
from rnnkit.predictors import exponential_average, moving_average
from rnnkit.train.linear import output_error

ROOT = Path(__file__).parents[2]
RTOL = 1e-6


@pytest.fixture(scope="module")
def master():
    return Master.load(ROOT / "solutions/01-state.ipynb")


@pytest.fixture(scope="module")
def answers(master):
    return master.answers


def run_cell(master, cell_id):
    """Run one of the cells that belong to the reader; return what is defined then."""
    here = dict(master.answers)
    exec(next(cell.source for cell in master.notebook.cells if cell.id == cell_id), here)
    return here


@pytest.mark.parametrize("width", [1, 2, 5, 12])
def test_both_windows_are_the_moving_average_of_the_library(answers, width):
    rng = np.random.default_rng(width)
    x, weights = rng.normal(size=(12, 3)), rng.normal(size=width)
    for y in answers["moving_average"](x, weights):
        np.testing.assert_allclose(y, moving_average(x, weights), rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.9, 0.999])
def test_recursion_and_kernel_agree_to_1e_12_over_many_steps(answers, gamma):
    x = np.random.default_rng(0).normal(size=2000)
    with np.errstate(divide="ignore"):  # γ = 0 has no memory
        h, kernel, convolved, _ = answers["exponential_average"](x, gamma, 3.0)
    assert np.abs(h - convolved).max() < 1e-12
    np.testing.assert_allclose(h, exponential_average(x, gamma, 3.0), rtol=0, atol=1e-12)
    assert kernel.sum() == pytest.approx(1 - gamma**2000)


def test_after_one_memory_a_weight_has_fallen_to_1_over_e(answers):
    memory = answers["exponential_average"](np.ones(3), 0.93, 0.0)[3]
    assert 0.93**memory == pytest.approx(1 / np.e)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_delay_line_delays(answers, n):
    delay, _ = answers["delay_and_oscillator"](n, 8.0, 0.9)
    x = np.random.default_rng(1).normal(size=(20, 3, 1))
    y = outputs(dict(zip(MATRICES, delay, strict=True)), x, np.zeros((3, n)))
    np.testing.assert_array_equal(y[n:], x[:-n])
    assert not y[:n].any()


@pytest.mark.parametrize(("period", "decay"), [(2.5, 0.5), (8.0, 0.9), (30.0, 1.0)])
def test_the_oscillator_is_that_of_the_library(answers, period, decay):
    _, model = answers["delay_and_oscillator"](1, period, decay)
    weights = Linear(*model).impulse_response(50).ravel()
    k = np.arange(50)
    np.testing.assert_allclose(weights, decay**k * np.cos(2 * np.pi * k / period), atol=1e-12)
    np.testing.assert_allclose(weights, Linear.oscillator(period, decay).impulse_response(50).ravel(), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_gradients_agree_with_autograd_and_the_library(answers, seed):
    x, target, params = draw_gradient_problem(np.random.default_rng(seed))
    loss, grads = answers["loss_and_gradients"](x, target, params)
    leaf = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
    h, y = torch.zeros(2, 4, dtype=torch.float64), []
    for x_t in torch.tensor(x):
        y.append(x_t @ leaf["A"] + h @ leaf["B"])
        h = x_t @ leaf["C"] + h @ leaf["D"]
    expected = torch.nn.functional.mse_loss(torch.stack(y), torch.tensor(target))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=RTOL)
    compare(grads, {name: tensor.grad.numpy() for name, tensor in leaf.items()}, rtol=RTOL)
    library = output_error(params, x, target).gradients
    compare(grads, {name: library[name] for name in MATRICES}, rtol=RTOL)


def test_the_gradients_agree_with_central_differences(answers):
    x, target, params = draw_gradient_problem(np.random.default_rng(0))
    loss_and_gradients = answers["loss_and_gradients"]
    check_gradient(
        lambda: loss_and_gradients(x, target, params)[0], params, loss_and_gradients(x, target, params)[1], rtol=RTOL
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_the_initial_state_agrees_with_central_differences_and_the_library(answers, seed):
    x, target, params, h0 = draw_initial_problem(np.random.default_rng(seed))
    gradient, _ = answers["learn_initial_state"](x, target, params, h0)

    def loss():
        return np.mean((outputs(params, x, np.tile(h0, (x.shape[1], 1))) - target) ** 2)

    check_gradient(loss, {"h0": h0}, {"h0": gradient}, rtol=RTOL)
    by_sequence = output_error(params, x, target, np.tile(h0, (x.shape[1], 1))).gradients["h0"]
    compare({"h0": gradient}, {"h0": by_sequence.sum(axis=0)}, rtol=RTOL)


@pytest.mark.parametrize("seed", range(3))
def test_at_the_best_initial_state_the_gradient_vanishes(answers, seed):
    x, target, params, h0 = draw_initial_problem(np.random.default_rng(seed))
    _, best = answers["learn_initial_state"](x, target, params, h0)
    gradient, again = answers["learn_initial_state"](x, target, params, best)
    assert np.abs(gradient).max() < 1e-10
    np.testing.assert_allclose(again, best, atol=1e-10)
    np.testing.assert_allclose(best, best_linear_state(Linear(**params), x, target), atol=1e-8)


# ------------------------------------------------------------------ what the notebook says


def test_without_b_and_c_no_gradient_leads_to_a_state(answers):
    x, target, params = draw_gradient_problem(np.random.default_rng(0))
    nothing = {name: np.zeros_like(params[name]) for name in "BC"}
    grads = answers["loss_and_gradients"](x, target, params | nothing)[1]
    assert not any(grads[name].any() for name in "BCD")
    assert grads["A"].any()


@pytest.mark.parametrize("frozen", ["B", "C"])
def test_a_model_that_never_moves_b_or_never_c_learns_the_springs_as_well(answers, frozen):
    rng = np.random.default_rng(0)
    (x, target), params = draw_spring(rng, period=10.0), draw_start(rng)
    for _ in range(300):
        grads = answers["loss_and_gradients"](x, target, params)[1]
        params = {name: w - 0.05 * grads[name] * (name != frozen) for name, w in params.items()}
    assert answers["loss_and_gradients"](x, target, params)[0] < 0.012


def test_the_cells_of_the_notebook_show_what_their_texts_say(master, capsys):
    for cell in ("impulse-01", "forgotten-01", "weights-01", "differences-01", "springs-01", "beginnings-01"):
        here = run_cell(master, cell)
    said = capsys.readouterr().out
    assert "by convolution [0.5 0.3 0.2 0.  0.  0.  0. ]" in said
    assert "period 12." in said or "period 11.9" in said
    assert np.abs(here["best"] - [3.0, -2.0]).max() < 0.2
    assert here["rms"].max() < 0.3


def test_one_state_can_oscillate_with_period_two_alone():
    weights = Linear(*(np.array([[w]]) for w in (0.0, 1.0, 1.0, -0.9))).impulse_response(6).ravel()
    np.testing.assert_allclose(weights, [0, 1, -0.9, 0.81, -0.729, 0.6561])
