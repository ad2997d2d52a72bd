"""When each submission was handed in: from the instructor's list, else from what lies with the files."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import os
import stat
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from rnnkit.grade.late import HandIn, LateError, parse_time
from rnnkit.grade.results import plain
from rnnkit.grade.submissions import Submission

__all__ = ["hand_in_times"]

_LARGEST = 16 << 20


def hand_in_times(submissions: Iterable[Submission], file: Path | None = None) -> dict[str, HandIn]:
    """Return the hand-in times by the submissions' keys; one that is not known is not there.

    With a CSV file (columns ``student`` and ``time``) only what stands there counts. Without one a time is that of
    nbgrader's ``timestamp.txt`` in the student's folder, else when the notebook's file was last changed; students may
    be able to set both.
    """
    if file is None:
        return {one.key: found for one in submissions if (found := _stamped(one) or _changed(one))}
    times = _read(file)
    return {one.key: times[name] for one in submissions if (name := _name(one.student)) in times}


def _name(student: str) -> str:
    return unicodedata.normalize("NFC", plain(student))


def _stamped(submission: Submission) -> HandIn | None:
    """Read nbgrader's ``timestamp.txt`` beside the notebook; one that belongs to several students does not count."""
    if submission.student not in {plain(folder.name) for folder in submission.path.parents}:
        return None
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(submission.path.with_name("timestamp.txt"), flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None
            text = file.read(201)
        if len(text) > 200:
            return None
        return HandIn(
            parse_time(text.decode("utf-8-sig", "replace"))[0], "timestamp.txt beside the notebook", forgeable=True
        )
    except (OSError, LateError):
        return None


def _changed(submission: Submission) -> HandIn | None:
    with contextlib.suppress(OSError, OverflowError, ValueError):
        seconds = submission.path.lstat().st_mtime
        return HandIn(datetime.datetime.fromtimestamp(seconds, datetime.UTC), "the file's own time", forgeable=True)
    return None


def _read(path: Path) -> dict[str, HandIn]:
    """Read the instructor's list; every line must make sense, or the student on it would be treated wrongly."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise LateError(f"{path} is over {_LARGEST >> 20} MB: is it the list of students and times?")
        text = content.decode("utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except OSError as error:
        raise LateError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise LateError(f"{path} is no CSV file in UTF-8 ({plain(error, 80)}); save it as CSV UTF-8") from error
    head = [cell.strip().casefold() for cell in lines[0]] if lines else []
    if "student" not in head or "time" not in head:
        raise LateError(f"{path} needs a first line with the columns student and time; it has {plain(head, 80)}")
    who, when = head.index("student"), head.index("time")
    times: dict[str, HandIn] = {}
    for number, line in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) <= max(who, when):
            raise LateError(f"{path}, line {number}: expected a student and a time, got {plain(line, 80)}")
        name = _name(line[who])
        try:
            found = HandIn(parse_time(line[when])[0], plain(path.name))
        except LateError as error:
            raise LateError(f"{path}, line {number}: {error}") from error
        if name in times:
            raise LateError(f"{path}, line {number}: {name!r} is there already; keep one line for each student")
        times[name] = found
    return times
