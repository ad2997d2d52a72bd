"""Grades for other systems: right points for the right people, whatever a student is called; whole files or none."""

import csv
import datetime
import io
import json
import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rnnkit.grade.exports import FORMATS, ExportError, cells, export, ready, target
from rnnkit.grade.exports.cells import guarded, guarded_id, number
from rnnkit.grade.exports.github import markdown
from rnnkit.grade.gradebook import Row
from rnnkit.grade.late import HandIn, LatePolicy, Scored, scored
from rnnkit.grade.results import CheckResult, Result

HOSTILE = '=HYPERLINK("http://evil")|<script>alert(1)</script>`x`[a](http://b)\x00\x1b[2J\ud800\ufffe,"\n;=1+1@ana.com'
DUE = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)


def row(student="ana", points=(3.0, 2.5), reasons=("", "W_h differs"), status="graded", master="05-bptt", reason=""):
    checks = tuple(
        CheckResult(f"05.{n}", f"c{n}", p, 5.0, why, "expected 0.1")
        for n, (p, why) in enumerate(zip(points, reasons, strict=True), 1)
    )
    result = Result(status, reason, master, "m", checks, ("cell 1: raised",), 1.5, "NO isolation of files")
    return Row(
        student, "hw.ipynb", f"/class/{student}/{master}", "d1", "p", "secret", "2026-05-02T00:00:00+00:00", result
    )


def failed(student="ana"):
    return row(student, (), (), "failed", reason="the worker died")


def late(one):
    policy = LatePolicy.parse("2026-05-01T00:00Z", "1/hour")
    handed_in = HandIn(DUE + timedelta(hours=2), "times.csv")
    return Scored(one, timedelta(hours=2), 2.0, one.result.points - 2, handed_in, policy)


def text(tmp_path, format_, *rows, **options):
    """Export rows; return what the file holds."""
    export(format_, tmp_path / "out", scored(rows), **options)
    return (tmp_path / "out").read_bytes().decode()


def table(content, delimiter=","):
    return list(csv.DictReader(io.StringIO(content.lstrip("\ufeff"), newline=""), delimiter=delimiter))


def sheet(tmp_path, *lines, encoding="utf-8"):
    path = tmp_path / "worksheet.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    return path


# All formats


@pytest.mark.parametrize("format_", FORMATS)
def test_no_export_holds_the_seed_or_what_was_expected(tmp_path, format_):
    content = text(tmp_path, format_, row())
    assert "5.5" in content or "2.5" in content
    assert "secret" not in content
    assert "expected 0.1" not in content


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_is_left_as_it_was_when_the_new_one_cannot_be_written(tmp_path, format_, monkeypatch):
    (tmp_path / "out").write_text("of the last run")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cells.os, "fsync", full)
    with pytest.raises(ExportError, match="No space left on device; what stood there before is as it was"):
        export(format_, tmp_path / "out", scored([row()]))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("out", "of the last run")]


@pytest.mark.parametrize("format_", FORMATS)
def test_an_empty_class_and_a_hostile_one_break_no_export(tmp_path, format_):
    if format_ != "gradescope":
        text(tmp_path, format_)
    content = text(tmp_path, format_, row(HOSTILE, reasons=(HOSTILE, HOSTILE)))
    assert not set("\x00\x1b\ud800\ufffe") & set(content)


@pytest.mark.parametrize(
    ("given", "format_", "file"),
    [("json", "json", "OUT/grades.json"), ("canvas=x/y=z.csv", "canvas", "x/y=z.csv"), ("github", "github", "step")],
)
def test_a_format_and_its_file_are_read(tmp_path, given, format_, file):
    environment = {"GITHUB_STEP_SUMMARY": str(tmp_path / "step")}
    found, path = target(given, tmp_path / "OUT", environment)
    assert found == format_
    assert str(path).endswith(file)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("latex", "there is no export 'latex'; choose one of csv, json, junit"),
        ("json=", "--export json= names no file; give --export json=FILE"),
    ],
)
def test_a_format_that_is_not_there_is_named(tmp_path, given, message):
    with pytest.raises(ExportError, match=message):
        target(given, tmp_path)


def test_what_cannot_be_written_is_known_before_the_grading(tmp_path):
    worksheet = sheet(tmp_path, "name,points")
    with pytest.raises(ExportError, match=r"the folder of .* does not exist"):
        ready("json", tmp_path / "no/such/file.json")
    with pytest.raises(ExportError, match="is a folder; give a file"):
        ready("json", tmp_path)
    with pytest.raises(ExportError, match="is no gradebook of Canvas"):
        ready("canvas", tmp_path / "canvas.csv", worksheet)
    with pytest.raises(ExportError, match="is no grading worksheet of Moodle"):
        ready("moodle", tmp_path / "moodle.csv", worksheet)
    with pytest.raises(ExportError, match="is the worksheet itself"):
        ready("moodle", worksheet, worksheet)


# Cells


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "  =1", "\t=1", "＝1+1", "=", "a;=1+1", 'a;"=1+1', "x\n=1"],
)
def test_what_a_spreadsheet_would_run_is_guarded(cell):
    for part in re.split(r"[;\n]", guarded(cell)):
        assert part.strip(' \t"')[:1] not in tuple("=+-@＝") or part.strip() == "="


@pytest.mark.parametrize(
    "cell", ["-3.5", "+49", "-0,5", "12%", "1e-3", "-", "ana", "05.1: a - b", "a=b", "", "n@uni.edu"]
)
def test_numbers_and_ordinary_words_stay_as_they_are(cell):
    assert guarded(cell) == cell


@pytest.mark.parametrize("cell", ["@ana", "-7b", "+49170", "n@uni.edu", "007"])
def test_an_identifier_stays_as_it_is_unless_it_runs(cell):
    assert guarded_id(cell) == cell
    assert guarded_id(f"{cell}!A1()") in (f"'{cell}!A1()", f"{cell}!A1()")
    assert guarded_id("=1") == "'=1"


@given(st.floats(0, 1e6, allow_nan=False))
def test_numbers_are_decimal_and_short(points):
    assert re.fullmatch(r"\d+(\.\d{1,4})?", number(points))
    assert abs(float(number(points)) - points) <= 0.00005 + 1e-9


# CSV and JSON


def test_the_table_has_the_columns_of_old_and_lateness_only_under_a_policy(tmp_path):
    columns = ["student", "file", "notebook", "status", "05.1", "05.2", "points", "maximum", "reason", "notes"]
    (plain,) = table(text(tmp_path, "csv", row()))
    assert list(plain) == columns
    assert (plain["05.2"], plain["points"], plain["maximum"], plain["reason"]) == (
        "2.5",
        "5.5",
        "10",
        "05.2: W_h differs",
    )
    (with_policy,) = table(text(tmp_path, "csv", late(row())))
    assert list(with_policy) == [*columns, "handed in", "hours late", "penalty"]
    assert (with_policy["points"], with_policy["hours late"], with_policy["penalty"]) == ("3.5", "2", "2")


def test_json_says_its_version_and_all_of_a_submission(tmp_path):
    whole = json.loads(text(tmp_path, "json", late(row()), row("ben", (), (), "unreadable", "", "is empty")))
    ana, ben = whole["submissions"]
    assert (whole["format"], whole["version"]) == ("rnnkit-grades", 1)
    assert (ana["points"], ana["penalty"], ana["maximum"], ana["late_seconds"]) == (3.5, 2, 10, 7200)
    assert ana["checks"][1] == {
        "exercise": "05.2",
        "grade_id": "c2",
        "points": 2.5,
        "maximum": 5,
        "reason": "W_h differs",
    }
    assert (ben["status"], ben["reason"], ben["checks"]) == ("unreadable", "is empty", [])


# Gradescope


def test_gradescope_gets_the_final_score_and_a_test_per_check(tmp_path):
    whole = json.loads(text(tmp_path, "gradescope", late(row())))
    assert whole["score"] == 3.5
    assert [(test["score"], test["max_score"], test["status"]) for test in whole["tests"]] == [
        (3, 5, "failed"),
        (2.5, 5, "failed"),
    ]
    assert "2 points taken for being 2 h 0 min late" in whole["output"]
    assert {whole[key] for key in ("output_format", "test_output_format", "test_name_format")} == {"text"}


def test_gradescope_gets_a_file_per_submission_inside_one_folder(tmp_path):
    names = ["../../evil", "ana", HOSTILE, "a" * 300, "ana "]
    export("gradescope", tmp_path / "results.json", scored([row(name) for name in names]))
    files = list((tmp_path / "results").iterdir())
    assert len(files) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9-]+\.json", file.name) and len(file.name) < 100 for file in files)
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


# JUnit


def test_junit_has_a_suite_per_student_and_counts_its_cases(tmp_path):
    rows = [row("ana", (5.0, 2.5)), row("ana", master="06-other"), failed("ben")]
    root = ElementTree.fromstring(text(tmp_path, "junit", *rows))
    suites = [(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors")) for s in root]
    assert suites == [("ana", "4", "3", "0"), ("ben", "1", "0", "1")]
    assert [root.get(key) for key in ("tests", "failures", "errors")] == ["5", "3", "1"]


def test_a_junit_failure_says_its_reason_in_message_and_text(tmp_path):
    root = ElementTree.fromstring(text(tmp_path, "junit", row(points=(5.0, 2.5))))
    (failure,) = root.iter("failure")
    assert failure.get("message") == failure.text == "W_h differs (2.5 of 5 points)"
    assert [(case.get("classname"), case.get("name")) for case in root.iter("testcase")][1] == ("05-bptt.ana", "05.2")
    assert [p.get("value") for p in root.iter("property") if p.get("name") == "isolation"] == ["NO isolation of files"]


@given(st.text(st.characters(codec=None), max_size=40))
def test_whatever_a_student_is_called_junit_is_xml(tmp_path_factory, name):
    content = text(tmp_path_factory.mktemp("junit"), "junit", row(name, reasons=(name, name)))
    assert len(ElementTree.fromstring(content)) == 1


# GitHub


def test_the_summary_is_appended_to_the_steps_own_file_and_any_other_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step"))
    for name in ("step", "other.md"):
        (tmp_path / name).write_text("before\n")
        export("github", tmp_path / name, scored([row()]))
        assert "### 1 submissions" in (tmp_path / name).read_text()
    assert (tmp_path / "step").read_text().startswith("before\n")
    assert not (tmp_path / "other.md").read_text().startswith("before\n")


def test_a_summary_shows_points_and_the_isolation(tmp_path):
    shown = MarkdownIt("gfm-like").render(text(tmp_path, "github", late(row())))
    assert re.search(r"<td><code>ana</code></td>\s*<td[^>]*>3</td>\s*<td[^>]*>2\.5</td>\s*<td[^>]*>3\.5</td>", shown)
    assert "NO isolation of files" in shown


@given(st.one_of(st.sampled_from([HOSTILE, "_em_ __strong__ ~~gone~~ www.evil.com"]), st.text(max_size=60)))
def test_no_name_and_no_reason_is_markup(name):
    source = markdown(scored([row(name, reasons=("", name)), row("ben")]))
    shown = MarkdownIt("gfm-like").render(source)
    tags = set(re.findall(r"</?([a-z0-9]+)", shown))
    assert tags <= {"h3", "p", "code", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert shown.count("<tr>") == 3


def test_a_mail_address_is_parted_so_that_it_is_no_link_and_no_mention():
    assert "eve&#64;<!-- -->evil&#46;com" in markdown(scored([row("eve@evil.com")]))


def test_a_summary_keeps_to_githubs_size_and_says_what_is_missing(tmp_path, monkeypatch):
    step = tmp_path / "step"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    step.write_bytes(b"x" * 900_000)
    export("github", step, scored([row(f"student {n}", reasons=("", "long " * 40)) for n in range(2000)]))
    content = step.read_bytes().decode()
    assert 1_000_000 < len(content) <= 1 << 20
    left = int(re.search(r"(\d+) more lines did not fit", content)[1])
    assert content.count("<code>student") == 2000 - left
