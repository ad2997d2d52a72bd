"""The whole hostile class in one run: of the attacks none gains a point, of the oddities none loses one."""

from __future__ import annotations

import secrets

import psutil
import pytest

from rnnkit.__main__ import main

CELL, NOTEBOOK = 8, 120  # s: cells of honest cases take less than one of processor time


class Graded:
    """A class folder after one run: cases and results by the file's path, and the token in what its cells start."""

    def __init__(self, corpus, master, folder, cases, workers):
        from rnnkit.grade.gradebook import Gradebook
        from rnnkit.grade.submissions import find

        self.token = secrets.token_hex(6)
        self.cases = corpus.make_class(folder / "class", cases, self.token)
        self.folder = folder / "class"
        self.before = self.state()
        options = ["--master", master, "--out", folder / "grades", "--workers", workers]
        options += ["--timeout-cell", CELL, "--timeout-notebook", NOTEBOOK]
        assert main(["grade", str(folder / "class"), *map(str, options)]) == 0
        with Gradebook(folder / "grades/gradebook.db") as book:
            self.results = {one.path: book.find(one).result for one in find([folder / "class"])}

    def state(self):
        return {path: (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in self.folder.rglob("*")}

    def stands(self, result, wall):
        """Whether a wall was in force when a row was made, by what the row says."""
        sealed, _, rest = result.isolation.partition(" sealed off")
        return wall in sealed if rest else False

    def outcome(self, path):
        """What must come out, on a machine with the walls that this one has: points, and whether words are compared."""
        case, result = self.cases[path], self.results[path]
        walls = [wall for wall in case.needs if wall != "cgroup"]
        whole = all(self.stands(result, wall) for wall in walls)
        whole &= "cgroup" not in case.needs or "number of processes" in result.isolation.partition("limits on")[2]
        return case.points if whole or case.otherwise is None else case.otherwise, whole


@pytest.fixture(scope="module")
def graded(corpus, master_path, tmp_path_factory):
    return Graded(corpus, master_path, tmp_path_factory.mktemp("c"), corpus.CASES, workers=2)


@pytest.fixture(scope="module")
def neighbours(corpus, master_path, tmp_path_factory):
    return Graded(corpus, master_path, tmp_path_factory.mktemp("n"), corpus.NEIGHBOURS, workers=1)


def check_outcomes(graded):
    """Compare all at once, so that one run shows every case that fails."""
    wrong = {}
    for path, case in graded.cases.items():
        result = graded.results.get(path)
        if result is None:
            wrong[case.file] = "no row"
            continue
        points, whole = graded.outcome(path)
        said = " | ".join([result.reason, *(check.reason for check in result.checks), *result.notes])
        if result.points != points or (whole and (result.status != case.status or case.says not in said)):
            wrong[case.file] = f"{result.points:g} points ({points:g}), {result.status} ({case.status}): {said}"
    assert not wrong, "\n" + "\n".join(f"{file}: {what[:600]}" for file, what in wrong.items())


@pytest.mark.slow
def test_every_submission_gets_its_points_its_status_and_its_reason(graded):
    check_outcomes(graded)


@pytest.mark.slow
def test_nothing_reaches_the_next_notebook_of_a_worker(neighbours):
    check_outcomes(neighbours)


@pytest.mark.slow
def test_every_file_has_one_row_and_no_row_is_invented(graded, neighbours):
    for one in (graded, neighbours):
        assert set(one.results) == set(one.cases)


@pytest.mark.slow
def test_no_process_of_a_notebook_is_left(graded, neighbours):
    lines = map(words_of, psutil.pids())
    left = [line for line in lines if graded.token in line or neighbours.token in line]
    assert left == []


def words_of(pid):
    """A process's name and arguments, empty where it has ended."""
    try:
        process = psutil.Process(pid)
        return " ".join([process.name(), *process.cmdline()])
    except psutil.Error:
        return ""


@pytest.mark.slow
def test_no_submission_takes_longer_than_its_bound(graded, neighbours):
    from rnnkit.grade.limits import Limits

    bound = NOTEBOOK + Limits().startup_seconds
    seconds = {path.name: result.seconds for one in (graded, neighbours) for path, result in one.results.items()}
    assert {name: taken for name, taken in seconds.items() if taken > bound} == {}


@pytest.mark.slow
def test_every_row_names_the_isolation_it_was_made_in(graded, neighbours):
    for one in (graded, neighbours):
        for path, result in one.results.items():
            expected = "limits on" if result.status == "graded" else "nothing was run"
            assert expected in result.isolation, path.name


@pytest.mark.slow
def test_the_files_handed_in_stay_as_they_were(graded, neighbours):
    assert graded.state() == graded.before
    assert neighbours.state() == neighbours.before
