"""What PostgreSQL's texts cannot hold."""

from __future__ import annotations

import re

_NUL = re.compile(r"((?<!\\)(?:\\\\)*)\\u0000")
"""The escape, and not the letters behind an escaped backslash."""


def storable(document: str) -> str:
    """A JSON document whose NULs are U+FFFD, the sign of a character that is missing (manual, "JSON Types").

    A venue may write a NUL. Sent as it is, it would be refused like a bug of ours, and end the bot.
    """
    return _NUL.sub("\\1\\\\ufffd", document) if "\\u0000" in document else document
