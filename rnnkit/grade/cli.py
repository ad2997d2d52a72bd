"""The command ``rnnkit grade``: its options, resuming, and what it prints."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

import rnnkit
from rnnkit.grade.gradebook import Gradebook, GradebookError, Row
from rnnkit.grade.lanes import Task, grade_all
from rnnkit.grade.limits import ISOLATION, Limits
from rnnkit.grade.master import Master
from rnnkit.grade.report import summary, write_csv
from rnnkit.grade.results import plain
from rnnkit.grade.submissions import NoSubmissionsError, find, fingerprint

__all__ = ["Options", "add_arguments", "grade_class", "run"]

_EXAMPLES = f"""\
examples:
  rnnkit grade handed_in/                        a class: handed_in/ana.ipynb or handed_in/ana/05-bptt.ipynb
  rnnkit grade handed_in/ --out exam/            and where results go: exam/gradebook.db, exam/grades.csv
  rnnkit grade 05-bptt.ipynb --public            one notebook, with the seeds the learner has too
  rnnkit grade handed_in/ --fresh --workers 8    grade everything again

Results go to OUT/gradebook.db after each submission. A run that was stopped goes on where it was; a submission is
graded again when its file, its master, the library, the seed or a limit has changed.

The exit status is 0 when grading worked (whatever the grades), 2 when the input is wrong, 130 when stopped.

isolation of this version:
  {ISOLATION}.
  Grade work of people you do not trust in a virtual machine or a container without network.
"""


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
    limits: Limits = Limits()  # noqa: RUF009  (frozen)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``rnnkit grade`` on `parser`."""
    parser.description = "Grade notebooks: each runs in its own kernel and is judged by values, outside that kernel."
    parser.epilog = _EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    limits = Limits()
    parser.add_argument(
        "submissions", nargs="+", type=Path, metavar="SUBMISSIONS", help="notebooks, or folders of them"
    )
    parser.add_argument(
        "--master", action="append", type=Path, default=None, metavar="FILE",
        help="a master notebook with solutions, or a folder of them; may be repeated (default: solutions/)",
    )  # fmt: skip
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("grades"),
        metavar="DIR",
        help="where gradebook.db and grades.csv go (default: grades)",
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the table here (default: OUT/grades.csv)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="notebooks at a time")
    parser.add_argument("--seed", metavar="S", help="root of all seeds (default: drawn once per gradebook, kept there)")
    parser.add_argument("--public", action="store_true", help="use the learner's public seed: feedback, not an exam")
    parser.add_argument("--fresh", action="store_true", help="grade again what is already graded")
    numbers = parser.add_argument_group("limits of a submission, with their defaults")
    numbers.add_argument(
        "--timeout-cell", type=float, default=limits.cell_seconds, metavar="SECONDS", help="%(default)g"
    )
    numbers.add_argument(
        "--timeout-notebook", type=float, default=limits.notebook_seconds, metavar="SECONDS", help="%(default)g"
    )
    numbers.add_argument(
        "--memory-mb", type=int, default=limits.memory_mb, metavar="MB", help="per process: %(default)s"
    )
    numbers.add_argument(
        "--file-mb", type=int, default=limits.file_mb, metavar="MB", help="largest file it may write: %(default)s"
    )
    numbers.add_argument(
        "--output-mb", type=int, default=limits.output_mb, metavar="MB", help="printed by one cell: %(default)s"
    )
    numbers.add_argument(
        "--processes", type=int, default=limits.processes, metavar="N",
        help="further processes and threads of this user: %(default)s (the system does not hold root to it)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``rnnkit grade``; return the exit status."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # workers share the cores; they inherit this
    try:
        limits = Limits(
            cell_seconds=arguments.timeout_cell,
            notebook_seconds=arguments.timeout_notebook,
            memory_mb=arguments.memory_mb,
            file_mb=arguments.file_mb,
            output_mb=arguments.output_mb,
            processes=arguments.processes,
        )
        options = Options(
            tuple(arguments.submissions),
            find_masters(arguments.master or [Path("solutions")]),
            arguments.out,
            arguments.workers,
            arguments.seed,
            arguments.public,
            arguments.fresh,
            limits,
        )
        if arguments.csv and not arguments.csv.absolute().parent.is_dir():
            raise UsageError(f"--csv: the folder of {arguments.csv} does not exist")
        rows = grade_class(options)
        table = arguments.csv or arguments.out / "grades.csv"
        write_csv(table, rows)
    except (GradebookError, NoSubmissionsError, ValueError, OSError) as error:
        print(f"rnnkit grade: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrnnkit grade: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(summary(rows))
    print(f"\nGradebook: {arguments.out / 'gradebook.db'} · table: {table}")
    return 0


def find_masters(places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the master notebooks in `places` (files, or folders of them)."""
    found: list[Path] = []
    for place in places:
        here = sorted(place.glob("*.ipynb")) if place.is_dir() else [place] if place.is_file() else []
        if not here:
            raise UsageError(f"no master notebook at {place}; name one with --master solutions/05-bptt.ipynb")
        found += here
    return tuple(path.resolve() for path in found)


def grade_class(options: Options) -> list[Row]:
    """Grade what the gradebook does not hold yet; return the row of every submission, in order."""
    submissions = find(options.submissions)
    _check_out(options.out, options.submissions)
    if options.workers < 1:
        raise UsageError(f"--workers is {options.workers}; give at least 1")
    gradebook = Gradebook(options.out / "gradebook.db")
    try:
        seed = options.seed if options.seed is not None else gradebook.root_seed
        policy = _policy("public" if options.public else seed, options.limits)
        digests = {path.stem: _master_digest(path) for path in options.masters}
        digests[""] = _digest(*digests.values())
        prints = {one.key: fingerprint(one.path) for one in submissions}
        todo = [
            one
            for one in submissions
            if options.fresh or not _holds(gradebook.find(one), prints[one.key], policy, digests)
        ]
        for path in options.masters if todo else ():
            Master.load(path)  # a broken master is one clear error, not one per submission
        if len(todo) < len(submissions):
            print(f"{len(submissions) - len(todo)} of {len(submissions)} are graded already", file=sys.stderr)
        tasks = ((one, Task(one.path, options.masters, seed, options.public, options.limits)) for one in todo)
        with tqdm(total=len(todo), unit="notebook", disable=None) as bar:
            for one, result in grade_all(tasks, options.workers):
                written = result.with_master_digest(digests[result.master])
                gradebook.write(one, prints[one.key], policy, "public" if options.public else seed, written)
                bar.set_postfix_str(plain(one.student, 24))
                bar.update()
        return [row for one in submissions if (row := gradebook.find(one))]
    finally:
        gradebook.close()


def _holds(row: Row | None, digest: str, policy: str, masters: dict[str, str]) -> bool:
    """Whether a row was made from just these inputs."""
    if row is None or row.result.status == "failed":
        return False
    return (row.digest, row.policy, row.result.master_digest) == (digest, policy, masters.get(row.result.master))


def _check_out(out: Path, places: Sequence[Path]) -> None:
    for place in places:
        if place.is_dir() and out.resolve().is_relative_to(place.resolve()):
            raise UsageError(f"--out {out} lies in the submissions' folder {place}; choose a folder outside it")
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file; give a folder")


def _digest(*parts: str | bytes) -> str:
    code = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        code.update(len(data).to_bytes(8, "big") + data)
    return code.hexdigest()


def _policy(seed: str, limits: Limits) -> str:
    """All that decides a grade besides the two notebooks: seed, limits, and the library's probes and comparison."""
    package = Path(rnnkit.__file__).parent
    sources = sorted([*package.glob("check/**/*.py"), *package.glob("grade/**/*.py")])
    return _digest(rnnkit.__version__, seed, repr(limits), *(path.read_bytes() for path in sources))


def _master_digest(path: Path) -> str:
    """Digest the master and the Python modules beside it (they make what an exercise is given)."""
    return _digest(path.read_bytes(), *(module.read_bytes() for module in sorted(path.parent.glob("*.py"))))
