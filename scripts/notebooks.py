"""Write everything that is made from the notebooks: exercises, golden values, stored outputs; keep all of them clean.

    python scripts/notebooks.py            write
    python scripts/notebooks.py --check    write nothing; name each file that would change, and exit with 1

A notebook is clean when it holds no outputs and no execution counts, its cells have readable ids that stay, and its
kernel is ``python3``. Masters (``solutions/``) keep the text that their check cells print, for nbval to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from rnnkit.check import NotRightYet
from rnnkit.check.values import compare, decode, encode
from rnnkit.grade.master import CheckCell, Master

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_SEEDS = (0, 1, 2)
SAME = 1e-9  # golden values made on another machine differ in their last digits
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_TRACES = ("ExecuteTime", "collapsed", "execution", "scrolled")  # left in a cell's metadata by the program that ran it
_RANDOM_ID = re.compile(r"[0-9a-f]{8}|[0-9a-f-]{32,36}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file would change")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the project (default: %(default)s)")
    options = parser.parse_args(arguments)
    changed = []
    for path, text in regenerated(options.root):
        if not path.exists() or path.read_text("utf-8") != text:
            changed.append(path)
            if not options.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
    for path in changed:
        print(
            ("differs from what it is made from: " if options.check else "wrote ") + str(path.relative_to(options.root))
        )
    if not changed:
        print("all notebooks and golden values are as they should be")
    elif options.check:
        print("run: python scripts/notebooks.py", file=sys.stderr)
    return 1 if options.check and changed else 0


def regenerated(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file with the text it should have; a master is clean before anything is made from it."""
    for path in sorted([*(root / "chapters").glob("*.ipynb"), *(root / "reference").glob("*.ipynb")]):
        yield path, as_text(clean(read(path)))
    for path in sorted((root / "solutions").glob("[0-9]*.ipynb")):
        master = Master(path, clean(read(path)))
        golden = root / "rnnkit/check/golden" / f"{master.name}.json"
        values = golden_text(master, golden)
        yield golden, values
        if golden.exists() and golden.read_text("utf-8") == values:  # as it is once written: check cells read it
            store_outputs(master)
            yield path, as_text(master.notebook)
        yield root / "exercises" / path.name, as_text(master.release)


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook as format 4.5."""
    return nbformat.read(path, as_version=4)


def as_text(notebook: nbformat.NotebookNode) -> str:
    """Write a notebook the way it is stored."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Take out of a notebook what running it left there, in place."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata.pop("widgets", None)
    notebook.metadata.update(nbformat.from_dict(KERNEL))
    ids: set[str] = set()
    heading = "cell"
    for cell in notebook.cells:
        cell.source = cell.source.rstrip("\n")
        for trace in _TRACES:
            cell.metadata.pop(trace, None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif match := re.search(r"^#+ +(.+)$", cell.source, re.MULTILINE):
            heading = re.sub(r"[^a-z0-9]+", "-", match[1].lower()).strip("-")[:40] or heading
        cell["id"] = _stable_id(cell, heading, ids)
        ids.add(cell["id"])
    return notebook


def _stable_id(cell: nbformat.NotebookNode, heading: str, taken: set[str]) -> str:
    """Keep a readable id; replace a random or doubled one by the cell's nbgrader id, or its heading and a number."""
    found = str(cell.get("id", ""))
    if found and found not in taken and not _RANDOM_ID.fullmatch(found):
        return found
    wanted = str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
    if wanted and wanted not in taken:
        return wanted
    return next(name for name in (f"{heading}-{n}" for n in range(1, len(taken) + 2)) if name not in taken)


def store_outputs(master: Master) -> None:
    """Put under each check cell of a master what it prints.

    nbval compares outputs only where a cell has an execution count, so these cells get the count 1.
    """
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in master.notebook.cells}
    for check in master.checks:
        cell = cells[check.grade_id]
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=_printed(master, check))]
        cell.execution_count = 1


def _printed(master: Master, check: CheckCell) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(check.source, dict(master.answers))
        except NotRightYet as wrong:
            raise SystemExit(f"{master.path}: its own answer is refused: {wrong}") from None
    return printed.getvalue()


def golden_text(master: Master, path: Path) -> str:
    """Return the text of the golden values; the text that is there where its values are the same to nine digits."""
    golden = {check.exercise.id: golden_values(master, check) for check in master.checks}
    if path.exists() and same_values(json.loads(path.read_text("utf-8")), golden):
        return path.read_text("utf-8")
    return json.dumps(golden, ensure_ascii=False, indent=1) + "\n"


def golden_values(master: Master, check: CheckCell) -> dict[str, Any]:
    """Return, for each public seed, the given arrays and the reference's values, and what is wrong in wrong answers.

    A wrong answer is wrong at the first seed already, so its values are kept for that one, and only those that differ.
    """
    one, golden = check.exercise, dict[str, Any]()
    for seed in PUBLIC_SEEDS:
        given, expected = master.given(one.id, seed), master.expected(one.id, seed)
        golden[str(seed)] = {"given": encode(given), "expected": encode(expected), "wrong": {}}
    first, (expected, wrong) = PUBLIC_SEEDS[0], (decode(golden[str(PUBLIC_SEEDS[0])]["expected"]), {})
    for mutant in master.mutants(check.answer):
        values = master.values(one.id, master.mutate(check.answer, mutant), first)
        if different := {
            name: value
            for name, value in values.items()
            if compare({name: value}, {name: expected[name]}, one.rtol, one.atol)
        }:
            wrong[mutant.name] = encode(different)
    golden[str(first)]["wrong"] = wrong
    return golden


def same_values(one: object, other: object) -> bool:
    """Tell whether two trees hold the same names, and arrays that are the same to nine digits."""
    if not isinstance(one, dict) or not isinstance(other, dict) or list(one) != list(other):
        return one == other
    if "b64" in one:
        a, b = (decode({"value": packed})["value"] for packed in (one, other))
        return a.shape == b.shape and a.dtype == b.dtype and np.allclose(a, b, rtol=SAME, atol=SAME)
    return all(same_values(one[name], other[name]) for name in one)


if __name__ == "__main__":
    sys.exit(main())
