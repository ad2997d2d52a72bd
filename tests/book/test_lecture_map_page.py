"""The lecture map: its data file refused, with the line, wherever it is wrong; the page made from it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "book" / "lecture_map.toml"
PAGE = "reference/lecture-map.html"


@pytest.fixture(scope="session")
def rows(book_script):
    from coursebook import lecture_rows

    return lecture_rows


@pytest.fixture
def mistakes_of(rows, tmp_path):
    """Return a function that reads a changed copy of the data file."""

    def mistakes_of(text):
        copy = tmp_path / "lecture_map.toml"
        copy.write_text(text, "utf8")
        return rows.read(copy)[2]

    return mistakes_of


@pytest.fixture
def read(rows):
    return {row.number: row for row in rows.read(DATA)[1]}


@pytest.fixture
def book(rows):
    """A book that has chapter 5, its exercises and the corrections."""
    chapters = rows.read_chapters(ROOT / "book" / "chapters.toml")
    pages = {"chapters/05-bptt", "exercises/05-bptt", "reference/corrections"}
    sections = {"sec-forcing": "chapters/05-bptt", "corr-sign": "reference/corrections"}
    return rows.Book(chapters, pages, sections, {"05.5": "exercises/05-bptt"})


def changed(old, new):
    """Return the data file with one thing changed, and the line it is in."""
    text = DATA.read_text("utf8")
    assert old in text
    return text.replace(old, new, 1), text[: text.index(old)].count("\n") + 1


def test_the_data_file_has_no_mistake_of_its_own(rows):
    lectures, read, mistakes = rows.read(DATA)
    assert mistakes == []
    assert len(read) == rows.ROWS == 54
    assert list(lectures) == list("MBUTS")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("number = 16\n", 'number = 16\ncolour = "red"\n', "row 16: unknown key 'colour'"),
        (
            'lectures = ["S", "M", "U"]',
            'lectures = ["S", "X"]',
            "row 16: unknown lecture 'X'; the lectures are M, B, U",
        ),
        ("chapters = [11, 12]", 'chapters = ["11"]', "row 41: chapters must be a list of numbers, got ['11']"),
        ("number = 9\n", "number = 8\n", "row 8: this number is taken by a row above"),
        ("number = 54\n", "number = 55\n", "row 55: rows are numbered 1 to 54"),
        ("topic = ", "topic : ", "this is not TOML"),
        ("[lectures]", "[speakers]", "unknown key 'speakers'"),
    ],
)
def test_a_wrong_data_file_is_refused_with_its_line(mistakes_of, old, new, message):
    text, line = changed(old, new)
    found = [mistake for mistake in mistakes_of(text) if mistake.text.startswith(message)]
    assert len(found) == 1
    assert found[0].line == line + ("colour" in new)


def test_a_row_without_a_key_is_refused_where_it_begins(mistakes_of):
    text, _ = changed("number = 3\n", "")
    line = text[: text.index('topic = "the stateful predictor')].count("\n")  # the header stands just above
    assert any(m.line == line and "it has no 'number'" in m.text for m in mistakes_of(text))


def test_a_missing_row_is_named(mistakes_of):
    text = DATA.read_text("utf8")
    start, end = text.index("[[row]]\nnumber = 20\n"), text.index("[[row]]\nnumber = 21\n")
    assert [m.text for m in mistakes_of(text[:start] + text[end:])] == ["missing: row 20; there must be 54 rows"]


@pytest.mark.parametrize(
    ("change", "key", "message"),
    [
        ({"chapters": [19]}, "chapters", "there is no chapter 19"),
        ({"sections": ["sec-forcing", "sec-nowhere"]}, "sections", "no page has the section 'sec-nowhere'"),
        ({"sections": ["sec-forcing", "corr-sign"]}, "sections", "'corr-sign' is in reference/corrections"),
        ({"sections": []}, "sections", "it names no section of chapters/05-bptt"),
        ({"exercises": ["05.9"]}, "exercises", "no notebook of exercises has '05.9'"),
        ({"exercises": []}, "exercise", "write exercises = [numbers of its exercises in exercises/05-bptt]"),
        ({"exercise": False}, "exercise", "exercise must be true"),
        ({"library": ["unroll.bpt"]}, "library", "rnnkit has no 'unroll.bpt'"),
        ({"library": ["rooms.bptt"]}, "library", "rnnkit has no 'rooms.bptt'"),
        ({"page": "reference/none"}, "page", "the book has no page 'reference/none'"),
        ({"chapters": [], "sections": [], "exercises": []}, "page", "it needs chapters, or a page of its own"),
    ],
)
def test_a_row_may_name_only_what_is_there(rows, read, book, change, key, message):
    right = read[18]
    assert list(rows.mistakes_in_row(right, book)) == []
    wrong = rows.Row(**{**vars(right), **change})
    found = [mistake for mistake in rows.mistakes_in_row(wrong, book) if message in mistake.text]
    assert len(found) == 1
    assert found[0].line == right.lines.get(key, right.lines[""]) > 0


def test_a_row_of_chapters_to_come_asks_for_nothing(rows, read, book):
    assert list(rows.mistakes_in_row(read[30], book)) == []
    assert not book.covers(read[30])
    assert book.covers(read[18])


def test_chapters_are_named_as_their_pages(rows):
    for page, title in rows.read_chapters(ROOT / "book" / "chapters.toml").values():
        path = ROOT / f"{page}.ipynb"
        if path.exists():
            headings = re.findall(r'"# (.+?)(?:\\n)?"', path.read_text("utf8"))
            assert json.loads(f'"{headings[0]}"') == title


# ---------- the page ----------


@pytest.mark.slow
def test_the_page_has_every_row_and_counts_the_covered_ones(built, rows):
    html = (ROOT / "_build" / "html" / PAGE).read_text("utf8")
    assert re.findall(r'<tr[^>]* id="row-(\d+)"', html) == [str(n) for n in range(1, 55)]
    rows_here = [row for row in html.split("<tr")[2:] if re.search(r'href="(\.\./chapters/|corrections\.html)', row)]
    here = sum("(to come)" not in row for row in rows_here)
    assert f"Covered so far: {here} of 54 rows" in html


@pytest.mark.slow
def test_every_name_of_rnnkit_leads_to_the_reference(built, rows):
    html = (ROOT / "_build" / "html" / PAGE).read_text("utf8")
    for row in rows.read(DATA)[1]:
        for name in row.library:
            assert re.search(
                rf'<a [^>]*href="[\w-]+\.html#[^"]+"[^>]*>\s*<code[^>]*><span class="pre">{name}<', html
            ), name


@pytest.mark.slow
@pytest.mark.browser
def test_rows_are_filtered_by_lecture_and_text(address, open_page):
    page = open_page(f"{address}/{PAGE}", width=390)
    rows = page.locator(".rk-rows tbody tr")
    assert rows.count() == page.locator(".rk-rows tbody tr:visible").count() == 54
    page.get_by_label("San Pablo").check()
    shown = page.locator(".rk-rows tbody tr:visible")
    assert 0 < shown.count() < 54
    assert page.locator(".rk-rows tbody tr:visible:not(.rk-lecture-s)").count() == 0
    page.get_by_role("searchbox", name="Search").last.fill("teacher FORCING")
    assert shown.count() == 1
    assert page.locator(".rk-filter output").inner_text() == "1 of 54 rows"
    page.get_by_role("searchbox", name="Search").last.fill("no such thing")
    assert "No row fits" in page.locator(".rk-filter output").inner_text()


@pytest.mark.slow
@pytest.mark.browser
def test_the_map_is_whole_without_a_script(address, open_page):
    page = open_page(f"{address}/{PAGE}", java_script_enabled=False)
    assert page.locator(".rk-rows tbody tr:visible").count() == 54
    assert page.locator(".rk-lectures li").count() == 5
