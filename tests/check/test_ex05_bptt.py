"""Unusual but right answers to 05.3, 05.4 and 05.5 pass; answers that are right but too costly do not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from rnnkit.check import NotRightYet, check, ex05_bptt, exercise, run_probe
from rnnkit.check.ex05_bptt import _WINDOWS, _draw_calls, draw_problem
from rnnkit.check.values import compare


def test_no_two_sizes_are_equal_and_no_gradient_vanishes(bptt):
    for seed in range(5):
        problem = draw_problem(np.random.default_rng(seed))
        assert len({*problem.x.shape, *problem.params["W_y"].shape}) == 5
        grads = bptt(*problem)[1]
        assert all(np.abs(grad).max() > 1e-3 for grad in grads.values())


# ------------------------------------------------------------------ 05.3


def test_truncation_by_whole_windows_of_bptt_passes(bptt):
    """Each pass as a call of bptt on its own window, the losses of earlier passes taken off again."""

    def truncated_bptt(x, y, h0, params, k1, k2):
        if k1 < 1 or k1 > k2 or k2 > len(x):
            raise ValueError("no")
        states, total = [h0], dict.fromkeys(params, 0.0)
        for x_t in x:
            states.append(np.tanh(x_t @ params["W_x"] + states[-1] @ params["W_h"] + params["b"]))
        for first in range(0, len(x), k1):
            end, start = min(first + k1, len(x)), max(0, min(first + k1, len(x)) - k2)
            share = (end - start) / len(x)
            with_all = bptt(x[start:end], y[start:end], states[start], params)[1]
            others = bptt(x[start:first], y[start:first], states[start], params)[1] if first > start else with_all
            for name in total:
                total[name] = total[name] + share * with_all[name]
                if first > start:
                    total[name] = total[name] - (first - start) / len(x) * others[name]
        return total

    check("05.3", truncated_bptt)


def accepts_zero(k1, k2):
    return "returns" if k1 == 0 else "right"


def divides_by_the_difference(k1, k2):
    return (k1 > k2 and 1 / 0) or "right"


def allows_the_examples_alone(k1, k2):
    return "right" if (k1, k2) in _WINDOWS else "refuses"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (accepts_zero, r"k1=0, k2=\d must be refused with a ValueError, and your code returned"),
        (divides_by_the_difference, r"k1=\d, k2=\d must be .*, and your code raised another error"),
        (allows_the_examples_alone, r"k1=\d, k2=\d is allowed at T = 7, and your code raised a ValueError"),
    ],
)
def test_what_is_refused_wrongly_is_told_with_k1_and_k2(master, wrong, words):
    def truncated_bptt(*arguments):
        what = wrong(*arguments[-2:])
        if what == "refuses":
            raise ValueError
        return {} if what == "returns" else master.answers["truncated_bptt"](*arguments)

    with pytest.raises(NotRightYet, match=words):
        check("05.3", truncated_bptt)


@pytest.mark.parametrize("seed", range(20))
def test_allowed_and_forbidden_windows_come_in_an_order_of_their_own(seed):
    calls = _draw_calls(np.random.default_rng(seed))
    allowed = [1 <= k1 <= k2 <= 7 for k1, k2 in calls]
    assert (len(set(calls)), sum(allowed)) == (12, 6)
    assert any(k1 == 0 for k1, _ in calls)
    assert any(k1 < 0 for k1, _ in calls)
    assert any(k1 > k2 > 0 for k1, k2 in calls)
    assert any(k2 > 7 for _, k2 in calls)
    assert calls != _draw_calls(np.random.default_rng(seed + 1))


@pytest.mark.parametrize("claim", range(3))
def test_no_constant_is_the_outcome_of_all_calls(master, monkeypatch, claim):
    """What a kernel gains that replaces our function by a claim."""
    monkeypatch.setattr(ex05_bptt, "_outcome", lambda *a: claim)
    one, right = exercise("05.3"), master.answers["truncated_bptt"]
    forged = run_probe(one, right, 5)
    monkeypatch.undo()
    assert compare(forged, run_probe(one, right, 5), one.rtol, one.atol)


def test_a_subclass_of_value_error_refuses_as_well(master):
    right = master.answers["truncated_bptt"]

    class OutOfRangeError(ValueError): ...

    def truncated_bptt(*arguments):
        try:
            return right(*arguments)
        except ValueError as error:
            raise OutOfRangeError from error

    check("05.3", truncated_bptt)


# ------------------------------------------------------------------ 05.4


def checkpointed(keep, *, extra_steps=0):
    """A right answer that keeps states by `keep` and wastes some steps."""

    def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
        kept, h, grads = {}, h0, {"W_x": 0, "W_h": 0, "b": 0}
        for t in range(len(x)):
            if keep(t, every):
                kept[t] = np.array(h)
            h = step(x[t], h)
        for _ in range(extra_steps):
            step(x[0], h0)
        dh, segment = 0, {}
        for t in reversed(range(len(x))):
            if t not in segment:
                start = max(s for s in kept if s <= t)
                segment = {start: kept.pop(start)}
                for s in range(start, t):
                    segment[s + 1] = step(x[s], segment[s])
                after = step(x[t], segment[t])
            else:
                after = segment.pop(t + 1)
            dh, shares = step_backward(upstream(t, after) + dh, x[t], segment[t], after)
            grads = {name: grads[name] + shares[name] for name in grads}
        return {**grads, "h0": dh}

    return checkpointed_bptt


def test_checkpointing_with_dicts_and_copies_passes():
    check("05.4", checkpointed(lambda t, every: t % every == 0))


def frugal(step, step_backward, x, upstream, h0, every):
    """Never runs a step whose state is still there: the next checkpoint, or those of the last segment."""
    x = np.asarray(x)
    T, h, kept, last = len(x), h0, {}, (len(x) - 1) // every * every
    for t in range(T):
        if t % every == 0 or t > last:
            kept[t] = h
        h = step(x[t], h)
    kept[T], dh, grads = h, 0, {"W_x": 0, "W_h": 0, "b": 0}
    for t in reversed(range(T)):
        if t not in kept:
            start = t // every * every
            for s in range(start, t):
                kept[s + 1] = step(x[s], kept[s])
        dh, shares = step_backward(upstream(t, kept[t + 1]) + dh, x[t], kept[t], kept.pop(t + 1))
        grads = {name: grads[name] + shares[name] for name in grads}
    return {**grads, "h0": dh}


def in_float32(step, step_backward, x, upstream, h0, every):
    def short(function):
        def call(*arrays):
            made = function(*(np.asarray(a, np.float32) for a in arrays))
            return made if isinstance(made, tuple) else made.astype(np.float32)

        return call

    return frugal(short(step), short(step_backward), x, upstream, h0.astype(np.float32), every)


def with_tensors(step, step_backward, x, upstream, h0, every):
    def step_of_tensors(x_t, h):
        return torch.as_tensor(step(x_t, h))

    def back(dh, *arrays):
        dh, shares = step_backward(dh, *arrays)
        return torch.as_tensor(dh), shares

    def upstream_of_tensors(t, h):
        return torch.as_tensor(upstream(t, h))

    return frugal(step_of_tensors, back, x, upstream_of_tensors, torch.as_tensor(h0), every)


@pytest.mark.parametrize("answer", [frugal, in_float32, with_tensors])
def test_checkpointing_passes_however_it_is_done_well(answer):
    check("05.4", answer)


def test_a_call_of_step_with_a_wrong_shape_is_told_with_the_line():
    def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
        return step(x, h0)  # all inputs at once

    words = (
        r"your code raised .*OracleError: step: x must have shape \(2, 3\), got \(11, 2, 3\)\n  line \d+: return step"
    )
    with pytest.raises(NotRightYet, match=words):
        check("05.4", checkpointed_bptt)


def test_a_loop_that_never_ends_is_ended():
    def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
        while True:
            step(x[0], h0)

    with pytest.raises(
        NotRightYet, match=r"more than 400 calls of sequence, step, step_backward: does a loop never end"
    ):
        check("05.4", checkpointed_bptt)


def test_keeping_every_state_is_told():
    with pytest.raises(
        NotRightYet, match=r"runs again from the states before steps 0, 1, 2, .*; keep those before 0, 4, 8"
    ):
        check("05.4", checkpointed(lambda t, every: True))


def test_too_many_steps_are_told():
    with pytest.raises(NotRightYet, match="with every=4 step is called 23 times for T = 11, at most 2T are allowed"):
        check("05.4", checkpointed(lambda t, every: t % every == 0, extra_steps=1))


def test_other_checkpoints_than_asked_for_are_told():
    words = "with every=4 your code runs again from the states before steps 0, 5, 10; keep those before 0, 4, 8"
    with pytest.raises(NotRightYet, match=words):
        check("05.4", checkpointed(lambda t, every: t % 5 == 0))


def test_tracing_of_memory_goes_on_where_it_was_on():
    answer = checkpointed(lambda t, every: t % every == 0)
    check("05.4", answer)
    assert not tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        check("05.4", answer)
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------ 05.5


def mean_loss(logits, y):
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return -np.log((np.eye(logits.shape[-1])[y] * p).sum(-1)).mean()


def by_gathering(x, y, params):
    h = x @ params["W_x"] + params["b"]
    h[1:] += params["W_r"][y[:-1]]
    logits = np.tanh(h) @ params["W_y"] + params["b_y"]
    return mean_loss(logits, y), logits


def by_einsum(x, y, params):
    previous = np.concatenate([np.zeros((1, *y.shape[1:], len(params["b_y"]))), np.eye(len(params["b_y"]))[y[:-1]]])
    h = np.tanh(
        np.einsum("tbi,ih->tbh", x, params["W_x"]) + np.tensordot(previous, params["W_r"], axes=1) + params["b"]
    )
    logits = np.dot(h, params["W_y"]) + params["b_y"]
    return mean_loss(logits, y), logits


def by_flattening(x, y, params):
    T, B, I = x.shape  # noqa: E741
    flat = x.reshape(T * B, I).dot(params["W_x"])
    fed = np.vstack([np.zeros((B, params["W_r"].shape[1])), params["W_r"][y.ravel()[:-B]]])
    logits = (np.tanh(flat + fed + params["b"]) @ params["W_y"] + params["b_y"]).reshape(T, B, -1)
    return mean_loss(logits, y), logits


def by_torch(x, y, params):
    w = {name: torch.tensor(array) for name, array in params.items()}
    fed = torch.nn.functional.pad(w["W_r"][torch.tensor(y)][:-1], (0, 0, 0, 0, 1, 0))
    logits = torch.tanh(torch.as_tensor(x) @ w["W_x"] + fed + w["b"]) @ w["W_y"] + w["b_y"]
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(y).flatten()), logits


@pytest.mark.parametrize("answer", [by_gathering, by_einsum, by_flattening, by_torch])
def test_teacher_forcing_passes_however_it_is_done_at_once(answer):
    check("05.5", answer)


def step_by_step(x, y, params):
    logits = []
    for t in range(len(x)):
        fed = params["W_r"][y[t - 1]] if t else 0
        logits.append(np.tanh(x[t] @ params["W_x"] + fed + params["b"]) @ params["W_y"] + params["b_y"])
    return mean_loss(np.array(logits), y), np.array(logits)


def over_zipped(x, y, params):
    fed = [np.zeros(params["b"].shape), *params["W_r"][y[:-1]]]
    h = np.stack([np.tanh(x_t @ params["W_x"] + f + params["b"]) for x_t, f in zip(x, fed, strict=True)])
    return mean_loss(h @ params["W_y"] + params["b_y"], y), h @ params["W_y"] + params["b_y"]


@pytest.mark.parametrize("answer", [step_by_step, over_zipped])
def test_a_loop_over_time_earns_its_points_and_is_told(answer, capsys):
    check("05.5", answer)
    said = capsys.readouterr().out
    assert said.startswith("✓ 05.5: 3 points · but T = 30 takes ")
    assert "no loop over time is needed" in said


def test_states_that_are_run_again_and_kept_all_the_same_are_told(capsys):
    def hoarding(step, step_backward, x, upstream, h0, every):
        hoard = []

        def kept(*arguments):
            hoard.append(step(*arguments))
            return hoard[-1]

        return checkpointed(lambda t, every: t % every == 0)(kept, step_backward, x, upstream, h0, every)

    check("05.4", hoarding)
    assert "states for T = 100: forget a segment's when it is done" in capsys.readouterr().out
