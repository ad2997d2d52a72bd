"""Every page of the book, opened once per width and shown in both schemes; all that the tests ask is looked at then.

Most of a visit is spent waiting for another process, so several go on side by side.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
AT_A_TIME = max(2, min(4, os.cpu_count() or 2))
TALLEST = 12_000  # pixels; Chromium draws no picture above 16,384
PATIENCE = 60_000  # milliseconds, on a machine that does other things too

# Rules of WCAG 2.2 and good practice. What a scheme changes is colours alone; what a width changes is what can be seen,
# reached and hit there.
COLOURS = ["color-contrast", "link-in-text-block"]
ALL_BUT_COLOURS = {"rules": {"target-size": {"enabled": True}, **{name: {"enabled": False} for name in COLOURS}}}
ON_A_PHONE = {
    "runOnly": [
        *("target-size", "scrollable-region-focusable", "aria-hidden-focus", "region", "bypass"),
        *("button-name", "link-name", "page-has-heading-one", "landmark-one-main", "meta-viewport"),
    ]
}
AXE = """(options) => axe.run(document, {resultTypes: ['violations'], ...options})
    .then(({violations}) => violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 150)).slice(0, 3)]))"""

# Contrast is looked at word by word, and takes most of the time. A page has thousands of words of code in a dozen
# colours, and hundreds of formulas: one of each kind, in each surrounding, is enough.
ONE_OF_EACH_KIND = """() => {
    const seen = new Set();
    for (const one of document.querySelectorAll('.highlight pre span, mjx-container')) {
        const around = one.parentElement?.closest('[class]')?.className;
        const kind = [one.tagName, one.className, around, getComputedStyle(one).color].join('|');
        if (seen.has(kind)) one.remove(); else seen.add(kind);
    }
}"""

LOOK = """() => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const unspoken = 'article svg:not([role=img]):not([aria-hidden=true]):not(mjx-container svg, button svg)';
    return {
        theme: document.documentElement.dataset.theme  // a page without the theme's scripts follows the system
            ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
        wide: document.documentElement.scrollWidth,
        written: all('.math').length,
        typeset: all('mjx-container').length,
        errors: all('mjx-merror, [data-mjx-error]').length,
        pictures: [...all('article img').map((i) => [i.src, i.alt]),
            ...all('article svg[role=img]').map((s) => ['svg', s.getAttribute('aria-label')])],
        unspoken: all(unspoken).length,
        // what is seen behind the text; a bar's own colour and a button's are not behind anything
        boxes: all('article *')
            .filter((element) => element.getClientRects().length && !element.closest('button, .rk-fill'))
            .map((element) => [getComputedStyle(element).backgroundColor, element.outerHTML.slice(0, 99)]),
        paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
        height: document.documentElement.scrollHeight,
    };
}"""


@dataclass
class Visit:
    """What one page was like, in one scheme and at one width."""

    path: str
    scheme: str
    width: int
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    violations: list[Any] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    pictures: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.path} ({self.scheme}, {self.width} px)"


def listen(page: Page, visit: Visit) -> None:
    """Keep what a page complains of and asks for."""
    complain = visit.complaints.append
    page.on("console", lambda message: message.type == "error" and complain(message.text))
    page.on("pageerror", lambda error: complain(str(error)))
    page.on("requestfailed", lambda request: complain(f"failed: {request.url}"))
    page.on("response", lambda answer: answer.status >= 400 and complain(f"{answer.status} {answer.url}"))
    page.on("request", lambda request: visit.requests.append(request.url))


async def take_pictures(page: Page, visit: Visit, folder: Path) -> None:
    """Keep the whole page as JPEG files of bounded height."""
    name = visit.path.removesuffix(".html").replace("/", "-")
    for number, top in enumerate(range(0, visit.seen["height"], TALLEST), start=1):
        tall = min(TALLEST, visit.seen["height"] - top)
        file = folder / f"{visit.scheme}-{visit.width}" / f"{name}{f'-{number}' if number > 1 else ''}.jpg"
        clip = {"x": 0, "y": top, "width": visit.width, "height": tall}
        await page.screenshot(path=file, full_page=True, clip=clip, type="jpeg", quality=60, timeout=PATIENCE)
        visit.pictures.append(file)


async def run_axe(page: Page, visit: Visit) -> None:
    """Keep axe's violations: all rules once, those on colours in each scheme, and on a phone what differs there."""
    if visit.scheme == "light":
        await page.evaluate(AXE_SCRIPT)
        visit.violations += await page.evaluate(AXE, ALL_BUT_COLOURS if visit.width > 500 else ON_A_PHONE)
    if visit.width > 500:
        await page.evaluate(ONE_OF_EACH_KIND)
        visit.violations += await page.evaluate(AXE, {"runOnly": COLOURS})


async def show_in(page: Page, scheme: str) -> None:
    """Show the page in light or dark, with no colour on its way any more."""
    await page.emulate_media(color_scheme=scheme)
    await page.wait_for_function(
        "(scheme) => (document.documentElement.dataset.theme ?? scheme) === scheme", arg=scheme
    )
    await page.evaluate("() => document.getAnimations().forEach((one) => one instanceof CSSTransition && one.finish())")


async def look(page: Page, visit: Visit, folder: Path) -> None:
    """Look at the page as it is shown in this scheme."""
    await show_in(page, visit.scheme)
    visit.seen = await page.evaluate(LOOK)
    await take_pictures(page, visit, folder)


async def visit_one(context: BrowserContext, address: str, visits: list[Visit], folder: Path) -> list[Visit]:
    """Open a page, wait until its formulas and fonts stand, and look at it in each scheme; then let axe look."""
    page = await context.new_page()
    for visit in visits:
        listen(page, visit)
    try:
        await page.goto(f"{address}/{visits[0].path}", timeout=PATIENCE)
        await page.evaluate("() => window.MathJax?.startup.promise.then(() => document.fonts.ready).then(() => true)")
        for visit in visits:
            await look(page, visit, folder)
        for visit in visits:  # afterwards, for it changes the page
            await show_in(page, visit.scheme)
            await run_axe(page, visit)
    except Exception as error:
        visits[0].complaints.append(f"not looked at: {error}")
    await page.close()
    return visits


async def visit_in_all_ways(browser: Browser, address: str, paths: list[str], folder: Path) -> list[Visit]:
    """Visit all pages at all widths, some at a time."""
    free = asyncio.Semaphore(AT_A_TIME)

    async def in_turn(context: BrowserContext, path: str, width: int) -> list[Visit]:
        async with free:
            return await visit_one(context, address, [Visit(path, scheme, width) for scheme in SCHEMES], folder)

    going = []
    for width in WIDTHS:
        for scheme in SCHEMES:
            (folder / f"{scheme}-{width}").mkdir(parents=True, exist_ok=True)
        size = {"width": width, "height": 900 if width > 500 else 844}
        context = await browser.new_context(viewport=size, color_scheme="light", has_touch=width < 500)
        going += [in_turn(context, path, width) for path in paths]
    return [visit for visits in await asyncio.gather(*going) for visit in visits]


async def visit_all(address: str, paths: list[str], folder: Path, launch: dict[str, Any]) -> list[Visit]:
    """Visit all pages with a browser of their own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**launch)
        try:
            return await visit_in_all_ways(browser, address, paths, folder)
        finally:
            await browser.close()


def weight(visit: Visit, folder: Path) -> int:
    """Return the bytes that a first visit brings over the wire, text packed by gzip as static hosts do."""
    paths = {unquote(urlsplit(url).path).lstrip("/") for url in visit.requests if url.startswith("http")}
    total = 0
    for path in paths:
        content = (folder / path).read_bytes()
        total += min(len(content), len(gzip.compress(content, 6)))
    return total
