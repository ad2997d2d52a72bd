"""What the table of run statistics leaves out: how long all of it took, with which versions, on what kind of machine.

Versions are those of this build: the cache of executed pages is keyed on them (``inputs``), so no page was run with
others. The machine is noted beside the cache when a page is executed, since a cache can be carried to another one.
"""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from jupyter_cache import get_cache

from . import inputs
from .generated import Placeholder, PlaceholderDirective, counted, row, table

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

UNKNOWN = "not recorded"


class RunFacts(Placeholder):
    """A small table: pages, time, versions, machines."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Make it from what the build knows."""
        runs = executed(app.env)
        total = sum(run["runtime"] or 0.0 for run in runs.values())
        name, version, *packages = inputs.environment()
        known = recorded(app)
        machines = Counter(known.get(page, {}).get("machine", UNKNOWN) for page in runs)
        facts = [
            row("pages executed", str(len(runs))),
            row("time in their cells", f"{total:.1f} s"),
            row("Python", f"{name} {version}"),
            row("packages", ", ".join(packages)),
            row("machine", "; ".join(f"{name} ({counted(n, 'page')})" for name, n in sorted(machines.items()))),
        ]
        return [table(["fact", "value"], [30, 70], facts, name="rk-facts")]


class RunFactsDirective(PlaceholderDirective):
    """``{run-facts}``: the small table."""

    placeholder = RunFacts


def executed(env: BuildEnvironment) -> dict[str, dict[str, Any]]:
    """Return what myst-nb knows of the execution of each page."""
    data = getattr(env, "nb_metadata", {})
    return {name: data[name]["exec_data"] for name in sorted(data) if data[name].get("exec_data")}


def machine() -> str:
    """Say what kind of machine this is, and nothing by which it could be told from others of its kind."""
    return f"{platform.system()}, {platform.machine()}, {os.cpu_count()} processors"


def record_file(app: Sphinx) -> Path:
    """Return where the machines are noted: in the cache, so that the note goes where the results go."""
    return Path(app.config.nb_execution_cache_path) / "machines.json"


def recorded(app: Sphinx) -> dict[str, dict[str, Any]]:
    """Return what has been noted, by page."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(record_file(app).read_text("utf8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found


def cached_times(app: Sphinx) -> set[float]:
    """Return how long each execution took whose results lie in the cache: no two take the same time."""
    records = get_cache(app.config.nb_execution_cache_path).list_cache_records()
    return {record.data["execution_seconds"] for record in records if record.data.get("execution_seconds")}


def see_cache(app: Sphinx) -> None:
    """Look into the cache before this build executes anything."""
    app.env.coursebook_cached_times = cached_times(app)  # type: ignore[attr-defined]


def note_machine(app: Sphinx, env: BuildEnvironment) -> None:
    """Note this machine for each page that was executed just now; forget notes on executions that are gone."""
    known, now = recorded(app), dict[str, dict[str, Any]]()
    for docname, run in executed(env).items():
        if run["runtime"] not in env.coursebook_cached_times:  # type: ignore[attr-defined]
            now[docname] = {"machine": machine(), "runtime": run["runtime"]}
        elif known.get(docname, {}).get("runtime") == run["runtime"]:
            now[docname] = known[docname]
    if now != known:
        record_file(app).write_text(json.dumps(now, indent=1), "utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Provide the directive; look into the cache before pages are read, and note after."""
    app.setup_extension("coursebook.generated")
    app.add_node(RunFacts)
    app.add_directive("run-facts", RunFactsDirective)
    app.connect("builder-inited", see_cache)
    app.connect("env-updated", note_machine)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
