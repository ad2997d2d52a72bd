"""Predictors that are computed, and how wrong a forecast is."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import predictors


def series(n=50, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def test_a_moving_average_is_a_convolution():
    x, w = series(), np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(predictors.moving_average(x, w), np.convolve(x, w, mode="valid"), rtol=1e-12)


def test_its_horizon_is_finite():
    x = np.zeros(10)
    x[2] = 1.0
    np.testing.assert_array_equal(np.flatnonzero(predictors.moving_average(x, np.ones(3))), [0, 1, 2])


def test_the_exponential_average_is_a_convolution_with_a_geometric_kernel():
    x, gamma = series(), 0.8
    kernel = (1 - gamma) * gamma ** np.arange(50)
    np.testing.assert_allclose(predictors.exponential_average(x, gamma), np.convolve(x, kernel)[:50], rtol=1e-12)


def test_its_initial_state_fades_geometrically():
    difference = predictors.exponential_average(series(), 0.9, 1.0) - predictors.exponential_average(series(), 0.9)
    np.testing.assert_allclose(difference, 0.9 ** np.arange(1, 51), rtol=1e-9)  # differences of numbers near 1


def test_a_seasonal_naive_forecast_repeats_the_last_season():
    history = np.arange(10.0)
    np.testing.assert_array_equal(predictors.seasonal_naive(history, 5, 3), [7, 8, 9, 7, 8])
    np.testing.assert_array_equal(predictors.seasonal_naive(history, 2), [9, 9])


def test_the_naive_forecast_scores_one_on_a_series_of_even_steps():
    history, actual = np.arange(10.0), np.arange(10.0, 11.0)
    assert predictors.mase(predictors.seasonal_naive(history, 1), actual, history) == 1.0


def test_smape_is_symmetric_bounded_and_calm_at_zero():
    a, b = np.array([1.0, 0.0, 4.0]), np.array([-1.0, 0.0, 4.0])
    assert predictors.smape(a, b) == predictors.smape(b, a) == pytest.approx(200 / 3)


def test_single_precision_stays_and_whole_numbers_get_a_point():
    assert predictors.exponential_average(np.ones(3, np.float32), 0.5).dtype == np.float32
    assert predictors.exponential_average([1, 2], 0.5).dtype == np.float64


def test_lists_are_taken_for_arrays():
    np.testing.assert_array_equal(predictors.moving_average([1.0, 2.0, 3.0], [0.5, 0.5]), [1.5, 2.5])
    np.testing.assert_array_equal(predictors.seasonal_naive([1.0, 2.0], 3, 2), [1, 2, 1])
    assert predictors.smape([1.0], [1.0]) == 0
    assert predictors.mase([2.0], [3.0], [0.0, 1.0]) == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: predictors.moving_average(series(3), np.ones(4)), r"1 <= W <= T = 3, got \(4,\)"),
        (lambda: predictors.exponential_average(series(), 1.0), r"gamma must lie in \[0, 1\), got 1.0"),
        (lambda: predictors.seasonal_naive(series(3), 2, 4), "at least one period of 4 steps, got 3"),
        (lambda: predictors.seasonal_naive(series(3), 0), "horizon must be a positive int"),
        (lambda: predictors.smape(np.ones(2), np.ones(3)), "one shape"),
        (lambda: predictors.mase(np.ones(2), np.ones(2), np.ones(5)), "change over one and hold no NaN"),
        (lambda: predictors.mase(np.ones(2), np.ones(2), np.array([0, np.nan, 1])), "hold no NaN"),
    ],
)
def test_bad_input_is_refused_by_name(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_a_fitted_window_finds_the_weights_that_made_the_target():
    weights = np.array([0.5, -0.3, 0.1])
    x = np.random.default_rng(0).normal(size=30)
    target = np.concatenate([[9.0, np.nan], predictors.moving_average(x, weights)])  # before a full window: left out
    np.testing.assert_allclose(predictors.fitted_window(x, target, 3), weights, rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "target", "width", "says"),
    [
        (np.zeros(5), np.zeros(4), 2, r"x and target must have one shape \(T,\)"),
        (np.zeros(4), np.zeros(4), 3, "a window of 3 weights needs at least 5 steps, got 4"),
        (np.zeros(4), np.zeros(4), 0, "width must be a positive int, got 0"),
        (np.array([1, np.nan, 2, 3]), np.zeros(4), 2, r"x and target\[1:\] must hold no NaN"),
        (np.arange(4), np.array([np.nan, 1, 2, np.inf]), 2, r"x and target\[1:\] must hold no NaN"),
    ],
)
def test_a_window_that_cannot_be_fitted_is_refused(x, target, width, says):
    with pytest.raises(ValueError, match=says):
        predictors.fitted_window(x, target, width)
