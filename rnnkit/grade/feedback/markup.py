"""From a learner's cells to HTML that can do nothing: Markdown, formulas, code.

What a learner wrote is escaped, or passes an allow-list. nbconvert was not taken: 0.3 s and 370 kB a page, scripts from
elsewhere in its templates, and a sanitiser (bleach) that is no longer maintained. Formulas become MathML, which
browsers show without a script.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from math_core import LatexError, LatexToMathML
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight  # type: ignore[import-untyped]
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

from rnnkit.grade.feedback.allowed import formula_cleaner, prose_cleaner
from rnnkit.grade.feedback.pictures import checked
from rnnkit.grade.feedback.shell import escape, visible

__all__ = ["LONGEST_SOURCE", "Markup"]

LONGEST_SOURCE = 20_000
"""Characters of one cell that are shown: nobody reads more, and some parsers take quadratic time."""

_LONGEST_FORMULA = 2000
_STACK = 64 << 20  # bytes: whatever nests in a formula of that length stays far below it
_MOST_KEPT = 4000
_INLINE = ("math_inline", "math_inline_double")
_BLOCKS = ("math_block", "math_block_label", "amsmath")


class Markup:
    """A renderer for the pages of one class. Use it as a context manager: formulas are converted on a stack of its own.

    Their converter calls itself for every nested brace, and where the usual stack ends the process would end.
    """

    def __init__(self) -> None:
        self._parser = _parser()
        self._renderer = RendererHTML(self._parser)
        rules: dict[str, Any] = {**dict.fromkeys((*_INLINE, *_BLOCKS), self._formula_place), "image": self._image}
        self._renderer.rules |= rules
        self._clean_prose = prose_cleaner(self._picture)
        self._clean_formula = formula_cleaner()
        self._math = LatexToMathML(fancy_error=False, max_expansions=0)  # no macros: they nest without end
        self._lexer = PythonLexer(stripnl=False, ensurenl=False)
        self._formatter = HtmlFormatter(nowrap=True)
        self._kept: dict[tuple[str, str], str] = {}
        self._attachments: Mapping[str, str] = {}
        self._formulas: list[str] = []
        self._mark = secrets.token_hex(8)  # of the places of formulas: nobody can write one

    def __enter__(self) -> Markup:
        usual = threading.stack_size(_STACK)
        try:
            self._deep = ThreadPoolExecutor(1)
            self._deep.submit(int).result()  # starts the thread
        finally:
            threading.stack_size(usual)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._deep.shutdown()

    def code(self, source: str) -> str:
        """Return highlighted Python for the inside of a ``pre``."""
        return self._once("code", source, lambda: str(highlight(visible(source), self._lexer, self._formatter)))

    def markdown(self, source: str, attachments: Mapping[str, str] | None = None) -> str:
        """Return a Markdown cell; `attachments` are pictures by name, as data URLs."""
        if attachments:
            return self._prose(source, attachments)
        return self._once("markdown", source, lambda: self._prose(source, {}))

    def _once(self, kind: str, source: str, make: Callable[[], str]) -> str:
        """Keep what was made: most cells of a class are the same."""
        if (kind, source) not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[kind, source] = make()
        return self._kept[kind, source]

    def _prose(self, source: str, attachments: Mapping[str, str]) -> str:
        self._formulas, self._attachments = [], attachments
        tokens = self._parser.parse(visible(source))
        for token in tokens:
            if token.type in ("heading_open", "heading_close"):
                token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"  # the page's own title is its only h1
        clean = self._clean_prose.clean(self._renderer.render(tokens, self._parser.options, {}))
        return re.sub(f"{self._mark}-([0-9]+)-", lambda found: self._formulas[int(found[1])], clean)

    def _formula_place(self, tokens: Any, index: int, *_: Any) -> str:
        """Put a mark where a formula goes in when the sanitiser, which lets no MathML through, is done."""
        token = tokens[index]
        self._formulas.append(self.formula(token.content, display=token.type != "math_inline"))
        mark = f"{self._mark}-{len(self._formulas) - 1}-"
        return mark if token.type in _INLINE else f"<p>{mark}</p>\n"

    def formula(self, tex: str, *, display: bool) -> str:
        """Return MathML, or the TeX itself where it cannot be converted."""
        if len(tex) <= _LONGEST_FORMULA:
            try:
                made = self._deep.submit(self._math.convert_with_local_state, tex, displaystyle=display).result()
            except LatexError:
                pass
            else:
                aligned = re.sub(r'style="text-align: (left|right)[^"]*"', r'class="\1"', made)
                clean = self._clean_formula.clean(aligned)
                return f'<span class="formula" tabindex="0">{clean}</span>' if display else clean
        return f'<code class="tex">{escape(tex[:_LONGEST_FORMULA])}</code>'

    def _image(self, tokens: Any, index: int, *_: Any) -> str:
        alt, source = escape(tokens[index].content), str(tokens[index].attrGet("src") or "")
        if self._picture(source):
            return f'<img src="{escape(source)}" alt="{alt}">'
        return f"<em>[{alt or 'a picture'}: only pictures pasted into the notebook are shown]</em>"

    def _picture(self, source: str) -> str | None:
        return self._attachments.get(unquote(source.removeprefix("attachment:"))) or checked(source)


def _parser() -> MarkdownIt:
    """Return a parser of what Jupyter takes for Markdown: tables, formulas in dollars, bare AMS environments."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.disable("reference")  # a thousand of them take quadratic time, and a notebook can do without
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # the sanitiser decides
    dollarmath_plugin(parser, double_inline=True)
    amsmath_plugin(parser)
    return parser
