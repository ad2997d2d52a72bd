"""Values on their way from an answer to whoever judges it: arrays in, JSON across, arrays out, words for a difference.

What arrives may have been made by hand to do harm, so :func:`decode` takes a short list of dtypes, bounds every size
and never unpickles.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

MIME = "application/vnd.rnnkit.values+json"
"""The type under which a kernel publishes values."""

DTYPES = ("<f4", "<f8", "<i4", "<i8", "|b1")
"""The dtypes that travel."""

MAX_ARRAYS, MAX_AXES, MAX_BYTES = 256, 6, 1 << 22
"""How much may travel at once."""

_KINDS = {"f": "numbers", "i": "whole numbers", "b": "True or False"}


class FormError(ValueError):
    """An answer returned something of another form than the exercise asks for."""


def to_arrays(raw: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Turn whatever an answer returned into plain, contiguous arrays of a dtype that travels.

    Lists, NumPy scalars, subclasses of ``ndarray``, torch tensors, any byte order and any integer type are taken.

    Raises
    ------
    FormError
        Naming the value and what is wrong with it.
    """
    if len(raw) > MAX_ARRAYS:
        raise FormError(f"there are {len(raw)} values, at most {MAX_ARRAYS} travel")
    arrays = {name: _to_array(name, value) for name, value in raw.items()}
    if (size := sum(array.nbytes for array in arrays.values())) > MAX_BYTES:
        raise FormError(f"the values take {size:,} bytes, at most {MAX_BYTES:,} travel")
    return arrays


def _to_array(name: str, value: Any) -> np.ndarray:
    try:
        if hasattr(value, "detach"):  # a torch tensor, wherever it lies
            _check_precision(name, str(value.dtype).removeprefix("torch."))
            value = value.detach().cpu().resolve_conj().resolve_neg().numpy()
        array = np.asarray(value)
    except FormError:
        raise
    except Exception as error:  # a tensor has many ways not to be an array
        raise FormError(f"{name} is no array of numbers: {error}") from None
    if array.ndim > MAX_AXES:
        raise FormError(f"{name} has {array.ndim} axes, at most {MAX_AXES} travel")
    _check_precision(name, array.dtype.name)
    if array.dtype.kind == "f":
        dtype = "<f4" if array.dtype.itemsize == 4 else "<f8"
    elif array.dtype.kind == "b":
        dtype = "|b1"
    elif array.dtype.kind in "iu":
        if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
            raise FormError(f"{name} is unsigned and holds {array.max()}: did it go below zero? Use int64")
        dtype = "<i4" if array.dtype.itemsize == 4 and array.dtype.kind == "i" else "<i8"
    else:
        if not array.ndim:
            raise FormError(f"{name} is no number and no array but {type(value).__name__}")
        remedy = {"c": ": take its .real", "O": ": is there a None among them, or a row that is shorter?"}
        raise FormError(f"{name} is an array of {array.dtype}{remedy.get(array.dtype.kind, '')}")
    return np.array(array, dtype=dtype, order="C", subok=False)


def _check_precision(name: str, dtype: str) -> None:
    """Refuse floats that are too short for any gradient."""
    digits = "three digits" if dtype == "float16" else "two digits"
    if dtype in ("float16", "bfloat16") or dtype.startswith("float8"):
        raise FormError(f"{name} is {dtype}, which keeps {digits} only: compute in float64 (or float32)")


def encode(values: Mapping[str, Any]) -> dict[str, Any]:
    """Write values as plain JSON: dtype, shape and little-endian bytes in base64, by name."""
    return {
        name: {"dtype": array.dtype.str, "shape": list(array.shape), "b64": base64.b64encode(array.tobytes()).decode()}
        for name, array in to_arrays(values).items()
    }


def decode(obj: object) -> dict[str, np.ndarray]:
    """Read what :func:`encode` wrote.

    Raises
    ------
    ValueError
        For anything else, however it came about.
    """
    if not isinstance(obj, dict) or len(obj) > MAX_ARRAYS:
        raise ValueError(f"values must be a dict of at most {MAX_ARRAYS} arrays")
    left, values = MAX_BYTES, {}
    for name, packed in obj.items():
        if not isinstance(name, str) or len(name) > 200:
            raise ValueError("the name of a value must be a str of at most 200 characters")
        values[name] = _decode_array(packed, left)
        left -= values[name].nbytes
    return values


def _decode_array(packed: object, limit: int) -> np.ndarray:
    if not isinstance(packed, dict) or set(packed) != {"dtype", "shape", "b64"}:
        raise ValueError("a value must have dtype, shape and b64, nothing else")
    dtype, shape, text = packed["dtype"], packed["shape"], packed["b64"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or len(shape) > MAX_AXES:
        raise ValueError(f"shape must be a list of at most {MAX_AXES} lengths")
    if not all(type(n) is int and 0 <= n <= MAX_BYTES for n in shape):
        raise ValueError("the lengths in shape must be small non-negative ints")
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size > limit:
        raise ValueError(f"at most {MAX_BYTES} bytes of values travel")
    if not isinstance(text, str) or len(text) > 4 * (size // 3 + 1):
        raise ValueError("b64 must be a str as long as shape says")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("b64 is not base64") from None
    if len(data) != size:
        raise ValueError("b64 must hold as many bytes as shape says")
    return np.frombuffer(data, dtype).reshape(shape).copy()


def compare(got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], rtol: float, atol: float) -> str | None:
    """Say in words where ``got`` first differs from ``expected``; None where it does not."""
    return compare_form(got, expected) or compare_numbers(got, expected, rtol, atol)


def compare_form(got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> str | None:
    """Say in words which name, shape or kind of dtype first differs."""
    for name, want in expected.items():
        if name not in got:
            return f"{name} is missing"
        have = got[name]
        if have.shape != want.shape:
            return f"{name} has shape {have.shape}, expected {want.shape}"
        if (have.dtype.kind == "b") != (want.dtype.kind == "b"):
            return f"{name} is {have.dtype}, expected {_KINDS[want.dtype.kind]}"
    extra = next((name for name in got if name not in expected), None)
    return None if extra is None else f"{extra} was not asked for"


def compare_numbers(
    got: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], rtol: float, atol: float
) -> str | None:
    """Say in words which entry first differs by more than ``atol + rtol * abs(expected)``; the form must be right."""
    for name, want in expected.items():
        have = got[name]
        if want.dtype.kind == "b":
            if not np.array_equal(have, want):
                return f"“{name}” should hold and does not" if want.all() else f"“{name}” holds and should not"
            continue
        a, e = have.astype(np.float64), want.astype(np.float64)
        with np.errstate(invalid="ignore"):
            wrong = ~((np.abs(a - e) <= atol + rtol * np.abs(e)) | (a == e))
        if wrong.any():
            return _difference(name, have, a, e, wrong)
    return None


def _difference(name: str, have: np.ndarray, a: np.ndarray, e: np.ndarray, wrong: np.ndarray) -> str:
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    entry = f"{name}[{', '.join(map(str, first))}]" if first else name
    digits = next((d for d in (6, 9, 12) if f"{a[first]:.{d}g}" != f"{e[first]:.{d}g}"), 17)
    got, want = a[first] + 0.0, e[first] + 0.0  # "-0" tells nobody anything
    words = f"{entry} is {got:.{digits}g}, expected {want:.{digits}g}"
    if wrong.size > 1:
        words += f" ({wrong.sum()} of {wrong.size} entries differ)"
    finite = np.isfinite(a[wrong]).all()
    if have.dtype == np.float32 and finite and np.abs(a - e).max() < 1e-2 * np.abs(e).max():
        words += "; yours is float32 and its rounding is too coarse here: compute in float64"
    return words
