"""Pages that need no other host, that every reader can use, and in which every picture has a text."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.util import logging
from sphinx.util.fileutil import copy_asset

if TYPE_CHECKING:
    from sphinx.application import Sphinx

logger = logging.getLogger(__name__)

MATHJAX_PARTS = ("tex-chtml.js", "output/chtml/fonts", "input/tex/extensions", "a11y", "sre")
"""What a page with formulas may ask for: the script, its fonts, TeX's rarer commands, and speech."""

UNNEEDED_SCRIPTS = ("thebe", "sphinx-comments")
"""Added by Jupyter Book to every page; both could only work together with a server elsewhere."""

REPAIRS = [
    # the visible text of a control must be part of its accessible name (WCAG 2.5.3)
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="[^"]*"'), r"\1"),
    (re.compile(r'(<summary) aria-label="Toggle hidden content"'), r"\1"),
    # an arrow that unfolds part of the contents has a name
    (re.compile(r'<summary>(?=<span class="toctree-toggle")'), '<summary aria-label="Show the pages below">'),
    (re.compile(r'(<i class="theme-switch [^>]*?) title="[^"]*"'), r'\1 aria-hidden="true"'),
    # Font Awesome comes twice: its web fonts draw the icons, nothing needs its script of half a megabyte (compressed)
    (re.compile(r'\s*<script (?:defer )?src="[^"]*scripts/fontawesome\.js[^"]*"></script>'), ""),
    (re.compile(r'\s*<link rel="preload" as="script" href="[^"]*scripts/fontawesome\.js[^"]*"\s*/?>'), ""),
    # an element with role="list" must hold list items
    (re.compile(r'role="doc-biblioentry"'), 'role="listitem"'),
    # the book's name stands in no landmark
    (
        re.compile(r'<div class="sidebar-primary-item">(?=\s*<a class="navbar-brand)'),
        '<div class="sidebar-primary-item" role="navigation" aria-label="Home">',
    ),
]


WAY_BACK = re.compile(r'(<a class="viewcode-back" href=")([^"#]+)#([^"]+)(">\[docs\]</a>)')
ANCHOR = re.compile(r' id="([^"]+)"')


def ask_for_alt_text(app: Sphinx, doctree: nodes.document) -> None:
    """Warn, and so fail the build, where a picture has no text for those who do not see it."""
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "").strip()
        if not alt or alt == image["uri"]:
            logger.warning(
                "a picture without alt text; in a notebook, give the cell the metadata "
                '{"mystnb": {"image": {"alt": "what is seen"}}}',
                location=with_line(image) or app.env.docname,
                type="coursebook",
                subtype="alt",
            )


def with_line(node: nodes.Node | None) -> nodes.Node | None:
    """Return the node, or the nearest one around it whose line is known."""
    while node is not None and not node.line:
        node = node.parent
    return node


def keep_colons(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep napoleon from reading a type into the docstring of a constant that has a colon in its first line."""
    if what in ("attribute", "data"):
        lines[:0] = ["..", ""]  # an empty comment


def drop_unneeded_scripts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Keep each script once, and none that asks another host."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for script in context.get("script_files", []):
        name, body = str(script.filename or ""), str(script.attributes.get("body") or "")
        wanted = not any(word in name.lower() or word in body.lower() for word in UNNEEDED_SCRIPTS)
        if wanted and (name, body) not in seen:
            seen.add((name, body))
            kept.append(script)
    if "script_files" in context:
        context["script_files"][:] = kept


def copy_mathjax(app: Sphinx) -> None:
    """Copy MathJax out of the installed package ``sphinx-mathjax-offline``, before any page asks for its digest."""
    if app.builder.format != "html":
        return
    target = Path(app.outdir) / "_static" / "mathjax"
    package = metadata.distribution("sphinx-mathjax-offline")
    source = Path(str(package.locate_file("sphinx-mathjax-offline"))) / "static" / "mathjax"
    for part in MATHJAX_PARTS:
        if not (target / part).exists():
            into = target / part if (source / part).is_dir() else (target / part).parent
            copy_asset(str(source / part), str(into))


def pages_in(output: Path) -> list[Path]:
    """Return all pages of a built book, in order; what stands beside them has pages of its own."""
    beside = {"_static", "_sources", "_downloads", "lite"}
    return sorted(path for path in output.rglob("*.html") if path.relative_to(output).parts[0] not in beside)


def repair_html(app: Sphinx, exception: Exception | None) -> None:
    """Apply :data:`REPAIRS` to every page; a page already repaired stays as it is."""
    if exception or app.builder.format != "html":
        return
    for page in pages_in(Path(app.outdir)):
        text = repaired = page.read_text("utf8")
        for pattern, replacement in REPAIRS:
            repaired = pattern.sub(replacement, repaired)
        if repaired != text:
            page.write_text(repaired, "utf8")


def mend_ways_back(app: Sphinx, exception: Exception | None) -> None:
    """Let a page of source code lead back to where a thing is documented, also where its module has two names."""
    if exception or app.builder.format != "html":
        return
    output = Path(app.outdir)
    for page in (output / "_modules").rglob("*.html"):

        def mended(match: re.Match[str], folder: Path = page.parent) -> str:
            before, address, anchor, after = match.groups()
            known = ANCHOR.findall((folder / address).read_text("utf8"))
            if anchor in known:
                return match[0]
            same = [name for name in known if name.endswith("." + anchor.rpartition(".")[2])]
            return f"{before}{address}#{same[0]}{after}" if len(same) == 1 else ""

        text = page.read_text("utf8")
        if (new := WAY_BACK.sub(mended, text)) != text:
            page.write_text(new, "utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act on docstrings before napoleon, on every page read, on every page's scripts, and on what was written."""
    app.connect("autodoc-process-docstring", keep_colons, priority=400)
    app.connect("doctree-read", ask_for_alt_text)
    app.connect("html-page-context", drop_unneeded_scripts, priority=900)
    app.connect("builder-inited", copy_mathjax)
    app.connect("build-finished", repair_html)
    app.connect("build-finished", mend_ways_back)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
