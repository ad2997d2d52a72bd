"""Make a class of submissions for 05-bptt, honest, odd and hostile, each with the points it must get.

    python tests/submissions/make_class.py FOLDER

`CASES` holds them with what must come out, tests/grade/test_class.py grades the folder and compares. `NEIGHBOURS` are
cases whose order matters: what one leaves must not reach the next; one worker grades them, in the order of their names.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from submissions import attacks, files, forgeries, forms, habits, honest, neighbours, oddities, resources, searches
from submissions.cases import (
    ALL,
    EXERCISE,
    POINTS,
    SOLUTION,
    TOKEN,
    Case,
    answer,
    answered,
    put_first,
    put_last,
)  # fmt: skip

__all__ = [
    "ALL", "CASES", "EXERCISE", "NEIGHBOURS", "POINTS", "SOLUTION", "Case", "answer", "answered", "make_class",
    "put_first", "put_last",
]  # fmt: skip

CASES = [
    case
    for module in (honest, habits, oddities, forms, resources, attacks, forgeries, searches, files)
    for case in module.HERE.cases
]
NEIGHBOURS = neighbours.HERE.cases


def make_class(folder: Path, cases: Sequence[Case] = CASES, token: str = "") -> dict[Path, Case]:
    """Write every submission into `folder`, `token` where their cells speak of it; return the cases by their paths."""
    token = token or secrets.token_hex(6)
    for case in cases:
        path = folder / case.file
        path.parent.mkdir(parents=True, exist_ok=True)
        case.write(path)
        if not path.is_symlink() and path.is_file() and TOKEN.encode() in (content := path.read_bytes()):
            path.write_bytes(content.replace(TOKEN.encode(), token.encode()))
    return {folder / case.file: case for case in cases}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the made class, one notebook for each threat or oddity.")
    parser.add_argument("folder", type=Path, help="where to write it; made if need be")
    folder = parser.parse_args().folder
    print(f"{len(make_class(folder, [*CASES, *NEIGHBOURS]))} submissions in {folder}")
