"""Files that are no notebook of ours, and notebooks that lie about oddly."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import nbformat

from submissions.cases import ALL, EXERCISE, POINTS, SOLUTION, Cases, Notebook, answered, code

HERE = Cases()

# ------------------------------------------------------------------ nothing to run


@HERE.raw("broken.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text(EXERCISE.read_text(encoding="utf-8")[:-40], encoding="utf-8")


@HERE.raw("merge conflict.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text(
        EXERCISE.read_text("utf-8").replace("{\n", "<<<<<<< HEAD\n{\n=======\n{\n>>>>>>> main\n", 1), "utf-8"
    )


@HERE.raw("empty.ipynb", says="is empty")
def _(path: Path) -> None:
    path.write_bytes(b"")


@HERE.raw("blank.ipynb", says="is empty")
def _(path: Path) -> None:
    path.write_bytes(b" \r\n" * 100)


@HERE.raw("zeros.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_bytes(bytes(4096))


@HERE.raw("a list.ipynb", says="not a notebook")
def _(path: Path) -> None:
    path.write_text("[1, 2]")


@HERE.raw("a page.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text("<!DOCTYPE html><title>05-bptt.ipynb at main</title>")


@HERE.raw("a script.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text("#!/usr/bin/env python\n# In[1]:\nimport numpy as np\n")


@HERE.raw("an archive.ipynb", says="is not JSON")
def _(path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("05-bptt.ipynb", EXERCISE.read_bytes())
    path.write_bytes(held.getvalue())


@HERE.raw("Latin-1.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_bytes(
        json.dumps(answered(POINTS), ensure_ascii=False).replace("∂", "d").encode("latin-1", "replace") + b"\xe9"
    )


@HERE.raw("a link.ipynb", says="is a symbolic link")
def _(path: Path) -> None:
    path.symlink_to(SOLUTION)


@HERE.raw("a link to a device.ipynb", says="is a symbolic link")
def _(path: Path) -> None:
    path.symlink_to("/dev/zero")


@HERE.raw("a pipe.ipynb", says="is not a regular file")
def _(path: Path) -> None:
    os.mkfifo(path)


@HERE.raw("a folder.ipynb", says="is a folder that holds no notebook")
def _(path: Path) -> None:
    path.mkdir()


@HERE.raw("a folder with a script/", says="is a folder that holds no notebook")
def _(path: Path) -> None:
    path.mkdir()
    (path / "05-bptt.py").write_text("1 / 0")
    (path / "05-bptt.ipynb.txt").write_text("{}")


@HERE.raw("deep.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text("[" * 200_000)


@HERE.raw("deep in a notebook.ipynb", says="is not JSON")
def _(path: Path) -> None:
    path.write_text('{"nbformat": 4, "cells": ' + "[" * 5000 + "]" * 5000 + "}")


@HERE.raw("huge.ipynb", says="is over 20 MB")
def _(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)  # takes no room on the disk


@HERE.raw("a million cells.ipynb", says="holds more than")
def _(path: Path) -> None:
    path.write_text('{"nbformat":4,"cells":[' + "{}," * 1_100_000 + "{}]}")


@HERE.raw("long numbers.ipynb", says="not a valid notebook")
def _(path: Path) -> None:
    path.write_text('{"nbformat": 4, "nbformat_minor": ' + "9" * 100_000 + ', "cells": [1e999, -0, NaN]}')


@HERE.raw("cells of the wrong kind.ipynb", says="not a valid notebook")
def _(path: Path) -> None:
    path.write_text(json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": {"a": 1}, "metadata": 5}]}))


@HERE.raw("format 5.ipynb", says="not a valid notebook")
def _(path: Path) -> None:
    path.write_text(json.dumps({"nbformat": 5, "cells": []}))


@HERE.raw("another course.ipynb", says="belongs to none of the masters", status="unmatched")
def _(path: Path) -> None:
    nbformat.write(nbformat.v4.new_notebook(cells=[code("1 + 1")]), path)


@HERE.raw("nothing but a name 05-bptt.ipynb", says="were missing, they were put back", status="graded")
def _(path: Path) -> None:
    nbformat.write(nbformat.v4.new_notebook(), path)


# ------------------------------------------------------------------ names and places


def named(file: str, change: str = "") -> None:
    """Declare a right notebook that lies at `file`."""
    HERE.notebook(file, ALL, solved=POINTS)(lambda made: None)


named("anna/05-bptt (1).ipynb")
named("ben/Abgabe 5/mit Ordner/05-bptt - Kopie.ipynb")
named("carla/BPTT FINAL final2.IPYNB")
named("'; DROP TABLE grading; --.ipynb")
named("<script>alert(1)</script>\u202e.ipynb")
if os.name == "posix":
    named("-rf *.ipynb")
    named("\x1b[31mred\x1b]0;title\x07 %s %n {0} $(id) `id`.ipynb")
    named("new\nline\r and\ttab.ipynb")
    named("a\\..\\..\\grades\\gradebook.db.ipynb")
    named("n" * 249 + ".ipynb")
if sys.platform == "linux":
    named(os.fsdecode(b"latin \xe9 no utf-8.ipynb"))


@HERE.notebook("dora/05-bptt.ipynb", ALL)
def _(made: Notebook) -> None: ...


def _beside(made: Notebook, path: Path) -> None:
    """Write the notebook with everything around it that systems and editors leave there."""
    nbformat.write(made, path)
    here = path.parent
    for name in ("conftest.py", "numpy.py", "sitecustomize.py", "__init__.py", "pytest.ini", "setup.cfg", ".DS_Store"):
        (here / name).write_text("raise SystemExit('run')\n")
    for folder in (".ipynb_checkpoints", "__pycache__", "__MACOSX"):
        (here / folder).mkdir()
        (here / folder / ("._" * (folder == "__MACOSX") + "notes.txt")).write_text("{")
    (here / ".ipynb_checkpoints/05-bptt-checkpoint.ipynb").write_text("{")
    (here / "._05-bptt.ipynb").write_bytes(b"\x00\x05\x16\x07")


@HERE.notebook("emil/05-bptt.ipynb", ALL, write=_beside)
def _(made: Notebook) -> None: ...


def _read_only(made: Notebook, path: Path) -> None:
    nbformat.write(made, path)
    path.chmod(0o555)


@HERE.notebook("read only.ipynb", ALL, write=_read_only)
def _(made: Notebook) -> None: ...


for _file in ("...ipynb", ".ipynb.ipynb", ".05-bptt.ipynb"):
    HERE.notebook(_file, ALL)(lambda made: None)
