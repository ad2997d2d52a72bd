"""What the checks of a notebook said when they were last run, as its file tells.

A ``✓`` counts only under a pristine check cell. A notebook does not record when a cell was *edited*, only the order in
which cells were *run*; so a ``✓`` is called *stale* where the file shows that it cannot be about the answer that stands
there: the answer was run again after its check, was never run, or is empty. An answer that was changed and saved
without running it looks like the old one: ``rnnkit progress --run`` knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rnnkit.check import Exercise, exercises, notebooks
from rnnkit.learner.files import Cell, Notebook, info, source

__all__ = ["Standing", "State", "check_source", "name_of", "passed", "refused", "standings"]

_CHECK = re.compile(r"""check\(\s*["'](?P<id>[\w.]+)["']""")
_STUB = re.compile(r"# Your code here\.\s+raise NotImplementedError")


class State(Enum):
    """How one exercise stands, with the sign it is shown by."""

    DONE = "✓"
    WRONG = "✗"
    STALE = "↻"
    OPEN = "·"


@dataclass(frozen=True)
class Standing:
    """One exercise and how it stands; ``words`` say more where there is more."""

    exercise: Exercise
    state: State
    words: str = ""

    @property
    def points(self) -> int:
        """The points it has now."""
        return self.exercise.points if self.state is State.DONE else 0


def check_source(one: Exercise) -> str:
    """Return the text of an exercise's check cell."""
    return f'check("{one.id}", {one.function})'


def passed(one: Exercise) -> str:
    """Return the line that :func:`rnnkit.check.check` prints for a right answer."""
    return f"✓ {one.id}: {one.points} point{'s' if one.points != 1 else ''}"


def refused(one: Exercise, words: str) -> Standing:
    """Return how an exercise stands whose check said these words."""
    return Standing(one, State.OPEN if words == "not written yet" else State.WRONG, words)


def name_of(path: Path, notebook: Notebook) -> str | None:
    """Return which exercise notebook this is, by its file's name or else by its checks; None for another one."""
    if path.stem in notebooks():
        return path.stem
    for cell in notebook["cells"]:
        for match in _CHECK.finditer(source(cell)) if cell["cell_type"] == "code" else ():
            for name in notebooks():
                if match["id"] in {one.id for one in exercises(name)}:
                    return name
    return None


def standings(name: str, notebook: Notebook) -> list[Standing]:
    """Return how each exercise of the notebook ``name`` stands, by what the file holds."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [_standing(one, code) for one in exercises(name)]


def _standing(one: Exercise, code: Sequence[Cell]) -> Standing:
    here = [cell for cell in code if source(cell).strip() == check_source(one)]
    if not here:
        changed = any(match["id"] == one.id for cell in code for match in _CHECK.finditer(source(cell)))
        return Standing(
            one, State.OPEN, f"its check cell was {'changed' if changed else 'lost'}; rnnkit new puts it back"
        )
    cell = here[-1]
    outputs = [output for output in cell.get("outputs") or [] if isinstance(output, dict)]
    errors = [output for output in outputs if output.get("output_type") == "error"]
    if errors:
        return refused(one, _words(one, errors[-1]))
    if passed(one) not in "".join(map(_printed, outputs)).splitlines():
        return Standing(one, State.OPEN)
    doubt = _doubt(one, cell, code)
    return Standing(one, State.STALE if doubt else State.DONE, doubt)


def _printed(output: dict[str, Any]) -> str:
    """Return what an output printed; nothing for a picture or a warning."""
    if output.get("output_type") != "stream" or output.get("name") != "stdout":
        return ""
    text = output.get("text", "")
    return "".join(line for line in text if isinstance(line, str)) if isinstance(text, list) else str(text)


def _words(one: Exercise, error: dict[str, Any]) -> str:
    """Return the first line of what was wrong."""
    told = str(error.get("evalue", ""))
    if error.get("ename") != "NotRightYet":
        told = f"{error.get('ename', 'error')}: {told}"
    return told.removeprefix(f"✗ {one.id}: ").partition("\n")[0]


def _doubt(one: Exercise, cell: Cell, code: Sequence[Cell]) -> str:
    """Say why a ``✓`` cannot be about the answer that stands there; nothing where it can."""
    defines = re.compile(rf"^(def|class) {re.escape(one.function)}\b", re.MULTILINE)
    answers = [answer for answer in code if defines.search(source(answer))]
    answer = next((a for a in reversed(answers) if info(a).get("solution")), answers[-1] if answers else None)
    if answer is None:
        return "its answer is gone; run it again"
    if _STUB.search(source(answer)):
        return "its answer is empty now"
    ran, checked = answer.get("execution_count"), cell.get("execution_count")
    if isinstance(checked, int) and (not isinstance(ran, int) or ran > checked):
        return (
            "its answer was run after it; check again"
            if isinstance(ran, int)
            else "its answer was not run; check again"
        )
    return ""
