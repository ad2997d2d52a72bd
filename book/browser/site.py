"""JupyterLite around the exercises: a folder of plain files that any web server can hand out, below any address."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from browser import HERE
from browser.distribution import assemble, extension
from browser.fetching import WITHOUT, CannotBuild, Fetcher
from browser.licences import write_licences
from browser.notebooks import write_notebooks

STORAGE = "Recurrent and Recursive Nets: notebooks"
"""Where a browser keeps what learners write. Never rename it: their work would seem to be gone.

It has no edition in it on purpose. A notebook that someone has begun stays theirs when the book is published anew; the
exercise's page then says that there is a newer version, and offers it beside their own (``book/static/lite.js``)."""

APPS = ["notebooks", "tree"]  # a notebook, and the list of all of them behind File → Open
EPOCH = 1767225600


def build_site(book: Path, target: Path, fetcher: Fetcher) -> list[str]:
    """Build the site for the exercises in ``book`` into ``target``; return the notebooks' names.

    Raises
    ------
    CannotBuild
        When something is missing, wrong, or complains.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        notebooks = write_notebooks(book / "exercises", work / "project" / "files")
        loaded = assemble(work / "project" / "static" / "pyodide", HERE.parents[1], fetcher)
        write_settings(work, loaded)
        run_jupyter_lite(work)
        site = work / "site"
        write_licences(site)
        add_script(site)
        for unneeded in site.glob("rspack.config*.js"):
            unneeded.unlink()
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(site, target)
    return notebooks


def write_settings(work: Path, loaded: list[str]) -> None:
    """Write what JupyterLite's build reads, and what its pages read."""
    build = {
        "apps": APPS,
        "cache_dir": str(work / "cache"),
        "contents": ["files"],
        "federated_extensions": [str(extension())],
        "ignore_sys_prefix": ["federated_extensions"],  # whatever else may be installed here
        "no_sourcemaps": True,
        "no_unused_shared_packages": True,
        "output_dir": str(work / "site"),
        "source_date_epoch": EPOCH,
    }
    kernel = {"disablePyPIFallback": True, "loadPyodideOptions": {"packages": loaded}}
    pages = {
        "appName": "Recurrent and Recursive Nets",
        "contentsStorageName": STORAGE,
        "settingsStorageName": f"{STORAGE}, settings",
        "workspacesStorageName": f"{STORAGE}, workspaces",
        "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel},
    }
    overrides = {
        "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},  # light or dark, as the device is
        "@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 3},
    }
    project = work / "project"
    write_json(project / "jupyter_lite_config.json", {"LiteBuildConfig": build})
    write_json(project / "jupyter-lite.json", {"jupyter-lite-schema-version": 0, "jupyter-config-data": pages})
    write_json(project / "overrides.json", overrides)


def write_json(path: Path, content: object) -> None:
    """Write JSON to be read by people too."""
    path.write_text(json.dumps(content, indent=1) + "\n", "utf8")


def run_jupyter_lite(work: Path) -> None:
    """Let JupyterLite put its site together."""
    command = [sys.executable, "-c", "from jupyterlite_core.app import main; main()", "build"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
    done = subprocess.run(
        command, cwd=work / "project", env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode or not (work / "site" / "notebooks" / "index.html").is_file():
        raise CannotBuild(f"jupyter lite build failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}\n{WITHOUT}")


def add_script(site: Path) -> None:
    """Give every page of the site the script that leads links to the book's pages, and a title of its own."""
    shutil.copyfile(HERE / "site.js", site / "site.js")
    for page in (site / app / "index.html" for app in APPS):
        text = page.read_text("utf8")
        text = re.sub(r"<title>[^<]*</title>", "<title>Recurrent and Recursive Nets</title>", text)
        ours = '<head>\n    <link rel="icon" href="favicon.ico">\n    <script src="../site.js"></script>'
        page.write_text(text.replace("<head>", ours, 1), "utf8")


def versions() -> list[str]:
    """Name the packages that make the site what it is."""
    return [f"{name} {metadata.version(name)}" for name in ("jupyterlite-core", "jupyterlite-pyodide-kernel")]
