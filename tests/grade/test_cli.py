import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from rnnkit.__main__ import main

EXERCISES = Path(__file__).parents[2] / "exercises"


@pytest.fixture
def small_class(handed_in):
    handed_in("ana.ipynb", solved=(1, 2))
    handed_in("ben/05-bptt.ipynb")


def test_a_class_is_graded_and_shown(small_class, grade, rows):
    status, out, _ = grade()
    assert status == 0
    assert rows() == {"ana": 14, "ben": 0}
    assert "2 submissions: 2 graded, mean 7.0 points" in out
    assert "ISOLATION" in out
    assert "limits on time, CPU, memory" in " ".join(out.split())


def test_a_second_run_does_nothing_and_shows_the_same(small_class, grade, rows):
    _, first, _ = grade()
    before = rows("graded_at, seconds")
    status, second, errors = grade()
    assert (status, second) == (0, first)
    assert "2 of 2 are graded already" in errors
    assert rows("graded_at, seconds") == before


def test_only_what_changed_is_graded_again(small_class, handed_in, grade, rows):
    grade()
    before = rows("seconds")
    handed_in("ben/05-bptt.ipynb", solved=(5,))
    _, _, errors = grade()
    assert "1 of 2 are graded already" in errors
    assert rows() == {"ana": 14, "ben": 3}
    assert rows("seconds")["ana"] == before["ana"]


def test_fresh_grades_again_with_the_same_seeds_and_points(small_class, grade, rows):
    grade()
    before = rows("seconds"), rows("points, seed")
    _, _, errors = grade("--fresh")
    assert "already" not in errors
    assert rows("seconds") != before[0]
    assert rows("points, seed") == before[1]


def test_another_seed_or_limit_grades_again(handed_in, grade, rows):
    handed_in("ana.ipynb")
    grade("--seed", "one")
    assert "already" not in grade("--seed", "two")[2]
    assert "already" not in grade("--seed", "two", "--timeout-cell", "20")[2]
    assert set(rows("seed").values()) == {"two"}


def test_public_seeds_are_recorded_as_public(small_class, grade, rows):
    grade("--public")
    assert rows("points, seed") == {"ana": (14, "public"), "ben": (0, "public")}


def test_the_submissions_folder_is_never_written(small_class, grade, tmp_path):
    def state():
        return {path: (path.is_dir() or path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*")}

    folder = tmp_path / "class"
    before = state()
    grade("--csv", tmp_path / "grades.csv")
    assert state() == before


def test_code_beside_a_submission_is_never_run_by_the_grader(handed_in, grade, rows, tmp_path):
    handed_in("ana/05-bptt.ipynb", solved=(2,))
    for name in ("conftest.py", "__init__.py", "sitecustomize.py", "numpy.py", "pytest.ini"):
        (tmp_path / "class/ana" / name).write_text("raise SystemExit('run')")
    assert grade()[0] == 0
    assert rows() == {"ana": 4}


def test_hidden_values_and_seeds_stay_out_of_what_students_see(handed_in, corpus, grade, rows, tmp_path):
    wrong = "\n\ndef name_the_bug(problem, wrong):\n    return -1.0\n"
    halved = "\n\n_right = bptt\n\ndef bptt(*a):\n    loss, grads = _right(*a)\n    return loss / 2, grads\n"

    def change(made):
        corpus.answer(made, 1).source += halved
        corpus.answer(made, 2).source += wrong

    handed_in("ana.ipynb", solved=(1,), change=change)
    _, out, _ = grade("--csv", tmp_path / "g.csv")
    (seed,) = rows("seed").values()
    shown = out + (tmp_path / "g.csv").read_text()
    assert "05.1a: loss differs" in shown
    assert "expected" not in shown
    assert seed not in shown


def test_gradebook_and_table_lie_in_one_folder_when_nothing_else_is_asked(small_class, grade, tmp_path):
    _, out, _ = grade()
    assert {"gradebook.db", "grades.csv"} <= {path.name for path in (tmp_path / "grades").iterdir()}
    assert str(tmp_path / "grades/grades.csv") in out


def test_the_csv_has_a_line_per_submission_and_no_formulas(handed_in, grade, tmp_path):
    handed_in("=cmd().ipynb", solved=(1,))
    handed_in("Zoë.ipynb")
    (tmp_path / "class/broken.ipynb").write_text("{")
    grade("--csv", tmp_path / "g.csv")
    with (tmp_path / "g.csv").open(newline="", encoding="utf-8") as file:
        lines = {line["student"]: line for line in csv.DictReader(file)}
    assert set(lines) == {"'=cmd()", "Zoë", "broken"}
    assert (lines["'=cmd()"]["points"], lines["'=cmd()"]["05.1b"], lines["Zoë"]["maximum"]) == ("10", "5", "26")
    assert (lines["broken"]["status"], lines["broken"]["points"]) == ("unreadable", "0")


def test_a_notebook_is_found_by_its_cells_among_several_masters(handed_in, grade, rows, master_path, tmp_path):
    other = tmp_path / "masters/06-other.ipynb"
    other.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), other)
    handed_in("ana.ipynb", solved=(5,))
    grade("--master", other, "--master", master_path)
    assert rows("master, points") == {"ana": ("05-bptt", 3)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "0"], "--workers is 0; give at least 1"),
        (["--memory-mb", "1"], "memory_mb is 1; a kernel with torch takes at least 512"),
        (["--timeout-cell", "-1"], "cell_seconds is -1.0; give a number above 0"),
        (["--master", "nowhere.ipynb"], "no master notebook at nowhere.ipynb; name one with --master"),
        (["--csv", "no/such/folder/g.csv"], "the folder of no/such/folder/g.csv does not exist"),
    ],
)
def test_bad_options_end_with_2_and_a_remedy(small_class, grade, options, message):
    status, _, errors = grade(*options)
    assert status == 2
    assert message in errors


def test_a_folder_without_notebooks_ends_with_2(grade, tmp_path):
    (tmp_path / "class").mkdir()
    status, _, errors = grade()
    assert status == 2
    assert "holds no notebook; expected" in errors
    assert not (tmp_path / "grades").exists()


def test_results_may_not_lie_among_the_submissions(small_class, grade, tmp_path):
    status, _, errors = grade("--out", str(tmp_path / "class/grades"))
    assert status == 2
    assert "choose a folder outside it" in errors


def test_a_damaged_gradebook_ends_with_2_and_stays(small_class, grade, tmp_path):
    path = tmp_path / "grades/gradebook.db"
    path.parent.mkdir()
    path.write_text("years of work")
    status, _, errors = grade()
    assert status == 2
    assert "left as it is" in errors
    assert path.read_text() == "years of work"


def test_a_broken_master_is_one_clear_error(small_class, grade, tmp_path):
    (tmp_path / "07-broken.ipynb").write_text("{")
    status, _, errors = grade("--master", tmp_path / "07-broken.ipynb")
    assert status == 2
    assert "07-broken.ipynb is no master notebook" in errors


def test_an_exercise_given_as_the_master_is_one_clear_error(small_class, grade):
    status, _, errors = grade("--master", EXERCISES / "05-bptt.ipynb")
    assert status == 2
    assert "is no master: the answer answer-05-1 has no ### BEGIN SOLUTION" in errors


def test_a_master_without_the_wrong_answers_it_needs_is_one_clear_error(small_class, grade, master_path, tmp_path):
    alone = Path(shutil.copy(master_path, tmp_path))
    status, _, errors = grade("--master", alone)
    assert status == 2
    assert "has no wrong_answers_05.py beside it" in errors


def test_without_the_grade_extra_the_command_says_what_to_install():
    source = "import sys; sys.modules['tqdm'] = None; from rnnkit.__main__ import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", source]
    done = subprocess.run([*command, "grade", "somewhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "rnnkit grade needs tqdm, which is not installed: pip install 'rnnkit[grade]'" in done.stderr
    assert subprocess.run([*command, "--version"], capture_output=True, check=False).returncode == 0


def test_help_shows_examples_and_the_isolation_in_force(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["grade", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "rnnkit grade handed_in/ --out exam/" in text
    assert "every kernel runs behind all the walls that this machine has" in text


def test_pytest_settings_of_the_instructor_do_not_matter(small_class, grade, rows, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    grade()
    assert rows() == {"ana": 14, "ben": 0}
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"


def test_one_command_writes_every_export_and_all_pages(small_class, grade, tmp_path):
    out = tmp_path / "grades"
    formats = ("json", "junit", "gradescope", "canvas", "moodle", f"github={tmp_path / 'summary.md'}")
    exports = [word for one in formats for word in ("--export", one)]
    status, said, errors = grade(*exports, "--feedback", "--similarity", "--due", "2026-01-01T00:00+00:00")
    assert status == 0, errors
    names = {path.name for path in out.iterdir()}
    assert {"grades.csv", "grades.json", "junit.xml", "canvas.csv", "moodle.csv", "feedback", "similarity"} <= names
    assert "ana" in (tmp_path / "summary.md").read_text()
    assert len(list((out / "feedback").glob("*.html"))) == 3
    assert "LATE: due 2026-01-01" in said
    status, _, errors = grade("--export", "json")
    assert "2 of 2 are graded already" in errors


def test_what_cannot_be_exported_is_found_out_before_anything_is_graded(small_class, grade, tmp_path):
    for options, message in (
        (["--export", "word"], "there is no export 'word'; choose one of csv"),
        (["--export", f"json={tmp_path}/nowhere/a.json"], "the folder of"),
        (["--late", "1/day"], "give --due"),
        (["--due", "soon"], "soon"),
        (["--executor", "dask"], "--executor dask and --scheduler ADDRESS belong together"),
        (["--workers", "0"], "give at least 1"),
    ):
        status, _, errors = grade(*options)
        assert status == 2
        assert message in errors
        assert "Traceback" not in errors
    assert not (tmp_path / "grades/gradebook.db").exists()


def test_strict_isolation_refuses_before_anything_is_graded(small_class, grade, monkeypatch):
    from rnnkit.isolation import bubblewrap, landlock

    def find():
        raise bubblewrap.BubblewrapError("no bwrap today")

    monkeypatch.setattr(bubblewrap, "find", find)
    monkeypatch.setattr(landlock, "version", lambda: 0)
    status, _, errors = grade("--isolation", "strict")
    assert status == 2
    assert "--isolation strict cannot be had here: no bwrap today; no Landlock" in errors


def test_another_isolation_grades_again_and_is_recorded(handed_in, grade, rows):
    handed_in("ana.ipynb", solved=(2,))
    grade()
    _, out, errors = grade("--isolation", "none")
    assert "already" not in errors
    assert "switched off by --isolation none" in rows("isolation")["ana"]
    assert "WEAK ISOLATION" in out
    assert rows() == {"ana": 4}
