"""The exercises of notebook 03: what each check calls, and which values it looks at.

Sizes are pairwise different and ``W_h`` is not symmetric, so that a transposed matrix, or a shape that only happens to
fit, shows. Functions that an answer is handed are closures over weights drawn from the same generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnkit.check import ex03_blind_spot
from rnnkit.check.exercise import TORCH_AUTOGRAD, TORCH_LAYERS, Answer, Arrays, Exercise, fresh
from rnnkit.check.values import FormError

Values = dict[str, Any]

LECTURES: Mapping[str, tuple[str, ...]] = {
    "Lecture 9": ("W_hh", "W_xh"),
    "Barcelona": ("U", "W"),
    "TTIC": ("W_hh", "W_xh", "B"),
    "San Pablo": ("W_h", "b_a"),
    "Monash": ("theta",),
}
"""Exercise 03.1: the lectures, and what each calls its weights."""

HOW = ("initial", "each_step", "both")
"""Exercise 03.6: the ways of telling a network its context, as in :class:`rnnkit.cells.Conditioned`."""


def _normal(rng: np.random.Generator, shapes: Mapping[str, tuple[int, ...]], scale: float) -> dict[str, np.ndarray]:
    return {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}


# ------------------------------------------------------------------ 03.1


def _probe_convert(lecture: str) -> Callable[[Answer, np.random.Generator, Arrays], Values]:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> Values:
        I, H = 3, 5  # noqa: E741
        weights = answer(_normal(rng, {"W_x": (I, H), "W_h": (H, H), "b": (H,)}, 1.0))
        if not isinstance(weights, Mapping) or lecture not in weights:
            there = f"entries {', '.join(map(repr, weights))}" if isinstance(weights, Mapping) else _kind(weights)
            raise FormError(f"convert must return a dict with an entry {lecture!r}, got {there}")
        found = weights[lecture]
        names = LECTURES[lecture]
        if not isinstance(found, Mapping) or any(name not in found for name in names):
            there = f"entries {', '.join(map(repr, found))}" if isinstance(found, Mapping) else _kind(found)
            raise FormError(f"the entry {lecture!r} must be a dict of {', '.join(names)}, got {there}")
        return {name: _one_array(found[name], name) for name in names}

    return probe


def _one_array(result: Any, name: str) -> Any:
    """Return what an answer calls ``name``; FormError for None, and for a list whose parts do not fit each other."""
    if result is None:
        raise FormError(f"{name} is None: is a return, or this part of the answer, missing?")
    if isinstance(result, tuple | list):
        shapes = [str(np.shape(part)) for part in result if not isinstance(part, tuple | list)]
        if len(set(shapes)) > 1:
            raise FormError(f"{name} must be one array, got a {type(result).__name__} of arrays {', '.join(shapes)}")
    return result


def _kind(result: Any) -> str:
    return "None (is a return missing?)" if result is None else f"a {type(result).__name__}"


# ------------------------------------------------------------------ 03.2


_LARGE = " with scores of 1000"


class Padded(NamedTuple):
    """Scores of sequences of different lengths, as ``masked_cost`` takes them."""

    o: np.ndarray
    y: np.ndarray
    lengths: np.ndarray


def draw_padded(rng: np.random.Generator) -> Padded:
    """Draw scores and true symbols; on padding the scores are noise and the symbol is -1."""
    T, B, V = 7, 3, 5
    lengths = rng.permutation([T, *rng.choice(np.arange(2, T), B - 1, replace=False)]).astype(np.int64)
    real = np.arange(T)[:, None] < lengths
    y = np.where(real, rng.integers(0, V, (T, B)), -1).astype(np.int64)
    return Padded(3 * rng.standard_normal((T, B, V)), y, lengths)


def with_large_scores(problem: Padded) -> Padded:
    """Return the same problem with one row of scores moved by 1000, and one true symbol 1000 below another."""
    o = problem.o.copy()
    o[0, 0] += 1000.0
    o[1, 1, (problem.y[1, 1] + 1) % o.shape[-1]] += 1000.0
    return problem._replace(o=o)


def _probe_masked_cost(*wanted: str) -> Callable[[Answer, np.random.Generator, Arrays], Values]:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> Values:
        problem = draw_padded(rng)
        values = Values()
        for case, where in ((problem, ""), (with_large_scores(problem), _LARGE)):
            result = answer(*(array.copy() for array in case))
            if not isinstance(result, tuple | list) or len(result) != 3:
                raise FormError(f"masked_cost must return the three (cost, steps, do), got {_parts(result)}")
            parts = dict(zip(("cost", "steps", "do"), result, strict=True))
            values |= {name + where: _one_array(parts[name], name) for name in wanted}
        return values

    return probe


def _parts(result: Any) -> str:
    return f"a {type(result).__name__} of {len(result)}" if isinstance(result, tuple | list) else _kind(result)


def _words_masked_cost(name: str, got: np.ndarray, expected: np.ndarray) -> str | None:
    remedy = "subtract the largest score of each row first, and take log p from the scores, never from p"
    if not np.isfinite(got.astype(np.float64)).all():
        return (
            f"{name} holds NaN or infinity: exp overflows above 709, and the log of a probability that rounds to 0 is "
            f"infinite; {remedy}"
        )
    if name.endswith(_LARGE):  # the small ones were right
        return (
            f"{name.removesuffix(_LARGE)} is right for small scores, and wrong where some are as large as 1000 (exp "
            f"overflows, or p rounds to 0): {remedy}"
        )
    padding = ~expected.any(axis=-1) if name == "do" else np.zeros(expected.shape, bool)
    if got[padding].any() and np.allclose(got[~padding], expected[~padding], rtol=1e-4, atol=1e-6):
        return "do is right on real symbols, and not zero on padding"
    return None


# ------------------------------------------------------------------ 03.3


def draw_parts(rng: np.random.Generator) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Draw a cell's step (I = 3, H = 5), its readout (V = 6) and the step of a decoder that reads scores."""
    I, H, V = 3, 5, 6  # noqa: E741
    w = _normal(rng, {"W_x": (I, H), "W_h": (H, H), "b": (H,), "W_o": (V, H), "U": (H, H), "d": (H,)}, 0.6)
    readouts = _normal(rng, {"W_y": (H, V), "b_y": (V,)}, 0.8)

    def step(x: Any, h: Any) -> np.ndarray:
        return np.asarray(np.tanh(np.asarray(x) @ w["W_x"] + np.asarray(h) @ w["W_h"] + w["b"]))

    def readout(h: Any) -> np.ndarray:
        return np.asarray(np.asarray(h) @ readouts["W_y"] + readouts["b_y"])

    def decode(o: Any, h: Any) -> np.ndarray:
        return np.asarray(np.tanh(np.asarray(o) @ w["W_o"] + np.asarray(h) @ w["U"] + w["d"]))

    return step, readout, decode


def _probe_wire(*patterns: str) -> Callable[[Answer, np.random.Generator, Arrays], Values]:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> Values:
        T, B, I, H = 4, 2, 3, 5  # noqa: E741
        parts, x, h0 = draw_parts(rng), rng.standard_normal((T, B, I)), 0.5 * rng.standard_normal((B, H))
        values = Values()
        for pattern in patterns:
            read = x[:1] if pattern == "one-to-many" else x
            outputs = answer(pattern, read.copy(), h0.copy(), *parts, 7)
            if outputs is None:
                raise FormError(f"wire must return the outputs, got None for {pattern!r} (is a return missing?)")
            values[f"{pattern}: outputs"] = _one_array(outputs, "outputs")
        return values

    return probe


# ------------------------------------------------------------------ 03.4


def _probe_output_recurrent(answer: Answer, rng: np.random.Generator, given: Arrays) -> Values:
    T, B, I, H, V = 6, 2, 3, 5, 4  # noqa: E741
    shapes = {"W_x": (I, H), "W_r": (V, H), "b": (H,), "W_y": (H, V), "b_y": (V,)}
    params = _normal(rng, shapes, 0.7)
    return {"o": _one_array(answer(rng.standard_normal((T, B, I)), rng.standard_normal((B, V)), params), "o")}


# ------------------------------------------------------------------ 03.6; 03.5 has a module of its own


def _probe_conditioned(how: str) -> Callable[[Answer, np.random.Generator, Arrays], Values]:
    def probe(answer: Answer, rng: np.random.Generator, given: Arrays) -> Values:
        T, B, I, H, C = 6, 2, 3, 5, 4  # noqa: E741
        shapes = {"W_x": (I, H), "W_h": (H, H), "b": (H,), "W_c": (C, H), "V": (C, H)}
        params = _normal(rng, shapes, 0.6)
        x, c = rng.standard_normal((T, B, I)), rng.standard_normal((B, C))
        return {"h": _one_array(answer(x, c, fresh(params), how), "h")}

    return probe


# ------------------------------------------------------------------ the exercises

_LIBRARY_STEPS = (
    "rnnkit.cells.VanillaRNN.step",
    "rnnkit.cells.OutputRecurrent.step",
    "rnnkit.cells.Conditioned.inputs",
    "rnnkit.cells.Conditioned.initial_state",
    "rnnkit.unroll.unroll",
    "rnnkit.run.run",
    "rnnkit.kernels.forward",
    "rnnkit.layers.Recurrent.forward",
    # other roads to the same loop, and to the same step: cells that contain this one, and what the check itself runs
    "rnnkit.unroll.unroll_copies",
    "rnnkit.unroll.forward.states_of",
    "rnnkit.probe.forced_unroll",
    "rnnkit.kernels.engine.Engine.forward",
    "rnnkit.kernels.vanilla.VanillaEngine.steps",
    "rnnkit.kernels.stepper.Stepper",
    "rnnkit.torch.engines.run_cell",
    "rnnkit.torch.engines._recorded",
    "rnnkit.cells.OutputRecurrent._units",
    "rnnkit.cells.Leaky.step",
    "rnnkit.cells.Leaky._squashed",
    "rnnkit.cells.UGRNN._parts",
    "rnnkit.cells.GRU._parts",
    "rnnkit.cells.LSTM._parts",
    "rnnkit.cells.DeepTransition.step",
    "rnnkit.cells.DeepTransition._walk",
    "rnnkit.cells.deep.DeepReadout._walk",
    "rnnkit.forcing.OutputRNN.hidden",
    "rnnkit.trees.MatrixComposition.compose",
    "rnnkit.trees.TensorComposition.compose",
    "rnnkit.seq2seq.convolution.Convolution.forward",
    "rnnkit.check.ex03_blind_spot.later_outputs",
    *(f"rnnkit.notations.{lecture}" for lecture in ("lecture_9", "barcelona", "ttic", "san_pablo", "monash")),
    *TORCH_LAYERS,
)
_CONVERT_HINTS = (
    "A column is a row stood up: $(x W)^\\top = W^\\top x^\\top$. So where a line has $M x_t$, its $M$ is our "
    "$W_x^\\top$, and where it has $M^\\top x_t$, its $M$ is our $W_x$.",
    "$[x_t; 1]$ has $I+1$ entries, and its last one always meets the same weights: put the bias there. For San Pablo, "
    "write $W_x^\\top x_t + W_h^\\top h_{t-1}$ as one product with $[x_t; h_{t-1}]$: two blocks side by side.",
    '`tall = np.vstack([W_x, b])` is `"W_xh"` of Lecture 9, and `tall.T` is `"U"` of Barcelona. TTIC has `W_x.T`, '
    "`W_h.T` and `-b`; San Pablo `np.hstack([W_x.T, W_h.T])`; Monash `np.concatenate` of three `.ravel()`.",
)
_COST_HINTS = (
    "Say first which symbols count: `np.arange(T)[:, None] < lengths` is a table `(T, B)` of True and False. "
    "Everything else is weighted by it.",
    "Let `weight` be the mask divided by its sum: 0 on padding, $1/N$ elsewhere. Then `steps` is the sum over the "
    "batch of `weight` times the losses, and the gradient is `weight[..., None]` times $p_t - \\mathbf 1_{y_t}$.",
    "With `o = o - o.max(axis=-1, keepdims=True)`, `log_p = o - np.log(np.exp(o).sum(axis=-1, keepdims=True))` cannot "
    "overflow. Make the symbols valid with `np.where(mask, y, 0)`; `np.eye(V)[...]` of them are the rows "
    "$\\mathbf 1_{y_t}$, and `-(log_p * those).sum(axis=-1)` the losses.",
)
_WIRE_HINTS = (
    "The first three patterns are one loop. They differ in what it reads, and in which of its outputs you return.",
    "One-to-many: put `steps - 1` inputs of zeros behind `x`. Many-to-one: the last entry of the list of outputs. For "
    "the encoder–decoder, write two loops: the first returns nothing but its last state.",
    "Second loop: begin with the encoder's last state `h` and `o = np.zeros_like(readout(h))`; then, `steps` times, "
    "`h = decode(o, h)`, `o = readout(h)`, and put `o` in the list. `np.stack` makes an array of a list.",
)
_CONTEXT_HINTS = (
    "Two questions, each with yes or no: where does the state begin, and is something added to $z_t$ at every step?",
    '`how in ("initial", "both")` answers the first one, `how in ("each_step", "both")` the second. '
    "$[x_t, c]$ times the two matrices, one above the other, is $x_t W_x + c W_c$.",
    "`drive = c @ W_c` or `0`, once, before the loop. Then `h.append(np.tanh(x[t] @ W_x + drive + h[t] @ W_h + b))`, "
    "beginning with `h = [np.tanh(c @ V)]` or a row of zeros for each sequence.",
)
TORCH_LOSSES = (
    "torch.nn.functional.cross_entropy",
    "torch.nn.functional.nll_loss",
    "torch.nn.CrossEntropyLoss",
    "torch.nn.NLLLoss",
    "torch._C._nn.cross_entropy_loss",
    "torch._C._nn.nll_loss",
    "torch._C._nn.nll_loss_nd",
    "torch._C._nn.nll_loss2d",
    "torch.ops.aten.cross_entropy_loss",
    "torch.ops.aten.nll_loss",
    "torch.ops.aten.nll_loss_forward",
    "torch.ops.aten.nll_loss_nd",
    "torch.ops.aten.nll_loss2d",
    "torch.ops.aten.nll_loss2d_forward",
)
"""Where a cost is the question: torch's own is the answer, in one line."""

_LIBRARY_LOSSES = (
    "rnnkit.losses.softmax_cross_entropy",
    "rnnkit.losses._reduced",
    "rnnkit.language.model.target_log_probs",
    "rnnkit.gradients.central_difference",
    "rnnkit.gradients.complex_step",
    *TORCH_LOSSES,
    *TORCH_AUTOGRAD,
)


def _parted(
    number: str,
    function: str,
    difficulty: int,
    lecture: str,
    hints: tuple[str, str, str],
    withheld: tuple[str, ...],
    parts: Sequence[tuple[str, int, int, Any]],
    **more: Any,
) -> tuple[Exercise, ...]:
    """Make the checks of one function: for each a title, points, minutes and the probe."""
    return tuple(
        Exercise(
            id=f"{number}{letter}",
            title=title,
            function=function,
            points=points,
            minutes=minutes,
            difficulty=difficulty,
            lecture=lecture,
            probe=probe,
            hints=hints,
            withheld=withheld,
            **more,
        )
        for letter, (title, points, minutes, probe) in zip("abcde", parts, strict=False)
    )


EXERCISES = (
    *_parted(
        "03.1",
        "convert",
        2,
        "the cell's slide in each lecture",
        _CONVERT_HINTS,
        ("rnnkit.notations.weights", "rnnkit.notations.steps"),
        [(f"the weights of {lecture}", 1, 4, _probe_convert(lecture)) for lecture in LECTURES],
    ),
    *_parted(
        "03.2",
        "masked_cost",
        3,
        "San Pablo, slide Loss Function and Cost Function",
        _COST_HINTS,
        _LIBRARY_LOSSES,
        [
            ("the cost, step by step", 2, 12, _probe_masked_cost("cost", "steps")),
            ("its gradient", 2, 8, _probe_masked_cost("do")),
        ],
        words=_words_masked_cost,
    ),
    *_parted(
        "03.3",
        "wire",
        2,
        "Barcelona, slides one to one to many to many",
        _WIRE_HINTS,
        _LIBRARY_STEPS,
        [
            ("one input, many outputs", 1, 5, _probe_wire("one-to-many")),
            ("many inputs", 1, 5, _probe_wire("many-to-one", "aligned")),
            ("encoder and decoder", 1, 5, _probe_wire("encoder-decoder")),
        ],
    ),
    Exercise(
        id="03.4",
        title="recurrence from the output",
        function="output_recurrent",
        points=2,
        minutes=10,
        difficulty=2,
        lecture="San Pablo, slide Modeling Sequences Conditioned on Context with RNNs",
        probe=_probe_output_recurrent,
        hints=(
            "It is the loop of the vanilla cell with another messenger: what goes from step to step is $o$, not $h$.",
            "Keep one array `o`, which begins as `o0`. In each step, first the state from `x[t]` and `o`, then the new "
            "`o` from the state. The state itself is forgotten.",
            'In the loop: `h = np.tanh(x[t] @ params["W_x"] + o @ params["W_r"] + params["b"])`, then '
            '`o = h @ params["W_y"] + params["b_y"]`, and put `o` in a list.',
        ),
        withheld=_LIBRARY_STEPS,
    ),
    ex03_blind_spot.EXERCISE,
    *_parted(
        "03.6",
        "conditioned",
        2,
        "Lecture 9, slide RNNs for Image Captioning",
        _CONTEXT_HINTS,
        _LIBRARY_STEPS,
        [
            ("as the initial state", 1, 4, _probe_conditioned(HOW[0])),
            ("at each step", 1, 3, _probe_conditioned(HOW[1])),
            ("both", 1, 3, _probe_conditioned(HOW[2])),
        ],
    ),
)
