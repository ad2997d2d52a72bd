"""Exercise 03.5: two histories that a network without a hidden state cannot tell apart.

The answer hands over the histories; the trusted side runs two networks on both and on continuations of its own. One
carries its output from step to step, the other, which shares all of its weights but ``W_r``, its state. The output has
one number less than the state, so there is exactly one direction of the state that it does not show.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnkit.check.exercise import Answer, Arrays, Exercise, at_least, at_most, fresh, pair_of
from rnnkit.check.values import FormError

SHAPES = {"W_x": (6, 5), "W_r": (4, 5), "b": (5,), "W_y": (5, 4), "b_y": (4,), "W_h": (5, 5), "o0": (4,)}
"""I = 6, H = 5, V = 4."""

MOST_STEPS = 3
APART, ALIKE, TOLD_APART = 0.1, 1e-4, 0.01

_BETWEEN = "the largest difference between the two histories"
_BY_OUTPUT = "the largest difference of later outputs, the output fed back"
_BY_STATE = "the largest difference of later outputs, the state fed back"


def draw_networks(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the weights of both networks and the output before the first step.

    ``W_x`` and ``W_y`` are the identity and some noise, so that no draw is ill-conditioned.
    """
    arrays = {name: 0.4 * rng.standard_normal(shape) for name, shape in SHAPES.items()}
    for name in ("W_x", "W_y"):
        rows, columns = SHAPES[name]
        arrays[name] += np.eye(rows, columns)
    return arrays


def later_outputs(nets: Arrays, history: np.ndarray, continuations: np.ndarray, *, from_output: bool) -> np.ndarray:
    """Return the outputs after ``history (T, I)``, for each of the ``continuations (S, N, I)``, shape ``(S, N, V)``."""
    count, W = continuations.shape[1], nets["W_r"] if from_output else nets["W_h"]
    o, h = np.tile(nets["o0"], (count, 1)), np.zeros((count, len(nets["b"])))
    outputs = []
    for x in [*np.repeat(history[:, None], count, axis=1), *continuations]:
        h = np.tanh(x @ nets["W_x"] + (o if from_output else h) @ W + nets["b"])
        o = h @ nets["W_y"] + nets["b_y"]
        outputs.append(o)
    return np.stack(outputs[len(history) :])


def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    """Hand over the two histories."""
    params = fresh(given)
    o0 = params.pop("o0")
    result = answer(o0, params)
    pair = (
        list(result) if isinstance(result, np.ndarray) and result.ndim == 3 else result
    )  # one array (2, T, I) is both
    first, second = pair_of(pair, "twins", "first", "second")
    return {"first": first, "second": second}


def certify(got: Arrays, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    """Run both networks on both histories and on continuations from here."""
    first, second = (_history(got, name) for name in ("first", "second"))
    if first.shape != second.shape:
        raise FormError(f"the histories must be equally long, got {len(first)} steps and {len(second)}")
    continuations = rng.standard_normal((8, 5, SHAPES["W_x"][0]))
    apart = {
        from_output: np.abs(
            later_outputs(given, first, continuations, from_output=from_output)
            - later_outputs(given, second, continuations, from_output=from_output)
        ).max()
        for from_output in (True, False)
    }
    return {
        _BETWEEN: at_least(np.abs(first - second).max(), APART),
        _BY_OUTPUT: at_most(apart[True], ALIKE),
        _BY_STATE: at_least(apart[False], TOLD_APART),
    }


def words(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    """Say which of the three conditions fails, and what that means."""
    if not np.isfinite(got):
        return f"{name} is {float(got)}: the histories hold numbers that are too large"
    says = {
        _BETWEEN: f"the two histories differ by {float(got):.2g} at most, and somewhere it must be {APART}",
        _BY_OUTPUT: f"with the output fed back, later outputs differ by {float(got):.2g}, at most {ALIKE} is allowed: "
        "after your two histories this network has two different outputs",
        _BY_STATE: f"with the state fed back, later outputs differ by {float(got):.2g} only, and somewhere it must be "
        f"{TOLD_APART}: your two histories lead this network to (nearly) the same state",
    }
    return says.get(name)


_STATE = ": these are states, H numbers a step; return the inputs that lead there"


def _history(got: Arrays, name: str) -> np.ndarray:
    I = SHAPES["W_x"][0]  # noqa: E741
    history = got.get(name, np.zeros(0))
    if history.ndim != 2 or history.shape[1] != I or not 1 <= len(history) <= MOST_STEPS:
        raise FormError(
            f"the {name} history must have shape (T, {I}) with T from 1 to {MOST_STEPS}, got {history.shape}"
            + (
                ": a single step needs its axis too, history[None]"
                if history.shape == (I,)
                else _STATE
                if history.shape[-1:] == SHAPES["b"]
                else ""
            )
        )
    if history.dtype.kind not in "fi":
        raise FormError(f"the {name} history must hold numbers, got {history.dtype}")
    if not np.isfinite(history).all():
        raise FormError(f"the {name} history holds NaN or infinity: a state must lie between -1 and 1 for arctanh")
    return history.astype(np.float64)


EXERCISE = Exercise(
    id="03.5",
    title="its blind spot",
    function="twins",
    points=2,
    minutes=15,
    difficulty=4,
    lecture="San Pablo, slide Modeling Sequences Conditioned on Context with RNNs",
    probe=probe,
    certify=certify,
    words=words,
    has_given=True,
    hints=(
        "After a step, this network knows $o$ and nothing else. Look for two states that differ and have the same "
        "output; then for inputs that lead there. One step is enough.",
        "There is a row $n$ with $n W_y = 0$, since $W_y$ has more rows than columns: the last column of "
        "`np.linalg.svd(W_y)[0]`. The states $\\tfrac12 n$ and $-\\tfrac12 n$ have the same output. Which $z$ "
        "gives them?",
        "From $\\tanh z = h$: `z = np.arctanh(h)`. From $z = x W_x + o_0 W_r + b$: "
        "`x = (z - o0 @ W_r - b) @ np.linalg.pinv(W_x)`, exact because $I \\ge H$. Return `x[None]` for each.",
    ),
)
