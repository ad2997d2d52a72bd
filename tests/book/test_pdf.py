"""The PDF of the whole book: every page of the contents, with bookmarks, links, formulas and figures."""

import importlib.util
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FIGURE = '<svg role="img" aria-label="A line" width="50" height="20"><defs><linearGradient id="g"/></defs><path/></svg>'
SECTION = '<section id="{id}"><h{n}>{text}<a class="headerlink" href="#{id}">#</a></h{n}>{body}</section>'

PAGES = {
    "index": ("Home", '<p>Read <a href="chapters/one.html#sec">the law</a>, <a href="files/a.zip">a file</a>.</p>'),
    "chapters/one": (
        "Chapter one",
        SECTION.format(id="sec", n=2, text="The law", body=r"<p>Before <span class='math'>\(h_t\)</span> after.</p>")
        + FIGURE
        + f"<div class='highlight'><pre>{'long_name + ' * 30}the_end</pre></div>"
        + '<details class="hide"><summary>Hint</summary><p>unfolded</p></details>'
        + "<script>document.querySelector('article').append('drawn by a script')</script>",
    ),
    "reference/two": ("Reference", SECTION.format(id="sec", n=2, text="Cells", body="<p>More.</p>" * 120)),
}
TOC = {
    "root": "index",
    "parts": [
        {"caption": "Chapters", "chapters": [{"file": "chapters/one"}]},
        {"caption": "Reference", "chapters": [{"file": "reference/two.md"}]},
    ],
}


@pytest.fixture(scope="module")
def script(book_script):
    """Return ``scripts/pdf.py`` as a module, which imports ``scripts/book.py`` as ``book``."""
    sys.modules.setdefault("book", book_script)
    spec = importlib.util.spec_from_file_location("book_pdf", ROOT / "scripts" / "pdf.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["book_pdf"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A built book of three pages in the shape of the course's own."""
    folder = tmp_path_factory.mktemp("tiny")
    html = folder / "_build" / "html"
    (html / "_static").mkdir(parents=True)
    package = metadata.distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline")
    (html / "_static" / "mathjax").symlink_to(Path(str(package)) / "static" / "mathjax")
    (html / "_static" / "course.css").write_bytes((ROOT / "book" / "static" / "course.css").read_bytes())
    for docname, (title, body) in PAGES.items():
        up = "../" * docname.count("/")
        head = (
            f'<link rel="stylesheet" href="{up}_static/course.css">'
            f'<script defer src="{up}_static/mathjax/tex-chtml.js"></script>'
        )
        article = SECTION.format(id="top", n=1, text=title, body=body)
        path = html / f"{docname}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"<html><head>{head}</head><body><article class='bd-article'>{article}</article></body></html>")
    (folder / "_toc.yml").write_text(yaml.safe_dump(TOC))
    (folder / "_config.yml").write_text("title: A tiny book\nauthor: nobody\nsphinx: {config: {language: en}}\n")
    return folder


def apart(function, *arguments):
    """Call what starts a browser of its own beside that of other tests, whose loop runs in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *arguments).result()


@pytest.fixture(scope="module")
def pdf(script, tiny):
    """The tiny book, printed once."""
    from pypdf import PdfReader

    out = tiny / "book.pdf"
    apart(script.make, tiny, out)
    return PdfReader(io.BytesIO(out.read_bytes()))


def titles(outline):
    return [titles(item) if isinstance(item, list) else item.title for item in outline]


@pytest.mark.browser
def test_bookmarks_are_the_contents(pdf):
    assert titles(pdf.outline) == [
        "Home",
        "Chapters",
        ["Chapter one", ["The law"]],
        "Reference",
        ["Reference", ["Cells"]],
    ]


@pytest.mark.browser
def test_bookmarks_lead_to_the_page_that_the_contents_name(pdf):
    contents = pdf.pages[1].extract_text()
    for item in pdf.outline:
        if not isinstance(item, list) and item.title != "Chapters":
            number = pdf.get_destination_page_number(item)
            assert item.title in pdf.pages[number].extract_text()
            assert str(number + 1) in contents


@pytest.mark.browser
def test_it_says_what_it_is(pdf):
    assert pdf.metadata.title == "A tiny book"
    assert pdf.metadata.author == "nobody"
    assert pdf.root_object["/Lang"] == "en"
    assert pdf.root_object["/MarkInfo"]["/Marked"]  # tagged, for those who listen to it
    assert "/StructTreeRoot" in pdf.root_object


@pytest.mark.browser
def test_formulas_figures_and_folds_are_on_paper(pdf):
    text = " ".join(page.extract_text() for page in pdf.pages)
    before, after = text.index("Before"), text.index("after.")
    assert before < after
    assert "\\(" not in text  # typeset, not left as TeX
    assert "unfolded" in text
    assert "drawn by a script" in text


@pytest.mark.browser
def test_a_long_line_of_code_is_not_cut_off(pdf):
    text = "".join(page.extract_text() for page in pdf.pages)
    assert text.count("long_name") == 30
    assert "the_end" in text


@pytest.mark.browser
def test_no_page_is_blank(pdf):
    for number, page in enumerate(pdf.pages, 1):
        assert len(page.extract_text().split()) > 3, number


@pytest.mark.browser
def test_links_lead_to_pages_of_the_book_and_none_to_this_machine(pdf):
    inside = 0
    for page in pdf.pages:
        for link in (note.get_object() for note in page.get("/Annots", [])):
            uri = link.get("/A", {}).get("/URI", "")
            assert "127.0.0.1" not in uri
            inside += "/Dest" in link or link.get("/A", {}).get("/S") == "/GoTo"
    assert inside == 6  # five lines of contents, and one link between chapters
    assert "chapters-one--sec" in {name.lstrip("/") for name in pdf.named_destinations}


def test_without_chromium_it_says_what_to_install(script, tiny, monkeypatch, capsys):
    monkeypatch.setattr(script.book, "CHROMIUM", ("no-such-browser",))
    assert script.main(["--source", str(tiny)]) == 2
    assert "apt-get install chromium" in capsys.readouterr().err


def test_before_the_book_is_built_it_says_so(script, tmp_path, capsys):
    assert script.main(["--source", str(tmp_path)]) == 2
    assert "make html" in capsys.readouterr().err


@pytest.mark.browser
def test_a_page_of_the_contents_that_was_not_built_is_named(script, tiny, tmp_path, capsys):
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"root": "gone"}))
    (tmp_path / "_config.yml").write_text("title: A\n")
    (tmp_path / "_build").symlink_to(tiny / "_build")
    assert apart(script.main, ["--source", str(tmp_path), "--out", str(tmp_path / "a.pdf")]) == 2
    assert "_toc.yml names gone.html" in capsys.readouterr().err
    assert not (tmp_path / "a.pdf").exists()
