"""The network that remembers through its output alone."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import gradients
from rnnkit.forcing import CountTable, OutputRNN, free_running, futures, scheduled_inputs, shifted


@pytest.fixture
def setting():
    rng = np.random.default_rng(0)
    net = OutputRNN.create(4, 5, 3, rng)
    return net, rng.normal(size=(8, 2, 4)), rng.integers(0, 3, (8, 2)), rng.integers(0, 3, 2)


def test_gradients_agree_with_central_differences(setting):
    net, x, y, first = setting
    y_prev = shifted(y, first)
    _, g = net.loss_and_gradients(x, y_prev, y)
    gradients.check(lambda: net.loss_and_gradients(x, y_prev, y)[0], net.parameters(), g)


def test_all_steps_at_once_equal_the_loop(setting):
    net, x, y, first = setting
    before = shifted(y, first)
    at_once = net.logits(x, before)
    for t in range(len(x)):
        np.testing.assert_allclose(at_once[t], net.logits(x[t], before[t]), rtol=1e-12)


def test_shifted_targets_start_with_the_first_and_drop_the_last(setting):
    _, _, y, first = setting
    np.testing.assert_array_equal(shifted(y, first), np.vstack([first, y[:-1]]))


def test_free_running_feeds_back_its_own_predictions(setting):
    net, x, _, first = setting
    said = free_running(net, x, first)
    np.testing.assert_array_equal(net.logits(x, shifted(said, first)).argmax(-1), said)


def test_scheduled_sampling_with_probability_zero_is_teacher_forcing(setting):
    net, x, y, first = setting
    fed = scheduled_inputs(net, x, y, first, 0.0, np.random.default_rng(1))
    np.testing.assert_array_equal(fed, shifted(y, first))


def test_scheduled_sampling_feeds_own_draws_about_as_often_as_asked():
    rng = np.random.default_rng(0)
    net = OutputRNN.create(2, 3, 2, rng)
    net.b_y[:] = [50.0, -50.0]  # always says 0
    x, y = rng.normal(size=(500, 4, 2)), np.ones((500, 4), np.int64)
    fed = scheduled_inputs(net, x, y, np.ones(4, np.int64), 0.3, np.random.default_rng(2))
    assert 0.27 < (fed[1:] == 0).mean() < 0.33  # 1996 coins of 0.3: a standard deviation is 0.01


def test_previous_outputs_of_another_shape_are_refused_not_stretched():
    net = OutputRNN.create(2, 3, 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="y_prev must have shape of x without its last axis"):
        net.hidden(np.zeros((5, 4, 2)), np.zeros(4, int))


def test_a_probability_out_of_range_is_refused(setting):
    net, x, y, first = setting
    with pytest.raises(ValueError, match=r"own must be a probability in \[0, 1\], got 1.5"):
        scheduled_inputs(net, x, y, first, 1.5, np.random.default_rng(0))


def test_the_table_answers_each_pair_with_what_followed_it_most_often():
    symbols, before, after = np.array([0, 0, 0, 1]), np.array([1, 1, 1, 0]), np.array([2, 2, 0, 1])
    table = CountTable.of(symbols, before, after, num_symbols=2, num_classes=3)
    x = np.eye(2)[[0, 1, 1]]
    np.testing.assert_array_equal(table.logits(x, np.array([1, 0, 2])).argmax(-1)[:2], [2, 1])
    np.testing.assert_array_equal(table.knows(x, np.array([1, 0, 2])), [True, True, False])
    np.testing.assert_array_equal(free_running(table, x[:2, None], np.array([1]))[0], [2])


def test_the_own_output_is_a_draw_from_the_softmax_not_its_maximum():
    rng = np.random.default_rng(0)
    net = OutputRNN.create(2, 3, 2, rng)
    net.W_y[:], net.b_y[:] = 0, [0.0, np.log(3.0)]  # says 1 with probability 3/4
    x, y = rng.normal(size=(500, 8, 2)), np.ones((500, 8), np.int32)
    fed = scheduled_inputs(net, x, y, np.ones(8, np.int32), 1.0, np.random.default_rng(2))
    assert fed.dtype == np.int64
    assert 0.72 < (fed[1:] == 1).mean() < 0.78  # 3992 draws: a standard deviation is 0.007


def test_histories_that_end_in_the_same_output_have_the_same_future():
    rng = np.random.default_rng(0)
    histories, future = rng.normal(size=(12, 4, 2)), rng.normal(size=(5, 2))
    for _ in range(10):
        net = OutputRNN.create(2, 6, 3, rng)
        answers = futures(net, histories, future)
        last = [free_running(net, h[:, None], np.array([0]))[-1, 0] for h in histories]
        by_end = {end: {a.tobytes() for a, e in zip(answers, last, strict=True) if e == end} for end in last}
        assert all(len(different) == 1 for different in by_end.values())


def test_a_history_of_another_width_is_refused():
    net = OutputRNN.create(2, 6, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"histories must have shape \(N, T, I\)"):
        futures(net, np.zeros((2, 4, 3)), np.zeros((5, 2)))


def test_a_future_of_one_step_or_of_another_width_is_refused():
    net = OutputRNN.create(2, 6, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"future must have shape \(F, I\) = \(any, 2\), got \(2,\)"):
        futures(net, np.zeros((2, 4, 2)), np.zeros(2))
    with pytest.raises(ValueError, match=r"future must have shape \(F, I\) = \(any, 2\), got \(5, 3\)"):
        futures(net, np.zeros((2, 4, 3)), np.zeros((5, 3)))


def test_a_future_is_what_running_free_over_the_whole_gives():
    rng = np.random.default_rng(1)
    net, histories, future = OutputRNN.create(2, 6, 3, rng), rng.normal(size=(2, 4, 2)), rng.normal(size=(5, 2))
    answers = futures(net, histories, future, first=2)
    for history, answer in zip(histories, answers, strict=True):
        said, expected = np.array([2]), []
        for x_t in [*history, *future]:
            expected.append(net.logits(x_t[None], said))
            said = expected[-1].argmax(-1)
        np.testing.assert_array_equal(answer, np.concatenate(expected)[4:])


def test_with_no_history_at_all_the_first_class_is_what_is_remembered():
    net, future = OutputRNN.create(2, 6, 3, np.random.default_rng(1)), np.ones((5, 2))
    for first in range(3):
        answer = futures(net, np.zeros((1, 0, 2)), future, first=first)
        np.testing.assert_array_equal(answer[0, 0], net.logits(future[:1], np.array([first]))[0])
