"""Pictures in a notebook: PNG and JPEG of bounded size, as data URLs; nothing else is shown."""

from __future__ import annotations

import base64
import binascii
import re
import struct

__all__ = ["checked", "picture"]

_LARGEST = 1 << 20  # bytes
_MOST_PIXELS = 40_000_000  # a small file can unpack to gigabytes
_FRAMES = {0xC0, 0xC1, 0xC2}  # the JPEG segments that say width and height: baseline, extended, progressive


def picture(mime: str, text: str) -> str | None:
    """Return a data URL for base64 `text` if it is what `mime` says, of a size that a browser can take."""
    if mime not in ("image/png", "image/jpeg") or len(text) > _LARGEST * 3 // 2:
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    size = _png_size(data) if mime == "image/png" else _jpeg_size(data)
    if size is None or not 0 < size[0] * size[1] <= _MOST_PIXELS or len(data) > _LARGEST:
        return None
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def checked(url: str) -> str | None:
    """Return a data URL again if it is a picture that may be shown."""
    parts = re.match(r"data:(image/png|image/jpeg);base64,", url)
    return picture(parts[1], url[parts.end() :]) if parts else None


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    if data[:3] != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + max(length, 2)
    return None
