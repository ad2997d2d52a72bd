"""Fingerprints of Python code by winnowing (Schleimer, Wilkerson and Aiken, SIGMOD 2003).

Code becomes a row of tokens that says how it is built and not how it is dressed: comments, docstrings, white space and
line breaks are dropped, numbers and strings are all alike, and so are names, save those that nobody can change
(keywords, built-in functions that are called, attributes such as ``.sum``). Every `K` neighbouring tokens have a hash;
of every `WINDOW` neighbouring hashes the smallest is kept. So two texts that share ``K + WINDOW - 1`` tokens are sure
to share a fingerprint, and texts that share fewer than `K` share none.
"""

from __future__ import annotations

import builtins
import functools
import keyword
import re
import zlib
from dataclasses import dataclass

import numpy as np

__all__ = ["WINDOW", "K", "Tokens", "grams", "tokens", "winnow"]

K = 16
WINDOW = 4
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no token is lost in the products modulo 2**64
_NOTHING = np.uint64(2**64 - 1)

# Tolerant: an open string ends with its line (or the text), and what is no Python is a token of its own.
_TOKEN = re.compile(
    r"""
    (?P<space> (?: [ \t\r\n\f] | \\\r?\n )+ )
  | (?P<comment> \#[^\n]* )
  | (?P<string> [bfrtuBFRTU]{0,2} (?: '{3} (?: [^\\'] | \\. | '(?!'') )* (?: '{3} | \Z | \\\Z )
                                    | "{3} (?: [^\\"] | \\. | "(?!"") )* (?: "{3} | \Z | \\\Z )
                                    | ' (?: [^\\'\n] | \\. )* '? | " (?: [^\\"\n] | \\. )* "? ) )
  | (?P<number> (?: \d | \.\d ) (?: [\w.] | (?<=[eE])[+-] )* )
  | (?P<name> [^\W\d]\w* )
  | (?P<sign> \*\*=? | //=? | >>=? | <<=? | -> | := | [-+*/%@&|^=!<>]= | . )
    """,
    re.DOTALL | re.VERBOSE,
)
_OPEN, _CLOSE, _KEYWORDS = frozenset("([{"), frozenset(")]}"), frozenset(keyword.kwlist)


@dataclass(frozen=True)
class Tokens:
    """The tokens of one text: a code for each, and where it begins and ends."""

    codes: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


@functools.cache
def _fixed_names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the built-in functions, and the attributes of arrays, numpy and Python's own types."""
    owners = (np, np.ndarray, np.linalg, np.random, np.random.Generator, dict, list, set, str, int, float)
    attributes = {name for owner in owners for name in dir(owner)}
    return frozenset(dir(builtins)), frozenset(attributes)


def tokens(source: str) -> Tokens:
    """Return the tokens of `source`, whatever it is; the time grows with its length."""
    functions, attributes = _fixed_names()
    found = [match for match in _TOKEN.finditer(source) if match.lastgroup != "comment"]
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    depth = 0
    for at, match in enumerate(found):
        kind, word = match.lastgroup, match[0]
        if kind == "space" or (kind == "string" and not depth and _alone(found, at)):
            continue
        if kind == "sign":
            depth = depth + 1 if word in _OPEN else max(0, depth - (word in _CLOSE))
        elif kind != "name":
            word = "s" if kind == "string" else "0"
        elif word not in _KEYWORDS:
            before = words[-1] if words else ""
            fixed = (
                word in attributes if before == "." else word in functions and before != "def" and _called(found, at)
            )
            word = word if fixed else "n"
        words.append(word)
        spans.append(match.span())
    codes = {word: zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in set(words)}
    places = np.array(spans, dtype=np.int64).reshape(-1, 2)
    return Tokens(np.array([codes[word] for word in words], dtype=np.uint64), places[:, 0], places[:, 1])


def _called(found: list[re.Match[str]], at: int) -> bool:
    """Whether a name is followed by an opening parenthesis."""
    after = found[at + 1 : at + 3]
    return any(match[0] == "(" for match in after[: 1 + bool(after and after[0].lastgroup == "space")])


def _alone(found: list[re.Match[str]], at: int) -> bool:
    """Whether a string stands on lines of its own, as a docstring does."""
    before = found[at - 1][0] if at else "\n"
    after = found[at + 1][0] if at + 1 < len(found) else "\n"
    return "\n" in before and before.isspace() and "\n" in after and after.isspace()


def grams(codes: np.ndarray) -> np.ndarray:
    """Return the hash of every `K` neighbouring tokens."""
    count = max(0, len(codes) - K + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for shift in range(K):
        hashes = hashes * _BASE + codes[shift : shift + count]
    mixed = hashes ^ (hashes >> np.uint64(29))  # the lowest bits of a product know only the lowest bits
    return (mixed * np.uint64(0xBF58476D1CE4E5B9)) ^ (mixed >> np.uint64(32))


def winnow(hashes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the fingerprints among `hashes`; none that is in `known` (sorted, each once) is ever chosen."""
    if not len(hashes):
        return hashes
    if len(known):
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        hashes = np.where(known[at] == hashes, _NOTHING, hashes)
    smallest = np.lib.stride_tricks.sliding_window_view(hashes, min(WINDOW, len(hashes))).min(axis=1)
    chosen: np.ndarray = np.unique(smallest[smallest != _NOTHING])
    return chosen
