"""Worksheets of Canvas and Moodle are filled in for the right people, and everybody else is left as they were."""

import csv
import io

import pytest

from rnnkit.grade.exports import ExportError, export
from rnnkit.grade.gradebook import Row
from rnnkit.grade.late import scored
from rnnkit.grade.results import CheckResult, Result


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


# Canvas

CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Other (11),05-bptt (12),Final Score",
    ",,,,,,Manual Posting,",
    "    Points Possible,,,,,100,10,(read only)",
    '"Doe, Ana",101,s1,ana@uni.edu,A,7,,12',
    '"Roe, Ben",102,s2,ben,A,-1,4.00,',
    '"Poe, Zoë",103,s3,zoe,A,,EX,',
    '"Loe, Jo",104,s4,jo,A,,,',
    '"Loe, Jo",105,s5,jo2,A,,,',
    '"Student, Test",106,,9f8e,A,,,',
)


def canvas(tmp_path, *rows, lines=CANVAS):
    """Fill in the gradebook; return what was said, and its points by ID."""
    said = export("canvas", tmp_path / "out", scored(rows), worksheet=sheet(tmp_path, *lines))
    return said, {line["ID"]: line["05-bptt (12)"] for line in table((tmp_path / "out").read_bytes().decode())}


@pytest.mark.parametrize(
    "student",
    ["ana@uni.edu", "ANA@uni.edu", "s1", "101", "Doe, Ana", "ana doe", "Ana_Doe", "doeana_101_4711_05-bptt",
     "doeana_LATE_101_4711_05-bptt-1"],
)  # fmt: skip
def test_a_student_of_canvas_is_found_by_id_download_or_name(tmp_path, student):
    said, points = canvas(tmp_path, row(student))
    assert points["101"] == "5.5"
    assert said.startswith("1 grades of the 6 students in worksheet.csv filled in: ")


def test_all_other_cells_of_canvas_stay_as_they_were(tmp_path):
    canvas(tmp_path, row("s1"))
    before = [line.split(",") for line in CANVAS]
    after = [line.replace('""', '"').split(",") for line in (tmp_path / "out").read_text().splitlines()]
    changed = [(a, b) for old, new in zip(before, after, strict=True) for a, b in zip(old, new, strict=True) if a != b]
    assert changed == [("", "5.5")]


def test_who_cannot_be_matched_gets_nothing_and_is_named(tmp_path):
    said, points = canvas(tmp_path, row("nobody"), row("Jo Loe"), row("ben"), row("s2"), failed("s1"))
    assert "1 not found in the worksheet: nobody" in said
    assert "1 fit several lines of the worksheet and were left out: Jo Loe" in said
    assert "1 handed in the same notebook more than once and were left out: ben" in said
    assert "1 could not be graded and were left out: s1" in said
    assert points == {"": "10", "101": "", "102": "4.00", "103": "EX", "104": "", "105": "", "106": ""} | {
        "": points[""]
    }


def test_an_excused_student_stays_excused_and_a_replaced_grade_is_told(tmp_path):
    said, points = canvas(tmp_path, row("zoe"), row("ben"))
    assert (points["103"], points["102"]) == ("EX", "5.5")
    assert "locked, excused or not assigned in the worksheet and were left as they are: zoe" in said
    assert "1 grades that stood there were others and were replaced" in said


def test_a_name_in_canvas_is_no_formula_and_ids_stay(tmp_path):
    lines = (*CANVAS[:3], "\"=cmd|' /C calc'!A0\",101,@s1,-ana,A,,,")
    canvas(tmp_path, row("101"), lines=lines)
    *_, ana = table((tmp_path / "out").read_bytes().decode())
    assert ana["Student"].startswith("'=cmd")
    assert (ana["ID"], ana["SIS User ID"], ana["SIS Login ID"]) == ("101", "@s1", "-ana")


def test_canvas_columns_that_could_be_meant_are_listed(tmp_path):
    lines = [line.replace("05-bptt (12)", "Homework (12)") for line in CANVAS]
    with pytest.raises(
        ExportError, match=r"no column for 05-bptt \(assignments there: Other \(11\), Homework \(12\)\)"
    ):
        canvas(tmp_path, row("s1"), lines=lines)


def test_another_maximum_in_canvas_is_told(tmp_path):
    lines = [line.replace("100,10,", "100,20,") for line in CANVAS]
    assert "has 20 points in Canvas and 10 here: points were not scaled" in canvas(tmp_path, row("s1"), lines=lines)[0]


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-8")])
def test_a_worksheet_is_written_as_it_was_read(tmp_path, delimiter, encoding):
    lines = [f"Student{delimiter}ID{delimiter}Section{delimiter}05-bptt (1)", f"Zoë{delimiter}1{delimiter}A{delimiter}"]
    path = sheet(tmp_path, *lines, encoding=encoding)
    export("canvas", tmp_path / "out", scored([row("1")]), worksheet=path)
    assert (tmp_path / "out").read_bytes() == path.read_bytes() + b"5.5\r\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"\xff\xfe", "no CSV file in UTF-8"), (b"x" * 200_000, "no CSV"), (None, "cannot be read")],
)
def test_a_worksheet_that_is_none_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "worksheet.csv").write_bytes(content)
    with pytest.raises(ExportError, match=message):
        export("canvas", tmp_path / "out", scored([row()]), worksheet=tmp_path / "worksheet.csv")


def test_without_a_worksheet_canvas_gets_a_column_per_notebook(tmp_path):
    content = text(tmp_path, "canvas", row("ana"), row("ana", master="06-other"), row("=x"))
    head, possible, ana, formula = csv.reader(io.StringIO(content, newline=""))
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "05-bptt", "06-other"]
    assert possible[0].strip() == "Points Possible"
    assert possible[5:] == ["10", "10"]
    assert ana == ["ana", "", "", "ana", "", "5.5", "5.5"]
    assert formula == ["'=x", "", "", "'=x", "", "5.5", ""]


# Moodle

MOODLE = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"',
    '"Participant 31","Ana Doe",ana@uni.edu,Submitted,,"10,00",Yes,"Friday, 1 May 2026",-,"<p>Well done</p>"',
    '"Participant 32","Ben Roe",ben@uni.edu,Submitted,,"10,00",No,-,-,',
    '"Participant 33","=Zoë",zoe@uni.edu,Submitted,,"2,00",Yes,-,-,"- see me"',
)


def moodle(tmp_path, *rows):
    said = export("moodle", tmp_path / "out", scored(rows), worksheet=sheet(tmp_path, *MOODLE))
    return said, {line["Identifier"][-2:]: line for line in table((tmp_path / "out").read_bytes().decode())}


@pytest.mark.parametrize(
    "student",
    ["Ana Doe_31_assignsubmission_file_", "Group-Ana Doe_31_assignsubmission_file",
     "X_31_assignsubmission_file_05-bptt", "ana doe", "ana@uni.edu", "Participant 31"],
)  # fmt: skip
def test_a_student_of_moodle_is_found_by_folder_address_or_name(tmp_path, student):
    said, lines = moodle(tmp_path, row(student))
    assert lines["31"]["Grade"] == "5.5"
    assert said.startswith("1 grades of the 3 students")


def test_a_file_name_cannot_claim_another_participants_number(tmp_path):
    said, lines = moodle(tmp_path, row("Eve_32_assignsubmission_file_x_31_assignsubmission_file_"))
    assert "1 not found in the worksheet" in said
    assert {line["Grade"] for line in lines.values()} == {""}


def test_comments_are_added_as_text_and_dashes_and_dates_stay(tmp_path):
    _, lines = moodle(tmp_path, row("Ana Doe", reasons=("", "<img src=x onerror=y>")))
    assert lines["31"]["Feedback comments"] == (
        "<p>Well done</p><br>05-bptt<br>05.1: 3 of 5<br>05.2: 2.5 of 5: &lt;img src=x onerror=y&gt;"
    )
    assert (lines["31"]["Last modified (grade)"], lines["33"]["Full name"]) == ("-", "'=Zoë")
    assert lines["33"]["Feedback comments"] == "&#45; see me"


def test_a_comment_is_no_formula_where_semicolons_part_cells(tmp_path):
    _, lines = moodle(tmp_path, row("Ana Doe", reasons=("", "<==1+1 is wrong")))
    assert "&lt;&#61;&#61;1+1 is wrong" in lines["31"]["Feedback comments"]


def test_locked_grades_stay_and_points_above_moodles_maximum_are_told(tmp_path):
    said, lines = moodle(tmp_path, row("Ben Roe"), row("zoe@uni.edu"))
    assert (lines["32"]["Grade"], lines["33"]["Grade"]) == ("", "5.5")
    assert "left as they are: Ben Roe" in said
    assert "zoe@uni.edu has 5.5 points, more than the maximum of 2 in Moodle, which will ignore it" in said


def test_points_of_several_notebooks_add_up_in_moodle(tmp_path):
    _, lines = moodle(tmp_path, row("Ana Doe"), row("Ana Doe", (1.0, 1.0), master="06-other"))
    assert lines["31"]["Grade"] == "7.5"


def test_without_a_worksheet_moodles_numbers_are_taken_from_its_folders(tmp_path):
    rows = scored([row("Ana Doe_31_assignsubmission_file_"), row("ben")])
    said = export("moodle", tmp_path / "out", rows)
    ana, ben = table((tmp_path / "out").read_text())
    assert (ana["Identifier"], ana["Full name"], ana["Grade"]) == ("Participant 31", "Ana Doe", "5.5")
    assert (ben["Identifier"], ben["Full name"]) == ("", "ben")
    assert "1 have no number of Moodle" in said
