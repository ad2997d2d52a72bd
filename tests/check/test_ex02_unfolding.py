"""Unusual but right answers to notebook 02 pass; answers of the wrong form are told what is wrong with it."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.check import NotRightYet, check, exercises
from rnnkit.check.ex02_drawings import draw_unfolded, tangle, with_skips
from rnnkit.check.ex02_drawings import stack as stack_of
from rnnkit.grade.master import Master

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def answers():
    return Master.load(ROOT / "solutions/02-unfolding.ipynb").answers


def test_points_and_minutes_are_those_of_the_overview():
    notebook = exercises("02-unfolding")
    assert (sum(one.points for one in notebook), sum(one.minutes for one in notebook)) == (14, 60)


# ------------------------------------------------------------------ 02.1


def by_recursion(nodes, edges, start, end):
    @functools.cache
    def to(node):
        if node == start:
            return 0, 0, 1
        before = [to(source) for source, target in edges if target == node]
        before = [one for one in before if one[2]]
        if not before:
            return None, None, 0
        longest, shortest, count = zip(*before, strict=True)
        return 1 + max(longest), 1 + min(shortest), sum(count)

    return list(to(end))


def by_walking(nodes, edges, start, end):
    """Walks every single path."""
    lengths, walks = [], [(start, 0)]
    while walks:
        node, length = walks.pop()
        lengths += [length] if node == end else []
        walks += [(target, length + 1) for source, target in edges if source == node]
    return (max(lengths), min(lengths), len(lengths)) if lengths else (None, None, 0)


def by_matrices(nodes, edges, start, end):
    """Powers of the adjacency matrix count the paths of each length."""
    place = {node: n for n, node in enumerate(nodes)}
    A = np.zeros((len(nodes), len(nodes)))
    for source, target in edges:
        A[place[source], place[target]] = 1
    power, counts = np.eye(len(nodes)), []
    for _ in nodes:
        counts.append(power[place[start], place[end]])
        power = power @ A
    found = np.flatnonzero(counts)
    return np.array([found.max(), found.min(), np.sum(counts)]).tolist() if len(found) else [None, None, np.float64(0)]


@pytest.mark.parametrize("answer", [by_recursion, by_walking, by_matrices])
def test_paths_pass_however_they_are_found(answer):
    check("02.1a", answer)
    check("02.1b", answer)


def with_minus_one(nodes, edges, start, end):
    found = by_recursion(nodes, edges, start, end)
    return found if found[2] else (-1, -1, 0)


def with_infinity(nodes, edges, start, end):
    found = by_recursion(nodes, edges, start, end)
    return found if found[2] else (-np.inf, np.inf, 0)


@pytest.mark.parametrize(
    ("one", "answer", "words"),
    [
        ("02.1a", lambda *a: None, r"must return \(longest, shortest, count\), got None \(is a return missing\?\)"),
        ("02.1a", lambda *a: (1, 2), r"must return \(longest, shortest, count\), got \(1, 2\)"),
        ("02.1b", lambda *a: (1, 2, None), "count is a number, 0 where no path leads; got None"),
        ("02.1a", lambda *a: (9, 2, 1), r"the longest path from x_1 to h2_3 has 4 edges, yours 9"),
        ("02.1a", lambda *a: (4, None, 1), r"the shortest path from x_1 to h2_3 has 4 edges, yours None"),
        ("02.1b", lambda *a: (4, 4, 7), r"stack\(2, 3\): from x_1 to h2_3 there are 3 paths, you count 7"),
        ("02.1a", with_infinity, r"no path leads from \w+ to x_\d, so longest is None, and yours is -inf"),
        ("02.1a", with_minus_one, r"no path leads from \w+ to x_\d, so longest is None, and yours is -1"),
        ("02.1a", lambda *a: ([4, 4], 4, 3), r"has shape \(2,\), expected \(\)"),
    ],
)
def test_a_wrong_form_or_number_of_paths_is_told(one, answer, words):
    with pytest.raises(NotRightYet, match=words):
        check(one, answer)


@pytest.mark.parametrize("seed", range(10))
def test_every_edge_leads_down_the_list_and_some_path_has_a_shorter_sister(seed):
    drawn = draw_unfolded(np.random.default_rng(seed))
    spread = 0
    for graph, pairs in drawn:
        place = {node: n for n, node in enumerate(graph.nodes)}
        assert len(place) == len(graph.nodes)
        assert len(set(graph.edges)) == len(graph.edges)
        assert all(place[source] < place[target] for source, target in graph.edges)
        found = [by_recursion(graph.nodes, graph.edges, *pair) for pair in pairs]
        spread += sum(longest != shortest for longest, shortest, _ in found)
        assert [pair for pair, (_, _, count) in zip(pairs, found, strict=True) if not count]
    assert spread >= 3


def test_skips_are_added_and_edges_shuffled():
    plain = stack_of(2, 4)
    drawn = with_skips(plain, np.random.default_rng(0))
    assert len(drawn.edges) == len(plain.edges) + 3
    assert set(plain.edges) < set(drawn.edges)
    assert drawn.edges[: len(plain.edges)] != plain.edges
    assert tangle(np.random.default_rng(0)).edges != tangle(np.random.default_rng(1)).edges


# ------------------------------------------------------------------ 02.2


def recursive(f, f_backward, thetas, x, h0, v):
    """Goes forward on the way down, backward on the way up."""

    def back(t, h):
        if t == len(x):
            return np.asarray(v), ()
        dh, later = back(t + 1, f(h, x[t], thetas[t]))
        dh, own = f_backward(dh, h, x[t], thetas[t])
        return dh, (own, *later)

    copies = back(0, h0)[1]
    return copies, np.sum(copies, axis=0)


def in_one_array(f, f_backward, thetas, x, h0, v):
    states, copies = [h0], np.empty((*thetas[0].shape[::-1], len(x)), np.float32).T  # not contiguous
    for x_t, theta in zip(x, thetas, strict=True):
        states.append(f(states[-1], x_t, theta).astype(np.float32))
    for t in range(len(x) - 1, -1, -1):
        v, copies[t] = f_backward(v, states[t], x[t], thetas[t])
    return {"copies": copies, "shared": copies.sum(0)}.values()


def as_lists(f, f_backward, thetas, x, h0, v):
    copies, shared = recursive(f, f_backward, thetas, x, h0, v)
    return [[copy.tolist() for copy in copies], shared.tolist()]


def by_differences(f, f_backward, thetas, x, h0, v):
    """Slow, inexact, and right."""

    def loss(thetas):
        h = h0
        for x_t, theta in zip(x, thetas, strict=True):
            h = f(h, x_t, theta)
        return h @ v

    copies = [np.zeros_like(theta) for theta in thetas]
    for t, copy in enumerate(copies):
        for place in np.ndindex(copy.shape):
            moved = np.zeros_like(copy)
            moved[place] = 1e-5
            ends = [loss([theta + sign * moved * (s == t) for s, theta in enumerate(thetas)]) for sign in (1, -1)]
            copy[place] = (ends[0] - ends[1]) / 2e-5
    return copies, sum(copies)


def as_pair(answer):
    return lambda *arguments: tuple(answer(*arguments))


@pytest.mark.parametrize("answer", [recursive, as_pair(in_one_array), as_lists, by_differences])
def test_gradients_of_copies_pass_however_they_are_found(answer):
    check("02.2a", answer)
    check("02.2b", answer)


@pytest.mark.parametrize(
    ("one", "answer", "words"),
    [
        ("02.2a", lambda *a: None, r"must return the pair \(copies, shared\), got None"),
        ("02.2a", lambda f, b, thetas, *a: thetas, r"must return the pair \(copies, shared\), got a list of 1"),
        (
            "02.2a",
            lambda f, b, thetas, *a: (thetas[0], 0),
            r"copies \(f a tanh, T = 1, .*\) has shape \(6, 4\), expected",
        ),
        ("02.2b", lambda f, b, thetas, *a: (thetas, 0.5), r"shared \(.*\) has shape \(\), expected \(6, 4\)"),
        ("02.2a", lambda f, b, thetas, *a: (dict(enumerate(thetas)), 0), "is no number and no array but dict"),
        ("02.2a", lambda f, b, thetas, *a: ([None], 0), "is there a None among them"),
        ("02.2a", lambda f, b, thetas, x, h, v: b(v, x, h, thetas), "your code raised"),
    ],
)
def test_a_wrong_form_of_gradients_is_told(one, answer, words):
    with pytest.raises(NotRightYet, match=words):
        check(one, answer)


# ------------------------------------------------------------------ 02.3


def sequence_by_sequence(f, theta, x, h0, mask):
    states = np.empty((len(x) + 1, *h0.shape))
    states[:] = h0
    for b in range(len(h0)):
        for t in range(int(mask[:, b].sum())):
            states[t + 1 :, b] = f(states[t, [b]], x[t, [b]], theta)
    return states, states[-1]


def by_lengths(f, theta, x, h0, mask):
    lengths, h, states = mask.sum(axis=0), np.array(h0), [h0.tolist()]
    for t in range(len(x)):
        on = lengths > t
        if on.any():
            h[on] = f(h[on], x[t][on], theta)
        states.append(h.tolist())
    return states, np.array(states)[lengths, range(len(h0))]


def in_float32(f, theta, x, h0, mask):
    h, states = h0.astype(np.float32), [h0.astype(np.float32)]
    for t in range(len(x)):
        h = np.where(mask[t, :, None], f(h, np.nan_to_num(x[t]), theta), h).astype(np.float32)
        states.append(h)
    return np.array(states), h


def with_tensors(f, theta, x, h0, mask):
    states = [torch.tensor(h0)]
    for x_t, real in zip(x, mask, strict=True):
        after = torch.as_tensor(f(states[-1].numpy(), x_t, theta))
        states.append(torch.where(torch.as_tensor(real)[:, None], after, states[-1]))
    return torch.stack(states), states[-1]


@pytest.mark.parametrize("answer", [sequence_by_sequence, by_lengths, in_float32, with_tensors])
def test_unfold_passes_however_it_is_done(answer):
    check("02.3a", answer)
    check("02.3b", answer)


def without_the_first(f, theta, x, h0, mask):
    states, last = in_float32(f, theta, x, h0, mask)
    return states[1:], last


def leaking(f, theta, x, h0, mask):
    states = [h0]
    for t in range(len(x)):
        on = mask[t][:, None]
        states.append(on * f(states[-1], x[t], theta) + 1.0001 * (1 - on) * states[-1] + 1e-3)
    return np.array(states), states[-1]


@pytest.mark.parametrize(
    ("one", "answer", "words"),
    [
        ("02.3a", lambda f, theta, x, h0, mask: h0, r"must return the pair \(states, last\), got ndarray"),
        ("02.3a", without_the_first, r"states \(f a tanh, T = 6\) has shape \(6, 4, 5\), expected \(7, 4, 5\)"),
        ("02.3a", lambda f, theta, x, h0, mask: (f(x, h0, theta), h0), "your code raised ValueError"),
        ("02.3b", leaking, r"states \(f a tanh, lengths .*, numbers as padding\)\["),
    ],
)
def test_a_wrong_form_of_states_is_told(one, answer, words):
    with pytest.raises(NotRightYet, match=words):
        check(one, answer)


def test_nan_that_leaks_is_told_as_what_it_is():
    def unfold(f, theta, x, h0, mask):
        right, last = in_float32(f, theta, x, h0, mask)
        return np.where(np.isnan(x).any() & (np.arange(len(right)) == 6)[:, None, None], np.nan, right), last

    with pytest.raises(NotRightYet, match=r"NaN as padding.* holds NaN: what stands in the padding has leaked"):
        check("02.3b", unfold)


def test_nan_where_nothing_is_padded_is_not_blamed_on_the_padding():
    with pytest.raises(NotRightYet, match=r"states \(f a tanh, T = 6\) holds NaN$"):
        check("02.3a", lambda f, theta, x, h0, mask: (np.full((len(x) + 1, *h0.shape), np.nan), h0))


# ------------------------------------------------------------------ 02.4


def with_a_past(nodes, arrows, x):
    """Two rows of zeros before the first step, in lists."""
    past = {name: [np.zeros(size)] * 2 for name, size in nodes.items()}
    for x_t in x:
        past["x"].append(x_t)
        for name in [*nodes][1:]:
            past[name].append(np.tanh(sum(past[s][len(past["x"]) - 1 - d] @ W for s, to, d, W in arrows if to == name)))
    return past["o"][2:]


def by_dates(nodes, arrows, x):
    """Asks for a node at a step, which asks for what it needs."""

    @functools.cache
    def at(name, t):
        if t < 0:
            return np.zeros(nodes[name], np.float32)
        if name == "x":
            return x[t].astype(np.float32)
        into = [(s, d, W) for s, target, d, W in arrows if target == name]
        return np.tanh(np.sum([at(s, t - d) @ W for s, d, W in into], axis=0)).astype(np.float32)

    return np.array([at("o", t) for t in range(len(x))])


def by_one_long_row(nodes, arrows, x):
    """All nodes in one row, one matrix for each delay."""
    ends = np.cumsum([0, *nodes.values()])
    part = {name: slice(a, b) for name, a, b in zip(nodes, ends, ends[1:], strict=False)}
    M = np.zeros((3, ends[-1], ends[-1]))
    for source, target, delay, W in arrows:
        M[delay, part[source], part[target]] += W
    rows = np.zeros((len(x) + 2, ends[-1]))
    rows[2:, part["x"]] = x
    for t in range(2, len(rows)):
        for name in list(nodes)[1:]:
            z = rows[t] @ M[0] + rows[t - 1] @ M[1] + rows[t - 2] @ M[2]
            rows[t, part[name]] = np.tanh(z[part[name]])
    return rows[2:, part["o"]]


@pytest.mark.parametrize("answer", [with_a_past, by_dates, by_one_long_row])
def test_a_drawing_passes_however_it_is_run(answer):
    check("02.4", answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda nodes, arrows, x: None, r"run_drawing must return the rows of o, got None \(is a return missing\?\)"),
        (lambda nodes, arrows, x: x, r"has shape \(7, 3\), expected \(7, 2\)"),
        (lambda nodes, arrows, x: with_a_past(nodes, arrows, x)[-1], r"has shape \(2,\), expected \(7, 2\)"),
        (lambda nodes, arrows, x: x @ arrows[0], "your code raised"),
    ],
)
def test_a_wrong_form_of_outputs_is_told(answer, words):
    with pytest.raises(NotRightYet, match=words):
        check("02.4", answer)


def test_two_arrows_between_one_pair_of_nodes_both_count(answers):
    rng = np.random.default_rng(0)
    nodes, x = {"x": 3, "o": 2}, rng.normal(size=(5, 3))
    now, before = rng.normal(size=(2, 3, 2))
    o = answers["run_drawing"](nodes, [("x", "o", 0, now), ("x", "o", 1, before)], x)
    assert np.allclose(o[1:], np.tanh(x[1:] @ now + x[:-1] @ before))
