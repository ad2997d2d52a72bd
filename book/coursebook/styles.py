"""One small style sheet in the place of a dozen: what no page can use is left out, and so are the icons.

The theme and the extensions bring a dozen style sheets, most of them for sites of every kind: all of Bootstrap, two
thousand icons. A phone waits for all of it before it shows a word. So they are joined, in their order, into one file;
a rule of somebody else's goes where none of its selectors can match, because a class or id in it is a word that occurs
in no page and no script. Our own style sheets are kept whole. The icons' font is cut down to those that are left.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tinycss2  # type: ignore[import-untyped]

from .pages import pages_in

if TYPE_CHECKING:
    from sphinx.application import Sphinx

KEPT_WHOLE = ("course.css", "moving.css")  # scripts put the names of classes together: `rk-s${k}` is in no page
ICONS = "fa-solid-900"

LINK = re.compile(r'\s*<link (?=[^>]*rel="stylesheet")[^>]*?href="((?:\.\./)*)_static/([^"?]+\.css)[^"]*"[^>]*>')
BUNDLE = re.compile(
    r'<link rel="stylesheet" href="((?:\.\./)*)_static/styles/all\.css[^"]*" data-parts="([^"]*)"\s*/?>'
)
IMPORT = re.compile(r'@import\s+(?:url\()?["\']?([^"\')]+)["\']?\)?\s*;')
ADDRESS = re.compile(r"""url\((["']?)(?!data:|[a-z]+:|[#/])([^"')]+)\1\)""")
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
WORD = re.compile(r"[A-Za-z_][\w-]*")


def words_in(paths: Iterable[Path]) -> set[str]:
    """Return all words of these pages and scripts, among which is every class that an element can ever have."""
    found: set[str] = set()
    for path in paths:
        found.update(WORD.findall(path.read_text("utf8", errors="replace")))
    return found


def can_match(selector: str, words: set[str]) -> bool:
    """Tell whether a selector may match something; in doubt it may."""
    if "\\" in selector:
        return True
    outer = re.sub(r"\[[^\]]*\]", "", selector)
    while (inner := re.sub(r"\([^()]*\)", "", outer)) != outer:  # :not(.x) and :is(.x, .y) do not need an .x
        outer = inner
    return any(words.issuperset(NAME.findall(one)) for one in outer.split(","))


def slimmed(rules: list[Any], words: set[str]) -> str:
    """Write style rules without comments, and without those that match nothing."""
    written = []
    for rule in rules:
        if rule.type == "qualified-rule":
            prelude, content = compact(rule.prelude), compact(rule.content)
            if can_match(prelude, words) and content:
                written.append(f"{prelude}{{{content}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer") and rule.content:
            inside = slimmed(tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True), words)
            if inside:
                written.append(f"@{rule.at_keyword} {compact(rule.prelude)}{{{inside}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            body = f"{{{compact(rule.content)}}}" if rule.content is not None else ";"
            written.append(f"@{rule.at_keyword} {compact(rule.prelude)}{body}")
    return "".join(f"{text}\n" for text in written)


def compact(tokens: list[Any]) -> str:
    """Write tokens without comments and with single spaces."""
    text = tinycss2.serialize([token for token in tokens if token.type != "comment"])
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)).strip()


def source_of(path: Path, into: Path) -> str:
    """Read a style sheet with what it imports, its addresses turned so that they hold in the folder ``into``."""

    def turned(match: re.Match[str]) -> str:
        return f'url("{Path(os.path.relpath(path.parent / match[2], into)).as_posix()}")'

    parts = IMPORT.split(path.read_text("utf8"))  # texts and names of imported files take turns
    texts = [ADDRESS.sub(turned, text) for text in parts[::2]]
    names = [source_of(path.parent / name, into) for name in parts[1::2]]
    return "".join(text + (names[place] if place < len(names) else "") for place, text in enumerate(texts))


def bundle(static: Path, parts: list[str], words: set[str]) -> str:
    """Return the style sheets ``parts`` as one."""
    written = []
    for part in parts:
        source = source_of(static / part, static / "styles")
        rules = tinycss2.parse_stylesheet(source, skip_comments=True, skip_whitespace=True)
        written.append(source if part.endswith(KEPT_WHOLE) else slimmed(rules, words))
    return '@charset "utf-8";\n' + "".join(written)


def with_few_icons(css: str, static: Path) -> str:
    """Cut the icons' font down to the characters that the style sheet still names, and point to it."""
    from fontTools import subset  # comes with matplotlib

    source = static / "vendor" / "fontawesome" / "webfonts" / f"{ICONS}.ttf"
    if not source.is_file():
        return css
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    escaped = re.findall(r'"\\([0-9a-f]{2,5})"', css)
    wanted = {int(code, 16) for code in escaped} | {ord(sign) for sign in css if sign >= "\ue000"}
    options = subset.Options(flavor="woff", notdef_outline=True, recalc_timestamp=False)
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted)
    cutter.subset(font)
    subset.save_font(font, str(static / "styles" / "icons.woff"), options)
    pattern = rf'url\("[^"]*{ICONS}\.woff2"\) format\("woff2"\), ?url\("[^"]*{ICONS}\.ttf"\) format\("truetype"\)'
    return re.sub(pattern, 'url("icons.woff") format("woff")', css)


def parts_of(text: str) -> list[str]:
    """Return the style sheets of a page, as paths below ``_static``, whether it has been to us before or not."""
    before = BUNDLE.search(text)
    return before[2].split() if before else [match[2] for match in LINK.finditer(text)]


def link_to(text: str, parts: list[str], key: str) -> str:
    """Replace a page's links to style sheets by one, at the place of the first."""
    done = BUNDLE.search(text)
    if done:
        return text[: done.start()] + link(done[1], parts, key) + text[done.end() :]
    first = LINK.search(text)
    assert first is not None
    rest = LINK.sub("", text[first.end() :])
    return f"{text[: first.start()]}\n    {link(first[1], parts, key)}{rest}"


def link(root: str, parts: list[str], key: str) -> str:
    """Return the one link, which remembers what it stands for."""
    return f'<link rel="stylesheet" href="{root}_static/styles/all.css?v={key}" data-parts="{" ".join(parts)}" />'


def join_styles(app: Sphinx, exception: Exception | None) -> None:
    """Write the one style sheet, and let every page use it."""
    if exception or app.builder.format != "html":
        return
    output, static = Path(app.outdir), Path(app.outdir) / "_static"
    pages = {path: path.read_text("utf8") for path in pages_in(output)}
    parts = list(dict.fromkeys(part for text in pages.values() for part in parts_of(text)))
    scripts = [path for path in static.rglob("*.js") if "mathjax" not in path.parts]
    words = words_in([*pages, *scripts])
    css = with_few_icons(bundle(static, parts, words), static)
    (static / "styles" / "all.css").write_text(css, "utf8")
    key = hashlib.sha256(css.encode()).hexdigest()[:8]
    for path, text in pages.items():
        if parts_of(text) and (linked := link_to(text, parts, key)) != text:
            path.write_text(linked, "utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act on what was written, after its repairs."""
    app.connect("build-finished", join_styles, priority=800)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
