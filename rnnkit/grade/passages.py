"""The passages that two submissions share: the longest common rows of tokens, as the lines they stand in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rnnkit.grade.winnow import K, Tokens, grams

__all__ = ["Passage", "Place", "shared_passages"]

_MOST = 12  # passages of a pair
_TRIED = 4  # places in the second text at which a row may go on
_LONGEST = 6000  # characters of a passage
_STEP = 256


@dataclass(frozen=True)
class Place:
    """Lines of one submission: the number of the code cell, of the first line in it (both from 1), and the text."""

    cell: int
    line: int
    text: str


@dataclass(frozen=True)
class Passage:
    """Two places that are the same row of tokens, and how many tokens that is."""

    first: Place
    second: Place
    tokens: int


def shared_passages(
    first: Sequence[str], second: Sequence[str], prints: np.ndarray, tokens_of: Callable[[str], Tokens]
) -> tuple[Passage, ...]:
    """Return the passages of two submissions' cells that hold one of the fingerprints `prints`, the longest first."""
    there = [tokens_of(source) for source in second]
    places: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for cell, text in enumerate(there):
        for at, code in enumerate(grams(text.codes).tolist()):
            if len(places[code]) < _TRIED:
                places[code].append((cell, at))
    found: list[Passage] = []
    for cell, source in enumerate(first):
        here = tokens_of(source)
        for at, other, start, length in _rows(here, there, places, prints):
            mine = _place(cell, source, here, at, length)
            found.append(Passage(mine, _place(other, second[other], there[other], start, length), length))
    found.sort(key=lambda passage: -passage.tokens)
    return tuple(found[:_MOST])


def _rows(
    here: Tokens, there: Sequence[Tokens], places: dict[int, list[tuple[int, int]]], prints: np.ndarray
) -> Iterator[tuple[int, int, int, int]]:
    """Yield place, cell there, place there and length of each common row that is worth showing."""
    hashes = grams(here.codes)
    telling = np.isin(hashes, prints)
    codes = hashes.tolist()
    at = 0
    while at < len(codes):
        rows = [
            (_common(here.codes[at:], there[cell].codes[start:]), cell, start)
            for cell, start in places.get(codes[at], ())
        ]
        length, cell, start = max(rows, default=(0, 0, 0))
        if length >= K and telling[at : at + length - K + 1].any():
            yield at, cell, start, length
        at += max(1, length - K + 1)


def _common(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many tokens are equal from the beginning."""
    length, most = 0, min(len(one), len(other))
    while length < most:
        end = min(length + _STEP, most)
        differ = one[length:end] != other[length:end]
        if differ.any():
            return length + int(differ.argmax())
        length = end
    return length


def _place(cell: int, source: str, tokens: Tokens, at: int, length: int) -> Place:
    start = source.rfind("\n", 0, int(tokens.starts[at])) + 1
    end = source.find("\n", int(tokens.ends[at + length - 1]))
    text = source[start : len(source) if end < 0 else end]
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n… {len(text) - _LONGEST:,} more characters"
    return Place(cell + 1, source.count("\n", 0, start) + 1, text)
