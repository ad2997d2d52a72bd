"""nbgrader's own autograder gives honest notebooks the same points: the notebooks are ordinary nbgrader notebooks."""

import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from rnnkit.check import exercises

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in (ROOT / "solutions").glob("[0-9]*.ipynb"))


@pytest.fixture
def class_of(tmp_path, handed_in):
    """Make a class folder: the solution and the untouched exercise; of notebook 05 one that is half done, too."""

    def make(name):
        folder = tmp_path / "class"
        for student, source in (("full", "solutions"), ("untouched", "exercises")):
            (folder / student).mkdir(parents=True)
            shutil.copy(ROOT / source / f"{name}.ipynb", folder / student)
        if name == "05-bptt":
            handed_in(f"partial/{name}.ipynb", solved=(1, 4))
        return folder

    return make


@pytest.fixture
def autograde(tmp_path, monkeypatch):
    """Make, release, hand in and autograde a course with nbgrader; give back points by student and check."""
    for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # it calls alembic
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    def run(name, folder):
        course = tmp_path / "course"
        (course / "source" / name).mkdir(parents=True)
        shutil.copy(ROOT / f"solutions/{name}.ipynb", course / "source" / name)
        students = sorted(path.name for path in folder.iterdir())
        for student in students:
            shutil.copytree(folder / student, course / "submitted" / student / name)
        config = Config()
        config.CourseDirectory.root = str(course)
        config.CourseDirectory.db_url = f"sqlite:///{course}/gradebook.db"
        config.Exchange.root = str(tmp_path / "exchange")
        api = NbGraderAPI(config=config)
        assert api.generate_assignment(name)["success"]
        for student in students:
            done = api.autograde(name, student)
            assert done["success"], done["log"]
        return points(
            course / "gradebook.db",
            "SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score FROM grade "
            "JOIN base_cell ON grade.cell_id = base_cell.id "
            "JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id "
            "JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id",
        )

    return run


def points(file, query):
    with sqlite3.connect(file) as db:
        return {(student, cell): score for student, cell, score in db.execute(query)}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nbgrader_gives_the_same_points_for_honest_work(name, class_of, autograde, grade, tmp_path):
    theirs = autograde(name, class_of(name))
    assert grade("--master", ROOT / f"solutions/{name}.ipynb")[0] == 0
    ours = points(
        tmp_path / "grades/gradebook.db",
        "SELECT student, grade_id, check_result.points FROM check_result JOIN submission USING (key)",
    )
    assert theirs == ours
    by_student = {student: sum(p for (s, _), p in ours.items() if s == student) for student, _ in ours}
    partial = {"partial": 14} if name == "05-bptt" else {}
    assert by_student == {"full": sum(one.points for one in exercises(name)), "untouched": 0, **partial}
