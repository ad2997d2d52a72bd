"""What a learner is told, in this order: not written yet · your code raised · wrong form · known mistake · number."""

from __future__ import annotations

import json
import linecache
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from rnnkit.check.exercise import Answer, Exercise
from rnnkit.check.values import FormError, compare, compare_form, compare_numbers, decode

Values = Mapping[str, np.ndarray]
RunProbe = Callable[[Exercise, Answer, int, Values], dict[str, np.ndarray]]


class NotRightYet(AssertionError):  # noqa: N818 -- a learner reads this name
    """An answer is not right yet; the message says why."""

    def _render_traceback_(self) -> list[str]:
        """Show the message alone in a notebook: what lies above it is our code, not the learner's."""
        return [str(self)]


def load_golden(notebook: str) -> dict[str, Any]:
    """Return the stored values of a notebook's exercises: by id, then by public seed."""
    path = Path(__file__).with_name("golden") / f"{notebook}.json"
    golden: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return golden


def diagnose(exercise: Exercise, answer: Answer, golden: Mapping[str, Any], run_probe: RunProbe) -> str | None:
    """Say in words what is wrong with ``answer``; None where nothing is.

    Parameters
    ----------
    exercise, answer
        What is asked, and what was written.
    golden
        By public seed: the ``given`` arrays, the ``expected`` values, and what differs in every known ``wrong`` answer.
    run_probe
        :func:`rnnkit.check.run_probe`.
    """
    if not callable(answer):
        return (
            f"this wants the function {exercise.function} itself, got {type(answer).__name__}; "
            f'write check("{exercise.id}", {exercise.function})'
        )
    for seed, stored in golden.items():
        given, expected = decode(stored["given"]), decode(stored["expected"])
        try:
            got = run_probe(exercise, answer, int(seed), given)
        except FormError as error:
            return str(error)
        except (Exception, SystemExit) as error:
            return unwritten(error, exercise, answer) or _raised(error, answer)
        if compare(got, expected, exercise.rtol, exercise.atol):
            return (
                compare_form(got, expected)
                or _known(exercise, got, expected, stored["wrong"])
                or _number(exercise, got, expected)
            )
    return None


def unwritten(error: BaseException, exercise: Exercise, answer: Answer) -> str | None:
    """Tell from where a ``NotImplementedError`` was raised whether it is a stub's; None for any other error.

    One that comes out of a library (torch has many) is an error of the answer like others.
    """
    frames = list(traceback.walk_tb(error.__traceback__)) if isinstance(error, NotImplementedError) else []
    if not frames or frames[-1][0].f_globals is not _namespace(answer):
        return None
    code = frames[-1][0].f_code
    own = code is getattr(answer, "__code__", None)
    if own or (isinstance(answer, type) and code.co_qualname.startswith(f"{answer.__qualname__}.")):
        return "not written yet"
    return f"{code.co_name}, which your {exercise.function} calls, is not written yet"


def _namespace(answer: Answer) -> dict[str, Any] | None:
    """Return the globals of the learner's code: a function's own, a class's module's."""
    if isinstance(answer, type):
        return vars(sys.modules[answer.__module__]) if answer.__module__ in sys.modules else None
    return getattr(answer, "__globals__", None)


def _raised(error: BaseException, answer: Answer) -> str:
    words = "".join(traceback.format_exception_only(error)).strip()[:500]
    line = _learners_line(error.__traceback__, answer)
    return f"your code raised {words}" + (f"\n  line {line[0]}: {line[1]}" if line else "")


def _learners_line(where: TracebackType | None, answer: Answer) -> tuple[int, str] | None:
    """Find the innermost line that is the learner's: one that shares its globals with the answer."""
    namespace, found = _namespace(answer), None
    for frame, number in traceback.walk_tb(where):
        if frame.f_globals is namespace:
            found = number, linecache.getline(frame.f_code.co_filename, number).strip()
    return found


def _known(exercise: Exercise, got: Values, expected: Values, wrong: Mapping[str, Any]) -> str | None:
    """Name the known mistake (or mistakes) that gives exactly these values."""
    names = [
        name
        for name, different in wrong.items()
        if not compare(got, {**expected, **decode(different)}, exercise.rtol, exercise.atol)
    ]
    return f"your numbers are exactly what one gets when {', or when '.join(names)}" if names else None


def _number(exercise: Exercise, got: Values, expected: Values) -> str | None:
    tolerance = exercise.rtol, exercise.atol
    for name, want in expected.items():
        if difference := compare_numbers({name: got[name]}, {name: want}, *tolerance):
            return (exercise.words and exercise.words(name, got[name], want)) or difference
    return None


@contextmanager
def untouched_randomness() -> Iterator[None]:
    """Give the learner back the random states of :mod:`random`, NumPy and (where it is loaded) torch as they were."""
    torch = sys.modules.get("torch")
    plain, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 -- the learner may use it
    torchs = torch.get_rng_state() if torch is not None else None
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(numpys)  # noqa: NPY002
        if torch is not None:
            torch.set_rng_state(torchs)
