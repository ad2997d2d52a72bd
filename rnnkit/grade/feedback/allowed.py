"""What of a learner's HTML may stand in a page: an allow-list, applied by nh3, which parses as browsers do."""

from __future__ import annotations

import re
from collections.abc import Callable

import nh3

__all__ = ["formula_cleaner", "prose_cleaner"]

# fmt: off
_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl", "dt", "em", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small",
    "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
}
_MATH_TAGS = {
    "math", "merror", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded", "mphantom", "mprescripts",
    "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
    "munder", "munderover",
}
_MATH_ATTRIBUTES = {
    "accent", "accentunder", "display", "displaystyle", "fence", "form", "largeop", "linethickness", "lspace",
    "mathvariant", "maxsize", "minsize", "movablelimits", "rspace", "scriptlevel", "separator", "stretchy", "symmetric",
    "width",
}
# fmt: on
_ATTRIBUTES = {
    "a": {"href"},
    "img": {"src", "alt"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "details": {"open"},
}
_LONGEST_LINK = 300
_LINK = re.compile(r"(https?://|mailto:)[^\s\\]+")
_SMALL_NUMBER = re.compile(r"[0-9]{1,2}")
_LENGTH_OR_WORD = re.compile(r"[a-z]{1,20}|-?[0-9]{0,2}(\.[0-9]{1,6})?(em|ex|%|px)?")


def prose_cleaner(picture: Callable[[str], str | None]) -> nh3.Cleaner:
    """Return a cleaner of prose; `picture` says what a picture's address becomes, if it may be shown at all.

    No class, no id, no style and no form is left, no script in any guise, no address within the instructor's computer.
    """

    def attribute(_tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if len(value) <= _LONGEST_LINK and _LINK.fullmatch(value) else None
        if name == "src":
            return picture(value)
        if name in ("colspan", "rowspan", "start"):
            return value if _SMALL_NUMBER.fullmatch(value) else None
        return value[:1000]

    return nh3.Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        set_tag_attribute_values={"img": {"title": "a picture in this notebook"}},  # where there is no alt
        attribute_filter=attribute,
        url_schemes={"http", "https", "mailto", "data", "attachment"},  # `attribute` has the last word
        link_rel="noopener noreferrer nofollow",
    )


def formula_cleaner() -> nh3.Cleaner:
    """Return a cleaner of MathML; lengths of a hundred and more, which could cover other things, are dropped."""
    return nh3.Cleaner(
        tags=_MATH_TAGS,
        attributes=dict.fromkeys(_MATH_TAGS, _MATH_ATTRIBUTES),
        allowed_classes={"mtd": {"left", "right"}},
        attribute_filter=lambda _tag, name, value: (
            value if name == "class" or _LENGTH_OR_WORD.fullmatch(value) else None
        ),
    )
