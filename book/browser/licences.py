"""What is passed on with the notebooks, under which terms: a page that lists every package, and the texts."""

from __future__ import annotations

import email
import html
import re
import zipfile
from importlib import metadata
from pathlib import Path

from browser import HERE
from browser.fetching import pins

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Licences of the notebooks in the browser</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
div {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #8888 }}
</style>
<main>
<h1>Licences of the notebooks in the browser</h1>
<p>The notebooks of <a href="../index.html">this book</a> run on the work of others. Each part is passed on as its
authors published it, under their terms.</p>
<div tabindex="0" role="region" aria-label="Packages and their licences"><table>
<thead><tr><th scope="col">Part</th><th scope="col">Version</th><th scope="col">Licence</th>
<th scope="col">Text</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>
<p>JupyterLite is made of many packages of JavaScript:
<a href="build/third-party-licenses.json">theirs</a>, and
<a href="extensions/@jupyterlite/pyodide-kernel-extension/static/third-party-licenses.json">its kernel's</a>.</p>
</main>
</html>
"""

KNOWN = {"pyodide-kernel": "BSD-3-Clause", "piplite": "BSD-3-Clause", "ipykernel": "BSD-3-Clause"}
"""The kernel's wheels; their licence is that of the package they came in."""


def write_licences(site: Path) -> None:
    """Write ``licences.html`` and ``licences/`` for the distribution in ``site``."""
    folder = site / "licences"
    folder.mkdir()
    for path in (HERE / "licences").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    core = pins()["pyodide"]
    rows = [
        ("Pyodide", core["version"], core["licence"], ["MPL-2.0.txt"]),
        ("Python's standard library", core["python"], "PSF-2.0", ["PSF-2.0.txt"]),
        *(installed(name, folder) for name in ("jupyterlite-core", "jupyterlite-pyodide-kernel")),
        *(of_wheel(wheel, folder) for wheel in sorted((site / "static" / "pyodide").glob("*.whl"))),
    ]
    (site / "licences.html").write_text(PAGE.format(rows="\n".join(map(row, rows))), "utf8")


def row(part: tuple[str, str, str, list[str]]) -> str:
    """Return a line of the table."""
    name, version, licence, texts = part
    named = [(html.escape(text), html.escape(text.split("/")[-1])) for text in texts]
    links = ", ".join(f'<a href="licences/{address}">{word}</a>' for address, word in named)
    cells = "".join(f"<td>{html.escape(word)}</td>" for word in (version, licence))
    return f'<tr><th scope="row">{html.escape(name)}</th>{cells}<td>{links}</td></tr>'


def of_wheel(wheel: Path, folder: Path) -> tuple[str, str, str, list[str]]:
    """Return what a wheel says of itself, and put its licence texts into ``folder``."""
    with zipfile.ZipFile(wheel) as archive:
        said = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(archive.read(said))
        name, texts = str(about["Name"]), []
        for entry in archive.namelist():
            if ".dist-info/" in entry and is_licence(entry):
                texts.append(keep(folder / name, entry, archive.read(entry)))
    return name, str(about["Version"]), terms(name, about), texts


def installed(name: str, folder: Path) -> tuple[str, str, str, list[str]]:
    """Return the same for a package of this environment."""
    package = metadata.distribution(name)
    files = [file for file in package.files or [] if ".dist-info/" in str(file) and is_licence(str(file))]
    texts = [keep(folder / name, str(file), Path(str(file.locate())).read_bytes()) for file in files]
    return name, package.version, terms(name, package.metadata), texts


def is_licence(path: str) -> bool:
    """Tell whether a file holds terms."""
    return bool(re.search(r"(licen[cs]e|copying|notice|authors)[^/]*$", path, re.IGNORECASE)) and not path.endswith("/")


def keep(folder: Path, entry: str, data: bytes) -> str:
    """Write one text; return its address from ``licences/``."""
    folder.mkdir(exist_ok=True)
    name = entry.split(".dist-info/")[1].removeprefix("licenses/").replace("/", "-")
    target = folder / (name if "." in name else f"{name}.txt")  # a server would not show what has no ending
    target.write_bytes(data)
    return f"{folder.name}/{target.name}"


def terms(name: str, about: email.message.Message | metadata.PackageMetadata) -> str:
    """Return a licence's name from a package's metadata, wherever it is said."""
    classified = [one.split(" :: ")[-1] for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    stated = str(about.get("License") or "").strip().splitlines()[:1]  # some put the whole text there
    words = about.get("License-Expression") or next(filter(None, [*classified, *stated]), None)
    return str(words or KNOWN.get(name.lower().replace("_", "-"), "see the text"))
