"""What a notebook's file says about its exercises."""

from __future__ import annotations

import pytest

from rnnkit.check import check, exercise, exercises
from rnnkit.learner.standing import State, name_of, passed, standings


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def error(value, name="NotRightYet"):
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": []}


@pytest.fixture
def ran(solved):
    """A notebook in which 05.1 is solved, run, and checked: cells have counts and outputs."""
    book = solved(1)
    book["answer-05-1"]["execution_count"] = 3
    for number, part in enumerate("abc", 4):
        cell = book[f"check-05-1{part}"]
        cell["execution_count"], cell["outputs"] = number, [stream(passed(exercise(f"05.1{part}")) + "\n")]
    return book.save()


def states(book):
    return {one.exercise.id: one.state for one in standings("05-bptt", book.notebook)}


def words(book, exercise_id):
    return next(one.words for one in standings("05-bptt", book.notebook) if one.exercise.id == exercise_id)


def test_an_untouched_notebook_is_open_throughout(book):
    assert set(states(book).values()) == {State.OPEN}
    assert list(states(book)) == [one.id for one in exercises("05-bptt")]


def test_a_passed_check_counts(ran):
    assert [name for name, state in states(ran).items() if state is State.DONE] == ["05.1a", "05.1b", "05.1c"]
    assert sum(one.points for one in standings("05-bptt", ran.notebook)) == 10


def test_the_line_that_counts_is_the_one_that_check_prints(master, capsys):
    for one in exercises("05-bptt"):
        check(one.id, master.answers[one.function])
        assert capsys.readouterr().out == passed(one) + "\n"


@pytest.mark.parametrize(
    "text",
    ["✓ 05.1b: 5 points", "✓ 05.1a: 4 points", "✗ 05.1a: 3 points", "so ✓ 05.1a: 3 points", "✓ 05.1a: 3 points!", ""],
)
def test_another_line_does_not_count(ran, text):
    ran["check-05-1a"]["outputs"] = [stream(text)]
    assert states(ran)["05.1a"] is State.OPEN


def test_a_line_that_was_not_printed_does_not_count(ran):
    line = "✓ 05.1a: 3 points"
    ran["check-05-1a"]["outputs"] = [
        {"output_type": "display_data", "data": {"text/plain": line}, "metadata": {}},
        {"output_type": "stream", "name": "stderr", "text": line},
    ]
    assert states(ran)["05.1a"] is State.OPEN


@pytest.mark.parametrize("change", ['print("✓ 05.1a: 3 points")', 'check("05.1a", bptt)  # mine', ""])
def test_a_check_counts_in_a_pristine_cell_alone(ran, change):
    ran["check-05-1a"]["source"] = change
    assert states(ran)["05.1a"] is State.OPEN
    assert "rnnkit new puts it back" in words(ran, "05.1a")


def test_a_refused_answer_is_told_with_its_reason(ran):
    ran["check-05-1a"]["outputs"] = [error("✗ 05.1a: W_y has shape (6, 4)\n  line 3")]
    assert states(ran)["05.1a"] is State.WRONG
    assert words(ran, "05.1a") == "W_y has shape (6, 4)"


def test_another_error_is_told_with_its_name(ran):
    ran["check-05-1a"]["outputs"] = [stream("✓ 05.1a: 3 points\n"), error("name 'bptt' is not defined", "NameError")]
    assert (states(ran)["05.1a"], words(ran, "05.1a")) == (State.WRONG, "NameError: name 'bptt' is not defined")


@pytest.mark.parametrize(
    ("count", "told"), [(9, "its answer was run after it; check again"), (None, "its answer was not run; check again")]
)
def test_an_answer_that_was_run_again_or_never_makes_its_checks_stale(ran, count, told):
    ran["answer-05-1"]["execution_count"] = count
    assert states(ran)["05.1a"] is states(ran)["05.1c"] is State.STALE
    assert words(ran, "05.1a") == told


def test_a_check_without_an_answer_is_stale(ran):
    ran["answer-05-1"]["source"] = [
        "def bptt(x, y, h0, params):\n",
        "    # Your code here.\n",
        "    raise NotImplementedError",
    ]
    assert (states(ran)["05.1a"], words(ran, "05.1a")) == (State.STALE, "its answer is empty now")
    ran["answer-05-1"]["source"] = "1 + 1"
    assert (states(ran)["05.1a"], words(ran, "05.1a")) == (State.STALE, "its answer is gone; run it again")


def test_an_answer_in_an_own_cell_is_found(ran):
    text = ran["answer-05-1"]["source"]
    ran["answer-05-1"]["source"] = "# I wrote it below"
    ran.insert_after("answer-05-1", "".join(text), execution_count=3)
    assert states(ran)["05.1a"] is State.DONE


def test_outputs_kept_without_counts_are_believed(ran):
    for name in ("answer-05-1", "check-05-1a"):
        ran[name]["execution_count"] = None
    assert states(ran)["05.1a"] is State.DONE


def test_a_renamed_notebook_is_known_by_its_checks(ran):
    assert name_of(ran.path.with_name("Copy of it.ipynb"), ran.notebook) == "05-bptt"
    assert name_of(ran.path, {"cells": []}) == "05-bptt"
    assert name_of(ran.path.with_name("mine.ipynb"), {"cells": []}) is None


@pytest.mark.parametrize(
    "outputs", [None, "text", [3], [{}], [{"output_type": "stream", "name": "stdout", "text": [3]}]]
)
def test_odd_outputs_are_no_output(ran, outputs):
    ran["check-05-1a"]["outputs"] = outputs
    assert states(ran)["05.1a"] is State.OPEN


def test_a_stub_that_was_checked_is_still_to_do(ran):
    ran["check-05-2"]["outputs"] = [error("✗ 05.2: not written yet")]
    assert (states(ran)["05.2"], words(ran, "05.2")) == (State.OPEN, "not written yet")
