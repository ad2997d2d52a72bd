"""What an exercise is: one question, one function to write, and the probe that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rnnkit.check.oracle import Oracle
from rnnkit.check.values import FormError

Answer: TypeAlias = Callable[..., Any]
"""What a learner writes."""

Arrays: TypeAlias = Mapping[str, np.ndarray]

Probe: TypeAlias = Callable[..., Mapping[str, Any]]
"""``probe(answer, rng, given)``: calls an answer with inputs drawn from the generator (and with given arrays), and
returns the values to look at. With an oracle: ``probe(answer, rng, given, call)``."""

Certify: TypeAlias = Callable[[Arrays, np.random.Generator, Arrays], Mapping[str, Any]]
"""``certify(got, rng, given)``: what the trusted side finds out about the values that an answer handed over."""

Words: TypeAlias = Callable[[str, np.ndarray, np.ndarray], str | None]
"""``words(name, got, expected)``: a sentence about a value that differs; None for the general one."""

LIBRARY_GRADIENTS = (
    "rnnkit.unroll.bptt",
    "rnnkit.unroll.backward_steps",
    "rnnkit.gradients.signals_by_lag",
    "rnnkit.gradients.gradient_by_lag",
    "rnnkit.gradients.double_sum",
    "rnnkit.gradients.total_gradients",
    "rnnkit.gradients.central_difference",
    "rnnkit.gradients.complex_step",
)
"""Where a backward pass is the question: the ways of rnnkit that serve every network."""

TORCH_AUTOGRAD = (
    "torch.autograd.grad",
    "torch.autograd.backward",
    "torch.autograd.forward_ad.make_dual",
    "torch.autograd.Variable._execution_engine",
    "torch.autograd.variable.ImperativeEngine",
    "torch._C._ImperativeEngine",
    "torch.ops.aten._backward",
    "torch.ops.aten.backward",
    "torch.ops.aten.grad",
    "torch.jit.CompilationUnit",
    "torch._C.CompilationUnit",
    "torch._VF._make_dual",
    "torch._make_dual",
    "torch.ops.aten._make_dual",
    "torch.Tensor.backward",
    "torch.func.grad",
    "torch.func.grad_and_value",
    "torch.func.vjp",
    "torch.func.jvp",
    "torch.func.jacrev",
    "torch.func.jacfwd",
)
"""Where a backward pass is the question: torch's own is the answer, in one line."""

TORCH_LAYERS = (
    *(f"torch.nn.{kind}{part}" for part in ("", "Cell") for kind in ("RNN", "LSTM", "GRU")),
    *(
        f"{torch}.{kind}{part}"
        for torch in ("torch", "torch._VF", "torch.ops.aten")
        for part in ("", "_cell")
        for kind in ("rnn_tanh", "rnn_relu", "lstm", "gru")
    ),
)
"""Where a recurrent layer is the question: torch's ready-made ones, as classes and as functions."""


@dataclass(frozen=True)
class Exercise:
    """One check of one exercise; a function may have several checks."""

    id: str
    """Such as ``"05.1a"``."""
    title: str
    function: str
    """Name of the function to write."""
    points: int
    minutes: int
    difficulty: int
    """From 1 to 5."""
    lecture: str
    """Where the lectures treat it."""
    probe: Probe
    hints: tuple[str, str, str]
    """Of rising strength, as in the notebook."""
    withheld: tuple[str, ...] = ()
    """Dotted names, in rnnkit or torch, that are the answer; the grader locks them."""
    has_given: bool = False
    """Whether the probe needs arrays that only the trusted side can make."""
    certify: Certify | None = None
    """Where the answer hands over what it made (trained parameters): how the trusted side evaluates it, on data drawn
    from a seed that never enters the answer's process. Only what this returns is compared."""
    oracle: Callable[[np.random.Generator], Oracle] | None = None
    """Where it matters how the answer calls functions: those functions; their evidence joins the values."""
    words: Words | None = None
    advice: Callable[[Answer, np.random.Generator], str | None] | None = None
    """What to say of a right answer that costs more than it need: measured beside the answer, so it decides nothing."""
    rtol: float = 1e-4
    atol: float = 1e-6
    """An answer may differ by ``atol + rtol * abs(expected)``: float32 passes, no wrong answer does."""


def fresh(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Copy arrays, so that an answer may change what it is handed."""
    return {name: np.array(array) for name, array in arrays.items()}


def pair_of(result: Any, function: str, first: str, second: str) -> tuple[Any, Any]:
    """Return the two parts of ``result``.

    Raises
    ------
    FormError
        When it is no pair.
    """
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise FormError(f"{function} must return the pair ({first}, {second}), got {_described(result)}")
    return result[0], result[1]


def entries_of(result: Any, function: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the entries ``names`` of a dict of gradients; other entries are left alone.

    Raises
    ------
    FormError
        Naming the entries that are missing, and the ones that might be meant.
    """
    if not isinstance(result, Mapping):
        raise FormError(f"{function} must return its gradients in a dict, got {_described(result)}")
    if missing := [name for name in names if name not in result]:
        there = ", ".join(str(name) for name in result) or "nothing"
        raise FormError(f"the gradients of {function} lack {', '.join(missing)}; there is {there}")
    return {name: result[name] for name in names}


def parameters_of(got: Arrays, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return the parameters that an answer handed over, as float64: what a ``certify`` begins with.

    Raises
    ------
    FormError
        When one is missing, has another shape, is not numbers, or holds NaN or infinity.
    """
    found = {}
    for name, shape in shapes.items():
        if name not in got:
            raise FormError(f"the parameters lack {name}; there is {', '.join(got)[:100] or 'nothing'}")
        array = got[name]
        if array.shape != shape or array.dtype.kind not in "fi":
            raise FormError(f"{name} must hold numbers of shape {shape}, got {array.dtype} of shape {array.shape}")
        if not np.isfinite(array).all():
            raise FormError(f"{name} holds NaN or infinity")
        found[name] = array.astype(np.float64)
    return found


def at_most(value: Any, bound: float) -> float:
    """Return ``bound`` for any finite ``value`` up to it, else the value: what keeps the bound is equal, by number.

    So a trained answer is compared like any other, its loss is named where it is too high, and the stored value is the
    bound itself on every machine. Name it so that the number can be read: ``"the loss on new data (at most 0.3)"``.
    """
    number = float(value)
    return float(bound) if np.isfinite(number) and number <= bound else number


def at_least(value: Any, bound: float) -> float:
    """Return ``bound`` for any finite ``value`` from it on, else the value; as :func:`at_most`."""
    return -at_most(-float(value), -bound)


def _described(result: Any) -> str:
    if result is None:
        return "None (is a return missing?)"
    if isinstance(result, tuple | list):
        return f"a {type(result).__name__} of {len(result)}"
    return f"{type(result).__name__}"
