"""The glossary: in order, short, each chapter linked once it exists."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book"))

from coursebook.glossary import CHAPTERS  # noqa: E402  (the book's extension is no installed package)

PAGE = "reference/glossary.html"
TEXT = (ROOT / "reference" / "glossary.md").read_text("utf8").split("```{glossary}\n")[1].rsplit("```", 1)[0]
ENTRIES = {entry.split("\n")[0]: " ".join(entry.split("\n")[1:]) for entry in TEXT.strip().split("\n\n")}


def test_terms_are_alphabetical_and_stand_once():
    terms = [re.sub(r"[-–]", " ", term.lower()) for term in re.findall(r"^(?! )(.+)$", TEXT, re.MULTILINE)]
    assert terms == sorted(set(terms))


def test_there_are_as_many_terms_as_a_reader_needs():
    assert 60 <= len(ENTRIES) <= 100


@pytest.mark.parametrize("term", ENTRIES)
def test_a_term_is_explained_in_a_few_sentences(term):
    prose = re.sub(r"\{[^}]*\}`[^`]*`", "x", ENTRIES[term])
    assert 5 <= len(prose.split()) <= 60


def test_every_chapter_named_is_one_of_the_course():
    numbers = [int(number) for number in re.findall(r"\{ch\}`(\d+)`", TEXT)]
    assert numbers
    assert set(numbers) <= set(range(1, CHAPTERS + 1))


@pytest.mark.browser
@pytest.mark.slow
def test_a_chapter_that_exists_is_linked_and_one_to_come_is_named(address, open_page):
    page = open_page(f"{address}/{PAGE}")
    there = {int(path.name[:2]) for path in (ROOT / "chapters").glob("[0-9][0-9]-*.ipynb")}
    linked = page.evaluate("[...document.querySelectorAll('dl.glossary a')].map((a) => a.textContent)")
    linked = {int(text[8:]) for text in linked if text.startswith("chapter")}
    named = set(map(int, re.findall(r"\{ch\}`(\d+)`", TEXT)))
    assert linked == there & named
    assert {int(n) for n in re.findall(r"chapter\s(\d+)", page.inner_text("dl.glossary"))} == named


@pytest.mark.browser
@pytest.mark.slow
def test_every_term_can_be_linked_to(address, open_page):
    page = open_page(f"{address}/{PAGE}")
    assert page.locator("dl.glossary dt[id^=term-]").count() == len(ENTRIES)
