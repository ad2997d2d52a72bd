"""A site with several editions: what stays, what leads where, and that no link in it names a host or a root."""

import functools
import http.server
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import xml.etree.ElementTree
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
URL = "https://course.example.org/rnn/"


@pytest.fixture(scope="module")
def script(book_script):
    """Return ``scripts/publish.py`` as a module (``book_script`` has made the book's extension importable)."""
    spec = importlib.util.spec_from_file_location("publish", ROOT / "scripts" / "publish.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(tmp_path, script):
    """A built book of two pages, as far as publishing sees it."""
    folder = tmp_path / "html"
    for page in ("index.html", "chapters/a.html"):
        path = folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        address = script.site.address_block(page, "")
        name = '<meta property="og:site_name" content="A &amp; B" />'
        head = f"<head><link rel='icon' href='data:,'>{name}{address}</head>"
        path.write_text(f"<html>{head}<body><article class='bd-article'></article></body></html>")
    (folder / "_static").mkdir()
    (folder / "404.html").write_text(script.site.not_found("A & B", [("chapters/a.html", "A")], ""))
    return folder


@pytest.fixture
def publish(tmp_path, script, book):
    """Return a function that publishes the book as an edition and returns the exit code."""

    def publish(edition, *more, book=book):
        return script.main([str(tmp_path / "site"), "--edition", edition, "--book", str(book), *more])

    return publish


@pytest.fixture
def site(tmp_path):
    return tmp_path / "site"


def known(site):
    return json.loads((site / "versions.json").read_text())


def test_an_earlier_release_stays_as_it_was(publish, site):
    publish("v1.0")
    before = {path: path.read_bytes() for path in (site / "v1.0").rglob("*") if path.is_file()}
    publish("v1.1")
    assert {path: path.read_bytes() for path in (site / "v1.0").rglob("*") if path.is_file()} == before


def test_a_release_is_replaced_only_when_asked(publish, site, book, capsys):
    publish("v1.0")
    (book / "new.txt").write_text("new")
    assert publish("v1.0") == 2
    assert "--replace" in capsys.readouterr().err
    assert not (site / "v1.0" / "new.txt").exists()
    assert publish("v1.0", "--replace") == 0
    assert (site / "v1.0" / "new.txt").exists()
    assert (site / "latest" / "new.txt").exists()


def test_versions_are_ordered_as_versions_not_as_words(publish, site):
    for edition in ("v1.9", "v1.10", "v1.2"):
        publish(edition)
    assert known(site)["newest"] == "v1.10"
    assert [edition["name"] for edition in known(site)["editions"]] == ["v1.10", "v1.9", "v1.2"]
    assert 'data-edition="v1.10"' in (site / "latest" / "index.html").read_text()


def test_a_candidate_does_not_become_the_newest(publish, site):
    publish("v1.0")
    publish("v2.0rc1")
    assert known(site)["newest"] == "v1.0"
    assert 'data-edition="v1.0"' in (site / "latest" / "index.html").read_text()


def test_a_release_that_mends_a_release_is_the_newest(publish, site):
    for edition in ("v1.0", "v1.0.post1"):
        assert publish(edition) == 0
    assert known(site)["newest"] == "v1.0.post1"


def test_dev_is_replaced_and_hidden_from_search_engines(publish, site):
    publish("v1.0")
    assert publish("dev") == publish("dev") == 0
    assert 'name="robots" content="noindex"' in (site / "dev" / "chapters" / "a.html").read_text()
    assert "noindex" not in (site / "latest" / "chapters" / "a.html").read_text()


def test_before_the_first_release_the_site_leads_to_dev(publish, site):
    publish("dev")
    assert 'url=dev/"' in (site / "index.html").read_text()
    publish("v1.0")
    assert 'url=latest/"' in (site / "index.html").read_text()


def test_every_link_works_under_any_path(publish, site):
    publish("v1.0")
    publish("dev")
    for path in site.rglob("*.html"):
        text = path.read_text()
        base = re.search(r'data-home="(.*?)"', text)
        folder = site / base[1] if base and path.parent == site else path.parent
        for link in re.findall(r'(?:href|src|data-site)="([^"#]*)"', text):
            if link and not link.startswith("data:") and link != "search.html" and "a.html" not in link:
                assert not link.startswith(("/", "http")), (path, link)
                assert (folder / link).exists() or link == "index.html", (path, link)


def test_no_host_is_named_while_the_address_is_unknown(publish, site, capsys):
    publish("v1.0", "--url", "")
    assert "set html.baseurl" in capsys.readouterr().out
    assert not (site / "sitemap.xml").exists()
    for name in ("index.html", "robots.txt", "latest/chapters/a.html"):
        text = (site / name).read_text()
        assert "canonical" not in text, name
        assert "http" not in text.replace("http-equiv", ""), name


def test_search_engines_are_led_to_the_newest_edition(publish, site):
    publish("v1.0", "--url", URL)
    publish("v1.1", "--url", URL)
    page = (site / "v1.0" / "chapters" / "a.html").read_text()
    assert f'<link rel="canonical" href="{URL}latest/chapters/a.html" />' in page
    listed = [element.text for element in xml.etree.ElementTree.parse(site / "sitemap.xml").findall(".//{*}loc")]
    assert listed == [f"{URL}latest/chapters/a.html", f"{URL}latest/"]
    assert f"Sitemap: {URL}sitemap.xml" in (site / "robots.txt").read_text()


def test_keep_removes_the_oldest_and_never_the_newest(publish, site, capsys):
    for edition in ("v1.0", "v1.1", "v2.0rc1"):
        publish(edition)
    assert publish("dev", "--keep", "1") == 0
    assert sorted(path.name for path in site.glob("v*") if path.is_dir()) == ["v1.1", "v2.0rc1"]
    assert "Removing" in capsys.readouterr().out
    assert publish("dev", "--keep", "0") == 2


@pytest.mark.parametrize("edition", ["1.0", "vv1", "v1/../..", "latest", ""])
def test_what_is_no_edition_is_refused_by_name(publish, site, edition, capsys):
    assert publish(edition) == 2
    assert repr(edition) in capsys.readouterr().err
    assert not site.exists()


def test_a_folder_that_is_no_site_is_left_alone(publish, site, capsys):
    site.mkdir()
    (site / "thesis.txt").write_text("mine")
    assert publish("v1.0") == 2
    assert "is no site" in capsys.readouterr().err
    assert [path.name for path in site.iterdir()] == ["thesis.txt"]


def test_a_site_inside_the_book_itself_is_refused(script, book, capsys):
    assert script.main([str(book / "site"), "--edition", "v1.0", "--book", str(book)]) == 2
    assert "lies in the built book itself" in capsys.readouterr().err
    assert not (book / "site").exists()


def test_a_file_where_the_site_should_be_is_named(publish, site, capsys):
    site.write_text("not a folder")
    assert publish("v1.0") == 2
    assert f"{site} is a file" in capsys.readouterr().err


def test_a_book_not_built_says_what_to_do(publish, tmp_path, capsys):
    assert publish("v1.0", book=tmp_path / "nothing") == 2
    assert "make html" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["course.example.org", "ftp://a/b", "https://a/b?c"])
def test_an_address_that_is_none_is_refused_by_name(publish, url, capsys):
    assert publish("v1.0", "--url", url) == 2
    assert f"--url is {url!r}" in capsys.readouterr().err


# ---------- what readers see ----------


@pytest.fixture
def served(site, publish, book_script, request):
    """A site of two releases and dev, below a path of its own, as Pages serves a project."""
    for edition in ("v1.0", "v1.1", "dev"):
        publish(edition)
    shutil.copytree(site, site.parent / "www" / "project")

    class Pages(book_script.Handler):
        """Answers what is not there with the site's own 404.html, as Pages does."""

        def send_error(self, code, message=None, explain=None):
            text = (site / "404.html").read_bytes()
            self.send_response(code)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    handler = functools.partial(Pages, directory=str(site.parent / "www"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/project"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
def test_an_old_edition_leads_to_the_same_page_of_the_newest(served, open_page):
    page = open_page(f"{served}/v1.0/chapters/a.html", until_quiet=True)
    banner = page.get_by_role("complementary", name="Edition")
    assert "You are reading edition v1.0" in banner.inner_text()
    assert banner.get_by_role("link").evaluate("(a) => a.href") == f"{served}/latest/chapters/a.html"
    assert page.complaints == []


@pytest.mark.browser
def test_the_newest_edition_has_no_banner(served, open_page):
    for folder in ("latest", "v1.1"):
        page = open_page(f"{served}/{folder}/index.html", until_quiet=True)
        assert page.locator(".rk-edition").count() == 0
        assert page.complaints == []


@pytest.mark.browser
def test_the_site_leads_to_its_newest_edition(served, browser):
    page = browser.new_page()  # open_page would look into the first page while the browser is leaving it
    page.goto(f"{served}/", wait_until="commit")
    page.wait_for_url(f"{served}/latest/")
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("lost", ["v1.0/chapters/gone.html", "latest/a/b/c/d.html", "dev/x"])
def test_a_lost_reader_finds_the_contents_however_deep(served, open_page, lost):
    page = open_page(f"{served}/{lost}")
    assert (
        page.get_by_role("link", name="A", exact=True).evaluate("(a) => a.href") == f"{served}/latest/chapters/a.html"
    )
    assert page.locator("form").evaluate("(form) => form.action") == f"{served}/latest/search.html"


# ---------- the workflow ----------


def test_the_workflow_writes_only_where_it_must():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    writing = {
        name: {what for what, how in job.get("permissions", {}).items() if how == "write"}
        for name, job in workflow["jobs"].items()
    }
    assert writing == {"book": set(), "keep": {"contents"}, "site": {"pages", "id-token"}}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)


GH = """#!/usr/bin/env bash
# stands in for GitHub's command: releases v0.1 (with its book) and v0.2 (without), one run on main
case "$1 $2 $3" in
  "release list "*) printf 'v0.2\\nv0.1\\n' ;;
  "release download v0.1") mkdir -p "$7" && cp "$ARCHIVE" "$7/book.tar.gz" ;;
  "release download "*) exit 1 ;;
  "run list "*) echo 17 ;;
  "run download "*) mkdir -p "$7" && cp "$ARCHIVE" "$7/book.tar.gz" ;;
esac
"""


@pytest.mark.parametrize("kind", ["branch", "tag"])
def test_the_workflow_puts_the_site_together_from_what_was_kept(book, tmp_path, kind):
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    with tarfile.open(tmp_path / "kept.tar.gz", "w:gz") as archive:
        archive.add(book, "html")
    paths = os.pathsep.join([str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"]])
    run = {"GITHUB_REF_TYPE": kind, "GITHUB_RUN_ID": "1", "SITE_URL": URL, "ARCHIVE": str(tmp_path / "kept.tar.gz")}
    command = ["bash", str(ROOT / ".ci" / "site"), str(tmp_path / "site")]
    done = subprocess.run(
        command, env={**os.environ, **run, "PATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "The release v0.2 has no book.tar.gz" in done.stdout
    assert {path.name for path in (tmp_path / "site").iterdir() if path.is_dir()} == {"v0.1", "latest", "dev"}
    assert known(tmp_path / "site")["newest"] == "v0.1"


def test_the_workflow_runs_scripts_that_exist():
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text() + (ROOT / ".ci" / "site").read_text()
    scripts = set(re.findall(r"(?:scripts/\w+\.py|\.ci/\w+)", text))
    assert scripts == {"scripts/publish.py", "scripts/launch.py", ".ci/site"}
    assert all((ROOT / script).is_file() for script in scripts)
