"""The page *Lecture map*: where each of the 54 rows of the lectures is taught, made from ``book/lecture_map.toml``.

A row that names a chapter, section, exercise or part of rnnkit that is not there fails the build with its line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes  # type: ignore[import-untyped]
from sphinx.util import logging

from . import lecture_rows
from .generated import Placeholder, PlaceholderDirective, holds, link, numbered, paragraph, placeholders, row, table
from .lecture_rows import Book, Row

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

DATA, CHAPTERS = "book/lecture_map.toml", "book/chapters.toml"
TO_COME = nodes.inline("", "(to come)", classes=["rk-to-come"])
EXERCISE = re.compile(r"(\d\d\.\d+)\s")


class LectureMap(Placeholder):
    """The lectures, how much of them is covered, and the table."""

    def fill(self, app: Sphinx, docname: str) -> list[nodes.Node]:
        """Make them; rows with mistakes have been told of, and are left out."""
        lectures, rows, _ = lecture_rows.read(Path(app.srcdir) / DATA)
        book = the_book(app.env)
        made = table(
            ["row", "topic, and what it stands on in rnnkit", "lectures", "chapter, sections, exercises"],
            [6, 47, 9, 38],
            [LinkedRow(app, docname, book, one).nodes(lectures) for one in rows],
            name="rk-rows",
        )
        legend = nodes.bullet_list("", classes=["rk-lectures"])
        for letter, name in lectures.items():
            text = paragraph(nodes.strong("", letter), f" {name}")
            legend += nodes.list_item("", text, classes=[f"rk-lecture-{letter.lower()}"])
        covered = sum(book.covers(one) for one in rows)
        there = sum(page in book.pages for page, _ in book.chapters.values())
        count = paragraph(
            nodes.strong("", f"Covered so far: {covered} of {lecture_rows.ROWS} rows"),
            f". The book has {there} of {len(book.chapters)} chapters; ",
            "a row is covered once every chapter it belongs to is there.",
        )
        return [count, nodes.container("", legend, made, classes=["rk-lecture-map"])]


class LectureMapDirective(PlaceholderDirective):
    """``{lecture-map}``: the whole table."""

    placeholder = LectureMap
    depends_on = (DATA, CHAPTERS)


class LinkedRow:
    """One row of the table, with links to all that is there already."""

    def __init__(self, app: Sphinx, docname: str, book: Book, one: Row) -> None:
        self.app, self.docname, self.book, self.one = app, docname, book, one

    def nodes(self, lectures: dict[str, str]) -> nodes.row:
        """Return the row; its classes say to a filter whose it is."""
        letters = [letter for letter in lectures if letter in self.one.lectures]
        abbreviations: list[str | nodes.Node] = []
        for letter in letters:
            abbreviations += [nodes.abbreviation("", letter, explanation=lectures[letter]), " "]
        return row(
            str(self.one.number),
            [paragraph(self.one.topic), self.library()],
            paragraph(*abbreviations[:-1]) if letters else "–",
            [*self.chapters(), *self.exercises()],
            classes=[f"rk-lecture-{letter.lower()}" for letter in letters],
            ids=[f"row-{self.one.number}"],
        )

    def link(self, target: str, anchor: str, text: str | nodes.Node) -> nodes.reference:
        """Return a link from this page."""
        return link(self.app, self.docname, target, anchor, text)

    def chapters(self) -> list[nodes.Node]:
        """Return the chapters, those that are here with the sections that teach the row."""
        if self.one.page:
            title = self.app.env.titles[self.one.page].astext() if self.one.page in self.book.pages else self.one.page
            return [paragraph(self.link(self.one.page, "", title))] if self.one.page in self.book.pages else []
        found: list[nodes.Node] = []
        for number in self.one.chapters:
            page, title = self.book.chapters.get(number, ("", ""))
            text = f"{number} {title}"
            if page in self.book.pages:
                found += [paragraph(self.link(page, "", text)), *self.sections(page)]
            else:
                found.append(paragraph(f"{text} ", TO_COME.deepcopy()))
        return found

    def sections(self, page: str) -> list[nodes.Node]:
        """Return the list of links to the sections of one page."""
        env = self.app.env
        items = []
        for label in self.one.sections:
            if self.book.sections.get(label) != page:
                continue
            _, anchor, _ = env.domaindata["std"]["labels"][label]
            text = numbered(env, page, anchor)
            items.append(nodes.list_item("", paragraph(self.link(page, anchor, text))))
        return [nodes.bullet_list("", *items)] if items else []

    def exercises(self) -> list[nodes.Node]:
        """Return links to the exercises, or the word that they are to come."""
        if not self.one.exercise:
            return []
        anchors = exercise_anchors(self.app.env)
        content: list[str | nodes.Node] = []
        for number in self.one.exercises:
            if number in anchors:
                content += [", " if content else "Exercise ", self.link(*anchors[number], number)]
        return [paragraph(*(content or ["Exercise ", TO_COME.deepcopy()]))]

    def library(self) -> nodes.paragraph:
        """Return the names in rnnkit, each a link to where the reference explains it."""
        objects = self.app.env.domaindata["py"]["objects"]
        content: list[str | nodes.Node] = []
        for name in self.one.library:
            text, entry = nodes.literal("", name), objects.get(f"rnnkit.{name}")
            content += [" ", self.link(entry.docname, entry.node_id, text) if entry else text]
        made = paragraph(*content[1:])
        made["classes"] = ["rk-names"]
        return made


# ---------- the book as it is ----------


def the_book(env: BuildEnvironment) -> Book:
    """Return what rows may speak of, in the book as it has been read."""
    labels = {label: docname for label, (docname, _, _) in env.domaindata["std"]["labels"].items()}
    exercises = {number: docname for number, (docname, _) in exercise_anchors(env).items()}
    chapters = lecture_rows.read_chapters(Path(env.srcdir) / CHAPTERS)
    return Book(chapters, set(env.found_docs), labels, exercises)


def exercise_anchors(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Return the page and the anchor of every exercise, by the number at the beginning of its heading."""
    found = {}
    for docname in sorted(env.found_docs):
        if docname.startswith("exercises/") and docname in env.tocs:
            for reference in env.tocs[docname].findall(nodes.reference):
                if number := EXERCISE.match(reference.astext()):
                    found[number[1]] = (docname, reference["anchorname"].removeprefix("#"))
    return found


def check(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn, and so fail the build, of every mistake in the data file, in its line."""
    if not holds(env, LectureMap):
        return
    _, rows, mistakes = lecture_rows.read(Path(app.srcdir) / DATA)
    book = the_book(env)
    for one in rows:
        mistakes += lecture_rows.mistakes_in_row(one, book)
    for mistake in sorted(mistakes):
        logger.warning(mistake.text, location=f"{DATA}:{mistake.line}", type="coursebook", subtype="lecture_map")
    planned = {page for page, _ in book.chapters.values()}
    for docname in sorted(env.found_docs):
        if docname.startswith("chapters/") and docname not in planned:
            logger.warning(f"{CHAPTERS} plans no such chapter", location=docname, type="coursebook")


def add_filter(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the page with the map its script, and no other page."""
    if doctree is not None and LectureMap.__name__ in placeholders(app.env).get(pagename, ()):
        app.add_js_file("lecture_map.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Provide the directive; hold the data file against the book once all of it is read."""
    app.setup_extension("coursebook.generated")
    app.add_node(LectureMap)
    app.add_directive("lecture-map", LectureMapDirective)
    app.connect("env-check-consistency", check)
    app.connect("html-page-context", add_filter)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
