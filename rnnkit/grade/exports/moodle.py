"""Moodle: an assignment's offline grading worksheet, downloaded there, filled in here, uploaded there again.

A student is found by the number in the folder that Moodle's *Download all submissions* made
(``Jane Doe_12345_assignsubmission_file_``: *Participant 12345*), else by ID number, email address or full name.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

from rnnkit.grade.exports.cells import ExportError, guarded, late_text, number, shortfall, table, text_of, write_whole
from rnnkit.grade.exports.worksheet import Report, Roster, Sheet, differs, total
from rnnkit.grade.late import Scored
from rnnkit.grade.results import plain

__all__ = ["load", "write"]

_FOLDER = re.compile(r"(\d+)_assignsubmission_\w+?(?=_|$)")
_FORMULA = re.compile(r"(?:^|(?<=[;\t\r\n]))[\s\"'=+\-@＝＋－＠]+")
_COMMENTS = "Feedback comments"


def load(path: Path) -> Sheet:
    """Read a grading worksheet, and make sure that it is one."""
    sheet = Sheet.read(path)
    if sheet.column("Identifier") is None or sheet.column("Grade") is None:
        raise ExportError(
            f"the worksheet {path} is no grading worksheet of Moodle (its first line needs Identifier and Grade; it "
            f"has {plain(', '.join(sheet.head), 120)}): allow Offline grading worksheet in the assignment's settings, "
            "set Moodle to English, and download it again"
        )
    return sheet


def write(path: Path, scored: Sequence[Scored], worksheet: Path | None) -> str:
    """Fill in the worksheet; without one write what the names of Moodle's folders allow."""
    if worksheet is None:
        return _write_new(path, scored)
    sheet = load(worksheet)
    report = Report()
    roster = _roster(sheet)
    found = report.matched(scored, [_find(roster, one.row.student) for one in scored])
    grade, comments = sheet.column("Grade") or 0, sheet.column(_COMMENTS)
    for at, line in enumerate(sheet.lines):
        line[:] = [cell if column in (grade, comments) else guarded(cell) for column, cell in enumerate(line)]
        if at in found:
            _fill(sheet, line, found[at], report)
        if comments is not None:
            line[comments] = _safe_html(line[comments])
    if comments is None:
        report.remarks.append("it has no column for comments: allow Feedback comments in the assignment's settings")
    write_whole(path, sheet.content())
    return report.text(path, worksheet, len(roster.lines))


def _participant(student: str) -> str:
    """Return the number that Moodle gave; a name that holds two of them is nobody's."""
    numbers = _FOLDER.findall(student)
    return numbers[0] if len(numbers) == 1 else ""


def _roster(sheet: Sheet) -> Roster:
    identifier = sheet.column("Identifier") or 0
    ids = [at for name in ("ID number", "Email address", "Username") if (at := sheet.column(name)) is not None]
    name = sheet.column("Full name")
    roster = Roster()
    for number_, line in enumerate(sheet.lines):
        participant = re.search(r"\d+$", line[identifier].strip())
        known = [f"participant {participant[0]}"] if participant else []
        roster.add(number_, [*known, *(line[at] for at in ids)], [line[name]] if name is not None else [])
    return roster


def _find(roster: Roster, student: str) -> set[int]:
    participant = _participant(student)
    return roster.by_id(f"participant {participant}") if participant else roster.find(student)


def _fill(sheet: Sheet, line: list[str], theirs: Sequence[Scored], report: Report) -> None:
    grade, comments = sheet.column("Grade") or 0, sheet.column(_COMMENTS)
    changeable, maximum = sheet.column("Grade can be changed"), sheet.column("Maximum Grade")
    student = theirs[0].row.student
    if changeable is not None and line[changeable].strip().casefold() == "no":
        report.kept.append(student)
        return
    points = total(theirs, report)
    if points is None:
        return
    report.replaced += differs(line[grade], points)
    line[grade] = number(points)
    report.filled += 1
    if comments is not None:
        said = "<br>".join(map(_comment, theirs))
        if said not in line[comments]:
            line[comments] = f"{line[comments]}<br>{said}" if line[comments].strip() else said
    if maximum is not None and (most := _most(line[maximum])) is not None and points > most:
        report.remarks.append(
            f"{text_of(student, 60)} has {number(points)} points, more than the maximum of {number(most)} in Moodle, "
            "which will ignore it: raise the maximum there"
        )


def _most(cell: str) -> float | None:
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return None


def _comment(one: Scored) -> str:
    """Write what a student is told, as HTML that holds nothing but text."""
    result = one.row.result
    lines = [
        f"{check.exercise}: {number(check.points)} of {number(check.maximum)}"
        + (f": {text_of(check.reason)}" if check.reason else "")
        for check in result.checks
    ]
    if result.reason:
        lines = [f"{result.status}: {shortfall(one)}"]
    lines.append(late_text(one))
    return "<br>".join(html.escape(line) for line in [result.master, *lines] if line)


def _safe_html(cell: str) -> str:
    """Write as entities what a spreadsheet would run at the start of what it takes for a cell; it reads alike."""
    return _FORMULA.sub(lambda run: "".join(f"&#{ord(c)};" if c in "=+-@＝＋－＠" else c for c in run[0]), cell)


def _write_new(path: Path, scored: Sequence[Scored]) -> str:
    """Write a worksheet of our own for those whose folders bear Moodle's numbers; the others are named in it too."""
    students: dict[str, list[Scored]] = {}
    for one in scored:
        students.setdefault(text_of(one.row.student), []).append(one)
    report = Report()
    lines = [["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", _COMMENTS]]
    nobody = 0
    for student, theirs in students.items():
        participant = _participant(student)
        nobody += not participant
        name = student.partition(f"_{participant}_")[0] if participant else student
        points = total(theirs, report)
        most = sum({one.row.result.master: one.row.result.maximum for one in theirs}.values())
        comment = _safe_html("<br>".join(map(_comment, theirs)))
        identifier = f"Participant {participant}" if participant else ""
        grade = "" if points is None else number(points)
        lines.append([identifier, guarded(name), grade, number(most), "-", comment])
    write_whole(path, table(lines))
    lost = f"; {nobody} have no number of Moodle in their folder's name: give the grading worksheet with --worksheet"
    return f"{len(students)} students in {path}" + (lost if nobody else "")
