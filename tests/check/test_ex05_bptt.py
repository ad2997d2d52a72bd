"""Unusual but right answers to 05.3, 05.4 and 05.5 pass; answers that are right but too costly do not."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from rnnkit.check import NotRightYet, check
from rnnkit.check.ex05_bptt import _Watched, draw_problem


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


def test_keeping_every_state_is_told():
    with pytest.raises(NotRightYet, match=r"far fewer than T states are kept” should hold|when every state is kept"):
        check("05.4", checkpointed(lambda t, every: True))


def test_too_many_steps_are_told():
    with pytest.raises(NotRightYet, match=r"at most 2T times” should hold|when every state is computed again"):
        check("05.4", checkpointed(lambda t, every: t % every == 0, extra_steps=1))


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
def test_a_loop_over_time_is_told(answer):
    with pytest.raises(NotRightYet, match=r"the steps are computed in a loop, one after the other"):
        check("05.5", answer)


def test_a_watched_array_counts_its_uses_and_gives_plain_arrays():
    uses = [1]
    a = _Watched.of(np.arange(6.0).reshape(2, 3), uses)
    results = [a[0], a + 1, a @ a.T, np.concatenate([a, a]), np.dot(a, np.ones(3))]
    assert uses == [1 + len(results)]
    assert all(type(result) in (np.ndarray, np.float64) for result in results)
