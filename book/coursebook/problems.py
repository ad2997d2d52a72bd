"""What is wrong with a book, as a list at the end: file, line, what it is.

Sphinx says everything once, somewhere among hundreds of lines. This part keeps each warning in a file beside the pages,
with the place as an author looks for it: in a notebook the cell, counted from 1, and the line in the cell. The build
script prints the list last. It reads this module too, and should not wait for Sphinx where there is nothing to build:
so what is Sphinx's is imported where it is needed.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FILE = "problems.jsonl"
PER_CELL = 10_000
"""MyST-NB counts lines in a notebook as cell times this, plus line in the cell, plus one."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Problem:
    """One thing that keeps the book from being built."""

    where: str
    what: str

    def __str__(self) -> str:
        """Write the place, then the matter, in one line."""
        return f"{self.where}: {self.what}" if self.where else self.what


def place(location: str, source: Path) -> str:
    """Say where something is: ``a.md:3``, or ``a.ipynb, cell 2, line 3``."""
    path, _, line = location.rpartition(":") if re.search(r":\d*$", location) else (location, "", "")
    name = path.removeprefix(f"{source}/").removesuffix(":<autosummary>")
    if not line:
        return name
    cell, line_in_cell = divmod(int(line), PER_CELL)
    if not name.endswith(".ipynb"):
        return f"{name}:{line}"
    if not cell:
        return name
    return f"{name}, cell {cell}, line {line_in_cell - 1}" if line_in_cell > 1 else f"{name}, cell {cell}"


def one_line(message: str) -> str:
    """Return the first line that says something."""
    lines = [line.strip() for line in COLOUR.sub("", message).splitlines()]
    return next(filter(None, lines), "")


class Collector(logging.Handler):
    """Writes each of Sphinx's warnings to a file, at once: a build may end in any way."""

    def __init__(self, app: Sphinx, file: Path) -> None:
        super().__init__(logging.WARNING)
        self.app, self.file, self.seen = app, file, set[Problem]()
        file.write_text("", "utf8")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one warning. Sphinx holds some back and hands them out later: such a one comes twice."""
        where = place(self.location(record), Path(self.app.srcdir))
        self.keep(Problem(where, one_line(logging.LogRecord.getMessage(record))))

    def location(self, record: logging.LogRecord) -> str:
        """Return what Sphinx writes as a location, from any of the forms in which it is given."""
        from docutils import nodes  # type: ignore[import-untyped]
        from sphinx.util.logging import get_node_location

        given = getattr(record, "location", None) or ""
        if isinstance(given, nodes.Node):
            return get_node_location(given) or ""
        name, line = given if isinstance(given, tuple) else (given, None)
        if name and ":" not in name and not Path(name).is_absolute():
            name = str(self.app.env.doc2path(name))
        return f"{name}:{line}" if line else name or ""

    def keep(self, problem: Problem) -> None:
        """Keep one problem, once."""
        if problem not in self.seen:
            self.seen.add(problem)
            with self.file.open("a", encoding="utf8") as file:
                file.write(json.dumps(asdict(problem)) + "\n")


def collected(build: Path) -> list[Problem]:
    """Return what the last build in the folder ``build`` has had to say."""
    file = build / FILE
    return [Problem(**json.loads(line)) for line in file.read_text("utf8").splitlines()] if file.is_file() else []


def summary(problems: Iterable[Problem]) -> str:
    """Write problems as a list that says how many there are."""
    lines = [f"  {problem}" for problem in problems]
    return "\n".join([f"{len(lines)} problem{'s' if len(lines) > 1 else ''}:", *lines])


def setup(app: Sphinx) -> dict[str, Any]:
    """Listen beside Sphinx's own handlers, and to the exception that a build may end with."""
    from sphinx.util.logging import NAMESPACE, WarningSuppressor

    build = Path(app.outdir).parent
    build.mkdir(parents=True, exist_ok=True)
    collector = Collector(app, build / FILE)
    collector.addFilter(WarningSuppressor(app))
    logging.getLogger(NAMESPACE).addHandler(collector)

    def keep_exception(app: Sphinx, exception: Exception | None) -> None:
        if exception and not collector.seen:
            collector.keep(Problem("", one_line(str(exception)) or type(exception).__name__))

    app.connect("build-finished", keep_exception)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
