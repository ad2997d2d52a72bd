"""Write the notebooks as Colab needs them: ``python scripts/launch.py OUT``.

Colab opens a notebook from the repository and nothing else, so each copy begins with a cell that installs rnnkit where
it is missing. The workflow *publish* keeps these copies on the branch ``launch``, to which the Colab buttons lead. With
no ``repository.url`` in ``_config.yml`` there are no buttons, and nothing is written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
import yaml

ROOT = Path(__file__).resolve().parent.parent

CELL = """\
# Installs the course's library where it is missing, as on Colab (about a minute).
import importlib.util

if importlib.util.find_spec("rnnkit") is None:
    %pip install --quiet "rnnkit[view] @ git+{url}@{revision}"
"""


def main(arguments: list[str] | None = None) -> int:
    """Write the copies and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="launch.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder for the copies")
    parser.add_argument("--source", type=Path, default=ROOT, help="folder with _config.yml and _toc.yml")
    parser.add_argument("--revision", help="branch, tag or commit to install (default: repository.branch)")
    options = parser.parse_args(arguments)
    repository = yaml.safe_load((options.source / "_config.yml").read_text("utf8")).get("repository") or {}
    if not repository.get("url"):
        print("No notebook was written: repository.url in _config.yml is empty, so no button leads to one")
        return 0
    written = write(
        options.source, options.out, repository["url"], options.revision or repository.get("branch", "main")
    )
    print(f"{written} notebooks are in {options.out}")
    return 0


def write(source: Path, out: Path, url: str, revision: str) -> int:
    """Copy every notebook in the contents of ``source``, with the cell that installs; return how many there are."""
    contents = yaml.safe_load((source / "_toc.yml").read_text("utf8"))
    notebooks = [path for path in (source / f"{name}.ipynb" for name in files_in(contents)) if path.is_file()]
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        code = CELL.format(url=url.rstrip("/"), revision=revision)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(code, id="install-rnnkit"))
        target = out / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
    return len(notebooks)


def files_in(contents: object) -> list[str]:
    """Return every ``file`` of a ``_toc.yml``, however deep, without its ending."""
    if isinstance(contents, list):
        return [name for entry in contents for name in files_in(entry)]
    if not isinstance(contents, dict):
        return []
    own = [str(contents["file"]).removesuffix(".ipynb")] if "file" in contents else []
    return own + [name for value in contents.values() for name in files_in(value)]


if __name__ == "__main__":
    sys.exit(main())
