"""JUnit XML, which most CI systems show: a suite per student, a test case per check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from rnnkit.grade.exports.cells import late_text, number, text_of, write_whole
from rnnkit.grade.late import Scored

__all__ = ["write"]

# Every text goes through `text_of`, which leaves no character of Unicode's categories C; all that XML forbids is there.


def write(path: Path, scored: Sequence[Scored]) -> str:
    """Write the class; a check that lacks points is a failure, a submission that could not be graded an error."""
    students: dict[str, list[Scored]] = {}
    for one in scored:
        students.setdefault(text_of(one.row.student), []).append(one)
    root = ElementTree.Element("testsuites", name="rnnkit grade")
    for student, theirs in students.items():
        suite = ElementTree.SubElement(root, "testsuite", name=student)
        for one in theirs:
            _properties(suite, one)
        for one in theirs:
            _cases(suite, student, one)
        _count(suite, sum(one.row.result.seconds for one in theirs))
    _count(root, sum(one.row.result.seconds for one in scored))
    ElementTree.indent(root)
    write_whole(path, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    return f"{len(students)} students in {path}"


def _properties(suite: ElementTree.Element, one: Scored) -> None:
    suite.set("timestamp", one.row.graded_at.partition("+")[0])
    found = suite.find("properties")
    properties = ElementTree.SubElement(suite, "properties") if found is None else found
    values = {
        "file": text_of(one.row.name),
        "points": f"{number(one.points)} of {number(one.row.result.maximum)}",
        "late": late_text(one),
        "isolation": text_of(one.row.result.isolation),
    }
    for name, value in values.items():
        if value:
            ElementTree.SubElement(properties, "property", name=name, value=value)


def _cases(suite: ElementTree.Element, student: str, one: Scored) -> None:
    """Add the test cases of one submission; what keeps all of it from being graded is a case of its own."""
    result = one.row.result
    place = f"{result.master or text_of(one.row.name)}.{student}"
    if result.status != "graded":
        case = ElementTree.SubElement(suite, "testcase", classname=place, name="submission", time="0")
        _wrong(case, "error" if result.status == "failed" else "failure", result.status, text_of(result.reason))
    for check in result.checks:
        case = ElementTree.SubElement(suite, "testcase", classname=place, name=check.exercise, time="0")
        if check.points < check.maximum:
            reason = text_of(check.reason) or "not graded"
            _wrong(case, "failure", "points", f"{reason} ({number(check.points)} of {number(check.maximum)} points)")


def _wrong(case: ElementTree.Element, tag: str, kind: str, message: str) -> None:
    ElementTree.SubElement(case, tag, type=kind, message=message).text = message  # GitLab shows the text only


def _count(element: ElementTree.Element, seconds: float) -> None:
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        element.set(name, str(sum(1 for _ in element.iter(tag))))
    element.set("skipped", "0")
    element.set("time", f"{seconds:.3f}")
