"""The command ``rnnkit new``: an own copy of all exercises, and later the same copy brought up to date."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import rnnkit
from rnnkit.learner.files import LearnerError, as_bytes, parse, read, shipped, write
from rnnkit.learner.merging import digests, merge
from rnnkit.learner.terminal import Voice, plain

__all__ = ["add_arguments", "run"]

_NOTES = """\
examples:
  rnnkit new my-course          make the folder, with all exercise notebooks
  rnnkit new my-course          later: add new notebooks, bring locked cells and prose up to date

Your answers and your own cells are never touched. A notebook is replaced in one go, and what it was before is kept in
my-course/.rnnkit/backups. Close a notebook in JupyterLab before you update it, or reload it from disk afterwards.
"""
_MARK = Path(".rnnkit", "course.json")
Delivered = dict[str, dict[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``rnnkit new`` on `parser`."""
    parser.description = "Make your own copy of all exercises, or bring it up to date."
    parser.epilog = _NOTES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or one that this command made")


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``rnnkit new``; return the exit status: 0, or 2 when something could not be done."""
    voice, complaints = Voice(), Voice(sys.stderr)
    try:
        troubles = update(arguments.folder, voice, shipped())
    except LearnerError as error:
        troubles = [f"error: {error}"]
    except OSError as error:
        troubles = [f"error: {error.filename or arguments.folder}: {error.strerror or error}; nothing was lost"]
    for trouble in troubles:
        complaints.say(f"rnnkit new: {plain(trouble, 400)}")
    return 2 if troubles else 0


def update(folder: Path, voice: Voice, releases: Mapping[str, Path]) -> list[str]:
    """Make the folder, or bring it up to date; return what could not be done.

    Raises
    ------
    LearnerError
        When the folder is not one of ours, and nothing was done.
    OSError
        When a file cannot be written: each notebook is then either the old one or the new one.
    """
    delivered = _open(folder)
    troubles = []
    for name, path in releases.items():
        release, mine = read(path), folder / path.name
        if not mine.exists():
            _write_mark(folder, delivered | {name: digests(release)})  # first, so that the file is known as ours
            write(mine, as_bytes(release))
            voice.say(f"{mine.name}: new")
        else:
            try:
                voice.say(_bring_up_to_date(mine, as_bytes(release), delivered.get(name)))
            except LearnerError as error:
                troubles.append(str(error))
                continue
        delivered[name] = digests(release)
        _write_mark(folder, delivered)
    if not troubles:
        where = plain(folder)
        voice.say(f"\nOpen it with: jupyter lab {where}\nSee how far you are with: rnnkit progress {where}")
    return troubles


def _open(folder: Path) -> Delivered:
    """Return what was delivered to this folder before; make it and mark it as ours where it is new or empty."""
    mark = folder / _MARK
    if mark.is_file():
        try:
            known = json.loads(mark.read_bytes())["notebooks"]
            return {str(name): {str(k): str(v) for k, v in cells.items()} for name, cells in known.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise LearnerError(
                f"{mark} is damaged: move {folder} away, run this again, and copy your answers into the new notebooks"
            ) from None
    if folder.exists() and not folder.is_dir():
        raise LearnerError(f"{folder} is a file; name a folder")
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if others := [name for name in there if name != mark.parent.name]:
        raise LearnerError(
            f"{folder} holds {others[0]} and was not made by this command: name a new or an empty folder"
        )
    mark.parent.mkdir(parents=True, exist_ok=True)
    _write_mark(folder, {})
    return {}


def _write_mark(folder: Path, delivered: Delivered) -> None:
    text = json.dumps({"rnnkit": rnnkit.__version__, "notebooks": delivered}, indent=1)
    write(folder / _MARK, text.encode())


def _bring_up_to_date(mine: Path, release: bytes, delivered: dict[str, str] | None) -> str:
    """Merge one notebook with the release; return what was done."""
    if delivered is None:
        raise LearnerError(
            f"{mine} stands where a new exercise of this name belongs, and stays; rename it and run this again"
        )
    before = mine.read_bytes()
    merged = merge(parse(before, mine), parse(release, mine), delivered)
    kept = f"; yours stay, though the text to start from is new: {', '.join(merged.kept)}" if merged.kept else ""
    if not merged.changed:
        return f"{mine.name}: up to date{kept}"
    backup = _backup(mine, before)
    if mine.read_bytes() != before:
        raise LearnerError(f"{mine} was saved by another program just now, and stays; close it and run this again")
    write(mine, as_bytes(merged.notebook))
    return f"{mine.name}: {merged}{kept} (as it was: {backup.relative_to(mine.parent)})"


def _backup(mine: Path, data: bytes) -> Path:
    folder = mine.parent / _MARK.parent / "backups"
    folder.mkdir(parents=True, exist_ok=True)
    number = next(n for n in range(1, 1 << 30) if not (folder / f"{mine.stem}.{n}.ipynb").exists())
    path = folder / f"{mine.stem}.{number}.ipynb"
    write(path, data)
    return path
