"""Words on a terminal: plain, in one line, coloured only where a person looks."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TextIO

__all__ = ["Voice", "plain"]

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}
_PLAINER = str.maketrans({"✓": "+", "✗": "x", "↻": "~", "·": "-", "…": ".", "—": "-", "“": '"', "”": '"'})


def plain(text: object, width: int = 200) -> str:
    """Make one printable line of at most ``width`` characters: what a notebook holds never moves the cursor."""
    raw = str(text)[: 20 * width]
    line = " ".join("".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in raw).split())
    return line if len(line) <= width else line[: width - 1] + "…"


class Voice:
    """Prints to a stream: with colours on a terminal (unless ``NO_COLOR`` is set), in letters that the stream has."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.colours = self.stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def paint(self, text: str, colour: str) -> str:
        """Colour a text, where there are colours."""
        return f"\033[{_COLOURS[colour]}m{text}\033[0m" if self.colours else text

    def say(self, text: str = "") -> None:
        """Print a line."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = text.translate(_PLAINER).encode(encoding, "replace").decode(encoding)
        print(text, file=self.stream)
