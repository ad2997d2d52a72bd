"""The command ``rnnkit grade``: its options, and what it writes and prints."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnkit.grade.course import Options, UsageError, find_masters, find_submissions, grade_class, load_masters
from rnnkit.grade.exports import FORMATS, export, ready, target
from rnnkit.grade.gradebook import GradebookError
from rnnkit.grade.handed_in import hand_in_times
from rnnkit.grade.late import LatePolicy, Scored, describe, score
from rnnkit.grade.limits import Limits
from rnnkit.grade.report import summary
from rnnkit.grade.submissions import Submission
from rnnkit.isolation.plan import MODES, IsolationError

__all__ = ["add_arguments", "run"]

_EXAMPLES = """\
examples:
  rnnkit grade handed_in/                        a class: handed_in/ana.ipynb or handed_in/ana/05-bptt.ipynb
  rnnkit grade handed_in/ --out exam/ --feedback --similarity
                                                 and a page for each student, and who shares code with whom
  rnnkit grade handed_in/ --due 2026-05-01T23:59+02:00 --late "10%/day max 50%" --grace 15m
  rnnkit grade handed_in/ --export canvas --worksheet export.csv --export json
  rnnkit grade handed_in/ --isolation strict --workers 8
  rnnkit grade handed_in/ --executor dask --scheduler tcp://10.0.0.5:8786
  rnnkit grade 05-bptt.ipynb --public            one notebook, with the seeds the learner has too

Results go to OUT/gradebook.db after each submission. A run that was stopped goes on where it was; a submission is
graded again when its file, its master, the library, the seed, a limit or the isolation has changed. So the same command
with another --export or --feedback grades nothing again.

isolation: every kernel runs behind all the walls that this machine has (bubblewrap, Landlock, seccomp, control groups);
each run tries them before it grades, and the report says which held. --isolation strict refuses to run with fewer than
files, network and processes sealed off.

The exit status is 0 when grading worked (whatever the grades), 2 when the input is wrong, 130 when stopped.
"""


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
    parser.add_argument(
        "--executor", choices=("local", "dask"), default="local", help="grade on this machine, or on a Dask cluster"
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask scheduler, such as tcp://10.0.0.5:8786")
    parser.add_argument(
        "--isolation", choices=MODES, default="auto",
        help="auto: all walls this machine has; strict: refuse to run with fewer; none: limits alone (default: auto)",
    )  # fmt: skip
    parser.add_argument("--seed", metavar="S", help="root of all seeds (default: drawn once per gradebook, kept there)")
    parser.add_argument("--public", action="store_true", help="use the learner's public seed: feedback, not an exam")
    parser.add_argument("--fresh", action="store_true", help="grade again what is already graded")
    results = parser.add_argument_group("results beside the gradebook and grades.csv")
    results.add_argument(
        "--export", action="append", default=[], metavar="FORMAT[=FILE]",
        help=f"one of {', '.join(FORMATS)}; may be repeated (default files lie in OUT)",
    )  # fmt: skip
    results.add_argument(
        "--worksheet", type=Path, metavar="FILE",
        help="the gradebook exported from Canvas, or Moodle's grading worksheet, to fill in",
    )  # fmt: skip
    results.add_argument("--feedback", action="store_true", help="a page for each student, in OUT/feedback")
    results.add_argument("--similarity", action="store_true", help="who shares code with whom, in OUT/similarity")
    late = parser.add_argument_group("late work")
    late.add_argument("--due", metavar="TIME", help="when work is due: 2026-05-01T23:59+02:00 (without a zone: local)")
    late.add_argument("--late", metavar="RULE", help='what lateness costs: "10%%/day max 50%%", 1/hour, zero')
    late.add_argument("--grace", metavar="TIME", help="how long lateness costs nothing: 15m")
    late.add_argument(
        "--handed-in", type=Path, metavar="FILE.csv",
        help="columns student and time (default: nbgrader's timestamp.txt, else the file's own time)",
    )  # fmt: skip
    numbers = parser.add_argument_group("limits of a submission, with their defaults")
    numbers.add_argument(
        "--timeout-cell", type=float, default=limits.cell_seconds, metavar="SECONDS", help="%(default)g"
    )
    numbers.add_argument(
        "--timeout-notebook", type=float, default=limits.notebook_seconds, metavar="SECONDS", help="%(default)g"
    )
    numbers.add_argument(
        "--memory-mb",
        type=int,
        default=limits.memory_mb,
        metavar="MB",
        help="for each process, and for all together where there are control groups: %(default)s",
    )
    numbers.add_argument(
        "--file-mb", type=int, default=limits.file_mb, metavar="MB", help="largest file it may write: %(default)s"
    )
    numbers.add_argument(
        "--output-mb", type=int, default=limits.output_mb, metavar="MB", help="printed by one cell: %(default)s"
    )
    numbers.add_argument(
        "--processes", type=int, default=limits.processes, metavar="N",
        help="further processes and threads: %(default)s (without a control group the system does not hold root to it)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``rnnkit grade``; return the exit status."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # workers share the cores; they inherit this
    try:
        policy = LatePolicy.parse(arguments.due, arguments.late, arguments.grace)
        options = _options(arguments)
        submissions = find_submissions(options.submissions, options.out)
        exports = _exports(arguments, options.out)
        rows = grade_class(options, submissions)
        scored = score(rows, policy, hand_in_times(submissions, arguments.handed_in) if policy else {})
        said = [export(name, file, scored, worksheet=arguments.worksheet) for name, file in exports]
        said += _pages(arguments, submissions, scored, options)
    except (GradebookError, IsolationError, ValueError, OSError) as error:
        print(f"rnnkit grade: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrnnkit grade: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    print(summary(scored))
    if late := describe(scored):
        print(f"\n{late}")
    print(f"\nGradebook: {options.out / 'gradebook.db'}", *filter(None, said), sep="\n")
    return 0


def _options(arguments: argparse.Namespace) -> Options:
    if (arguments.executor == "dask") != (arguments.scheduler is not None):
        raise UsageError("--executor dask and --scheduler ADDRESS belong together; give both or neither")
    return Options(
        tuple(arguments.submissions),
        find_masters(arguments.master or [Path("solutions")]),
        arguments.out,
        workers=arguments.workers,
        seed=arguments.seed,
        public=arguments.public,
        fresh=arguments.fresh,
        limits=Limits(
            cell_seconds=arguments.timeout_cell,
            notebook_seconds=arguments.timeout_notebook,
            memory_mb=arguments.memory_mb,
            file_mb=arguments.file_mb,
            output_mb=arguments.output_mb,
            processes=arguments.processes,
        ),
        isolation=arguments.isolation,
        scheduler=arguments.scheduler,
    )


def _exports(arguments: argparse.Namespace, out: Path) -> list[tuple[str, Path]]:
    """Return what to write, grades.csv always; whether it can be written is found out before anything is graded."""
    out.mkdir(parents=True, exist_ok=True)
    wanted = [target(text, out) for text in arguments.export]
    if arguments.csv or "csv" not in dict(wanted):
        wanted.insert(0, ("csv", arguments.csv or out / "grades.csv"))
    for name, file in wanted:
        ready(name, file, arguments.worksheet)
    return wanted


def _pages(
    arguments: argparse.Namespace, submissions: Sequence[Submission], scored: Sequence[Scored], options: Options
) -> list[str]:
    """Write feedback and similarity where they are asked for; return a line for each."""
    said: list[str] = []
    if not (arguments.feedback or arguments.similarity):
        return said
    masters = load_masters(options.masters)
    sources = {one.key: one.path for one in submissions}
    if arguments.feedback:
        from rnnkit.grade.feedback import write_feedback

        pages = write_feedback(options.out / "feedback", scored, sources, masters)
        said.append(f"feedback: {len(pages)} pages in {options.out / 'feedback'}")
    if arguments.similarity:
        from rnnkit.grade.similarity import similarity, write_similarity

        report = similarity(sources, masters, {one.key: one.student for one in submissions})
        write_similarity(options.out / "similarity", report)
        said.append(f"similarity: {options.out / 'similarity'}")
    return said
