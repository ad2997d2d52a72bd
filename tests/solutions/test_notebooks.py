"""Masters, the exercises made from them, and the command that makes them."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import nbformat
import pytest

from rnnkit.check import NotRightYet, exercises
from rnnkit.grade.master import Master, MasterError, Mutant, stub

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "solutions").glob("[0-9]*.ipynb"))


def load_command():
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "scripts/notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


command = load_command()


def info(cell):
    return cell.metadata.get("nbgrader", {})


def words(markdown):
    return " ".join(markdown.split())


def test_what_is_committed_is_what_regeneration_gives():
    with redirect_stdout(io.StringIO()) as said:
        status = command.main(["--check"])
    assert (status, said.getvalue()) == (0, "all notebooks and golden values are as they should be\n")


@pytest.fixture
def copy_of_the_project(tmp_path):
    """A folder with one master and nothing made from it."""
    (tmp_path / "solutions").mkdir()
    for file in (ROOT / "solutions").glob("*05*"):
        (tmp_path / "solutions" / file.name).write_bytes(file.read_bytes())
    return tmp_path


def run(root, *options):
    with redirect_stdout(io.StringIO()) as said:
        status = command.main(["--root", str(root), *options])
    return status, said.getvalue().splitlines()


def test_regenerating_twice_changes_nothing(copy_of_the_project):
    assert run(copy_of_the_project)[0] == 0
    files = {path: path.read_bytes() for path in copy_of_the_project.rglob("*") if path.is_file()}
    assert {path.name for path in files} >= {"05-bptt.ipynb", "05-bptt.json"}
    assert run(copy_of_the_project) == (0, ["all notebooks and golden values are as they should be"])
    assert files == {path: path.read_bytes() for path in copy_of_the_project.rglob("*") if path.is_file()}


def test_check_writes_nothing_and_names_each_file_that_differs(copy_of_the_project):
    run(copy_of_the_project)
    exercise, golden = (
        copy_of_the_project / "exercises/05-bptt.ipynb",
        copy_of_the_project / "rnnkit/check/golden/05-bptt.json",
    )
    exercise.write_text(exercise.read_text("utf-8").replace("Five functions", "Six functions"), "utf-8")
    values = json.loads(golden.read_text("utf-8"))
    del values["05.1a"]
    golden.write_text(json.dumps(values), "utf-8")
    before = exercise.read_bytes(), golden.read_bytes()
    status, said = run(copy_of_the_project, "--check")
    assert status == 1
    assert said == [
        "differs from what it is made from: rnnkit/check/golden/05-bptt.json",
        "differs from what it is made from: exercises/05-bptt.ipynb",
    ]
    assert (exercise.read_bytes(), golden.read_bytes()) == before


def test_golden_values_of_another_machine_are_left_as_they_are(copy_of_the_project):
    run(copy_of_the_project)
    golden = copy_of_the_project / "rnnkit/check/golden/05-bptt.json"
    values = json.loads(golden.read_text("utf-8"))
    loss = command.decode(values["05.1a"]["0"]["expected"])
    loss["loss"] += 1e-14
    values["05.1a"]["0"]["expected"] = command.encode(loss)
    golden.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert run(copy_of_the_project, "--check")[0] == 0
    loss["loss"] += 1e-6
    values["05.1a"]["0"]["expected"] = command.encode(loss)
    golden.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", "utf-8")
    assert run(copy_of_the_project, "--check")[0] == 1


def test_cleaning_takes_out_what_running_left_and_keeps_readable_ids():
    code, text = nbformat.v4.new_code_cell("1\n", id="mine"), nbformat.v4.new_markdown_cell("## A *new* day")
    code.outputs, code.execution_count = [nbformat.v4.new_output("stream", text="1")], 7
    code.metadata = nbformat.from_dict({"tags": ["hide-input"], "execution": {"iopub": "now"}, "scrolled": True})
    twin = nbformat.v4.new_code_cell("2", id="mine")
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "julia", "display_name": "J"}, "title": "T"})
    notebook.cells = [code, text, twin]
    made = command.clean(notebook)
    assert (code.source, code.outputs, code.execution_count) == ("1", [], None)
    assert dict(code.metadata) == {"tags": ["hide-input"]}
    assert [cell.id for cell in made.cells] == ["mine", "a-new-day-1", "a-new-day-2"]
    assert (made.metadata.kernelspec.name, made.metadata.title) == ("python3", "T")
    assert command.as_text(command.clean(made)) == command.as_text(made)


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_differs_from_its_solution_only_inside_the_marked_regions(name):
    solution, exercise = (
        nbformat.read(ROOT / folder / f"{name}.ipynb", as_version=4) for folder in ("solutions", "exercises")
    )
    assert [cell.id for cell in exercise.cells] == [cell.id for cell in solution.cells]
    for ours, theirs in zip(solution.cells, exercise.cells, strict=True):
        assert ours.metadata == theirs.metadata
        if not info(ours).get("solution"):
            assert ours.source == theirs.source
            continue
        lines = ours.source.split("\n")
        begin, end = (next(n for n, line in enumerate(lines) if mark in line) for mark in ("### BEGIN", "### END"))
        assert theirs.source.split("\n") == [
            *lines[:begin], "    # Your code here.", "    raise NotImplementedError", *lines[end + 1 :],
        ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_holds_neither_outputs_nor_counts_nor_a_line_of_an_answer(name):
    exercise = (ROOT / "exercises" / f"{name}.ipynb").read_text("utf-8")
    cells = json.loads(exercise)["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)
    assert "SOLUTION" not in exercise


@pytest.mark.parametrize("name", NAMES)
def test_a_master_stores_what_its_check_cells_print_and_no_other_output(name):
    for cell in nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=4).cells:
        if info(cell).get("grade"):
            _, one, _ = cell.source.split('"')
            points = info(cell)["points"]
            assert cell.outputs[0].text == f"✓ {one}: {points} point{'s' * (points > 1)}\n"
        elif cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize("name", NAMES)
def test_header_points_minutes_and_hints_are_those_of_the_checks(name):
    notebook = nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=4)
    texts = {cell.id: words(cell.source) for cell in notebook.cells if cell.cell_type == "markdown"}
    by_function = {}
    for one in exercises(name):
        by_function.setdefault(one.function, []).append(one)
    for number, parts in enumerate(by_function.values(), 1):
        total, difficulty = sum(one.points for one in parts), parts[0].difficulty
        header = (
            f"{total} point{'s' * (total > 1)} · {sum(one.minutes for one in parts)} minutes · "
            f"difficulty {'●' * difficulty}{'○' * (5 - difficulty)} · {parts[0].lecture}"
        )
        chapter = name.partition("-")[0]
        assert header in texts[f"exercise-{chapter}-{number}"].replace("*", "")
        for strength, hint in enumerate(parts[0].hints, 1):
            assert f"<summary>Hint {strength}</summary> {words(hint)} </details>" in texts[f"hints-{chapter}-{number}"]
        assert "**Break it.**" in texts[f"break-{chapter}-{number}"]


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_is_told_in_at_most_120_words(name):
    for cell in nbformat.read(ROOT / "exercises" / f"{name}.ipynb", as_version=4).cells:
        if re.fullmatch(r"exercise-\d+-\d+", cell.id):
            prose = re.sub(r"\$\$.*?\$\$", "", cell.source, flags=re.DOTALL)
            lines = [line for line in prose.split("\n") if not re.match(r"#|\||\*\*\d+ points", line)]
            assert len(re.findall(r"\w[\w'’-]*", re.sub(r"\$[^$]*\$", "X", "\n".join(lines)))) <= 120, cell.id


@pytest.mark.parametrize("name", NAMES)
def test_check_cells_carry_the_points_of_their_exercises_in_their_order(name):
    master = Master.load(ROOT / "solutions" / f"{name}.ipynb")
    assert [check.exercise.id for check in master.checks] == [one.id for one in exercises(name)]
    for check in master.checks:
        assert check.source == f'check("{check.exercise.id}", {check.exercise.function})'
        assert check.grade_id == f"check-{check.exercise.id.replace('.', '-')}"
        assert (check.points, check.answer) == (check.exercise.points, check.exercise.function)


@pytest.mark.parametrize("name", NAMES)
def test_every_stub_scores_nothing_and_says_so(name):
    master = Master.load(ROOT / "solutions" / f"{name}.ipynb")
    here = dict(master.answers)
    for cell in master.release.cells:
        if info(cell).get("solution"):
            exec(cell.source, here)
    for check in master.checks:
        with pytest.raises(NotRightYet, match=f"^✗ {check.exercise.id}: not written yet$"):
            exec(check.source, here)


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_answer_passes(name):
    master = Master.load(ROOT / "solutions" / f"{name}.ipynb")
    for check in master.checks:
        exec(check.source, dict(master.answers))


def pytest_of_the_notebook(path, tmp_path, option):
    command = [
        sys.executable,
        "-m",
        "pytest",
        option,
        path,
        "--rootdir",
        tmp_path,
        "-c",
        "/dev/null",
        "--color=no",
        "-q",
    ]
    return subprocess.run(
        [*command, "-p", "no:cacheprovider"], capture_output=True, text=True, cwd=tmp_path, check=False
    )


@pytest.mark.parametrize("name", NAMES)
def test_nbval_passes_on_the_solution(name, tmp_path):
    result = pytest_of_the_notebook(ROOT / f"solutions/{name}.ipynb", tmp_path, "--nbval")
    assert result.returncode == 0, result.stdout
    assert "failed" not in result.stdout


@pytest.mark.parametrize("name", NAMES)
def test_nbval_fails_on_the_untouched_exercise_with_our_words(name, tmp_path):
    result = pytest_of_the_notebook(ROOT / f"exercises/{name}.ipynb", tmp_path, "--nbval-lax")
    assert result.returncode == 1
    for one in exercises(name):
        assert f"✗ {one.id}: not written yet" in result.stdout
    assert "Kernel died" not in result.stdout


def test_a_stub_needs_a_marked_region():
    with pytest.raises(MasterError, match="### BEGIN SOLUTION"):
        stub("def f():\n    return 1\n")


def test_a_stub_keeps_what_stands_around_the_region():
    source = (
        "def f(x):\n    '''doc'''\n    ### BEGIN SOLUTION\n    return x\n\ndef g(): ...\n    ### END SOLUTION\n# after"
    )
    assert stub(source) == "def f(x):\n    '''doc'''\n    # Your code here.\n    raise NotImplementedError\n# after"


def test_a_mutant_must_fit_in_exactly_one_place(master):
    with pytest.raises(MasterError, match="“twice” of bptt: 'grads' must occur once"):
        master.mutate("bptt", Mutant("twice", "grads", "gradients"))


def test_a_mutant_leaves_the_reference_as_it_is(master):
    before = master.answers["bptt"]
    assert master.mutate("bptt", master.mutants("bptt")[0]) is not before
    assert master.answers["bptt"] is before


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is no master notebook"), ('{"cells": 3}', "is no master notebook")],
)
def test_what_is_no_notebook_is_told_with_its_path(text, words, tmp_path):
    (tmp_path / "05-bad.ipynb").write_text(text)
    with pytest.raises(MasterError, match=rf"05-bad\.ipynb {words}"):
        Master.load(tmp_path / "05-bad.ipynb")


@pytest.mark.parametrize(
    ("source", "points", "words"),
    [
        ('check("05.1a", bptt)  # mine', 3, "must be exactly"),
        ('check("05.1a", other)', 3, "must check bptt for 3 points"),
        ('check("05.1a", bptt)', 4, "must check bptt for 3 points"),
    ],
)
def test_a_check_cell_that_is_not_as_agreed_is_refused(source, points, words, tmp_path):
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["nbgrader"] = {"grade": True, "grade_id": "check-05-1a", "points": points}
    with pytest.raises(MasterError, match=words):
        Master(tmp_path / "05-x.ipynb", nbformat.v4.new_notebook(cells=[cell]))


def test_a_master_without_wrong_answers_beside_it_is_told(tmp_path):
    master = Master(tmp_path / "05-x.ipynb", nbformat.v4.new_notebook())
    with pytest.raises(MasterError, match=r"has no wrong_answers_05\.py beside it"):
        master.mutants("bptt")
