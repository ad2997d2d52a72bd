"""What can be downloaded, what it is licensed under, and how the pages were run."""

import io
import json
import os
import re
import zipfile
from email.message import Message
from pathlib import Path
from types import SimpleNamespace

import pytest

from rnnkit import data

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"


@pytest.fixture
def downloads(book_script):
    from coursebook import downloads

    return downloads


@pytest.fixture
def licences(book_script):
    from coursebook import licences

    return licences


@pytest.fixture
def runs(book_script):
    from coursebook import runs

    return runs


# ---------- downloads ----------


def test_the_archive_depends_on_nothing_but_its_contents(downloads, tmp_path):
    file = tmp_path / "05-bptt.ipynb"
    file.write_text("{}")
    before = downloads.archive([file])
    os.utime(file, (1, 1))
    file.chmod(0o600)
    assert downloads.archive([file]) == before
    file.write_text("{ }")
    assert downloads.archive([file]) != before


def test_the_archive_unpacks_into_one_folder(downloads):
    exercises = sorted((ROOT / "exercises").glob("*.ipynb"))
    archive = zipfile.ZipFile(io.BytesIO(downloads.archive(exercises, downloads.licences(ROOT))))
    assert {Path(name).parent.as_posix() for name in archive.namelist()} == {downloads.FOLDER}
    assert {Path(name).name for name in archive.namelist()} == {
        *(path.name for path in exercises),
        "LICENSE",
        "LICENSE-TEXT.md",
    }


@pytest.mark.slow
def test_every_notebook_is_offered_with_its_size(built):
    html = (HTML / "reference" / "downloads.html").read_text("utf8")
    for path in [*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "exercises").glob("*.ipynb")]:
        row = next(row for row in html.split("<tr") if f'href="../_sources/{path.parent.name}/{path.name}"' in row)
        assert f"{round(path.stat().st_size / 1e3)} kB" in row
    assert (HTML / "downloads" / "exercises.zip").is_file()


# ---------- data and licences ----------


def test_every_loader_is_on_the_page():
    page = (ROOT / "reference" / "data-and-licences.md").read_text("utf8")
    functions = [name for name in data.__all__ if callable(getattr(data, name)) and name.islower()]
    assert [name for name in functions if f"`{name}`" not in page] == []


def test_every_package_of_the_project_is_named_with_its_extras(licences):
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    found = licences.requirements(ROOT / "pyproject.toml")
    for extra, wanted in project["optional-dependencies"].items():
        for requirement in wanted:
            name = re.match(r"[\w-]+", requirement)[0]
            assert name == "rnnkit" or extra in found[name]
    assert found["numpy"] == ["the library"]


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ([("License-Expression", "MIT"), ("License", "a long text")], "MIT"),
        ([("Classifier", "License :: OSI Approved :: BSD License")], "BSD License"),
        ([("License", "\n  BSD 3-Clause  License\n\nRedistribution …")], "BSD 3-Clause License"),
        ([("Classifier", "Topic :: Text")], "not stated in its metadata"),
    ],
)
def test_a_licence_is_read_as_the_package_states_it(licences, fields, licence):
    about = Message()
    for name, value in fields:
        about[name] = value.replace("\n", " ") if name != "License" else value.strip()
    assert licences.licence(about) == licence


# ---------- run statistics ----------


@pytest.fixture
def app(tmp_path):
    """A build of two pages: one found in the cache, one executed just now."""
    pages = {"chapters/05-bptt": 40.5, "reference/corrections": 2.25}
    env = SimpleNamespace(
        nb_metadata={name: {"exec_data": {"runtime": runtime}} for name, runtime in pages.items()},
        coursebook_cached_times={40.5},
    )
    return SimpleNamespace(env=env, config=SimpleNamespace(nb_execution_cache_path=str(tmp_path)))


def test_a_machine_is_noted_only_for_what_it_has_run(runs, app):
    runs.note_machine(app, app.env)
    assert {name: note["machine"] for name, note in runs.recorded(app).items()} == {
        "reference/corrections": runs.machine()
    }


def test_a_note_stays_as_long_as_its_run_does(runs, app):
    note = {"machine": "another", "runtime": 40.5}
    runs.record_file(app).write_text(json.dumps({"chapters/05-bptt": note, "chapters/gone": note}))
    runs.note_machine(app, app.env)
    assert runs.recorded(app)["chapters/05-bptt"] == note
    assert "chapters/gone" not in runs.recorded(app)
    app.env.nb_metadata["chapters/05-bptt"]["exec_data"]["runtime"] = 41.0
    app.env.coursebook_cached_times = {41.0}  # run elsewhere: it came with the cache, and nobody noted where
    runs.note_machine(app, app.env)
    assert "chapters/05-bptt" not in runs.recorded(app)


def test_a_machine_is_not_named(runs):
    import platform

    assert platform.node() not in runs.machine()
