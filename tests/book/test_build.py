"""How the book is built: without a warning, once, and not at all where something is wrong."""

import gzip
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
SCRIPT = ROOT / "scripts" / "book.py"


@pytest.fixture
def small_book(tmp_path):
    """Return a function that writes a book of one notebook, set up like the course's own."""

    def small_book(*cells):
        (tmp_path / "chapters").mkdir()
        for name in ("_config.yml", "references.bib", "constraints.txt"):
            shutil.copy(ROOT / name, tmp_path / name)
        shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("__pycache__"))
        toc = {
            "format": "jb-book",
            "root": "index",
            "parts": [{"numbered": True, "chapters": [{"file": "chapters/07-a"}]}],
        }
        (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
        (tmp_path / "index.md").write_text("# Home\n")
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A chapter"), *cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, tmp_path / "chapters" / "07-a.ipynb")
        return tmp_path

    return small_book


@pytest.mark.slow
def test_the_book_builds_without_a_warning(built):
    # the build itself fails on a warning; an incremental one may have had nothing to say
    assert "up to date" in built.stdout or "without a warning" in built.stdout


@pytest.mark.slow
def test_a_second_build_does_nothing(built, build_book):
    before = {path: path.stat().st_mtime_ns for path in HTML.rglob("*.html")}
    again = build_book(ROOT)
    assert again.returncode == 0
    assert again.stdout.startswith("The book is up to date")
    assert {path: path.stat().st_mtime_ns for path in HTML.rglob("*.html")} == before


@pytest.mark.slow
def test_a_chapter_has_the_number_in_its_file_name(small_book, build_book):
    equation = "## Section\n\n```{math}\n:label: one\nx\n```\n\n{eq}`one`"
    book = small_book(nbformat.v4.new_markdown_cell(equation))
    done = build_book(book)
    assert done.returncode == 0, done.stderr
    html = (book / "_build" / "html" / "chapters" / "07-a.html").read_text()
    assert re.findall(r'<span class="section-number">([\d.]+) ?</span>', html)[:2] == ["7.", "7.1."]
    assert '<span class="eqno">(7.1)' in html


@pytest.mark.slow
def test_a_change_of_the_extension_is_seen_on_every_page(small_book, build_book):
    book = small_book()
    assert build_book(book).returncode == 0
    part = book / "book" / "coursebook" / "publishing.py"
    part.write_text(part.read_text().replace('name="description"', 'name="about"'))
    again = build_book(book, "--no-lite", "--force")
    assert again.returncode == 0, again.stderr
    assert 'name="about"' in (book / "_build" / "html" / "chapters" / "07-a.html").read_text()


@pytest.mark.slow
def test_a_page_written_again_is_what_a_clean_build_writes(small_book, build_book):
    book = small_book(nbformat.v4.new_markdown_cell("$x$\n\n```{index} a name\n```"))
    html = book / "_build" / "html"
    assert build_book(book).returncode == 0
    clean = {path: path.read_bytes() for path in html.rglob("*") if path.is_file()}
    os.utime(book / "index.md")
    assert build_book(book, "--no-lite", "--force").returncode == 0
    assert [path for path in clean if path.read_bytes() != clean[path]] == []
    assert b"a name" in (html / "searchindex.js").read_bytes()


@pytest.mark.slow
def test_a_build_that_was_killed_leaves_no_old_page_behind(small_book, build_book):
    book = small_book()
    assert build_book(book).returncode == 0
    page = book / "_build" / "html" / "chapters" / "07-a.html"
    page.write_text("of an older state")  # Sphinx had read everything, and was killed before it wrote this one
    (book / "_build" / "unfinished").touch()
    assert build_book(book, "--no-lite", "--force").returncode == 0
    assert "A chapter" in page.read_text()


@pytest.mark.slow
def test_a_second_build_at_once_waits_for_the_first(small_book):
    book = small_book()
    command = [sys.executable, str(SCRIPT), "--source", str(book), "build", "--no-lite"]
    builds = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    said = sorted((build.communicate(timeout=300)[0] for build in builds), key=lambda text: "waiting until" in text)
    assert [build.returncode for build in builds] == [0, 0], said
    assert "without a warning" in said[0]
    assert "The book is up to date" in said[1]


def test_a_folder_without_a_book_is_refused(tmp_path, build_book):
    done = build_book(tmp_path)
    assert done.returncode == 2
    assert "it has no _toc.yml" in done.stderr


# ---------- the built pages ----------


@pytest.mark.slow
def test_every_module_of_the_library_is_in_the_reference(pages):
    html = "".join(page.read_text("utf8") for page in (HTML / "reference").glob("*.html"))
    for path in sorted((ROOT / "rnnkit").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        inside = ("rnnkit.check.", "rnnkit.grade.", "rnnkit.isolation.", "rnnkit.learner.", "rnnkit.warm.")
        if path.name.startswith("_") or module.startswith(inside):
            continue  # the insides of the checks and of the tools
        assert f'id="module-{module}"' in html or f'id="{module}"' in html, module  # some bear their function's name


def test_every_notebook_is_in_the_contents():
    written = set(re.findall(r"file: (\S+)", (ROOT / "_toc.yml").read_text()))
    for folder in ("chapters", "exercises"):
        for path in (ROOT / folder).glob("*.ipynb"):
            assert f"{folder}/{path.stem}" in written


# ---------- what a page depends on ----------


@pytest.fixture
def inputs(book_script):
    return book_script.inputs


@pytest.fixture
def library(tmp_path):
    library = tmp_path / "rnnkit"
    library.mkdir()
    (library / "cells.py").write_text("one")
    (tmp_path / "constraints.txt").write_text("numpy==2.4")
    return library


def test_a_change_of_the_library_changes_the_key(inputs, library, tmp_path):
    before = inputs.execution_key(tmp_path, library)
    (library / "cells.py").write_text("two")
    assert inputs.execution_key(tmp_path, library) != before


def test_a_change_of_the_constraints_changes_the_key(inputs, library, tmp_path):
    before = inputs.execution_key(tmp_path, library)
    (tmp_path / "constraints.txt").write_text("numpy==2.5")
    assert inputs.execution_key(tmp_path, library) != before


def test_a_renamed_module_changes_the_key(inputs, library, tmp_path):
    before = inputs.execution_key(tmp_path, library)
    (library / "cells.py").rename(library / "units.py")
    assert inputs.execution_key(tmp_path, library) != before


def test_compiled_files_and_times_do_not_change_the_key(inputs, library, tmp_path):
    before = inputs.execution_key(tmp_path, library)
    (library / "__pycache__").mkdir()
    (library / "__pycache__" / "cells.pyc").write_text("compiled")
    os.utime(library / "cells.py", (1, 1))
    assert inputs.execution_key(tmp_path, library) == before


@pytest.mark.parametrize("name", [".DS_Store", "cells.py~", ".cells.py.swp", "#cells.py#", ".idea/x.xml", "Thumbs.db"])
def test_what_editors_and_file_managers_leave_does_not_change_the_key(inputs, library, tmp_path, name):
    before = inputs.execution_key(tmp_path, library)
    (library / name).parent.mkdir(exist_ok=True)
    (library / name).write_text("left")
    assert inputs.execution_key(tmp_path, library) == before


def test_a_change_of_the_tools_changes_the_key_only_where_a_page_names_them(inputs, library, tmp_path):
    (library / "check").mkdir()
    (library / "check" / "a.py").write_text("one")
    keys = []
    for code in ("from rnnkit import view, check", "from rnnkit import view"):
        (tmp_path / "chapters").mkdir(exist_ok=True)
        (tmp_path / "chapters" / "a.ipynb").write_text(code)
        for text in ("one", "two"):
            (library / "check" / "a.py").write_text(text)
            keys.append(inputs.execution_key(tmp_path, library))
    assert keys[0] != keys[1]
    assert keys[2] == keys[3]


def test_what_a_page_can_import_brings_none_of_the_tools(inputs):
    rooms = [
        path.stem for path in (ROOT / "rnnkit").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    pages = [room for room in rooms if room not in (*inputs.TOOLS, "__main__", "__init__")]
    code = f"import sys, {', '.join(f'rnnkit.{room}' for room in pages)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {f"rnnkit.{tool}" for tool in inputs.TOOLS} & set(done.stdout.split())


def test_pages_are_executed_alike_whatever_the_caller_has_set(tmp_path, book_script, monkeypatch):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: index\n")
    (tmp_path / "index.md").write_text("# Home\n")
    (tmp_path / "_build").mkdir()
    monkeypatch.setenv("PYTHONHASHSEED", "17")
    seen = {}
    monkeypatch.setattr(
        book_script.subprocess, "run", lambda *_, env, **__: seen.update(env) or subprocess.CompletedProcess([], 1)
    )
    book_script.build(tmp_path)
    assert seen["PYTHONHASHSEED"] == book_script.FIXED["PYTHONHASHSEED"]


def test_caches_of_long_ago_are_removed(inputs, tmp_path):
    class App:
        outdir, srcdir = tmp_path / "html", tmp_path

    class Config:
        nb_execution_cache_path = ""

    caches = tmp_path / "executed"
    for age, name in enumerate(("newest", "newer", "old", "oldest")):
        (caches / name).mkdir(parents=True)
        os.utime(caches / name, (1000 - age, 1000 - age))
    inputs.choose_cache(App, Config)
    assert {path.name for path in caches.iterdir()} == {Path(Config.nb_execution_cache_path).name, "newest", "newer"}


# ---------- serving ----------


def test_ctrl_c_ends_serving_cleanly(tmp_path):
    html = tmp_path / "_build" / "html"
    html.mkdir(parents=True)
    (html / "index.html").write_text("hello")
    command = [sys.executable, str(SCRIPT), "--source", str(tmp_path), "serve", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        first = serving.stdout.readline()
        serving.send_signal(signal.SIGINT)
        try:
            rest, complaints = serving.communicate(timeout=20)
        finally:
            serving.kill()
    assert re.match(r"The book is at http://127\.0\.0\.1:8\d+/index\.html", first)
    assert (serving.returncode, rest.strip(), complaints) == (0, "Stopped.", "")


def test_a_port_in_use_is_passed_over(tmp_path, book_script, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(book_script, "FIRST_PORT", taken.getsockname()[1])
        with book_script.server_for(tmp_path, None) as server:
            assert server.server_address[1] > taken.getsockname()[1]


def test_a_port_asked_for_but_in_use_is_named(tmp_path, book_script, capsys):
    (tmp_path / "index.html").write_text("hello")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert book_script.serve(tmp_path, port, browser=False) == 2
    assert f"Cannot serve on port {port}" in capsys.readouterr().err


def test_serving_before_building_says_what_to_do(tmp_path, book_script, capsys):
    assert book_script.serve(tmp_path, browser=False) == 2
    assert "make book" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["70000", "0", "-1", "http"])
def test_what_is_no_port_is_refused_in_one_line(book_script, capsys, port):
    with pytest.raises(SystemExit, match="2"):
        book_script.main(["serve", f"--port={port}"])
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith(f"argument --port: '{port}' is no port: choose a number from 1024 to 65535")
    )


@pytest.fixture
def served(tmp_path, book_script):
    """Serve a folder with a page and a picture; return its address."""
    (tmp_path / "index.html").write_text("word " * 500)
    (tmp_path / "picture.png").write_bytes(bytes(500))
    with book_script.server_for(tmp_path, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(("path", "packed"), [("/", True), ("/index.html", True), ("/picture.png", False)])
def test_text_is_served_packed_to_who_can_unpack_it(served, path, packed):
    request = urllib.request.Request(served + path, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as answer, urllib.request.urlopen(served + path) as plain:
        content, whole = answer.read(), plain.read()
        assert (answer.headers["Content-Encoding"] == "gzip") == packed
    assert (gzip.decompress(content) if packed else content) == whole


def test_a_new_version_of_a_page_is_served_at_once(served, tmp_path):
    request = urllib.request.Request(f"{served}/index.html", headers={"Accept-Encoding": "gzip"})
    urllib.request.urlopen(request).close()
    (tmp_path / "index.html").write_text("new")
    os.utime(tmp_path / "index.html", (1, 1))
    with urllib.request.urlopen(request) as answer:
        assert gzip.decompress(answer.read()) == b"new"
