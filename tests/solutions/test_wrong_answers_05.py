"""The tests of the tests: every known wrong answer is refused, under its own name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from rnnkit.check import NotRightYet, check, exercise
from rnnkit.check.ex05_bptt import BUGS
from rnnkit.check.values import compare, decode
from rnnkit.grade.master import Master

ROOT = Path(__file__).parents[2]
MASTER = Master.load(ROOT / "solutions/05-bptt.ipynb")
MUTANTS = [(function, mutant) for function in MASTER.functions for mutant in MASTER.mutants(function)]


def checks(function):
    return [check.exercise.id for check in MASTER.checks if check.answer == function]


def feedback(function, answer):
    """What each check says to an answer; nothing where it passes."""
    said = {}
    for one in checks(function):
        try:
            check(one, answer)
        except NotRightYet as wrong:
            said[one] = str(wrong)
    return said


@pytest.mark.parametrize(("function", "mutant"), MUTANTS, ids=[f"{f}: {m.name}" for f, m in MUTANTS])
def test_each_wrong_answer_is_refused_by_its_name_and_never_by_another(function, mutant):
    said = feedback(function, MASTER.mutate(function, mutant))
    assert said
    for one, words in said.items():
        start = f"✗ {one}: your numbers are exactly what one gets when "
        assert words.startswith(start)
        assert mutant.name in words.removeprefix(start).split(", or when ")


@pytest.mark.parametrize("function", MASTER.functions)
def test_there_are_at_least_six_wrong_answers_with_names_of_their_own(function):
    names = [mutant.name for mutant in MASTER.mutants(function)]
    assert len(set(names)) == len(names) >= 6


@pytest.mark.parametrize("one", [check.exercise.id for check in MASTER.checks])
def test_no_two_wrong_answers_give_the_same_values(one):
    tolerance = exercise(one).rtol, exercise(one).atol
    stored = json.loads((ROOT / "rnnkit/check/golden/05-bptt.json").read_text("utf-8"))[one]["0"]
    right = decode(stored["expected"])
    values = {name: right | decode(different) for name, different in stored["wrong"].items()}
    same = [
        (a, b)
        for (a, of_a), (b, of_b) in itertools.combinations(values.items(), 2)
        if not compare(of_a, of_b, *tolerance)
    ]
    assert same == []


@pytest.mark.parametrize("seed", [3, 4, 2**62 + 1])
@pytest.mark.parametrize("function", MASTER.functions)
def test_wrong_answers_are_wrong_at_fresh_seeds_too(function, seed):
    for mutant in MASTER.mutants(function):
        answer = MASTER.mutate(function, mutant)
        tolerances = {one: (exercise(one).rtol, exercise(one).atol) for one in checks(function)}
        assert any(
            compare(MASTER.values(one, answer, seed), MASTER.expected(one, seed), *tolerances[one])
            for one in tolerances
        ), mutant.name


@pytest.mark.parametrize("seed", [0, 1, 17])
def test_every_bug_occurs_among_the_given_gradients_and_the_order_depends_on_the_seed(seed):
    cases = MASTER.expected("05.2", seed)["case"]
    assert len(cases) == 8
    assert set(cases.tolist()) == set(range(len(BUGS)))
    assert cases.tolist() != MASTER.expected("05.2", seed + 1)["case"].tolist()


def test_the_names_of_the_bugs_are_those_of_the_notebook():
    assert MASTER.answers["BUGS"] == BUGS
