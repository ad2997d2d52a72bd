"""An oracle answers over any channel, whatever comes through it, and remembers how it was asked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rnnkit.check import exercise, judged_values, make_oracle, probe_values, run_probe
from rnnkit.check.oracle import MAX_LINE, Oracle, OracleError, Remote, answer_call
from rnnkit.check.values import compare, encode


class Doubling(Oracle):
    takes = {"double": {"a": (2,)}}  # noqa: RUF012
    max_calls = 5

    def double(self, a):
        return {"twice": 2 * a}

    def secret(self):
        raise AssertionError("must not be reached")

    def evidence(self):
        return {"calls": self.calls}


@pytest.fixture
def oracle():
    return Doubling()


def through(oracle):
    """A remote whose channel is a plain call, as text both ways."""
    return Remote(lambda line: answer_call(oracle, line))


def test_arrays_go_and_come_back_through_text(oracle):
    np.testing.assert_array_equal(through(oracle)("double", a=[1, 2])["twice"], [2.0, 4.0])
    assert oracle.evidence() == {"calls": 1}


@pytest.mark.parametrize("where", [lambda oracle: oracle, through], ids=["here", "through a channel"])
@pytest.mark.parametrize(
    ("function", "values", "words"),
    [
        ("treble", {"a": [1, 2]}, "there is no 'treble', there are double"),
        ("secret", {}, "there is no 'secret', there are double"),
        ("__init__", {}, "there is no '__init__'"),
        ("double", {}, "double takes a"),
        ("double", {"a": [1, 2], "b": 1}, "double takes a"),
        ("double", {"a": [1, 2, 3]}, r"double: a must have shape \(2,\), got \(3,\)"),
        ("double", {"a": None}, "double: a is no number and no array but NoneType"),
    ],
)
def test_a_call_that_it_does_not_take_is_told_alike_near_and_far(oracle, where, function, values, words):
    with pytest.raises(OracleError, match=words):
        where(oracle)(function, **values)


@pytest.mark.parametrize("where", [lambda oracle: oracle, through], ids=["here", "through a channel"])
def test_calls_are_counted_and_end(oracle, where):
    for _ in range(5):
        where(oracle)("double", a=[1, 2])
    with pytest.raises(OracleError, match="more than 5 calls of double: does a loop never end"):
        where(oracle)("double", a=[1, 2])


def test_infinite_numbers_are_answered(oracle):
    with np.errstate(all="raise"):
        got = through(oracle)("double", a=[np.inf, 1e308])["twice"]
    np.testing.assert_array_equal(got, [np.inf, np.inf])


HOSTILE = [
    None,
    b"{}",
    "",
    "null",
    "[]",
    "{}",
    '{"oracle": "double"}',
    '{"oracle": 3, "values": {}}',
    '{"oracle": ["double"], "values": {}}',
    '{"oracle": "double", "values": {}, "more": 1}',
    '{"oracle": "double", "values": []}',
    '{"oracle": "double", "values": {"a": {"dtype": "|O", "shape": [2], "b64": ""}}}',
    '{"oracle": "double", "values": {"a": {"dtype": "<f8", "shape": [1000000000], "b64": ""}}}',
    '{"oracle": "__class__", "values": {}}',
    '{"oracle": "\\ud800", "values": {}}',
    "[" * 60_000,
    "1" * 60_000,
    " " * (MAX_LINE + 1),
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: str(line)[:40])
def test_a_hostile_line_gets_a_short_answer_and_counts(oracle, line):
    reply = answer_call(oracle, line)
    assert list(json.loads(reply)) == ["error"]
    assert len(reply) < 1000
    assert oracle.calls == 1


def test_after_the_last_call_nothing_is_read(oracle, monkeypatch):
    for _ in range(5):
        answer_call(oracle, "")
    monkeypatch.setattr(json, "loads", None)
    assert "more than 5 calls" in answer_call(oracle, '{"oracle": "double", "values": {}}')


def test_arrays_that_are_too_large_are_not_even_sent(oracle):
    with pytest.raises(OracleError, match="double: the arrays are larger than any it takes"):
        through(oracle)("double", a=np.zeros(10_000))
    assert oracle.calls == 0


# ------------------------------------------------------------------ 05.4

ONE = exercise("05.4")


@pytest.fixture
def right(master):
    return master.answers["checkpointed_bptt"]


def graded(answer, forge=None, secret=8):
    """What the trusted side compares, for an answer in another process that knows seed 7 and not the secret."""
    oracle = make_oracle(ONE, secret)
    got = probe_values(ONE, answer, 7, None, through(oracle))
    return judged_values(ONE, forge(got) if forge else got, secret, None, oracle), oracle


def differs(got, answer, secret=8):
    return compare(got, run_probe(ONE, answer, 7, secret=secret), ONE.rtol, ONE.atol)


def test_a_right_answer_far_away_gives_the_values_of_one_near_by_in_few_calls(right):
    got, oracle = graded(right)
    assert differs(got, right) is None
    assert oracle.calls < 200


def test_the_weights_depend_on_the_secret_seed_alone(right):
    got, _ = graded(right)
    assert "every=4: W_x" in differs(got, right, secret=9)


@pytest.mark.parametrize("name", ["`every` is ignored, and a state kept every √T steps",
    "no segment is run again, because no state was forgotten", "all segments are run again before the way back begins",
    "every state is computed again from its checkpoint, in place of once for each segment"])  # fmt: skip
def test_how_states_were_computed_cannot_be_claimed(master, right, name):
    """A kernel may send the reference's own evidence beside right gradients; what the oracle saw stands."""
    wrong = master.mutate("checkpointed_bptt", next(m for m in master.mutants("checkpointed_bptt") if m.name == name))
    truth, _ = graded(right)
    got, _ = graded(wrong, lambda got: truth | got | {n: truth[n] for n in truth if n not in got or "T" in n})
    assert differs(got, right)
    assert all(np.allclose(got[n], truth[n]) for n in got if n.endswith(("W_x", "W_h", "b", "h0")))


def test_evidence_that_is_only_claimed_counts_for_nothing(right):
    truth = run_probe(ONE, right, 7, secret=8)
    got = judged_values(ONE, truth, 8, None, make_oracle(ONE, 8))
    assert "every=4: runs again from step" in differs(got, right)


def test_calls_that_only_look_like_running_again_are_not_taken_for_it(right):
    def checkpointed_bptt(step, step_backward, x, upstream, h0, every):
        """Keeps all states; calls step on any state to be seen at work."""
        h = [h0]
        for x_t in x:
            h.append(step(x_t, h[-1]))
        dh, grads = 0, {"W_x": 0, "W_h": 0, "b": 0}
        for t in reversed(range(len(x))):
            step(x[t], h0)
            dh, shares = step_backward(upstream(t, h[t + 1]) + dh, x[t], h[t], h[t + 1])
            grads = {name: grads[name] + shares[name] for name in grads}
        return {**grads, "h0": dh}

    got, _ = graded(checkpointed_bptt)
    assert "runs again from step" in differs(got, right)


def test_a_line_of_the_channel_is_as_short_as_its_arrays(right):
    lines = []
    oracle = make_oracle(ONE, 1)

    def ask(line):
        reply = answer_call(oracle, line)
        lines.extend((line, reply))
        return reply

    probe_values(ONE, right, 1, None, Remote(ask))
    assert max(map(len, lines)) < 4000
    assert encode({}) == {}
