"""What the pages depend on, as digests.

Jupyter Book keeps executed notebooks by the code in their cells alone. It does not see that the library they import has
changed. So the cache gets a folder of its own for each state of ``rnnkit``, of the constraints file and of Python; in
that folder a notebook is found again by its code. Folders that were not used lately are removed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

KEPT_CACHES = 3
"""As many states of the library as one is likely to switch between, such as two branches."""

IGNORED = re.compile(
    r"(__pycache__|\..*|.*~|#.*#|.*\.(pyc|swp|swo|tmp|bak|orig)|Thumbs\.db|desktop\.ini)", re.IGNORECASE
)
"""What Python, file managers and editors leave beside files that someone wrote."""

TOOLS = ("check", "grade", "isolation", "learner", "warm")
"""Rooms of the library for learners and instructors: no other room imports them, and a page seldom does."""


def files_below(folder: Path) -> list[Path]:
    """Return every file below ``folder`` (or the file itself) that someone wrote, in a fixed order."""
    if folder.is_file():
        return [folder]
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(map(IGNORED.fullmatch, path.relative_to(folder).parts))
    )


def digest(roots: Iterable[Path], *words: str) -> str:
    """Digest the contents and relative names of all files below ``roots``, and ``words``."""
    total = hashlib.sha256()
    for word in words:
        total.update(word.encode() + b"\0")
    for root in roots:
        for path in files_below(root):
            name = path.relative_to(root.parent).as_posix()
            total.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def environment() -> list[str]:
    """Name Python and the installed packages that a page's numbers come from."""
    words = [platform.python_implementation(), platform.python_version()]
    for package in ("numpy", "torch", "matplotlib"):
        try:
            words.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            words.append(f"no {package}")
    return words


def parts_for_pages(source: Path, library: Path) -> list[Path]:
    """Return the parts of the library that a page's numbers can come from.

    A change of the tools does not execute a page again, unless some page names one of them.
    """
    parts = [path for path in sorted(library.iterdir()) if not IGNORED.fullmatch(path.name)]
    named = re.compile(rf"\brnnkit\.({'|'.join(TOOLS)})\b|from rnnkit import [^\n]*\b({'|'.join(TOOLS)})\b")
    pages = (path for path in source.glob("*/*.ipynb") if path.parent.name not in ("exercises", "solutions"))
    if any(named.search(path.read_text("utf8")) for path in pages):
        return parts
    return [path for path in parts if path.name not in TOOLS]


def execution_key(source: Path, library: Path) -> str:
    """Return the name of the cache folder for notebooks executed with ``library`` as it is now."""
    return digest([*parts_for_pages(source, library), source / "constraints.txt"], *environment())[:16]


def choose_cache(app: Sphinx, config: Config) -> None:
    """Point myst-nb at the cache folder for this library, and remove those that were not used lately."""
    import rnnkit

    caches = Path(app.outdir).parent / "executed"
    cache = caches / execution_key(Path(app.srcdir), Path(rnnkit.__file__).parent)
    cache.mkdir(parents=True, exist_ok=True)
    os.utime(cache)
    # a new path is a new configuration: Sphinx then reads every page again, and none keeps numbers of the old library
    config.nb_execution_cache_path = str(cache)
    by_use = sorted(caches.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for old in by_use[KEPT_CACHES:]:
        shutil.rmtree(old, ignore_errors=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Act once the configuration is known."""
    app.connect("config-inited", choose_cache)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
