"""The frame of every HTML page that the grader writes: one file, no script, nothing fetched."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["escape", "make_folder", "page", "put", "visible"]

_BIDI = "\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
_SHOWN = {ord(char): f"⟨U+{ord(char):04X}⟩" for char in _BIDI}
_SHOWN |= {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_SHOWN |= {0x7F: "␡"} | {code: f"⟨U+{code:04X}⟩" for code in range(0x80, 0xA0)}


def visible(text: str) -> str:
    """Show what would hide or turn text around (control and direction characters), and lone surrogates as ``?``."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.translate(_SHOWN).encode("utf-8", "replace").decode("utf-8")


def escape(text: object) -> str:
    """Write any text so that it is only text in a page, between tags and in an attribute."""
    return html.escape(visible(str(text)))


@cache
def _style() -> str:
    return Path(__file__).with_name("page.css").read_text("utf-8")


def page(title: str, body: str, *, wide: bool = False) -> str:
    """Return a whole page around `body`, which must be safe HTML.

    The content security policy is the second wall behind the sanitiser: no script at all, no style but ours (known by
    its digest, so that no ``style=`` counts), pictures only from within the page, nothing sent anywhere.
    """
    css = _style()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    width = ' class="wide"' if wide else ""
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'; "
        "object-src 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{css}</style>\n</head>\n<body{width}>\n{body}\n</body>\n</html>\n"
    )


def make_folder(folder: Path) -> None:
    """Make the folder that pages go to.

    Raises
    ------
    NotADirectoryError
        When there is a file of that name.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; move it away or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)


def put(path: Path, content: str) -> Path:
    """Write a text file that appears whole or not at all; a link of that name is replaced, never followed."""
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(content)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    return path
