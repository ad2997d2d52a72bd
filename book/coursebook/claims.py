"""The page *Claims*: what every chapter has claimed, read off the tables that its own cells have made.

A chapter without such a table fails the build, and so does a claim that points nowhere.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.util import logging

from .generated import Placeholder, PlaceholderDirective, counted, holds, link, numbered, paragraph, row, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

TABLE = "rk-claims"
"""The class of the table that ``rnnkit.view.Claims`` makes."""

LABEL = re.compile(r'<a href="#([^"]+)">\1</a>')
"""A link in it: a notebook knows labels only, the book knows what they stand for."""


class Claim(NamedTuple):
    """One row of a chapter's table."""

    text: str
    value: str
    where: str


class ClaimReader(HTMLParser):
    """Reads the rows of every table of claims in a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inside = False
        self.rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a table, a row or a cell."""
        if tag == "table":
            self.inside = TABLE in (dict(attrs).get("class") or "").split()
        elif self.inside and tag == "tr":
            self.rows.append([])
        elif self.inside and tag == "td":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Close a table."""
        if tag == "table":
            self.inside = False

    def handle_data(self, data: str) -> None:
        """Add to the cell that is open."""
        if self.inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def claims(self) -> list[Claim]:
        """Return what stands in them; the head of a table has no cells of this kind."""
        return [Claim(*cells) for cells in self.rows if len(cells) == 3]


class AllClaims(Placeholder):
    """A count, and one section for each page that claims something."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Make them in the order of the book."""
        claimed = all_claims(app.env)
        pages = [page for page in in_order(app.env) if claimed.get(page)]
        total = sum(len(claimed[page]) for page in pages)
        count = paragraph(
            nodes.strong("", f"{counted(total, 'claim')} on {counted(len(pages), 'page')}"),
            "; while this book was built, none of them failed.",
        )
        return [count, *[self.section(app, docname, page, claimed[page]) for page in pages]]

    def section(self, app: Sphinx, docname: str, page: str, claims: list[Claim]) -> nodes.section:
        """Return one page's claims, each with a link to the place that computes it."""
        rows = [row(claim.text, claim.value, self.place(app, docname, page, claim.where)) for claim in claims]
        made = table(["claim", "value", "computed at"], [55, 20, 25], rows, name="rk-all-claims")
        heading = nodes.title(
            "", "", link(app, docname, page, "", numbered(app.env, page)), nodes.Text(f": {len(claims)}")
        )
        return nodes.section("", heading, made, ids=[page.rsplit("/", 1)[-1]])

    def place(self, app: Sphinx, docname: str, page: str, label: str) -> nodes.paragraph:
        """Return a link with a name that a reader knows: a section's title, a figure's number."""
        return paragraph(link(app, docname, page, *named(app.env, page, label)))


def named(env: BuildEnvironment, page: str, label: str) -> tuple[str, str]:
    """Return a label's anchor, and what a reader calls the place: a section's title, a figure's number."""
    _, anchor, _ = env.domaindata["std"]["labels"].get(label, (page, label, label))
    figure = env.toc_fignumbers.get(page, {}).get("figure", {}).get(anchor)
    return anchor, f"Figure {'.'.join(map(str, figure))}" if figure else numbered(env, page, anchor)


class AllClaimsDirective(PlaceholderDirective):
    """``{all-claims}``: the claims of the whole book."""

    placeholder = AllClaims


def all_claims(env: BuildEnvironment) -> dict[str, list[Claim]]:
    """Return what each page claims."""
    if not hasattr(env, "coursebook_claims"):
        env.coursebook_claims = {}  # type: ignore[attr-defined]
    found: dict[str, list[Claim]] = env.coursebook_claims  # type: ignore[attr-defined]
    return found


def in_order(env: BuildEnvironment) -> list[str]:
    """Return the pages of the book in the order of its contents."""
    order, seen = [env.config.root_doc], set()
    for docname in order:  # it grows while it is walked
        if docname not in seen:
            seen.add(docname)
            order += env.toctree_includes.get(docname, [])
    return sorted(seen, key=order.index)


# ---------- the moments of the build ----------


def read_claims(app: Sphinx, doctree: nodes.document) -> None:
    """Keep what the page just read has claimed."""
    found = [
        claim
        for output in doctree.findall(nodes.raw)
        if TABLE in output.astext()
        for claim in ClaimReader(output.astext()).claims()
    ]
    if found:
        all_claims(app.env)[app.env.docname] = found


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page's claims before it is read again."""
    all_claims(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: Sequence[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    all_claims(env).update((name, claims) for name, claims in all_claims(other).items() if name in docnames)


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn, and so fail the build, of chapters that claim nothing and of claims that point nowhere."""
    if not holds(env, AllClaims):
        return
    labels = env.domaindata["std"]["labels"]
    for docname in sorted(env.found_docs):
        place = Path(env.doc2path(docname)).relative_to(app.srcdir).as_posix()
        claimed = all_claims(env).get(docname, [])
        if docname.startswith("chapters/") and not claimed:
            tell(f"{place}:1", "this chapter has no table of claims: end it with a cell that says: claims")
        for claim in claimed:
            if labels.get(claim.where, ("",))[0] != docname:
                tell(f"{place}:1", f"the claim {claim.text!r} points at {claim.where!r}, which this page does not have")


def name_places(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let the links of a page's own table say what a reader calls the place, and not its label."""

    def link_to(found: re.Match[str]) -> str:
        anchor, words = named(app.env, docname, found[1])
        return f'<a href="#{escape(anchor)}">{escape(words)}</a>'

    for output in doctree.findall(nodes.raw):
        if TABLE in output.astext():
            output[:] = [nodes.Text(LABEL.sub(link_to, output.astext()))]


def tell(location: str, text: str) -> None:
    """Give a warning of this part."""
    logger.warning(text, location=location, type="coursebook", subtype="claims")


def setup(app: Sphinx) -> dict[str, Any]:
    """Collect while pages are read; check and fill in once all are."""
    app.setup_extension("coursebook.generated")
    app.add_node(AllClaims)
    app.add_directive("all-claims", AllClaimsDirective)
    app.connect("doctree-read", read_claims)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-check-consistency", check)
    app.connect("doctree-resolved", name_places)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
