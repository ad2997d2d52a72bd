"""The rows of the lecture map: read from their data file and held against the book; each mistake has its line."""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

ROWS = 54
"""How many rows the five lectures have; the course covers each of them."""

KINDS: Mapping[str, tuple[type, type | None, str]] = {
    "number": (int, None, "a number"),
    "topic": (str, None, "text"),
    "lectures": (list, str, "a list of letters"),
    "chapters": (list, int, "a list of numbers"),
    "exercise": (bool, None, "true or false"),
    "library": (list, str, "a list of names below rnnkit"),
    "sections": (list, str, "a list of labels"),
    "exercises": (list, str, "a list of numbers in quotes"),
    "page": (str, None, "the name of a page in quotes"),
}
"""Every key of a row, with what it holds."""

OPTIONAL = ("sections", "exercises", "page")


class Mistake(NamedTuple):
    """What is wrong, and in which line of the data file."""

    line: int
    text: str


@dataclass(frozen=True)
class Row:
    """One topic of the lectures, and where it went."""

    number: int
    topic: str
    lectures: list[str]
    chapters: list[int]
    exercise: bool
    library: list[str]
    sections: list[str] = field(default_factory=list)
    exercises: list[str] = field(default_factory=list)
    page: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each key stands; ``""`` is the row itself."""

    def mistake(self, key: str, text: str) -> Mistake:
        """Return a mistake in the line of a key, or of the row where it has none."""
        return Mistake(self.lines.get(key, self.lines.get("", 0)), f"row {self.number}: {text}")


class Book(NamedTuple):
    """What of the book a row may speak of."""

    chapters: Mapping[int, tuple[str, str]]
    """The page and the title of every chapter planned."""
    pages: set[str]
    sections: Mapping[str, str]
    """The page of every label."""
    exercises: Mapping[str, str]
    """The page of every exercise, by its number, such as ``05.1``."""

    def there(self, row: Row) -> list[str]:
        """Return the pages of a row's chapters that are written."""
        planned = [self.chapters[number][0] for number in row.chapters if number in self.chapters]
        return [page for page in planned if page in self.pages]

    def covers(self, row: Row) -> bool:
        """Tell whether every chapter of a row, or its page, is in the book."""
        return row.page in self.pages if row.page else bool(row.chapters) and len(self.there(row)) == len(row.chapters)


# ---------- reading ----------


def read(path: Path) -> tuple[dict[str, str], list[Row], list[Mistake]]:
    """Read the lectures by their letters, the rows, and all that is wrong with the file by itself."""
    text = path.read_text("utf8")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        return {}, [], [Mistake(int(at[1]) if at else text.count("\n") + 1, f"this is not TOML: {error}")]
    lectures, entries = content.get("lectures", {}), content.get("row", [])
    mistakes = [
        Mistake(line_with(text, rf"(\[+)?{key}\b"), f"unknown key {key!r}: a file of rows holds [lectures] and [[row]]")
        for key in content
        if key not in ("lectures", "row")
    ]
    rows = []
    for entry, lines in zip(entries, places(text), strict=True):
        wrong = list(mistakes_in_entry(entry, lines))
        mistakes += wrong
        if not wrong:
            rows.append(Row(**entry, lines=lines))
    for one in rows:
        mistakes += mistakes_in_letters(one, lectures)
    if len(rows) == len(entries):
        mistakes += mistakes_in_numbers(rows, text.count("\n") + 1)
    return lectures, rows, mistakes


def line_with(text: str, pattern: str) -> int:
    """Return the number of the first line that begins with a pattern."""
    return next((n for n, line in enumerate(text.splitlines(), 1) if re.match(pattern, line.strip())), 1)


def places(text: str) -> list[dict[str, int]]:
    """Return, for each row, the lines of its keys; a parser of TOML does not keep them."""
    found: list[dict[str, int]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[\[\s*row\s*\]\]", line):
            found.append({"": number})
        elif found and (key := re.match(r"\s*([\w-]+)\s*=", line)):
            found[-1].setdefault(key[1], number)
    return found


def mistakes_in_entry(entry: Mapping[str, Any], lines: Mapping[str, int]) -> Iterator[Mistake]:
    """Yield unknown and missing keys, and values of the wrong kind."""
    name, known = f"row {entry.get('number', '?')}", ", ".join(KINDS)
    for key in entry:
        if key not in KINDS:
            yield Mistake(lines.get(key, lines[""]), f"{name}: unknown key {key!r}; a row has {known}")
    for key, (kind, inner, words) in KINDS.items():
        if key not in entry:
            if key not in OPTIONAL:
                yield Mistake(lines[""], f"{name}: it has no {key!r}; write {key} = …, {words}")
            continue
        value = entry[key]
        right = type(value) is kind and (inner is None or all(type(item) is inner for item in value))
        if not right:
            yield Mistake(lines.get(key, lines[""]), f"{name}: {key} must be {words}, got {value!r}")


def mistakes_in_letters(row: Row, lectures: Mapping[str, str]) -> Iterator[Mistake]:
    """Yield letters that are no lecture's."""
    for letter in row.lectures:
        if letter not in lectures:
            yield row.mistake("lectures", f"unknown lecture {letter!r}; the lectures are {', '.join(lectures)}")


def mistakes_in_numbers(rows: list[Row], last_line: int) -> Iterator[Mistake]:
    """Yield what keeps the rows from being 1, 2, … in order."""
    seen: set[int] = set()
    before = 0
    for row in rows:
        if not 1 <= row.number <= ROWS:
            yield row.mistake("number", f"rows are numbered 1 to {ROWS}")
        elif row.number in seen:
            yield row.mistake("number", "this number is taken by a row above")
        elif row.number < before:
            yield row.mistake("number", f"it stands after row {before}; rows stand in order")
        seen.add(row.number)
        before = max(before, row.number)
    if missing := sorted(set(range(1, ROWS + 1)) - seen):
        yield Mistake(last_line, f"missing: row {', '.join(map(str, missing))}; there must be {ROWS} rows")


# ---------- holding against the book ----------


def mistakes_in_row(row: Row, book: Book) -> Iterator[Mistake]:
    """Yield what a row names and is not there, and what it leaves out."""
    for number in row.chapters:
        if number not in book.chapters:
            yield row.mistake("chapters", f"there is no chapter {number}; book/chapters.toml lists all of them")
    if bool(row.chapters) == bool(row.page):
        yield row.mistake("page", "it needs chapters, or a page of its own, and not both")
    if row.page and row.page not in book.pages:
        yield row.mistake("page", f"the book has no page {row.page!r}")
    yield from mistakes_in_sections(row, book)
    yield from mistakes_in_exercises(row, book)
    for name in row.library:
        if not in_library(name):
            yield row.mistake("library", f"rnnkit has no {name!r}")


def mistakes_in_sections(row: Row, book: Book) -> Iterator[Mistake]:
    """Yield labels that are not in the row's chapters, and chapters of which none is named."""
    there = book.there(row)
    for label in row.sections:
        if label not in book.sections:
            yield row.mistake("sections", f"no page has the section {label!r}")
        elif book.sections[label] not in there:
            yield row.mistake("sections", f"the section {label!r} is in {book.sections[label]}, not in its chapters")
    for page in there:
        if page not in {book.sections.get(label) for label in row.sections}:
            yield row.mistake("sections", f"it names no section of {page}: write sections = [labels that teach it]")


def mistakes_in_exercises(row: Row, book: Book) -> Iterator[Mistake]:
    """Yield exercises that are not there, or not named."""
    for number in row.exercises:
        if number not in book.exercises:
            yield row.mistake("exercises", f"no notebook of exercises has {number!r}")
    if row.exercises and not row.exercise:
        yield row.mistake("exercise", "it names exercises, so exercise must be true")
    expected = [page.replace("chapters/", "exercises/") for page in book.there(row)]
    if row.exercise and not row.exercises and book.covers(row) and book.pages.intersection(expected):
        yield row.mistake("exercise", f"write exercises = [numbers of its exercises in {', '.join(expected)}]")


def in_library(name: str) -> bool:
    """Tell whether ``name``, such as ``cells.LSTM.gates``, can be had from rnnkit."""
    room, *rest = name.split(".")
    try:
        thing: object = importlib.import_module(f"rnnkit.{room}")
    except ModuleNotFoundError as error:
        if error.name != f"rnnkit.{room}":  # the room is there, and what it needs is not
            raise
        return False
    for part in rest:
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True


def read_chapters(path: Path) -> dict[int, tuple[str, str]]:
    """Return the page and the title of every chapter planned, by number."""
    chapters = tomllib.loads(path.read_text("utf8"))["chapter"]
    return {one["number"]: (f"chapters/{one['number']:02}-{one['slug']}", one["title"]) for one in chapters}
