"""A worksheet that a learning platform exported, to be filled in: its columns, its students, and who of ours is whom.

Points go to nobody by guess: a student whom no line or several lines fit, or who handed in the same notebook twice,
stays as the worksheet has him or her, and the report names them.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rnnkit.grade.exports.cells import ExportError, table, text_of
from rnnkit.grade.late import Scored
from rnnkit.grade.results import plain

__all__ = ["Report", "Roster", "Sheet", "differs", "fold", "total"]

_LARGEST = 32 << 20
_SHOWN = 50


def fold(text: str) -> str:
    """Return a name as compared: case, accents' encoding, and what stands between words do not matter."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.findall(r"[^\W_]+", text))


@dataclass
class Sheet:
    """The lines of a CSV file, and how it was written."""

    path: Path
    head: list[str]
    lines: list[list[str]]
    delimiter: str
    marked: bool  # begins with the mark that tells Excel the encoding

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """Read a worksheet; lines that are too short are filled up."""
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST + 1)
        except OSError as error:
            raise ExportError(f"the worksheet {path} cannot be read: {error.strerror}") from error
        if len(content) > _LARGEST:
            raise ExportError(f"the worksheet {path} is over {_LARGEST >> 20} MB: is it the exported CSV file?")
        try:
            text = content.decode("utf-8-sig")
            delimiter = max(",;\t", key=text.partition("\n")[0].count)
            lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if line]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ExportError(
                f"the worksheet {path} is no CSV file in UTF-8 ({plain(error, 80)}); export it again, or save it as "
                "CSV UTF-8"
            ) from error
        if not lines:
            raise ExportError(f"the worksheet {path} is empty; export it again")
        head, *rest = lines
        return cls(
            path, head, [line + [""] * (len(head) - len(line)) for line in rest], delimiter, content[:3] == BOM_UTF8
        )

    def column(self, *names: str) -> int | None:
        """Return the position of the first column of one of these names."""
        heads = [head.strip().casefold() for head in self.head]
        return next((heads.index(name.casefold()) for name in names if name.casefold() in heads), None)

    def content(self) -> bytes:
        """Return the file as it is to be written."""
        return (BOM_UTF8 if self.marked else b"") + table([self.head, *self.lines], self.delimiter)


class Roster:
    """Who stands in which line of a worksheet: by identifiers first, by name where no identifier fits."""

    def __init__(self) -> None:
        self._by_id: dict[str, set[int]] = {}
        self._by_name: dict[str, set[int]] = {}
        self.lines: set[int] = set()

    def add(self, line: int, ids: Iterable[str], names: Iterable[str]) -> None:
        """Enter a student; a name in the order of the file (``Doe, Jane``) counts in the other order too."""
        self.lines.add(line)
        for one in ids:
            if one.strip():
                self._by_id.setdefault(one.strip().casefold(), set()).add(line)
        for name in names:
            last, comma, first = name.partition(",")
            for known in {fold(name), fold(f"{first} {last}") if comma else ""} - {""}:
                self._by_name.setdefault(known, set()).add(line)

    def by_id(self, *ids: str) -> set[int]:
        """Return the lines that one of these identifiers belongs to."""
        return set().union(*(self._by_id.get(one.strip().casefold(), set()) for one in ids))

    def find(self, student: str) -> set[int]:
        """Return the lines a student may be: one is certain, none or several are not."""
        return self.by_id(student) or self._by_name.get(fold(student), set())


@dataclass
class Report:
    """What became of whom, for one line of text."""

    filled: int = 0
    replaced: int = 0
    strangers: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def matched(self, scored: Sequence[Scored], lines: Iterable[set[int]]) -> dict[int, list[Scored]]:
        """Sort submissions by the line each belongs to; note those that belong to none, or perhaps to several."""
        found: dict[int, list[Scored]] = {}
        for one, fitting in zip(scored, lines, strict=True):
            if len(fitting) == 1:
                found.setdefault(next(iter(fitting)), []).append(one)
            else:
                (self.unclear if fitting else self.strangers).append(one.row.student)
        return found

    def text(self, path: Path, sheet: Path, students: int) -> str:
        """Put all of it in one line."""
        said = [f"{self.filled} grades of the {students} students in {sheet.name} filled in: {path}"]
        if self.replaced:
            said.append(f"{self.replaced} grades that stood there were others and were replaced")
        for names, what in (
            (self.strangers, "not found in the worksheet"),
            (self.unclear, "fit several lines of the worksheet and were left out"),
            (self.twice, "handed in the same notebook more than once and were left out"),
            (self.failed, "could not be graded and were left out"),
            (self.kept, "are locked, excused or not assigned in the worksheet and were left as they are"),
        ):
            if names:
                unique = list(dict.fromkeys(text_of(name, 60) for name in names))
                more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
                said.append(f"{len(unique)} {what}: {', '.join(unique[:_SHOWN])}{more}")
        return "; ".join([*said, *self.remarks])


def total(theirs: Sequence[Scored], report: Report) -> float | None:
    """Add up one student's points over different notebooks; None, and a note in the report, where that is not clear."""
    student = theirs[0].row.student
    masters = [one.row.result.master for one in theirs if one.row.result.master]
    if any(one.row.result.status == "failed" for one in theirs):
        report.failed.append(student)
    elif len(masters) > len(set(masters)):
        report.twice.append(student)
    else:
        return sum(one.points for one in theirs)
    return None


def differs(before: str, points: float) -> bool:
    """Whether a grade that stood in a worksheet is another one than ours."""
    try:
        return abs(float(before.strip().replace(",", ".")) - points) >= 0.005
    except ValueError:
        return bool(before.strip(" -"))
