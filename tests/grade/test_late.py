"""Late work: the rules are read right, cost exactly what they say, and never more than was earned."""

import datetime
import os
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.grade.gradebook import Row
from rnnkit.grade.handed_in import hand_in_times
from rnnkit.grade.late import HandIn, LateError, LatePolicy, LateRule, Scored, describe, parse_time, score, scored
from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.submissions import Submission, find

DUE = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)
UTC = "2026-05-01T12:00+00:00"


def row(student="ana", points=(3.0, 5.0), maximum=(5.0, 5.0), status="graded"):
    checks = tuple(CheckResult(f"05.{n}", f"c{n}", p, m) for n, (p, m) in enumerate(zip(points, maximum, strict=True)))
    result = Result(status, master="05-bptt", checks=checks)
    return Row(student, "05-bptt.ipynb", f"/class/{student}", "d", "p", "s", "2026-05-02T00:00:00+00:00", result)


def late_by(delta, rule, *, grace=None, one=None):
    """One row, handed in `delta` after the due time, under a rule."""
    one = one or row()
    policy = LatePolicy.parse(UTC, rule, grace)
    return score([one], policy, {one.key: HandIn(DUE + delta, "list")})[0]


@pytest.mark.parametrize(
    ("rule", "late", "penalty"),
    [
        ("10%/day", timedelta(seconds=1), 1),  # a started day is a day; a tenth of the maximum of 10
        ("10%/day", timedelta(days=1), 1),
        ("10%/day", timedelta(days=1, microseconds=1), 2),
        ("1/hour", timedelta(hours=2, minutes=1), 3),
        ("1 point per hour", timedelta(hours=2), 2),
        ("5%/h max 50%", timedelta(hours=3), 1.5),
        ("5%/h max 50%", timedelta(days=30), 5),
        ("2/d, max 3 points", timedelta(days=2), 3),
        ("0.5/m", timedelta(seconds=61), 1),
        ("zero", timedelta(microseconds=1), 8),
        ("ZERO", timedelta(days=99), 8),
    ],
)
def test_a_rule_costs_what_it_says(rule, late, penalty):
    one = late_by(late, rule)
    assert (one.late, one.penalty, one.points) == (late, penalty, 8 - penalty)


def test_work_on_time_costs_nothing_and_keeps_its_points_to_the_last_digit():
    third = row(points=(1 / 3, 0.1), maximum=(1.0, 1.0))
    one = late_by(timedelta(0), "zero", one=third)
    assert (one.late, one.penalty, one.points) == (timedelta(0), 0, third.result.points)
    assert late_by(-timedelta(days=3), "zero").points == 8


def test_within_the_grace_nothing_is_late_and_after_it_lateness_counts_from_the_due_time():
    assert late_by(timedelta(minutes=15), "1/hour", grace="15m").late == timedelta(0)
    after = late_by(timedelta(minutes=61), "1/hour", grace="15m")
    assert (after.late, after.penalty) == (timedelta(minutes=61), 2)


def test_tenths_are_exact():
    one = late_by(timedelta(hours=3), "10%/h", one=row(points=(0.3,), maximum=(1.0,)))
    assert (one.penalty, one.points) == (0.3, 0)


def test_what_is_left_is_rounded_to_two_decimals_halves_up():
    one = late_by(timedelta(hours=1), "12.5%/h", one=row(points=(1.0,), maximum=(1.0,)))
    assert (one.points, one.penalty) == (0.88, 0.12)
    one = late_by(timedelta(hours=1), "10%/h", one=row(points=(0.145,), maximum=(1.0,)))
    assert one.points == 0.05  # the binary fraction nearest to 0.145 is below it


@given(
    earned=st.integers(0, 1000), maximum=st.integers(0, 1000), late=st.timedeltas(timedelta(0), timedelta(days=4000)),
    rule=st.sampled_from(["10%/day", "1/hour", "0.3/m", "5%/h max 50%", "7/d max 2", "zero"]),
)  # fmt: skip
def test_a_penalty_is_never_negative_and_never_more_than_was_earned(earned, maximum, late, rule):
    one = late_by(late, rule, one=row(points=(earned / 7,), maximum=(maximum / 7,)))
    assert 0 <= one.points <= earned / 7
    assert one.penalty >= 0
    assert Fraction(repr(one.points)).limit_denominator(100) == Fraction(repr(one.points)) or one.penalty == 0


@given(shorter=st.timedeltas(timedelta(0), timedelta(days=50)), more=st.timedeltas(timedelta(0), timedelta(days=50)))
def test_later_is_never_cheaper(shorter, more):
    rule = LateRule.parse("3%/h max 40%")
    assert rule.penalty(shorter, Fraction(10)) <= rule.penalty(shorter + more, Fraction(10)) <= 4


def test_without_a_rule_lateness_is_shown_and_costs_nothing():
    one = late_by(timedelta(days=2), None)
    assert (one.late, one.penalty, one.points) == (timedelta(days=2), 0, 8)
    assert "lateness costs nothing" in describe([one])


def test_without_a_policy_rows_stay_as_they_are():
    assert score([row()], None) == scored([row()]) == [Scored(row(), timedelta(0), 0.0, 8.0)]
    assert describe(scored([row()])) == ""


def test_work_of_an_unknown_time_counts_as_on_time_and_is_named():
    ones = score([row("ana"), row("ben")], LatePolicy.parse(UTC, "zero"), {"/class/ben": HandIn(DUE, "list")})
    assert [one.points for one in ones] == [8, 8]
    assert "1 from list; 1 unknown and counted as on time (ana)" in describe(ones)


def test_lateness_counts_real_hours_when_the_clocks_change():
    policy = LatePolicy.parse("2026-03-29 01:30 Europe/Berlin", "1/hour")  # at 2 the clocks go to 3
    handed_in, _ = parse_time("2026-03-29 03:30 Europe/Berlin")
    assert policy.lateness(handed_in) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-05-01T14:00+02:00", DUE),
        ("2026-05-01 14:00 Europe/Berlin", DUE),
        ("2026-05-01 12:00:00.000000 UTC", DUE),  # as nbgrader writes it
        ("2026-05-01T12:00Z", DUE),
        ("2026-05-01 14:00 +0200", DUE),
    ],
)
def test_times_are_read_with_their_zone(text, utc):
    time, assumed = parse_time(text)
    assert time.astimezone(datetime.UTC) == utc
    assert not assumed


def test_a_due_time_without_a_zone_is_local_and_says_so():
    policy = LatePolicy.parse("2026-05-01 12:00")
    assert policy.due == datetime.datetime(2026, 5, 1, 12).astimezone()
    assert "none was given, so this computer's" in policy.text


def test_a_due_day_lasts_until_its_end():
    policy = LatePolicy.parse("2026-05-01")
    assert policy.due.replace(tzinfo=None) == datetime.datetime(2026, 5, 1, 23, 59, 59, 999999)


@pytest.mark.parametrize(
    ("due", "rule", "grace", "message"),
    [
        ("soon", None, None, "the due time 'soon' is not understood; give it as 2026-05-01 23:59"),
        ("2026-13-01", None, None, "the due time '2026-13-01' is not understood"),
        ("0001-01-01", None, None, "the due time '0001-01-01' is not understood"),
        ("2026-05-01 12:00 ../../etc/passwd", None, None, "is not understood"),
        ("2026-05-01 12:00 Mars/Olympus", None, None, "is not understood"),
        (UTC, "a lot", None, r"the late rule 'a lot' is not understood; give one such as 10%/day, 1/hour"),
        (UTC, "-1/day", None, "is not understood"),
        (UTC, "0/day", None, "takes 0; give more than 0"),
        (UTC, "150%/day", None, "takes 150; give more than 0, and at most 100%"),
        (UTC, "1/day max 101%", None, "takes 101"),
        (UTC, "zero", "15", "the duration '15' is not understood; give numbers and units: 15m"),
        (UTC, "zero", "", "the duration '' is not understood"),
        (UTC, "zero", "999999999w", "longer than the calendar"),
        (None, "zero", None, "needs a due time: give --due"),
        (None, None, "15m", "needs a due time: give --due"),
        (UTC, "\x1b[2Jevil", None, r"the late rule '\[2Jevil' is not"),
    ],
)
def test_what_cannot_be_understood_is_named_with_what_would_work(due, rule, grace, message):
    with pytest.raises(LateError, match=message):
        LatePolicy.parse(due, rule, grace)


# Hand-in times


def submissions(tmp_path, *names):
    for name in names:
        (tmp_path / "class" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / name).write_text("{}")
    return find([tmp_path / "class"])


def times(found, file=None):
    known = hand_in_times(found, file)
    return {one.student: known[one.key].time for one in found if one.key in known}


def test_times_come_from_the_instructors_list(tmp_path):
    (tmp_path / "times.csv").write_text("\ufefftime;Student;note\r\n2026-05-01T12:00Z;ana;early\r\n", encoding="utf-8")
    assert times(submissions(tmp_path, "ana.ipynb", "ben.ipynb"), tmp_path / "times.csv") == {"ana": DUE}


def test_a_name_is_found_however_its_accents_are_encoded(tmp_path):
    (tmp_path / "times.csv").write_text("student,time\nzoe\u0308,2026-05-01T12:00Z\n", encoding="utf-8")
    assert times(submissions(tmp_path, "zoë.ipynb"), tmp_path / "times.csv") == {"zoë": DUE}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,when\nana,2026-05-01\n", "needs a first line with the columns student and time"),
        (b"", "needs a first line"),
        (b"student,time\nana,yesterday\n", "line 2: 'yesterday' is no time"),
        (b"student,time\nana\n", "line 2: expected a student and a time"),
        (b"student,time\nana,2026-05-01\nana,2026-05-02\n", "line 3: 'ana' is there already; keep one line"),
        (b"\xff\xfe\x00", "is no CSV file in UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_understood_is_refused_with_its_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "times.csv").write_bytes(content)
    with pytest.raises(LateError, match=message):
        hand_in_times([], tmp_path / "times.csv")


def test_without_a_list_nbgraders_time_stamp_counts_and_the_report_warns(tmp_path):
    found = submissions(tmp_path, "ana/05-bptt/05-bptt.ipynb")
    found[0].path.with_name("timestamp.txt").write_text("2026-05-01 12:00:00.000000 UTC")
    assert times(found) == {"ana": DUE}
    one = score([row()], LatePolicy.parse(UTC), {row().key: hand_in_times(found)[found[0].key]})
    assert "1 from timestamp.txt beside the notebook; whoever makes a file can set these times" in describe(one)


def test_a_time_stamp_in_the_folder_of_all_is_nobodys(tmp_path):
    found = submissions(tmp_path, "ana.ipynb")
    found[0].path.with_name("timestamp.txt").write_text("2020-01-01 12:00:00 UTC")
    os.utime(found[0].path, (DUE.timestamp(), DUE.timestamp()))
    assert times(found) == {"ana": DUE}


@pytest.mark.parametrize("trick", ["link", "pipe", "junk", "huge"])
def test_a_hostile_time_stamp_is_passed_over_for_the_files_own_time(tmp_path, trick):
    found = submissions(tmp_path, "ana/05-bptt.ipynb")
    stamp = found[0].path.with_name("timestamp.txt")
    (tmp_path / "outside").write_text("2020-01-01 12:00:00 UTC")
    if trick == "link":
        stamp.symlink_to(tmp_path / "outside")
    elif trick == "pipe":
        os.mkfifo(stamp)
    else:
        stamp.write_bytes(b"\xff\x00" if trick == "junk" else b"2020-01-01" + b" " * (1 << 20))
    os.utime(found[0].path, (DUE.timestamp(), DUE.timestamp()))
    assert times(found) == {"ana": DUE}


def test_a_file_that_is_gone_has_no_time():
    assert hand_in_times([Submission("ana", "a.ipynb", Path("/nowhere/a.ipynb"))]) == {}
