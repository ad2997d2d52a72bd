"""What the instructor sees: a table on the terminal, and a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnkit.grade.gradebook import Row
from rnnkit.grade.limits import ISOLATION

__all__ = ["summary", "write_csv"]


def _number(points: float) -> str:
    return f"{points:g}"


def _shortfall(row: Row) -> str:
    """Say in one line what went wrong: the row's reason, or those of its checks, equal ones once."""
    if row.result.reason:
        return row.result.reason
    reasons: dict[str, list[str]] = {}
    for check in row.result.checks:
        if check.reason:
            reasons.setdefault(check.reason, []).append(check.exercise)
    return "; ".join(f"{', '.join(exercises)}: {reason}" for reason, exercises in reasons.items())


def summary(rows: Sequence[Row]) -> str:
    """Write a table per master: points by check, total, and the reasons; notes below."""
    parts: list[str] = []
    masters = sorted({row.result.master for row in rows} - {""}) or [""]
    for master in masters:
        alone = len(masters) == 1  # then what belongs to no master stands in its table too
        parts.append(_table(master, [row for row in rows if alone or row.result.master == master]))
    if len(masters) > 1 and (strays := [row for row in rows if not row.result.master]):
        parts.append(_table("without a master", strays))
    graded = [row.result.points for row in rows if row.result.status == "graded"]
    mean = f", mean {sum(graded) / len(graded):.1f} points" if graded else ""
    rest = {
        status: sum(row.result.status == status for row in rows) for status in ("unreadable", "unmatched", "failed")
    }
    others = "".join(f", {count} {status}" for status, count in rest.items() if count)
    parts.append(f"{len(rows)} submissions: {len(graded)} graded{mean}{others}")
    parts.append(f"ISOLATION: {ISOLATION}")
    return "\n\n".join(parts)


def _table(master: str, rows: Sequence[Row]) -> str:
    checks = max((row.result.checks for row in rows), key=len)
    header = ["student", *(check.exercise for check in checks), "points", "reason"]
    limits = [
        "",
        *(f"/{_number(check.maximum)}" for check in checks),
        f"/{_number(sum(c.maximum for c in checks))}",
        "",
    ]
    body = []
    for row in rows:
        points = [_number(check.points) for check in row.result.checks] or ["–"] * len(checks)
        status = "" if row.result.status == "graded" else f"{row.result.status}: "
        body.append([row.student[:32], *points, _number(row.result.points), status + _shortfall(row)])
    widths = [max(len(line[column]) for line in [header, limits, *body]) for column in range(len(header))]
    lines = [master or "without a master", *(_line(cells, widths) for cells in [header, limits, *body])]
    for row in rows:
        lines.extend(f"  note on {row.student}: {note}" for note in row.result.notes)
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    middle = (cell.rjust(width) for cell, width in zip(cells[1:-1], widths[1:-1], strict=True))
    return "  ".join([cells[0].ljust(widths[0]), *middle, cells[-1]]).rstrip()


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write one line per submission; the file appears whole or not at all."""
    rows = list(rows)
    exercises = sorted({check.exercise for row in rows for check in row.result.checks})
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "file", "notebook", "status", *exercises, "points", "maximum", "reason", "notes"])
        for row in rows:
            points = {check.exercise: _number(check.points) for check in row.result.checks}
            result = row.result
            line = [row.student, row.name, result.master, result.status, *(points.get(name, "") for name in exercises)]
            line += [_number(result.points), _number(result.maximum), _shortfall(row), " | ".join(result.notes)]
            writer.writerow([_no_formula(cell) for cell in line])
    partial.replace(path)


def _no_formula(cell: str) -> str:
    """Keep a cell text with an apostrophe where a spreadsheet would run it."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
