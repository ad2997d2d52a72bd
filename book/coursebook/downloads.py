"""The page *Downloads*, and the archive of all exercises that it offers.

The notebooks themselves are beside the pages already: Sphinx copies every page's source, which the button at its top
offers too. The archive is the same, byte for byte, whenever its contents are.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]

from .claims import in_order
from .generated import (
    Placeholder,
    PlaceholderDirective,
    counted,
    holds,
    kilobytes,
    link,
    numbered,
    paragraph,
    row,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx

ARCHIVE = "downloads/exercises.zip"
PDF = "downloads/recurrent-and-recursive-nets.pdf"
FOLDER = "recurrent-and-recursive-nets-exercises"
LICENCES = ("LICENSE", "LICENSE-TEXT.md")
BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The date of every file in the archive: the earliest that a ZIP can hold."""


class Downloads(Placeholder):
    """What there is as one file, then every notebook."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Make two tables; sizes are those of the files."""
        up = "../" * docname.count("/")
        exercises = exercise_files(Path(app.srcdir), app.env.found_docs)
        whole = []
        if exercises:
            what = f"all exercises: {counted(len(exercises), 'notebook')}, with their licences"
            size = kilobytes(len(archive(exercises, licences(Path(app.srcdir)))))
            whole.append(row(what, offer(up + ARCHIVE, "exercises.zip"), size))
        if app.config.coursebook_pdf:
            whole.append(
                row("the whole book as PDF, to print", offer(up + PDF, Path(PDF).name), "shown by your browser")
            )
        headings, widths = ("what", "file", "size"), (60, 25, 15)
        made = [table(headings, widths, whole, name="rk-downloads")] if whole else []
        pages = [page for page in in_order(app.env) if app.env.doc2path(page).endswith(".ipynb")]
        rows = [self.notebook(app, docname, page, up) for page in pages]
        return [*made, table(("page", "file", "size"), widths, rows, name="rk-downloads")]

    def notebook(self, app: Sphinx, docname: str, page: str, up: str) -> nodes.row:
        """Return the row of one notebook."""
        path = Path(app.env.doc2path(page))
        file = offer(f"{up}_sources/{page}.ipynb", f"{page}.ipynb")
        return row(
            paragraph(link(app, docname, page, "", numbered(app.env, page))), file, kilobytes(path.stat().st_size)
        )


class DownloadsDirective(PlaceholderDirective):
    """``{downloads}``: both tables."""

    placeholder = Downloads


def offer(address: str, name: str) -> nodes.paragraph:
    """Return a link to a file below the book's own folder."""
    return paragraph(nodes.reference("", "", nodes.literal("", name), internal=True, refuri=address))


def exercise_files(source: Path, pages: Iterable[str]) -> list[Path]:
    """Return the notebooks of exercises that are pages of the book."""
    names = sorted(page for page in pages if page.startswith("exercises/"))
    return [path for path in (source / f"{name}.ipynb" for name in names) if path.is_file()]


def licences(source: Path) -> list[Path]:
    """Return the texts of the licences that go with the notebooks."""
    return [source / name for name in LICENCES if (source / name).is_file()]


def archive(exercises: Iterable[Path], others: Iterable[Path] = ()) -> bytes:
    """Return a ZIP of the files, which are the only thing its bytes depend on."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for path in [*others, *exercises]:
            entry = zipfile.ZipInfo(f"{FOLDER}/{path.name}", BEGINNING)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            target.writestr(entry, path.read_bytes())
    return made.getvalue()


def write_archive(app: Sphinx, exception: Exception | None) -> None:
    """Put the archive where the page offers it; write nothing where it is there already."""
    if exception or app.builder.format != "html" or not holds(app.env, Downloads):
        return
    exercises = exercise_files(Path(app.srcdir), app.env.found_docs)
    target = Path(app.outdir) / ARCHIVE
    content = archive(exercises, licences(Path(app.srcdir)))
    if exercises and not (target.is_file() and target.read_bytes() == content):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def setup(app: Sphinx) -> dict[str, Any]:
    """Provide the directive; write the archive after the pages."""
    app.setup_extension("coursebook.generated")
    if "coursebook_pdf" not in app.config:
        app.add_config_value("coursebook_pdf", False, "env", (bool,))  # whether a PDF is made after the pages
    app.add_node(Downloads)
    app.add_directive("downloads", DownloadsDirective)
    app.connect("build-finished", write_archive)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
