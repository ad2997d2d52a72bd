"""What `check` tells a learner, in which order, and what it leaves alone."""

from __future__ import annotations

import functools
import pkgutil
import random
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from rnnkit.check import (
    MIME,
    NotRightYet,
    UnknownExercise,
    check,
    emit,
    exercise,
    exercises,
    generator,
    hint,
    notebooks,
    run_probe,
)
from rnnkit.check.values import decode

POINTS = {"01-state": 16, "02-unfolding": 14, "03-vanilla-rnn": 19, "05-bptt": 26}
EXERCISES = [one for name in notebooks() for one in exercises(name)]


def told(exercise_id, answer):
    with pytest.raises(NotRightYet) as wrong:
        check(exercise_id, answer)
    assert isinstance(wrong.value, AssertionError)
    assert str(wrong.value).startswith(f"✗ {exercise_id}: ")
    return str(wrong.value).removeprefix(f"✗ {exercise_id}: ")


def changed(bptt, **changes):
    """The right answer with some gradients replaced, or dropped where the change is None."""

    def answer(x, y, h0, params):
        loss, grads = bptt(x, y, h0, params)
        loss = changes.get("loss", lambda a: a)(loss)
        named = {name: changes.get(name, lambda a: a) for name in grads}
        return loss, {name: change(grads[name]) for name, change in named.items() if change}

    return answer


def test_a_right_answer_prints_its_points_and_returns_nothing(bptt, capsys):
    assert check("05.1a", bptt) is None
    assert capsys.readouterr().out == "✓ 05.1a: 3 points\n"


def test_a_stub_is_not_written_yet():
    def bptt(x, y, h0, params):
        raise NotImplementedError

    assert told("05.1a", bptt) == "not written yet"


def test_a_helper_that_is_not_written_yet_is_named():
    def helper():
        raise NotImplementedError

    assert told("05.1a", lambda *a: helper()) == "helper, which your bptt calls, is not written yet"


def test_a_method_of_an_answer_that_is_a_class_may_be_the_stub():
    class Net:
        def __init__(self, *arguments):
            raise NotImplementedError

    assert told("05.1a", Net) == "not written yet"


def test_what_a_library_has_not_implemented_is_an_error_of_the_answer():
    words = told("05.1a", lambda *a: torch.nn.Module()(1))  # a module without forward
    assert words.startswith("your code raised NotImplementedError: Module [Module] is missing the required")
    assert words.endswith(told_line("# a module without forward"))


def test_an_error_is_told_with_the_learners_own_line():
    def helper(x):
        return x @ np.ones((7, 7))  # this very line

    def bptt(x, y, h0, params):
        return helper(x)

    words = told("05.1b", bptt)
    assert words.startswith("your code raised ValueError: matmul")
    assert words.endswith("return x @ np.ones((7, 7))  # this very line")


def test_an_error_without_a_line_of_the_learners_is_told_without_one(bptt):
    assert told("05.1a", lambda x: x).startswith("your code raised TypeError")
    assert told("05.1a", functools.partial(bptt, 1)).startswith("your code raised TypeError")


def test_exit_does_not_end_the_kernel():
    assert told("05.1a", lambda *a: sys.exit(1)) == "your code raised SystemExit: 1" + told_line("sys.exit(1)")


def told_line(part):
    """The tail that names the line, as it stands in this file."""
    for number, line in enumerate(open(__file__, encoding="utf8"), 1):  # noqa: SIM115, PTH123
        if part in line:
            return f"\n  line {number}: {line.strip()}"
    raise AssertionError


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "bptt must return the pair (loss, grads), got None (is a return missing?)"),
        ({"W_h": 1}, "bptt must return the pair (loss, grads), got dict"),
        ((1, 2, 3), "bptt must return the pair (loss, grads), got a tuple of 3"),
        ((0.5, [1]), "bptt must return its gradients in a dict, got a list of 1"),
        ((0.5, {}), "the gradients of bptt lack W_y, b_y; there is nothing"),
        ((0.5, {"Wy": 1, "b_y": 2}), "the gradients of bptt lack W_y; there is Wy, b_y"),
        ((0.5, {"W_y": None, "b_y": 2}), "W_y is no number and no array but NoneType"),
        ((0.5, {"W_y": np.zeros((6, 4)), "b_y": np.zeros(6)}), "W_y has shape (6, 4), expected (4, 6)"),
    ],
)
def test_a_wrong_form_is_told(result, words):
    assert told("05.1a", lambda *a: result) == words


def test_form_comes_before_numbers_even_where_numbers_come_first(bptt):
    words = told("05.1b", changed(bptt, W_x=lambda g: g + 1, b=lambda g: g[:2]))
    assert words == "b has shape (2,), expected (4,)"


def test_a_known_mistake_is_named(bptt):
    assert told("05.1a", changed(bptt, loss=lambda v: v * 10)) == (
        "your numbers are exactly what one gets when the loss is summed, not averaged"
    )


def test_an_unknown_mistake_is_shown_where_it_begins(bptt):
    def off(g):
        g = g.copy()
        g[1, 2] += 1
        return g

    words = told("05.1b", changed(bptt, W_h=off))
    assert words.startswith("W_h[1, 2] is ")
    assert words.endswith("(1 of 16 entries differ)")


def test_nan_is_told(bptt):
    assert told("05.1b", changed(bptt, W_h=lambda g: g * np.nan)).startswith("W_h[0, 0] is nan, expected")


def test_a_wrong_name_for_the_bug_is_told_in_words(master):
    right = master.answers["name_the_bug"]
    words = told("05.2", lambda problem, wrong: right(problem, wrong).replace("transposed", "ascent"))
    assert words.startswith("case ")
    assert words.endswith(": you say “ascent”, it is “transposed”")
    words = told("05.2", lambda *case: {"transposed": "who", "ascent": "knows"}.get(right(*case), right(*case)))
    assert words.startswith("case ")
    assert ": you say none of them, it is “" in words
    told_none = "name_the_bug must return one of BUGS, got None: do none of your wrong versions fit?"
    assert told("05.2", lambda *a: None) == told_none


@pytest.mark.parametrize("answer", [3, None, {"W_h": 1}, (0.5, {})])
def test_what_is_no_function_is_told_how_to_call_check(answer):
    assert told("05.1a", answer) == (
        f'this wants the function bptt itself, got {type(answer).__name__}; write check("05.1a", bptt)'
    )


def test_an_unknown_exercise_names_the_nearest_and_those_of_its_notebook(bptt):
    with pytest.raises(
        UnknownExercise, match=r"there is no exercise '05\.1': did you mean '05\.1[abc]'\? There are 05\.1a, .*, 05\.5$"
    ):
        check("05.1", bptt)
    with pytest.raises(UnknownExercise, match=r"there is no exercise 'nonsense': There are .*05-bptt"):
        exercise("nonsense")
    with pytest.raises(UnknownExercise, match="there is no exercise None"):
        exercise(None)
    with pytest.raises(UnknownExercise, match="did you mean '05-bptt'"):
        exercises("05-btpt")


@pytest.mark.parametrize("part", ["05.1a", "05.1b", "05.1c"])
@pytest.mark.parametrize(
    "oddity",
    [
        lambda g: np.asarray(g).tolist(),
        lambda g: np.asarray(g, np.float32),
        lambda g: np.asarray(g).T.copy().T if np.ndim(g) else g,
        lambda g: np.repeat(g, 2, axis=0)[::2] if np.ndim(g) else g,
        lambda g: np.asarray(g, ">f8"),
        lambda g: np.asarray(g, np.longdouble),
    ],
    ids=["lists", "float32", "Fortran order", "strided", "big endian", "long double"],
)
def test_right_numbers_in_an_unusual_form_pass(bptt, part, oddity):
    names = ("loss", "W_x", "W_h", "b", "W_y", "b_y", "x", "h0")
    check(part, changed(bptt, **dict.fromkeys(names, oddity)))


@pytest.mark.parametrize("part", ["05.1a", "05.1b", "05.1c"])
def test_an_answer_computed_in_float32_passes(bptt, part):
    def answer(x, y, h0, params):
        return bptt(x.astype("f4"), y, h0.astype("f4"), {name: w.astype("f4") for name, w in params.items()})

    check(part, answer)


def test_an_answer_may_change_what_it_is_handed(bptt):
    def answer(x, y, h0, params):
        result = bptt(x, y, h0, params)
        for array in (x, y, h0, *params.values()):
            array[...] = 0
        params.clear()
        return result

    check("05.1a", answer)
    check("05.1a", bptt)


def test_extra_gradients_do_no_harm(bptt):
    check("05.1b", lambda *a: (0.0, bptt(*a)[1] | {"extra": object()}))


def test_random_states_stay_as_they_were(bptt):
    def states():
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()  # noqa: NPY002

    def answer(*a):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        torch.manual_seed(1)
        return bptt(*a)

    before = states()
    check("05.1a", answer)
    told("05.1a", lambda *a: answer(1))
    assert states() == before


def test_a_notebook_shows_the_message_alone():
    with pytest.raises(NotRightYet) as wrong:
        check("05.1a", None)
    assert wrong.value._render_traceback_() == [str(wrong.value)]


def test_the_inputs_depend_on_the_exercise_and_the_seed_alone():
    draws = [generator(i, s).random() for i, s in [("05.1a", 0), ("05.1a", 0), ("05.1a", 1), ("05.1b", 0)]]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_hints_come_in_three_strengths():
    for one in EXERCISES:
        assert [hint(one.id, strength) for strength in (1, 2, 3)] == list(one.hints)
    with pytest.raises(ValueError, match="strength must be 1, 2 or 3, got 4"):
        hint("05.2", 4)


def test_the_notebooks_and_their_points_are_those_of_the_course():
    assert {name: sum(one.points for one in exercises(name)) for name in notebooks()} == POINTS
    assert sum(one.minutes for one in exercises("05-bptt")) == 90


@pytest.mark.parametrize("name", sorted({name for one in EXERCISES for name in one.withheld}))
def test_what_is_withheld_exists(name):
    assert pkgutil.resolve_name(name) is not None


def not_written():
    raise NotImplementedError


library_raises = types.FunctionType(
    compile("def f(): raise NotImplementedError('not for this kind')", "library.py", "exec").co_consts[0], {}
)


def published(monkeypatch, *arguments):
    import IPython.display

    sent = []
    monkeypatch.setattr(IPython.display, "publish_display_data", sent.append)
    emit(*arguments)
    assert len(sent) == 1
    assert list(sent[0]) == [MIME]
    return sent[0][MIME]


def test_emit_publishes_values_and_no_verdict(bptt, monkeypatch):
    bundle = published(monkeypatch, "05.1a", bptt, 12345678901234567890)
    assert (bundle["id"], bundle["seed"], set(bundle)) == ("05.1a", "12345678901234567890", {"id", "seed", "values"})
    expected = run_probe(exercise("05.1a"), bptt, 12345678901234567890)
    got = decode(bundle["values"])
    assert list(got) == list(expected)
    assert all(np.array_equal(got[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda *a: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda *a: sys.exit(3), "SystemExit: 3"),
        (lambda *a: {}, "FormError: bptt must return the pair (loss, grads), got dict"),
        (5, "TypeError: 'int' object is not callable"),
        (lambda *a: not_written(), "NotImplementedError: not_written, which your bptt calls, is not written yet"),
        (lambda *a: library_raises(), "a library's NotImplementedError: not for this kind"),
    ],
)
def test_emit_publishes_the_error_of_an_answer_that_raises(answer, error, monkeypatch):
    assert published(monkeypatch, "05.1a", answer, 1) == {"id": "05.1a", "seed": "1", "error": error}


def test_given_arrays_reach_the_answer_as_copies(master, monkeypatch):
    given = master.given("05.2", 7)
    kept = {name: array.copy() for name, array in given.items()}

    def name_the_bug(problem, wrong):
        for array in (problem["x"], *problem["params"].values(), *wrong.values()):
            array[...] = 0
        return "ascent"

    published(monkeypatch, "05.2", name_the_bug, 7, given)
    assert all(np.array_equal(given[name], kept[name]) for name in kept)


def test_check_needs_numpy_alone():
    code = "import sys, rnnkit.check; print(sorted({'torch', 'IPython', 'nbformat'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_check_imports_nothing_of_the_grader():
    code = "import sys, rnnkit.check; print([m for m in sys.modules if m.startswith('rnnkit.grade')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
