"""The exercises of notebook 05: what each check calls, and which values it looks at.

Sizes are pairwise different and ``W_h`` is not symmetric, so that a transposed matrix or shape shows; weights are large
enough for every gradient to reach the first step.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnkit.check import ex05_checkpointing
from rnnkit.check.exercise import (
    LIBRARY_GRADIENTS,
    TORCH_AUTOGRAD,
    TORCH_LAYERS,
    Answer,
    Arrays,
    Exercise,
    entries_of,
    fresh,
    pair_of,
)
from rnnkit.check.values import FormError

BUGS = ("ascent", "no slope", "transposed", "no future", "late by one", "overwritten")
"""The names of exercise 05.2, in the order of the notebook."""

PARAMETERS = ("W_x", "W_h", "b", "W_y", "b_y")
GRADIENTS = (*PARAMETERS, "x", "h0")


# ------------------------------------------------------------------ 05.1


class Problem(NamedTuple):
    """One network and one batch, as the functions of this notebook take them."""

    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray
    params: dict[str, np.ndarray]

    def copy(self) -> Problem:
        """Copy every array, so that an answer may change what it is handed."""
        return Problem(self.x.copy(), self.y.copy(), self.h0.copy(), fresh(self.params))


def draw_problem(rng: np.random.Generator, T: int = 5, B: int = 2, I: int = 3, H: int = 4, V: int = 6) -> Problem:  # noqa: E741
    """Draw a network and a batch."""
    params = {
        "W_x": 0.7 * rng.standard_normal((I, H)),
        "W_h": 0.7 * rng.standard_normal((H, H)),
        "b": 0.3 * rng.standard_normal(H),
        "W_y": rng.standard_normal((H, V)),
        "b_y": rng.standard_normal(V),
    }
    x, h0 = rng.standard_normal((T, B, I)), 0.5 * rng.standard_normal((B, H))
    return Problem(x, rng.integers(0, V, (T, B), dtype=np.int64), h0, params)


def _probe_bptt(*names: str) -> Callable[[Answer, np.random.Generator, Arrays], dict[str, Any]]:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
        loss, gradients = pair_of(answer(*draw_problem(rng)), "bptt", "loss", "grads")
        entries = entries_of(gradients, "bptt", tuple(name for name in names if name != "loss"))
        return {"loss": loss, **entries} if "loss" in names else entries

    return probe


# ------------------------------------------------------------------ 05.2


def _probe_name_the_bug(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    found = []
    for case in range(len(given["x"])):
        here = {name: array[case] for name, array in given.items()}
        problem = {**{name: here[name] for name in ("x", "y", "h0")}, "params": {n: here[n] for n in PARAMETERS}}
        name = answer(problem, {name: here[f"wrong {name}"] for name in GRADIENTS})
        if not isinstance(name, str):
            raise FormError(f"name_the_bug must return one of BUGS, got {name!r}: do none of your wrong versions fit?")
        found.append(BUGS.index(name) if name in BUGS else -1)
    return {"case": np.array(found, dtype=np.int64)}


def _words_name_the_bug(name: str, got: np.ndarray, expected: np.ndarray) -> str:
    case = int(np.flatnonzero(got != expected)[0])
    say, is_ = (f"“{BUGS[bug]}”" if 0 <= bug < len(BUGS) else "none of them" for bug in (got[case], expected[case]))
    return f"case {case}: you say {say}, it is {is_}"


# ------------------------------------------------------------------ 05.3

_WINDOWS = ((1, 3), (2, 3), (3, 5), (3, 3), (7, 7))
_STEPS = 7
_OUTCOMES = ("and your code returned", "and your code raised a ValueError", "and your code raised another error")
_RETURNED, _REFUSED, _FAILED = range(3)


def _probe_truncated_bptt(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    problem, values = draw_problem(rng, T=_STEPS, V=5), dict[str, Any]()
    for k1, k2 in _WINDOWS:
        entries = entries_of(answer(*problem.copy(), k1, k2), "truncated_bptt", PARAMETERS)
        values |= {f"k1={k1}, k2={k2}: {name}": gradient for name, gradient in entries.items()}
    for k1, k2 in _draw_calls(rng):
        values[f"outcome of k1={k1}, k2={k2}"] = _outcome(answer, *problem.copy(), k1, k2)
    return values


def _draw_calls(rng: np.random.Generator) -> list[tuple[int, int]]:
    """Draw allowed and forbidden (k1, k2) in random order, so that only who knows the rule knows the outcomes."""
    T = range(1, _STEPS + 1)
    kinds = (
        (6, [(k1, k2) for k2 in T for k1 in range(1, k2 + 1)]),
        (1, [(0, k2) for k2 in T]),
        (1, [(k1, k2) for k2 in T for k1 in (-1, -2, -3)]),
        (2, [(k1, k2) for k2 in T for k1 in T if k1 > k2]),
        (2, [(k1, k2) for k1 in T for k2 in (8, 9, 10)]),
    )
    drawn = [pairs[n] for count, pairs in kinds for n in rng.choice(len(pairs), count, replace=False)]
    return [drawn[n] for n in rng.permutation(len(drawn))]


def _outcome(answer: Answer, *arguments: Any) -> int:
    try:
        answer(*arguments)
    except ValueError:
        return _REFUSED
    except Exception:
        return _FAILED
    return _RETURNED


def _words_truncated_bptt(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    if not name.startswith("outcome of ") or int(got) not in range(3):
        return None
    rule = "must be refused with a ValueError" if expected == _REFUSED else f"is allowed at T = {_STEPS}"
    return f"{name.removeprefix('outcome of ')} {rule}, {_OUTCOMES[int(got)]}"


# ------------------------------------------------------------------ 05.5


_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def _instructions(run: Callable[[], Any]) -> int:
    """Count the instructions of Python outside installed packages while `run` runs."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename.startswith(_INSTALLED) or frame.f_code.co_filename.startswith("<__array"):
            return None  # printing and NumPy's own Python may take as long as they like
        frame.f_trace_opcodes = True
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


def _draw_output_net(rng: np.random.Generator, T: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    B, I, H, V = 2, 3, 4, 6  # noqa: E741
    shapes = {"W_x": (I, H), "W_r": (V, H), "b": (H,), "W_y": (H, V), "b_y": (V,)}
    params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return rng.standard_normal((T, B, I)), rng.integers(0, V, (T, B), dtype=np.int64), params


def _probe_teacher_forced_loss(answer: Answer, rng: np.random.Generator, given: Arrays) -> dict[str, Any]:
    x, y, params = _draw_output_net(rng, T=5)
    loss, logits = pair_of(answer(x, y, params), "teacher_forced_loss", "loss", "logits")
    values = {"loss": loss, "logits": logits}
    for T in (3, 30):
        again = answer(*_draw_output_net(rng, T))
        values[f"loss, T={T}"] = pair_of(again, "teacher_forced_loss", "loss", "logits")[0]
    return values


def _advise_parallel(answer: Answer, rng: np.random.Generator) -> str | None:
    """Say whether an answer walks the steps one by one where all could be taken at once."""
    short, long = (_instructions(functools.partial(answer, *_draw_output_net(rng, T))) for T in (3, 30))
    if long == short:
        return None
    return f"but T = 30 takes {long:,} instructions of Python, T = 3 takes {short:,}: no loop over time is needed"


# ------------------------------------------------------------------ the exercises

_SAN_PABLO = "San Pablo, slide BackPropagation Through Time"
_MONASH = "Monash, slide Training RNNs"
_LIBRARY_BPTT = (
    *LIBRARY_GRADIENTS,
    "rnnkit.cells.VanillaRNN.step_backward",
    "rnnkit.cells.Readout.backward",
    "rnnkit.run.run",
    "rnnkit.kernels.forward",
    "rnnkit.kernels.trace.Trace.backward",
    "rnnkit.kernels.engine.Engine.backward",
    "rnnkit.kernels.vanilla.VanillaEngine.steps_back",
    # other roads to the same gradient: cells that contain this one, a chain as a tree, numbers in place of calculus
    "rnnkit.cells.Leaky.step_backward",
    "rnnkit.cells.UGRNN.step_backward",
    "rnnkit.cells.GRU.step_backward",
    "rnnkit.cells.DeepTransition.step_backward",
    "rnnkit.cells.Clockwork.step_backward",
    "rnnkit.trees.MatrixComposition.compose_backward",
    "rnnkit.trees.MatrixComposition.gradients",
    "rnnkit.trees.RecursiveNet.loss_and_gradients",
    "rnnkit.trees.RecursiveNet.visit_backward",
    *TORCH_AUTOGRAD,
    *TORCH_LAYERS,
)
_HINTS_BPTT = (
    "Begin at the loss. For one symbol, $\\partial L/\\partial o$ is $p - \\mathbf 1_y$: probability minus truth. The "
    "mean over all symbols divides it by $TB$. Then walk the loop from the last step to the first.",
    "Keep one array `carried` of shape `(B, H)`: the gradient that reaches $h_t$ from step $t+1$. It is zero at the "
    "last step. At each step, $\\partial L/\\partial h_t$ is `do[t] @ W_y.T + carried`; after the step, `carried` is "
    "$\\partial L/\\partial z_t\\, W_h^\\top$. What is left in it at the end belongs to $h_0$.",
    "The state *after* input `x[t]` is `h[t + 1]`, the one *before* it `h[t]`. So, in the loop: "
    "`dz = dh * (1 - h[t + 1] ** 2)`, then `x[t].T @ dz` for $W_x$, `h[t].T @ dz` for $W_h$, `dz.sum(axis=0)` for $b$, "
    "`dz @ W_x.T` for `x[t]`. Add to the weights' gradients with `+=`.",
)


def _bptt(part: str, title: str, points: int, minutes: int, *names: str) -> Exercise:
    return Exercise(
        id=f"05.1{part}",
        title=title,
        function="bptt",
        points=points,
        minutes=minutes,
        difficulty=3,
        lecture=_SAN_PABLO,
        probe=_probe_bptt(*names),
        hints=_HINTS_BPTT,
        withheld=_LIBRARY_BPTT,
    )


EXERCISES = (
    _bptt("a", "the loss and the readout", 3, 10, "loss", "W_y", "b_y"),
    _bptt("b", "the recurrent weights", 5, 15, "W_x", "W_h", "b"),
    _bptt("c", "the inputs and the initial state", 2, 5, "x", "h0"),
    Exercise(
        id="05.2",
        title="name the bug",
        function="name_the_bug",
        points=4,
        minutes=15,
        difficulty=3,
        lecture=_SAN_PABLO,
        probe=_probe_name_the_bug,
        has_given=True,
        words=_words_name_the_bug,
        hints=(
            "You do not have to be clever: write the wrong versions yourself and see which one gives these numbers.",
            "One function is enough: your `bptt` with one more argument, `bug`, and an `if` at each of the six places. "
            "Then try the names one after the other.",
            "Two wrong versions can agree in most of their gradients and differ in one. A name fits where "
            "`np.allclose(wrong[k], mine[k])` holds for *all* keys `k`.",
        ),
    ),
    Exercise(
        id="05.3",
        title="truncated back-propagation",
        function="truncated_bptt",
        points=5,
        minutes=15,
        difficulty=4,
        lecture=f"{_MONASH}; Sutskever (2013), section 2.8.6",
        probe=_probe_truncated_bptt,
        words=_words_truncated_bptt,
        hints=(
            "The forward pass stays whole; only backward passes are cut. Write down, for $T=7$, $k_1=3$, $k_2=5$, the "
            "steps that each of the three passes visits and the losses it carries.",
            "Two loops: over passes `for first in range(0, T, k1)` with `end = min(first + k1, T)`, and inside it "
            "backwards over `range(max(0, end - k2), end)`. Each pass begins with nothing carried.",
            "Inside, a step's loss joins only where `t >= first`: there `dh = do[t] @ W_y.T + carried`, and the "
            "readout gets its gradient. For earlier steps `dh = carried`. All else is as in `bptt`.",
        ),
        withheld=("rnnkit.unroll.truncated_bptt",),
    ),
    Exercise(
        id="05.4",
        title="checkpointing",
        function="checkpointed_bptt",
        points=4,
        minutes=15,
        difficulty=4,
        lecture="beyond the lectures: Chen et al. (2016)",
        probe=ex05_checkpointing.probe,
        oracle=ex05_checkpointing.CellOracle,
        words=ex05_checkpointing.words,
        advice=ex05_checkpointing.advice,
        hints=(
            "Two phases. Forward: run all steps, keep the state only where `t % every == 0`. Backward: take the "
            "segments between kept states, the last one first.",
            "For one segment: from its kept state, run its steps again and put the states in a short list. Then go "
            "back through it as in `bptt`, with `upstream(t, h)` in the place of `do[t] @ W_y.T`.",
            "The last segment may be shorter: `end = min(start + every, T)`. With `states = [kept[start], …]`, the "
            "state before `x[t]` is `states[t - start]`, the one after it `states[t - start + 1]`. `carried` lives on "
            "from segment to segment; after the first one it is the gradient of `h0`.",
        ),
        withheld=("rnnkit.unroll.checkpointed_bptt",),
    ),
    Exercise(
        id="05.5",
        title="teacher forcing in parallel",
        function="teacher_forced_loss",
        points=3,
        minutes=15,
        difficulty=2,
        lecture=f"{_MONASH}; San Pablo, slide Teaching forcing",
        probe=_probe_teacher_forced_loss,
        advice=_advise_parallel,
        hints=(
            "In training all of `y` is known. So what every step needs from the step before can be laid out before any "
            "step is computed.",
            "`np.eye(V)[y]` has shape `(T, B, V)`. Build an array of zeros of that shape and fill it from step 1 on; "
            "step 0 has no previous symbol.",
            "`previous[1:] = np.eye(V)[y[:-1]]`. Then `x @ W_x` and `previous @ W_r` multiply all steps at once: `@` "
            "treats the leading axes as a stack. The true symbols' log-probabilities come from `np.take_along_axis`.",
        ),
        withheld=(
            "rnnkit.forcing.OutputRNN.hidden",
            "rnnkit.forcing.OutputRNN.logits",
            "rnnkit.forcing.OutputRNN.loss_and_gradients",
        ),
    ),
)
