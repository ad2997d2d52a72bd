"""Make one PDF of the whole book: ``python scripts/pdf.py``, or ``python scripts/book.py build --pdf``.

Every page of the contents is opened in headless Chromium, in light colours, until its formulas and figures stand. What
is then seen becomes a section of one long document, and that is printed once: so its tags, links between chapters and
page numbers are of one piece. The contents get their page numbers from a first print. Bookmarks follow ``_toc.yml``.
"""

from __future__ import annotations

import argparse
import dataclasses
import html
import io
import json
import os
import shutil
import sys
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import book

# isort: split
from coursebook.site import CARD, CARD_ALT  # book.py has made the extension importable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from pypdf import PdfWriter

NAME = "recurrent-and-recursive-nets.pdf"
PRINT = book.ROOT / "book" / "print"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
ALL_AT_ONCE = "book.html"
"""The long document's address below the pages' own; it exists only while it is printed."""

PAGE_SECONDS = 60


class UnprintableError(Exception):
    """Why there is no PDF, and what to do about it, in one line."""


@dataclasses.dataclass
class Section:
    """A page of the book: where it stands in the contents, and once it is opened, what is on it."""

    docname: str
    part: str
    depth: int
    html: str = ""
    headings: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def prefix(self) -> str:
        """A name that holds for this page's places alone."""
        return self.docname.replace("/", "-")

    @property
    def title(self) -> str:
        """The page's first heading."""
        return str(self.headings[0]["text"]) if self.headings else self.docname


def main(arguments: list[str] | None = None) -> int:
    """Print the book that was built; return the exit code."""
    parser = argparse.ArgumentParser(prog="pdf.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", type=Path, default=book.ROOT, help="folder with _config.yml and _toc.yml")
    parser.add_argument("--out", type=Path, help=f"file to write (default: _build/html/downloads/{NAME})")
    options = parser.parse_args(arguments)
    source = options.source.resolve()
    out = options.out or source / "_build" / "html" / "downloads" / NAME
    try:
        pages = make(source, out)
    except UnprintableError as problem:
        print(f"No PDF was made: {problem}", file=sys.stderr)
        return 2
    print(f"The PDF has {pages} pages, {out.stat().st_size / 1e6:.1f} MB: {out}")
    return 0


def make(source: Path, out: Path) -> int:
    """Print the book in ``source`` to ``out``; return how many pages it has."""
    built = source / "_build" / "html"
    if not (built / "index.html").is_file():
        raise UnprintableError(f"there is no book in {built} yet; build it first: make html")
    try:
        from playwright.sync_api import sync_playwright
        from pypdf import PdfWriter
    except ImportError as missing:
        raise UnprintableError(f"the package {missing.name} is missing: pip install {missing.name}") from None
    executable = next(filter(None, map(shutil.which, book.CHROMIUM)), None)
    if executable is None:
        raise UnprintableError("no Chromium was found; install it: apt-get install chromium")
    config = yaml.safe_load((source / "_config.yml").read_text("utf8"))
    sections = list(sections_of(yaml.safe_load((source / "_toc.yml").read_text("utf8"))))
    server = book.server_for(built, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
            address = f"http://127.0.0.1:{server.server_address[1]}"
            printed, places = print_all(browser, address, config, sections)
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    writer = PdfWriter(clone_from=io.BytesIO(printed))
    finish(writer, config, sections, places)
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_suffix(".part")
    writer.write(str(unfinished))
    unfinished.replace(out)
    return len(writer.pages)


def sections_of(toc: dict[str, Any]) -> Iterator[Section]:
    """Yield the pages of a ``_toc.yml`` in the order in which they are read."""
    yield Section(toc["root"], "", 0)
    parts = toc.get("parts") or [{"caption": "", "chapters": toc.get("chapters", [])}]
    for part in parts:
        yield from below(part.get("chapters", []), part.get("caption", ""), 0)


def below(entries: list[dict[str, Any]], part: str, depth: int) -> Iterator[Section]:
    """Yield ``entries`` of the contents and everything under them; addresses elsewhere are no pages."""
    for entry in entries:
        if "file" in entry:
            yield Section(entry["file"].removesuffix(".md").removesuffix(".ipynb"), part, depth)
        yield from below(entry.get("sections", []), part, depth + 1)


def print_all(
    browser: Browser, address: str, config: dict[str, Any], sections: list[Section]
) -> tuple[bytes, dict[str, int]]:
    """Open every page, print them as one, and return the PDF with the page on which each place stands."""
    context = browser.new_context(
        viewport={"width": 1000, "height": 1300}, color_scheme="light", reduced_motion="reduce"
    )
    styles: dict[str, None] = {}  # as a set that keeps its order
    sheets: dict[str, None] = {}
    pages = {f"/{section.docname}.html": section.prefix for section in sections}
    for number, section in enumerate(sections, 1):
        print(f"  [{number}/{len(sections)}] {section.docname}", flush=True)
        taken = snapshot(context.new_page(), f"{address}/{section.docname}.html", section.prefix, pages)
        section.html, section.headings = taken["html"], taken["headings"]
        styles.update(dict.fromkeys(taken["styles"]))
        sheets.update(dict.fromkeys(taken["sheets"]))
    print(f"  printing {len(sections)} pages of the site as one document ...", flush=True)
    page = context.new_page()
    page.set_default_timeout(5 * PAGE_SECONDS * 1000)
    whole = document(config, sections, list(sheets), list(styles))
    page.route(f"**/{ALL_AT_ONCE}", lambda route: route.fulfill(body=whole, content_type="text/html; charset=utf-8"))
    page.goto(f"{address}/{ALL_AT_ONCE}", wait_until="networkidle")
    page.evaluate("document.fonts.ready.then(() => true)")
    places = number_contents(page)
    printed, again = to_pdf(page)
    if again != places:
        raise UnprintableError("numbers in the contents have moved its lines; widen .rk-number in book/print/book.css")
    return printed, places


def snapshot(page: Page, address: str, prefix: str, pages: dict[str, str]) -> dict[str, Any]:
    """Return what a reader sees at ``address``, ready to stand beside the other pages."""
    page.emulate_media(media="print", color_scheme="light")
    page.set_default_timeout(PAGE_SECONDS * 1000)
    answer = page.goto(address, wait_until="networkidle")
    if answer is None or not answer.ok:
        raise UnprintableError(f"_toc.yml names {address.split('/', 3)[3]}, which was not built: make html")
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    taken: dict[str, Any] = page.evaluate((PRINT / "snapshot.js").read_text("utf8"), {"prefix": prefix, "pages": pages})
    page.close()
    return taken


def number_contents(page: Page) -> dict[str, int]:
    """Print once to learn where everything stands, and write that into the contents."""
    _, places = to_pdf(page)
    page.evaluate(
        """(places) => document.querySelectorAll(".rk-contents a").forEach((link) => {
          link.querySelector(".rk-number").textContent = places[decodeURIComponent(link.hash.slice(1))] ?? "";
        })""",
        {name: number + 1 for name, number in places.items()},
    )
    return places


def to_pdf(page: Page) -> tuple[bytes, dict[str, int]]:
    """Print; return the PDF, and the index of the page on which each place that is linked to stands."""
    from pypdf import PdfReader

    printed = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=False)
    reader = PdfReader(io.BytesIO(printed))
    places = {}
    for name, destination in reader.named_destinations.items():
        number = reader.get_destination_page_number(destination)
        if number is not None:
            places[name.lstrip("/")] = number
    return printed, places


def document(config: dict[str, Any], sections: list[Section], sheets: list[str], styles: list[str]) -> str:
    """Return the whole book as one HTML page."""
    heads = "".join(
        f"@page {section.prefix} {{ @top-right {{ content: {json.dumps(section.title, ensure_ascii=False)};"
        " font: 9pt sans-serif; color: #444; } }\n"
        for section in sections
    )
    links = "".join(f'<link rel="stylesheet" href="{html.escape(sheet)}">\n' for sheet in sheets)
    pages = "".join(
        f'<section class="rk-page bd-content" id="{section.prefix}" style="page: {section.prefix}">'
        f'<article class="bd-article">{section.html}</article></section>\n'
        for section in sections
    )
    own = (PRINT / "book.css").read_text("utf8")
    return (
        f'<!DOCTYPE html>\n<html lang="{config_of(config, "language") or "en"}" data-theme="light" data-mode="light">'
        f"<head><meta charset=utf-8><title>{html.escape(config['title'])}</title>\n{links}"
        f"<style>{chr(10).join(styles)}</style>\n<style>{own}\n{heads}</style></head>\n"
        f"<body>{cover(config)}{contents(sections)}{pages}</body></html>"
    )


def cover(config: dict[str, Any]) -> str:
    """Return the title page."""
    return (
        f'<section class="rk-cover"><h1>{html.escape(config["title"])}</h1>'
        f"<p>by {html.escape(config.get('author', ''))}</p>"
        f'<img src="{CARD}" alt="{CARD_ALT}"><p>Edition {version()}</p>'
        '<p class="rk-small">Text and figures: CC BY 4.0 (creativecommons.org/licenses/by/4.0). Code: MIT.<br>'
        "The pages this was printed from have figures that move, exercises that answer and cells that run.</p>"
        "</section>"
    )


def contents(sections: list[Section]) -> str:
    """Return the list of pages and their sections, with room for the page numbers."""
    lines, part = [], ""
    for section in sections:
        if section.part != part:
            part = section.part
            lines.append(f'<li class="rk-part">{html.escape(part)}</li>')
        inner = "".join(
            f"<li>{entry(heading['id'], heading['text'])}</li>" for heading in section.headings if heading["level"] == 2
        )
        indent = f' style="padding-left: {section.depth}rem"' if section.depth else ""
        lines.append(f"<li{indent}>{entry(section.prefix, section.title)}{f'<ol>{inner}</ol>' if inner else ''}</li>")
    return f'<nav class="rk-contents" aria-label="Contents"><h1>Contents</h1><ol>{"".join(lines)}</ol></nav>'


def entry(place: str, text: str) -> str:
    """Return a line of the contents."""
    return f'<a href="#{html.escape(place)}"><span>{html.escape(text)}</span><span class="rk-number"></span></a>'


def finish(writer: PdfWriter, config: dict[str, Any], sections: list[Section], places: dict[str, int]) -> None:
    """Give the PDF its bookmarks, its title and its language."""
    from pypdf.generic import NameObject, TextStringObject

    part, parent, parents = "", None, {}
    for section in sections:
        if section.part != part:
            part = section.part
            parent = writer.add_outline_item(title=part, page_number=places[section.prefix])
        above = parents.get(section.depth - 1, parent) if section.depth else parent
        item = writer.add_outline_item(
            title=section.title, page_number=places[section.prefix], parent=above, is_open=False
        )
        parents[section.depth] = item
        for heading in section.headings:
            if heading["level"] == 2 and heading["id"] in places:
                writer.add_outline_item(title=heading["text"], page_number=places[heading["id"]], parent=item)
    when = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", book.FIXED["SOURCE_DATE_EPOCH"])), UTC)
    moment = when.strftime("D:%Y%m%d%H%M%SZ")
    writer.add_metadata({
        "/Title": config["title"],
        "/Author": config.get("author", ""),
        "/Subject": f"Edition {version()}. Text and figures CC BY 4.0, code MIT.",
        "/CreationDate": moment,
        "/ModDate": moment,
    })  # fmt: skip
    root = writer.root_object
    root[NameObject("/Lang")] = TextStringObject(config_of(config, "language") or "en")
    root[NameObject("/PageMode")] = NameObject("/UseOutlines")


def config_of(config: dict[str, Any], name: str) -> Any:
    """Return a value that ``_config.yml`` hands to Sphinx."""
    return config.get("sphinx", {}).get("config", {}).get(name)


def version() -> str:
    """Return the edition: the version in ``pyproject.toml``."""
    return str(tomllib.loads((book.ROOT / "pyproject.toml").read_text("utf8"))["project"]["version"])


if __name__ == "__main__":
    sys.exit(main())
