"""What pages say to the world outside: a description, an address, a licence; and buttons that lead to the repository.

``repository.url`` in ``_config.yml`` is the one switch for all that leads to the repository, ``html.baseurl`` for all
that names the book's own address. While they are empty there is none of it, and so no link that leads nowhere.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.errors import ConfigError

from coursebook import card, site

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment

PDF = "downloads/recurrent-and-recursive-nets.pdf"
"""Where ``scripts/pdf.py`` puts the book in one file."""

DESCRIPTION_LENGTH = 160
"""What search engines show of a description."""

TOO_SHORT = 50
"""A first paragraph of fewer letters is no description yet."""

GENERATED = {"genindex": "Index", "search": "Search", "py-modindex": "Modules", "prf-prf": "Proofs"}
"""Pages that Sphinx makes of itself, and what they are."""

SHOWN_AS_FILES = {"LICENSE": "LICENSE.txt", "LICENSE-TEXT.md": "LICENSE-TEXT.txt", "CITATION.cff": "CITATION.cff"}
"""Files of the repository that readers should find beside the pages, under names that browsers show as text."""

LAUNCH_BRANCH = "launch"
"""Holds the notebooks as Colab needs them, with a cell that installs rnnkit: ``scripts/launch.py``."""


def connect_repository(app: Sphinx, config: Config) -> None:
    """Switch on every button that leads to the repository where there is one, and none where there is none."""
    config.coursebook_pdf = bool(config.coursebook_pdf or os.environ.get("COURSEBOOK_PDF"))
    try:
        config.html_baseurl = site.checked_address(config.html_baseurl or "", "html.baseurl in _config.yml")
    except ValueError as problem:
        raise ConfigError(str(problem)) from None
    options = config.html_theme_options
    url = (options.get("repository_url") or "").strip().rstrip("/")
    buttons = options.get("launch_buttons") or {}
    for name in ("use_repository_button", "use_edit_page_button", "use_issues_button"):
        options[name] = bool(url)
    if not url:
        options["launch_buttons"] = {}
        return
    try:
        options["repository_url"] = home(url, "repository.url in _config.yml")
    except ValueError as problem:
        raise ConfigError(str(problem)) from None
    options["repository_branch"] = options.get("repository_branch") or "main"
    given = {name: value for name, value in buttons.items() if value}  # Jupyter Book fills in empty ones
    launchers = {"binderhub_url": "https://mybinder.org", **given, "notebook_interface": "jupyterlab"}
    if urlsplit(url).netloc == "github.com":  # the only host that Colab opens notebooks from
        launchers.setdefault("colab_url", "https://colab.research.google.com")
    options["launch_buttons"] = launchers


def home(address: str, name: str) -> str:
    """Return a repository's ``address`` without a slash at its end.

    Raises
    ------
    ValueError
        When it is no full address; ``name`` says where it was given.
    """
    address = address.strip().rstrip("/")
    parts = urlsplit(address)
    if address and (parts.scheme != "https" or len(parts.path.strip("/").split("/")) < 2):
        raise ValueError(
            f"{name} is {address!r}: give the repository's whole address, such as "
            "https://github.com/someone/course, or leave it empty"
        )
    return address


def describe(doctree: nodes.document | None, title: str, project: str) -> str:
    """Return what a page is about: its first paragraph, cut where a search engine would cut it."""
    words = ""
    for paragraph in doctree.findall(nodes.paragraph) if doctree is not None else ():
        words = f"{words} {plain(paragraph)}".strip()
        if len(words) >= TOO_SHORT:
            break
    if len(words) < TOO_SHORT:
        words = f"{words or title}: a page of the course {project}".replace(".:", ":")
    if len(words) <= DESCRIPTION_LENGTH:
        return words
    return words[: DESCRIPTION_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:–—") + " …"


def plain(node: nodes.Node) -> str:
    """Return a paragraph's text with its formulas in plain letters."""
    text = ""
    for part in node.findall(nodes.Text):
        inside = str(part)
        if isinstance(part.parent, nodes.math):
            inside = re.sub(r"\\(?:boldsymbol|mathbf|mathrm|text|left|right|[,;!])|[{}$]", "", inside).replace("\\", "")
        text += inside
    return re.sub(r"\s+", " ", text).strip()


def say_what_a_page_is(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Put a description, what link previews show, and the page's address into its head."""
    title = html.unescape(re.sub(r"<[^>]+>", "", context.get("title") or GENERATED.get(pagename, pagename)))
    project = app.config.project
    description = describe(doctree, title, project)
    tags = context.get("metatags") or ""
    written = re.search(r'<meta[^>]*name="description"[^>]*content="([^"]*)"', tags)
    if written:
        description = html.unescape(written[1])
    else:
        tags += f'<meta name="description" content="{html.escape(description)}" />\n'
    kind = "website" if pagename == app.config.root_doc else "article"
    shown = {"title": title, "type": kind, "site_name": project, "description": description}
    for name, value in shown.items():
        tags += f'<meta property="og:{name}" content="{html.escape(value)}" />\n'
    context["metatags"] = tags + site.address_block(f"{pagename}.html", app.config.html_baseurl or "")
    context["pageurl"] = ""  # the canonical address stands in the block above, where publish.py can change it


def name_licences(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Name both licences at the foot of every page, with links to them beside the pages."""
    there = {name: context["pathto"](shown, 1) for name, shown in existing(app)}
    if not {"LICENSE", "LICENSE-TEXT.md"} <= there.keys():
        return
    more = ""
    if "reference/data-and-licences" in app.env.found_docs:
        more += f' <a href="{context["pathto"]("reference/data-and-licences")}">Data and licences</a>.'
    if "CITATION.cff" in there:
        more += f' <a href="{there["CITATION.cff"]}">How to cite</a>.'
    context["theme_extra_footer"] = (
        f'<p class="rk-licences">Text and figures: <a rel="license" href="{there["LICENSE-TEXT.md"]}">CC BY 4.0</a>. '
        f'Code: <a href="{there["LICENSE"]}">MIT</a>.{more}</p>'
    )


def lead_colab_to_its_branch(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Let the Colab button open the notebook that brings its own installation."""
    branch = app.config.html_theme_options.get("repository_branch", "main")
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                button["url"] = button["url"].replace(f"/blob/{branch}/", f"/blob/{LAUNCH_BRANCH}/")


def existing(app: Sphinx) -> Iterator[tuple[str, str]]:
    """Yield those of :data:`SHOWN_AS_FILES` that this book has."""
    for name, shown in SHOWN_AS_FILES.items():
        if (Path(app.srcdir) / name).is_file():
            yield name, shown


def in_reading_order(env: BuildEnvironment, docname: str) -> Iterator[str]:
    """Yield ``docname`` and all pages below it in the contents."""
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from in_reading_order(env, child)


def write_files(app: Sphinx, exception: Exception | None) -> None:
    """Write what stands beside the pages: licences, citation, the card, 404, and the map where the address is known."""
    if exception or app.builder.format != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl or ""
    for name, shown in existing(app):
        shutil.copy(Path(app.srcdir) / name, out / shown)
    if (out / "CITATION.cff").is_file():
        add_addresses(out / "CITATION.cff", app.config.html_theme_options.get("repository_url", ""), base)
    drawn, drawing = out / site.CARD, Path(card.__file__)
    if not drawn.is_file() or drawn.stat().st_mtime < drawing.stat().st_mtime:
        card.draw(drawn, app.config.project)
    if not app.config.coursebook_pdf:
        (out / PDF).unlink(missing_ok=True)  # of an earlier build; nothing links to it, and it would grow old
    pages = list(in_reading_order(app.env, app.config.root_doc))
    entries = [(f"{docname}.html", app.env.titles[docname].astext()) for docname in pages]
    (out / "404.html").write_text(site.not_found(app.config.project, entries, base), "utf8")
    (out / "sitemap.xml").unlink(missing_ok=True)
    if base:
        (out / "sitemap.xml").write_text(site.sitemap(base, [page for page, _ in entries]), "utf8")


def add_addresses(citation: Path, repository: str, base: str) -> None:
    """Add to the published ``CITATION.cff`` the addresses that ``_config.yml`` knows."""
    lines = [f'repository-code: "{repository}"\n'] if repository else []
    lines += [f'url: "{base}"\n'] if base else []
    citation.write_text(citation.read_text("utf8").rstrip("\n") + "\n" + "".join(lines), "utf8")


def help_search(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Give the page of search results its script."""
    if pagename == "search":
        app.add_js_file("search.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act on the configuration before the theme does, on every page after it, and on what was written."""
    if "coursebook_pdf" not in app.config:  # whether a PDF stands beside the pages: `scripts/book.py build --pdf`
        app.add_config_value("coursebook_pdf", default=False, rebuild="env", types=[bool])
    app.add_js_file("print.js", loading_method="defer")
    app.connect("config-inited", connect_repository, priority=400)
    app.connect("html-page-context", help_search)
    app.connect("html-page-context", say_what_a_page_is, priority=900)
    app.connect("html-page-context", name_licences, priority=900)
    app.connect("html-page-context", lead_colab_to_its_branch, priority=900)
    app.connect("build-finished", write_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
