"""Links to chapters by number: ``{ch}`8` `` leads to chapter 8 where there is one, and is plain text where not yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.util.docutils import SphinxRole

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CHAPTERS = 18
CHAPTER = re.compile(r"chapters/0*(\d+)-")


class chapter_link(nodes.Inline, nodes.TextElement):  # type: ignore[misc]  # noqa: N801  (docutils names nodes so)
    """The number of a chapter, until all pages are known."""


class ChapterRole(SphinxRole):
    """``{ch}`8` ``: *chapter 8*."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link to be, or complain of a number that no chapter has."""
        if not self.text.isdecimal() or not 1 <= int(self.text) <= CHAPTERS:
            message = f"{{ch}}`{self.text}` must be the number of a chapter, 1 to {CHAPTERS}"
            problem = self.inliner.reporter.error(message, line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, problem)], [problem]
        words = f"chapter\N{NO-BREAK SPACE}{int(self.text)}"
        return [chapter_link(self.rawtext, words, number=int(self.text))], []


def link_chapters(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Turn each into a link, where its chapter is in the book."""
    found = {int(match[1]): name for name in app.env.found_docs if (match := CHAPTER.match(name))}
    for node in list(doctree.findall(chapter_link)):
        target = found.get(node["number"])
        if target is None or app.builder.format != "html":
            node.replace_self(nodes.inline("", *node.children))
            continue
        address = app.builder.get_relative_uri(docname, target)
        node.replace_self(nodes.reference("", "", *node.children, internal=True, refuri=address))


def setup(app: Sphinx) -> dict[str, Any]:
    """Act when a page is read, and when it is written."""
    app.add_node(chapter_link)
    app.add_role("ch", ChapterRole())
    app.connect("doctree-resolved", link_chapters)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
