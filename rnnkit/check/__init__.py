"""Feedback for the learner: ``check("05.1a", bptt)`` tells at once what is right, or what is wrong.

An exercise is a *probe*: what to call with which random inputs, and which values to look at. :func:`check` compares
them with stored values at three public seeds; :func:`emit` only publishes them, for a grader that compares outside
this process. Nothing here holds an answer, and nothing needs more than NumPy.

``exercise`` says what an exercise is · ``probing`` gets the values to compare · ``oracle`` holds functions that
remember how they were called · ``values`` carries arrays as JSON and finds differences · ``feedback`` words them ·
``ex05_bptt`` and its like define the exercises of one notebook, ``golden/`` their stored values.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from rnnkit.check import ex01_state, ex02_unfolding, ex03_vanilla_rnn, ex05_bptt
from rnnkit.check.exercise import Answer, Arrays, Exercise
from rnnkit.check.feedback import NotRightYet, diagnose, load_golden, untouched_randomness, unwritten
from rnnkit.check.oracle import Ask, Oracle, Remote, answer_call
from rnnkit.check.probing import generator, judged_values, make_oracle, probe_values, run_probe
from rnnkit.check.values import MIME, FormError, encode

__all__ = [
    "MIME",
    "Exercise",
    "FormError",
    "NotRightYet",
    "UnknownExercise",
    "answer_call",
    "check",
    "emit",
    "exercise",
    "exercises",
    "generator",
    "hint",
    "judged_values",
    "make_oracle",
    "notebooks",
    "probe_values",
    "run_probe",
]

_NOTEBOOKS: Mapping[str, tuple[Exercise, ...]] = {
    "01-state": ex01_state.EXERCISES,
    "02-unfolding": ex02_unfolding.EXERCISES,
    "03-vanilla-rnn": ex03_vanilla_rnn.EXERCISES,
    "05-bptt": ex05_bptt.EXERCISES,
}


class UnknownExercise(ValueError):  # noqa: N818 -- it reads better in a learner's notebook
    """There is no exercise, or no notebook, of that name."""


def notebooks() -> tuple[str, ...]:
    """Return the names of all notebooks with exercises."""
    return tuple(_NOTEBOOKS)


def exercises(notebook: str) -> tuple[Exercise, ...]:
    """Return the exercises of ``notebook``, such as ``"05-bptt"``, in their order.

    Raises
    ------
    UnknownExercise
        When there is no such notebook.
    """
    if notebook not in _NOTEBOOKS:
        near = difflib.get_close_matches(str(notebook), list(_NOTEBOOKS), n=1, cutoff=0.5)
        raise UnknownExercise(_unknown("notebook", notebook, near, list(_NOTEBOOKS)))
    return _NOTEBOOKS[notebook]


def exercise(exercise_id: str) -> Exercise:
    """Return the exercise ``exercise_id``, such as ``"05.1a"``.

    Raises
    ------
    UnknownExercise
        Naming the nearest one, and all of the notebook that is meant.
    """
    return _found(exercise_id)[1]


def _found(exercise_id: str) -> tuple[str, Exercise]:
    known = {one.id: (notebook, one) for notebook, all_of_it in _NOTEBOOKS.items() for one in all_of_it}
    if not isinstance(exercise_id, str) or exercise_id not in known:
        near = difflib.get_close_matches(str(exercise_id), list(known), n=1, cutoff=0.5)
        chapters = {str(exercise_id).partition(".")[0], *(one.partition(".")[0] for one in near)}
        close = [one for one in known if one.partition(".")[0] in chapters]
        raise UnknownExercise(_unknown("exercise", exercise_id, near, close or list(_NOTEBOOKS)))
    return known[exercise_id]


def _unknown(what: str, name: object, near: list[str], known: list[str]) -> str:
    meant = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {what} {name!r}: {meant}There are {', '.join(known)}"


def hint(exercise_id: str, strength: int = 1) -> str:
    """Return a hint, from 1 (a nudge) to 3 (nearly the answer).

    Raises
    ------
    UnknownExercise
        When there is no such exercise.
    ValueError
        When ``strength`` is not 1, 2 or 3.
    """
    hints = exercise(exercise_id).hints
    if strength not in range(1, len(hints) + 1):
        raise ValueError(f"strength must be 1, 2 or 3, got {strength!r}")
    return hints[strength - 1]


def check(exercise_id: str, answer: Answer) -> None:
    """Tell whether ``answer`` solves an exercise; print ``✓`` and its points where it does.

    Parameters
    ----------
    exercise_id
        Such as ``"05.1a"``.
    answer
        The function itself, not what it returns.

    Raises
    ------
    NotRightYet
        An ``AssertionError`` that says what is wrong.
    UnknownExercise
        When there is no such exercise.
    """
    notebook, one = _found(exercise_id)
    with untouched_randomness():
        wrong = diagnose(one, answer, load_golden(notebook)[one.id], run_probe)
        advice = None if wrong or one.advice is None else one.advice(answer, generator(one.id, 0, "advice"))
    if wrong:
        raise NotRightYet(f"✗ {one.id}: {wrong}")
    print(f"✓ {one.id}: {one.points} point{'s' if one.points != 1 else ''}" + (f" · {advice}" if advice else ""))


def emit(exercise_id: str, answer: Answer, seed: int, given: Arrays | None = None, ask: Ask | None = None) -> None:
    """Publish the answer's values at ``seed``, without a verdict: what a check cell does while it is graded.

    One message of type :data:`MIME` leaves the kernel. It holds the exercise's id, the seed, and the values or, where
    the answer raised, the error.

    Parameters
    ----------
    exercise_id, answer, seed, given
        As for :func:`rnnkit.check.probing.run_probe`.
    ask
        Leads to the exercise's oracle, where it has one (see :mod:`rnnkit.check.oracle`). Without it the oracle lives
        here, drawn from ``seed``, and its evidence is no more than a claim of this process.

    Raises
    ------
    UnknownExercise
        When there is no such exercise.
    """
    from IPython.display import publish_display_data

    one = exercise(exercise_id)
    bundle: dict[str, Any] = {"id": one.id, "seed": str(seed)}
    oracle = make_oracle(one, seed) if ask is None else Remote(ask)
    try:
        values: dict[str, Any] = dict(probe_values(one, answer, seed, given, oracle))
        bundle["values"] = encode(values | (oracle.evidence() if isinstance(oracle, Oracle) else {}))
    except (Exception, SystemExit) as error:
        bundle["error"] = _told(error, one, answer)[:500]
    publish_display_data({MIME: bundle})


def _told(error: BaseException, one: Exercise, answer: Answer) -> str:
    """Word an error for the grader, to which what begins with ``NotImplementedError`` is the stub's own."""
    if stub := unwritten(error, one, answer):
        return f"NotImplementedError: {stub}"
    words = f"{type(error).__name__}: {error}"
    return f"a library's {words}" if words.startswith("NotImplementedError") else words
