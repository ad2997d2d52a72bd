"""Five lectures, one network."""

from itertools import combinations

import numpy as np
import pytest

from rnnkit import notations
from rnnkit.cells import VanillaRNN


@pytest.fixture
def cell():
    rng = np.random.default_rng(0)
    return VanillaRNN.create(3, 5, rng).with_parameters({"b": rng.normal(size=5)})


@pytest.fixture
def given():
    rng = np.random.default_rng(1)
    return rng.normal(size=(4, 3)), rng.normal(size=(4, 5))


@pytest.mark.parametrize("lecture", notations.LECTURES)
def test_each_lecture_means_the_step_of_the_cell(cell, given, lecture):
    assert np.abs(notations.steps(cell)[lecture](*given) - cell.step(*given)).max() < 1e-14


@pytest.mark.parametrize("pair", list(combinations(notations.LECTURES, 2)), ids=" = ".join)
def test_any_two_lectures_agree(cell, given, pair):
    one, other = (notations.steps(cell)[lecture](*given) for lecture in pair)
    assert np.abs(one - other).max() < 1e-14


def test_weights_have_the_letters_of_the_functions(cell):
    assert tuple(notations.weights(cell)) == notations.LECTURES
    assert set(notations.weights(cell)["Barcelona"]) == {"U", "W"}


def test_the_bias_of_ttic_is_subtracted(cell):
    assert np.array_equal(notations.weights(cell)["TTIC"]["B"], -cell.b)


def test_san_pablos_matrix_takes_the_input_first(cell):
    W_h = notations.weights(cell)["San Pablo"]["W_h"]
    assert np.array_equal(W_h[:, :3], cell.W_x.T)
    assert np.array_equal(W_h[:, 3:], cell.W_h.T)


@pytest.mark.parametrize("lecture", notations.LECTURES)
def test_a_batch_of_the_wrong_shape_is_named(cell, given, lecture):
    with pytest.raises(ValueError, match=r"x must have shape \(B, I\)"):
        notations.steps(cell)[lecture](given[0][:, :2], given[1])
    with pytest.raises(ValueError, match=r"h_prev must have shape \(B, H\)"):  # one state for four inputs
        notations.steps(cell)[lecture](given[0], given[1][:1])


def test_the_one_behind_an_input_is_of_its_dtype():
    x = notations.with_one(np.zeros((2, 3), np.float32))
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, [[0, 0, 0, 1]] * 2)
