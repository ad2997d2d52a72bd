"""Templates for CI: what they may do, and that their very commands grade a class."""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
import yaml

from rnnkit.check import exercises
from rnnkit.grade import cli
from rnnkit.grade.exports import FORMATS
from rnnkit.isolation.plan import IsolationError, require

ROOT = Path(__file__).parents[2]
CI = ROOT / "templates/ci"
MASTER = ROOT / "solutions/05-bptt.ipynb"
OF_THE_STAFF = ("github-actions", "github-classroom-collect", "gitlab-ci")
ON_GITHUB = ("github-actions", "github-classroom", "github-classroom-collect")
MARK = "# set-up"  # the first line of a script that installs: those are not run here
MAY_INSTALL = re.compile(
    r"# set-up|(sudo )?apt-get update|(sudo )?apt-get install --yes --no-install-recommends bubblewrap libseccomp2"
    r"|sudo sysctl --write kernel\.apparmor_restrict_unprivileged_userns=0"
    r'|python -m pip install "\$RNNKIT"( ipykernel nbclient)?'
)
EXPRESSIONS = {"github.event.repository.private": "true", "secrets.COLLECT_TOKEN": "not-a-token"}


def strict_or_skip():
    try:
        require()
    except IsolationError as error:
        pytest.skip(str(error))


def content(name):
    return yaml.safe_load((CI / f"{name}.yml").read_text("utf8"))


@dataclass
class Step:
    """A script of a template, with the environment that the template gives it."""

    name: str
    script: str
    env: dict[str, str] = field(default_factory=dict)

    @property
    def installs(self):
        return self.script.lstrip().startswith(MARK)


def steps(name):
    """All scripts of a template, in their order."""
    template = content(name)
    if name == "gitlab-ci":
        job, env = template["grade"], template["variables"]
        return [Step("script", line, env) for line in (*job["before_script"], *job["script"])]
    (job,) = template["jobs"].values()
    return [
        Step(step.get("name", "?"), step["run"], job.get("env", {}) | step.get("env", {}))
        for step in job["steps"]
        if "run" in step
    ]


def resolved(value):
    return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: EXPRESSIONS[match[1]], str(value))


@pytest.fixture
def repository(tmp_path):
    """A folder as a template expects it, but for the submissions."""
    folder = tmp_path / "repository"
    (folder / "solutions").mkdir(parents=True)
    for file in ("05-bptt.ipynb", "wrong_answers_05.py"):
        shutil.copy(ROOT / "solutions" / file, folder / "solutions")
    return folder


def answered(path, solved):
    """Write the exercise with the answers of these numbers taken from the solution (no check needs its torch cell)."""
    made = nbformat.read(ROOT / "exercises/05-bptt.ipynb", as_version=4)
    made.cells = [cell for cell in made.cells if "import torch" not in cell.source]
    right = {grade_id(cell): cell.source for cell in nbformat.read(MASTER, as_version=4).cells}
    for cell in made.cells:
        if grade_id(cell) in {f"answer-05-{number}" for number in solved}:
            cell.source = right[grade_id(cell)]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)


def grade_id(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def run(script, folder, env=(), expected=0):
    """Run a script as the runners do; give back what it printed."""
    for key in ("home", "summary.md"):
        (folder.parent / key).mkdir(exist_ok=True) if key == "home" else (folder.parent / key).touch()
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder.parent / "home"),
        "LANG": "C.UTF-8",
        "GITHUB_STEP_SUMMARY": str(folder.parent / "summary.md"),
        "CI_PROJECT_VISIBILITY": "private",
        **{key: resolved(value) for key, value in dict(env).items()},
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def run_all(name, folder, **env):
    """Run every script of a template that does not install."""
    return "".join(run(step.script, folder, step.env | env) for step in steps(name) if not step.installs)


def points(folder):
    """The points of every student, by the exported JSON file."""
    rows = json.loads((folder / "grades/grades.json").read_text("utf8"))["submissions"]
    return {row["student"]: row["points"] for row in rows}


# ------------------------------------------------------------------ what they may do


def test_these_are_all_templates_and_each_has_one_job():
    assert {path.stem for path in CI.glob("*.yml")} == {*ON_GITHUB, "gitlab-ci"}
    assert [list(content(name)["jobs"]) for name in ON_GITHUB] == [["grade"], ["checks"], ["grade"]]
    assert "grade" in content("gitlab-ci")


@pytest.mark.parametrize("name", ON_GITHUB)
def test_a_workflow_may_read_and_nothing_else(name):
    template = content(name)
    assert template["permissions"] == {"contents": "read"}
    assert set(template[True]) <= {"push", "workflow_dispatch"}  # YAML 1.1 reads the key `on` as true
    (job,) = template["jobs"].values()
    assert "permissions" not in job
    checkouts = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


@pytest.mark.parametrize("name", ON_GITHUB)
def test_only_github_s_own_actions_are_used_by_major_version(name):
    (job,) = content(name)["jobs"].values()
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert [one for one in used if not re.fullmatch(r"actions/[a-z-]+(/(restore|save))?@v\d+", one)] == []


@pytest.mark.parametrize("name", ON_GITHUB)
def test_no_expression_is_pasted_into_a_script(name):
    assert [step.name for step in steps(name) if "${{" in step.script] == []


@pytest.mark.parametrize("name", [*ON_GITHUB, "gitlab-ci"])
def test_every_run_has_a_time_limit_and_does_not_overlap(name):
    template = content(name)
    if name == "gitlab-ci":
        assert {"timeout", "resource_group"} <= set(template["grade"])
    else:
        assert template["concurrency"]["group"]
        (job,) = template["jobs"].values()
        assert job["timeout-minutes"] > sum(step.get("timeout-minutes", 0) for step in job["steps"])


@pytest.mark.parametrize("name", [*ON_GITHUB, "gitlab-ci"])
def test_what_is_not_run_here_only_installs(name):
    installing = [line for step in steps(name) if step.installs for line in step.script.splitlines()]
    assert [line for line in installing if not MAY_INSTALL.fullmatch(line.strip())] == []
    assert sum(step.installs for step in steps(name)) == (2 if name in OF_THE_STAFF[:2] else 1)


@pytest.mark.parametrize("name", OF_THE_STAFF)
def test_the_staff_s_templates_insist_on_isolation(name):
    commands = [step.script for step in steps(name) if "rnnkit grade " in step.script]
    assert len(commands) == 1
    assert "--isolation strict" in commands[0]


@pytest.mark.parametrize(
    ("name", "variable"), list(zip(OF_THE_STAFF, ("PRIVATE", "PRIVATE", "CI_PROJECT_VISIBILITY"), strict=True))
)
def test_a_public_repository_is_refused_first(name, variable, repository):
    first = next(step for step in steps(name) if not step.installs)
    for value in ("false", "public", ""):
        assert "not private" in run(first.script, repository, {variable: value}, expected=1)


# ------------------------------------------------------------------ what they do


def test_github_actions_grades_a_class_and_goes_on_with_its_gradebook(repository):
    strict_or_skip()
    answered(repository / "submissions/ana/05-bptt.ipynb", (1, 2, 3, 4, 5))
    answered(repository / "submissions/bo.ipynb", (1, 2))
    run_all("github-actions", repository)
    assert points(repository) == {"ana": 26, "bo": 14}
    summary = (repository.parent / "summary.md").read_text("utf8")
    assert "2 submissions: 2 graded, mean 20.0 points" in summary
    assert "files&#44; network and processes sealed off and tried" in summary
    suites = ElementTree.parse(repository / "grades/junit.xml").getroot()
    assert [(one.get("name"), one.get("failures")) for one in suites] == [("ana", "0"), ("bo", "3")]
    assert {path.name for path in (repository / "grades/feedback").glob("*.html")} == {
        "ana.html",
        "bo.html",
        "index.html",
    }
    for file in repository.glob("grades/*"):
        if not file.name.startswith("gradebook.db"):  # all that the cache keeps
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    assert "2 of 2 are graded already" in run_all("github-actions", repository)
    assert points(repository) == {"ana": 26, "bo": 14}


def test_what_a_submission_says_is_no_command_to_github(repository):
    script = next(step.script for step in steps("github-actions") if "rnnkit grade" in step.script)
    said = run(script.replace("rnnkit grade", "echo '##[error]' rnnkit grade"), repository).splitlines()
    assert said[0].startswith("::stop-commands::")
    token = said[0].removeprefix("::stop-commands::")
    assert said[-1] == f"::{token}::"
    assert len(token) == 64
    assert run(script.replace("rnnkit grade", "false"), repository, expected=1).splitlines()[-1].endswith("::")


def test_students_repositories_are_collected_and_graded(repository, tmp_path):
    strict_or_skip()
    make_repository(tmp_path / "github/school/05-bptt-ana.git", lambda path: answered(path, (1, 2)))
    make_repository(tmp_path / "github/school/05-bptt-cy.git", lambda path: path.symlink_to("/etc/passwd"))
    (repository / "students.txt").write_text("school/05-bptt-ana\n\nschool/05-bptt-bo\nschool/05-bptt-cy")
    settings = tmp_path / "gitconfig"
    settings.write_text(f'[url "file://{tmp_path}/github/"]\n insteadOf = https://github.com/\n')
    said = run_all("github-classroom-collect", repository, GIT_CONFIG_GLOBAL=settings)
    assert points(repository) == {"05-bptt-ana": 14, "05-bptt-bo": 0, "05-bptt-cy": 0}
    assert "::warning::school/05-bptt-bo: no 05-bptt.ipynb could be collected" in said
    times = (repository / "collected/handed-in.csv").read_text().splitlines()
    assert re.fullmatch(r"05-bptt-ana,2026-05-01T12:00:00(Z|\+00:00),[0-9a-f]{40}", times[1])
    assert not [path for path in repository.rglob("*") if path.is_symlink()]
    kept = b"".join(path.read_bytes() for path in (repository / "collected").rglob("*") if path.is_file())
    assert b"not-a-token" not in kept


def make_repository(folder, write):
    """Make a bare git repository with one commit that holds the notebook."""
    work = folder.with_suffix(".work")
    work.mkdir(parents=True)
    write(work / "05-bptt.ipynb")
    when = "2026-05-01T12:00:00+00:00"
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (
        ["init", "-q"],
        ["add", "."],
        [*who, "commit", "-qm", "work"],
        ["clone", "-q", "--bare", ".", folder],
    ):
        subprocess.run(["git", *command], cwd=work, env=env, check=True)
    shutil.rmtree(work)


def test_gitlab_grades_a_class(repository):
    strict_or_skip()
    answered(repository / "submissions/ana/05-bptt.ipynb", (1, 2))
    run_all("gitlab-ci", repository)
    assert points(repository) == {"ana": 14}
    kept = content("gitlab-ci")["grade"]
    assert (repository / kept["artifacts"]["reports"]["junit"]).is_file()
    assert list(repository.glob(kept["cache"]["paths"][0]))
    assert "mean 14.0 points" in (repository / "grades/summary.md").read_text("utf8")


def test_a_student_s_repository_says_what_is_right_and_is_green_when_all_is(tmp_path):
    folder = tmp_path / "mine"
    answered(folder / "05-bptt.ipynb", (1, 2))
    checks, verdict = (step for step in steps("github-classroom") if not step.installs)
    run(checks.script, folder, checks.env)
    assert "14 of 26 points" in (tmp_path / "summary.md").read_text("utf8")
    run(verdict.script, folder, expected=1)
    (folder / "progress.txt").write_text("All done: 26 of 26 points.\n")
    run(verdict.script, folder)


def test_the_tests_for_classroom_50_give_the_points_of_the_exercise(tmp_path):
    tests = json.loads((CI / "classroom50-tests.json").read_text("utf8"))
    assert {one["name"]: one["points"] for one in tests if one["points"]} == {
        one.id: one.points for one in exercises("05-bptt")
    }
    assert tests[0]["run"] == "python3 -m pip install rnnkit ipykernel nbclient"
    folder = tmp_path / "mine"
    answered(folder / "05-bptt.ipynb", (1, 2))
    run(tests[1]["run"], folder)
    passed = [
        one for one in tests[2:] if subprocess.run(one["run"], shell=True, cwd=folder, check=False).returncode == 0
    ]
    assert [one["name"] for one in passed] == ["05.1a", "05.1b", "05.1c", "05.2"]


# ------------------------------------------------------------------ the page about them


def page():
    return (ROOT / "reference/grading.md").read_text("utf8")


def test_the_page_links_every_template():
    linked = re.findall(r"\{download\}`[\w.-]+ <\.\./templates/ci/([\w.-]+)>`", page())
    assert sorted(linked) == sorted(path.name for path in CI.iterdir())


def test_the_page_s_commands_are_understood():
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    commands = re.findall(r"^rnnkit grade (.*)$", page(), flags=re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        parser.parse_args(shlex.split(command))


def test_the_page_names_every_export_with_its_file():
    rows = re.findall(r"^\| (`.+`) \| (`.+`) \| .* \|$", page(), flags=re.MULTILINE)
    named = {form: file for forms, files in rows for form, file in zip(words(forms), words(files), strict=False)}
    assert FORMATS.items() <= named.items()


def words(cell):
    return re.findall(r"`([^`]+)`", cell)
