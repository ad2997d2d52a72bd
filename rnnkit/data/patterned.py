"""A small real task for each of the five patterns of input and output (:mod:`rnnkit.patterns`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rnnkit.data.files import Split
from rnnkit.data.glyphs import FACES, glyphs
from rnnkit.data.source_code import REGIONS, regions, source_code
from rnnkit.data.translation import emoji_names, german_parts, number_words
from rnnkit.patterns import PATTERNS, Arranged, arrange
from rnnkit.text import UNKNOWN, Vocabulary

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]

HELD_OUT_FACES = ("DejaVuSans-Oblique", "DejaVuSerif-BoldItalic")
LANGUAGES = ("de", "es", "fr", "it", "pt")
END = "."
"""What closes a number, in both languages."""


@dataclass(frozen=True)
class PatternTask:
    """A task laid out in time: what to train on and what to report on; no sequence of inputs is in both."""

    pattern: str
    question: str
    """In words, such as ``"image of a letter → which letter"``."""
    train: Arranged
    test: Arranged
    classes: tuple[str, ...]
    """What the class numbers stand for."""


def pattern_task(pattern: str) -> PatternTask:
    """Return the task of one of :data:`rnnkit.patterns.PATTERNS`.

    - *one-to-one*: the image of a letter, 12 × 12 pixels (:func:`glyphs`), to which of 52 it is; held out are two of
      the eight faces.
    - *one-to-many*: a number below 1,000, its three digits in one vector, to its English words (:func:`number_words`).
    - *many-to-one*: the name of an emoji in five languages (:func:`emoji_names`), up to 24 letters one by one, to the
      language.
    - *many-to-many, aligned*: stretches of 40 characters of source code to what each is part of (:func:`regions`);
      held out are other modules, without what stands in both (a stretch of blanks).
    - *many-to-many, not aligned*: a number below 1,000 in German parts (:func:`german_parts`) to its English words.

    Sources, licences and errors are those of the loaders named; ``ValueError`` when the pattern is unknown.
    """
    if pattern not in _TASKS:
        raise ValueError(f"pattern must be one of {', '.join(map(repr, PATTERNS))}; got {pattern!r}")
    question, load = _TASKS[pattern]
    train, test, classes = load()
    laid_out = [arrange(pattern, *zip(*pairs, strict=True)) for pairs in (train, test)]
    return PatternTask(pattern, question, laid_out[0], laid_out[1], classes)


_Loaded: TypeAlias = tuple[list[Pair], list[Pair], tuple[str, ...]]


def _letters() -> _Loaded:
    parts = glyphs(12, matching="^LATIN (SMALL|CAPITAL) LETTER [A-Z]$")
    drawn = [each for p in parts for each in zip(p.captions, p.faces, p.images, strict=True)]
    classes = tuple(sorted({caption for caption, _, _ in drawn}))

    def of(faces: set[str]) -> list[Pair]:
        return [
            (image.reshape(1, -1) / 255, np.array([classes.index(caption)]))
            for caption, face, image in drawn
            if face in faces
        ]

    return of(set(FACES) - set(HELD_OUT_FACES)), of(set(HELD_OUT_FACES)), classes


def _digits_to_words() -> _Loaded:
    splits = [number_words([n]) for n in range(1000)]  # one by one, to know each pair's number
    known = [english for split in splits for _, english in split.train]
    classes = Vocabulary.of(word for english in known for word in _english(english))

    def of(part: Callable[[Split[tuple[str, str]]], tuple[tuple[str, str], ...]]) -> list[Pair]:
        return [
            (_digits(n), classes.encode(_english(english)))
            for n, split in enumerate(splits)
            for _, english in part(split)
        ]

    return of(lambda split: split.train), of(lambda split: split.test), classes.symbols


def _digits(n: int) -> np.ndarray:
    """Write hundreds, tens and ones as unit vectors side by side, ``(1, 30)``."""
    return np.eye(10)[[n // 100, n // 10 % 10, n % 10]].reshape(1, 30)


def _languages() -> _Loaded:
    splits = [emoji_names(language) for language in LANGUAGES]
    known = "".join(name for split in splits for name, _ in split.train)
    letters = Vocabulary.of(known, special=[UNKNOWN])
    vectors = np.eye(len(letters))

    def pairs(names: list[tuple[str, int]]) -> list[Pair]:
        return [(vectors[letters.encode(name)], np.array([k])) for name, k in names if len(name) <= 24]

    train = [(name, k) for k, split in enumerate(splits) for name, _ in split.train]
    test = [(name, k) for k, split in enumerate(splits) for name, _ in split.test]
    return pairs(train), pairs(test), LANGUAGES


def _parts_of_code(span: int = 40) -> _Loaded:
    source = source_code(max_train=300_000, max_test=60_000)
    letters = Vocabulary.of(source.train, special=[UNKNOWN])
    vectors = np.eye(len(letters), dtype=np.float32)

    def stretches(text: str) -> list[Pair]:
        ids, labels = letters.encode(text), regions(text)
        return [(ids[n : n + span], labels[n : n + span]) for n in range(0, len(text) - span, span)]

    train, test = stretches(source.train), stretches(source.test)
    known = {ids.tobytes() for ids, _ in train}
    unseen = [(ids, labels) for ids, labels in test if ids.tobytes() not in known]
    as_vectors = [[(vectors[ids], labels) for ids, labels in part] for part in (train, unseen)]
    return as_vectors[0], as_vectors[1], REGIONS


def _german_to_english() -> _Loaded:
    split = number_words(range(1000))
    parts = Vocabulary.of([part for german, _ in split.train for part in _german(german)])
    words = Vocabulary.of([word for _, english in split.train for word in _english(english)])
    vectors = np.eye(len(parts))

    def pairs(some: tuple[tuple[str, str], ...]) -> list[Pair]:
        return [(vectors[parts.encode(_german(german))], words.encode(_english(english))) for german, english in some]

    return pairs(split.train), pairs(split.test), words.symbols


def _german(words: str) -> list[str]:
    return [*german_parts(words), END]


def _english(words: str) -> list[str]:
    return [*re.split("[ -]", words), END]


_TASKS: Mapping[str, tuple[str, Callable[[], _Loaded]]] = {
    PATTERNS[0]: ("image of a letter → which letter", _letters),
    PATTERNS[1]: ("number in digits → in English words", _digits_to_words),
    PATTERNS[2]: ("name of an emoji → its language", _languages),
    PATTERNS[3]: ("source code → region of each character", _parts_of_code),
    PATTERNS[4]: ("number in German → in English", _german_to_english),
}
