"""Grading a class: what is graded already stays, the rest goes to an executor, each result into the gradebook."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from rnnkit.grade.gradebook import Gradebook, Row
from rnnkit.grade.lanes import Executor, LocalExecutor
from rnnkit.grade.limits import Limits
from rnnkit.grade.results import plain
from rnnkit.grade.submissions import Submission, find
from rnnkit.grade.tasks import Assignment, MasterFiles, Task, digest_of, library_digest, masters_digest, read_masters
from rnnkit.isolation.plan import Mode, require

if TYPE_CHECKING:
    from rnnkit.grade.master import Master

__all__ = ["Options", "UsageError", "find_masters", "find_submissions", "grade_class", "load_masters"]


class UsageError(ValueError):
    """The command line asks for something that cannot be; the message says what would work."""


@dataclass(frozen=True)
class Options:
    """What one run of the grader is asked to do."""

    submissions: tuple[Path, ...]
    masters: tuple[Path, ...]
    out: Path
    workers: int = 1
    seed: str | None = None
    public: bool = False
    fresh: bool = False
    limits: Limits = field(default_factory=Limits)
    isolation: Mode = "auto"
    scheduler: str | None = None
    """The address of a Dask scheduler; None grades on this machine."""


def find_masters(places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the master notebooks in `places` (files, or folders of them)."""
    found: list[Path] = []
    for place in places:
        here = sorted(place.glob("*.ipynb")) if place.is_dir() else [place] if place.is_file() else []
        if not here:
            raise UsageError(f"no master notebook at {place}; name one with --master solutions/05-bptt.ipynb")
        found += here
    return tuple(path.resolve() for path in found)


def load_masters(paths: Sequence[Path]) -> list[Master]:
    """Load master notebooks, here and not in a worker; a broken one raises `MasterError`."""
    from rnnkit.grade.master import Master

    return [Master.load(path) for path in paths]


def grade_class(options: Options, submissions: Sequence[Submission]) -> list[Row]:
    """Grade what the gradebook does not hold yet; return the row of every submission, in their order."""
    if options.isolation == "strict" and options.scheduler is None:
        require()
    executor = _executor(options)
    masters = read_masters(options.masters)
    with Gradebook(options.out / "gradebook.db") as gradebook:
        assignment = _assignment(options, masters, gradebook.root_seed)
        policy = _policy(assignment)
        todo = [one for one in submissions if options.fresh or not _holds(gradebook.find(one), one, policy, masters)]
        if todo:
            load_masters(options.masters)  # a broken master is one clear error, not one per submission
        if len(todo) < len(submissions):
            print(f"{len(submissions) - len(todo)} of {len(submissions)} are graded already", file=sys.stderr)
        _grade(todo, assignment, policy, executor, gradebook)
        return [row for one in submissions if (row := gradebook.find(one))]


def _grade(
    todo: Sequence[Submission], assignment: Assignment, policy: str, executor: Executor, gradebook: Gradebook
) -> None:
    digests: dict[Submission, str] = {}
    seed = "public" if assignment.public else assignment.root_seed

    def tasks() -> Iterator[tuple[Submission, Task]]:
        for one in todo:
            task = Task.read(one, assignment)
            digests[one] = task.handed_in.digest  # of what is graded, should the file change meanwhile
            yield one, task

    with tqdm(total=len(todo), unit="notebook", disable=None) as bar:
        for one, result in executor.run(tasks()):
            digest = masters_digest(assignment.masters, result.master) or ""
            gradebook.write(one, digests.pop(one), policy, seed, result.with_master_digest(digest))
            bar.set_postfix_str(plain(one.student, 24))
            bar.update()


def _executor(options: Options) -> Executor:
    if options.workers < 1:
        raise UsageError(f"--workers is {options.workers}; give at least 1")
    if options.scheduler is None:
        return LocalExecutor(options.workers)
    try:
        from rnnkit.grade.cluster import DaskExecutor
    except ModuleNotFoundError as error:
        raise UsageError(f"--executor dask needs {error.name}: pip install 'rnnkit[cluster]'") from error
    return DaskExecutor(options.scheduler)


def _assignment(options: Options, masters: tuple[MasterFiles, ...], root_seed: str) -> Assignment:
    private = {options.out, *options.submissions, *(path.parent for path in options.masters)}
    return Assignment(
        masters,
        root_seed if options.seed is None else options.seed,
        options.public,
        options.limits,
        options.isolation,
        tuple(sorted(str(path.resolve()) for path in private)),
    )


def _policy(assignment: Assignment) -> str:
    """Digest all that decides a grade besides the two notebooks: seed, limits, isolation, and the library."""
    seed = ("public seeds", "") if assignment.public else ("root seed", assignment.root_seed)
    return digest_of(*seed, repr(assignment.limits), assignment.isolation, library_digest())


def _holds(row: Row | None, submission: Submission, policy: str, masters: Sequence[MasterFiles]) -> bool:
    """Whether a row was made from just these inputs."""
    if row is None or row.result.status == "failed":
        return False
    digest = masters_digest(masters, row.result.master)
    return (row.policy, row.result.master_digest) == (policy, digest) and row.digest == submission.read().digest


def find_submissions(places: Sequence[Path], out: Path) -> list[Submission]:
    """Return the submissions in `places`; `UsageError` when `out` is no folder, or lies where they are."""
    found = find(places)
    for place in places:
        if place.is_dir() and out.resolve().is_relative_to(place.resolve()):
            raise UsageError(f"--out {out} lies in the submissions' folder {place}; choose a folder outside it")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; give a folder")
    return found
