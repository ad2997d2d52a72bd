"""Notebooks that run in the reader's browser: JupyterLite, with a Pyodide of our own, below the built book.

``fetching``      files from the package registries, refused unless their hash is the pinned one, kept by that hash
``wheel``         this checkout's ``rnnkit`` as a wheel: the same sources give the same bytes
``distribution``  Pyodide's core, the packages, and a lock file that names no others
``notebooks``     the exercises as a browser wants them
``licences``      under which terms each part is passed on
``site``          JupyterLite around all of that

``python scripts/lite.py build`` does it all. What is fetched, in which version and with which hash: ``pins.toml``.
"""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
