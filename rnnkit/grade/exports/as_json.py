"""Two JSON files: one for programs of your own, one for Gradescope.

**grades.json**, version 1: ``{"format": "rnnkit-grades", "version": 1, "late_policy": text or null, "submissions":
[...]}``. A submission has ``student``, ``file``, ``digest`` (of the file, SHA-256), ``notebook``, ``status`` (graded,
unreadable, unmatched or failed), ``points`` (final), ``maximum``, ``penalty`` (taken for lateness), ``late_seconds``,
``handed_in`` (ISO time or null), ``handed_in_from``, ``reason``, ``notes`` (texts), ``checks`` (``exercise``,
``grade_id``, ``points``, ``maximum``, ``reason``), ``graded_at``, ``seconds`` and ``isolation``. New fields may come;
a change of these raises the version. Seeds and the instructor's details are in the gradebook only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnkit.grade.exports.cells import ExportError, late_text, number, text_of, write_whole
from rnnkit.grade.late import Scored

__all__ = ["write", "write_gradescope"]

_LARGEST_OUTPUT = 20_000


def write(path: Path, scored: Sequence[Scored]) -> str:
    """Write the class as JSON, in the schema above."""
    policy = next((one.policy.text for one in scored if one.policy), None)
    whole = {
        "format": "rnnkit-grades",
        "version": 1,
        "late_policy": policy,
        "submissions": [_submission(one) for one in scored],
    }
    write_whole(path, _bytes(whole))
    return f"{len(scored)} submissions in {path}"


def _bytes(value: object) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode("ascii")


def _submission(one: Scored) -> dict[str, Any]:
    row, result = one.row, one.row.result
    return {
        "student": text_of(row.student),
        "file": text_of(row.name),
        "digest": row.digest,
        "notebook": result.master,
        "status": result.status,
        "points": one.points,
        "maximum": result.maximum,
        "penalty": one.penalty,
        "late_seconds": one.late.total_seconds(),
        "handed_in": one.handed_in.time.isoformat() if one.handed_in else None,
        "handed_in_from": one.handed_in.source if one.handed_in else None,
        "reason": text_of(result.reason),
        "notes": [text_of(note) for note in result.notes],
        "checks": [
            {
                "exercise": check.exercise,
                "grade_id": check.grade_id,
                "points": check.points,
                "maximum": check.maximum,
                "reason": text_of(check.reason),
            }
            for check in result.checks
        ],
        "graded_at": row.graded_at,
        "seconds": round(result.seconds, 3),
        "isolation": text_of(result.isolation),
    }


def write_gradescope(path: Path, scored: Sequence[Scored]) -> str:
    """Write Gradescope's ``results.json``, which is about one submission; a class becomes a folder of such files.

    The top-level score is the final one: it overrides the sum of the tests. All output is plain text.
    """
    if not scored:
        raise ExportError("there is no submission, so there is no results.json to write")
    if len(scored) == 1:
        write_whole(path, _bytes(_results(scored[0])))
        return f"Gradescope's results in {path}"
    folder = path.with_suffix("") if path.suffix else path.with_name(f"{path.name}.files")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise ExportError(f"the folder {folder} cannot be made: {error.strerror}") from error
    for one in scored:
        write_whole(folder / f"{_safe_name(one)}.json", _bytes(_results(one)))
    return f"{len(scored)} submissions in {folder}/, one file each, for Gradescope grades one at a time"


def _safe_name(one: Scored) -> str:
    """Return a file name that is the submission's own and nothing else: letters, digits, and a digest of its path."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", f"{one.row.student}-{one.row.result.master}").strip("-")[:60]
    return f"{words}-{hashlib.sha256(one.row.key.encode('utf-8', 'backslashreplace')).hexdigest()[:10]}"


def _results(one: Scored) -> dict[str, Any]:
    result = one.row.result
    said = [result.reason if result.status != "failed" else f"could not be graded: {result.reason}", late_text(one)]
    said += result.notes
    return {
        "score": one.points,
        "execution_time": round(result.seconds, 3),
        "output": "\n".join(text_of(line) for line in said if line)[:_LARGEST_OUTPUT],
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": f"Exercise {check.exercise}",
                "number": check.exercise,
                "score": check.points,
                "max_score": check.maximum,
                "status": "passed" if check.points >= check.maximum else "failed",
                "output": text_of(check.reason) or f"{number(check.points)} of {number(check.maximum)} points",
            }
            for check in result.checks
        ],
    }
