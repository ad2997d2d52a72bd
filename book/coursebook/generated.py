"""Tables that are made while the book is built: a place holder in the page, filled in once every page has been read.

A part derives a node from :class:`Placeholder` and a directive from :class:`PlaceholderDirective`. What fills the place
may speak of all other pages, so a page that holds one is written anew by every build in which anything is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

Content = str | nodes.Node | Sequence[nodes.Node]
"""What stands in a cell: text, or nodes."""


class Placeholder(nodes.General, nodes.Element):  # type: ignore[misc]
    """Where something stands in the end that depends on other pages."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Return what takes this node's place in the page ``docname``."""
        raise NotImplementedError


class PlaceholderDirective(SphinxDirective):
    """Put a place holder into a page; a subclass names the node, and the files that it depends on."""

    placeholder: ClassVar[type[Placeholder]]
    depends_on: ClassVar[tuple[str, ...]] = ()

    def run(self) -> list[nodes.Node]:
        """Note that the page holds one."""
        placeholders(self.env).setdefault(self.env.docname, set()).add(self.placeholder.__name__)
        for name in self.depends_on:
            self.env.note_dependency(name)
        return [self.placeholder()]


class FillIn(SphinxPostTransform):
    """Fill every place, before references are resolved."""

    default_priority = 8

    def run(self, **_: Any) -> None:
        """Act on one page."""
        for node in list(self.document.findall(Placeholder)):
            node.replace_self(node.fill(self.app, self.env.docname))


def placeholders(env: BuildEnvironment) -> dict[str, set[str]]:
    """Return, for each page that holds place holders, the names of their classes."""
    if not hasattr(env, "coursebook_placeholders"):
        env.coursebook_placeholders = {}  # type: ignore[attr-defined]
    found: dict[str, set[str]] = env.coursebook_placeholders  # type: ignore[attr-defined]
    return found


def holds(env: BuildEnvironment, placeholder: type[Placeholder]) -> bool:
    """Tell whether any page of the book holds such a place holder."""
    return any(placeholder.__name__ in kinds for kinds in placeholders(env).values())


# ---------- nodes that all tables need ----------


def paragraph(*content: str | nodes.Node) -> nodes.paragraph:
    """Return a paragraph of text and nodes."""
    return nodes.paragraph("", "", *[nodes.Text(part) if isinstance(part, str) else part for part in content])


def link(app: Sphinx, docname: str, target: str, anchor: str, text: str | nodes.Node) -> nodes.reference:
    """Return a link from one page to a place in another."""
    content = nodes.inline("", text) if isinstance(text, str) else text
    return make_refnode(app.builder, docname, target, anchor, content)


def table(headings: Sequence[str], widths: Sequence[int], rows: Iterable[nodes.row], *, name: str) -> nodes.table:
    """Return a table whose first column heads its rows."""
    group = nodes.tgroup("", cols=len(headings))
    for column, width in enumerate(widths):
        group += nodes.colspec("", colwidth=width, **({"stub": 1} if column == 0 else {}))
    group += nodes.thead("", row(*headings))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=[name, "colwidths-auto"])


def row(*cells: Content, classes: Iterable[str] = (), ids: Iterable[str] = ()) -> nodes.row:
    """Return one row of a table."""
    made = nodes.row("", classes=list(classes), ids=list(ids))
    for content in cells:
        if isinstance(content, str):
            content = [paragraph(content)]
        elif isinstance(content, nodes.Node):
            content = [content]
        made += nodes.entry("", *content)
    return made


def numbered(env: BuildEnvironment, docname: str, anchor: str = "") -> str:
    """Return the title of a page, or of a section by its label's anchor, after its number where it has one."""
    title, number = env.titles[docname].astext(), env.toc_secnumbers.get(docname, {}).get("", ())
    if anchor:
        labels = env.domaindata["std"]["labels"].values()
        title = next((words for page, place, words in labels if (page, place) == (docname, anchor)), anchor)
        # the contents know a heading by its own anchor, not by its label's
        here = [entry for entry in env.tocs[docname].findall(nodes.reference) if entry.astext() == title]
        number = here[0].get("secnumber") or () if here else ()
    return " ".join(filter(None, [".".join(map(str, number)), title]))


def counted(number: int, thing: str) -> str:
    """Write a number of things: ``1 page``, ``2 pages``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def kilobytes(size: int) -> str:
    """Write a number of bytes for readers."""
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"


# ---------- the moments of the build ----------


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget what a page held before it is read again."""
    placeholders(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: Sequence[str], other: BuildEnvironment) -> None:
    """Take over what another process has read."""
    placeholders(env).update((name, kinds) for name, kinds in placeholders(other).items() if name in docnames)


def write_again(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Name the pages that speak of others."""
    return [docname for docname in sorted(placeholders(env)) if docname in env.found_docs]


def add_style(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give pages with such tables their style, and no others."""
    if doctree is not None and placeholders(app.env).get(pagename):
        app.add_css_file("tables.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act while pages are read, after all were, and while they are written."""
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-updated", write_again)
    app.connect("html-page-context", add_style)
    app.add_post_transform(FillIn)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
