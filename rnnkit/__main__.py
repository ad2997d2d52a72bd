"""The command line: ``rnnkit progress``, ``rnnkit new``, ``rnnkit grade``; or ``python -m rnnkit …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

import rnnkit
from rnnkit.learner import new, progress

__all__ = ["main"]

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="rnnkit", description="Tools of the course Recurrent and Recursive Nets.")
    parser.add_argument("--version", action="version", version=f"rnnkit {rnnkit.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    new.add_arguments(commands.add_parser("new", help="make your own copy of all exercises, or bring it up to date"))
    progress.add_arguments(commands.add_parser("progress", help="show what is done, and what comes next"))
    grade = commands.add_parser("grade", help="grade submissions of an exercise notebook")
    words = sys.argv[1:] if argv is None else list(argv)
    run: dict[str, Command] = {"new": new.run, "progress": progress.run}
    if "grade" in words[:1]:
        run["grade"] = _grading(parser, grade)
    arguments = parser.parse_args(words)
    return run[arguments.command](arguments)


def _grading(parser: argparse.ArgumentParser, grade: argparse.ArgumentParser) -> Command:
    """Return the instructor's command, whose packages a learner need not have."""
    try:
        from rnnkit.grade import cli
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "rnnkit":
            raise
        parser.exit(2, f"rnnkit grade needs {error.name}, which is not installed: pip install 'rnnkit[grade]'\n")
    cli.add_arguments(grade)
    return cli.run


if __name__ == "__main__":
    sys.exit(main())
