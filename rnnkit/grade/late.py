"""Late work: when it was due, when it came, and what that costs.

**Rules.** ``10%/day`` takes a tenth of the points there were to win for each *started* 24 hours, ``1/hour`` one point
for each started hour, ``5%/h max 50%`` at most half of the points there were to win, ``zero`` everything. Percentages
are of the maximum, not of what was earned: a late day costs everybody the same. Work handed in within the grace is on
time; after it, lateness counts from the due time.

**Rounding.** The penalty is an exact fraction until the end; then what is left is rounded to two decimals, halves up,
never above what was earned and never below 0. Work that came on time keeps its points as they are.
"""

from __future__ import annotations

import datetime
import math
import re
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from rnnkit.grade.gradebook import Row
from rnnkit.grade.results import plain

__all__ = ["HandIn", "LateError", "LatePolicy", "LateRule", "Scored", "describe", "parse_time", "score", "scored"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}  # by a unit's first letter
_UNIT = r"(?P<unit>s(?:ec(?:onds?)?)?|m(?:in(?:utes?)?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:eeks?)?)"
_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_RULE = re.compile(
    rf"(?P<amount>{_NUMBER})\s*(?P<share>%)?(?:\s*(?:points?|pts?))?\s*(?:/|\bper\b)\s*{_UNIT}"
    rf"(?:\s*,?\s*max\s*(?P<most>{_NUMBER})\s*(?P<most_share>%)?(?:\s*(?:points?|pts?))?)?",
    re.IGNORECASE,
)
_DURATION = re.compile(rf"\s*(?P<number>{_NUMBER})\s*{_UNIT}\s*(?=\d|$)", re.IGNORECASE)
_ZONE_NAME = re.compile(r"[A-Za-z]\w*(?:[/+-]\w+){0,3}")


class LateError(ValueError):
    """A due time, rule, grace or hand-in time cannot be understood; the message names it and what would work."""


@dataclass(frozen=True)
class HandIn:
    """When a submission was handed in, and who says so; whether a student could have set the time."""

    time: datetime.datetime
    source: str
    forgeable: bool = False


@dataclass(frozen=True)
class LateRule:
    """What lateness costs: so much for each started unit, at most so much; a share is one of the maximum."""

    amount: Fraction
    share: bool
    per: timedelta
    most: Fraction | None = None
    most_share: bool = False

    @classmethod
    def parse(cls, text: str) -> LateRule:
        """Read a rule such as ``5%/h max 50%``; ``zero`` is all of the points for the first started second."""
        if text.strip().lower() == "zero":
            return cls(Fraction(1), True, timedelta(seconds=1))
        match = _RULE.fullmatch(text.strip())
        if match is None:
            raise LateError(
                f"the late rule {plain(text)!r} is not understood; give one such as 10%/day, 1/hour, 5%/h max 50%, zero"
            )
        amount, most = (_amount(match, text, group) for group in ("amount", "most"))
        assert amount is not None  # the pattern has it
        per = timedelta(seconds=_UNITS[match["unit"][0].lower()])
        return cls(amount, bool(match["share"]), per, most, bool(match["most_share"]))

    def penalty(self, late: timedelta, maximum: Fraction) -> Fraction:
        """Return what lateness costs, exactly; it may be more than was earned."""
        started = math.ceil(Fraction(late // timedelta.resolution, self.per // timedelta.resolution))
        taken = started * self.amount * (maximum if self.share else 1)
        if self.most is None:
            return taken
        return min(taken, self.most * (maximum if self.most_share else 1))


def _amount(match: re.Match[str], text: str, group: str) -> Fraction | None:
    if match[group] is None:
        return None
    share = match["share" if group == "amount" else "most_share"]
    amount = Fraction(match[group]) / (100 if share else 1)
    if not amount or (share and amount > 1):
        raise LateError(f"the late rule {plain(text)!r} takes {match[group]}; give more than 0, and at most 100%")
    return amount


@dataclass(frozen=True)
class LatePolicy:
    """When work is due, how long it may be late for nothing, and what lateness costs after that."""

    due: datetime.datetime
    rule: LateRule | None = None
    grace: timedelta = timedelta(0)
    text: str = ""

    @classmethod
    def parse(cls, due: str | None, rule: str | None = None, grace: str | None = None) -> LatePolicy | None:
        """Read the three options; None where none is given. Without a rule lateness is shown and costs nothing."""
        if due is None:
            if rule is not None or grace is not None:
                raise LateError("a late rule or a grace needs a due time: give --due, say --due '2026-05-01 23:59'")
            return None
        time, said = _due(due)
        parsed = None if rule is None else LateRule.parse(rule)
        free = timedelta(0) if grace is None else parse_duration(grace)
        said += f", {'lateness costs nothing' if rule is None else rule.strip()}" + (f", grace {free}" if free else "")
        return cls(time, parsed, free, plain(said))

    def lateness(self, time: datetime.datetime) -> timedelta:
        """Return how late a hand-in is: nothing within the grace, else the time since it was due."""
        late = time.astimezone(datetime.UTC) - self.due.astimezone(datetime.UTC)  # else summer time would be left out
        return late if late > self.grace else timedelta(0)


@dataclass(frozen=True)
class Scored:
    """A row with its final points: `points` is what is left of the result's points after `penalty` was taken."""

    row: Row
    late: timedelta
    penalty: float
    points: float
    handed_in: HandIn | None = None
    policy: LatePolicy | None = None


def scored(rows: Iterable[Row | Scored]) -> list[Scored]:
    """Take rows as they are: no policy, nothing is late."""
    return [one if isinstance(one, Scored) else Scored(one, timedelta(0), 0.0, one.result.points) for one in rows]


def score(rows: Sequence[Row], policy: LatePolicy | None, times: Mapping[str, HandIn] | None = None) -> list[Scored]:
    """Apply a policy to rows; `times` is by the rows' keys. Work of an unknown time counts as on time."""
    if policy is None:
        return scored(rows)
    return [_score(row, policy, (times or {}).get(row.key)) for row in rows]


def _score(row: Row, policy: LatePolicy, handed_in: HandIn | None) -> Scored:
    late = policy.lateness(handed_in.time) if handed_in else timedelta(0)
    if not late or policy.rule is None:
        return Scored(row, late, 0.0, row.result.points, handed_in, policy)
    earned = sum((_exactly(check.points) for check in row.result.checks), Fraction(0))
    maximum = sum((_exactly(check.maximum) for check in row.result.checks), Fraction(0))
    left = max(Fraction(0), earned - policy.rule.penalty(late, maximum))
    left = min(earned, Fraction(math.floor(left * 100 + Fraction(1, 2)), 100))
    return Scored(row, late, float(earned - left), float(left), handed_in, policy)


def _exactly(points: float) -> Fraction:
    return Fraction(repr(points))  # what the decimal says, not the binary fraction nearest to it


def describe(rows: Sequence[Scored]) -> str:
    """Say which policy was applied and where the hand-in times are from; nothing where there is no policy."""
    policy = next((one.policy for one in rows if one.policy), None)
    if policy is None:
        return ""
    sources = Counter(one.handed_in.source for one in rows if one.handed_in)
    said = [f"{count} from {source}" for source, count in sources.most_common()]
    if unknown := [plain(one.row.student, 32) for one in rows if one.handed_in is None]:
        some = ", ".join(unknown[:20]) + (f" and {len(unknown) - 20} more" if len(unknown) > 20 else "")
        said.append(f"{len(unknown)} unknown and counted as on time ({some})")
    if any(one.handed_in and one.handed_in.forgeable for one in rows):
        said.append("whoever makes a file can set these times: where that matters give --handed-in FILE.csv")
    taken = [one.penalty for one in rows if one.penalty]
    cost = f", {len(taken)} lost points ({sum(taken):g} in all)" if taken else ""
    return f"LATE: {policy.text}: {sum(bool(one.late) for one in rows)} late{cost}\nhand-in times: {'; '.join(said)}"


def _due(text: str) -> tuple[datetime.datetime, str]:
    day = re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip())
    try:
        time, assumed = parse_time(f"{text.strip()} 23:59:59.999999" if day else text)
    except LateError as error:
        raise LateError(
            f"the due time {plain(text)!r} is not understood; give it as 2026-05-01 23:59, 2026-05-01T23:59+02:00, "
            "'2026-05-01 23:59 Europe/Berlin', or 2026-05-01 for the end of that day"
        ) from error
    zone = f"{time.tzname()}: none was given, so this computer's" if assumed else str(time.tzname())
    return time, f"due {time.replace(tzinfo=None).isoformat(sep=' ', timespec='minutes')} ({zone})"


def parse_time(text: str) -> tuple[datetime.datetime, bool]:
    """Read an ISO time, with an offset, a zone's name or neither; return it, and whether the zone was assumed."""
    moment, zone = text.strip(), ""
    if match := re.fullmatch(r"(.{1,40}\d)\s+([A-Za-z][\w/+-]{0,40}|[+-]\d{2}:?\d{2})", moment):
        moment, zone = match.groups()
    try:
        time = datetime.datetime.fromisoformat(moment + (zone if zone[:1] in ("+", "-") else ""))
        if zone[:1].isalpha():
            time = time.astimezone() if _ours(zone, time) else time.replace(tzinfo=_zone(zone))
        assumed = time.tzinfo is None
        time = time.astimezone() if assumed else time
        time.astimezone(datetime.UTC)  # at the ends of the calendar this fails: here, not later
    except (ValueError, OverflowError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise LateError(f"{plain(text)!r} is no time; give it as 2026-05-01 23:59 or 2026-05-01T23:59+02:00") from error
    return time, assumed


def _ours(name: str, time: datetime.datetime) -> bool:
    """Whether a name is this computer's own abbreviation for that day, such as CEST."""
    return time.tzinfo is None and time.astimezone().tzname() == name


def _zone(name: str) -> datetime.tzinfo:
    if name.upper() in ("UTC", "GMT", "Z"):
        return datetime.UTC
    if not _ZONE_NAME.fullmatch(name):
        raise ValueError(name)
    return zoneinfo.ZoneInfo(name)


def parse_duration(text: str) -> timedelta:
    """Read a duration such as ``15m``, ``1h 30m`` or ``2 days``."""
    total, at = timedelta(0), 0
    try:
        while match := _DURATION.match(text, at):
            total += timedelta(seconds=float(match["number"]) * _UNITS[match["unit"][0].lower()])
            at = match.end()
    except OverflowError as error:
        raise LateError(f"the duration {plain(text)!r} is longer than the calendar") from error
    if at != len(text) or not text.strip():
        raise LateError(f"the duration {plain(text)!r} is not understood; give numbers and units: 15m, 1h 30m, 2 days")
    return total
