"""What a published book needs around its pages: addresses, a map for search engines, a page for what is not there.

Everything here works on text and on a folder of built pages, and knows nothing of Sphinx: ``publishing`` uses it for
one book, ``scripts/publish.py`` for a site that holds several editions.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

TEMPLATES = Path(__file__).resolve().parent.parent / "site"
CARD = "_static/card.png"
CARD_ALT = "A recurrent network unfolded in time: the same cell, step after step, passing its state on."

ADDRESS = re.compile(r"<!--address (?P<page>\S+)-->.*?<!--/address-->", re.DOTALL)
"""Where a page says at which address it is read; rewritten when the page moves to another."""


GENERATED = re.compile(r"_modules/|(genindex|search|py-modindex|prf-prf)\.html$")
"""Pages that nobody wrote: search engines need not list them."""


def checked_address(address: str, name: str) -> str:
    """Return ``address`` with one slash at its end, or nothing where it is empty.

    Raises
    ------
    ValueError
        When it is not a full address; ``name`` says where it was given.
    """
    address = address.strip()
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            f"{name} is {address!r}: give the whole address of the folder, such as https://course.example.org/rnn/, "
            "or leave it empty"
        )
    return address.rstrip("/") + "/"


def page_address(base: str, page: str) -> str:
    """Return the address of ``page`` in a book at ``base``; that of the first page is the book's own."""
    return base if page == "index.html" else base + quote(page)


def address_block(page: str, base: str, extra: str = "") -> str:
    """Return what a page's head says about its address: nothing that names a host where ``base`` is empty."""
    tags = extra
    if base:
        own = html.escape(page_address(base, page))
        card = html.escape(base + CARD)
        tags += (
            f'<link rel="canonical" href="{own}" /><meta property="og:url" content="{own}" />'
            f'<meta property="og:image" content="{card}" /><meta property="og:image:alt" content="{CARD_ALT}" />'
            '<meta property="og:image:width" content="1200" /><meta property="og:image:height" content="630" />'
            '<meta name="twitter:card" content="summary_large_image" />'
        )
    return f"<!--address {page}-->{tags}<!--/address-->"


def readdress(text: str, base: str, extra: str = "") -> str:
    """Return a page's ``text`` with the address that it has in a book at ``base``."""
    return ADDRESS.sub(lambda match: address_block(match["page"], base, extra), text)


def pages_of(book: Path) -> Iterator[tuple[str, Path]]:
    """Yield every page of a built book that carries an address: its path in the book, and its file."""
    for path in sorted(book.rglob("*.html")):
        page = path.relative_to(book).as_posix()
        if not page.startswith(("_static/", "lite/")) and ADDRESS.search(path.read_text("utf8")):
            yield page, path


def sitemap(base: str, pages: Iterable[str]) -> str:
    """Return ``sitemap.xml`` for pages of a book at ``base``."""
    lines = "".join(f"  <url><loc>{html.escape(page_address(base, page))}</loc></url>\n" for page in pages)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}</urlset>\n'
    )


def robots(base: str) -> str:
    """Return ``robots.txt``: everything may be read; where the map is, if the address is known."""
    return "User-agent: *\nAllow: /\n" + (f"Sitemap: {base}sitemap.xml\n" if base else "")


def not_found(title: str, entries: Sequence[tuple[str, str]], base: str, home: str = "") -> str:
    """Return ``404.html``, which works however deep the address is that was not found.

    Parameters
    ----------
    title
        The book's title.
    entries
        Path and title of each page.
    base
        The site's address; where it is empty, the page finds out in the browser.
    home
        The folder of the site that holds the book, such as ``latest/``.
    """
    links = "\n".join(f'<li><a href="{html.escape(path)}">{html.escape(text)}</a></li>' for path, text in entries)
    return fill(
        (TEMPLATES / "404.html").read_text("utf8"),
        title=html.escape(title),
        base=html.escape(urlsplit(base).path),
        home=html.escape(home),
        links=links,
    )


def fill(template: str, **values: str) -> str:
    """Put ``values`` into a template of :data:`TEMPLATES`, where their names stand in double braces."""
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    return template
