"""What grading one submission gives: plain records that travel between processes and into the gradebook."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["CheckResult", "GraderError", "Result", "Status", "plain"]

Status = Literal["graded", "unreadable", "unmatched", "failed"]


class GraderError(RuntimeError):
    """The grader itself failed; a learner is not to blame."""


def plain(text: object, width: int = 200) -> str:
    """Make one printable line of at most `width` characters: a learner's text can never move a terminal's cursor."""
    raw = str(text)[: 20 * width]
    kept = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in raw)
    line = " ".join(kept.split())
    return line if len(line) <= width else line[: width - 1] + "…"


@dataclass(frozen=True)
class CheckResult:
    """One check: its points and, where some are missing, the reason.

    `reason` may be shown to the student; `detail` is for the instructor (it may name expected values).
    """

    exercise: str
    grade_id: str
    points: float
    maximum: float
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Result:
    """One submission's row.

    `status` is ``graded`` (its cells ran, whatever the points), ``unreadable`` or ``unmatched`` (nothing to run) or
    ``failed`` (the grader could not finish it: the reason is ours or the machine's, look at it).
    """

    status: Status
    reason: str = ""
    master: str = ""
    master_digest: str = ""
    checks: tuple[CheckResult, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    isolation: str = ""
    points: float = field(init=False, default=0.0)
    maximum: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", sum(check.points for check in self.checks))
        object.__setattr__(self, "maximum", sum(check.maximum for check in self.checks))

    def with_master_digest(self, digest: str) -> Result:
        """Return the same result, bound to the master's content it was made from."""
        return replace(self, master_digest=digest)
