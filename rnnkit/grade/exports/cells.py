"""What all exports share: numbers and reasons as text, cells that no spreadsheet runs, files that appear whole."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnkit.grade.late import Scored
from rnnkit.grade.results import plain

__all__ = [
    "ExportError",
    "guarded",
    "guarded_id",
    "late_text",
    "number",
    "shortfall",
    "table",
    "text_of",
    "write_whole",
]

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?\s*%?", re.IGNORECASE)
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]\s*\S")  # a dash alone means "nothing", in Moodle's sheets too
_FORMULA_INSIDE = re.compile(r"([;\t\r\n][\s\"']*)(?=[=+\-@＝＋－＠])")  # where a list separator other than ours is set
_PLAIN_ID = re.compile(r"[+\-@]?[\w.@+\-]*")


class ExportError(ValueError):
    """An export cannot be made; the message says why, and what to give instead."""


def number(points: float) -> str:
    """Write points with at most four decimals, and none that say nothing."""
    text = f"{points:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text_of(text: object, width: int = 400) -> str:
    """Make one printable line; longer than on a terminal, for a file has room."""
    return plain(text, width)


def shortfall(one: Scored) -> str:
    """Say in one line what went wrong: the row's reason, or those of its checks, equal ones once."""
    result = one.row.result
    if result.reason:
        return text_of(result.reason)
    reasons: dict[str, list[str]] = {}
    for check in result.checks:
        if check.reason:
            reasons.setdefault(check.reason, []).append(check.exercise)
    return text_of("; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items()), 2000)


def late_text(one: Scored) -> str:
    """Say what lateness cost, to the student; nothing where it cost nothing."""
    if not one.penalty:
        return ""
    hours, seconds = divmod(int(one.late.total_seconds()), 3600)
    return f"{number(one.penalty)} points taken for being {hours} h {seconds // 60} min late"


def guarded(cell: object) -> str:
    """Put an apostrophe before what a spreadsheet would run; numbers, negative ones too, stay as they are."""
    text = str(cell)
    if _NUMBER.fullmatch(text.strip()):
        return text
    text = _FORMULA_INSIDE.sub(r"\1'", text)
    return f"'{text}" if _FORMULA.match(text) else text


def guarded_id(cell: str) -> str:
    """Guard a cell that another system matches people by: ``@ana`` or ``-7b`` stay, for a bare word runs nothing."""
    return cell if _PLAIN_ID.fullmatch(cell) else guarded(cell)


def table(lines: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    """Write lines of cells as CSV in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(lines)
    return text.getvalue().encode("utf-8", "backslashreplace")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, also when the disk is full or the power goes."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ExportError(
            f"{path} cannot be written: {error.strerror}; what stood there before is as it was: mend that, or name "
            "another file, and run the same command again (nothing is graded twice)"
        ) from error
