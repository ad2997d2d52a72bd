"""A real task for each pattern."""

import numpy as np
import pytest

from rnnkit.data import pattern_task, regions, source_code
from rnnkit.data.patterned import HELD_OUT_FACES, LANGUAGES
from rnnkit.patterns import PATTERNS


@pytest.fixture(scope="module", params=PATTERNS)
def task(request):
    return pattern_task(request.param)


def test_train_and_test_fit_the_same_network(task):
    assert task.train.x.shape[-1] == task.test.x.shape[-1]
    assert max(task.train.y.max(), task.test.y.max()) < len(task.classes)
    assert task.train.x.dtype == np.float32


def test_every_sequence_is_asked_for_something(task):
    assert task.train.asked.any(axis=0).all()
    assert task.test.asked.any(axis=0).all()


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_whole_input_of_the_test_was_trained_on(pattern):
    task = pattern_task(pattern)
    known = {x.tobytes() for x in _trimmed(task.train)}
    assert not known & {x.tobytes() for x in _trimmed(task.test)}


def _trimmed(arranged):
    """Yield each sequence's inputs without the steps after the last."""
    for x in arranged.x.swapaxes(0, 1):
        yield x[: np.flatnonzero(x.any(axis=1)).max(initial=0) + 1]


def test_a_number_is_told_by_its_three_digits():
    task = pattern_task("one-to-many")
    words = {tuple(np.flatnonzero(x)): y for x, y in zip(task.train.x[0], task.train.y.T, strict=True)}
    said = [task.classes[k] for k in words[(3, 14, 22)]]  # 342
    assert said == ["three", "hundred", "and", "forty", "two", "."]


def test_languages_and_faces_are_those_named():
    assert pattern_task("many-to-one").classes == LANGUAGES
    assert pattern_task("one-to-one").test.y.shape == (1, 52 * len(HELD_OUT_FACES))


def test_an_unknown_pattern_is_named():
    with pytest.raises(ValueError, match="pattern must be one of 'one-to-one'"):
        pattern_task("two-to-one")


def test_names_have_24_letters_at_most():
    assert len(pattern_task("many-to-one").train.x) == 24


def test_each_character_of_code_has_the_label_of_its_place():
    task, text = pattern_task("many-to-many, aligned"), source_code(max_train=300_000, max_test=60_000).train
    found = task.train.y.T.ravel()  # stretches one after the other
    np.testing.assert_array_equal(found, regions(text)[: len(found)])
    one_letter = [
        task.train.x.swapaxes(0, 1).reshape(len(found), -1)[n].argmax() for n in range(2000) if text[n] == "e"
    ]
    assert len(set(one_letter)) == 1


def test_a_german_number_is_read_in_its_order_and_closed():
    x, _, asked = pattern_task("many-to-many, not aligned").train
    last = x[asked.argmax(axis=0) - 1, np.arange(x.shape[1])]  # one step before the first answer
    assert (last == last[0]).all()
    assert len(np.unique(x[0], axis=0)) > 1
