"""A course folder as a learner has it, and the commands as they are called."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nbformat
import pytest

from rnnkit.grade.master import Master
from rnnkit.learner import new
from rnnkit.learner.files import info, source

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "exercises/05-bptt.ipynb"
SOLUTION = ROOT / "solutions/05-bptt.ipynb"


@pytest.fixture(scope="session")
def master():
    return Master.load(SOLUTION)


class Book:
    """A notebook on disk, its cells by name."""

    def __init__(self, path):
        self.path = path
        self.notebook = json.loads(path.read_text("utf-8"))

    @property
    def cells(self):
        return self.notebook["cells"]

    def __getitem__(self, name):
        return next(cell for cell in self.cells if name in (info(cell).get("grade_id"), cell.get("id")))

    def text(self, name):
        return source(self[name])

    def insert_after(self, name, text, kind="code", **more):
        cell = getattr(nbformat.v4, f"new_{kind}_cell")(text, **more)
        self.cells.insert(self.cells.index(self[name]) + 1, cell)
        return self

    def save(self):
        self.path.write_text(json.dumps(self.notebook), "utf-8")
        return self


@pytest.fixture
def command(capsys):
    """Run one of the two commands; give back status, output and errors."""

    def run(module, *options):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        status = module.run(parser.parse_args([str(option) for option in options]))
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture(autouse=True)
def one_notebook(monkeypatch):
    """The course of these tests has one notebook, however many the project has."""
    monkeypatch.setattr(new, "shipped", lambda: {RELEASE.stem: RELEASE})


@pytest.fixture
def course(tmp_path, command):
    """A folder that `rnnkit new` has made."""
    folder = tmp_path / "my course"
    assert command(new, folder)[0] == 0
    return folder


@pytest.fixture
def book(course):
    return Book(course / "05-bptt.ipynb")


@pytest.fixture
def solved(book):
    """Put the reference's answer to these questions into the notebook, as the learner would save it."""
    answers = Book(SOLUTION)

    def solve(*numbers):
        for number in numbers:
            book[f"answer-05-{number}"]["source"] = answers.text(f"answer-05-{number}")
        return book.save()

    return solve
