r"""Predictors that are computed, not learned: with a window, with a state, and the baselines of forecasting.

A *stateless* predictor sees a window of its input and no more; a *stateful* one keeps a number and so, in principle,
sees everything. All work along the first axis, time.
"""

from __future__ import annotations

import numpy as np

from rnnkit.arrays import check_positive_int, is_floating


def moving_average(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    r"""Return :math:`y_t = w_0 x_t + w_1 x_{t-1} + \dots`, a sliding window over the input: a convolution.

    Parameters
    ----------
    x
        Series, shape ``(T, ...)``.
    weights
        The window, newest input first, shape ``(W,)``.

    Returns
    -------
    numpy.ndarray
        Shape ``(T - W + 1, ...)``: the first ``W - 1`` steps lack a full window. Its horizon is finite.

    Raises
    ------
    ValueError
        When the window is empty or longer than the series.

    References
    ----------
    Lecture B, slide *Stateless model for moving average*.
    """
    x, weights = np.asarray(x), np.asarray(weights)
    if weights.ndim != 1 or not 1 <= len(weights) <= len(x):
        raise ValueError(f"weights must have shape (W,) with 1 <= W <= T = {len(x)}, got {weights.shape}")
    steps = len(x) - len(weights) + 1
    newest_first = (w * x[len(weights) - 1 - lag :][:steps] for lag, w in enumerate(weights))
    return np.asarray(sum(newest_first))


def fitted_window(x: np.ndarray, target: np.ndarray, width: int) -> np.ndarray:
    r"""Return the weights of a moving average that comes closest to a target, by least squares.

    Parameters
    ----------
    x, target
        Series of one length, shape ``(T,)``. ``target[t]`` is what the window that ends in ``x[t]`` is to give.
    width
        How many weights; the first ``width - 1`` targets are left out.

    Returns
    -------
    numpy.ndarray
        Shape ``(width,)``, newest input first, as :func:`moving_average` takes them.

    Raises
    ------
    ValueError
        When shapes differ, the series is too short to determine the weights, or a number is missing (NaN).
    """
    x, target = np.asarray(x), np.asarray(target)
    if x.ndim != 1 or x.shape != target.shape:
        raise ValueError(f"x and target must have one shape (T,), got {x.shape} and {target.shape}")
    if len(x) < 2 * check_positive_int("width", width) - 1:
        raise ValueError(f"a window of {width} weights needs at least {2 * width - 1} steps, got {len(x)}")
    windows, wanted = np.lib.stride_tricks.sliding_window_view(x, width)[:, ::-1], target[width - 1 :]
    if not (np.isfinite(windows).all() and np.isfinite(wanted).all()):
        raise ValueError(f"x and target[{width - 1}:] must hold no NaN and no infinity; leave those steps out")
    return np.asarray(np.linalg.lstsq(windows, wanted, rcond=None)[0])


def exponential_average(x: np.ndarray, gamma: float, h0: float | np.ndarray = 0.0) -> np.ndarray:
    r"""Return :math:`h_t = \gamma h_{t-1} + (1 - \gamma) x_t`: one number of state, an infinite horizon.

    Parameters
    ----------
    x
        Series, shape ``(T, ...)``.
    gamma
        In [0, 1): how much of the state is kept. Its weights fall as :math:`(1-\gamma)\gamma^k`; after
        :math:`-1/\ln\gamma` steps they have fallen to :math:`1/e`.
    h0
        Initial state.

    Returns
    -------
    numpy.ndarray
        Shape of ``x``.

    Raises
    ------
    ValueError
        When ``gamma`` is out of range.

    References
    ----------
    Lecture B, slide *Stateful model for moving average*.
    """
    if not 0 <= gamma < 1:
        raise ValueError(f"gamma must lie in [0, 1), got {gamma}")
    x = np.asarray(x)
    y, h = np.empty(x.shape, x.dtype if is_floating(x) else np.float64), h0
    for t in range(len(x)):
        y[t] = h = gamma * h + (1 - gamma) * x[t]
    return y


def seasonal_naive(history: np.ndarray, horizon: int, period: int = 1) -> np.ndarray:
    """Forecast that the last ``period`` values repeat; with ``period=1``, persistence: tomorrow is like today.

    Parameters
    ----------
    history
        Shape ``(T, ...)``, ``T >= period``.
    horizon
        How many steps to forecast.
    period
        Length of the season in steps.

    Returns
    -------
    numpy.ndarray
        Shape ``(horizon, ...)``.

    Raises
    ------
    ValueError
        When a number is not a positive int or the history is shorter than one period.
    """
    horizon, period = check_positive_int("horizon", horizon), check_positive_int("period", period)
    history = np.asarray(history)
    if len(history) < period:
        raise ValueError(f"history must hold at least one period of {period} steps, got {len(history)}")
    return np.asarray(history[len(history) - period + np.arange(horizon, dtype=np.int64) % period])


def smape(forecast: np.ndarray, actual: np.ndarray) -> float:
    r"""Return the symmetric mean absolute percentage error, 0 to 200: the mean of :math:`200|f - a| / (|f| + |a|)`.

    Where both are zero the error counts as zero.

    References
    ----------
    Makridakis (1993); the measure of the competition that lecture M names (Suilin 2017).
    """
    forecast, actual = _alike(forecast, actual)
    size = np.abs(forecast) + np.abs(actual)
    return float(np.mean(200 * np.abs(forecast - actual) / np.where(size > 0, size, 1)))


def mase(forecast: np.ndarray, actual: np.ndarray, history: np.ndarray, period: int = 1) -> float:
    """Return the mean absolute error in units of what the seasonal-naive forecast errs in the history.

    Below 1 the forecast beats that baseline.

    Parameters
    ----------
    forecast, actual
        Shape ``(horizon, ...)``.
    history
        What came before, shape ``(T, ...)``, ``T > period``.
    period
        Length of the season.

    Raises
    ------
    ValueError
        When shapes differ, or the history is too short or has no error to scale by.

    References
    ----------
    Hyndman and Koehler (2006), *Another look at measures of forecast accuracy*.
    """
    forecast, actual = _alike(forecast, actual)
    history, period = np.asarray(history), check_positive_int("period", period)
    scale = np.mean(np.abs(history[period:] - history[:-period])) if len(history) > period else 0.0
    if not scale > 0:
        raise ValueError(f"history must be longer than the period {period}, change over one and hold no NaN")
    return float(np.mean(np.abs(forecast - actual)) / scale)


def _alike(forecast: np.ndarray, actual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    forecast, actual = np.asarray(forecast), np.asarray(actual)
    if forecast.shape != actual.shape or forecast.size == 0:
        raise ValueError(f"forecast and actual must have one shape and values, got {forecast.shape}, {actual.shape}")
    return forecast, actual
