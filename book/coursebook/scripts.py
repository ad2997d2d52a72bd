"""Scripts that no page waits for: its words are shown first, and what it does not need is not fetched.

The theme loads a dozen scripts before the first word, the index of the whole book among them, on every page. Here they
are *deferred*: fetched meanwhile, run in their order when the page has been read. The index is left to the page that
searches in it, and MathJax, a quarter of a megabyte, to the pages with formulas.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .pages import pages_in

if TYPE_CHECKING:
    from sphinx.application import Sphinx

SCRIPT = re.compile(r'<script(?![^>]*\b(?:defer|async|type)\b)((?=[^>]*\bsrc=")[^>]*)>')
OPTIONS = re.compile(r'<script(?: defer)? src="[^"]*_static/documentation_options\.js[^"]*"></script>')
SEARCH = re.compile(r'\s*<script[^>]*src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"[^>]*></script>')
MATHJAX = re.compile(r"\s*<script>window\.MathJax = [^\n]*?</script>|\s*<script[^>]*/mathjax/[^>]*></script>")
CONFIGURED = re.compile(r"(<script>window\.MathJax = [^\n]*?)</script>")
TYPESET = re.compile(
    r"(<script>window\.MathJax = [^\n]*?);\n(?:(?!</script>).)*window\.MathJax\.startup = .*?</script>", re.DOTALL
)
PRELOAD = re.compile(r'\s*<link rel="preload" as="script"[^>]*>')
THEBE = re.compile(r'\s*<script type="text/x-thebe-config">[^<]*</script>\s*<script>kernelName = [^<]*</script>')
VIEWPORT = re.compile(r'\s*<meta name="viewport"[^>]*>')

FORMULA = re.compile(r'class="[^"]*\b(?:math|tex2jax_process|mathjax_process|text_latex)\b|\\\(|\\\[')


def typeset_script() -> str:
    """Return the script that sets formulas a few at a time."""
    return (Path(__file__).parent / "typeset.js").read_text("utf8")


def lightened(text: str, options: str, *, searches: bool) -> str:
    """Return a page's HTML with its scripts deferred and those it does not need left out; twice is once.

    Parameters
    ----------
    options : str
        The script of a few lines that others refer to while the page is read: written into the page.
    searches : bool
        Whether this is the page that searches the book.
    """
    head, end, body = text.partition("</head>")
    head = PRELOAD.sub("", head)
    seen_viewport = VIEWPORT.search(head)
    if seen_viewport:
        head = head[: seen_viewport.end()] + VIEWPORT.sub("", head[seen_viewport.end() :])
    if not searches:
        head = SEARCH.sub("", head)
    head = TYPESET.sub(r"\1</script>", head)  # of an earlier build, which may have written another
    if not FORMULA.search(body):
        head = MATHJAX.sub("", head)
    else:
        head = CONFIGURED.sub(lambda match: f"{match[1]};\n{typeset_script()}</script>", head)
    head = OPTIONS.sub(lambda match: f"<script>{options}</script>", head)
    return SCRIPT.sub(r"<script defer\1>", head) + end + THEBE.sub("", body)


def lighten(app: Sphinx, exception: Exception | None) -> None:
    """Let every page show its words first."""
    if exception or app.builder.format != "html":
        return
    output = Path(app.outdir)
    options = re.sub(r"\s+", " ", (output / "_static" / "documentation_options.js").read_text("utf8")).strip()
    for page in pages_in(output):
        text = page.read_text("utf8")
        if (light := lightened(text, options, searches=page.name == "search.html")) != text:
            page.write_text(light, "utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Act on what was written, after its repairs."""
    app.connect("build-finished", lighten, priority=700)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
