"""The command line: ``rnnkit grade …`` or ``python -m rnnkit grade …``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import rnnkit

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    parser = argparse.ArgumentParser(prog="rnnkit", description="Tools of the course Recurrent and Recursive Nets.")
    parser.add_argument("--version", action="version", version=f"rnnkit {rnnkit.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    grade = commands.add_parser("grade", help="grade submissions of an exercise notebook")
    try:
        from rnnkit.grade import cli
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "rnnkit":
            raise
        parser.parse_known_args(argv)
        parser.exit(2, f"rnnkit grade needs {error.name}, which is not installed: pip install 'rnnkit[grade]'\n")
    cli.add_arguments(grade)
    return cli.run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
