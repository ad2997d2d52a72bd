"""What a notebook file holds beside its sources: the outputs that were saved, and pictures pasted into text.

Text and pictures are shown as they were handed in, cut to a size one would read. HTML, SVG and widgets are not: they
are programs. Nothing here earns a point, so what cannot be understood is left out without a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnkit.grade.feedback.pictures import picture

__all__ = ["Output", "Saved", "read_saved"]

_LONGEST_TEXT = 4000
_MOST_OUTPUTS = 50
_PICTURES = 3 << 20  # bytes of all pictures of one page
_COLOURS = re.compile(r"\x1b\[[0-9;:?]{0,30}[ -/]{0,5}[@-~]")


@dataclass(frozen=True)
class Output:
    """One saved output: text, or a picture's data URL, or the name of a kind that is not shown."""

    kind: str
    content: str


@dataclass(frozen=True)
class Saved:
    """What was saved with one cell."""

    outputs: tuple[Output, ...] = ()
    attachments: Mapping[str, str] = field(default_factory=dict)


def read_saved(content: bytes, count: int) -> list[Saved]:
    """Return what is saved with each of the `count` cells of a notebook; older formats than 4 keep it elsewhere."""
    try:
        cells = json.loads(content)["cells"]
    except (ValueError, RecursionError, KeyError, TypeError):
        cells = None
    if not isinstance(cells, list) or len(cells) != count:
        return [Saved()] * count
    room = _Room(_PICTURES)
    return [_saved(cell, room) if isinstance(cell, dict) else Saved() for cell in cells]


class _Room:
    """How many bytes of pictures a page still takes."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, mime: str, raw: Any) -> str | None:
        found = picture(mime, _text(raw)) if len(_text(raw)) <= self.left else None
        self.left -= len(found or "")
        return found


def _saved(cell: dict[str, Any], room: _Room) -> Saved:
    outputs, attachments = cell.get("outputs"), cell.get("attachments")
    shown: list[Output] = []
    for output in outputs[:_MOST_OUTPUTS] if isinstance(outputs, list) else ():
        if isinstance(output, dict) and (one := _output(output, room)):
            shown.append(one)
    if isinstance(outputs, list) and len(outputs) > _MOST_OUTPUTS:
        shown.append(Output("note", f"{len(outputs) - _MOST_OUTPUTS} further outputs are not shown"))
    pasted: dict[str, str] = {}
    for name, bundle in list(attachments.items())[:_MOST_OUTPUTS] if isinstance(attachments, dict) else ():
        if isinstance(bundle, dict) and (url := _best_picture(bundle, room)):
            pasted[str(name)] = url
    return Saved(tuple(shown), pasted)


def _output(output: dict[str, Any], room: _Room) -> Output | None:
    kind = output.get("output_type")
    if kind == "stream":
        return _cut(_text(output.get("text")))
    if kind == "error":
        trace = output.get("traceback")
        lines = [line for line in trace if isinstance(line, str)] if isinstance(trace, list) else []
        last = f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
        return _cut("\n".join(lines) or last)
    data = output.get("data")
    if not isinstance(data, dict) or not data:
        return None
    if url := _best_picture(data, room):
        return Output("picture", url)
    if "text/plain" in data:
        return _cut(_text(data["text/plain"]))
    return Output("note", f"an output of the type {str(next(iter(data)))[:60]} is not shown")


def _best_picture(data: dict[str, Any], room: _Room) -> str | None:
    return next(
        (url for mime in ("image/png", "image/jpeg") if mime in data and (url := room.take(mime, data[mime]))), None
    )


def _cut(text: str) -> Output | None:
    """Keep the beginning of a long text, without the codes that colour it on a terminal."""
    plain = _COLOURS.sub("", text[: 4 * _LONGEST_TEXT])
    if not plain.strip():
        return None
    more = len(text) - _LONGEST_TEXT
    if len(plain) <= _LONGEST_TEXT and more <= 3 * _LONGEST_TEXT:
        return Output("text", plain)
    return Output("text", f"{plain[:_LONGEST_TEXT]}\n… {max(more, 1):,} more characters are not shown")


def _text(raw: Any) -> str:
    """Return text that a notebook stores whole or as a list of lines."""
    if isinstance(raw, list):
        return "".join(part for part in raw if isinstance(part, str))
    return raw if isinstance(raw, str) else ""
