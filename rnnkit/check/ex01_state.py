"""The exercises of notebook 01: what each check calls, and which values it looks at.

``ex01_models`` has the probes of 01.3, 01.4 and 01.5, where whole models are handed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnkit.check import ex01_models as models
from rnnkit.check.exercise import LIBRARY_GRADIENTS, TORCH_AUTOGRAD, Answer, Arrays, Exercise, at_most, fresh, pair_of
from rnnkit.check.values import FormError

Probe = Callable[[Answer, np.random.Generator, Arrays], dict[str, Any]]

# ------------------------------------------------------------------ 01.1

_WINDOWS = {"": (9, 2, 4), ", one weight": (7, 3, 1)}
"""Steps, columns and weights of each case."""


def _probe_moving_average(which: int) -> Probe:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        values = {}
        for case, (T, columns, W) in _WINDOWS.items():
            x, weights = rng.standard_normal((T, columns)), rng.standard_normal(W)
            pair = pair_of(answer(x, weights), "moving_average", "looped", "convolved")
            values[("looped", "convolved")[which] + case] = pair[which]
        return values

    return probe


# ------------------------------------------------------------------ 01.2

_UNIT = 1e-12
_DIFFERENCE = f"the largest difference of h and convolved, in units of {_UNIT:g} (at most 1)"


def _probe_average(*names: str) -> Probe:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        x, gamma, h0 = rng.standard_normal(11), float(rng.uniform(0.6, 0.95)), float(rng.uniform(1, 3))
        result = answer(x, gamma, h0)
        parts = ("h", "kernel", "convolved", "memory")
        if not isinstance(result, tuple | list) or len(result) != len(parts):
            raise FormError(f"exponential_average must return ({', '.join(parts)}), got {models.described(result)}")
        found = dict(zip(parts, result, strict=True))
        return {name: found[name] for name in names}

    return probe


def _certify_average(got: Arrays, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    """Leave the values as they are, and put how far recursion and convolution are apart in the place of ``h``."""
    values = dict(got)
    h, convolved = (np.asarray(values.get(name, np.zeros(0)), np.float64) for name in ("h", "convolved"))
    if h.ndim != 1 or h.shape != convolved.shape:
        raise FormError(f"h and convolved must both have shape (T,), got {h.shape} and {convolved.shape}")
    values.pop("h")
    difference = np.abs(h - convolved).max(initial=0.0)
    return values | {_DIFFERENCE: at_most(difference / _UNIT, 1.0)}


def _words_average(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    if name != _DIFFERENCE:
        return None
    return f"h and convolved differ by up to {float(got) * _UNIT:.1e}; in float64 rounding alone makes less than 1e-14"


# ------------------------------------------------------------------ 01.6


class InitialProblem(NamedTuple):
    """One model, and sequences that all begin in one state nobody knows, as ``learn_initial_state`` takes them."""

    x: np.ndarray
    target: np.ndarray
    params: dict[str, np.ndarray]
    h0: np.ndarray

    def copy(self) -> InitialProblem:
        """Copy every array, so that an answer may change what it is handed."""
        return InitialProblem(self.x.copy(), self.target.copy(), fresh(self.params), self.h0.copy())


def draw_initial_problem(
    rng: np.random.Generator,
    T: int = 7,
    N: int = 5,
    I: int = 4,  # noqa: E741
    H: int = 3,
    O: int = 2,  # noqa: E741
) -> InitialProblem:
    """Draw a model that forgets slowly, inputs, noisy targets from a hidden initial state, and another one to start.

    Every direction of the initial state is heard, so that gradient descent finds the best one in a few hundred steps.
    """
    params = _draw_slow_model(rng, I, H, O)
    while np.linalg.svd(_heard(params, T), compute_uv=False)[-1] < 1:
        params = _draw_slow_model(rng, I, H, O)
    x, hidden = rng.standard_normal((T, N, I)), rng.standard_normal(H)
    target = models.outputs(params, x, np.tile(hidden, (N, 1))) + 0.3 * rng.standard_normal((T, N, O))
    return InitialProblem(x, target, params, rng.standard_normal(H))


def _draw_slow_model(rng: np.random.Generator, I: int, H: int, O: int) -> dict[str, np.ndarray]:  # noqa: E741
    Q, R = np.linalg.qr(rng.standard_normal((H, H)))
    orthogonal = Q * np.sign(np.diag(R))  # the one with positive R: the same whichever LAPACK computes it
    sizes = {"A": (I, O), "B": (H, O), "C": (I, H)}
    return {name: 0.7 * rng.standard_normal(shape) for name, shape in sizes.items()} | {"D": 0.9 * orthogonal}


def _heard(params: dict[str, np.ndarray], T: int) -> np.ndarray:
    """Return B, DB, D²B, … side by side: what an initial state adds to the outputs."""
    return np.hstack([np.linalg.matrix_power(params["D"], t) @ params["B"] for t in range(T)])


def _probe_initial(which: int) -> Probe:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        names = "gradient", "best"
        return {names[which]: pair_of(answer(*draw_initial_problem(rng)), "learn_initial_state", *names)[which]}

    return probe


def _words_best(name: str, got: np.ndarray, expected: np.ndarray) -> str:
    return (
        f"best is {np.round(got, 4)}, expected {np.round(expected, 4)} to three digits; a walk down the bowl may need "
        "more steps, or a smaller rate where it grows"
    )


# ------------------------------------------------------------------ the exercises

_STATES = "Lecture 9, slide Stateless vs. Stateful Models"
_GENERAL = "Lecture 9, slide Towards a General Formulation: RNNs"
_INITIAL = "Lecture 9, slide The Problem of Initial States; TTIC, Phi.init"

_LINEAR = (
    "rnnkit.cells.Linear.step",
    "rnnkit.cells.Linear.step_backward",
    "rnnkit.cells.Linear.output_from",
    "rnnkit.cells.Linear.output_backward",
    "rnnkit.cells.Linear.impulse_response",
    "rnnkit.cells.Linear.moving_average",
    "rnnkit.cells.Linear.exponential_average",
    "rnnkit.cells.Linear.read_from_state",
    "rnnkit.cells.Linear.delay_line",
    "rnnkit.cells.Linear.oscillator",
    "rnnkit.cells.Linear.accumulator",
)
"""The model itself, and every special case of it that is asked for."""

_SCAN = (
    "rnnkit.scan.linear_recurrence",
    "rnnkit.scan._states",
    "rnnkit.scan._loop",
    "rnnkit.scan._chunked",
    "rnnkit.scan._chunks",
    "rnnkit.scan._blelloch",
    "rnnkit.scan._halve",
)
"""The recursion of an average, and everything under it."""

_GRADIENTS = (
    *LIBRARY_GRADIENTS,
    "rnnkit.train.linear.output_error",
    "rnnkit.train.linear.fit_linear",
    "rnnkit.train.linear._states",
    "rnnkit.train.linear._states_backward",
    "rnnkit.unroll.truncated_bptt",
    "rnnkit.unroll.checkpointed_bptt",
    "rnnkit.run.run",
    *_SCAN,
    "rnnkit.scan.linear_recurrence_backward",
    "rnnkit.cells.Readout.backward",
    *TORCH_AUTOGRAD,
)
"""Other roads to the same gradients."""

_HINTS_AVERAGE = (
    "The convolution of `x` with weights $w_0, w_1, \\dots$ is $\\sum_k w_k x_{t-k}$: newest input first, as here. No "
    "array has to be turned round.",
    "A window of $W$ inputs is full for the first time at place $W-1$. So there are $T-W+1$ outputs, and output number "
    "`t` looks at `x[t]` to `x[t + W - 1]`, of which the last is the newest.",
    "Loop: for each `t` and `k` add `weights[k] * x[t + W - 1 - k]`. Convolution: "
    '`np.convolve(x[:, i], weights, mode="valid")` for each column `i`, stacked with `np.stack(..., axis=1)`.',
)
_HINTS_EXPONENTIAL = (
    "Write out $h_3$ by putting $h_2$ and then $h_1$ into it. What stands before $x_3$, $x_2$, $x_1$ and $h_0$?",
    "The kernel is $(1-\\gamma)\\gamma^k$ for $k = 0 \\dots T-1$. Its convolution with `x` has $2T-1$ values, of which "
    "the first $T$ are wanted. The initial state adds $\\gamma^t h_0$, with $t = 1 \\dots T$.",
    "`kernel = (1 - gamma) * gamma ** np.arange(T)`, then `np.convolve(x, kernel)[:T]` plus "
    "`gamma ** np.arange(1, T + 1) * h0`. For the memory, solve $\\gamma^m = 1/e$: take logarithms.",
)
_HINTS_MODELS = (
    "Begin with what the state must hold. A delay by $n$ steps has to hold the last $n$ inputs. A swing has a "
    "position and a velocity: two numbers that turn.",
    "The weights that $y_t$ gives to $x_t, x_{t-1}, x_{t-2}, x_{t-3}$ are $A$, $CB$, $CDB$, $CD^2B$. Delay line: $C$ "
    "puts the input into place 0 of the state, $D$ moves each place to the next, $B$ reads the last one. Oscillator: "
    "$D$ is a rotation by $2\\pi/\\text{period}$, times the decay.",
    "Delay: `B = np.eye(n)[:, -1:]`, `C = np.eye(1, n)`, `D = np.eye(n, k=1)`, $A = 0$. Oscillator: "
    "`D = decay * np.array([[c, s], [-s, c]])`, `C = [[1, 0]]`. The new state $h_t$ is to be read, but $B$ sees "
    "$h_{t-1}$: so `A = C @ E`, `B = D @ E` with `E = [[1], [0]]`.",
)
_HINTS_GRADIENTS = (
    "Two loops: one forward that keeps all states, one backward. In the backward loop, one array `dh` holds "
    "$\\partial L/\\partial h_t$; after the last step it is zero, for nothing reads $h_T$.",
    "`dy = 2 * (y - target) / y.size`. At each step going back, `dh` is first used for the gradients of $C$ and $D$, "
    "the matrices that made $h_t$; then it becomes the gradient of $h_{t-1}$: `dy[t] @ B.T + dh @ D.T`.",
    "With `h[t]` the state before `x[t]`: `x[t].T @ dy[t]` for $A$, `h[t].T @ dy[t]` for $B$, `x[t].T @ dh` for $C$, "
    "`h[t].T @ dh` for $D$, each added with `+=`, and then the new `dh`.",
)
_HINTS_TRAIN = (
    "A gradient points uphill. Take a small step against it, compute it anew, and repeat.",
    "One step changes all four matrices by `-rate * grads[name]`. Print the loss now and then: if it grows, the rate "
    "is too large; if it hardly falls, too small.",
    "`rate = 0.05` and 200 steps are enough. In the loop: `_, grads = loss_and_gradients(x, target, params)`, then, "
    "for each of the four names, `params[name] = params[name] - rate * grads[name]`. After the loop: `return params`.",
)
_HINTS_INITIAL = (
    "Move $h_0$ a little: the change reaches $y_1$, $y_2$, $y_3$ through $B$, $DB$, $D^2B$.",
    "Keep `reach`, the matrix $D^{t-1}B$: it begins as `B` and becomes `D @ reach` after each step. A step's share of "
    "the gradient is `dy[t] @ reach.T`, for each sequence; all of them share $h_0$, so sum over them.",
    "The outputs are linear in $h_0$, so the loss is a bowl. Either walk down it with many small steps against your "
    "gradient, or solve: `np.linalg.lstsq` with all `reach` stacked, for the change of $h_0$ that takes the mean error "
    "away.",
)


def _exercise(number: str, title: str, function: str, **fields: Any) -> Exercise:
    return Exercise(id=f"01.{number}", title=title, function=function, **fields)


def _average(part: str, title: str, points: int, minutes: int, *names: str, **fields: Any) -> Exercise:
    return _exercise(
        f"2{part}", title, "exponential_average", points=points, minutes=minutes, difficulty=2, lecture=_STATES,
        probe=_probe_average(*names), hints=_HINTS_EXPONENTIAL,
        withheld=("rnnkit.predictors.exponential_average", *_SCAN, *_LINEAR), **fields,
    )  # fmt: skip


def _window(part: str, title: str, which: int) -> Exercise:
    return _exercise(
        f"1{part}", title, "moving_average", points=1, minutes=5, difficulty=1, lecture=_STATES,
        probe=_probe_moving_average(which), hints=_HINTS_AVERAGE,
        withheld=("rnnkit.predictors.moving_average", *_LINEAR),
    )  # fmt: skip


def _models(part: str, kind: str, title: str) -> Exercise:
    return _exercise(
        f"3{part}", title, "delay_and_oscillator", points=2, minutes=10, difficulty=3, lecture=_GENERAL,
        probe=models.probe_models(kind), certify=models.certify_models, words=models.words_models,
        hints=_HINTS_MODELS, withheld=_LINEAR,
    )  # fmt: skip


def _gradients(part: str, title: str, *names: str) -> Exercise:
    return _exercise(
        f"4{part}", title, "loss_and_gradients", points=1, minutes=7, difficulty=4, lecture=_GENERAL,
        probe=models.probe_gradients(*names), words=models.words_scale(T=5, N=2, O=6),
        hints=_HINTS_GRADIENTS, withheld=(*_LINEAR, *_GRADIENTS),
    )  # fmt: skip


def _initial(part: str, title: str, which: int, points: int, **fields: Any) -> Exercise:
    return _exercise(
        f"6{part}", title, "learn_initial_state", points=points, minutes=7, difficulty=4, lecture=_INITIAL,
        probe=_probe_initial(which), hints=_HINTS_INITIAL,
        withheld=("rnnkit.initial.LearnedState.backward", "rnnkit.initial.best_linear_state", *_LINEAR, *_GRADIENTS),
        **fields,
    )  # fmt: skip


EXERCISES = (
    _window("a", "a sliding window by a loop", 0),
    _window("b", "a sliding window by convolution", 1),
    _average("a", "the average as a recursion", 1, 5, "h"),
    _average(
        "b", "the average as a convolution", 2, 7, "kernel", "convolved", "memory", "h",
        certify=_certify_average, words=_words_average,
    ),
    _models("a", "delay", "a delay line"),
    _models("b", "oscillator", "an oscillator"),
    _gradients("a", "the loss, and what reads the state", "loss", "A", "B"),
    _gradients("b", "what makes the state", "C", "D"),
    _exercise(
        "5", "learn the four matrices", "train", points=2, minutes=10, difficulty=2, lecture=_GENERAL,
        probe=models.probe_train, certify=models.certify_train, words=models.words_train, has_given=True,
        hints=_HINTS_TRAIN, withheld=(*_LINEAR, *_GRADIENTS),
    ),
    _initial("a", "the gradient of the initial state", 0, 2, words=models.words_scale(T=7, N=5, O=2)),
    # An answer that walks down the bowl stops near its bottom: three digits are enough.
    _initial("b", "the best initial state", 1, 1, rtol=1e-3, atol=1e-3, words=_words_best),
)  # fmt: skip
