"""When a network reads and when it is asked; networks trained on it, cut, and told a context."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import gradients
from rnnkit.cells import Conditioned, Readout, VanillaRNN
from rnnkit.losses import softmax_cross_entropy
from rnnkit.patterns import PATTERNS, ContextNet, PatternNet, arrange, share_right, wiring
from rnnkit.unroll import unroll


@pytest.mark.parametrize(
    ("pattern", "sizes", "reads", "asked"),
    [
        ("one-to-one", (1, 1), [1], [1]),
        ("one-to-many", (1, 3), [1, 0, 0], [1, 1, 1]),
        ("many-to-one", (3, 1), [1, 1, 1], [0, 0, 1]),
        ("many-to-many, aligned", (2, 2), [1, 1], [1, 1]),
        ("many-to-many, not aligned", (3, 2), [1, 1, 1, 0, 0], [0, 0, 0, 1, 1]),
    ],
)
def test_each_pattern_reads_and_asks_when_it_should(pattern, sizes, reads, asked):
    wired = wiring(pattern, *sizes)
    assert (wired.reads.tolist(), wired.asked.tolist()) == (list(map(bool, reads)), list(map(bool, asked)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("two-to-one", 2, 1), "pattern must be one of 'one-to-one', "),
        (("one-to-many", 2, 3), "'one-to-many' must have one of its inputs, got 2 inputs and 3 outputs"),
        (("many-to-one", 2, 3), "'many-to-one' must have one of its outputs"),
        ((PATTERNS[3], 2, 3), "'many-to-many, aligned' must have as many outputs as inputs"),
        (("one-to-one", 0, 1), "inputs must be a positive int"),
    ],
)
def test_what_does_not_go_with_a_pattern_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        wiring(*arguments)


def test_sequences_are_laid_out_each_at_its_own_length():
    inputs = [np.ones((2, 3)), 2 * np.ones((4, 3))]
    laid = arrange("many-to-many, not aligned", inputs, [np.array([5]), np.array([6, 7])])
    assert laid.x[:, :, 0].T.tolist() == [[1, 1, 0, 0, 0, 0], [2, 2, 2, 2, 0, 0]]
    assert laid.y.T.tolist() == [[0, 0, 5, 0, 0, 0], [0, 0, 0, 0, 6, 7]]
    assert np.array_equal(laid.asked, laid.y > 0)


@pytest.fixture
def given():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(n, 3)) for n in (2, 5, 3)]
    return arrange("many-to-one", inputs, [np.array([k]) for k in (1, 0, 3)], dtype=np.float64)


@pytest.mark.parametrize("memory", [True, False])
def test_gradients_are_those_of_central_differences(given, memory):
    net = PatternNet.create(3, 4, 4, np.random.default_rng(1), memory=memory, dtype=np.float64)
    _, found = net.loss_and_gradients(*given)
    gradients.check(lambda: net.loss_and_gradients(*given)[0], net.parameters(), found)


def test_with_memory_it_is_unroll_and_readout(given):
    net = PatternNet.create(3, 4, 4, np.random.default_rng(1), dtype=np.float64)
    expected = net.readout.forward(unroll(net.cell, given.x)[1:])
    np.testing.assert_allclose(net.logits(given.x), expected, rtol=0, atol=1e-14)


def test_cut_every_step_is_a_first_step(given):
    net = PatternNet.create(3, 4, 4, np.random.default_rng(1), memory=False, dtype=np.float64)
    expected = [net.readout.forward(net.cell.step(x_t, np.zeros((3, 4)))) for x_t in given.x]
    np.testing.assert_allclose(net.logits(given.x), expected, rtol=0, atol=1e-14)


def test_what_stands_where_nothing_is_asked_changes_nothing(given):
    net = PatternNet.create(3, 4, 4, np.random.default_rng(1), dtype=np.float64)
    rng = np.random.default_rng(2)
    last = given.asked.argmax(axis=0)
    after = np.arange(len(given.x))[:, None] > last
    x = np.where(after[:, :, None], rng.normal(size=given.x.shape), given.x)
    y = np.where(given.asked, given.y, rng.integers(0, 4, given.y.shape))
    (loss, found), (other, others) = net.loss_and_gradients(*given), net.loss_and_gradients(x, y, given.asked)
    assert loss == other
    assert all(np.array_equal(found[name], others[name]) for name in found)


def test_the_share_right_counts_only_what_was_asked():
    logits = np.eye(3)[np.array([[0, 1], [2, 2]])]
    y, asked = np.array([[0, 0], [1, 2]]), np.array([[True, True], [False, True]])
    assert share_right(logits, y, asked).tolist() == [1, 0.5]


@pytest.mark.parametrize("how", ["initial", "each_step", "both"])
def test_a_context_is_learned_with_the_gradients_of_central_differences(given, how):
    rng = np.random.default_rng(3)
    cell = VanillaRNN.create(3 if how == "initial" else 5, 4, rng)
    net = ContextNet(Conditioned.create(cell, 2, rng, how=how), Readout.create(4, 4, rng))
    batch = (given.x, rng.normal(size=(3, 2)), given.y, given.asked)
    _, found = net.loss_and_gradients(*batch)
    assert set(found) == set(net.parameters())
    gradients.check(lambda: net.loss_and_gradients(*batch)[0], net.parameters(), found)
    assert net.logits(*batch[:2]).shape == (5, 3, 4)


def test_without_feedback_two_equal_bits_cost_two_bits_at_least():
    y = np.array([[0, 0], [1, 1]]).T
    x = np.eye(3)[np.full(y.shape, 2)]
    for seed in range(20):
        net = PatternNet.create(3, 5, 2, np.random.default_rng(seed), dtype=np.float64)
        loss = 2 * softmax_cross_entropy(net.logits(x), y).loss
        assert loss >= 2 * np.log(2) - 1e-12


ONE = np.ones((1, 3))


@pytest.mark.parametrize(
    ("inputs", "targets", "error", "message"),
    [
        ([], [], ValueError, "as many, at least one, got 0 and 0"),
        ([ONE], [], ValueError, "as many, at least one, got 1 and 0"),
        (
            [ONE, ONE[:, :1]],
            [np.array([1]), np.array([1])],
            ValueError,
            r"inputs\[1\] must have shape \(n, I\) = \(any, 3\)",
        ),
        ([ONE[0]], [np.array([1])], ValueError, r"inputs\[0\] must have shape \(n, I\)"),
        ([ONE], [np.ones((1, 1), int)], ValueError, r"targets\[0\] must have shape \(m,\)"),
        ([ONE], [np.array([1.7])], TypeError, r"targets\[0\] must be integers"),
    ],
)
def test_pairs_that_cannot_be_laid_out_are_refused(inputs, targets, error, message):
    with pytest.raises(error, match=message):
        arrange("one-to-one", inputs, targets)


@pytest.mark.parametrize("memory", [True, False])
def test_inputs_that_are_no_sequences_are_refused(memory):
    net = PatternNet.create(3, 4, 4, np.random.default_rng(1), memory=memory)
    with pytest.raises(ValueError, match=r"x must have shape \(T, B, I\)"):
        net.logits(np.ones((5, 3), np.float32))


def test_no_share_is_right_of_nothing():
    asked = np.array([[True, False, False]])
    with pytest.raises(ValueError, match=r"of every sequence, not so of \[1 2\]"):
        share_right(np.zeros((1, 3, 2)), np.zeros((1, 3), int), asked)
    with pytest.raises(ValueError, match="asked must have shape of y"):
        share_right(np.zeros((1, 3, 2)), np.zeros((1, 3), int), asked[0])
