"""The tests of the tests: every known wrong answer, in every notebook, is refused, under its own name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from rnnkit.check import NotRightYet, check, exercise
from rnnkit.check.values import compare, decode
from rnnkit.grade.master import Master

ROOT = Path(__file__).parents[2]
MASTERS = {path.stem: Master.load(path) for path in sorted((ROOT / "solutions").glob("[0-9]*.ipynb"))}
FUNCTIONS = [(name, function) for name, master in MASTERS.items() for function in master.functions]
MUTANTS = [(*which, mutant) for which in FUNCTIONS for mutant in MASTERS[which[0]].mutants(which[1])]
CHECKS = [(name, check.exercise.id) for name, master in MASTERS.items() for check in master.checks]


def checks(name, function):
    return [check.exercise.id for check in MASTERS[name].checks if check.answer == function]


def feedback(name, function, answer):
    """What each check says to an answer; nothing where it passes."""
    said = {}
    for one in checks(name, function):
        try:
            check(one, answer)
        except NotRightYet as wrong:
            said[one] = str(wrong)
    return said


@pytest.mark.parametrize(("name", "function", "mutant"), MUTANTS, ids=[f"{f}: {m.name}" for _, f, m in MUTANTS])
def test_each_wrong_answer_is_refused_by_its_name_and_never_by_another(name, function, mutant):
    said = feedback(name, function, MASTERS[name].mutate(function, mutant))
    assert said
    for one, words in said.items():
        start = f"✗ {one}: your numbers are exactly what one gets when "
        assert words.startswith(start)
        assert mutant.name in words.removeprefix(start).split(", or when ")


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_there_are_at_least_six_wrong_answers_with_names_of_their_own(name, function):
    names = [mutant.name for mutant in MASTERS[name].mutants(function)]
    assert len(set(names)) == len(names) >= 6


@pytest.mark.parametrize(("name", "one"), CHECKS)
def test_no_two_wrong_answers_give_the_same_values(name, one):
    tolerance = exercise(one).rtol, exercise(one).atol
    stored = json.loads((ROOT / f"rnnkit/check/golden/{name}.json").read_text("utf-8"))[one]["0"]
    right = decode(stored["expected"])
    values = {mutant: right | decode(different) for mutant, different in stored["wrong"].items()}
    same = [
        (a, b)
        for (a, of_a), (b, of_b) in itertools.combinations(values.items(), 2)
        if not compare(of_a, of_b, *tolerance)
    ]
    assert same == []


@pytest.mark.parametrize("seed", [3, 4, 2**62 + 1])
@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_wrong_answers_are_wrong_at_fresh_seeds_too(name, function, seed):
    master = MASTERS[name]
    right = {one: master.expected(one, seed) for one in checks(name, function)}
    for mutant in master.mutants(function):
        answer = master.mutate(function, mutant)
        assert any(
            compare(master.values(one, answer, seed), expected, exercise(one).rtol, exercise(one).atol)
            for one, expected in right.items()
        ), mutant.name
