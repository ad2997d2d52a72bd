"""Grades for other systems. Every file appears whole or not at all; none holds a seed or the instructor's details.

``csv`` a table · ``json`` for programs · ``junit`` for CI viewers · ``gradescope`` its ``results.json`` · ``canvas``
and ``moodle`` fill in a worksheet exported there · ``github`` the summary of a workflow's run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rnnkit.grade.exports.cells import ExportError
from rnnkit.grade.late import Scored
from rnnkit.grade.results import plain

__all__ = ["FORMATS", "ExportError", "export", "ready", "target"]

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "csv": "grades.csv",
        "json": "grades.json",
        "junit": "junit.xml",
        "gradescope": "results.json",
        "canvas": "canvas.csv",
        "moodle": "moodle.csv",
        "github": "summary.md",
    }
)
_WITH_WORKSHEET = ("canvas", "moodle")


def target(text: str, out: Path, environment: Mapping[str, str] = os.environ) -> tuple[str, Path]:
    """Read ``FORMAT[=FILE]``; without a file it is the format's own below `out`, for github the step's summary."""
    format_, equals, file = text.partition("=")
    if format_ not in FORMATS:
        raise ExportError(f"there is no export {plain(format_)!r}; choose one of {', '.join(FORMATS)}")
    if equals and not file:
        raise ExportError(f"--export {text} names no file; give --export {format_}=FILE, or --export {format_}")
    if file:
        return format_, Path(file)
    if format_ == "github" and environment.get("GITHUB_STEP_SUMMARY"):
        return format_, Path(environment["GITHUB_STEP_SUMMARY"])
    return format_, out / FORMATS[format_]


def ready(format_: str, path: Path, worksheet: Path | None = None) -> None:
    """Find out before the grading whether an export can be made after it; `ExportError` says why not."""
    if format_ not in FORMATS:
        raise ExportError(f"there is no export {plain(format_)!r}; choose one of {', '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise ExportError(f"--export {format_}: the folder of {path} does not exist")
    if path.is_dir():
        raise ExportError(f"--export {format_}: {path} is a folder; give a file")
    if worksheet is None or format_ not in _WITH_WORKSHEET:
        return
    if path.exists() and worksheet.exists() and path.samefile(worksheet):
        raise ExportError(f"{path} is the worksheet itself, which stays as it is; choose another file to fill in")
    if format_ == "canvas":
        from rnnkit.grade.exports import canvas

        canvas.load(worksheet)
    else:
        from rnnkit.grade.exports import moodle

        moodle.load(worksheet)


def export(format_: str, path: Path, scored: Sequence[Scored], *, worksheet: Path | None = None) -> str:
    """Write one export; return one line that says what became of it."""
    ready(format_, path, worksheet)
    if format_ == "csv":
        from rnnkit.grade.exports.plain_csv import write
    elif format_ == "json":
        from rnnkit.grade.exports.as_json import write
    elif format_ == "gradescope":
        from rnnkit.grade.exports.as_json import write_gradescope as write
    elif format_ == "junit":
        from rnnkit.grade.exports.junit import write
    elif format_ == "github":
        from rnnkit.grade.exports.github import write
    elif format_ == "canvas":
        from rnnkit.grade.exports import canvas

        return canvas.write(path, scored, worksheet)
    else:
        from rnnkit.grade.exports import moodle

        return moodle.write(path, scored, worksheet)
    return write(path, scored)
