import base64
import os
import re
import struct
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.grade.feedback.markup import Markup
from rnnkit.grade.feedback.names import page_names
from rnnkit.grade.feedback.pictures import picture
from rnnkit.grade.feedback.shell import put, visible
from rnnkit.grade.master import Master

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def master(master_path):
    return Master.load(master_path)


@pytest.fixture
def markup():
    with Markup() as renderer:
        yield renderer


# ------------------------------------------------------------------ pictures


def png(width, height):
    return PNG[:16] + struct.pack(">II", width, height) + PNG[24:]


def jpeg(width, height):
    frame = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + bytes(10)
    return b"\xff\xd8" + b"\xff\xe0" + struct.pack(">H", 16) + bytes(14) + frame


@pytest.mark.parametrize(
    ("mime", "data", "shown"),
    [
        ("image/png", png(640, 480), True),
        ("image/png", png(60_000, 60_000), False),
        ("image/png", png(0, 5), False),
        ("image/png", b"<svg onload=alert(1)>", False),
        ("image/jpeg", jpeg(640, 480), True),
        ("image/jpeg", jpeg(60_000, 60_000), False),
        ("image/jpeg", b"\xff\xd8\xff", False),
        ("image/jpeg", PNG, False),
        ("image/svg+xml", b"<svg/>", False),
        ("image/png", png(9, 9) + bytes(2 << 20), False),
    ],
)
def test_only_pictures_of_a_bearable_size_are_shown(mime, data, shown):
    assert bool(picture(mime, base64.b64encode(data).decode())) == shown


# ------------------------------------------------------------------ Markdown and formulas


def test_formulas_become_mathml(markup):
    inline = markup.markdown("The state $h_t$ costs 5 dollars")
    assert "<msub><mi>h</mi><mi>t</mi></msub>" in inline
    block = markup.markdown("$$\n\\begin{aligned} a &= \\frac{b}{c} \\\\ d &= e \\end{aligned}\n$$")
    assert '<mtd class="right">' in block
    assert "&amp;" not in block


def test_all_formulas_of_the_exercise_are_converted(markup, master):
    text = "".join(markup.markdown(cell.source) for cell in master.release.cells if cell.cell_type == "markdown")
    assert text.count("<math") > 50
    assert 'class="tex"' not in text


@pytest.mark.parametrize("tex", [r"\def\a{\a\a}\a", r"\newcommand{\x}{y}\x", r"\unknown{x}", "{", "x" * 3000])
def test_a_formula_that_cannot_be_converted_stays_tex(markup, tex):
    assert markup.formula(tex, display=False).startswith('<code class="tex">')


@pytest.mark.parametrize("opening", ["{", r"\sqrt", r"\not", "x^{", r"\left(", r"\begin{matrix}", r"\sqrt[", r"\text{"])
def test_deeply_nested_formulas_do_not_end_the_process(markup, opening):
    assert markup.formula(opening * (2000 // len(opening)), display=True)


def test_a_formula_cannot_carry_html(markup):
    made = markup.markdown(r"$\text{<script>alert(1)</script>}$ and $x<y$")
    assert "&lt;script&gt;" in made
    assert "<script" not in made


def test_no_length_in_a_formula_covers_the_page(markup):
    made = markup.formula(r"\raisebox{-999em}{x} \hspace{999em} \hspace{1em} \color{red} y", display=False)
    assert "999em" not in made
    assert "style" not in made
    assert 'width="1em"' in made


def test_tables_lists_and_folded_parts_are_rendered(markup):
    made = markup.markdown("| a |\n|---|\n| 1 |\n\n<details>\n<summary>Hint</summary>\n\n*inside*\n\n</details>\n")
    assert "<td>1</td>" in made
    assert "<details>\n<summary>Hint</summary>\n<p><em>inside</em></p>\n</details>" in made


def test_headings_leave_the_first_rank_to_the_page(markup):
    assert markup.markdown("# One\n\n###### Six") == "<h2>One</h2>\n<h6>Six</h6>\n"


def test_links_keep_their_address_in_sight_and_tell_nobody(markup):
    link = markup.markdown("[a](https://example.org/x)")
    assert link.strip() == '<p><a href="https://example.org/x" rel="noopener noreferrer nofollow">a</a></p>'


def test_text_that_would_hide_or_turn_around_is_made_visible():
    assert visible("a\u202eb\x00c\x1b[31m\r\nd") == "a⟨U+202E⟩b␀c␛[31m\nd"
    assert visible("\ud800").encode() == b"?"
    assert visible("Zoë 蛇 👩‍💻\tx") == "Zoë 蛇 👩‍💻\tx"


# ------------------------------------------------------------------ files


NAMES = [
    "ana", "Ana", "ANA", "a/b", "../../etc/passwd", "..", ".", "", " ", "CON", "nul", "com1", "COM¹", "index",
    "x" * 300, "x" * 301, "蛇" * 300, "a\x00b", "a\nb", "a\u202eb", "é", "e\u0301", "ﬁ", "fi", "straße", "strasse",
    "a.", "a ", "अनिल", "-", "<script>", "a:b|c?d*e", "%2e%2e", "~", "\ud800", "ana-0a1b2c3d4e",
]  # fmt: skip


def check_names(names):
    folded = {unicodedata.normalize("NFKC", name).casefold() for name in names}
    assert len(folded) == len(names)
    for name in names:
        assert all(char in "-_" or unicodedata.category(char)[0] in "LMN" for char in name.removesuffix(".html"))
        assert name.removesuffix(".html").strip("-")
        assert len(name.encode()) < 143
        assert not re.fullmatch(
            r"(con|prn|aux|nul|com\d|lpt\d|index)\.html", unicodedata.normalize("NFKC", name.lower())
        )


def test_hostile_names_give_safe_and_distinct_files():
    check_names(page_names([(name, str(number)) for number, name in enumerate(NAMES)]))


@settings(deadline=None)
@given(st.lists(st.text(max_size=400) | st.sampled_from(NAMES), max_size=12))
def test_any_names_give_safe_and_distinct_files(names):
    check_names(page_names([(name, str(number)) for number, name in enumerate(names)]))


def test_a_name_does_not_move_from_one_student_to_another():
    both = page_names([("Ana", "1"), ("ana", "2")])
    assert page_names([("ana", "2"), ("Ana", "1")]) == both[::-1]
    assert page_names([("Zoë Šim", "3"), ("अनिल", "4")]) == ["Zoë-Šim.html", "अनिल.html"]


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "ana.html").symlink_to(tmp_path / "precious")
    put(tmp_path / "ana.html", "page")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "ana.html").read_text() == "page"


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    put(tmp_path / "ana.html", "old")
    monkeypatch.setattr(os, "fdopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no space left on device")))
    with pytest.raises(OSError, match="no space left"):
        put(tmp_path / "ana.html", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["ana.html"]
    assert (tmp_path / "ana.html").read_text() == "old"
