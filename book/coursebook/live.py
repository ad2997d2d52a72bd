"""Cells that a reader can change and run in the page: tagged ``live``; what they stand on is tagged ``live-setup``.

In the page, ``book/static/live.js`` gives a live cell its buttons. Before a live cell, all tagged cells above it run,
in order, in the reader's browser. This part puts the scripts on pages that have such cells, and fails the build where
a tagged cell could not run there: it imports what a browser has not, or uses a name from a cell without a tag.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.util import logging

import rnnkit

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent.parent / "static"
WORKER_FILES = ("live-worker.mjs", "live_runner.py")

CARRIED = sys.stdlib_module_names | {"rnnkit", "numpy", "matplotlib"}
"""What a live cell may import: what the browser's Python carries."""


@dataclass(frozen=True)
class Cell:
    """One code cell of a page: what an author calls it, its tags, and its code (``None`` where the page hides it)."""

    name: str
    tags: frozenset[str]
    code: str | None
    node: nodes.container

    @property
    def runs(self) -> bool:
        """Whether it runs in the page."""
        return bool(self.tags & {"live", "live-setup"})


def code_cells(page: nodes.document) -> Iterator[Cell]:
    """Yield the code cells of a page in order."""
    for node in page.findall(nodes.container):
        if node.get("nb_element") != "cell_code":
            continue
        tags = frozenset(node["cell_metadata"].get("tags", ()))
        inputs = [part for part in node.findall(nodes.container) if part.get("nb_element") == "cell_code_source"]
        blocks = [block for part in inputs for block in part.findall(nodes.literal_block)]
        yield Cell(_name(page["source"], node["cell_index"]), tags, blocks[0].astext() if blocks else None, node)


def _name(source: str, index: int) -> str:
    """Call a cell by its id where it has one, else by its place in the notebook."""
    if source.endswith(".ipynb"):
        name = json.loads(Path(source).read_text("utf8"))["cells"][index].get("id")
        if name:
            return str(name)
    return f"number {index + 1}"


def problems(cells: list[Cell]) -> Iterator[tuple[Cell, str]]:
    """Yield each tagged cell that could not run in a page, and why."""
    elsewhere: dict[str, str] = {}  # names that only cells without a tag make
    known = set(dir(builtins)) | {"display", "__name__"}
    for cell in cells:
        if not cell.runs:
            elsewhere |= dict.fromkeys(bound(_parsed(cell.code)) - known, cell.name)
            continue
        if cell.code is None:
            yield cell, "its code is not on the page: take away the tag that removes it"
            continue
        tree = _parsed(cell.code)
        if tree is None:
            yield cell, "it is not plain Python; commands of IPython (%, !) do not work in a page"
            continue
        chains = dict.fromkeys(", which imports ".join(way_out(module)) for module in imported(tree))
        for chain in filter(None, chains):
            yield cell, f"it imports {chain}, and that does not run in a browser"
        known |= bound(tree)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for name in sorted((used - known) & elsewhere.keys()):
            yield cell, f'it uses {name}, made by the cell {elsewhere[name]}: give that one the tag "live-setup"'


def _parsed(code: str | None) -> ast.Module | None:
    try:
        return ast.parse(code or "")
    except SyntaxError:
        return None


def bound(tree: ast.Module | None) -> set[str]:
    """Return every name that the code gives a value, at whatever depth."""
    names: set[str] = set()
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
            names.add(node.name or "")
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.MatchAs | ast.MatchStar):
            names.add(node.name or "")
    return names


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full names of what is imported anywhere in the code; of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def way_out(module: str, seen: set[str] | None = None) -> list[str]:
    """Return the chain of imports from ``module`` to what a browser has not; an empty list where there is none."""
    package, _, _ = module.rpartition(".")
    root = module.partition(".")[0]
    if root not in CARRIED:
        return [root]
    seen = set() if seen is None else seen
    path = Path(rnnkit.__file__).parent.joinpath(*module.split(".")[1:])
    file = next((f for f in (path.with_suffix(".py"), path / "__init__.py") if f.is_file()), None)
    if root != "rnnkit" or file is None or module in seen:
        return []
    seen.add(module)
    for needed in filter(None, [package, *at_import(ast.parse(file.read_text("utf8")).body)]):
        if chain := way_out(needed, seen):
            return [module, *chain]
    return []


def at_import(body: list[ast.stmt]) -> Iterator[str]:
    """Yield what a module imports as soon as it is imported itself: not in functions, not for types, not on trial."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)
        elif isinstance(node, ast.If) and ast.unparse(node.test) != "TYPE_CHECKING":
            yield from at_import([*node.body, *node.orelse])
        elif isinstance(node, ast.ClassDef | ast.With):
            yield from at_import(node.body)


def check(app: Sphinx, page: nodes.document) -> None:
    """Warn, and so fail the build, where a tagged cell could not run in the page."""
    cells = list(code_cells(page))
    if not any(cell.runs for cell in cells):
        return
    for cell, why in problems(cells):
        tag = "live" if "live" in cell.tags else "live-setup"
        logger.warning(
            f"the cell {cell.name} has the tag {tag!r}, but {why}",
            location=cell.node if cell.node.line else page["source"],
            type="coursebook",
            subtype="live",
        )


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], page: Any) -> None:
    """Put script and style on a page that has live cells, and on no other."""
    if page is None or app.builder.format != "html" or not app.config.coursebook_lite:
        return
    if not any("live" in cell.tags for cell in code_cells(page)):
        return
    # Sphinx marks the page's own script with a digest; the files that the script asks for are marked with this one
    edition = hashlib.sha256(b"".join((STATIC / name).read_bytes() for name in WORKER_FILES)).hexdigest()[:8]
    app.add_css_file("live.css")
    app.add_js_file("live.js", loading_method="defer", **{"data-edition": edition})


def setup(app: Sphinx) -> dict[str, Any]:
    """Act on every page read, and on every page's scripts."""
    if "coursebook_lite" not in app.config.values:
        app.add_config_value("coursebook_lite", True, "html", [bool])
    app.connect("doctree-read", check)
    app.connect("html-page-context", add_scripts)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
