"""`rnnkit new`: an own copy, brought up to date later without touching an answer."""

from __future__ import annotations

import copy
import os
import stat
from pathlib import Path

import nbformat
import pytest

from rnnkit.learner import files, new
from rnnkit.learner.files import LearnerError, as_bytes, read, shipped, source
from rnnkit.learner.merging import digest, digests, merge
from rnnkit.learner.terminal import Voice

RELEASE = Path(__file__).parents[2] / "exercises/05-bptt.ipynb"


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A newer release: a function changes it, and from then on it is what is shipped."""

    def make(change, name="05-bptt"):
        path = tmp_path / "release" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        notebook = read(path if path.exists() else RELEASE)
        change({str(cell["id"]): cell for cell in notebook["cells"]}, notebook["cells"])
        path.write_bytes(as_bytes(notebook))
        monkeypatch.setattr(new, "shipped", lambda: {p.stem: p for p in sorted(path.parent.glob("*.ipynb"))})
        return path

    return make


def new_prose(cells, _):
    cells["exercise-05-1"]["source"] = "## 05.1 Better told"


def without(name):
    return lambda cells, every: every.remove(cells[name])


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_holds_the_exercises_and_says_what_to_do(tmp_path, command):
    status, out, err = command(new, tmp_path / "deep" / "course")
    assert (status, err) == (0, "")
    assert out.startswith("05-bptt.ipynb: new\n")
    assert f"jupyter lab {tmp_path}/deep/course" in out
    assert read(tmp_path / "deep/course/05-bptt.ipynb") == read(RELEASE)
    nbformat.validate(nbformat.read(tmp_path / "deep/course/05-bptt.ipynb", as_version=4))


def test_the_copy_is_written_as_jupyterlab_writes_it(course):
    assert (course / "05-bptt.ipynb").read_bytes() == RELEASE.read_bytes()


def test_running_it_again_changes_nothing(course, command):
    before = files_of(course)
    status, out, _ = command(new, course)
    assert (status, out.splitlines()[0]) == (0, "05-bptt.ipynb: up to date")
    assert files_of(course) == before


def test_answers_and_own_cells_stay_while_locked_cells_are_brought_up_to_date(solved, release, command):
    book = solved(1, 2)
    book["answer-05-1"]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["mine"]}]
    book.insert_after("answer-05-1", "my own try", id="mine").insert_after(
        "exercise-05-1", "my note", "markdown", id="note"
    )
    before = copy.deepcopy(book.save())
    release(new_prose)
    status, out, _ = command(new, book.path.parent)
    after = type(book)(book.path)
    assert (status, out.splitlines()[0]) == (
        0, "05-bptt.ipynb: 1 cell brought up to date (as it was: .rnnkit/backups/05-bptt.1.ipynb)",
    )  # fmt: skip
    assert after.text("exercise-05-1") == "## 05.1 Better told"
    assert [c["id"] for c in after.cells] == [c["id"] for c in before.cells]
    for cell in before.cells:
        if cell["id"] != "exercise-05-1":
            assert source(after[cell["id"]]) == source(cell)
            assert after[cell["id"]].get("outputs") == cell.get("outputs")


def test_what_a_notebook_was_before_is_kept(book, release, command):
    book.insert_after("answer-05-1", "my own try", id="mine").save()
    before = book.path.read_bytes()
    for number in (1, 2):
        release(lambda cells, _, number=number: cells["exercise-05-1"].update(source=f"version {number}"))
        now = book.path.read_bytes()
        command(new, book.path.parent)
        assert (book.path.parent / f".rnnkit/backups/05-bptt.{number}.ipynb").read_bytes() == now
    assert (book.path.parent / ".rnnkit/backups/05-bptt.1.ipynb").read_bytes() == before


def test_a_locked_cell_that_was_edited_or_lost_is_put_back(book, command):
    book["check-05-1a"]["source"] = "print('passed')"
    book.cells.remove(book["check-05-1b"])
    book.cells.remove(book["answer-05-3"])
    book.save()
    out = command(new, book.path.parent)[1]
    after = type(book)(book.path)
    assert out.startswith("05-bptt.ipynb: 1 cell brought up to date, 2 cells added")
    assert [source(c) for c in after.cells] == [source(c) for c in read(RELEASE)["cells"]]


def test_a_check_cell_that_changes_loses_its_old_outputs(book, command):
    book["check-05-1a"].update(source="print(1)", outputs=[{"output_type": "stream", "text": "✓"}], execution_count=3)
    command(new, book.save().path.parent)
    after = type(book)(book.path)["check-05-1a"]
    assert (after["outputs"], after["execution_count"]) == ([], None)


def test_points_that_were_changed_are_put_right_and_other_metadata_stays(book, command):
    cell = book["check-05-1a"]
    cell["metadata"]["nbgrader"]["points"], cell["metadata"]["collapsed"] = 100, True
    command(new, book.save().path.parent)
    metadata = type(book)(book.path)["check-05-1a"]["metadata"]
    assert (metadata["nbgrader"]["points"], metadata["collapsed"]) == (3, True)


def test_a_stub_that_nobody_has_touched_becomes_the_new_one(book, release, command):
    release(lambda cells, _: cells["answer-05-4"].update(source="def checkpointed_bptt(better): ..."))
    command(new, book.path.parent)
    assert type(book)(book.path).text("answer-05-4") == "def checkpointed_bptt(better): ..."


def test_an_answer_stays_when_its_stub_changes_and_that_is_told_once(solved, release, command):
    book = solved(4)
    mine = book.text("answer-05-4")
    release(lambda cells, _: cells["answer-05-4"].update(source="def checkpointed_bptt(better): ..."))
    out = command(new, book.path.parent)[1]
    assert type(book)(book.path).text("answer-05-4") == mine
    assert "yours stay, though the text to start from is new: answer-05-4" in out
    assert "yours stay" not in command(new, book.path.parent)[1]


def test_an_open_cell_is_brought_up_to_date_only_where_the_learner_left_it(book, release, command):
    book["differences-05"]["source"] = "# I tried something"
    book.save()

    def change(cells, _):
        for name in ("differences-05", "autograd-05"):
            cells[name]["source"] = "new"

    release(change)
    command(new, book.path.parent)
    after = type(book)(book.path)
    assert (after.text("differences-05"), after.text("autograd-05")) == ("# I tried something", "new")


def test_cells_that_the_course_dropped_go_but_never_an_answer(solved, release, command):
    book = solved(4)
    for name in ("answer-05-4", "exercise-05-5", "answer-05-5"):
        release(without(name))
    out = command(new, book.path.parent)[1]
    names = [cell["id"] for cell in type(book)(book.path).cells]
    assert "1 cell removed" not in out
    assert "2 cells removed" in out  # the prose, and the stub that was never touched
    assert ("answer-05-4" in names, "answer-05-5" in names, "exercise-05-5" in names) == (True, False, False)


def test_new_cells_and_new_notebooks_arrive(book, release, command):
    added = {"cell_type": "markdown", "id": "fresh", "metadata": {"nbgrader": {"grade_id": "fresh", "locked": True}},
             "source": "new question"}  # fmt: skip
    release(lambda cells, every: every.insert(2, added))
    release(lambda cells, every: None, name="06-gates")
    out = command(new, book.path.parent)[1]
    assert "05-bptt.ipynb: 1 cell added" in out
    assert "06-gates.ipynb: new" in out
    assert type(book)(book.path).cells[2]["id"] == "fresh"


def test_copies_of_a_cell_stay_under_an_id_of_their_own(book, release, command):
    book.cells.insert(0, copy.deepcopy(book["check-05-1a"]))
    book.cells.append(copy.deepcopy(book["answer-05-1"]) | {"source": "my second version"})
    book.save()
    release(new_prose)
    command(new, book.path.parent)
    notebook = nbformat.read(book.path, as_version=4)
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert notebook.cells[-1].source == "my second version"


def test_a_notebook_saved_without_cell_ids_keeps_its_answers(solved, release, command):
    book = solved(1)
    answer = book.text("answer-05-1")
    for cell in book.insert_after("answer-05-1", "mine").cells:
        cell.pop("id", None)
    book.notebook["nbformat_minor"] = 4
    book.save()
    release(new_prose)
    command(new, book.path.parent)
    notebook = nbformat.read(book.path, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) == len(read(RELEASE)["cells"]) + 1
    assert [c.source for c in notebook.cells if c.id == "answer-05-1" or c.source == "mine"] == [answer, "mine"]


def test_merging_twice_is_merging_once_and_changes_neither_input():
    mine, release = read(RELEASE), read(RELEASE)
    mine["cells"].insert(3, {"cell_type": "code", "metadata": {}, "source": "own", "outputs": [], "id": "imports-05"})
    release["cells"][0]["source"] = "new"
    before = copy.deepcopy((mine, release))
    once = merge(mine, release, digests(mine))
    assert (mine, release) == before
    assert once.changed
    assert not merge(once.notebook, release, digests(release)).changed


# ------------------------------------------------------------------ what it refuses, and what it never loses


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path, command):
    (tmp_path / "thesis.tex").write_text("chapter 1")
    status, out, err = command(new, tmp_path)
    assert (status, out) == (2, "")
    assert "holds thesis.tex and was not made by this command: name a new or an empty folder" in err
    assert files_of(tmp_path) == {Path("thesis.tex"): b"chapter 1"}


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, command):
    (tmp_path / "course").write_text("")
    assert command(new, tmp_path / "course")[::2] == (
        2, f"rnnkit new: error: {tmp_path}/course is a file; name a folder\n",
    )  # fmt: skip


def test_the_folder_of_the_exercises_themselves_is_refused(command):
    before = RELEASE.read_bytes()
    assert command(new, RELEASE.parent)[0] == 2
    assert RELEASE.read_bytes() == before


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"worksheets": []}', '{"cells": [{"cell_type": "code"}]}', "<<<<<<< HEAD"]
)
def test_a_broken_notebook_stays_as_it_is_and_the_others_go_on(book, release, command, text):
    book.path.write_text(text)
    release(lambda cells, every: None)
    release(lambda cells, every: None, name="06-gates")
    status, out, err = command(new, book.path.parent)
    assert (status, book.path.read_text()) == (2, text)
    assert "05-bptt.ipynb is " in err
    assert "06-gates.ipynb: new" in out


def test_an_own_notebook_of_the_name_of_a_new_exercise_stays(course, release, command):
    own = course / "06-gates.ipynb"
    own.write_bytes(b"mine")
    release(lambda cells, every: None)
    release(lambda cells, every: None, name="06-gates")
    status, _, err = command(new, course)
    assert (status, own.read_bytes()) == (2, b"mine")
    assert "stands where a new exercise of this name belongs, and stays; rename it" in err


@pytest.mark.parametrize("text", ["{", "[]", '{"notebooks": 3}', '{"notebooks": {"05-bptt": 3}}'])
def test_a_damaged_mark_is_told_and_nothing_is_changed(course, command, text):
    (course / ".rnnkit/course.json").write_text(text)
    before = files_of(course)
    status, _, err = command(new, course)
    assert status == 2
    assert "course.json is damaged: move" in err
    assert files_of(course) == before


@pytest.mark.parametrize("fails_at", range(1, 8))
def test_a_disk_that_fills_up_loses_nothing(solved, release, command, monkeypatch, fails_at):
    """Whichever write fails, the notebook is the old one or the new one, and the next run completes."""
    book = solved(1)
    before, calls = book.path.read_bytes(), []
    release(new_prose)
    release(lambda cells, every: None, name="06-gates")

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == fails_at:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", full)
        status, _, err = command(new, book.path.parent)
    if len(calls) >= fails_at:
        assert (status, "No space left on device; nothing was lost" in err) == (2, True)
    after = book.path.read_bytes()
    assert after == before or type(book)(book.path).text("exercise-05-1") == "## 05.1 Better told"
    assert not list(book.path.parent.rglob("*.new"))
    assert command(new, book.path.parent)[0] == 0
    done = type(book)(book.path)
    assert (done.text("exercise-05-1"), done.text("answer-05-1")) == ("## 05.1 Better told", book.text("answer-05-1"))
    assert (book.path.parent / "06-gates.ipynb").exists()


def test_a_folder_whose_making_was_cut_short_is_completed(tmp_path, command):
    (tmp_path / ".rnnkit").mkdir()
    assert command(new, tmp_path)[0] == 0
    assert (tmp_path / "05-bptt.ipynb").exists()


def test_a_notebook_that_is_saved_meanwhile_stays(book, release, command, monkeypatch):
    release(new_prose)
    real = new._backup

    def saved_meanwhile(mine, data):
        book.insert_after("answer-05-1", "just now", id="now").save()
        return real(mine, data)

    monkeypatch.setattr(new, "_backup", saved_meanwhile)
    status, _, err = command(new, book.path.parent)
    assert status == 2
    assert "was saved by another program just now, and stays" in err
    assert type(book)(book.path).text("now") == "just now"


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_permissions_stay(book, release, command):
    book.path.chmod(0o640)
    release(new_prose)
    command(new, book.path.parent)
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o640


# ------------------------------------------------------------------ where the exercises come from


def test_a_checkout_ships_its_own_exercises():
    assert shipped() == {path.stem: path for path in RELEASE.parent.glob("*.ipynb")}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """rnnkit as a wheel puts it: the package here, the exercises elsewhere, a record of both."""
    package = tmp_path / "site" / "rnnkit" / "__init__.py"
    monkeypatch.setattr(files.rnnkit, "__file__", str(package))

    class File(type(tmp_path)):
        def locate(self):
            return tmp_path / "site" / self

    def record(*names):
        monkeypatch.setattr(files.metadata, "files", lambda name: [File(n) for n in names])
        return tmp_path

    return record


def test_an_installed_package_ships_what_its_record_names(installed):
    here = installed("rnnkit/__init__.py", "../share/rnnkit/exercises/05-bptt.ipynb", "../share/other/06.ipynb")
    (here / "share/rnnkit/exercises").mkdir(parents=True)
    (here / "share/rnnkit/exercises/05-bptt.ipynb").write_bytes(RELEASE.read_bytes())
    assert shipped() == {"05-bptt": here.resolve() / "share/rnnkit/exercises/05-bptt.ipynb"}


def test_a_package_in_a_folder_of_its_own_has_them_beside_it(installed):
    here = installed("rnnkit/__init__.py", "../../share/rnnkit/exercises/05-bptt.ipynb") / "site/share/rnnkit/exercises"
    here.mkdir(parents=True)
    (here / "05-bptt.ipynb").write_bytes(b"")
    assert shipped() == {"05-bptt": here.resolve() / "05-bptt.ipynb"}


def test_an_installation_without_exercises_is_told(installed):
    installed("rnnkit/__init__.py", "../share/rnnkit/exercises/05-bptt.ipynb")
    with pytest.raises(LearnerError, match="installed without its exercises: install it anew"):
        shipped()


def test_digests_do_not_depend_on_how_lines_are_stored():
    one, other = ({"cell_type": "code", "metadata": {}, "source": text} for text in ("a\nb", ["a\n", "b"]))
    assert digest(one) == digest(other)


def test_a_voice_without_letters_for_it_prints_what_it_can(tmp_path):
    with (tmp_path / "out").open("w", encoding="cp1252") as stream:
        Voice(stream).say("✓ 05.1 “é”…")
    assert (tmp_path / "out").read_text("cp1252") == "+ 05.1 “é”…\n".translate(
        str.maketrans({"“": '"', "”": '"', "…": "."})
    )
