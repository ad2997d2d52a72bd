"""Notebooks as the JSON they are, read and written without loss; and where the exercises lie that came with rnnkit."""

from __future__ import annotations

import contextlib
import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import rnnkit

__all__ = ["Cell", "LearnerError", "Notebook", "as_bytes", "info", "read", "shipped", "source", "write"]

Notebook: TypeAlias = dict[str, Any]
Cell: TypeAlias = dict[str, Any]

_SHARE = Path("share", "rnnkit", "exercises")


class LearnerError(ValueError):
    """Something that a learner can put right; the message says how."""


def read(path: Path) -> Notebook:
    """Read a notebook.

    Raises
    ------
    LearnerError
        When the file cannot be read or is no notebook.
    """
    try:
        return parse(path.read_bytes(), path)
    except OSError as error:
        raise LearnerError(f"{path} cannot be read: {error.strerror or error}") from None


def parse(data: bytes, path: Path) -> Notebook:
    """Read a notebook from the bytes of its file."""
    try:
        notebook: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LearnerError(f"{path} is no notebook (not JSON: {error})") from None
    if isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):
        raise LearnerError(f"{path} is a notebook of an old format: open it in JupyterLab and save it")
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
        raise LearnerError(f"{path} is no notebook (its cells are not as they should be)")
    return dict(notebook)


def _is_cell(cell: object) -> bool:
    return (
        isinstance(cell, dict)
        and isinstance(cell.get("cell_type"), str)
        and isinstance(cell.setdefault("metadata", {}), dict)
        and (
            isinstance(cell.get("source"), str)
            or (isinstance(cell.get("source"), list) and all(isinstance(line, str) for line in cell["source"]))
        )
    )


def source(cell: Cell) -> str:
    """Return a cell's text; files may hold it in lines."""
    text = cell["source"]
    return text if isinstance(text, str) else "".join(text)


def info(cell: Cell) -> dict[str, Any]:
    """Return a cell's nbgrader metadata; empty where there is none."""
    found = cell["metadata"].get("nbgrader")
    return found if isinstance(found, dict) else {}


def as_bytes(notebook: Notebook) -> bytes:
    """Write a notebook as JupyterLab does: texts in lines, one space of indentation."""
    lined = {
        **notebook,
        "cells": [{**cell, "source": source(cell).splitlines(keepends=True)} for cell in notebook["cells"]],
    }
    return (json.dumps(lined, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogatepass")


def write(path: Path, data: bytes) -> None:
    """Put a file in place, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def shipped() -> dict[str, Path]:
    """Return the exercise notebooks that came with rnnkit, by name: the checkout's, else the installed ones.

    Raises
    ------
    LearnerError
        When this installation has none.
    """
    checkout = Path(rnnkit.__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file() and (checkout / "exercises").is_dir():
        found = list((checkout / "exercises").glob("*.ipynb"))
    else:
        found = _installed()
    if not found:
        raise LearnerError("this rnnkit was installed without its exercises: install it anew, with pip")
    return {path.stem: path for path in sorted(found)}


def _installed() -> list[Path]:
    """Find what the wheel's record says was installed; after ``pip install --target`` it lies beside the package."""
    try:
        record = metadata.files("rnnkit") or []
    except metadata.PackageNotFoundError:
        record = []
    ours = [Path(file.locate()).resolve() for file in record if file.parts[-4:-1] == _SHARE.parts]
    beside = (Path(rnnkit.__file__).resolve().parents[1] / _SHARE).glob("*.ipynb")
    return [path for path in ours if path.suffix == ".ipynb" and path.is_file()] or list(beside)
