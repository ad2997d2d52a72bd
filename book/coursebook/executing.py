"""Pages are executed before they are read: as many at a time as the machine has cores, each announced when it is done.

MyST-NB executes one notebook after the other, in the middle of reading. Here the notebooks that its cache does not hold
are executed first, side by side, each in a kernel of its own, and put into that cache. A cell that raises is named with
its number and line; the other pages are executed all the same, so that one build tells of all of them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from sphinx.errors import SphinxError
from sphinx.util import logging

from .problems import COLOUR, PER_CELL

if TYPE_CHECKING:
    from myst_nb.core.config import NbParserConfig
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

MOST_AT_A_TIME = 4
"""A page may hold a gigabyte while it is executed."""

FRAME = re.compile(r"Cell In\[\d+\], line (\d+)")


class ExecutionFailedError(SphinxError):
    """Ends the build: a page without its outputs is no page, and all that refers to them would be wrong too."""

    category = "A cell has raised"


@dataclass
class Failure:
    """Where and why a notebook could not be executed."""

    cell: int
    line: int
    what: str


@dataclass
class Page:
    """A notebook to be executed."""

    docname: str
    path: Path
    notebook: nbformat.NotebookNode


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read(path: Path, config: NbParserConfig) -> nbformat.NotebookNode:
    """Read a notebook as MyST-NB does, its kernel's name replaced by an alias."""
    notebook = nbformat.read(path, as_version=4)
    kernel = notebook.metadata.get("kernelspec", {})
    for pattern, alias in config.kernel_rgx_aliases.items():
        if re.fullmatch(pattern, kernel.get("name", "")):
            kernel["name"] = alias
            break
    return notebook


def missing(env: BuildEnvironment, docnames: list[str], cache: Any) -> Iterator[Page]:
    """Yield the notebooks among these pages that the cache does not hold."""
    config = env.mystnb_config
    for docname in docnames:
        path = Path(env.doc2path(docname))
        excluded = any(PurePosixPath(path.as_posix()).match(pattern) for pattern in config.execution_excludepatterns)
        if path.suffix != ".ipynb" or excluded:
            continue
        notebook = read(path, config)
        if config.metadata_key in notebook.metadata:  # a notebook with settings of its own is left to MyST-NB
            continue
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            yield Page(docname, path, notebook)


def execute(page: Page, config: NbParserConfig) -> float | Failure:
    """Execute a page's notebook in place; return the seconds it took, or what went wrong."""
    folder = str(page.path.parent)
    try:
        result = single_nb_execution(page.notebook, folder, config.execution_timeout, config.execution_allow_errors)
    except Exception as error:  # the kernel did not start, or died
        return Failure(*last_cell(page.notebook), f"{type(error).__name__}: {error}")
    if result.err is None:
        return float(result.time)
    for number, cell in enumerate(page.notebook.cells, start=1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                line = FRAME.search(COLOUR.sub("", "\n".join(output.traceback)))
                return Failure(number, int(line[1]) if line else 0, f"{output.ename}: {output.evalue}")
    return Failure(*last_cell(page.notebook), f"not done within {config.execution_timeout} seconds")


def last_cell(notebook: nbformat.NotebookNode) -> tuple[int, int]:
    """Return the number of the cell at which execution stopped, and no line."""
    waiting = (
        number
        for number, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and cell.source.strip() and not cell.execution_count
    )
    return next(waiting, 0), 0


def execute_first(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Execute what is not in the cache, side by side; tell of each page, and of all that fail."""
    config = env.mystnb_config
    if config.execution_mode != "cache":
        return
    cache = get_cache(config.execution_cache_path)
    pages = list(missing(env, docnames, cache))
    if not pages:
        return
    at_a_time = min(len(pages), cores(), MOST_AT_A_TIME)
    logger.info(f"executing {len(pages)} page{'s' * (len(pages) > 1)}, {at_a_time} at a time ...")
    failed, started = 0, time.perf_counter()
    with ThreadPoolExecutor(at_a_time) as pool:
        running = {pool.submit(execute, page, config): page for page in pages}
        for done, future in enumerate(as_completed(running), start=1):
            page, outcome = running[future], future.result()
            if isinstance(outcome, Failure):
                failed += 1
                where = (page.docname, outcome.cell * PER_CELL + outcome.line + 1)
                logger.warning(outcome.what, location=where, type="coursebook", subtype="exec")
                continue
            bundle = CacheBundleIn(page.notebook, str(page.path), data={"execution_seconds": outcome})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
            logger.info(f"executed {page.docname} in {outcome:.1f} s ({done} of {len(pages)})")
    if failed:
        raise ExecutionFailedError(f"{failed} of {len(pages)} pages could not be executed")
    logger.info(f"all executed in {time.perf_counter() - started:.1f} s")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act when it is known which pages are read anew."""
    app.connect("env-before-read-docs", execute_first)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
