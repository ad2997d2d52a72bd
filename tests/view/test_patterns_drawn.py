"""Drawings of patterns."""

import matplotlib.pyplot as plt
import pytest

from rnnkit.patterns import wiring
from rnnkit.view import draw_wiring


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_there_is_a_square_for_each_input_state_and_output_and_an_arrow_between_them():
    (ax,) = draw_wiring([wiring("many-to-one", 3, 1)], ["many-to-one"])
    assert [len(line.get_xdata()) for line in ax.lines] == [3, 3, 1]
    assert len(ax.texts) == 3 + 1 + 2  # an annotation each: inputs, outputs, from state to state


def test_axes_left_over_stay_empty():
    _, axes = plt.subplots(1, 3)
    drawn = draw_wiring([wiring("one-to-one", 1, 1)] * 2, ["a", "b"], axes=axes)
    assert [bool(ax.lines) for ax in drawn] == [True, True, False]


def test_what_does_not_fit_is_named():
    _, axes = plt.subplots(1, 1)
    both = [wiring("one-to-one", 1, 1)] * 2
    with pytest.raises(ValueError, match="titles must have one for each of the 2 wirings, got 1"):
        draw_wiring(both, ["a"])
    with pytest.raises(ValueError, match="axes must be at least 2, got 1"):
        draw_wiring(both, ["a", "b"], axes=axes)
