"""What a case is, and the few words in which cases are written."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parents[2]
EXERCISE, SOLUTION = ROOT / "exercises/05-bptt.ipynb", ROOT / "solutions/05-bptt.ipynb"
POINTS = {1: 10, 2: 4, 3: 5, 4: 4, 5: 3}  # by answer; 26 in all
ALL = sum(POINTS.values())

TOKEN = "TOKENOFTHISRUN"
"""Stands in the cells where `make_class` puts a token of its own: what a run leaves behind is known by it."""

Notebook = nbformat.NotebookNode


@dataclass(frozen=True)
class Case:
    """One submission: how it is written, and its expected outcome.

    `file` may lie in a folder of its own. `says` is part of the reason or of a note.
    """

    file: str
    points: float
    write: Callable[[Path], None]
    status: str = "graded"
    says: str = ""
    needs: tuple[str, ...] = ()
    """The walls (files, network, processes, or cgroup) that this outcome takes."""
    otherwise: float | None = None
    """The points where one of these is missing; None: as many, but not for the same reason."""


@dataclass
class Cases:
    """Cases in their order; the two makers declare one each."""

    cases: list[Case] = field(default_factory=list)

    def notebook(
        self, file: str, points: float, says: str = "", solved: Iterable[int] = tuple(POINTS), status: str = "graded",
        write: Callable[[Notebook, Path], None] = nbformat.write, **wants: Any,
    ) -> Callable[[Callable[[Notebook], None]], None]:  # fmt: skip
        """Declare a case that starts from the exercise with the answers `solved` filled in."""

        def declare(change: Callable[[Notebook], None]) -> None:
            def make(path: Path) -> None:
                made = answered(solved)
                change(made)
                write(made, path)

            self.cases.append(Case(file, points, make, status, says, **wants))

        return declare

    def raw(
        self, file: str, says: str, status: str = "unreadable", points: float = 0
    ) -> Callable[[Callable[[Path], None]], None]:
        """Declare a case whose file is written by hand."""

        def declare(write: Callable[[Path], None]) -> None:
            self.cases.append(Case(file, points, write, status, says))

        return declare

    def first_cell(self, file: str, points: float, source: str, says: str = "", **wants: Any) -> None:
        """Declare a case with `source` in a cell before the first answer; nothing is solved unless it earns points."""
        wants.setdefault("solved", tuple(POINTS) if points == ALL else ())
        self.notebook(file, points, says, **wants)(lambda made: put_first(made, source))

    def answer(self, file: str, points: float, number: int, source: str, says: str = "", **wants: Any) -> None:
        """Declare a case whose answer `number` (the right one where it is among the solved) is followed by `source`."""
        wants.setdefault("solved", (number,))

        def change(made: Notebook) -> None:
            answer(made, number).source += "\n\n" + source

        self.notebook(file, points, says, **wants)(change)


def info(cell: Notebook) -> dict[str, Any]:
    found: dict[str, Any] = cell.metadata.get("nbgrader", {})
    return found


def fresh_id() -> str:
    return str(nbformat.v4.new_code_cell().id)


def is_check(cell: Notebook) -> bool:
    return bool(info(cell).get("grade"))


def is_answer(cell: Notebook) -> bool:
    return bool(info(cell).get("solution"))


@functools.cache
def _read(path: Path) -> Notebook:
    return nbformat.read(path, as_version=4)


def answered(solved: Iterable[int]) -> Notebook:
    """The exercise, its answers of these numbers taken from the solution."""
    made = copy.deepcopy(_read(EXERCISE))
    right = {info(cell).get("grade_id"): cell.source for cell in _read(SOLUTION).cells}
    for cell in made.cells:
        if is_answer(cell) and int(str(info(cell)["grade_id"]).rsplit("-", 1)[1]) in tuple(solved):
            cell.source = right[info(cell)["grade_id"]]
    return made


def solution(number: int) -> str:
    """The right answer, as a cell's source."""
    source: str = answer(answered([number]), number).source
    return source


def answer(made: Notebook, number: int) -> Notebook:
    return next(cell for cell in made.cells if info(cell).get("grade_id") == f"answer-05-{number}")


def code(source: str) -> Notebook:
    return nbformat.v4.new_code_cell(source)


def place_of(made: Notebook, grade_id: str) -> int:
    return next(number for number, cell in enumerate(made.cells) if info(cell).get("grade_id") == grade_id)


def put_first(made: Notebook, source: str) -> None:
    """Insert a cell of the learner's before the first answer, behind the imports."""
    place = next(number for number, cell in enumerate(made.cells) if is_answer(cell))
    made.cells.insert(place, code(source))


def put_last(made: Notebook, source: str) -> None:
    made.cells.append(code(source))


def put_before(made: Notebook, grade_id: str, source: str) -> None:
    made.cells.insert(place_of(made, grade_id), code(source))


def put_after(made: Notebook, grade_id: str, source: str) -> None:
    made.cells.insert(place_of(made, grade_id) + 1, code(source))


def strip(made: Notebook) -> None:
    """Take all metadata off, as editors do that do not know them."""
    for cell in made.cells:
        cell.metadata.clear()
        cell["id"] = fresh_id()


def wrapped(body: str, function: str = "bptt", arguments: str = "x, y, h0, params") -> str:
    """Source that replaces a right answer by one made of it, `right`."""
    return f"def {function}({arguments}, right={function}):\n" + "\n".join(f"    {line}" for line in body.splitlines())
