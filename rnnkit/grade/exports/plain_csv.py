"""A table for spreadsheets: one line per submission. Nothing in it is only for the instructor's eyes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnnkit.grade.exports.cells import guarded, number, shortfall, table, text_of, write_whole
from rnnkit.grade.late import Scored

__all__ = ["write"]


def write(path: Path, scored: Sequence[Scored]) -> str:
    """Write the table; under a late policy `points` is what is left, and the last columns say what was taken."""
    exercises = sorted({check.exercise for one in scored for check in one.row.result.checks})
    late = any(one.policy for one in scored)
    head = ["student", "file", "notebook", "status", *exercises, "points", "maximum", "reason", "notes"]
    lines = [head + (["handed in", "hours late", "penalty"] if late else [])]
    lines += [[guarded(cell) for cell in _line(one, exercises, late)] for one in scored]
    write_whole(path, table(lines))
    return f"{len(scored)} submissions in {path}"


def _line(one: Scored, exercises: Sequence[str], late: bool) -> list[str]:
    row, result = one.row, one.row.result
    points = {check.exercise: number(check.points) for check in result.checks}
    line = [text_of(row.student), text_of(row.name), result.master, result.status]
    line += [points.get(name, "") for name in exercises]
    line += [number(one.points), number(result.maximum), shortfall(one), text_of(" | ".join(result.notes), 4000)]
    if late:
        when = one.handed_in.time.isoformat(timespec="seconds") if one.handed_in else ""
        line += [when, number(one.late.total_seconds() / 3600), number(one.penalty)]
    return line
