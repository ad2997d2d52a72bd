"""Messages between a template and those who start it: JSON with file descriptors, over a SEQPACKET socket pair.

A pair has no address: only who inherited an end can speak, and a fork closes its copies before it runs anything.
"""

from __future__ import annotations

import json
import socket
import zlib
from collections.abc import Sequence
from typing import Any

__all__ = ["pair", "receive", "send"]

_LARGEST = 1 << 17
_MOST_DESCRIPTORS = 4


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel that keeps the borders of messages."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send a message, and copies of file descriptors with it.

    Raises
    ------
    ValueError
        When the message is above 128 kB: nothing here should ever be.
    OSError
        When nobody listens any more.
    """
    data = zlib.compress(json.dumps(message).encode(), 1)
    if len(data) > _LARGEST:
        raise ValueError(f"a message to a kernel template takes {len(data)} bytes, at most {_LARGEST} travel")
    socket.send_fds(channel, [data], list(descriptors))


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the next message and its descriptors; None when the other end is closed."""
    try:
        data, descriptors, _, _ = socket.recv_fds(channel, _LARGEST, _MOST_DESCRIPTORS)
    except ConnectionError:
        return None, []
    return (json.loads(zlib.decompress(data)) if data else None), descriptors
