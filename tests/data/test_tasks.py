"""The recipes: what was asked for is what the answer says, and the baselines are what the docstrings promise."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rnnkit.data import adding, copying, dyck, flip_flop, latch, mackey_glass, parity, temporal_order
from rnnkit.data.tasks import TEMPORAL_ORDER


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("task", [adding, copying, temporal_order, latch, flip_flop, parity, dyck, mackey_glass])
def test_a_seed_draws_the_same_batch_again_and_another_seed_another(task):
    first, again, other = (task(np.random.default_rng(seed), 20, 3) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("task", [adding, copying, temporal_order, latch, flip_flop, parity, dyck, mackey_glass])
def test_a_batch_of_none_is_refused_by_name(task, rng):
    with pytest.raises(ValueError, match="batch_size must be a positive int, got 0"):
        task(rng, 20, 0)


def test_adding_marks_one_number_in_each_half(rng):
    x, y = adding(rng, 11, 50)
    marks = x[:, :, 1]
    np.testing.assert_array_equal(marks[:5].sum(axis=0), 1)
    np.testing.assert_array_equal(marks[5:].sum(axis=0), 1)
    for b in range(50):
        assert y[b, 0] == pytest.approx(sum(x[t, b, 0] for t in range(11) if marks[t, b]), abs=1e-15)


def test_always_answering_one_has_the_known_error(rng):
    _, y = adding(rng, 2, 20_000)
    # the variance of a sum of two uniform numbers; its estimate has a standard deviation of about 0.0014 here
    assert ((y - 1) ** 2).mean() == pytest.approx(1 / 6, abs=0.006)


def test_copying_asks_for_what_it_showed_after_the_delay(rng):
    x, y = copying(rng, 6, 4, symbols=3, length=2)
    assert x.shape == y.shape == (10, 4)
    np.testing.assert_array_equal(y[-2:], x[:2])
    assert set(x[:2].ravel()) <= {0, 1, 2}
    np.testing.assert_array_equal(x[2:, 0], [3, 3, 3, 3, 3, 4, 3, 3])
    np.testing.assert_array_equal(y[:-2], 3)


def test_the_class_of_temporal_order_is_the_order_of_the_signals(rng):
    x, y = temporal_order(rng, 40, 200)
    for b, word in enumerate("".join(TEMPORAL_ORDER[i] for i in column) for column in x.T):
        (first, one), (second, two) = ((t, c) for t, c in enumerate(word) if c in "XY")
        assert 4 <= first < 8
        assert 16 <= second < 20
        assert (word[0], word[-1]) == ("E", "B")
        assert y[b] == ["XX", "XY", "YX", "YY"].index(one + two)
    assert set(y) == {0, 1, 2, 3}


def test_the_latch_shows_its_class_and_then_noise(rng):
    x, y = latch(rng, 60, 300, shown=2, noise=0.1)
    np.testing.assert_array_equal((x[:2, :, 0] > 0).all(axis=0), y == 1)
    assert abs(x[2:].mean()) < 0.01  # 17,400 draws of standard deviation 0.1: the mean's is 0.0008
    assert x[2:].std() == pytest.approx(0.1, rel=0.05)


def test_a_flip_flop_tells_the_last_pulse(rng):
    x, y = flip_flop(rng, 30, 20)
    assert set(np.unique(x)) == {-1, 0, 1}
    for b in range(20):
        last = 0.0
        for t in range(30):
            last = x[t, b, 0] or last
            assert y[t, b] == (last > 0)


def test_a_flip_flop_starts_with_a_pulse_and_draws_the_others_by_chance(rng):
    x, _ = flip_flop(rng, 50, 400, chance=0.2)
    assert np.abs(x[0]).min() == 1
    assert np.abs(x[1:]).mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("chance", [-0.1, 1.5, float("nan")])
def test_a_chance_that_is_none_is_refused(chance, rng):
    with pytest.raises(ValueError, match=r"chance must lie in \[0, 1\]"):
        flip_flop(rng, 5, 2, chance=chance)


def test_parity_counts_the_ones_so_far(rng):
    x, y = parity(rng, 9, 5)
    assert all(y[t, b] == sum(x[: t + 1, b]) % 2 for t in range(9) for b in range(5))


def test_dyck_words_are_balanced_and_the_answer_is_the_bracket_that_is_open(rng):
    x, y = dyck(rng, 30, 40, pairs=3)
    for b in range(40):
        stack = []
        for t in range(30):
            kind, closes = divmod(int(x[t, b]), 2)
            if closes:
                assert stack.pop() == kind
            else:
                stack.append(kind)
            assert y[t, b] == (stack[-1] if stack else 3)
        assert stack == []


def test_dyck_keeps_to_its_depth(rng):
    x, _ = dyck(rng, 40, 30, depth=3)
    assert np.cumsum(1 - 2 * (x % 2), axis=0).max() == 3


def test_every_dyck_word_of_a_length_is_equally_likely(rng):
    x, _ = dyck(rng, 6, 10_000, pairs=1)
    counts = Counter(map(tuple, x.T))
    assert len(counts) == 5  # the Catalan number of 3
    assert max(abs(n - 2000) for n in counts.values()) < 200  # five standard deviations of 40


def test_mackey_glass_is_integrated_at_order_four():
    def at(every):
        return mackey_glass(np.random.default_rng(0), 100, step=1 / every, every=every, washout=0)

    exact = at(64)
    coarse, fine = np.abs(at(4) - exact).max(), np.abs(at(8) - exact).max()
    assert 12 < coarse / fine < 20  # 2^4 = 16
    assert fine < 1e-8


def test_mackey_glass_obeys_its_equation(rng):
    x = mackey_glass(rng, 4000, 2, every=1)[:, :, 0]  # a sample every 0.1
    slope = (x[:-4] - 8 * x[1:-3] + 8 * x[3:-1] - x[4:]) / 1.2
    past, now = x[2 : -2 - 170], x[172:-2]
    wanted = 0.2 * past / (1 + past**10) - 0.1 * now
    np.testing.assert_allclose(slope[170:], wanted, atol=1e-5)  # of the quotient: 0.1^4 times the fifth derivative
    assert x.min() > 0.2
    assert x.max() < 1.4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: adding(rng, 1, 2), "length must be at least 2, got 1"),
        (lambda rng: temporal_order(rng, 9, 2), "length must be at least 10, got 9"),
        (lambda rng: latch(rng, 2, 2), "length must be at least 3, got 2"),
        (lambda rng: latch(rng, 9, 2, noise=-1), "noise must not be negative, got -1"),
        (lambda rng: dyck(rng, 7, 2), r"length must be even \(every bracket is closed\), got 7"),
        (lambda rng: copying(rng, 3, 2, symbols=0), "symbols must be a positive int, got 0"),
        (lambda rng: mackey_glass(rng, 9, tau=17.05), "tau must be a multiple of step, got tau = 17.05, step = 0.1"),
        (lambda rng: mackey_glass(rng, 9, tau=np.inf), "tau must be a multiple of step, got tau = inf"),
        (lambda rng: mackey_glass(rng, 9, washout=-1), "washout must be an int of at least 0, got -1"),
        (lambda rng: mackey_glass(rng, 9, washout=1.5), "washout must be an int of at least 0, got 1.5"),
    ],
)
def test_what_does_not_fit_is_named(call, message, rng):
    with pytest.raises(ValueError, match=message):
        call(rng)
