"""A summary in Markdown, for the page of a GitHub workflow's run. No name and no message in it can be markup."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnkit.grade.exports.cells import ExportError, number, shortfall, text_of, write_whole
from rnnkit.grade.late import Scored, describe

__all__ = ["VARIABLE", "markdown", "write"]

VARIABLE = "GITHUB_STEP_SUMMARY"
_LARGEST = 1 << 20  # bytes; GitHub shows nothing of a step's summary that is longer
_SPARE = 1 << 10


def write(path: Path, scored: Sequence[Scored], environment: Mapping[str, str] = os.environ) -> str:
    """Append the summary where `path` is the step's own file, which other commands write too; else write it whole."""
    if str(path) != environment.get(VARIABLE):
        write_whole(path, markdown(scored, _LARGEST).encode())
        return f"summary of {len(scored)} submissions in {path}"
    try:
        with path.open("ab", buffering=0) as file:
            start = file.tell()
            text = markdown(scored, _LARGEST - start).encode()
            try:
                at = 0
                while at < len(text):
                    at += file.write(text[at:])
            except OSError:
                file.truncate(start)
                raise
    except OSError as error:
        raise ExportError(f"the step's summary {path} cannot be written: {error.strerror}") from error
    return f"summary of {len(scored)} submissions on the page of this run" if text else f"{path} has no room left"


def literal(text: object, width: int = 200) -> str:
    """Write text that Markdown and HTML show as it is: all that could be markup is an entity.

    As code, for there GitHub looks for no mentions and issues; the comment parts what looks like a mail address.
    """
    escaped = re.sub(r"[^\w\s]|_", lambda match: f"&#{ord(match[0])};", text_of(text, width))
    return f"<code>{escaped.replace('&#64;', '&#64;<!-- -->')}</code>" if escaped else ""


def markdown(scored: Sequence[Scored], room: int = _LARGEST) -> str:
    """Write the summary in at most `room` bytes; lines that do not fit are counted."""
    graded = [one.points for one in scored if one.row.result.status == "graded"]
    mean = f", mean {sum(graded) / len(graded):.1f} points" if graded else ""
    parts = [f"### {len(scored)} submissions: {len(graded)} graded{mean}\n"]
    parts += [f"{literal(line, 2000)}\n" for line in describe(scored).splitlines()]
    for line, count in Counter(one.row.result.isolation for one in scored).most_common(5):
        parts.append(f"Isolation of {count}: {literal(line or 'not recorded', 400)}\n")
    size = sum(len(part.encode()) + 1 for part in parts)
    if size > room - _SPARE:
        return ""
    left = 0
    for part in _tables(scored):
        size += len(part.encode()) + 1
        if left or size > room - _SPARE:
            left += 1
        else:
            parts.append(part)
    if left:
        parts.append(f"\n{left} more lines did not fit: all are in the gradebook and in the CSV file.\n")
    return "\n".join(["", *parts, ""])


def _tables(scored: Sequence[Scored]) -> list[str]:
    """Return the lines of a table per notebook."""
    lines: list[str] = []
    for master in sorted({one.row.result.master for one in scored}):
        rows = [one for one in scored if one.row.result.master == master]
        checks = max((one.row.result.checks for one in rows), key=len)
        head = [literal(check.exercise) + f" /{number(check.maximum)}" for check in checks]
        most = f"points /{number(sum(check.maximum for check in checks))}"
        lines.append(f"\n**{literal(master or 'without a notebook')}**\n")
        lines.append(f"| student | {''.join(f'{cell} | ' for cell in head)}{most} | reason |")
        lines.append(f"| --- |{' ---: |' * (len(checks) + 1)} --- |")
        for one in rows:
            points = [number(check.points) for check in one.row.result.checks] or ["–"] * len(checks)
            status = "" if one.row.result.status == "graded" else f"{one.row.result.status}: "
            cells = [literal(one.row.student, 60), *points, number(one.points), status + literal(shortfall(one))]
            lines.append(f"| {' | '.join(cells)} |")
    return lines
