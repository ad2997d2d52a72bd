"""Canvas: the gradebook's CSV file, exported there, filled in here, imported there again.

A student is found by SIS Login ID, SIS User ID or ID, by the number in the file names of Canvas's own download
(``doejane_12345_67890_05-bptt.ipynb``), else by name. All other columns stay as they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rnnkit.grade.exports.cells import ExportError, guarded, guarded_id, number, table, text_of, write_whole
from rnnkit.grade.exports.worksheet import Report, Roster, Sheet, differs, fold, total
from rnnkit.grade.late import Scored
from rnnkit.grade.results import plain

__all__ = ["load", "write"]

_DOWNLOADED = re.compile(r"[^_]*_(?:LATE_)?(\d+)_\d+_")  # only what stands before a student's own file name
_ASSIGNMENT = re.compile(r".*\(\d+\)\s*")
_TOTAL = re.compile(r"(Current|Final|Override) (Score|Points|Grade|Status)")
_PEOPLE = ("Student", "LastName", "FirstName", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account")
_NAMES = ("Student", "LastName", "FirstName")


def load(path: Path) -> Sheet:
    """Read an exported gradebook, and make sure that it is one."""
    sheet = Sheet.read(path)
    if sheet.column("Student", "LastName") is None or sheet.column("ID") is None:
        raise ExportError(
            f"the worksheet {path} is no gradebook of Canvas (its first line needs Student, ID, Section and the "
            f"assignments; it has {plain(', '.join(sheet.head), 120)}): in Canvas choose Grades, Export"
        )
    return sheet


def write(path: Path, scored: Sequence[Scored], worksheet: Path | None) -> str:
    """Fill in the exported gradebook; without one write the smallest file that Canvas takes."""
    if worksheet is None:
        return _write_new(path, scored)
    sheet = load(worksheet)
    report = Report()
    columns = _columns(sheet, scored)
    roster = _roster(sheet)
    found = report.matched(scored, [_find(roster, one.row.student) for one in scored])
    for line in sorted(found):
        _fill(sheet.lines[line], found[line], columns, report)
    people = [at for name in _PEOPLE if (at := sheet.column(name)) is not None]
    names = [at for name in _NAMES if (at := sheet.column(name)) is not None]
    for line in sorted(roster.lines):
        for at in people:
            cell = sheet.lines[line][at]
            sheet.lines[line][at] = guarded(cell) if at in names else guarded_id(cell)
    _compare_maximum(sheet, scored, columns, report)
    write_whole(path, sheet.content())
    return report.text(path, worksheet, len(roster.lines))


def _columns(sheet: Sheet, scored: Sequence[Scored]) -> dict[str, int]:
    """Find the column of each notebook: the one that bears its name, or the only one there is."""
    first = (sheet.column("Section") or 0) + 1
    read_only = next((line for line in sheet.lines if "Points Possible" in line[0]), sheet.head)
    free = [at for at in range(first, len(sheet.head)) if "read only" not in read_only[at]]
    free = [at for at in free if not _TOTAL.search(sheet.head[at])]
    free = [at for at in free if _ASSIGNMENT.fullmatch(sheet.head[at])] or free
    masters = sorted({one.row.result.master for one in scored} - {""})
    columns = {}
    for master in masters:
        named = [at for at in free if f" {fold(master)} " in f" {fold(sheet.head[at])} "]
        if not named and len(free) == len(masters) == 1:
            named = free
        if len(named) != 1:
            heads = ", ".join(plain(sheet.head[at], 60) for at in (named or free)[:12]) or "none"
            raise ExportError(
                f"the worksheet {sheet.path} has {'several columns' if named else 'no column'} for {master} "
                f"(assignments there: {heads}); delete the columns of the other assignments from it (Canvas leaves "
                f"alone what a file does not hold), or give the assignment the name {master}"
            )
        columns[master] = named[0]
    return columns if columns else {"": free[0]} if len(free) == 1 else {}


def _roster(sheet: Sheet) -> Roster:
    ids = [at for name in _PEOPLE[3:6] if (at := sheet.column(name)) is not None]
    student, last, first = (sheet.column(name) for name in _NAMES)
    roster = Roster()
    for number_, line in enumerate(sheet.lines):
        if "Points Possible" in line[0] or not any(line[at].strip() for at in ids):
            continue  # what Canvas says about the assignments, not about a student
        name = line[student] if student is not None else f"{line[last or 0]}, {line[first or 0]}"
        roster.add(number_, (line[at] for at in ids), [name])
    return roster


def _find(roster: Roster, student: str) -> set[int]:
    downloaded = _DOWNLOADED.match(student)
    return roster.find(student) or (roster.by_id(downloaded[1]) if downloaded else set())


def _fill(line: list[str], theirs: Sequence[Scored], columns: dict[str, int], report: Report) -> None:
    """Write one student's points; what belongs to no notebook counts where there is only one column."""
    by_column: dict[int, list[Scored]] = {}
    for one in theirs:
        at = columns.get(one.row.result.master)
        if at is None and len(columns) == 1:
            at = next(iter(columns.values()))
        if at is None:
            report.unclear.append(one.row.student)
        else:
            by_column.setdefault(at, []).append(one)
    for at, ours in by_column.items():
        if line[at].strip().upper() in ("EX", "N/A"):
            report.kept.append(ours[0].row.student)
        elif (points := total(ours, report)) is not None:
            report.replaced += differs(line[at], points)
            line[at] = number(points)
            report.filled += 1


def _compare_maximum(sheet: Sheet, scored: Sequence[Scored], columns: dict[str, int], report: Report) -> None:
    possible = next((line for line in sheet.lines if "Points Possible" in line[0]), None)
    for master, at in columns.items():
        ours = max((one.row.result.maximum for one in scored if one.row.result.master == master), default=0.0)
        if possible and ours and differs(possible[at], ours):
            report.remarks.append(
                f"{plain(sheet.head[at], 60)} has {plain(possible[at], 20)} points in Canvas and {number(ours)} here: "
                "points were not scaled"
            )


def _write_new(path: Path, scored: Sequence[Scored]) -> str:
    """Write a file that Canvas imports: it finds students by login, else by name, and makes new assignments."""
    masters = sorted({one.row.result.master for one in scored} - {""}) or ["rnnkit grade"]
    maximum = {
        master: max((one.row.result.maximum for one in scored if one.row.result.master == master), default=0.0)
        for master in masters
    }
    report = Report()
    students: dict[str, list[Scored]] = {}
    for one in scored:
        students.setdefault(text_of(one.row.student), []).append(one)
    lines = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *masters],
        ["    Points Possible", "", "", "", "", *(number(maximum[master]) for master in masters)],
    ]
    for student, theirs in students.items():
        points = [""] * len(masters)
        line = ["", *points]
        _fill(line, theirs, {master: at for at, master in enumerate(masters, 1)}, report)
        lines.append([guarded(student), "", "", guarded_id(student), "", *line[1:]])
    write_whole(path, table(lines))
    return (
        f"{len(students)} students in {path}; their names were taken for SIS Login IDs: give Canvas's export with "
        "--worksheet to have them matched here"
    )
