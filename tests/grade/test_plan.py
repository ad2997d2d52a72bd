from types import SimpleNamespace

import nbformat
import pytest

from rnnkit.grade.plan import make_plan


def cell(source, grade_id=None, **info):
    made = nbformat.v4.new_code_cell(source)
    if grade_id:
        made.metadata["nbgrader"] = {"grade_id": grade_id, "grade": False, "locked": False, "solution": False, **info}
    return made


def answer(source):
    return cell(source, "answer-1", solution=True)


def check(source="check('1', f)", grade_id="check-1"):
    return cell(source, grade_id, grade=True, locked=True)


def setup(source="import numpy"):
    return cell(source, "setup", locked=True)


@pytest.fixture
def master():
    checks = (SimpleNamespace(grade_id="check-1"), SimpleNamespace(grade_id="check-2"))
    cells = [setup(), answer("stub"), check(), check("check('2', f)", "check-2")]
    return SimpleNamespace(release=nbformat.v4.new_notebook(cells=cells), checks=checks)


def order(plan):
    return [step.check.grade_id if step.check else step.source for step in plan.steps]


RIGHT = ["import numpy", "mine", "check-1", "check-2"]


def test_an_honest_notebook_is_run_as_it_is(master):
    plan = make_plan(master, [setup(), answer("mine"), check(), check("check('2', f)", "check-2")])
    assert order(plan) == RIGHT
    assert plan.notes == []


def test_an_edited_check_is_replaced(master):
    plan = make_plan(master, [setup(), answer("mine"), check("pass"), check("check('2', f)", "check-2")])
    assert order(plan) == RIGHT
    assert plan.notes == ["locked cells were edited, the originals ran: check-1"]


def test_lost_checks_come_back_behind_their_answer(master):
    plan = make_plan(master, [setup(), answer("mine"), cell("scratch")])
    assert order(plan) == [*RIGHT, "scratch"]
    assert plan.notes == ["locked cells were missing, they were put back: check-1, check-2"]


def test_lost_checks_come_at_the_end_when_the_answer_has_lost_its_id(master):
    plan = make_plan(master, [setup(), cell("mine"), cell("scratch")])
    assert order(plan) == ["import numpy", "mine", "scratch", "check-1", "check-2"]


def test_an_empty_notebook_still_gets_every_check(master):
    assert order(make_plan(master, [])) == ["import numpy", "check-1", "check-2"]


def test_a_lost_setup_cell_comes_first(master):
    plan = make_plan(master, [answer("mine"), check(), check("check('2', f)", "check-2")])
    assert order(plan) == RIGHT


def test_copies_of_a_check_run_once(master):
    plan = make_plan(master, [setup(), answer("mine"), check(), check(), check("check('2', f)", "check-2")])
    assert order(plan) == RIGHT
    assert plan.notes == ["locked cells have copies, one of them ran: check-1"]


def test_a_check_above_its_answer_runs_behind_it(master):
    plan = make_plan(master, [check(), setup(), answer("mine"), check("check('2', f)", "check-2")])
    assert order(plan) == RIGHT
    assert plan.notes == ["locked cells stood before their answers, they ran after them: check-1"]


def test_checks_are_known_by_their_source_when_ids_are_stripped(master):
    plan = make_plan(master, [cell("import numpy"), cell("mine"), cell("check('1', f)"), cell("check('2', f) ")])
    assert order(plan) == RIGHT
    assert plan.notes == []


def test_a_learner_cannot_lock_a_cell_of_their_own(master):
    own = cell("mine too", "check-99", grade=True, locked=True)
    plan = make_plan(master, [setup(), answer("mine"), check(), check("check('2', f)", "check-2"), own])
    assert order(plan) == [*RIGHT, "mine too"]


def test_an_answer_dressed_as_a_check_is_not_run(master):
    plan = make_plan(master, [setup(), check("cheat"), answer("mine"), check("check('2', f)", "check-2")])
    assert "cheat" not in order(plan)


@pytest.mark.parametrize("metadata", [None, 5, [], {"nbgrader": 3}, {"nbgrader": {"grade_id": ["check-1"]}}])
def test_nonsense_metadata_is_no_metadata(master, metadata):
    strange = {"cell_type": "code", "source": "mine", "metadata": metadata}
    assert order(make_plan(master, [setup(), strange])) == RIGHT


def test_prose_and_raw_cells_are_not_run(master):
    prose = nbformat.v4.new_markdown_cell("text")
    raw = nbformat.v4.new_raw_cell("mine")
    assert order(make_plan(master, [setup(), prose, raw])) == ["import numpy", "check-1", "check-2"]
