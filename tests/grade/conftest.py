import importlib.util
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from rnnkit.__main__ import main

ROOT = Path(__file__).parents[2]


def load(path):
    """A module that belongs to no package, by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules.setdefault(path.stem, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def corpus():
    return load(ROOT / "tests/submissions/make_class.py")


@pytest.fixture(scope="session")
def master_path():
    return ROOT / "solutions/05-bptt.ipynb"


@pytest.fixture
def handed_in(tmp_path, corpus):
    """Write a notebook with these answers solved (and changed by a function) into the class folder."""

    def write(name, solved=(), change=None):
        made = corpus.answered(solved)
        if change:
            change(made)
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, path)
        return path

    return write


@pytest.fixture
def grade(tmp_path, master_path, capsys):
    """Run `rnnkit grade` on the class folder; give back status, output and errors."""

    def run(*options, folder=tmp_path / "class"):
        out = ["--out", str(tmp_path / "grades")] if "--out" not in options else []
        master = ["--master", str(master_path)] if "--master" not in options else []
        status = main(["grade", str(folder), *out, *master, "--workers", "1", *map(str, options)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def rows(tmp_path):
    """The rows of the gradebook by student."""
    import sqlite3

    def read(columns="points", gradebook=tmp_path / "grades/gradebook.db"):
        with sqlite3.connect(gradebook) as db:
            found = {student: rest for student, *rest in db.execute(f"SELECT student, {columns} FROM submission")}
        return {student: rest[0] if len(rest) == 1 else tuple(rest) for student, rest in found.items()}

    return read


@pytest.fixture
def exercises_only():
    """A change to a notebook: leave out the cells that show something (and import torch)."""

    def change(made):
        made.cells = [cell for cell in made.cells if cell.metadata.get("nbgrader")]

    return change


@pytest.fixture
def small_master(tmp_path, master_path, exercises_only):
    """The master without the cells that show something, and the modules beside it."""
    made = nbformat.read(master_path, as_version=4)
    exercises_only(made)
    (tmp_path / "masters").mkdir()
    nbformat.write(made, tmp_path / "masters" / master_path.name)
    for module in master_path.parent.glob("*.py"):
        shutil.copy(module, tmp_path / "masters")
    return tmp_path / "masters" / master_path.name
