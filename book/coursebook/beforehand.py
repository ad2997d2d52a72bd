"""What can be seen to be wrong before a build begins: settings, contents and notebooks that cannot be read.

Tools further down would say these things without a line, and some with a traceback. Here each is found with its line.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import yaml

from . import lecture_rows, notation, publishing, site
from .problems import Problem, one_line

SUFFIXES = (".md", ".ipynb", ".rst")


def problems_before(source: Path) -> list[Problem]:
    """Return what is wrong with the settings, the contents and the notebooks of the book in ``source``."""
    found = []
    contents: yaml.Node | None = None
    for name, look in (("_config.yml", wrong_settings), ("_toc.yml", wrong_contents)):
        if not (source / name).is_file():
            continue
        try:
            node = yaml.compose((source / name).read_text("utf8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            found.append(Problem(f"{name}:{mark.line + 1 if mark else 1}", f"no valid YAML: {error.problem}"))
            continue
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            found.append(Problem(name, f"no valid YAML: {one_line(str(error))}"))
            continue
        found += [Problem(f"{name}:{line}", what) for line, what in look(source, node)]
        contents = node if name == "_toc.yml" else contents
    for page in dict.fromkeys(name for name, _ in files_named(contents)):
        found += wrong_notebook(source, page)
    return found + list(wrong_data(source))


def wrong_data(source: Path) -> Iterator[Problem]:
    """Yield what is wrong with the data files that a build cannot begin without."""
    yield from wrong_references(source / "references.bib")
    letters, chapters = source / "book" / "notation.toml", source / "book" / "chapters.toml"
    if letters.is_file():
        yield from (Problem(f"book/{letters.name}:{line}", what) for line, what in notation.mistakes_in(letters))
    if chapters.is_file():
        try:
            lecture_rows.read_chapters(chapters)
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            yield Problem(f"book/{chapters.name}:{line[1] if line else 1}", f"no valid TOML: {error}")
        except KeyError as missing:
            yield Problem(f"book/{chapters.name}", f"a [[chapter]] lacks {missing}")


def wrong_references(file: Path) -> Iterator[Problem]:
    """Yield what makes a bibliography unreadable: the first place where it is no BibTeX, or a key that stands twice."""
    from pybtex.database import BibliographyDataError  # type: ignore[import-untyped]
    from pybtex.database.input.bibtex import Parser  # type: ignore[import-untyped]
    from pybtex.scanner import PybtexSyntaxError  # type: ignore[import-untyped]

    try:
        if file.is_file():
            Parser().parse_string(file.read_text("utf8"))
    except PybtexSyntaxError as error:
        yield Problem(f"{file.name}:{error.lineno}", f"no valid BibTeX: {error.args[0]}")
    except BibliographyDataError as error:
        yield Problem(file.name, one_line(str(error)))


def at(node: yaml.Node | None, path: list[str | int]) -> yaml.Node | None:
    """Follow keys and places down a YAML document as far as they lead."""
    for step in path:
        if isinstance(node, yaml.MappingNode):
            following = next((value for key, value in node.value if key.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and str(step).isdigit() and int(step) < len(node.value):
            following = node.value[int(step)]
        else:
            following = None
        if following is None:
            break
        node = following
    return node


def line_of(node: yaml.Node | None) -> int:
    """Return a node's line, counted from 1."""
    return node.start_mark.line + 1 if node else 1


def wrong_settings(source: Path, node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield line and matter of each setting that Jupyter Book does not know, or not with such a value."""
    from jupyter_book.config import get_validator  # type: ignore[import-untyped]

    for error in get_validator().iter_errors(plain(node) or {}):
        path = list(error.path)
        extra = re.search(r"\('(\w+)' was unexpected\)", error.message)
        where = key_line(at(node, path), extra[1]) if extra else line_of(at(node, path))
        yield where, f"{'/'.join(map(str, path)) or 'settings'}: {one_line(error.message)}"
    for first, second, checked in (("html", "baseurl", site.checked_address), ("repository", "url", publishing.home)):
        setting = at(node, [first, second])
        try:
            if isinstance(setting, yaml.ScalarNode):
                checked(setting.value, f"{first}.{second}")
        except ValueError as error:
            yield line_of(setting), str(error)


def key_line(node: yaml.Node | None, name: str) -> int:
    """Return the line of a key in a mapping."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((line_of(key) for key, _ in pairs if key.value == name), line_of(node))


def wrong_contents(source: Path, node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Yield line and matter of what is wrong with the table of contents."""
    from sphinx_external_toc.parsing import MalformedError, parse_toc_data  # type: ignore[import-untyped]

    seen: dict[str, int] = {}
    for name, line in files_named(node):
        if name in seen:
            yield line, f"{name} stands in line {seen[name]} already: a page has one place"
        elif not any((source / f"{name}{suffix}").is_file() for suffix in ("", *SUFFIXES)):
            yield line, f"there is no {name}.md and no {name}.ipynb"
        seen.setdefault(name, line)
    try:
        parse_toc_data(plain(node))
    except MalformedError as error:
        message = one_line(str(error))
        if "used multiple times" not in message:
            path = re.search(r"@ '([^']*)'", message)
            steps: list[str | int] = [step for step in (path[1] if path else "").split("/") if step]
            yield line_of(at(node, steps)), message


def files_named(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Yield every page that a table of contents names, with its line."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value in ("file", "root") and isinstance(value, yaml.ScalarNode):
                yield value.value, line_of(value)
            else:
                yield from files_named(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from files_named(value)


def plain(node: yaml.Node | None) -> Any:
    """Turn a YAML document into dictionaries and lists."""
    return yaml.SafeLoader("").construct_document(node) if node else None


def wrong_notebook(source: Path, name: str) -> Iterator[Problem]:
    """Yield what keeps a notebook from being read."""
    path = source / f"{name.removesuffix('.ipynb')}.ipynb"
    if not path.is_file():
        return
    file = path.relative_to(source).as_posix()
    try:
        nbformat.validate(json.loads(path.read_text("utf8")))
    except json.JSONDecodeError as error:
        yield Problem(f"{file}:{error.lineno}", f"no valid JSON, so no notebook: {error.msg} in column {error.colno}")
    except UnicodeDecodeError as error:
        yield Problem(file, f"no text in UTF-8: {error.reason} at byte {error.start}")
    except nbformat.ValidationError as error:
        cell = list(getattr(error, "absolute_path", []))[1:2]
        where = f"{file}, cell {cell[0] + 1}" if cell and isinstance(cell[0], int) else file
        yield Problem(where, f"no valid notebook: {one_line(error.message)}")
