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
    core = pinned["pyodide"]
    archive = fetcher.npm(
        "pyodide",
        core["version"],
        Pinned(core["file"], core["sha256"]),
        core["integrity"],
        pinned["node"]["requirement"],
    )
    target.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        content = {name: tar.extractfile(f"package/{name}").read() for name in (*CORE, "pyodide-lock.json")}  # type: ignore[union-attr]
    lock = json.loads(content.pop("pyodide-lock.json"))
    for name, data in content.items():
        (target / name).write_bytes(data)
    packages = packages_for(lock["packages"], pinned, target, root, fetcher)
    check_complete(packages)
    lock["packages"] = dict(sorted(packages.items()))
    (target / "pyodide-lock.json").write_text(json.dumps(lock, indent=1, sort_keys=True) + "\n", "utf8")
    return [*KERNEL, "micropip", "comm", "ipython", "jedi", "numpy", "rnnkit"]


def packages_for(
    known: dict[str, Any], pinned: dict[str, Any], target: Path, root: Path, fetcher: Fetcher
) -> dict[str, Any]:
    """Put every package into ``target``; return the lock file's entries for them."""
    by_name = {normal(name): entry for name, entry in known.items()}
    packages: dict[str, Any] = {}
    compiled = [by_name[name] for name in pinned["compiled"]["names"]]
    paths = fetcher.compiled([Pinned(one["file_name"], one["sha256"]) for one in compiled], pinned["compiled"])
    for entry, path in zip(compiled, paths, strict=True):
        packages[normal(entry["name"])] = entry
        (target / entry["file_name"]).write_bytes(path.read_bytes())
    pure = {name: Pinned(one["file"], one["sha256"]) for name, one in pinned["pure"].items()}
    for (name, file), path in zip(
        pure.items(), fetcher.wheels(pure.values(), pinned["pyodide"]["python"]), strict=True
    ):
        (target / file.file).write_bytes(path.read_bytes())
        old = by_name.get(name)
        packages[name] = entry_for(
            target / file.file, name, *NOT_IN_PYODIDE.get(name) or (old["imports"], old["depends"])
        )
        if old and old["version"] != packages[name]["version"]:
            raise CannotBuild(
                f"pins.toml has {name} {packages[name]['version']}, Pyodide's lock {old['version']}. {WITHOUT}"
            )
    for name, (imports, depends) in KERNEL.items():
        wheel = next((extension() / "static" / "pypi").glob(f"{name.replace('-', '_')}-*.whl"))
        (target / wheel.name).write_bytes(wheel.read_bytes())
        packages[name] = entry_for(target / wheel.name, name, imports, depends)
    file_name, data = build_wheel(root)
    # a build number from the content: a browser that has kept the wheel of an earlier edition must not take it for this
    file_name = file_name.replace("-py3-", f"-0_{hashlib.sha256(data).hexdigest()[:12]}-py3-")
    (target / file_name).write_bytes(data)
    packages["rnnkit"] = entry_for(target / file_name, "rnnkit", ["rnnkit"], ["numpy"])
    return packages


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
