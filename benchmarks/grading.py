"""Seconds per graded submission, ours and others', one contender after the other in every round.

    python benchmarks/grading.py [--students 50] [--rounds 3] [--otter PATH] [--json]

Every contender gets the same honest notebooks (full marks) of 05-bptt, in new processes. "class" grades all students
with one command, "single" one notebook. nbval only runs the notebook and looks for errors: that is what running costs
without any grading; "warm" is the same with rnnkit's kernel by name. Every contender's grades are compared with ours
before its times count. otter-grader (`pip install otter-grader`, best in an environment of its own beside rnnkit and
torch) takes one notebook at a time.

Memory is what one worker holds while it runs a notebook: all its processes, pages shared with others counted in part
(PSS), and the part that another worker on the same machine would add.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from rnnkit.check import exercises

ROOT = Path(__file__).parents[1]
NOTEBOOK = "05-bptt"
MASTER = ROOT / f"solutions/{NOTEBOOK}.ipynb"
BIN = Path(sys.executable).parent
POINTS = sum(one.points for one in exercises(NOTEBOOK))


@dataclass(frozen=True)
class Contender:
    """A command, how many submissions it takes, and the points it gave each (None: it gives none)."""

    graded: int
    command: list[str | Path]
    points: Callable[[], set[float]] | None = None


def run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> float:
    """Seconds of one command; a failure is an error of the benchmark."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - started


def make_course(folder: Path, students: int, environment: dict[str, str]) -> list[Path]:
    """Make a course of nbgrader's in `folder`; return the submissions."""
    source = folder / f"source/{NOTEBOOK}/{NOTEBOOK}.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(MASTER, source)
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'bench'\n")
    run([BIN / "nbgrader", "generate_assignment", NOTEBOOK], folder, environment)
    submissions = []
    for number in range(students):
        submission = folder / f"submitted/student{number}/{NOTEBOOK}/{NOTEBOOK}.ipynb"
        submission.parent.mkdir(parents=True)
        shutil.copy(MASTER, submission)
        submissions.append(submission)
    return submissions


def make_otter(folder: Path, otter: Path, environment: dict[str, str]) -> Path:
    """Make otter's autograder of the same checks, a test file each; return it."""
    tests = folder / "otter/tests"
    tests.mkdir(parents=True)
    for one in exercises(NOTEBOOK):
        said = f"✓ {one.id}: {one.points} point{'s' if one.points != 1 else ''}"
        case = {"code": f'>>> check("{one.id}", {one.function})\n{said}\n', "hidden": False, "locked": False}
        suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
        name = f"q{one.id.replace('.', '_')}"
        test = {"name": name, "points": one.points, "suites": [suite]}
        (tests / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n", "utf-8")
    run(
        [otter, "generate", "-t", tests, "-o", folder / "otter/autograder.zip", "--no-environment"], folder, environment
    )
    return folder / "otter/autograder.zip"


def contenders(
    folder: Path, submissions: list[Path], otter: Path | None, autograder: Path | None
) -> dict[str, Contender]:
    """Each contender by the name under which it is printed."""
    handed_in, workers = folder / "class", os.cpu_count() or 1
    for number, path in enumerate(submissions):
        (handed_in / f"student{number}").mkdir(parents=True)
        shutil.copy(path, handed_in / f"student{number}/{NOTEBOOK}.ipynb")
    ours = [sys.executable, "-m", "rnnkit", "grade", "--master", MASTER, "--out", folder / "grades", "--fresh"]
    nbgrader = [BIN / "nbgrader", "autograde", NOTEBOOK, "--force"]
    nbval = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, "-c", os.devnull]
    nbval.append("--nbval-lax")
    warm = [*nbval, "--nbval-kernel-name", "rnnkit-warm-torch"]
    students = len(submissions)

    def in_table() -> set[float]:
        with (folder / "grades/grades.csv").open() as file:
            return {float(line["points"]) for line in csv.DictReader(file)}

    def in_gradebook() -> set[float]:
        with sqlite3.connect(folder / "gradebook.db") as db:
            return {
                points for (points,) in db.execute("SELECT sum(auto_score) FROM grade GROUP BY notebook_id") if points
            }

    def in_results() -> set[float]:
        tests = json.loads((folder / "results.json").read_text())["tests"]
        return {sum(test.get("score", 0.0) for test in tests)}

    found = {
        f"rnnkit grade, class, {workers} workers": Contender(
            students, [*ours, "--workers", str(workers), handed_in], in_table
        ),
        "rnnkit grade, class, 1 worker": Contender(students, [*ours, "--workers", "1", handed_in], in_table),
        "nbgrader autograde, class": Contender(students, nbgrader, in_gradebook),
        "pytest --nbval-lax, class": Contender(students, [*nbval, *submissions]),
        "pytest --nbval-lax, class, warm": Contender(students, [*warm, *submissions]),
        "rnnkit grade, single": Contender(1, [*ours, "--workers", "1", handed_in / "student0"], in_table),
        "nbgrader autograde, single": Contender(1, [*nbgrader, "--student", "student0"], in_gradebook),
        "pytest --nbval-lax, single": Contender(1, [*nbval, submissions[0]]),
    }
    if otter and autograder:
        command = [otter, "run", submissions[0], "-a", autograder, "-o", folder, "--no-logo"]
        found["otter run, single"] = Contender(1, command, in_results)
    return found


@contextmanager
def course(students: int, otter: Path | None) -> Iterator[tuple[Path, dict[str, str], dict[str, Contender]]]:
    """A folder with everything every contender needs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            environment[variable] = str(folder / "home")
        environment["JUPYTER_PATH"] = str(ROOT / "rnnkit/warm")
        submissions = make_course(folder, students, environment)
        autograder = make_otter(folder, otter, environment) if otter else None
        yield folder, environment, contenders(folder, submissions, otter, autograder)


def measure(students: int, rounds: int, otter: Path | None, report: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds per submission of every contender, in every round."""
    with course(students, otter) as (folder, environment, found):
        seconds: dict[str, list[float]] = {name: [] for name in found}
        for number in range(rounds):
            for name, one in found.items():
                seconds[name].append(run(one.command, folder, environment) / one.graded)
                report(f"round {number + 1}: {name}: {seconds[name][-1]:.2f} s")
                if one.points and (points := one.points()) != {float(POINTS)}:
                    sys.exit(f"{name} gave {sorted(points)} points where {POINTS} are due")
        return seconds


def memory() -> dict[str, float]:
    """Megabytes of one worker's processes while a notebook runs, and of an ordinary kernel with the same modules."""
    from rnnkit.grade.kernel import GradingKernel
    from rnnkit.grade.limits import Limits
    from rnnkit.grade.master import Master
    from rnnkit.grade.source import KernelSource

    source = KernelSource(Master.load(MASTER), Limits())
    try:
        kernel = GradingKernel(source, time.monotonic() + 60)
        kernel.run("import numpy, torch")
        family = psutil.Process(source.template.process.pid).children(recursive=True)
        *_, template, forked = sorted(family, key=lambda process: process.create_time())
        found = {
            "worker (pytest, nbval, zmq)": psutil.Process().memory_full_info().pss,
            "template": template.memory_full_info().pss,
            "kernel, forked": forked.memory_full_info().uss,
        }
        kernel.stop()
    finally:
        source.close()
    imports = "import numpy, torch, matplotlib.pyplot, ipykernel.kernelapp\nprint(flush=True)\ninput()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    ordinary = subprocess.Popen([sys.executable, "-c", imports], **pipes)
    assert ordinary.stdout is not None
    ordinary.stdout.readline()
    found["kernel, ordinary (imports alone)"] = psutil.Process(ordinary.pid).memory_full_info().uss
    ordinary.kill()
    ordinary.wait()
    return {name: size / 2**20 for name, size in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--otter", type=Path, help="the command otter (default: the one on the path, if any)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    found = options.otter or shutil.which("otter")
    seconds = measure(
        options.students, options.rounds, Path(found) if found else None, lambda line: print(line, file=sys.stderr)
    )
    medians = {contender: statistics.median(values) for contender, values in seconds.items()}
    sizes = memory()
    if options.json:
        print(json.dumps({"students": options.students, "seconds": seconds, "median": medians, "MB": sizes}, indent=1))
        return
    ours = {"class": medians[next(iter(medians))], "single": medians["rnnkit grade, single"]}
    print(f"{'seconds per submission':40}{'median':>8}{'least':>8}   times ours")
    for contender, values in seconds.items():
        ratio = medians[contender] / ours["class" if "class" in contender else "single"]
        print(f"{contender:40}{medians[contender]:8.2f}{min(values):8.2f}{ratio:12.2f}")
    if not found:
        print("otter was not found: pip install otter-grader, or name it with --otter", file=sys.stderr)
    print(f"\n{'megabytes':40}")
    for name, size in sizes.items():
        print(f"{name:40}{size:8.0f}")


if __name__ == "__main__":
    main()
