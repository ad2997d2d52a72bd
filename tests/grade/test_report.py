"""What the instructor reads: every student, bounded notes, and how well the machine was protected."""

from datetime import timedelta

from rnnkit.grade.gradebook import Row
from rnnkit.grade.late import LatePolicy, Scored
from rnnkit.grade.report import isolation_lines, summary, write_csv
from rnnkit.grade.results import CheckResult, Result

SEALED = "files, network and processes sealed off and tried (bubblewrap); limits on time"
OPEN = "NO isolation of files, so a hostile notebook can reach what this user can reach; limits on time"


def row(student="ana", points=(3.0, 0.0), *, notes=(), status="graded", master="05-bptt", isolation=SEALED):
    checks = tuple(CheckResult(f"05.{n}", f"c{n}", p, 5.0, "" if p else "differs") for n, p in enumerate(points, 1))
    result = Result(status, "", master, "m", checks, notes, 1.0, isolation)
    return Row(student, "a.ipynb", f"/class/{student}", "d", "p", "s", "2026-05-02T00:00:00+00:00", result)


def test_the_table_has_a_line_per_student_with_points_and_reasons():
    lines = summary([row(), row("ben", (5.0, 5.0))]).splitlines()
    assert lines[0] == "05-bptt"
    assert [line.split() for line in lines[1:5]] == [
        ["student", "05.1", "05.2", "points", "reason"],
        ["/5", "/5", "/10"],
        ["ana", "3", "0", "3", "05.2:", "differs"],
        ["ben", "5", "5", "10"],
    ]
    assert "2 submissions: 2 graded, mean 6.5 points" in lines


def test_rows_that_belong_to_no_notebook_are_counted_and_shown():
    text = summary([row(), row("ben", master="06-other"), row("cem", (), status="unmatched", master="")])
    assert "without a master" in text
    assert "3 submissions: 2 graded, mean 3.0 points, 1 unmatched" in text


def test_under_a_late_policy_the_table_shows_what_was_taken():
    policy = LatePolicy.parse("2026-05-01", "zero")
    text = summary([Scored(row(), timedelta(hours=1), 2.5, 0.5, None, policy)])
    assert [line.split() for line in text.splitlines()[1:4]] == [
        ["student", "05.1", "05.2", "late", "points", "reason"],
        ["/5", "/5", "/10"],
        ["ana", "3", "0", "-2.5", "0.5", "05.2:", "differs"],
    ]


def test_notes_are_bounded_for_each_student_and_the_rest_is_counted():
    text = summary([row(notes=tuple(f"note {n}" for n in range(500))), row("ben", notes=("only one",))])
    assert [line for line in text.splitlines() if "note on" in line] == [
        "  note on ana: note 0",
        "  note on ana: note 1",
        "  note on ana: note 2",
        "  note on ana: 497 more, in the CSV file",
        "  note on ben: only one",
    ]


def test_a_weak_isolation_is_a_warning_and_a_strong_one_is_not():
    assert isolation_lines([row(isolation=OPEN)]) == [f"WARNING, WEAK ISOLATION: {OPEN}"]
    assert isolation_lines([row()]) == [f"ISOLATION: {SEALED}"]
    assert isolation_lines([row(isolation="")]) == ["WARNING, WEAK ISOLATION: not recorded"]


def test_different_isolations_are_counted_the_weakest_first():
    rows = [*(row(str(n)) for n in range(8)), *(row(f"b{n}", isolation=OPEN) for n in range(2))]
    assert summary(rows).splitlines()[-2:] == [
        f"WARNING, WEAK ISOLATION of 2 submissions: {OPEN}",
        f"ISOLATION of 8 submissions: {SEALED}",
    ]


def test_nothing_in_a_summary_moves_the_terminals_cursor():
    hostile = "\x1b[2J\r\n\u202eevil"
    result = Result("failed", hostile, "05-bptt", "m", (), (hostile,), 1.0, hostile)
    text = summary([Row(hostile, "a", "k", "d", "p", "s", "t", result)])
    assert not set("\x1b\r\u202e") & set(text)
    assert len([line for line in text.splitlines() if "evil" in line]) == 3


def test_an_empty_class_has_a_summary_too():
    assert "0 submissions: 0 graded" in summary([])


def test_rows_are_written_as_csv_with_and_without_lateness(tmp_path):
    write_csv(tmp_path / "a.csv", [row()])
    write_csv(tmp_path / "b.csv", [Scored(row(), timedelta(0), 0.0, 3.0)])
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("ana,a.ipynb,05-bptt,graded,3,0,3,10,")
