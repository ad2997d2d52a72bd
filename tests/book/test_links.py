"""Every link, picture, style sheet and script that a built page names is there; no browser, no network."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest

pytestmark = pytest.mark.slow

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
ADDRESSES = {"href", "src", "poster", "data", "action"}


class Links(HTMLParser):
    """Collects where a page leads, and the places in it that can be led to."""

    def __init__(self, text):
        super().__init__()
        self.leads_to, self.anchors = [], {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ADDRESSES and value:
                self.leads_to.append(value)
            elif name == "srcset" and value:
                self.leads_to += [part.split()[0] for part in value.split(",")]


@pytest.fixture(scope="module")
def links(built):
    """Return the links of every page, also of those that nobody wrote: index, search, sources."""
    found = [path.relative_to(HTML).as_posix() for path in HTML.rglob("*.html")]
    ours = [path for path in found if not path.startswith(("_static/", "lite/"))]
    return {path: Links((HTML / path).read_text("utf8")) for path in ours}


def broken(page, link, links):
    """Tell whether a link of this page leads nowhere; other hosts are not asked."""
    if re.match(r"[a-z]+:|//", link):
        return False
    target, anchor = urldefrag(urljoin(page, link))
    target = unquote(target.split("?")[0]) or page
    target += "index.html" if target.endswith("/") else ""
    if target.startswith("/") or not (HTML / target).is_file():
        return True
    return target in links and unquote(anchor) not in links[target].anchors


def test_every_internal_link_leads_somewhere(links):
    assert {"index.html", "search.html", "genindex.html"} <= set(links)
    found = {page: [link for link in set(of.leads_to) if broken(page, link, links)] for page, of in links.items()}
    assert {page: bad for page, bad in found.items() if bad} == {}


def test_a_link_to_nowhere_would_be_found():
    links = {"a.html": Links('<a href="index.html#nowhere">'), "index.html": Links("<p id=here>")}
    assert broken("a.html", "no-such-page.html", links)
    assert broken("a.html", "index.html#nowhere", links)
    assert not broken("a.html", "index.html#here", links)


def test_every_style_sheet_finds_what_it_names(built):
    missing = []
    for sheet in HTML.rglob("*.css"):
        if "lite" in sheet.relative_to(HTML).parts:
            continue
        for address in re.findall(r"""url\(["']?([^"')]+)["']?\)""", sheet.read_text("utf8")):
            path = unquote(re.split(r"[?#]", address)[0])
            if path and not re.match(r"[a-z]+:|//", address) and not (sheet.parent / path).is_file():
                missing.append((sheet.relative_to(HTML).as_posix(), address))
    assert missing == []
