"""From an answer to the values that are compared: what runs beside the answer, and what only the trusted side runs.

Beside the answer, in a kernel that may be hostile: :func:`probe_values`. On the trusted side, with what came out:
:func:`judged_values`, which adds what an oracle saw and what ``certify`` finds out. :func:`run_probe` is both at once,
for an answer that is trusted (the reference) or judged for its own good (the learner's).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnkit.check.exercise import Answer, Arrays, Exercise, fresh
from rnnkit.check.oracle import Call, Oracle
from rnnkit.check.values import FormError, to_arrays

__all__ = ["generator", "judged_values", "make_oracle", "probe_values", "run_probe"]


def generator(exercise_id: str, seed: int, purpose: str = "") -> np.random.Generator:
    """Return the generator that all random inputs of an exercise come from, another one for each ``purpose``."""
    return np.random.default_rng([seed, *exercise_id.encode(), *purpose.encode()])


def run_probe(
    exercise: Exercise, answer: Answer, seed: int, given: Arrays | None = None, secret: int | None = None
) -> dict[str, np.ndarray]:
    """Call ``answer`` as the exercise wants it and return the values to compare.

    Parameters
    ----------
    exercise, answer
        What is asked, and what was written.
    seed
        Where the inputs come from.
    given
        Arrays that only the trusted side can make.
    secret
        Where an oracle's weights and the data of ``certify`` come from; ``seed`` where nothing has to be kept secret.

    Raises
    ------
    Exception
        Whatever the answer raises.
    FormError
        When it returns something of another form than the exercise asks for.
    """
    secret = seed if secret is None else secret
    oracle = make_oracle(exercise, secret)
    got = probe_values(exercise, answer, seed, given, oracle)
    return judged_values(exercise, got, secret, given, oracle)


def make_oracle(exercise: Exercise, secret: int) -> Oracle | None:
    """Return a fresh oracle for one run of an exercise's probe; None where it has none."""
    return exercise.oracle(generator(exercise.id, secret, "oracle")) if exercise.oracle else None


def probe_values(
    exercise: Exercise, answer: Answer, seed: int, given: Arrays | None = None, call: Call | None = None
) -> dict[str, np.ndarray]:
    """Return what leaves the answer's process; ``call`` leads to the exercise's oracle. Raises as :func:`run_probe`."""
    inputs = generator(exercise.id, seed), fresh(given or {})
    raw: Mapping[str, Any] = exercise.probe(answer, *inputs, *([call] if exercise.oracle else []))
    return to_arrays(raw)


def judged_values(
    exercise: Exercise, got: Arrays, secret: int, given: Arrays | None = None, oracle: Oracle | None = None
) -> dict[str, np.ndarray]:
    """Return the values to compare, from the ``got`` that an answer's process handed over, whatever it may be.

    Parameters
    ----------
    exercise
        Whose answer it is.
    got
        Arrays by name, as :func:`rnnkit.check.values.decode` returns them.
    secret, given
        As for :func:`run_probe`; the seed must not have been in the answer's process.
    oracle
        The oracle that was called meanwhile: its evidence counts, never what ``got`` says under the same name.

    Raises
    ------
    FormError
        When what was handed over cannot be evaluated; nothing else.
    """
    values: dict[str, Any] = dict(got)
    try:
        if exercise.certify:
            with np.errstate(all="ignore"):
                rng = generator(exercise.id, secret, "certify")
                values = dict(exercise.certify(fresh(got), rng, fresh(given or {})))
        return to_arrays(values | (oracle.evidence() if oracle else {}))
    except FormError:
        raise
    except Exception as error:
        words = f"{type(error).__name__}: {error}"[:200]
        raise FormError(f"what the answer handed over cannot be evaluated ({words})") from None
