"""Softmax cross-entropy and its gradient."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit import gradients
from rnnkit.losses import log_softmax, one_hot, softmax_cross_entropy

LOGITS = np.random.default_rng(0).normal(size=(4, 3, 5))
TARGETS = np.random.default_rng(1).integers(0, 5, (4, 3))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gradient_agrees_with_central_differences(reduction):
    logits, mask = LOGITS.copy(), np.arange(12).reshape(4, 3) % 5 > 0
    g = softmax_cross_entropy(logits, TARGETS, mask, reduction=reduction).dlogits
    gradients.check(
        lambda: softmax_cross_entropy(logits, TARGETS, mask, reduction=reduction).loss, {"o": logits}, {"o": g}
    )


def test_huge_logits_do_not_overflow():
    np.testing.assert_allclose(log_softmax(np.array([1e4, 0.0])), [0.0, -1e4])


def test_equal_scores_cost_the_logarithm_of_the_number_of_classes():
    assert softmax_cross_entropy(np.zeros((2, 7)), np.array([3, 0])).loss == pytest.approx(np.log(7))


def test_masked_targets_are_not_looked_at():
    mask, wild = np.ones((4, 3), bool), TARGETS.copy()
    mask[2, 1], wild[2, 1] = False, 999
    result = softmax_cross_entropy(LOGITS, wild, mask)
    assert np.isfinite(result.loss)
    assert not result.dlogits[2, 1].any()


def test_a_forbidden_symbol_costs_nothing_to_the_others():
    loss, dlogits = softmax_cross_entropy(np.array([[0.0, 1.0, -np.inf]]), np.array([0]))
    assert loss == pytest.approx(np.log(1 + np.e))
    assert dlogits[0, 2] == 0


def test_a_mask_of_numbers_is_refused():
    with pytest.raises(TypeError, match="mask must be boolean, got int64"):
        softmax_cross_entropy(LOGITS, TARGETS, np.ones((4, 3), np.int64))


def test_one_hot_rows_have_a_single_one():
    rows = one_hot(TARGETS, 5, np.zeros(1, np.float32))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows.argmax(-1), TARGETS)
    np.testing.assert_array_equal(rows.sum(-1), np.ones((4, 3)))


@pytest.mark.parametrize(
    ("logits", "targets", "kwargs", "error", "says"),
    [
        (LOGITS, TARGETS + 5, {}, ValueError, r"targets must lie in 0 \.\. 4, got"),
        (LOGITS, TARGETS.astype(float), {}, TypeError, "targets must be integers"),
        (LOGITS.astype(int), TARGETS, {}, TypeError, "logits must be floating point"),
        (LOGITS, TARGETS[:-1], {}, ValueError, "targets must have shape"),
        (LOGITS, TARGETS, {"reduction": "none"}, ValueError, "reduction must be 'mean' or 'sum', got 'none'"),
        (LOGITS, TARGETS, {"mask": np.zeros((4, 3), bool)}, ValueError, "no symbol is left"),
    ],
)
def test_bad_input_is_refused_by_name(logits, targets, kwargs, error, says):
    with pytest.raises(error, match=says):
        softmax_cross_entropy(logits, targets, **kwargs)
