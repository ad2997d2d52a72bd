"""Seconds per graded submission: ours, nbgrader's autograde, and plain pytest with nbval, interleaved in one run.

    python benchmarks/grading.py [--students 6] [--rounds 3] [--json]

Every contender gets the same honest notebooks (full marks) of 05-bptt, in a new process, with the threads of linear
algebra left as the contender has them. "class" grades all students with one command, "single" one notebook. nbval
only runs the notebook and looks for errors: it is what running costs without any grading.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MASTER = ROOT / "solutions/05-bptt.ipynb"
BIN = Path(sys.executable).parent


def run(command: list[str | Path], folder: Path, environment: dict[str, str]) -> float:
    """Seconds of one command; a failure is an error of the benchmark."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return time.perf_counter() - started


def make_course(folder: Path, students: int, environment: dict[str, str]) -> list[Path]:
    """Make a course of nbgrader's in `folder`; return the submissions."""
    source = folder / "source/05-bptt/05-bptt.ipynb"
    source.parent.mkdir(parents=True)
    shutil.copy(MASTER, source)
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'bench'\n")
    run([BIN / "nbgrader", "generate_assignment", "05-bptt"], folder, environment)
    submissions = []
    for number in range(students):
        submission = folder / f"submitted/student{number}/05-bptt/05-bptt.ipynb"
        submission.parent.mkdir(parents=True)
        shutil.copy(MASTER, submission)
        submissions.append(submission)
    return submissions


def contenders(folder: Path, submissions: list[Path], workers: int) -> dict[str, tuple[int, list[str | Path]]]:
    """Each contender's command, and how many submissions it grades."""
    handed_in = folder / "class"
    for number, path in enumerate(submissions):
        (handed_in / f"student{number}").mkdir(parents=True)
        shutil.copy(path, handed_in / f"student{number}/05-bptt.ipynb")
    ours = [sys.executable, "-m", "rnnkit", "grade", "--master", MASTER, "--out", folder / "grades", "--fresh"]
    nbgrader = [BIN / "nbgrader", "autograde", "05-bptt", "--force"]
    nbval = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, "-c", os.devnull]
    return {
        f"rnnkit grade, class, {workers} workers": (len(submissions), [*ours, "--workers", str(workers), handed_in]),
        "rnnkit grade, class, 1 worker": (len(submissions), [*ours, "--workers", "1", handed_in]),
        "rnnkit grade, single": (1, [*ours, handed_in / "student0"]),
        "nbgrader autograde, class": (len(submissions), nbgrader),
        "nbgrader autograde, single": (1, [*nbgrader, "--student", "student0"]),
        "pytest --nbval-lax, single": (1, [*nbval, "--nbval-lax", submissions[0]]),
    }


def measure(students: int, rounds: int, report: Callable[[str], None]) -> dict[str, list[float]]:
    """Seconds per submission of every contender, in every round."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        for variable in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            environment[variable] = str(folder / "home")
        submissions = make_course(folder, students, environment)
        commands = contenders(folder, submissions, workers=os.cpu_count() or 1)
        seconds: dict[str, list[float]] = {contender: [] for contender in commands}
        for number in range(rounds):
            for contender, (graded, command) in commands.items():
                seconds[contender].append(run(command, folder, environment) / graded)
                report(f"round {number + 1}: {contender}: {seconds[contender][-1]:.2f} s")
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    seconds = measure(options.students, options.rounds, lambda line: print(line, file=sys.stderr))
    medians = {contender: statistics.median(values) for contender, values in seconds.items()}
    if options.json:
        print(json.dumps({"students": options.students, "seconds": seconds, "median": medians}, indent=1))
        return
    nbgrader = {name: medians[f"nbgrader autograde, {name}"] for name in ("class", "single")}
    print(f"{'seconds per submission':40}{'median':>8}{'least':>8}   times nbgrader's")
    for contender, values in seconds.items():
        ratio = medians[contender] / nbgrader["class" if "class" in contender else "single"]
        print(f"{contender:40}{medians[contender]:8.2f}{min(values):8.2f}{ratio:12.2f}")


if __name__ == "__main__":
    main()
