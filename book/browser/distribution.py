"""A Pyodide distribution that holds what the exercises need, and whose lock file names nothing else.

Pyodide looks packages up in its lock file; a package that is not named there would be asked for elsewhere. So the lock
is cut down to what lies beside it, and every package's hash in it is that of the file that is really there.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from importlib import metadata
from pathlib import Path
from typing import Any

from browser.fetching import WITHOUT, CannotBuild, Fetcher, Pinned, normal, pins
from browser.wheel import build_wheel

CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
KERNEL = {
    "pyodide-kernel": (["pyodide_kernel"], ["ipython", "comm"]),
    "piplite": (["piplite"], ["micropip"]),
    "ipykernel": (["ipykernel"], ["pyodide-kernel"]),
}
"""The kernel's own wheels, which come with ``jupyterlite-pyodide-kernel``: what they offer, and what they need."""

NOT_IN_PYODIDE = {"comm": (["comm"], [])}
"""Pure packages that the kernel needs and Pyodide's lock file does not know."""

EXTENSION = "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension"


def extension() -> Path:
    """Return the folder of the installed kernel, after making sure that it belongs to the pinned Pyodide."""
    from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION

    if pins()["pyodide"]["version"] != PYODIDE_VERSION:
        raise CannotBuild(
            f"jupyterlite-pyodide-kernel {metadata.version('jupyterlite-pyodide-kernel')} is made for Pyodide "
            f"{PYODIDE_VERSION}, but book/browser/pins.toml names {pins()['pyodide']['version']}. Install the version "
            f"in constraints.txt, or renew the pins. {WITHOUT}"
        )
    for file in metadata.files("jupyterlite-pyodide-kernel") or []:
        if str(file).endswith(f"{EXTENSION}/package.json"):
            return Path(str(file.locate())).resolve().parent
    raise CannotBuild(f"jupyterlite-pyodide-kernel is installed, but without its files. Install it anew. {WITHOUT}")


def assemble(target: Path, root: Path, fetcher: Fetcher) -> list[str]:
    """Write the distribution with the ``rnnkit`` of ``root`` into ``target``, which must not exist.

    Returns
    -------
    list of str
        The packages that a kernel loads before its first cell.
    """
    pinned = pins()
    archive = fetcher.npm("pyodide", pinned["pyodide"], pinned["node"]["requirement"])
    content = members(archive, (*CORE, "pyodide-lock.json"))
    lock = json.loads(content.pop("pyodide-lock.json"))
    known = {normal(name): entry for name, entry in lock["packages"].items()}
    target.mkdir(parents=True)
    for name, data in content.items():
        (target / name).write_bytes(data)
    packages = compiled_packages(known, pinned, target, fetcher)
    packages |= pure_packages(known, pinned, target, fetcher)
    packages |= own_packages(target, root)
    check_complete(packages)
    lock["packages"] = dict(sorted(packages.items()))
    (target / "pyodide-lock.json").write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n", "utf8")
    return [*KERNEL, "micropip", "comm", "ipython", "jedi", "numpy", "rnnkit"]


def members(archive: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return files out of npm's archive of Pyodide."""
    with tarfile.open(archive) as tar:
        files = {name: tar.extractfile(f"package/{name}") for name in names}
        return {name: file.read() for name, file in files.items() if file is not None}


def compiled_packages(
    known: dict[str, Any], pinned: dict[str, Any], target: Path, fetcher: Fetcher
) -> dict[str, Any]:  # fmt: skip
    """Put the packages with compiled parts into ``target``; return their entries, which are those of Pyodide's lock."""
    entries = [known[name] for name in pinned["compiled"]["names"]]
    paths = fetcher.compiled([Pinned(one["file_name"], one["sha256"]) for one in entries], pinned["compiled"])
    for entry, path in zip(entries, paths, strict=True):
        (target / entry["file_name"]).write_bytes(path.read_bytes())
    return {normal(entry["name"]): entry for entry in entries}


def pure_packages(known: dict[str, Any], pinned: dict[str, Any], target: Path, fetcher: Fetcher) -> dict[str, Any]:
    """Put the pinned packages of Python alone into ``target``; return their entries."""
    packages: dict[str, Any] = {}
    files = {name: Pinned(one["file"], one["sha256"]) for name, one in pinned["pure"].items()}
    paths = fetcher.wheels(files.values(), pinned["pyodide"]["python"])
    for (name, file), path in zip(files.items(), paths, strict=True):
        (target / file.file).write_bytes(path.read_bytes())
        old = known.get(name, {})
        imports, depends = NOT_IN_PYODIDE.get(name) or (old["imports"], old["depends"])
        packages[name] = new = entry_for(target / file.file, name, imports, depends)
        if old and old["version"] != new["version"]:
            raise CannotBuild(f"pins.toml has {name} {new['version']}, Pyodide's lock {old['version']}. {WITHOUT}")
    return packages


def own_packages(target: Path, root: Path) -> dict[str, Any]:
    """Put the kernel's wheels, and ``rnnkit`` as it is in ``root``, into ``target``; return their entries."""
    packages: dict[str, Any] = {}
    for name, (imports, depends) in KERNEL.items():
        wheel = next((extension() / "static" / "pypi").glob(f"{name.replace('-', '_')}-*.whl"))
        (target / wheel.name).write_bytes(wheel.read_bytes())
        packages[name] = entry_for(target / wheel.name, name, imports, depends)
    file_name, data = build_wheel(root)
    # a build number from the content: a browser that has kept the wheel of an earlier edition must not take it for this
    file_name = file_name.replace("-py3-", f"-0_{hashlib.sha256(data).hexdigest()[:12]}-py3-")
    (target / file_name).write_bytes(data)
    return packages | {"rnnkit": entry_for(target / file_name, "rnnkit", ["rnnkit"], ["numpy"])}


def entry_for(wheel: Path, name: str, imports: list[str], depends: list[str]) -> dict[str, Any]:
    """Return a lock file's entry for a wheel."""
    return {
        "name": name,
        "version": wheel.name.split("-")[1],
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": imports,
        "depends": depends,
        "unvendored_tests": False,
    }


def check_complete(packages: dict[str, Any]) -> None:
    """Refuse a lock file in which something is asked for that is not there."""
    for name, entry in packages.items():
        for needed in entry["depends"]:
            if normal(needed) not in packages:
                raise CannotBuild(f"{name} needs {needed}, which book/browser/pins.toml does not name. {WITHOUT}")
