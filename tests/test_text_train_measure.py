"""Vocabulary, optimiser and measures."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import measure
from rnnkit.cells import VanillaRNN
from rnnkit.measure import best_seconds, growth_exponent, peak_memory
from rnnkit.text import Vocabulary, columns
from rnnkit.train import Adam


def test_text_survives_the_round_trip():
    vocabulary = Vocabulary.of("abracadabra")
    assert vocabulary.symbols == ("a", "b", "c", "d", "r")
    assert vocabulary.decode(vocabulary.encode("cadabra")) == "cadabra"


def test_unknown_symbols_and_indices_are_named():
    with pytest.raises(ValueError, match="'z' is not in this vocabulary of 2 symbols"):
        Vocabulary.of("ab").encode("abz")
    with pytest.raises(ValueError, match=r"indices must lie in 0 \.\. 1, got -1"):
        Vocabulary.of("ab").decode([0, -1])
    with pytest.raises(ValueError, match="each once"):
        Vocabulary(("a", "a"))


def test_columns_continue_from_row_to_row():
    cut = columns(np.arange(11), 3)
    np.testing.assert_array_equal(cut, [[0, 3, 6], [1, 4, 7], [2, 5, 8]])
    with pytest.raises(ValueError, match="batch_size must not exceed the length 2, got 3"):
        columns(np.arange(2), 3)


def test_adam_takes_the_steps_of_torch():
    import torch

    rng = np.random.default_rng(0)
    start, pulls = rng.normal(size=5), rng.normal(size=(20, 5))
    ours, theirs = {"w": start.copy()}, torch.tensor(start, requires_grad=True)
    adam, reference = Adam(lr=0.01), torch.optim.Adam([theirs], lr=0.01)
    for pull in pulls:
        adam.step(ours, {"w": pull})
        theirs.grad = torch.tensor(pull)
        reference.step()
    np.testing.assert_allclose(ours["w"], theirs.detach().numpy(), rtol=1e-12)


def test_a_gradient_that_is_not_finite_moves_nothing():
    parameters = {"a": np.zeros(2), "b": np.zeros(2)}
    with pytest.raises(ValueError, match="gradient of 'b' is not finite"):
        Adam().step(parameters, {"a": np.ones(2), "b": np.array([1.0, np.nan])})
    assert not parameters["a"].any()
    with pytest.raises(ValueError, match="no gradient for parameter 'b'"):
        Adam().step(parameters, {"a": np.ones(2)})
    with pytest.raises(ValueError, match="lr must be positive, got 0"):
        Adam(lr=0)


def test_peak_memory_counts_what_is_alive_at_once():
    def two_after_another():
        for _ in range(2):
            np.ones(100_000)

    def both():
        return np.ones(100_000), np.ones(100_000)

    assert 0.8e6 <= peak_memory(two_after_another) < 0.9e6
    assert 1.6e6 <= peak_memory(both) < 1.7e6


def test_the_growth_of_a_square_is_two():
    assert growth_exponent([1, 2, 4, 8], [3, 12, 48, 192]) == pytest.approx(2)
    with pytest.raises(ValueError, match="at least two positive points"):
        growth_exponent([1], [1])


def test_times_come_one_for_each_function():
    assert len(best_seconds([lambda: None, lambda: None], repeats=1)) == 2
    with pytest.raises(ValueError, match="repeats must be a positive int, got 0"):
        best_seconds([lambda: None], repeats=0)


def test_accuracy_is_counted_step_by_step():
    scores = np.array([[[2.0, 1.0], [0.0, 1.0]], [[3.0, 0.0], [1.0, 0.0]]])  # answers 0, 1 and 0, 0
    np.testing.assert_array_equal(measure.accuracy_by_step(scores, np.array([[0, 1], [0, 1]])), [1, 0.5])
    with pytest.raises(ValueError, match="y must have shape"):
        measure.accuracy_by_step(scores, np.array([0, 1]))
    with pytest.raises(ValueError, match=r"scores must have shape \(T, B, V\)"):
        measure.accuracy_by_step(scores[0], np.array([0, 1]))


def test_error_is_counted_step_by_step():
    predictions = np.array([[[3.0], [4.0]], [[0.0], [0.0]]])
    np.testing.assert_allclose(measure.error_by_step(predictions, 0 * predictions), [np.sqrt(12.5), 0])
    wide = predictions.reshape(2, 1, 2)  # the mean is over outputs, too
    np.testing.assert_allclose(measure.error_by_step(wide, 0 * wide), [np.sqrt(12.5), 0])
    with pytest.raises(ValueError, match="y must have shape"):
        measure.error_by_step(predictions, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"predictions must have shape \(T, B, O\)"):
        measure.error_by_step(np.zeros((2, 2)), np.zeros((2, 2)))


def test_a_bootstrap_interval_holds_the_mean_and_narrows_with_more_values():
    rng = np.random.default_rng(0)
    few, many = rng.normal(size=10), rng.normal(size=1000)
    (a, b), (c, d) = (measure.bootstrap_interval(v, np.random.default_rng(1)) for v in (few, many))
    assert a < few.mean() < b
    assert d - c < (b - a) / 5
    with pytest.raises(ValueError, match="N >= 2"):
        measure.bootstrap_interval(few[:1], rng)
    assert measure.bootstrap_interval([1, 1], rng) == (1, 1)


def test_the_hidden_size_for_a_budget_is_the_largest_that_fits():
    assert measure.hidden_size_for(lambda h: h * h + 3 * h, 180) == 12
    assert measure.hidden_size_for(lambda h: 5 * h, 5) == 1
    with pytest.raises(ValueError, match="at least a hidden size of 1"):
        measure.hidden_size_for(lambda h: 5 * h, 4)
    with pytest.raises(ValueError, match="num_parameters must grow"):
        measure.hidden_size_for(lambda h: 3, 4)


def test_multiply_adds_are_the_batch_times_the_weights_of_all_matrices():
    cell = VanillaRNN.create(3, 5, np.random.default_rng(0))
    assert measure.multiply_adds(cell.parameters(), 7) == 7 * (3 * 5 + 5 * 5)
    with pytest.raises(ValueError, match="batch_size must be a positive int"):
        measure.multiply_adds(cell.parameters(), 0)
