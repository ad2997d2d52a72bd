"""A trained answer hands over its parameters; what they are worth is found out where it cannot be forged."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.check import Exercise, FormError, judged_values, probe_values, run_probe
from rnnkit.check.exercise import at_least, at_most, entries_of, parameters_of
from rnnkit.check.feedback import diagnose
from rnnkit.check.values import compare, encode

W, B = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 0.0]]), np.array([0.5, -1.0])
SHAPES = {"W": (3, 2), "b": (2,)}


def data(rng, size):
    x = rng.standard_normal((size, 3))
    return x, x @ W + B + 0.1 * rng.standard_normal((size, 2))


def probe(answer, rng, given):
    return entries_of(answer(*data(rng, 40)), "train", ("W", "b"))


def certify(got, rng, given):
    p = parameters_of(got, SHAPES)
    x, y = data(rng, 400)
    return {"the loss on new data (at most 0.03)": at_most(((x @ p["W"] + p["b"] - y) ** 2).mean(), 0.03)}


TRAINED = Exercise(
    id="99.1", title="fit a line", function="train", points=2, minutes=5, difficulty=1, lecture="none", probe=probe,
    hints=("", "", ""), certify=certify,
)  # fmt: skip


def train(x, y, steps=500):
    w, b = np.zeros((3, 2)), np.zeros(2)
    for _ in range(steps):
        off = x @ w + b - y
        w, b = w - 0.1 * x.T @ off / len(x), b - 0.1 * off.mean(0)
    return {"W": w, "b": b}


def golden():
    return {"0": {"given": {}, "expected": encode(run_probe(TRAINED, train, 0)), "wrong": {}}}


def judge(got, secret=5):
    """The grader's judgement on what a kernel sent; None is full points."""
    return compare(judged_values(TRAINED, got, secret), run_probe(TRAINED, train, 3, secret=secret), 1e-4, 1e-6)


def test_a_trained_answer_passes_by_what_it_can_do_not_by_its_numbers():
    assert diagnose(TRAINED, train, golden(), run_probe) is None
    exact = probe_values(TRAINED, lambda x, y: {"W": W, "b": B}, 3)
    assert not np.allclose(exact["W"], probe_values(TRAINED, train, 3)["W"], atol=1e-4)
    assert judge(exact) is None


def test_what_keeps_its_bound_is_stored_as_the_bound_on_every_machine():
    assert run_probe(TRAINED, train, 0) == {"the loss on new data (at most 0.03)": 0.03}


def test_too_little_training_is_told_with_the_loss():
    words = diagnose(TRAINED, lambda x, y: train(x, y, steps=3), golden(), run_probe)
    assert words.startswith("the loss on new data (at most 0.03) is ")
    assert words.endswith(", expected 0.03")


def test_the_data_of_the_judgement_are_not_those_of_the_answer():
    seen = []
    run_probe(TRAINED, lambda x, y: seen.append(x) or train(x, y), 3)
    new, _ = data(np.random.default_rng([3, *b"99.1", *b"certify"]), 400)
    assert not np.isin(seen[0], new).any()


NOT = {
    "nothing": ({}, "the parameters lack W; there is nothing"),
    "a claim": ({"the loss on new data (at most 0.03)": np.array(0.03)}, "the parameters lack W"),
    "NaN": ({"W": np.full((3, 2), np.nan), "b": B}, "W holds NaN or infinity"),
    "infinity": ({"W": W, "b": np.array([0, -np.inf])}, "b holds NaN or infinity"),
    "another shape": ({"W": W.T, "b": B}, r"W must hold numbers of shape \(3, 2\), got float64 of shape \(2, 3\)"),
    "a shape that would broadcast": ({"W": W, "b": np.zeros((400, 2))}, r"b must hold numbers of shape \(2,\)"),
    "large": ({"W": np.zeros((700, 700)), "b": B}, r"got float64 of shape \(700, 700\)"),
    "booleans": ({"W": W > 0, "b": B}, "got bool of shape"),
}


@pytest.mark.parametrize("what", NOT)
def test_parameters_that_are_none_are_told(what):
    got, words = NOT[what]
    with pytest.raises(FormError, match=words):
        judge(got)


@pytest.mark.parametrize(
    "got",
    [
        {"W": np.zeros((3, 2)), "b": np.zeros(2)},
        {"W": np.full((3, 2), 1e300), "b": B},
        {"W": W, "b": -B},
        {"W": np.zeros((3, 2), np.int64), "b": np.zeros(2, np.int32)},
    ],
    ids=["zeros", "overflow", "half right", "integers"],
)
def test_parameters_that_can_do_nothing_earn_nothing(got):
    assert judge(got).startswith("the loss on new data")


def test_what_fits_only_the_data_it_saw_earns_nothing():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((3, 3)), rng.standard_normal((3, 2))
    assert judge({"W": np.linalg.solve(x, y), "b": np.zeros(2)})


def test_an_error_in_the_judgement_is_no_crash_and_no_pass():
    one = Exercise(**{**vars(TRAINED), "certify": lambda got, rng, given: {"loss": got["W"][0] @ got["b"][0] / 0}})
    with pytest.raises(FormError, match=r"what the answer handed over cannot be evaluated \(ValueError: matmul"):
        judged_values(one, {"W": W, "b": B}, 1)


def test_a_judgement_leaves_what_it_was_handed_as_it_is():
    def spoil(got, rng, given):
        got["W"][:] = given["x"][:] = 0
        return {"done": 1.0}

    got, given = {"W": W.copy()}, {"x": np.ones(2)}
    judged_values(Exercise(**{**vars(TRAINED), "certify": spoil}), got, 1, given)
    assert (got["W"] == W).all()
    assert given["x"].all()


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0.2, True), (0.3, True), (0.31, False), (-1e9, True), (np.nan, False), (np.inf, False), (-np.inf, False)],
)
def test_a_bound_is_kept_by_finite_numbers_alone(value, kept):
    assert (at_most(value, 0.3) == 0.3) == kept
    assert (at_least(-value, -0.3) == -0.3) == kept
    assert at_most(9, 10) == 10.0
