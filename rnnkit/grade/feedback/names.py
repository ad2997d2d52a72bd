"""File names for pages: readable, distinct on every file system, never outside their folder."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence

__all__ = ["page_names"]

_LONGEST = 80  # bytes of the readable part; with digest and suffix far below the 143 of the strictest file systems
_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$", "index", ""}
_RESERVED |= {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}


def page_names(wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Return an HTML file's name for each pair of a readable text (hostile) and a key (unlike all other keys).

    Where two texts would give one file, on a file system that ignores case and composition too, all of them get a
    digest of their keys: who was first does not matter, so a name never moves from one student to another.
    """
    stems = [_readable(text) for text, _ in wanted]
    count = Counter(map(_folded, stems))
    names, taken = [], set[str]()
    for stem, (_, key) in zip(stems, wanted, strict=True):
        alone = count[_folded(stem)] == 1
        name, turn = stem if alone and _folded(stem) not in _RESERVED else f"{stem}-{_digest(key, 0)}", 0
        while _folded(name) in taken:  # somebody's name is another's name with its digest
            turn += 1
            name = f"{stem}-{_digest(key, turn)}"
        taken.add(_folded(name))
        names.append(f"{name}.html")
    return names


def _readable(text: str) -> str:
    """Keep letters with their marks, digits, ``-`` and ``_``; anything else becomes one ``-``."""
    composed = unicodedata.normalize("NFC", text[:1000])
    kept = "".join(char if char == "_" or unicodedata.category(char)[0] in "LMN" else "-" for char in composed)
    words = "-".join(filter(None, kept.split("-")))
    return words.encode()[:_LONGEST].decode("utf-8", "ignore").strip("-")


def _folded(name: str) -> str:
    """Bring names that some file system takes for one to the same text."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _digest(key: str, turn: int) -> str:
    return hashlib.sha256(f"{turn}:{key}".encode("utf-8", "surrogatepass")).hexdigest()[:10]
