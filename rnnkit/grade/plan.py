"""The differential merge: the learner's cells, with the pristine locked cells back in their places.

What a learner did to a locked cell (edited, copied, moved, lost, stripped of its metadata) is noted and has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnkit.grade.master import CheckCell, Master

__all__ = ["Plan", "Step", "make_plan"]

Cell = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One code cell to run: the learner's (no `check`) or a pristine one."""

    source: str
    label: str
    check: CheckCell | None = None
    given: bool = False
    """Whether the learner left the cell as it was handed out: what it says is no news."""


@dataclass
class Plan:
    """The cells in the order in which they run, and what was noted about the locked ones."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Locked:
    """A pristine code cell that the learner may not change, and the answer it looks at (a cell's grade_id)."""

    grade_id: str
    source: str
    check: CheckCell | None
    answer_id: str


def grading(cell: Cell) -> Mapping[str, Any]:
    """Return the cell's nbgrader metadata, empty where there is none or it is nonsense."""
    metadata = cell.get("metadata")
    found = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def grade_id(cell: Cell) -> str:
    """Return the cell's nbgrader id, or nothing."""
    found = grading(cell).get("grade_id")
    return found if isinstance(found, str) else ""


def make_plan(master: Master, cells: Sequence[Cell]) -> Plan:
    """Merge a learner's `cells` with the master's locked code cells."""
    locked = _locked_cells(master)
    handed_out = {cell["source"].strip() for cell in master.release.cells}
    plan = Plan()
    remarks: dict[str, list[str]] = {}
    roles = [_role(cell, locked) for cell in cells]
    places = {one.grade_id: _place(one, cells, roles, locked, remarks) for one in locked.values()}
    plan.notes = [f"{what}: {', '.join(ids)}" for what, ids in remarks.items()]
    at: dict[int, list[_Locked]] = {}
    for one in locked.values():
        at.setdefault(places[one.grade_id], []).append(one)
    for one in at.get(-1, []):
        plan.steps.append(_pristine(one))
    number = 0
    for position, (cell, role) in enumerate(zip(cells, roles, strict=True)):
        if cell["cell_type"] == "code":
            number += 1
            if not role and cell["source"].strip():
                given = cell["source"].strip() in handed_out
                plan.steps.append(Step(cell["source"], f"cell {number}", given=given))
        plan.steps.extend(_pristine(one) for one in at.get(position, []))
    return plan


def _locked_cells(master: Master) -> dict[str, _Locked]:
    checks = {check.grade_id: check for check in master.checks}
    found: dict[str, _Locked] = {}
    answer = ""
    for cell in master.release.cells:
        info, name = grading(cell), grade_id(cell)
        if info.get("solution"):
            answer = name
        if cell["cell_type"] == "code" and name and (info.get("locked") or info.get("grade")):
            found[name] = _Locked(name, cell["source"], checks.get(name), answer if name in checks else "")
    return found


def _role(cell: Cell, locked: Mapping[str, _Locked]) -> str:
    """Find which locked cell this one stands for: by its id or, where ids were stripped, by its very source."""
    if cell["cell_type"] != "code":
        return ""
    name = grade_id(cell)
    if name in locked:
        return name
    source = cell["source"].strip()
    return next((one.grade_id for one in locked.values() if one.source.strip() == source), "")


def _place(
    one: _Locked,
    cells: Sequence[Cell],
    roles: Sequence[str],
    locked: Mapping[str, _Locked],
    remarks: dict[str, list[str]],
) -> int:
    """Find behind which learner's cell the pristine one runs: its last place after its answer; -1 is the start."""
    shown = [position for position, role in enumerate(roles) if role == one.grade_id]
    answers = [p for p, cell in enumerate(cells) if one.answer_id and grade_id(cell) == one.answer_id]
    behind = [position for position in shown if not answers or position > answers[-1]]

    def remark(what: str) -> None:
        remarks.setdefault(what, []).append(one.grade_id)

    if any(cells[position]["source"].strip() != one.source.strip() for position in shown):
        remark("locked cells were edited, the originals ran")
    if len(shown) > 1:
        remark("locked cells have copies, one of them ran")
    if behind:
        return behind[-1]
    if shown:
        remark("locked cells stood before their answers, they ran after them")
    else:
        remark("locked cells were missing, they were put back")
    if answers:
        return answers[-1]
    return len(cells) - 1 if one.check else _after_predecessor(one, roles, locked)


def _after_predecessor(one: _Locked, roles: Sequence[str], locked: Mapping[str, _Locked]) -> int:
    """Place a lost cell that checks nothing (imports, data) behind the last locked cell before it, or first."""
    before = list(locked)[: list(locked).index(one.grade_id)]
    return max((position for position, role in enumerate(roles) if role in before), default=-1)


def _pristine(one: _Locked) -> Step:
    return Step(one.source, one.grade_id, one.check)
