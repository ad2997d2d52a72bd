"""The command ``rnnkit progress``: what is done in a folder of exercises, and what comes next."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnkit.learner.files import LearnerError, Notebook, read
from rnnkit.learner.running import run_afresh
from rnnkit.learner.standing import Standing, State, name_of, standings
from rnnkit.learner.terminal import Voice, plain

__all__ = ["add_arguments", "run"]

_NOTES = """\
examples:
  rnnkit progress                     the notebooks in this folder (or in exercises/), as they were saved
  rnnkit progress my-course --run     run them afresh; your files are not changed

signs:
  ✓ done   ✗ not right yet   ↻ check it again   · not done

Without --run, what counts is what each check cell last printed, as the notebook was saved. ↻ stands where the file
shows that the answer was run again after its check. An answer that was edited and never run cannot be told from the
one before: --run can.
"""
_COLOURS = {State.DONE: "green", State.WRONG: "red", State.STALE: "yellow", State.OPEN: "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``rnnkit progress`` on `parser`."""
    parser.description = "Show what is done in your exercises, and what comes next."
    parser.epilog = _NOTES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "place",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="a folder or a notebook (default: this folder)",
    )
    parser.add_argument("--run", action="store_true", help="run the notebooks afresh, each in a kernel of its own")
    parser.add_argument(
        "--kernel", default="python3", metavar="NAME", help="of the kernel for --run (default: python3)"
    )
    parser.add_argument(
        "--timeout", type=float, default=120, metavar="SECONDS", help="for one cell with --run (default: %(default)g)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``rnnkit progress``; return the exit status: 0, or 2 when a notebook could not be read or run."""
    voice, complaints, shown = Voice(), Voice(sys.stderr), dict[str, list[Standing]]()
    status = 0
    try:
        if arguments.timeout <= 0:
            raise LearnerError(f"--timeout is {arguments.timeout:g}; give a number of seconds above 0")
        for path in find(arguments.place):
            try:
                found = _look(path, arguments)
            except LearnerError as error:
                complaints.say(f"rnnkit progress: {plain(error, 400)}")
                status = 2
                continue
            if found:
                name, standing = found
                show(voice, path, standing)
                if sum(one.points for one in standing) >= sum(one.points for one in shown.get(name, [])):
                    shown[name] = standing
        if not shown and not status:
            raise LearnerError(
                f"there is no exercise notebook in {arguments.place}; rnnkit new DIR makes you a copy of all"
            )
    except LearnerError as error:
        complaints.say(f"rnnkit progress: error: {plain(error, 400)}")
        return 2
    except KeyboardInterrupt:
        complaints.say("\nrnnkit progress: stopped")
        return 130
    if shown:
        sum_up(voice, list(shown.values()))
    return status


def find(place: Path) -> list[Path]:
    """Return the notebooks at `place`: the file itself, those of the folder, or those of its folder ``exercises``."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise LearnerError(f"there is no folder {place}")
    for folder in (place, place / "exercises"):
        if found := sorted(path for path in folder.glob("*.ipynb") if path.is_file()):
            return found
    raise LearnerError(f"there is no notebook in {place}; rnnkit new DIR makes you a copy of all exercises")


def _look(path: Path, arguments: argparse.Namespace) -> tuple[str, list[Standing]] | None:
    """Return which notebook this is and how its exercises stand; None where it has no exercises of the course."""
    notebook = read(path)
    name = name_of(path, notebook)
    if name is None:
        return None
    return name, standings(name, _afresh(path, notebook, arguments) if arguments.run else notebook)


def _afresh(path: Path, notebook: Notebook, arguments: argparse.Namespace) -> Notebook:
    total = sum(cell["cell_type"] == "code" for cell in notebook["cells"])
    with Bar(path.name, total) as bar:
        return run_afresh(path, arguments.kernel, arguments.timeout, bar.tick)


class Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total, self.done = plain(name, 30), max(total, 1), 0
        self.voice = Voice(sys.stderr)

    def __enter__(self) -> Bar:
        self._draw()
        return self

    def tick(self) -> None:
        """Move on by one cell."""
        self.done = min(self.done + 1, self.total)
        self._draw()

    def _draw(self) -> None:
        if sys.stderr.isatty():
            filled = 30 * self.done // self.total
            sys.stderr.write(f"\r{self.name} [{'#' * filled}{'.' * (30 - filled)}] cell {self.done} of {self.total}")
            sys.stderr.flush()

    def __exit__(self, *_: object) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")


def show(voice: Voice, path: Path, standing: Sequence[Standing]) -> None:
    """Print one notebook's exercises."""
    have, most = _points(standing)
    voice.say(voice.paint(f"{plain(path.name, 60)}   {have} of {most} points", "bold"))
    wide = max(len(one.exercise.title) for one in standing)
    for one in standing:
        sign = voice.paint(one.state.value, _COLOURS[one.state])
        line = f"  {sign} {one.exercise.id:<6} {one.exercise.title:<{wide}}  {one.points:>2} of {one.exercise.points}"
        voice.say(f"{line}  {voice.paint(plain(one.words, 90), 'dim')}" if one.words else line)
    voice.say()


def sum_up(voice: Voice, all_of_them: Sequence[Sequence[Standing]]) -> None:
    """Print the total and the exercise to do next."""
    each = [one for standing in all_of_them for one in standing]
    have, most = _points(each)
    left = [one for one in each if one.state is not State.DONE]
    if not left:
        voice.say(voice.paint(f"All done: {have} of {most} points.", "green"))
        return
    minutes = sum(one.exercise.minutes for one in left)
    voice.say(
        f"{have} of {most} points; {len(each) - len(left)} of {len(each)} exercises; about {minutes} minutes to go."
    )
    nearest, question = left[0], left[0].exercise
    again = "check again" if nearest.state is State.STALE else f"about {question.minutes} minutes"
    points = f"{question.points} point{'s' if question.points != 1 else ''}"
    voice.say(f"Next: {question.id}, {question.title} ({points}, {again}).")


def _points(standing: Sequence[Standing]) -> tuple[int, int]:
    return sum(one.points for one in standing), sum(one.exercise.points for one in standing)
