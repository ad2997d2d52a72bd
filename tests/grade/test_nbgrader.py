"""nbgrader's own autograder gives honest notebooks the same points: the notebooks are ordinary nbgrader notebooks."""

import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

CLASS = {"full": (1, 2, 3, 4, 5), "partial": (1, 4), "untouched": ()}


@pytest.fixture
def autograded(tmp_path, corpus, handed_in, monkeypatch):
    """Points by student and check, from a course made, released, handed in and autograded with nbgrader."""
    for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # it calls alembic
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    course = tmp_path / "course"
    (course / "source/05-bptt").mkdir(parents=True)
    shutil.copy(corpus.SOLUTION, course / "source/05-bptt/05-bptt.ipynb")
    for student, solved in CLASS.items():
        made = handed_in(f"{student}/05-bptt.ipynb", solved=solved)
        (course / "submitted" / student).mkdir(parents=True)
        shutil.copytree(made.parent, course / "submitted" / student / "05-bptt")
    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course}/gradebook.db"
    config.Exchange.root = str(tmp_path / "exchange")
    api = NbGraderAPI(config=config)
    assert api.generate_assignment("05-bptt")["success"]
    for student in CLASS:
        done = api.autograde("05-bptt", student)
        assert done["success"], done["log"]
    with sqlite3.connect(course / "gradebook.db") as db:
        return {
            (student, cell): score
            for student, cell, score in db.execute(
                "SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score FROM grade "
                "JOIN base_cell ON grade.cell_id = base_cell.id "
                "JOIN submitted_notebook ON grade.notebook_id = submitted_notebook.id "
                "JOIN submitted_assignment ON submitted_notebook.assignment_id = submitted_assignment.id"
            )
        }


@pytest.mark.slow
def test_nbgrader_gives_the_same_points_for_honest_work(autograded, grade, tmp_path):
    assert grade()[0] == 0
    with sqlite3.connect(tmp_path / "grades/gradebook.db") as db:
        ours = {
            (student, cell): points
            for student, cell, points in db.execute(
                "SELECT student, grade_id, check_result.points FROM check_result JOIN submission USING (key)"
            )
        }
    assert autograded == ours
    assert sum(points for (student, _), points in ours.items() if student == "full") == 26
