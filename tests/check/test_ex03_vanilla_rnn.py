"""Unusual but right answers to the exercises of notebook 03 pass; what has another form is told exactly."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.check import NotRightYet, check, exercises, generator, run_probe
from rnnkit.check import exercise as exercise_of
from rnnkit.check.ex03_blind_spot import certify, draw_networks
from rnnkit.check.ex03_vanilla_rnn import TORCH_LOSSES
from rnnkit.check.values import compare
from rnnkit.grade.master import Master

IDS = [one.id for one in exercises("03-vanilla-rnn")]


@pytest.fixture(scope="module")
def answers():
    return Master.load(Path(__file__).parents[2] / "solutions/03-vanilla-rnn.ipynb").answers


def check_all(function, answer):
    for one in exercises("03-vanilla-rnn"):
        if one.function == function:
            check(one.id, answer)


def test_the_points_and_minutes_are_those_of_the_syllabus():
    all_of_it = exercises("03-vanilla-rnn")
    assert (sum(one.points for one in all_of_it), sum(one.minutes for one in all_of_it)) == (19, 90)


# ------------------------------------------------------------------ in other dtypes and layouts


def changed(value, change):
    """Apply `change` to every array of floats within an answer."""
    if isinstance(value, dict):
        return {name: changed(part, change) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(changed(part, change) for part in value)
    return change(np.asarray(value))


CHANGES = {
    "float32": lambda array: array.astype(np.float32),
    "a list": lambda array: array.tolist(),
    "not contiguous": lambda array: np.asfortranarray(np.repeat(array[..., None], 2, axis=-1))[..., 0],
    "a tensor": torch.tensor,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("one", IDS)
def test_right_numbers_pass_in_whatever_holds_them(answers, one, change):
    right = answers[exercise_of(one).function]
    check(one, lambda *arguments: changed(right(*arguments), CHANGES[change]))


def test_an_answer_may_spoil_its_arguments(answers):
    def masked_cost(o, y, lengths):
        result = answers["masked_cost"](o, y, lengths)
        o[:], y[:], lengths[:] = 0, 0, 0
        return result

    check_all("masked_cost", masked_cost)


# ------------------------------------------------------------------ 03.1


def test_one_lecture_at_a_time_is_enough(answers):
    check("03.1c", lambda params: {"TTIC": answers["convert"](params)["TTIC"]})


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "with an entry 'TTIC', got None"),
        ({"Barcelona": {}}, "with an entry 'TTIC', got entries 'Barcelona'"),
        ({"TTIC": np.zeros(3)}, "the entry 'TTIC' must be a dict of W_hh, W_xh, B, got a ndarray"),
        ({"TTIC": {"W_hh": 0}}, "the entry 'TTIC' must be a dict of W_hh, W_xh, B, got entries 'W_hh'"),
        ({"TTIC": {"W_hh": np.zeros((5, 5)), "W_xh": np.zeros((3, 5)), "B": 0}}, r"W_xh has shape \(3, 5\), expected"),
    ],
)
def test_weights_of_another_form_are_told(result, words):
    with pytest.raises(NotRightYet, match=words):
        check("03.1c", lambda params: result)


# ------------------------------------------------------------------ 03.2


def by_sequence(o, y, lengths):
    """One sequence after the other, one symbol after the other."""
    total, steps, do = int(sum(lengths)), np.zeros(len(o)), np.zeros(o.shape)
    for b, length in enumerate(lengths):
        for t in range(length):
            row = o[t, b] - max(o[t, b])
            p = np.exp(row) / sum(np.exp(row))
            steps[t] += (np.log(sum(np.exp(row))) - row[y[t, b]]) / total
            do[t, b] = p / total
            do[t, b, y[t, b]] -= 1 / total
    return [sum(steps), steps, do]


def by_logaddexp(o, y, lengths):
    mask = np.arange(len(o))[:, None] < np.asarray(lengths)
    log_z = np.logaddexp.reduce(o, axis=-1, keepdims=True)
    truth = (y[..., None] == np.arange(o.shape[-1])) * 1.0
    steps = np.where(mask, log_z[..., 0] - (o * truth).sum(-1), 0).sum(1) / lengths.sum()
    return steps.sum(), steps, np.where(mask[..., None], np.exp(o - log_z) - truth, 0) / mask.sum()


@pytest.mark.parametrize("answer", [by_sequence, by_logaddexp])
def test_the_cost_passes_however_it_is_computed(answer):
    check_all("masked_cost", answer)


def test_the_cost_counts_before_there_is_a_gradient(answers):
    check("03.2a", lambda *arguments: (*answers["masked_cost"](*arguments)[:2], None))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_is_told_with_the_remedy():
    def masked_cost(o, y, lengths):
        p = np.exp(o) / np.exp(o).sum(-1, keepdims=True)
        weight = (np.arange(len(o))[:, None] < lengths) / lengths.sum()
        truth = np.eye(o.shape[-1])[np.maximum(y, 0)]
        steps = (weight * -np.log((p * truth).sum(-1))).sum(1)
        return steps.sum(), steps, weight[..., None] * (p - truth)

    for one, name in (("03.2a", "cost"), ("03.2b", "do")):
        with pytest.raises(NotRightYet, match=f"{name} with scores of 1000 holds NaN or infinity: exp overflows"):
            check(one, masked_cost)


@pytest.mark.parametrize(("result", "words"), [(1.0, "got a float"), ((1.0, 2.0), "got a tuple of 2"), (None, "None")])
def test_a_cost_without_its_parts_is_told(result, words):
    with pytest.raises(NotRightYet, match=rf"must return the three \(cost, steps, do\), .*{words}"):
        check("03.2a", lambda o, y, lengths: result)


def test_scores_that_are_cut_off_are_told_with_the_remedy(answers):
    with pytest.raises(NotRightYet, match="cost is right for small scores, and wrong where some are as large as 1000"):
        check("03.2a", lambda o, y, lengths: answers["masked_cost"](np.minimum(o, 500), y, lengths))


def test_a_gradient_on_padding_is_told_whatever_it_is(answers):
    def masked_cost(o, y, lengths):
        cost, steps, do = answers["masked_cost"](o, y, lengths)
        return cost, steps, np.where((y < 0)[..., None], 0.3 * o, do)

    with pytest.raises(NotRightYet, match="do is right on real symbols, and not zero on padding"):
        check("03.2b", masked_cost)


def test_a_gradient_that_is_not_there_yet_is_told(answers):
    with pytest.raises(NotRightYet, match=r"do is None: is a return, or this part of the answer, missing\?"):
        check("03.2b", lambda *arguments: (*answers["masked_cost"](*arguments)[:2], None))


@pytest.mark.parametrize("name", TORCH_LOSSES)
def test_what_is_withheld_in_torch_exists(name):
    assert callable(pkgutil.resolve_name(name))


# ------------------------------------------------------------------ 03.3


def recursive(pattern, x, h0, step, readout, decode, steps):
    """Without a loop, in lists and generators."""

    def states(inputs, h, move):
        if len(inputs):
            h = move(inputs[0], h)
            yield h
            yield from states(inputs[1:], h, move)

    if pattern == "encoder-decoder":
        h, said = list(states(x, h0, step))[-1], []
        for _ in range(steps):
            h = decode(said[-1] if said else [[0.0] * 6] * len(h0), h)
            said.append(readout(h))
        return said
    if pattern == "one-to-many":
        x = [x[0]] + [0 * x[0]] * (steps - 1)
    outputs = [readout(h) for h in states(x, h0, step)]
    return outputs[-1] if pattern == "many-to-one" else outputs


def test_wiring_passes_in_lists_and_without_a_loop():
    check_all("wire", recursive)


def test_one_pattern_at_a_time_is_enough(answers):
    def wire(pattern, *arguments):
        if pattern != "one-to-many":
            raise KeyError(pattern)
        return answers["wire"](pattern, *arguments)

    check("03.3a", wire)
    with pytest.raises(NotRightYet, match=r"your code raised KeyError: 'many-to-one'"):
        check("03.3b", wire)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda *a: None, "got None for 'one-to-many'"),
        (lambda p, x, h0, *a: h0, r"one-to-many: outputs has shape \(2, 5\), expected \(7, 2, 6\)"),
    ],
)
def test_outputs_of_another_form_are_told(answer, words):
    with pytest.raises(NotRightYet, match=words):
        check("03.3a", answer)


# ------------------------------------------------------------------ 03.4 and 03.6


def test_recurrence_from_the_output_passes_as_recurrence_of_a_lower_rank():
    def output_recurrent(x, o0, params):
        h, outputs = None, []
        for x_t in x:
            back = (
                o0 @ params["W_r"] if h is None else h @ (params["W_y"] @ params["W_r"]) + params["b_y"] @ params["W_r"]
            )
            h = np.tanh(x_t @ params["W_x"] + back + params["b"])
            outputs.append(h @ params["W_y"] + params["b_y"])
        return outputs

    check("03.4", output_recurrent)


def test_conditioning_passes_with_the_context_among_the_inputs():
    def conditioned(x, c, params, how):
        W_c = params["W_c"] if how != "initial" else 0 * params["W_c"]
        h0 = np.tanh(c @ params["V"]) * (how != "each_step")
        inputs = np.concatenate([x, np.broadcast_to(c, (len(x), *c.shape))], axis=-1)
        h = [h0]
        for x_t in inputs:
            h.append(np.tanh(np.hstack([x_t, h[-1]]) @ np.vstack([params["W_x"], W_c, params["W_h"]]) + params["b"]))
        return h

    check_all("conditioned", conditioned)


def test_a_list_whose_parts_do_not_fit_is_told_without_numpys_words(answers):
    with pytest.raises(NotRightYet, match=r"o must be one array, got a tuple of arrays \(6, 2, 4\), \(2, 4\)$"):
        check("03.4", lambda x, o0, params: (answers["output_recurrent"](x, o0, params), o0))


def test_states_without_the_first_one_are_told(answers):
    with pytest.raises(NotRightYet, match=r"h has shape \(6, 2, 5\), expected \(7, 2, 5\)"):
        check("03.6a", lambda *arguments: answers["conditioned"](*arguments)[1:])


# ------------------------------------------------------------------ 03.5


def one_step(x, o, p):
    return np.tanh(x @ p["W_x"] + o @ p["W_r"] + p["b"]) @ p["W_y"] + p["b_y"]


def undone(o0, params):
    """Differ at the first step, and take it back at the second."""
    a, b = np.eye(6)[:2]
    owed = (one_step(a, o0, params) - one_step(b, o0, params)) @ params["W_r"]
    return [a, np.zeros(6)], [b, owed @ np.linalg.pinv(params["W_x"])]


def from_afar(o0, params):
    """The way of the solution, after two steps that both share."""
    x = np.ones((2, 6))
    o = one_step(x[1], one_step(x[0], o0, params), params)
    n = np.linalg.svd(params["W_y"])[0][:, -1]
    z = np.arctanh([0.3 * n, -0.4 * n]) - o @ params["W_r"] - params["b"]
    last = np.linalg.lstsq(params["W_x"].T, z.T, rcond=None)[0].T
    return np.vstack([x, last[:1]]), np.vstack([x, last[1:]])


def in_float32(o0, params):
    short = {name: array.astype(np.float32) for name, array in params.items()}
    return tuple(np.asarray(x, np.float32) for x in undone(o0.astype(np.float32), short))


def in_one_array(o0, params):
    return np.array(undone(o0, params))


@pytest.mark.parametrize("answer", [undone, from_afar, in_float32, in_one_array])
def test_twins_pass_however_they_are_found(answer):
    check("03.5", answer)


ONES = np.ones((1, 6))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, r"twins must return the pair \(first, second\), got None"),
        ((np.ones(6), np.ones(6)), r"the first history must have shape \(T, 6\) .*, got \(6,\): .* history\[None\]"),
        ((ONES, np.ones((4, 6))), r"the second history must have shape \(T, 6\) with T from 1 to 3, got \(4, 6\)"),
        ((ONES, np.ones((2, 6))), "the histories must be equally long, got 1 steps and 2"),
        ((ONES, np.nan * ONES), "the second history holds NaN or infinity: a state must lie between -1 and 1"),
        ((ONES[:, :5], ONES[:, :5]), r"got \(1, 5\): these are states, H numbers a step; return the inputs that"),
        ((1e308 * ONES, -1e308 * ONES), "is inf: the histories hold numbers that are too large"),
        (
            (ONES, 1.01 * ONES),
            "with the output fed back, later outputs differ by|the two histories differ by 0.01 at most",
        ),
        ((ONES > 0, ONES), "the first history must hold numbers, got bool"),
        (
            (ONES, -ONES),
            r"with the output fed back, later outputs differ by \d.*, at most 0.0001 is allowed: .* different outputs",
        ),
    ],
)
def test_histories_that_are_none_are_told(result, words):
    with pytest.raises(NotRightYet, match=words):
        check("03.5", lambda o0, params: result)


def saturated(o0, params):
    """Both drive every unit to its end: no network can tell them apart."""
    return 1e6 * ONES, 2e6 * ONES


def long_ago(o0, params):
    """Differ first, and have two steps in common then."""
    x = np.zeros((2, 3, 6))
    x[0, 0], x[1, 0] = 1, -1
    return x


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("lazy", [saturated, long_ago])
def test_twins_for_nothing_earn_nothing(lazy, seed, answers):
    nets = draw_networks(np.random.default_rng(seed))
    params = {name: array for name, array in nets.items() if name != "o0"}
    found = [
        certify(dict(zip(("first", "second"), answer(nets["o0"], params), strict=True)), generator("03.5", seed), nets)
        for answer in (lazy, answers["twins"])
    ]
    assert compare(*({name: np.asarray(value) for name, value in one.items()} for one in found), 1e-4, 1e-6)


def test_the_continuations_are_not_the_answers_to_know(answers):
    """The same histories are judged on other continuations under another secret, and by the same bounds."""
    one, given = exercise_of("03.5"), draw_networks(np.random.default_rng(0))
    by_secret = [run_probe(one, answers["twins"], 0, given, secret=secret) for secret in (1, 2)]
    assert by_secret[0] == by_secret[1]
