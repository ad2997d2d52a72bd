"""State models in the exercises of notebook 01: built by hand (01.3), with a gradient (01.4), trained (01.5).

Another basis of the state gives other matrices and the same outputs, so what an answer hands over is run, and its
outputs are looked at, never its matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnkit.check.exercise import Answer, Arrays, at_most, entries_of, fresh, pair_of, parameters_of
from rnnkit.check.values import FormError

MATRICES = ("A", "B", "C", "D")
MAX_STATES = 64
"""More states than any answer needs, and few enough to run in no time."""

_LAGS, _LARGEST = 40, 1e9
_KINDS = ("delay", "oscillator")

Probe = Callable[[Answer, np.random.Generator, Arrays], dict[str, Any]]


def described(result: Any) -> str:
    """Say what came in the place of something else."""
    if result is None:
        return "None (is a return missing?)"
    return f"a {type(result).__name__} of {len(result)}" if isinstance(result, tuple | list) else type(result).__name__


def words_scale(**sizes: int) -> Callable[[str, np.ndarray, np.ndarray], str | None]:
    """Return the words for a loss or gradient that is right but for a whole factor: a sum for a mean, or the like."""
    names, numbers = ", ".join(sizes), ", ".join(map(str, sizes.values()))

    def words(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
        if not expected.any():
            return None
        factor = float(np.vdot(expected, got) / np.vdot(expected, expected))
        for whole, how in ((factor, "large"), (1 / factor if factor else 0.0, "small")):
            if round(whole) > 1 and np.isclose(whole, round(whole)) and np.allclose(got, factor * expected, rtol=1e-4):
                return (
                    f"{name} is {round(whole)} times too {how} (here {names} = {numbers}): is what is averaged right?"
                )
        return None

    return words


def outputs(params: Mapping[str, np.ndarray], x: np.ndarray, h0: np.ndarray) -> np.ndarray:
    """Run y_t = x_t A + h_{t-1} B, h_t = x_t C + h_{t-1} D over ``x (T, N, I)`` from ``h0 (N, H)``; (T, N, O)."""
    A, B, C, D = (params[name] for name in MATRICES)
    y, h = [], h0
    for x_t in x:
        y.append(x_t @ A + h @ B)
        h = x_t @ C + h @ D
    return np.stack(y)


# ------------------------------------------------------------------ 01.3


def probe_models(kind: str) -> Probe:
    """Return the probe of one of the two models: it hands over the matrices for two random settings."""

    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        found = dict[str, Any]()
        for n in (int(rng.integers(2, 5)), int(rng.integers(6, 10))):
            period, decay = round(rng.uniform(5, 14), 1), round(rng.uniform(0.8, 0.95), 2)
            models = pair_of(answer(n, period, decay), "delay_and_oscillator", *_KINDS)
            setting = f"n={n}" if kind == "delay" else f"period={period}, decay={decay}"
            model = models[_KINDS.index(kind)]
            if not isinstance(model, list | tuple) or len(model) != len(MATRICES):
                raise FormError(f"the {kind} must be the four matrices (A, B, C, D), got {described(model)}")
            if any(np.iscomplexobj(matrix) for matrix in model):
                raise FormError(f"the {kind} has complex matrices: write a complex number of state as two real ones")
            found |= {f"{setting}: {name}": matrix for name, matrix in zip(MATRICES, model, strict=True)}
        return found

    return probe


def certify_models(got: Arrays, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    """Return, for each setting, the weights that the model gives to its last inputs, and its outputs to random ones."""
    by_setting: dict[str, dict[str, np.ndarray]] = {}
    for key, array in got.items():
        setting, _, name = key.rpartition(": ")
        by_setting.setdefault(setting, {})[name] = array
    values, noise = dict[str, Any](), rng.standard_normal((_LAGS, 3, 1))
    impulse = np.eye(_LAGS, 1)[:, None]
    for setting, model in by_setting.items():
        params = _checked(setting, model)
        start = np.zeros((3, len(params["D"])))
        for what, x in (("the weight of x_{t-k}, k", impulse), ("the outputs to noise", noise)):
            y = outputs(params, x, start[: x.shape[1]])[..., 0]
            if not np.abs(y).max() <= _LARGEST:  # NaN is not either
                radius = np.abs(np.linalg.eigvals(params["D"])).max()
                raise FormError(f"{setting}: the state grows without end; D has an eigenvalue of modulus {radius:.3g}")
            values[f"{setting}: {what}"] = y.squeeze()
    return values


def _checked(setting: str, model: Arrays) -> dict[str, np.ndarray]:
    """Return the four matrices of one input, one output and as many states as D says."""
    D = model.get("D", np.zeros(0))
    if D.ndim != 2 or D.shape[0] != D.shape[1] or not 1 <= len(D) <= MAX_STATES:
        raise FormError(f"{setting}: D must have shape (H, H) with H from 1 to {MAX_STATES}, got {D.shape}")
    H = len(D)
    shapes = {"A": (1, 1), "B": (H, 1), "C": (1, H), "D": (H, H)}
    if H > 1 and [model[name].shape for name in "BC" if name in model] == [(1, H), (H, 1)]:
        raise FormError(f"{setting}: these are matrices for columns; here vectors are rows: transpose all four")
    try:
        return parameters_of(model, shapes)
    except FormError as error:
        raise FormError(f"{setting}: {error}") from None


def words_models(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    """Say at which lag the weights are wrong first."""
    setting, _, what = name.rpartition(": ")
    if not what.startswith("the weight"):
        return None
    k = int(np.argmax(~np.isclose(got, expected, rtol=1e-4, atol=1e-6)))
    now = "x_t itself" if k == 0 else f"x_{{t-{k}}}"
    return f"{setting}: y_t gives {now} the weight {got[k]:.6g}, it should be {expected[k]:.6g}"


# ------------------------------------------------------------------ 01.4


def draw_gradient_problem(
    rng: np.random.Generator,
    T: int = 5,
    N: int = 2,
    I: int = 3,  # noqa: E741
    H: int = 4,
    O: int = 6,  # noqa: E741
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Draw inputs, targets and a model whose gradients all reach the first step."""
    sizes = {"A": (I, O), "B": (H, O), "C": (I, H), "D": (H, H)}
    params = {name: 0.6 * rng.standard_normal(shape) for name, shape in sizes.items()}
    return rng.standard_normal((T, N, I)), rng.standard_normal((T, N, O)), params


def probe_gradients(*names: str) -> Probe:
    """Return the probe of ``loss_and_gradients`` that looks at these values."""

    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        loss, grads = pair_of(answer(*draw_gradient_problem(rng)), "loss_and_gradients", "loss", "grads")
        entries = entries_of(grads, "loss_and_gradients", tuple(name for name in names if name != "loss"))
        return {"loss": loss, **entries} if "loss" in names else entries

    return probe


# ------------------------------------------------------------------ 01.5

PERIODS = {"fast": (7.5, 9.0), "slow": (11.0, 12.5)}
"""Between which the period of each kind of springs is drawn: far apart, so that no one model will do for both."""

DECAY, NOISE = 0.9, 0.1
"""What is left of a swing after each step, and the noise with which its position is measured."""

BOUND = 0.02
"""Twice the variance of the noise: see tests/check/test_ex01_state.py for what reaches it and what does not."""

_SHAPES = {"A": (1, 1), "B": (2, 1), "C": (1, 2), "D": (2, 2)}


def _turn(period: float, decay: float) -> np.ndarray:
    c, s = np.cos(2 * np.pi / period), np.sin(2 * np.pi / period)
    return decay * np.array([[c, s], [-s, c]])


def draw_spring(rng: np.random.Generator, period: float, T: int = 30, N: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Push ``N`` equal springs at random and measure where they are; pushes and positions, each ``(T, N, 1)``."""
    D, x = _turn(period, DECAY), rng.standard_normal((T, N, 1))
    spring = {"A": np.zeros((1, 1)), "B": D[:, 1:], "C": np.array([[0.5, 0.0]]), "D": D}
    return x, outputs(spring, x, np.zeros((N, 2))) + NOISE * rng.standard_normal((T, N, 1))


def draw_springs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw two kinds of springs, and of each some to learn from and some new ones, in float32 to be short.

    The trusted side does this: an answer is to learn the period from data, not to know it. That it could look for the
    new springs too does no harm, since nine numbers learn nothing by heart.
    """
    drawn = dict[str, np.ndarray]()
    for kind, between in PERIODS.items():
        period = rng.uniform(*between)
        for part in ("old", "new"):
            x, target = draw_spring(rng, period)
            drawn |= {f"{kind} {part} x": x.astype(np.float32), f"{kind} {part} target": target.astype(np.float32)}
    return drawn


def _springs(given: Arrays, which: str) -> tuple[np.ndarray, np.ndarray]:
    return given[f"{which} x"].astype(np.float64), given[f"{which} target"].astype(np.float64)


def draw_start(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a model to start from: it swings, but too fast, and in no relation to pushes and positions."""
    b, c = (0.5 * np.array([np.cos(angle), np.sin(angle)]) for angle in rng.uniform(0, 2 * np.pi, 2))
    return {"A": np.full((1, 1), 0.3), "B": b[:, None], "C": c[None], "D": _turn(6.0, 0.6)}


def probe_train(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    """Hand over what was learned from each kind of springs."""
    found = dict[str, Any]()
    for kind in PERIODS:
        learned = answer(*_springs(given, f"{kind} old"), fresh(draw_start(rng)))
        if not isinstance(learned, Mapping):
            raise FormError(f"train must return the parameters in a dict, got {described(learned)}")
        found |= {f"{kind} {name}": learned[name] for name in MATRICES if name in learned}
    return found


def certify_train(got: Arrays, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    """Return the losses of the learned models, each on springs of its kind that it has not seen."""
    losses = {}
    for kind in PERIODS:
        learned = {name: got[f"{kind} {name}"] for name in MATRICES if f"{kind} {name}" in got}
        try:
            params = parameters_of(learned, _SHAPES)
        except FormError as error:
            hint = "; is the rate too large, or the way uphill?" if "NaN" in str(error) else ""
            raise FormError(f"{error}{hint}") from None
        x, target = _springs(given, f"{kind} new")
        loss = np.mean((outputs(params, x, np.zeros((x.shape[1], 2))) - target) ** 2)
        if not np.isfinite(loss):
            raise FormError("the outputs of the trained model grow without end; is the rate too large?")
        losses[f"the loss on new springs, {kind} ones (at most {BOUND})"] = at_most(loss, BOUND)
    return losses


def words_train(name: str, got: np.ndarray, expected: np.ndarray) -> str:
    """Say how far the loss is from its bound, and what to try."""
    return f"the loss on new springs is {float(got):.4g}, at most {BOUND} will do: more steps, or another rate?"
