"""The library as a learner's kernel gets it: a copy in which what the exercises ask for is not there to be found.

Withheld functions keep their names and refuse to work; their source is gone, so that neither ``inspect`` nor a reload
brings it back. The grader's own code is left out.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import rnnkit

__all__ = ["REFUSAL", "locate", "make_library"]

REFUSAL = "{name} is what this exercise asks you to write; it is withheld while grading"


def make_library(folder: Path, withheld: Iterable[str]) -> Path:
    """Copy the library into `folder` without the `withheld` functions (dotted names in rnnkit); return the folder.

    Raises
    ------
    LookupError
        When a name is none of a function, method or class of the library.
    """
    package = Path(rnnkit.__file__).parent
    shutil.copytree(package, folder / "rnnkit", ignore=_without_grader(package))
    by_file: dict[Path, dict[str, str]] = {}
    for name in withheld:
        path, qualified = locate(name)
        by_file.setdefault(path.relative_to(package), {})[qualified] = name
    for relative, names in by_file.items():
        copy = folder / "rnnkit" / relative
        copy.write_text(_emptied(copy.read_text("utf-8"), names), "utf-8")
        for stale in (copy.parent / "__pycache__").glob(f"{copy.stem}.*.pyc"):
            stale.unlink()
    return folder


def locate(name: str) -> tuple[Path, str]:
    """Return the file and the qualified name under which a dotted name is defined.

    Raises
    ------
    LookupError
        When there is nothing of that name, or it is no function, method or class.
    """
    found = _resolve(name)
    if isinstance(found, property):
        found = found.fget
    found = inspect.unwrap(found) if callable(found) else found
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        raise LookupError(f"cannot withhold {name!r}: it is no function, method or class")
    return Path(inspect.getfile(found)), str(found.__qualname__)


def _resolve(name: str) -> Any:
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                raise LookupError(f"cannot withhold {name!r}: {'.'.join(parts[:cut])} has no {part}")
            found = inspect.getattr_static(found, part)
            found = found.__func__ if isinstance(found, staticmethod | classmethod) else found
        return found
    raise LookupError(f"cannot withhold {name!r}: there is no module of that name")


def _without_grader(package: Path) -> Any:
    def ignore(folder: str, names: list[str]) -> set[str]:
        return {"grade"} & set(names) if Path(folder) == package else set()

    return ignore


def _emptied(source: str, names: Mapping[str, str]) -> str:
    """Replace the bodies of the functions of these qualified names by a refusal."""
    tree = ast.parse(source)
    missing = dict(names)

    def visit(node: ast.AST, prefix: str, refused: str = "") -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                qualified = f"{prefix}{child.name}"
                name = missing.pop(qualified, "") or names.get(qualified, "") or refused
                if name and not isinstance(child, ast.ClassDef):
                    child.body = ast.parse(f"raise RuntimeError({REFUSAL.format(name=name)!r})").body
                else:
                    visit(child, f"{qualified}.", name)

    visit(tree, "")
    if missing:
        raise LookupError(f"cannot withhold {', '.join(missing.values())}: not found in its source")
    return ast.unparse(tree)
