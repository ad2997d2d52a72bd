"""`rnnkit progress`: what is done, what comes next, as saved or run afresh."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest

from rnnkit.learner import progress
from rnnkit.learner.progress import Bar
from rnnkit.learner.terminal import Voice, plain

FIRST = "Next: 05.1a, the loss and the readout (3 points, about 10 minutes)."


def line(out, exercise_id):
    return next(text for text in out.splitlines() if f" {exercise_id} " in text)


def mark(book, exercise_id, text):
    """Store the output of a passed check."""
    cell = book[f"check-{exercise_id.replace('.', '-')}"]
    cell["outputs"], cell["execution_count"] = [{"output_type": "stream", "name": "stdout", "text": text}], None
    return book


def test_a_new_course_begins_at_the_first_exercise(course, command):
    status, out, err = command(progress, course)
    assert (status, err) == (0, "")
    assert out.startswith("05-bptt.ipynb   0 of 26 points\n")
    assert out.splitlines()[-2:] == ["0 of 26 points; 0 of 7 exercises; about 90 minutes to go.", FIRST]
    assert re.fullmatch(r"  · 05\.2 +name the bug +0 of 4", line(out, "05.2"))


def test_what_is_done_counts_and_the_next_is_the_first_that_is_not(solved, command):
    book = mark(mark(solved(1, 2), "05.1a", "✓ 05.1a: 3 points\n"), "05.2", "✓ 05.2: 4 points\n").save()
    out = command(progress, book.path)[1]
    assert "7 of 26 points; 2 of 7 exercises; about 65 minutes to go." in out
    assert out.splitlines()[-1] == "Next: 05.1b, the recurrent weights (5 points, about 15 minutes)."
    assert line(out, "05.1a").startswith("  ✓ ")


def test_a_stale_check_is_to_be_run_again(solved, command):
    book = mark(solved(), "05.1a", "✓ 05.1a: 3 points\n").save()
    out = command(progress, book.path)[1]
    assert line(out, "05.1a").startswith("  ↻ ")
    assert line(out, "05.1a").endswith("its answer is empty now")
    assert out.splitlines()[-1] == "Next: 05.1a, the loss and the readout (3 points, check again)."


def test_all_done_is_said(solved, command):
    book = solved(1, 2, 3, 4, 5)
    for one in progress.standings("05-bptt", book.notebook):
        mark(book, one.exercise.id, progress_line(one.exercise))
    assert command(progress, book.save().path)[1].splitlines()[-1] == "All done: 26 of 26 points."


def progress_line(one):
    return f"✓ {one.id}: {one.points} points\n"


def test_a_checkout_is_looked_at_in_its_folder_of_exercises(course, command, tmp_path):
    course.rename(tmp_path / "exercises")
    assert FIRST in command(progress, tmp_path)[1]


def test_copies_of_a_notebook_are_shown_and_counted_once(solved, command):
    book = mark(solved(1), "05.1a", "✓ 05.1a: 3 points\n").save()
    book.path.with_name("05-bptt-Copy1.ipynb").write_bytes((book.path).read_bytes())
    out = command(progress, book.path.parent)[1]
    assert "05-bptt-Copy1.ipynb   3 of 26 points" in out
    assert "\n3 of 26 points; 1 of 7 exercises;" in out


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda d: d / "none", "there is no folder"),
        (lambda d: d, "there is no notebook in"),
        (lambda d: (d / "a.ipynb").write_text('{"cells": []}') and d, "there is no exercise notebook in"),
    ],
)
def test_where_there_is_nothing_to_show_the_remedy_is_told(tmp_path, command, make, words):
    status, out, err = command(progress, make(tmp_path))
    assert (status, out) == (2, "")
    assert err.startswith("rnnkit progress: error: ")
    assert words in err


def test_a_broken_notebook_is_told_and_the_others_are_shown(course, command):
    (course / "06.ipynb").write_text("<<<<<<< HEAD")
    status, out, err = command(progress, course)
    assert status == 2
    assert FIRST in out
    assert "06.ipynb is no notebook (not JSON: " in err


def test_what_a_notebook_holds_cannot_move_the_cursor(book, command):
    book["check-05-1a"]["outputs"] = [
        {"output_type": "error", "ename": "NotRightYet", "evalue": "✗ 05.1a: \x1b[2J\x07\u202eno", "traceback": []}
    ]
    out = command(progress, book.save().path)[1]
    assert line(out, "05.1a").endswith("[2J no")
    assert "\x1b" not in out


def test_nothing_is_written(course, command):
    before = {path: path.stat().st_mtime_ns for path in course.rglob("*")}
    command(progress, course)
    assert {path: path.stat().st_mtime_ns for path in course.rglob("*")} == before


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_are_for_terminals_without_an_objection(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Voice(Terminal()).paint("✓", "green") == "\x1b[32m✓\x1b[0m"
    assert Voice(io.StringIO()).paint("✓", "green") == "✓"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Voice(Terminal()).paint("✓", "green") == "✓"


def test_the_bar_shows_cells_on_a_terminal_and_nothing_elsewhere(monkeypatch):
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Bar("05-bptt.ipynb", 2) as bar:
            bar.tick()
        assert ("cell 1 of 2" in stream.getvalue()) == shown


def test_long_words_are_cut_to_a_line():
    assert plain("a\n" * 500, 20) == "a a a a a a a a a a…"[:19] + "…"


def test_it_needs_neither_ipython_nor_any_notebook_package():
    code = (
        "import sys\n"
        "for name in ('IPython', 'nbformat', 'nbclient', 'ipywidgets', 'jupyter_client', 'tqdm', 'torch'):\n"
        "    sys.modules[name] = None\n"
        "import argparse\nfrom rnnkit.learner import new, progress\nfor module in (new, progress):\n"
        "    module.add_arguments(argparse.ArgumentParser())\n"
        "print(progress.run(argparse.Namespace(place=progress.Path('.'), run=False, timeout=1)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "0", done.stderr


# ------------------------------------------------------------------ --run


def test_a_fresh_run_believes_no_saved_output(solved, command, monkeypatch):
    """A saved ✓ without an answer, answers never run, a cell that raises, and one that takes too long."""
    ticks = []
    monkeypatch.setattr(Bar, "tick", lambda bar: ticks.append(bar.total))
    book = mark(solved(1, 2), "05.5", "✓ 05.5: 3 points\n")
    book.cells.remove(book["autograd-05"])  # imports torch
    book.insert_after("imports-05", "1 / 0").insert_after("imports-05", "while True: pass").save()
    before = book.path.read_bytes()
    status, out, err = command(progress, book.path, "--run", "--timeout", 1)
    assert (status, err) == (0, "")
    assert "14 of 26 points; 4 of 7 exercises; about 45 minutes to go." in out
    assert line(out, "05.5").split()[-3:] == ["not", "written", "yet"]
    assert book.path.read_bytes() == before
    assert len(ticks) == ticks[0] == sum(cell["cell_type"] == "code" for cell in book.cells)


def test_an_unknown_kernel_is_told(course, command):
    status, _, err = command(progress, course, "--run", "--kernel", "julia-9")
    assert status == 2
    assert "there is no kernel 'julia-9'; jupyter kernelspec list names those there are" in err


def test_a_kernel_that_dies_is_told(book, command):
    book.insert_after("imports-05", "import os; os._exit(1)").save()
    status, _, err = command(progress, book.path, "--run")
    assert status == 2
    assert "the kernel died while 05-bptt.ipynb ran" in err


def test_what_a_fresh_run_needs_is_told(book, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbclient", None)
    status, _, err = command(progress, book.path, "--run")
    assert status == 2
    assert "--run needs nbclient, which is not installed: pip install 'rnnkit[lab]'" in err


def test_a_time_limit_of_nothing_is_refused(course, command):
    status, _, err = command(progress, course, "--run", "--timeout", 0)
    assert (status, err) == (2, "rnnkit progress: error: --timeout is 0; give a number of seconds above 0\n")
