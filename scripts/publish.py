"""Put a built book into the folder of a site, beside the editions that are there already.

  python scripts/publish.py site/ --edition v1.0     a release: site/v1.0/, and site/latest/ if none is newer
  python scripts/publish.py site/ --edition dev      what is being worked on: site/dev/, hidden from search engines

The folder is a site as it stands: every link in it is relative, so it works on any static host, under any path. At its
root are index.html, which leads to latest/ (to dev/ before the first release), versions.json, which the pages read to
tell about other editions, 404.html, robots.txt and, where the site's address is known, sitemap.xml. A release stays
where it is for good: it is replaced with --replace alone, and removed with --keep alone.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
import sys
from pathlib import Path

import yaml
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book"))

from coursebook import site  # noqa: E402  (the book's extension lives beside the book, not in an installed package)

DEV, LATEST = "dev", "latest"
RELEASE = re.compile(r"v\d+(?:\.\d+)*(?:(?:a|b|rc)\d+|\.post\d+)?")
"""The name of a release: its git tag, the letter v and a version such as 1.0 or 2.0rc1."""

MARK = "edition.json"
"""In each edition's folder: that it is one, and which pages it has."""

SCRIPT = "_static/editions.js"


class RefusedError(Exception):
    """What is wrong with a request and what to do about it, in one line."""


def main(arguments: list[str] | None = None) -> int:
    """Add an edition to a site and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="publish.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", type=Path, help="the site's folder; made if it does not exist")
    parser.add_argument("--edition", required=True, help="a release's name, such as v1.0, or dev")
    parser.add_argument("--book", type=Path, default=ROOT / "_build" / "html", help="built book (default: _build/html)")
    parser.add_argument("--url", help="the site's address (default: html.baseurl of _config.yml)")
    parser.add_argument("--replace", action="store_true", help="write a release anew that the site already has")
    parser.add_argument(
        "--keep", type=int, metavar="N", help="remove all releases but the newest N (default: keep all)"
    )
    options = parser.parse_args(arguments)
    try:
        base = site.checked_address(*((options.url, "--url") if options.url is not None else configured()))
        add(options.book, options.site, options.edition, base, replace=options.replace)
        if options.keep is not None:
            thin_out(options.site, options.keep)
        newest = write_root(options.site, base)
    except (RefusedError, ValueError) as problem:
        print(f"Nothing was published: {problem}", file=sys.stderr)
        return 2
    print(f"{options.site / options.edition} is in place; the site leads to {newest}/.")
    if not base:
        print("The site's address is not known, so it has no sitemap: set html.baseurl in _config.yml, or give --url")
    return 0


def configured() -> tuple[str, str]:
    """Return the address in ``_config.yml``, and where it stands."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    return config.get("html", {}).get("baseurl") or "", "html.baseurl in _config.yml"


def add(book: Path, folder: Path, edition: str, base: str, *, replace: bool = False) -> None:
    """Copy ``book`` into the site's ``folder`` as ``edition``; as ``latest`` too, if it is the newest release."""
    if edition != DEV and not RELEASE.fullmatch(edition):
        raise RefusedError(f"--edition is {edition!r}: name a release v and its version, such as v1.0, or say {DEV}")
    if not (book / "index.html").is_file():
        raise RefusedError(f"there is no built book in {book}; build it first: make html")
    if not any(site.pages_of(book)):
        raise RefusedError(f"the pages in {book} were not built by this course's own build: make html")
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{folder} is a file; name a folder for the site")
    if folder.resolve().is_relative_to(book.resolve()):
        raise RefusedError(f"{folder} lies in the built book itself, and would be copied into itself; name another")
    if folder.exists() and not (folder / "versions.json").is_file() and any(folder.iterdir()):
        raise RefusedError(f"{folder} is not empty and is no site: it has no versions.json; name another folder")
    if edition != DEV and (folder / edition).exists() and not replace:
        raise RefusedError(f"{folder / edition} exists, and a release stays as it is; give --replace to write it anew")
    install(book, folder / edition, edition, edition, base)
    if edition == newest_release(folder):
        install(book, folder / LATEST, LATEST, edition, base)


def install(book: Path, target: Path, path: str, edition: str, base: str) -> None:
    """Copy ``book`` to ``target``, and tell its pages which edition they belong to and where they are read."""
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(book, fresh)
    for left_behind in (".buildinfo", "sitemap.xml", MARK):
        (fresh / left_behind).unlink(missing_ok=True)
    shutil.copy(site.TEMPLATES / "editions.js", fresh / SCRIPT)
    # search engines are led to latest/, whichever edition they have come upon; dev/ they are asked to leave out
    address = f"{base}{LATEST}/" if base and edition != DEV else ""
    hidden = '<meta name="robots" content="noindex" />' if edition == DEV else ""
    pages = []
    for page, file in site.pages_of(fresh):
        up = "../" * page.count("/")
        data = f'data-edition="{edition}" data-site="{up}../" data-page="{page}"'
        tag = f'<script defer src="{up}{SCRIPT}" {data}></script>'
        file.write_text(site.readdress(file.read_text("utf8"), address, hidden + tag), "utf8")
        pages.append(page)
    title = re.search(r'property="og:site_name" content="(.*?)"', (fresh / "index.html").read_text("utf8"))
    mark = {"edition": edition, "title": html.unescape(title[1]) if title else edition, "pages": pages}
    (fresh / MARK).write_text(json.dumps(mark, ensure_ascii=False) + "\n", "utf8")
    old = target.with_name(f".{target.name}.old")
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def releases(folder: Path) -> list[str]:
    """Return the releases of the site in ``folder``, the newest first."""
    names = [path.parent.name for path in folder.glob(f"v*/{MARK}") if RELEASE.fullmatch(path.parent.name)]
    return sorted(names, key=Version, reverse=True)


def newest_release(folder: Path) -> str | None:
    """Return the newest release that is final; the newest of all where none is."""
    all_of_them = releases(folder)
    final = [name for name in all_of_them if not Version(name).is_prerelease]
    return next(iter(final or all_of_them), None)


def thin_out(folder: Path, keep: int) -> None:
    """Remove all releases but the newest ``keep``; the one that ``latest`` shows always stays."""
    if keep < 1:
        raise RefusedError(f"--keep is {keep}: the site needs at least one release")
    for name in releases(folder)[keep:]:
        if name != newest_release(folder):
            print(f"Removing {folder / name}, as --keep {keep} asks")
            shutil.rmtree(folder / name)


def write_root(folder: Path, base: str) -> str:
    """Write what stands beside the editions; return the folder to which the site's first page leads."""
    newest = newest_release(folder)
    home = LATEST if newest else DEV
    marks = {name: json.loads((folder / name / MARK).read_text("utf8")) for name in editions(folder)}
    known = [
        {"name": name, "folder": f"{LATEST if name == newest else name}/", "pages": mark["pages"]}
        for name, mark in marks.items()
    ]
    title = marks[newest or DEV]["title"]
    files = {
        "versions.json": json.dumps({"newest": newest, "editions": known}, ensure_ascii=False, indent=1) + "\n",
        "index.html": redirect(title, f"{home}/", base),
        "404.html": not_found(folder / home, base, f"{home}/"),
        "robots.txt": site.robots(base if newest else ""),
    }
    if base and newest:
        written = [page for page in marks[newest]["pages"] if not site.GENERATED.match(page)]
        files["sitemap.xml"] = site.sitemap(f"{base}{LATEST}/", written)
    else:
        (folder / "sitemap.xml").unlink(missing_ok=True)
    for name, text in files.items():
        unfinished = folder / f".{name}.new"
        unfinished.write_text(text, "utf8")
        unfinished.replace(folder / name)
    return home


def editions(folder: Path) -> list[str]:
    """Return every edition of the site: the releases, the newest first, and dev where there is one."""
    return releases(folder) + ([DEV] if (folder / DEV / MARK).is_file() else [])


def redirect(title: str, target: str, base: str) -> str:
    """Return a page that leads on to ``target``, without a script."""
    address = f'<link rel="canonical" href="{html.escape(base + target)}">' if base else ""
    template = (site.TEMPLATES / "redirect.html").read_text("utf8")
    return site.fill(template, title=html.escape(title), target=html.escape(target), address=address)


def not_found(book: Path, base: str, home: str) -> str:
    """Return the book's own 404 page for the root of the site."""
    text = (book / "404.html").read_text("utf8")
    path = site.urlsplit(base).path
    here = f'data-base="{html.escape(path)}" data-home="{home}"'
    return re.sub(r'data-base="[^"]*" data-home="[^"]*"', lambda _: here, text, count=1)


if __name__ == "__main__":
    sys.exit(main())
