"""What pages say of themselves, and that nothing leads to a repository or an address until there is one."""

import importlib.util
import re
import shutil
import tomllib
from html import unescape
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
REPOSITORY = "https://github.com/someone/course"
URL = "https://course.example.org/rnn/"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small_book(tmp_path_factory, build_book):
    """Return a function that builds a book of one notebook with some settings changed."""

    def small_book(**settings):
        folder = tmp_path_factory.mktemp("book")
        for name in ("references.bib", "constraints.txt", "LICENSE", "LICENSE-TEXT.md", "CITATION.cff"):
            shutil.copy(ROOT / name, folder / name)
        shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("__pycache__"))
        config = yaml.safe_load((ROOT / "_config.yml").read_text())
        for name, values in settings.items():
            config[name] = {**config.get(name, {}), **values}
        (folder / "_config.yml").write_text(yaml.safe_dump(config))
        (folder / "_toc.yml").write_text("format: jb-book\nroot: index\nchapters:\n- file: exercises/01-a\n")
        (folder / "index.md").write_text(
            '# Home "& more"\n\nA first paragraph with $h_t$ <in it>, long enough to describe.\n'
        )
        (folder / "exercises").mkdir()
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# An exercise\n\nShort.")])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / "exercises" / "01-a.ipynb")
        return build_book(folder), folder / "_build" / "html"

    return small_book


@pytest.fixture(scope="module")
def homeless(small_book):
    """A book with neither a repository nor an address."""
    done, html = small_book(repository={"url": ""}, html={"baseurl": ""})
    assert done.returncode == 0, done.stderr
    return html


@pytest.fixture(scope="module")
def at_home(small_book):
    """A book with a repository, an address and a hub."""
    hub = {"jupyterhub_url": "https://hub.example.org"}
    done, html = small_book(repository={"url": REPOSITORY}, html={"baseurl": URL.rstrip("/")}, launch_buttons=hub)
    assert done.returncode == 0, done.stderr
    return html


def links(path):
    return [unescape(link) for link in re.findall(r'href="([^"]*)"', path.read_text("utf8"))]


def meta(path):
    found = re.findall(r'<meta (?:name|property)="([^"]+)" content="([^"]*)"', path.read_text("utf8"))
    return {name: unescape(value) for name, value in found}


def test_nothing_leads_to_a_repository_that_is_not_there(homeless):
    for page in homeless.rglob("*.html"):
        for link in links(page):
            assert not re.search(r"github\.com|mybinder|colab|/edit/|/issues|None", link), (page, link)
    assert "repository-code" not in (homeless / "CITATION.cff").read_text()


def test_nothing_names_an_address_that_is_not_known(homeless):
    for page in homeless.rglob("*.html"):
        text = page.read_text("utf8")
        assert 'rel="canonical"' not in text
        assert "og:url" not in text
        assert "og:image" not in text
    assert not (homeless / "sitemap.xml").exists()


def test_a_notebook_opens_in_the_repository_and_where_it_runs(at_home):
    found = "\n".join(links(at_home / "exercises" / "01-a.html"))
    assert f"{REPOSITORY}/edit/main/exercises/01-a.ipynb" in found
    assert f"{REPOSITORY}/issues/new" in found
    assert "mybinder.org/v2/gh/someone/course/main?urlpath=lab/tree/exercises/01-a.ipynb" in found
    assert "colab.research.google.com/github/someone/course/blob/launch/exercises/01-a.ipynb" in found
    assert "hub.example.org/hub/user-redirect/git-pull?repo=" in found


def test_a_page_that_is_no_notebook_is_not_launched(at_home):
    found = "\n".join(links(at_home / "index.html"))
    assert f"{REPOSITORY}/edit/main/index.md" in found
    assert "mybinder" not in found
    assert "colab" not in found


def test_an_address_once_known_is_on_every_page_and_in_the_map(at_home):
    for page, own in (("index.html", URL), ("exercises/01-a.html", f"{URL}exercises/01-a.html")):
        assert f'<link rel="canonical" href="{own}" />' in (at_home / page).read_text()
        assert meta(at_home / page)["og:url"] == own
        assert meta(at_home / page)["og:image"] == f"{URL}_static/card.png"
        assert f"<loc>{own}</loc>" in (at_home / "sitemap.xml").read_text()
    assert f'data-base="{URL.removeprefix("https://course.example.org")}"' in (at_home / "404.html").read_text()
    citation = yaml.safe_load((at_home / "CITATION.cff").read_text())
    assert (citation["repository-code"], citation["url"]) == (REPOSITORY, URL)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ({"repository": {"url": "someone/course"}}, "someone/course"),
        ({"html": {"baseurl": "example.org"}}, "example.org"),
    ],
)
def test_an_address_that_is_none_is_named_with_the_file(small_book, setting, value):
    done, _ = small_book(**setting)
    assert done.returncode == 1
    assert "_config.yml" in done.stderr
    assert repr(value) in done.stderr


def test_a_description_is_the_first_paragraph_in_plain_words(homeless):
    assert (
        meta(homeless / "index.html")["description"] == "A first paragraph with h_t <in it>, long enough to describe."
    )
    assert meta(homeless / "exercises" / "01-a.html")["description"].startswith("Short: a page of")


def test_the_card_has_the_size_that_previews_want(homeless):
    from PIL import Image

    with Image.open(homeless / "_static" / "card.png") as card:
        assert card.size == (1200, 630)


def test_licences_and_citation_are_named_on_every_page_and_are_there(homeless):
    for page in ("index.html", "exercises/01-a.html"):
        here = homeless / page
        for name in ("LICENSE.txt", "LICENSE-TEXT.txt", "CITATION.cff"):
            (link,) = {link for link in links(here) if link.endswith(name)}
            assert (here.parent / link).is_file()


# ---------- the course's own pages ----------


def test_every_page_is_described_and_no_two_alike(pages):
    described = {}
    for page in pages:
        if not page.startswith("lite/"):
            description = meta(HTML / page)["description"]
            assert 30 <= len(description) <= 200, page
            assert described.setdefault(description, page) == page
            assert "\\" not in description, page


def test_no_link_is_half_made(pages):
    for page in pages:
        for link in links(HTML / page):
            assert link not in ("", "None", "http://", "https://"), page
            assert not re.fullmatch(r"https?://(www\.)?(github|gitlab)\.com/?", link), page
            assert "//edit/" not in link, page


# ---------- files beside the pages ----------


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))


def test_the_citation_has_what_its_format_asks_for(citation):
    # https://github.com/citation-file-format/citation-file-format, schema 1.2.0: what is required, and of which kind
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    known = {"abstract", "authors", "cff-version", "keywords", "license", "message", "title", "type", "version"}
    assert citation.keys() <= known | {"date-released", "doi", "repository-code", "url"}
    assert citation["type"] in ("software", "dataset")
    assert all(set(author) == {"name"} for author in citation["authors"])  # an entity, not a person
    assert {"MIT", "CC-BY-4.0"} == set(citation["license"])  # SPDX names


def test_the_citation_cites_this_version(citation):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert str(citation["version"]) == project["version"]


def test_the_projects_addresses_are_of_one_mind(citation):
    url = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for place, found in (("CITATION.cff", citation.get("repository-code")), ("pyproject.toml", project.get("urls"))):
        assert not found or url in str(found), f"{place} names another repository than repository.url in _config.yml"
        assert url or not found, f"{place} names a repository, but repository.url in _config.yml is empty"


def test_notebooks_for_colab_install_the_library_first(tmp_path):
    spec = importlib.util.spec_from_file_location("launch", ROOT / "scripts" / "launch.py")
    launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launch)
    count = launch.write(ROOT, tmp_path, REPOSITORY + "/", "v1.0")
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.ipynb"))
    assert count == len(written) >= 2
    for path in written:
        copy, source = nbformat.read(tmp_path / path, 4), nbformat.read(ROOT / path, 4)
        assert f'"rnnkit[view] @ git+{REPOSITORY}@v1.0"' in copy.cells[0].source
        assert copy.cells[1:] == source.cells
        nbformat.validate(copy)
    (tmp_path / "_config.yml").write_text('repository: {url: ""}\n')
    assert launch.main([str(tmp_path / "none"), "--source", str(tmp_path)]) == 0
    assert not (tmp_path / "none").exists()


def test_binder_has_what_the_notebooks_need():
    done = (ROOT / ".binder" / "postBuild").read_text()
    extra = re.search(r'"\.\[(\w+)\]"', done)[1]
    assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert (ROOT / ".binder" / "postBuild").stat().st_mode & 0o111  # Binder runs it
