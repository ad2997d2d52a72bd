"""The reference answers of notebook 05 are right by other means than their own checks."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from rnnkit.cells import Readout, VanillaRNN
from rnnkit.check.ex05_bptt import BUGS, PARAMETERS, draw_problem
from rnnkit.forcing import OutputRNN, shifted
from rnnkit.gradients import check as check_gradient
from rnnkit.gradients import compare
from rnnkit.losses import softmax_cross_entropy
from rnnkit.unroll import bptt as library_bptt
from rnnkit.unroll import unroll

RTOL = 1e-6


@pytest.fixture
def answers(master):
    return master.answers


def autograd(problem, k1=None, k2=None):
    """Loss and gradients by torch; with k1 and k2, states are detached where truncation cuts."""
    leaf = {
        n: torch.tensor(a, requires_grad=True) for n, a in {**problem.params, "x": problem.x, "h0": problem.h0}.items()
    }
    steps = len(problem.x)
    k1, k2 = k1 or steps, k2 or steps
    with torch.no_grad():
        states = list(forward(leaf, leaf["h0"], 0, steps))
    losses = []
    for first in range(0, steps, k1):
        end = min(first + k1, steps)
        start = max(0, end - k2)
        h0 = leaf["h0"] if start == 0 else states[start - 1]
        window = list(forward(leaf, h0, start, end))
        for t in range(first, end):
            logits = window[t - start] @ leaf["W_y"] + leaf["b_y"]
            losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(problem.y[t])))
    loss = torch.stack(losses).mean()
    loss.backward()
    return loss.item(), {name: tensor.grad.numpy() for name, tensor in leaf.items()}


def forward(leaf, h, start, end):
    for t in range(start, end):
        h = torch.tanh(leaf["x"][t] @ leaf["W_x"] + h @ leaf["W_h"] + leaf["b"])
        yield h


@pytest.mark.parametrize("seed", range(3))
def test_bptt_agrees_with_autograd(answers, seed):
    problem = draw_problem(np.random.default_rng(seed))
    loss, grads = answers["bptt"](*problem)
    expected_loss, expected = autograd(problem)
    assert loss == pytest.approx(expected_loss, rel=RTOL)
    assert set(grads) == set(expected)
    compare(grads, expected, rtol=RTOL)


def test_bptt_agrees_with_central_differences(answers):
    problem = draw_problem(np.random.default_rng(0))
    arrays = {**problem.params, "x": problem.x, "h0": problem.h0}
    check_gradient(lambda: answers["bptt"](*problem)[0], arrays, answers["bptt"](*problem)[1], rtol=RTOL)


@pytest.mark.parametrize("windows", [(1, 1), (1, 3), (2, 5), (3, 3), (3, 5), (7, 7), (4, 7)])
def test_truncated_bptt_agrees_with_autograd_that_detaches(answers, windows):
    problem = draw_problem(np.random.default_rng(1), T=7)
    _, expected = autograd(problem, *windows)
    compare(answers["truncated_bptt"](*problem, *windows), {n: expected[n] for n in PARAMETERS}, rtol=RTOL)


@pytest.mark.parametrize("every", [1, 2, 3, 7, 10])
def test_checkpointing_gives_the_gradients_of_the_library(answers, every):
    problem = draw_problem(np.random.default_rng(2), T=7)
    cell = VanillaRNN(*(problem.params[name] for name in ("W_x", "W_h", "b")))
    readout = Readout(problem.params["W_y"], problem.params["b_y"])
    h = unroll(cell, problem.x, problem.h0)
    do = softmax_cross_entropy(readout.forward(h[1:]), problem.y).dlogits

    def step_backward(*arguments):
        step = cell.step_backward(*arguments)
        return step.h_prev, step.parameters

    got = answers["checkpointed_bptt"](
        cell.step, step_backward, problem.x, lambda t, h_t: do[t] @ readout.W_y.T, problem.h0, every
    )
    expected = library_bptt(cell, problem.x, h, readout.backward(do, h[1:])[0])
    compare(got, expected.parameters | {"h0": expected.h0}, rtol=RTOL)


def test_teacher_forcing_in_parallel_agrees_with_the_library_from_the_second_step_on(answers):
    rng = np.random.default_rng(3)
    net = OutputRNN.create(3, 4, 6, rng)
    x, y = rng.normal(size=(5, 2, 3)), rng.integers(0, 6, (5, 2))
    loss, logits = answers["teacher_forced_loss"](x, y, net.parameters())
    compare({"logits": logits[1:]}, {"logits": net.logits(x, shifted(y, y[0]))[1:]}, rtol=RTOL)
    first = np.tanh(x[0] @ net.W_x + net.b) @ net.W_y + net.b_y
    compare({"logits": logits[0]}, {"logits": first}, rtol=RTOL)
    assert loss == pytest.approx(softmax_cross_entropy(logits, y).loss, rel=RTOL)


def test_the_cell_for_autograd_does_without_torch(master, monkeypatch, capsys):
    cells = {cell.id: cell.source for cell in master.notebook.cells}
    here = dict(master.answers)
    exec(cells["differences-05"], here)
    exec(cells["autograd-05"], here)
    assert "W_h: the largest difference is" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "torch", None)
    exec(cells["autograd-05"], here)
    assert capsys.readouterr().out == "torch is not installed; the differences above are proof enough\n"


def test_the_answer_to_the_first_break_it_holds(master):
    cell = next(cell for cell in master.notebook.cells if cell.id == "differences-05")
    here = dict(master.answers)
    exec(cell.source, here)
    params = here["params"] | {"W_h": 100 * here["params"]["W_h"]}
    _, grads = here["bptt"](here["x"], here["y"], here["h0"], params)
    assert np.abs(grads["h0"]).max() == 0


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_every_bug_occurs_among_the_given_gradients_and_the_order_depends_on_the_seed(master, seed):
    cases = master.expected("05.2", seed)["case"]
    assert len(cases) == 8
    assert set(cases.tolist()) == set(range(len(BUGS)))
    assert cases.tolist() != master.expected("05.2", seed + 1)["case"].tolist()


def test_the_names_of_the_bugs_are_those_of_the_notebook(master):
    assert master.answers["BUGS"] == BUGS
