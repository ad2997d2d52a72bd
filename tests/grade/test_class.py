"""The whole hostile class in one run: of the attacks none gains a point, of the oddities none loses one."""

import psutil
import pytest

from rnnkit.__main__ import main


@pytest.fixture(scope="module")
def graded(corpus, master_path, tmp_path_factory):
    """The cases, and each student's status, points, check points and everything said about them."""
    from rnnkit.grade.gradebook import Gradebook
    from rnnkit.grade.submissions import find

    folder = tmp_path_factory.mktemp("class")
    cases = corpus.make_class(folder / "class")
    options = ["--master", master_path, "--out", folder / "grades", "--timeout-cell", 12, "--workers", 2]
    assert main(["grade", str(folder / "class"), *map(str, options)]) == 0
    book = Gradebook(folder / "grades/gradebook.db")
    return cases, {one.student: book.find(one).result for one in find([folder / "class"])}


@pytest.mark.slow
def test_every_submission_gets_its_points(graded):
    cases, results = graded
    assert {name: results[name].points for name in cases} == {name: case.points for name, case in cases.items()}


@pytest.mark.slow
def test_every_submission_gets_its_status_and_its_reason(graded):
    cases, results = graded
    for name, case in cases.items():
        result = results[name]
        said = [result.reason, *(check.reason for check in result.checks), *result.notes]
        assert result.status == case.status, (name, said)
        assert case.says in " | ".join(said), name


@pytest.mark.slow
def test_no_process_of_a_notebook_is_left(graded):
    left = [
        process for process in psutil.process_iter(["cmdline"]) if "98765" in " ".join(process.info["cmdline"] or ())
    ]
    assert left == []
