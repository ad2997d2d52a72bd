import json
import pickle
from dataclasses import replace

import pytest

from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.submissions import find
from rnnkit.grade.tasks import (
    Assignment,
    MasterFiles,
    Task,
    digest_of,
    library_digest,
    masters_digest,
    pack_result,
    read_masters,
    unpack_result,
)

CHECKS = (CheckResult("05.1a", "check-05-1a", 3, 3), CheckResult("05.1b", "b", 0, 5, "W_h \ud800 differs", "0.1"))
RESULT = Result("graded", "", "05-bptt", "m", CHECKS, ("cell 1: raised\n",), 1.5, "limits")


def test_a_result_comes_back_as_it_was_sent_in_one_line():
    line = pack_result(RESULT)
    assert unpack_result(line) == RESULT
    assert "\n" not in line


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"7", b"\xff", b"{}", b'{"checks": 1, "notes": [], "status": "graded"}',
        b'{"checks": [{"points": 100}], "notes": [], "status": "graded"}',
        b'{"checks": [], "notes": [], "status": "perfect"}',
        b'{"checks": [], "notes": [], "status": "graded", "points": 100}',
    ],
)  # fmt: skip
def test_a_line_that_is_no_result_is_refused(line):
    with pytest.raises(ValueError):
        unpack_result(line)


def test_a_task_needs_no_file_of_the_machine_it_came_from(tmp_path, master_path, handed_in):
    path = handed_in("ana.ipynb")
    (one,) = find([tmp_path / "class"])
    task = Task.read(one, Assignment(read_masters([master_path]), "seed"))
    content = path.read_bytes()
    path.unlink()
    there = pickle.loads(task.pack())
    assert there == task
    assert there.handed_in.content == content
    written = there.assignment.masters[0].write(tmp_path / "scratch")
    assert written.read_bytes() == master_path.read_bytes()
    assert (tmp_path / "scratch").stat().st_mode & 0o777 == 0o700
    assert {path.name for path in written.parent.iterdir()} == {"05-bptt.ipynb", "wrong_answers_05.py"}


def test_an_unreadable_submission_travels_as_its_reason(tmp_path):
    (tmp_path / "ana.ipynb").symlink_to("/etc/passwd")
    (one,) = find([tmp_path])
    task = Task.read(one, Assignment((), "seed"))
    assert (task.handed_in.content, task.name) == (b"", "ana.ipynb")
    assert "symbolic link" in task.handed_in.reason


def test_a_masters_digest_follows_the_notebook_and_the_modules_beside_it(tmp_path):
    for name in ("05-a.ipynb", "wrong.py"):
        (tmp_path / name).write_text("1")
    first = MasterFiles.read(tmp_path / "05-a.ipynb")
    (tmp_path / "wrong.py").write_text("2")
    second = MasterFiles.read(tmp_path / "05-a.ipynb")
    (tmp_path / "wrong.py").rename(tmp_path / "right.py")
    assert len({first.digest, second.digest, MasterFiles.read(tmp_path / "05-a.ipynb").digest}) == 3


def test_a_row_stands_for_its_master_or_for_all_of_them(tmp_path):
    for name in ("05-a.ipynb", "06-b.ipynb"):
        (tmp_path / name).write_text(name)
    masters = read_masters(sorted(tmp_path.iterdir()))
    assert masters_digest(masters, "06-b") == masters[1].digest
    assert masters_digest(masters, "") not in (None, masters[0].digest, masters[1].digest)
    assert masters_digest(masters, "07-c") is None


def test_two_masters_of_one_name_are_refused(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "05-a.ipynb").write_text("{}")
    with pytest.raises(ValueError, match="two masters are named 05-a; rename one"):
        read_masters([tmp_path / "one/05-a.ipynb", tmp_path / "two/05-a.ipynb"])


def test_digests_tell_parts_apart():
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("abc")
    assert digest_of("a") == digest_of(b"a")


def test_the_librarys_digest_follows_the_folders_it_is_asked_for():
    assert len({library_digest(), library_digest("check"), library_digest("check", "grade")}) == 3


def test_a_worker_has_the_notebooks_time_and_a_kernels_start_and_two_minutes():
    given = Assignment((), "seed")
    limits = replace(given.limits, notebook_seconds=10.0, startup_seconds=5.0)
    assert Task("a", None, replace(given, limits=limits)).seconds == 135


def test_a_result_is_plain_json():
    assert json.loads(pack_result(RESULT))["checks"][0]["exercise"] == "05.1a"
