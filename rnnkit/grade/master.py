"""The master notebook: the exercise, its reference answers and its known wrong answers, all from one file.

Everything here stays on the trusted side. What leaves it is the *release*, the notebook with stubs in the place of
answers, and arrays.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np

from rnnkit.check import Exercise, exercise, generator, run_probe
from rnnkit.check.exercise import Answer

__all__ = ["CheckCell", "Master", "MasterError", "Mutant"]

_REGION = re.compile(r"^([ \t]*)### BEGIN SOLUTION[ \t]*\n.*?^[ \t]*### END SOLUTION[ \t]*$", re.DOTALL | re.MULTILINE)
_CHECK = re.compile(r'check\("(?P<id>[\w.]+)", (?P<answer>\w+)\)')


class MasterError(ValueError):
    """A master notebook is not as it must be."""


@dataclass(frozen=True)
class Mutant:
    """A known wrong answer: the reference with ``old`` replaced by ``new``."""

    name: str
    """What the learner reads after *your numbers are exactly what one gets when*."""
    old: str
    new: str


@dataclass(frozen=True)
class CheckCell:
    """A locked cell that checks one answer."""

    grade_id: str
    exercise: Exercise
    answer: str
    """The name of the variable that is checked."""
    points: int
    source: str


class Master:
    """One master notebook; see :meth:`load`."""

    def __init__(self, path: Path, notebook: nbformat.NotebookNode) -> None:
        self.path = path
        self.name = path.stem
        self.notebook = notebook
        self.checks = tuple(_check_cell(cell) for cell in notebook.cells if _info(cell).get("grade"))

    @classmethod
    def load(cls, path: Path) -> Master:
        """Read the master at ``path``, such as ``solutions/05-bptt.ipynb``.

        Raises
        ------
        MasterError
            When it is no notebook, an answer in it has no marked solution (an exercise is no master), a check cell is
            not exactly ``check("05.1a", bptt)``, or known wrong answers are needed and not beside it.
        """
        try:
            notebook = nbformat.read(path, as_version=4)
        except Exception as error:  # nbformat raises whatever its reader met
            raise MasterError(f"{path} is no master notebook: {type(error).__name__}: {error}") from error
        for cell in notebook.cells:
            if _info(cell).get("solution") and not _REGION.search(cell.source):
                raise MasterError(
                    f"{path} is no master: the answer {_info(cell).get('grade_id')} has no ### BEGIN SOLUTION and "
                    "### END SOLUTION; the masters are in solutions/"
                )
        master = cls(Path(path), notebook)
        if any(check.exercise.has_given for check in master.checks) and not master.wrong_answers_path.exists():
            raise MasterError(f"{path} has no {master.wrong_answers_path.name} beside it")
        return master

    @functools.cached_property
    def release(self) -> nbformat.NotebookNode:
        """What a learner opens: stubs in the place of answers, no outputs."""
        notebook = copy.deepcopy(self.notebook)
        for cell in notebook.cells:
            if _info(cell).get("solution"):
                cell.source = stub(cell.source)
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return notebook

    @functools.cached_property
    def answers(self) -> dict[str, Any]:
        """The names that the locked and the solution cells define, from running them in this process."""
        namespace: dict[str, Any] = {"__name__": f"master {self.name}"}
        for cell in self.notebook.cells:
            info = _info(cell)
            if cell.cell_type == "code" and info and not info.get("grade"):
                self._run(cell.source, str(info["grade_id"]), namespace)
        return namespace

    def prepare(self) -> None:
        """Run the reference now instead of at the first check; raises whatever it raises."""
        assert self.answers

    def given(self, exercise_id: str, seed: int) -> dict[str, np.ndarray]:
        """Return the arrays that the probe needs from this side; most exercises need none."""
        if not exercise(exercise_id).has_given:
            return {}
        given: dict[str, np.ndarray] = self._wrong_answers.given(exercise_id, generator(exercise_id, seed), self)
        return given

    def expected(self, exercise_id: str, seed: int) -> dict[str, np.ndarray]:
        """Return the reference's values."""
        return self.values(exercise_id, self.answers[exercise(exercise_id).function], seed)

    def values(self, exercise_id: str, answer: Answer, seed: int) -> dict[str, np.ndarray]:
        """Return the values of any ``answer``."""
        return run_probe(exercise(exercise_id), answer, seed, self.given(exercise_id, seed))

    @property
    def functions(self) -> tuple[str, ...]:
        """The functions that this notebook asks for, in their order."""
        return tuple(dict.fromkeys(check.answer for check in self.checks))

    def mutants(self, function: str) -> tuple[Mutant, ...]:
        """Return the known wrong answers for ``function``."""
        mutants: Mapping[str, tuple[Mutant, ...]] = self._wrong_answers.WRONG_ANSWERS
        return mutants[function]

    def mutate(self, function: str, mutant: Mutant) -> Answer:
        """Return the reference for ``function`` with one mistake in it.

        Raises
        ------
        MasterError
            When the mutant's ``old`` does not occur exactly once in the solution cell.
        """
        source = self.solution(function).source
        if (count := source.count(mutant.old)) != 1:
            raise MasterError(
                f"mutant “{mutant.name}” of {function}: {mutant.old!r} must occur once, occurs {count} times"
            )
        namespace = dict(self.answers)
        self._run(source.replace(mutant.old, mutant.new), f"{function}, {mutant.name}", namespace)
        answer: Answer = namespace[function]
        return answer

    def solution(self, function: str) -> nbformat.NotebookNode:
        """Return the cell that defines ``function``.

        Raises
        ------
        MasterError
            When there is none.
        """
        for cell in self.notebook.cells:
            if _info(cell).get("solution") and f"def {function}(" in cell.source:
                return cell
        raise MasterError(f"{self.path} has no solution cell that defines {function}")

    @property
    def wrong_answers_path(self) -> Path:
        """The module beside the notebook, ``wrong_answers_05.py``."""
        return wrong_answers_beside(self.path)

    @functools.cached_property
    def _wrong_answers(self) -> ModuleType:
        path = self.wrong_answers_path
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.exists():
            raise MasterError(f"{self.path} has no {path.name} beside it")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def _run(self, source: str, label: str, namespace: dict[str, Any]) -> None:
        exec(compile(source, f"<{self.name}: {label}>", "exec"), namespace)


def wrong_answers_beside(master: Path) -> Path:
    """Return where the module of a master's wrong answers lies, whether it is there or not."""
    return master.with_name(f"wrong_answers_{master.stem.partition('-')[0]}.py")


def stub(source: str) -> str:
    """Take the answer out of a solution cell.

    Raises
    ------
    MasterError
        When there is no marked region.
    """
    emptied, count = _REGION.subn(r"\1# Your code here.\n\1raise NotImplementedError", source)
    if not count:
        raise MasterError("a solution cell needs ### BEGIN SOLUTION and ### END SOLUTION, each on a line of its own")
    return emptied


def _info(cell: nbformat.NotebookNode) -> Mapping[str, Any]:
    info: Mapping[str, Any] = cell.metadata.get("nbgrader", {})
    return info


def _check_cell(cell: nbformat.NotebookNode) -> CheckCell:
    info, source = _info(cell), cell.source
    match = _CHECK.fullmatch(source)
    if match is None:
        raise MasterError(f'a check cell must be exactly check("05.1a", bptt), {info["grade_id"]} is {source!r}')
    one = exercise(match["id"])
    if match["answer"] != one.function or info["points"] != one.points:
        raise MasterError(f"{info['grade_id']} must check {one.function} for {one.points} points")
    return CheckCell(str(info["grade_id"]), one, match["answer"], one.points, source)
