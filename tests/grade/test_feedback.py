import base64
import hashlib
import html.parser
import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from rnnkit.grade.feedback import write_feedback
from rnnkit.grade.gradebook import Row
from rnnkit.grade.late import Scored
from rnnkit.grade.master import Master
from rnnkit.grade.results import CheckResult, Result
from rnnkit.grade.submissions import fingerprint

ROOT = Path(__file__).parents[2]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"

HOSTILE = [
    "<script>window.pwned = 1; fetch('http://evil.example/a')</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<img src=http://evil.example/i.png><video src=http://evil.example/v autoplay></video>",
    "<svg onload='window.pwned = 1'><a xlink:href='javascript:window.pwned = 1'><text>x</text></a></svg>",
    "[x](javascript:window.pwned=1) [y](//evil.example) <a href=' jAvascript:window.pwned = 1'>z</a>",
    "<a href='data:text/html,<script>window.pwned = 1</script>'>d</a> [f](file:///etc/passwd) [r](../other.html)",
    "<style>* { display: none !important } body { background: url(http://evil.example/css) }</style>",
    "<div style='position: fixed; inset: 0; background: red' hidden>cover</div>",
    "<link rel=stylesheet href=http://evil.example/x.css><meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href='http://evil.example/'><iframe srcdoc='<script>parent.pwned = 1</script>'></iframe><object data=x>",
    "<form action='http://evil.example'><input autofocus onfocus='window.pwned = 1'><button>go</button></form>",
    "</p></div></section></main></body></html><h1 class='check passed' id='at-check-05-1a'>26 of 26</h1>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.pwned=1&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
    '![a](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImFsZXJ0KDEpIi8+) !["><script>window.pwned=1</script>](http://e.example)',
    r"$\href{javascript:window.pwned=1}{x}$ $\text{<script>window.pwned = 1</script>}$",
    "$<img src=x onerror=window.pwned=1>$",
    r"$\raisebox{-999em}{x}$ $\hspace{9999em}$ $$\def\a{\a\a}\a$$",
    "<details open ontoggle='window.pwned = 1'><summary>s</summary><template><script>1</script></template>",
    "<textarea></textarea><title>t</title><plaintext>",
    "`<script>window.pwned = 1</script>`\n\n~~~html\n<script>window.pwned = 1</script>\n~~~",
    "W" * 3000,
]


@pytest.fixture(scope="module")
def master(master_path):
    return Master.load(master_path)


def notebook(*cells):
    """The exercise as it is given out, with some cells of the learner's at its end."""
    made = nbformat.read(ROOT / "exercises/05-bptt.ipynb", as_version=4)
    made.cells += cells
    return made


@pytest.fixture
def scored(tmp_path, master):
    """Hand in a notebook (or a file's text) and give back its row; all checks passed but those in `lost`."""

    def make(content=None, student="ana", lost=(), late=0, penalty=0.0, **fields):
        path = tmp_path / "class" / f"{len(list((tmp_path / 'class').glob('*')))}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else nbformat.writes(content or notebook()), "utf-8")
        checks = tuple(
            CheckResult(one.exercise.id, one.grade_id, 0.0, one.points, "W_h differs", "expected CANARY-detail")
            if one.exercise.id in lost
            else CheckResult(one.exercise.id, one.grade_id, one.points, one.points)
            for one in master.checks
        )
        result = replace(Result("graded", "", "05-bptt", "m", checks, (), 1.5, "CANARY-isolation"), **fields)
        row = Row(student, "05-bptt.ipynb", str(path), fingerprint(path), "p", "s", "2026-05-01T10:20:30+00:00", result)
        return Scored(row, timedelta(hours=late), penalty, result.points - penalty)

    (tmp_path / "class").mkdir()
    return make


@pytest.fixture
def written(tmp_path, master):
    """Write the pages of these rows; give back the text of the first."""

    def write(*rows):
        pages = write_feedback(tmp_path / "out", rows, {one.row.key: Path(one.row.key) for one in rows}, [master])
        return pages[0].read_text("utf-8")

    return write


def text_of(page):
    """What one reads on a page."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


class Elements(html.parser.HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


# ------------------------------------------------------------------ what a student reads


def test_a_page_shows_the_cells_and_a_box_at_each_check(scored, written):
    page = written(
        scored(notebook(new_code_cell("my_own = 1"), new_markdown_cell("My *thought*"), new_raw_cell("raw")))
    )
    assert text_of(page).count("3 of 3 points") == 2  # 05.1a and 05.5
    assert '<span class="n">my_own</span>' in page
    assert "My <em>thought</em>" in page
    assert page.index("check-05-1a-title") < page.index("Then what flows back") < page.index("check-05-1b-title")


def test_the_header_says_points_lateness_and_when_it_was_graded(scored, written):
    page = text_of(written(scored(lost=["05.1b"], late=27, penalty=2.25)))
    assert "18.75 of 26 points" in page
    assert "by 1 day 3 hours: 2.25 points taken" in page
    assert "2026-05-01 10:20 UTC" in page


def test_work_in_time_says_nothing_of_lateness(scored, written):
    assert "late" not in text_of(written(scored())).partition("Your notebook")[0].lower()


def test_a_lost_check_has_its_reason_and_hints_and_a_passed_one_has_none(scored, written):
    page = written(scored(notebook(), lost=["05.2"]))
    box = page[page.index('id="at-check-05-2"') :].partition("</section>")[0]
    assert "0 of 4 points" in text_of(box)
    assert "W_h differs" in box
    assert box.count("<details>") == 4  # the hints, and each of the three
    passed = page[page.index('id="at-check-05-3"') :].partition("</section>")[0]
    assert "<details>" not in passed


def test_notes_are_shown(scored, written):
    assert "<li>locked cells were edited &lt;b&gt;</li>" in written(scored(notes=("locked cells were edited <b>",)))


def test_a_check_that_was_deleted_has_its_box_at_the_end(scored, written):
    made = notebook()
    made.cells = [cell for cell in made.cells if 'check("05.3"' not in cell.source]
    page = written(scored(made))
    assert page.index("These checks were missing") < page.index('id="at-check-05-3"')


def test_of_copies_of_a_check_the_last_has_the_box(scored, written):
    page = written(scored(notebook(new_code_cell('check("05.3", truncated_bptt)'), new_code_cell("the_end = 0"))))
    assert page.count('id="at-check-05-3"') == 1
    assert page.index('id="at-check-05-5"') < page.index('id="at-check-05-3"') < page.index("the_end")


def test_nothing_hidden_is_on_any_page(tmp_path, master_path, scored):
    source = master_path.read_text("utf-8").replace(
        "### BEGIN SOLUTION", "### BEGIN SOLUTION\\n    CANARY_reference = 1"
    )
    secret = tmp_path / "CANARY-folder" / "05-bptt.ipynb"
    secret.parent.mkdir()
    secret.write_text(source, "utf-8")
    shutil.copy(master_path.with_name("wrong_answers_05.py"), secret.parent)
    one = scored(lost=["05.1a", "05.2"], notes=("a note",))
    row = replace(one.row, seed="CANARY-seed", policy="CANARY-policy")
    failed = scored(student="b", status="failed", reason="the reference of 05.1a raised CANARY-ours")
    master = Master.load(secret)
    assert "CANARY_reference" in master.solution("bptt").source
    rows = [replace(one, row=row), failed, scored("{", student="c", status="unreadable", reason="is not JSON")]
    pages = write_feedback(tmp_path / "out", rows, {r.row.key: Path(r.row.key) for r in rows}, [master])
    texts = [path.read_text("utf-8") for path in (*pages, tmp_path / "out/index.html")]
    assert len(texts) == 4
    assert not any("CANARY" in text for text in texts)


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        ("unreadable", "is a symbolic link; hand in the file itself", "save it, and hand in that .ipynb file itself"),
        ("unmatched", "belongs to none of the masters (05-bptt)", "Start from the exercise notebook"),
        ("failed", "", "You need not do anything"),
    ],
)
def test_what_was_not_graded_says_why_and_what_to_do(scored, written, status, reason, says):
    page = text_of(written(scored("{", status=status, reason=reason)))
    assert says in page
    assert reason in page


def test_a_file_that_has_changed_since_is_not_shown(scored, written):
    one = scored(notebook(new_code_cell("as_it_was = 1")), lost=["05.2"])
    Path(one.row.key).write_text(nbformat.writes(notebook(new_code_cell("now_it_is = 2"))), "utf-8")
    page = written(one)
    assert "has changed since it was graded" in page
    assert "now_it_is" not in page
    assert 'id="at-check-05-2"' in page


def test_a_file_that_is_gone_leaves_the_results(tmp_path, scored, master):
    (page,) = write_feedback(tmp_path / "out", [scored(lost=["05.2"])], {}, [master])
    assert "no longer there" in page.read_text("utf-8")
    assert "W_h differs" in page.read_text("utf-8")


# ------------------------------------------------------------------ outputs and pictures


def test_saved_text_and_pictures_are_shown_without_colours(scored, written):
    outputs = [
        new_output("stream", text="printed <b>\n"),
        new_output("error", ename="E", evalue="v", traceback=["\x1b[0;31mE\x1b[0m: v"]),
        new_output("display_data", data={"image/png": base64.b64encode(PNG).decode(), "text/html": "<i>no</i>"}),
    ]
    page = written(scored(notebook(new_code_cell("1", outputs=outputs))))
    assert "printed &lt;b&gt;" in page
    assert '<pre tabindex="0">E: v</pre>' in page
    assert f'src="{PNG_URL}"' in page


def test_html_output_gives_way_to_text_and_is_named_where_there_is_none(scored, written):
    both = new_output("display_data", data={"text/html": "<b>rich</b>", "text/plain": "plain words"})
    alone = new_output("display_data", data={"text/html": "<b>rich</b>"})
    page = written(scored(notebook(new_code_cell("1", outputs=[both, alone]))))
    assert "plain words" in page
    assert "an output of the type text/html is not shown" in page
    assert "rich" not in page


def test_a_saved_verdict_is_not_shown_at_a_check(scored, written):
    made = notebook()
    check = next(cell for cell in made.cells if cell.source.startswith('check("05.1a"'))
    check.outputs = [new_output("stream", text="forged: 26 of 26")]
    assert "forged" not in written(scored(made))


def test_huge_cells_and_outputs_are_cut(scored, written):
    cells = [new_code_cell("x" * 1_000_000, outputs=[new_output("stream", text="y" * 1_000_000)])]
    cells += [new_markdown_cell("z" * 50_000) for _ in range(30)]
    page = written(scored(notebook(*cells, new_code_cell("beyond = 1"))))
    assert len(page) < 1_000_000
    assert "980,000 more characters are not shown" in page
    assert "996,000 more characters are not shown" in page


def test_a_pasted_picture_is_shown(scored, written):
    cell = new_markdown_cell("![mine](attachment:a%20b.png)")
    cell["attachments"] = {"a b.png": {"image/png": base64.b64encode(PNG).decode()}}
    assert f'<img src="{PNG_URL}" alt="mine"' in written(scored(notebook(cell)))


@pytest.mark.parametrize("outputs", ["x", [1, None, {}], {"a": 1}, [{"output_type": "stream", "text": {"a": 1}}]])
def test_nonsense_in_place_of_outputs_is_left_out(scored, written, outputs):
    made = notebook(new_code_cell("here = 1"))
    made.cells[-1]["outputs"] = outputs
    assert "here" in written(scored(json.dumps(made)))


# ------------------------------------------------------------------ hostile content


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_cell_can_act(scored, written, text):
    outputs = [
        new_output("display_data", data={"text/html": text, "application/javascript": "window.pwned = 1"}),
        new_output("display_data", data={"image/png": '"><script>', "text/plain": text}),
        new_output("display_data", data={text: ""}),
        new_output("stream", text=text),
        new_output("error", ename=text, evalue=text, traceback=[]),
    ]
    cells = [new_markdown_cell(text), new_code_cell(text, outputs=outputs), new_raw_cell(text)]
    one = scored(notebook(*cells), student=text[:200], notes=(text,), reason=text)
    elements = Elements(written(one)).found
    ours = {"html", "head", "meta", "title", "style", "body", "main", "header", "section"}
    active = {"script", "iframe", "object", "embed", "form", "input", "button", "svg", "link", "base", "video", "audio"}
    assert not active & {tag for tag, _ in elements}
    assert all(sum(tag == one for tag, _ in elements) == 1 for one in ours - {"meta", "section"})
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "hidden", "srcdoc")]
        assert re.match(r"data:image/(png|jpeg);base64,", attributes.get("src", PNG_URL))
        assert re.match(r"https?://|mailto:|#at-check-", attributes.get("href", "#at-check-")), attributes
        assert tag == "section" or "check" not in attributes.get("class", "").split()
    assert len([1 for _, attributes in elements if attributes.get("id") == "at-check-05-1a"]) == 1


def test_the_policy_of_a_page_allows_its_style_and_nothing_else(scored, written):
    page = written(scored())
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed.pop("style-src") == f"'sha256-{digest}'"
    assert allowed.pop("img-src") == "data:"
    assert set(allowed.values()) == {"'none'"}
    assert "default-src" in allowed
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<body>")


@pytest.mark.browser
def test_a_hostile_page_does_nothing_in_a_browser(tmp_path, scored, written, browser):
    cells = [make(text) for text in HOSTILE for make in (new_markdown_cell, new_code_cell, new_raw_cell)]
    written(scored(notebook(*cells), student="<script>window.pwned = 1</script>", lost=["05.1a"]))
    (page,) = [path for path in (tmp_path / "out").glob("*.html") if path.name != "index.html"]
    events = []
    for size in (1280, 390):
        tab = browser.new_page(viewport={"width": size, "height": 900})
        tab.on("request", lambda request: events.append(request.url))
        tab.on("dialog", lambda dialog: events.append("dialog") or dialog.dismiss())
        tab.on("console", lambda message: events.append(message.text))
        tab.goto(page.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert tab.evaluate("window.pwned") is None
        assert tab.evaluate("document.documentElement.scrollWidth") <= size
        assert tab.locator("section.check:visible").count() == 7
        tab.close()
    assert [event for event in events if not event.startswith(("file:", "data:"))] == []
    assert {event for event in events if event.startswith("file:")} == {page.as_uri()}


# ------------------------------------------------------------------ files


def test_pages_stay_in_their_folder_and_the_index_links_to_them(tmp_path, scored, master):
    rows = [scored(student=name) for name in ("../../up", "b/c", "index")]
    pages = write_feedback(tmp_path / "out", rows, {}, [master])
    assert {path.parent for path in pages} == {tmp_path / "out"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["index.html", *(path.name for path in pages)]
    )
    index = (tmp_path / "out/index.html").read_text("utf-8")
    assert all(f'href="{path.name}"' in index for path in pages)


def test_progress_is_told_after_each_page(tmp_path, scored, master):
    told = []
    folder = tmp_path / "out"
    rows = [scored(student=name) for name in "abc"]
    write_feedback(folder, rows, {}, [master], lambda: told.append(len(list(folder.glob("*.html")))))
    assert told == [1, 2, 3]


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, scored, master):
    (tmp_path / "out").write_text("")
    with pytest.raises(NotADirectoryError, match="out is a file; move it away"):
        write_feedback(tmp_path / "out", [scored()], {}, [master])
