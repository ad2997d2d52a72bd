"""What the instructor sees on the terminal: a table per notebook, notes, and how well the machine was protected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnkit.grade.exports import plain_csv
from rnnkit.grade.exports.cells import number, shortfall
from rnnkit.grade.gradebook import Row
from rnnkit.grade.late import Scored, scored
from rnnkit.grade.results import plain

__all__ = ["isolation_lines", "summary", "write_csv"]

_WEAK = re.compile(r"\bNO\b|^$")  # as `rnnkit.isolation` shouts it
_MOST_NOTES = 3  # of one student, on the terminal
_WIDEST = 160


def summary(rows: Sequence[Row | Scored]) -> str:
    """Write a table per notebook (points by check, total, reasons; notes below), totals, and the isolation in force."""
    class_ = scored(rows)
    masters = sorted({one.row.result.master for one in class_} - {""}) or [""]
    alone = len(masters) == 1  # then what belongs to no master stands in its table too
    parts = [_table(name, [one for one in class_ if alone or one.row.result.master == name]) for name in masters]
    if not alone and (strays := [one for one in class_ if not one.row.result.master]):
        parts.append(_table("without a master", strays))
    graded = [one.points for one in class_ if one.row.result.status == "graded"]
    mean = f", mean {sum(graded) / len(graded):.1f} points" if graded else ""
    states = Counter(one.row.result.status for one in class_)
    others = "".join(f", {states[name]} {name}" for name in ("unreadable", "unmatched", "failed") if states[name])
    parts.append(f"{len(class_)} submissions: {len(graded)} graded{mean}{others}")
    parts.append("\n".join(isolation_lines(class_)))
    return "\n\n".join(filter(None, parts))


def isolation_lines(rows: Sequence[Row | Scored]) -> list[str]:
    """Say what protected the machine while these rows were made: the weakest first, and it is not to be overlooked."""
    found = Counter(plain(one.row.result.isolation, 400) for one in scored(rows))
    lines = []
    for line in sorted(found, key=lambda line: (not _WEAK.search(line), -found[line])):
        weak = "WARNING, WEAK ISOLATION" if _WEAK.search(line) else "ISOLATION"
        count = f" of {found[line]} submissions" if len(found) > 1 else ""
        lines.append(f"{weak}{count}: {line or 'not recorded'}")
    return lines


def _table(master: str, rows: Sequence[Scored]) -> str:
    checks = max((one.row.result.checks for one in rows), key=len, default=())
    late = any(one.policy for one in rows)
    header = ["student", *(check.exercise for check in checks), *(["late"] if late else []), "points", "reason"]
    limits = ["", *(f"/{number(check.maximum)}" for check in checks), *([""] if late else [])]
    limits += [f"/{number(sum(check.maximum for check in checks))}", ""]
    body = [_cells(one, len(checks), late) for one in rows]
    widths = [max(len(line[column]) for line in [header, limits, *body]) for column in range(len(header))]
    lines = [plain(master) or "without a master", *(_line(cells, widths) for cells in [header, limits, *body])]
    for one in rows:
        notes = one.row.result.notes
        lines += [f"  note on {plain(one.row.student, 32)}: {plain(note)}" for note in notes[:_MOST_NOTES]]
        if len(notes) > _MOST_NOTES:
            lines.append(f"  note on {plain(one.row.student, 32)}: {len(notes) - _MOST_NOTES} more, in the CSV file")
    return "\n".join(lines)


def _cells(one: Scored, checks: int, late: bool) -> list[str]:
    result = one.row.result
    points = [number(check.points) for check in result.checks] or ["–"] * checks
    points += [""] * (checks - len(points))
    cost = [f"-{number(one.penalty)}" if one.penalty else "late" if one.late else ""] if late else []
    status = "" if result.status == "graded" else f"{result.status}: "
    return [plain(one.row.student, 32), *points, *cost, number(one.points), plain(status + shortfall(one), _WIDEST)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    middle = (cell.rjust(width) for cell, width in zip(cells[1:-1], widths[1:-1], strict=True))
    return "  ".join([cells[0].ljust(widths[0]), *middle, cells[-1]]).rstrip()


def write_csv(path: Path, rows: Iterable[Row | Scored]) -> None:
    """Write one line per submission; the file appears whole or not at all."""
    plain_csv.write(path, scored(rows))
