"""Which submissions share more code than the exercise, the reference and the rest of the class explain.

Each submission is the set of its fingerprints (see :mod:`rnnkit.grade.winnow`), without those of the released notebook
and of the reference: what everybody was given, and what everybody is led to write, says nothing. What is left weighs
``log((N + 1) / n) / log((N + 1) / 2)``, at most 1, where `n` of `N` students have it: 1 where it is theirs alone or
shared by two, 0.5 in a class of 300 where 25 have it, next to nothing where all do. The **score** of two submissions is
the weight of what both have, over the weight of all that the smaller of the two has: from 0 to 1, the same in both
directions, and 1 for a copy with all variables renamed, all comments changed and all cells in another order.

A pair is listed, and submissions are grouped, from a score that also stands out of this class: that much above the
median, in units of the median distance from it. A score is a reason to look, never a proof: people learn together, and
some exercises have one natural answer. Who wrote down a solution that leaked shares nothing but the reference with
anybody; so those whose code is nearly all in it are named too.

copydetect, which also winnows, was not taken: it is a program of 2024 with matplotlib among its needs, hashes that
differ from run to run, no weights, and a report that loads its style from elsewhere.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnkit.grade.passages import Passage, shared_passages
from rnnkit.grade.results import plain
from rnnkit.grade.similarity_report import write_similarity
from rnnkit.grade.submissions import Submission, UnreadableError
from rnnkit.grade.winnow import grams, tokens, winnow

if TYPE_CHECKING:
    from rnnkit.grade.master import Master

__all__ = ["Pair", "Report", "similarity", "write_similarity"]

_LISTED, _LISTED_SPREADS = 0.3, 4.0
_GROUPED, _GROUPED_SPREADS = 0.5, 8.0
_ENOUGH = 8.0  # the least weight of what a listed pair shares: some 35 tokens that nobody else has
_MOST_PAIRS = 5000
_SHOWN = 200  # pairs whose passages are looked up
_LONGEST = 200_000  # characters of a submission's code that are looked at
_COLUMNS = 4096  # fingerprints that are multiplied at a time
_LIKE_REFERENCE, _FEW = 0.9, 60  # the share of a submission's rows of tokens, and the least number of them

_NONE = np.zeros(0, dtype=np.uint64)


@dataclass(frozen=True)
class Pair:
    """Two submissions (their keys) that share code; `shared` is the weight of what they share."""

    first: str
    second: str
    score: float
    shared: float
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was found."""

    names: Mapping[str, str]
    """What to call each submission, by its key."""
    pairs: tuple[Pair, ...]
    """The pairs that are listed, the highest score first."""
    groups: tuple[tuple[str, ...], ...]
    """Where everybody is linked to somebody by a score of at least `grouped_from`; the largest first."""
    like_reference: tuple[tuple[str, float], ...]
    """Submissions whose code is nearly all in the reference, with the share."""
    compared: int
    """How many pairs there were."""
    median: float
    """Half of all pairs have at most this score."""
    listed_from: float
    grouped_from: float
    remarks: tuple[str, ...] = ()
    """What could not be read or was cut, and how many pairs are not listed."""


@dataclass(frozen=True)
class _Known:
    """What everybody was given: whole cells, and the hashes of the release's and the reference's rows of tokens."""

    cells: frozenset[str]
    release: np.ndarray
    reference: np.ndarray
    both: np.ndarray


@dataclass(frozen=True)
class _Work:
    """A submission's code cells (given ones empty), its fingerprints, and how much of its code the reference holds."""

    cells: tuple[str, ...]
    prints: np.ndarray
    in_reference: float


def similarity(
    sources: Mapping[str, Path], masters: Sequence[Master], names: Mapping[str, str] | None = None
) -> Report:
    """Compare all submissions with each other.

    Parameters
    ----------
    sources
        The files that were handed in, by key.
    masters
        The masters; code of their releases and references does not count.
    names
        The student of each key. Submissions of one student are not compared. Without it, each key is a student.
    """
    called = {key: plain((names or {}).get(key, key)) for key in sources}
    known = _known(masters)
    remarks: list[str] = []
    works: dict[str, _Work] = {}
    for key, path in sources.items():
        try:
            cells = Submission("", "", path).read().cells()
        except UnreadableError as error:
            remarks.append(f"{called[key]} was not compared: the file {error}")
            continue
        code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        own = ["" if source.strip() in known.cells else source for source in code]  # their numbers stay
        kept = _bounded(own)
        if kept != own:
            remarks.append(f"{called[key]}: only the first {_LONGEST:,} characters of the code were compared")
        works[key] = _work(kept, known)
    scores, shared = _scores([work.prints for work in works.values()], [called[key] for key in works])
    return _report(works, called, scores, shared, remarks)


def _known(masters: Iterable[Master]) -> _Known:
    cells: set[str] = set()
    release, reference = [_NONE], [_NONE]
    for master in masters:
        released = [cell.source for cell in master.release.cells if cell.cell_type == "code"]
        cells |= {source.strip() for source in released}
        solved = [cell.source for cell in master.notebook.cells if cell.cell_type == "code"]
        release += [grams(tokens(source).codes) for source in (*released, "\n".join(released))]  # joined: no gaps
        reference += [grams(tokens(source).codes) for source in (*solved, "\n".join(solved))]
    given, led_to = np.unique(np.concatenate(release)), np.unique(np.concatenate(reference))
    return _Known(frozenset(cells), given, led_to, np.union1d(given, led_to))


def _bounded(sources: Sequence[str]) -> list[str]:
    kept, room = [], _LONGEST
    for source in sources:
        kept.append(source[:room])
        room -= len(kept[-1])
    return kept


def _work(cells: Sequence[str], known: _Known) -> _Work:
    """Take a submission's fingerprints, each once; none crosses from one cell into another."""
    rows = [grams(tokens(source).codes) for source in cells]
    prints = np.unique(np.concatenate([_NONE, *(winnow(row, known.both) for row in rows)]))
    own = np.setdiff1d(np.concatenate([_NONE, *rows]), known.release)
    share = float(np.isin(own, known.reference).mean()) if len(own) >= _FEW else 0.0
    return _Work(tuple(cells), prints, share)


def _scores(prints: Sequence[np.ndarray], students: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of all pairs, and the weights of what they share."""
    every = np.unique(np.concatenate([_NONE, *prints]))
    columns = [np.searchsorted(every, one) for one in prints]
    weights = _weights(columns, students, len(every))
    own = np.array([weights[one].sum() for one in columns])
    shared = np.zeros((len(prints), len(prints)))
    having = np.bincount(np.concatenate([np.zeros(0, dtype=np.int64), *columns]), minlength=len(every))
    common = np.flatnonzero(having > 1)
    places = [np.searchsorted(common, one[having[one] > 1]) for one in columns]
    for start in range(0, len(common), _COLUMNS):  # a block of columns at a time, so that memory stays small
        holds = np.zeros((len(prints), len(common[start : start + _COLUMNS])))
        for row, one in enumerate(places):
            first, last = np.searchsorted(one, (start, start + _COLUMNS))
            holds[row, one[first:last] - start] = 1.0
        shared += (holds * weights[common[start : start + _COLUMNS]]) @ holds.T
    _, number = np.unique(np.array(students, dtype=object), return_inverse=True)
    shared[number[:, None] == number] = 0.0  # nobody is compared with oneself
    smaller = np.minimum.outer(own, own)
    scores = np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0)
    return np.minimum(scores, 1.0), shared


def _weights(columns: Sequence[np.ndarray], students: Sequence[str], count: int) -> np.ndarray:
    """Weigh each fingerprint by how few students have it."""
    by_student: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    for student, one in zip(students, columns, strict=True):
        by_student[student].append(one)
    having = np.zeros(count)
    for theirs in by_student.values():
        having[np.unique(np.concatenate(theirs))] += 1
    everybody = max(len(by_student) + 1, 3)
    weights: np.ndarray = np.minimum(1.0, np.log(everybody / np.maximum(having, 1)) / math.log(everybody / 2))
    return weights


def _report(
    works: Mapping[str, _Work], called: Mapping[str, str], scores: np.ndarray, shared: np.ndarray, remarks: list[str]
) -> Report:
    keys = list(works)
    upper = np.triu_indices(len(keys), 1)
    every = scores[upper]
    median = float(np.median(every)) if every.size else 0.0
    spread = float(np.median(np.abs(every - median))) if every.size else 0.0
    listed_from = min(0.9, max(_LISTED, median + _LISTED_SPREADS * spread))
    grouped_from = min(0.95, max(_GROUPED, median + _GROUPED_SPREADS * spread))
    places = np.flatnonzero((every >= listed_from) & (shared[upper] >= _ENOUGH))
    found = [
        Pair(keys[i], keys[j], float(scores[i, j]), float(shared[i, j])) for i, j in np.stack(upper, axis=1)[places]
    ]
    found.sort(key=lambda pair: (-pair.score, -pair.shared, called[pair.first], called[pair.second]))
    if len(found) > _MOST_PAIRS:
        remarks = [*remarks, f"{len(found):,} pairs stand out; the first {_MOST_PAIRS:,} are listed"]
    groups = _groups(pair for pair in found if pair.score >= grouped_from)
    alike = [(key, work.in_reference) for key, work in works.items() if work.in_reference >= _LIKE_REFERENCE]
    alike.sort(key=lambda one: (-one[1], called[one[0]]))
    pairs = _with_passages(found[:_MOST_PAIRS], works)
    return Report(
        called, pairs, groups, tuple(alike), int(every.size), median, listed_from, grouped_from, tuple(remarks)
    )


def _with_passages(pairs: list[Pair], works: Mapping[str, _Work]) -> tuple[Pair, ...]:
    tokens_of = functools.lru_cache(512)(tokens)
    for at, one in enumerate(pairs[:_SHOWN]):
        mine, theirs = works[one.first], works[one.second]
        prints = np.intersect1d(mine.prints, theirs.prints, assume_unique=True)
        pairs[at] = replace(one, passages=shared_passages(mine.cells, theirs.cells, prints, tokens_of))
    return tuple(pairs)


def _groups(pairs: Iterable[Pair]) -> tuple[tuple[str, ...], ...]:
    """Group submissions that are linked, directly or through others."""
    group: dict[str, set[str]] = {}
    for pair in pairs:
        both = group.get(pair.first, {pair.first}) | group.get(pair.second, {pair.second})
        group |= dict.fromkeys(both, both)
    found = {id(members): tuple(sorted(members)) for members in group.values()}
    return tuple(sorted(found.values(), key=lambda members: (-len(members), members)))
