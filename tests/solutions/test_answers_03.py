"""The reference answers of notebook 03 are right by other means than their own checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit import notations
from rnnkit.cells import Conditioned, OutputRecurrent, Readout, VanillaRNN
from rnnkit.check import generator
from rnnkit.check.ex03_blind_spot import certify, draw_networks
from rnnkit.check.ex03_vanilla_rnn import HOW, LECTURES, draw_padded, draw_parts, with_large_scores
from rnnkit.grade.master import Master
from rnnkit.gradients import check as check_gradient
from rnnkit.losses import softmax_cross_entropy
from rnnkit.unroll import unroll

RTOL = 1e-9


@pytest.fixture(scope="module")
def answers():
    return Master.load(Path(__file__).parents[2] / "solutions/03-vanilla-rnn.ipynb").answers


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def padded(seed, *, large=False):
    problem = draw_padded(np.random.default_rng(seed))
    problem = with_large_scores(problem) if large else problem
    return problem, np.arange(len(problem.o))[:, None] < problem.lengths


# ------------------------------------------------------------------ 03.1


def flat(h, x, theta):
    """Monash's f, from one vector of all parameters."""
    cuts = np.cumsum([len(x) * len(h), len(h) ** 2])
    W_x, W_h, b = np.split(theta, cuts)
    return notations.monash(h, x, {"W": W_h.reshape(len(h), -1), "W_x": W_x.reshape(len(x), -1), "b": b})


LINES = {
    "Lecture 9": lambda x, h, w: notations.lecture_9(np.append(x, 1), h, **w),
    "Barcelona": lambda x, h, w: notations.barcelona(np.append(x, 1), h, **w),
    "TTIC": lambda x, h, w: notations.ttic(x[None], h[None], **w)[0],
    "San Pablo": lambda x, h, w: notations.san_pablo(x, h, **w),
    "Monash": lambda x, h, w: flat(h, x, **w),
}


@pytest.mark.parametrize("lecture", LINES)
def test_each_lectures_line_with_its_weights_is_the_step_of_the_cell(answers, rng, lecture):
    cell = VanillaRNN.create(3, 5, rng)
    cell.b = rng.standard_normal(5)
    x, h = rng.standard_normal(3), rng.standard_normal(5)
    its = answers["convert"](cell.parameters())[lecture]
    np.testing.assert_allclose(LINES[lecture](x, h, its), cell.step(x[None], h[None])[0], rtol=RTOL)


def test_the_lectures_and_their_weights_are_those_that_the_checks_ask_for(answers, rng):
    weights = answers["convert"](VanillaRNN.create(3, 5, rng).parameters())
    assert {name: tuple(its) for name, its in weights.items()} == dict(LECTURES)


# ------------------------------------------------------------------ 03.2


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_masked_cost_is_the_librarys(answers, seed, large):
    problem, mask = padded(seed, large=large)
    cost, steps, do = answers["masked_cost"](*problem)
    expected = softmax_cross_entropy(problem.o, problem.y, mask)
    np.testing.assert_allclose(cost, expected.loss, rtol=RTOL)
    np.testing.assert_allclose(steps.sum(), cost, rtol=RTOL)
    np.testing.assert_allclose(do, expected.dlogits, rtol=RTOL, atol=1e-15)


def test_the_masked_cost_and_its_gradient_are_torchs(answers):
    problem, _ = padded(4)
    o = torch.tensor(problem.o, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(o.flatten(0, 1), torch.tensor(problem.y).flatten(), ignore_index=-1)
    loss.backward()
    cost, _, do = answers["masked_cost"](*problem)
    np.testing.assert_allclose(cost, loss.item(), rtol=RTOL)
    np.testing.assert_allclose(do, o.grad, rtol=RTOL, atol=1e-15)


def test_the_gradient_of_the_masked_cost_agrees_with_central_differences(answers):
    problem, _ = padded(5)
    masked_cost = answers["masked_cost"]

    check_gradient(lambda: masked_cost(*problem)[0], {"o": problem.o}, {"o": masked_cost(*problem)[2]})


@pytest.mark.parametrize("seed", range(20))
def test_drawn_lengths_differ_and_one_sequence_has_no_padding(seed):
    problem, mask = padded(seed)
    assert len(set(problem.lengths.tolist())) == len(problem.lengths)
    assert (problem.lengths.min() >= 2, problem.lengths.max()) == (True, len(problem.o))
    assert ((problem.y >= 0) == mask).all()


# ------------------------------------------------------------------ 03.3


def test_the_patterns_of_one_loop_are_cuts_of_the_aligned_one(answers, rng):
    wire, parts = answers["wire"], draw_parts(rng)
    x, h0 = rng.standard_normal((4, 2, 3)), rng.standard_normal((2, 5))
    aligned = wire("aligned", x, h0, *parts, 7)
    np.testing.assert_array_equal(wire("many-to-one", x, h0, *parts, 7), aligned[-1])
    zeros = np.concatenate([x[:1], np.zeros((6, 2, 3))])
    np.testing.assert_array_equal(wire("one-to-many", x[:1], h0, *parts, 7), wire("aligned", zeros, h0, *parts, 0))


def test_the_aligned_pattern_is_unroll_and_a_readout(answers, rng):
    cell, readout = VanillaRNN.create(3, 5, rng), Readout.create(5, 6, rng)
    x, h0 = rng.standard_normal((4, 2, 3)), rng.standard_normal((2, 5))
    outputs = answers["wire"]("aligned", x, h0, cell.step, readout.forward, None, 0)
    np.testing.assert_allclose(outputs, readout.forward(unroll(cell, x, h0)[1:]), rtol=RTOL)


def test_the_encoder_decoder_speaks_after_it_has_read(answers, rng):
    """The decoder alone, as an aligned run that reads what it says, from the state that unroll leaves."""
    step, readout, decode = draw_parts(rng)
    x, h = rng.standard_normal((4, 2, 3)), rng.standard_normal((2, 5))
    outputs = answers["wire"]("encoder-decoder", x, h, step, readout, decode, 7)
    said = np.concatenate([np.zeros_like(outputs[:1]), outputs[:-1]])
    for x_t in x:
        h = step(x_t, h)
    np.testing.assert_allclose(answers["wire"]("aligned", said, h, decode, readout, None, 0), outputs, rtol=RTOL)


# ------------------------------------------------------------------ 03.4 and 03.5


def test_recurrence_from_the_output_is_the_librarys_cell(answers, rng):
    cell = OutputRecurrent.create(3, 4, rng, units=5)
    cell.b, cell.b_y = rng.standard_normal(5), rng.standard_normal(4)
    x, o0 = rng.standard_normal((6, 2, 3)), rng.standard_normal((2, 4))
    o = answers["output_recurrent"](x, o0, cell.parameters())
    np.testing.assert_allclose(o, unroll(cell, x, o0)[1:], rtol=RTOL)


def test_it_is_a_vanilla_rnn_whose_recurrence_goes_through_the_outputs(answers, rng):
    """What the answer to *Break it* says."""
    cell = OutputRecurrent.create(3, 2, rng, units=5)
    cell.b, cell.b_y = rng.standard_normal(5), rng.standard_normal(2)
    x = rng.standard_normal((6, 1, 3))
    o = answers["output_recurrent"](x, np.zeros((1, 2)), cell.parameters())
    first = np.tanh(x[0] @ cell.W_x + cell.b)
    same = VanillaRNN(cell.W_x, cell.W_y @ cell.W_r, cell.b + cell.b_y @ cell.W_r)
    np.testing.assert_allclose(unroll(same, x[1:], first) @ cell.W_y + cell.b_y, o, rtol=RTOL)
    assert np.linalg.matrix_rank(same.W_h) == 2


@pytest.mark.parametrize("seed", range(30))
def test_the_twins_are_blind_for_one_network_and_seen_by_the_other_with_room_to_spare(answers, seed):
    nets = draw_networks(np.random.default_rng(seed))
    params = {name: array for name, array in nets.items() if name != "o0"}
    first, second = answers["twins"](nets["o0"], params)
    found = certify({"first": first, "second": second}, generator("03.5", seed, "certify"), nets)
    assert [float(value) for value in found.values()] == [0.1, 1e-4, 0.01]
    assert np.abs(first - second).max() > 0.2
    assert np.linalg.cond(nets["W_x"]) < 50


# ------------------------------------------------------------------ 03.6


@pytest.mark.parametrize("how", HOW)
def test_conditioning_is_the_librarys(answers, rng, how):
    sizes = {"W_x": (3, 5), "W_h": (5, 5), "b": (5,), "W_c": (4, 5), "V": (4, 5)}
    p = {name: rng.standard_normal(shape) for name, shape in sizes.items()}
    x, c = rng.standard_normal((6, 2, 3)), rng.standard_normal((2, 4))
    W_x = p["W_x"] if how == "initial" else np.vstack([p["W_x"], p["W_c"]])
    told = Conditioned(VanillaRNN(W_x, p["W_h"], p["b"]), 4, how, None if how == "each_step" else p["V"])
    expected = unroll(told.cell, told.inputs(x, c), told.initial_state(c))
    np.testing.assert_allclose(answers["conditioned"](x, c, p, how), expected, rtol=RTOL, atol=1e-15)
