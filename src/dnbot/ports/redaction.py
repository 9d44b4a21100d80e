"""The last hop before a sink: no secret and no terminal trick leaves, whoever wrote the line."""

from __future__ import annotations

import re
from typing import Protocol

from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames

MASK = b"***"
# One of these is in every text that a pattern below can match. The single byte before each is looked for first:
# that costs a tenth as much, and all of this runs over every batch.
_HINTS = ((b"K", b"KEY"), (b"G", b"SIGN"), (b"/", b"://"))
_HINTS_LOWER = ((b"g", b"signature"), (b"k", b"listenkey"), (b"k", b"apikey"), (b"w", b"password"))
_NAMED = re.compile(
    rb"""((?:(?<![A-Z_])(?:KEY|SIGN)|(?i:x-mexc-apikey|apikey|signature|listenkey|password))  # the name
        \\?["']?\s*[:=,]\s*(?:b?\\?["'])?)                                 # to its value
        (?!\*\*\*)[^\s"'&,;)}\]\\]+""",
    re.VERBOSE,
)
_DSN = re.compile(rb"(://[^\s:/@\"']*:)[^\s@\"']+(@)")
# Control characters and the signs that re-order text: harmless in a file, not in a terminal that shows it.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


class KnownSecrets(Protocol):
    """What the redactor needs of a registry of secrets; tasks that may log are kept from knowing more of it."""

    def known_secrets(self) -> tuple[str, ...]:
        """Every form of every secret, the longest first."""
        ...

    def __len__(self) -> int: ...


class Redactor:
    """Replaces every known secret, in any of its forms, and what follows the names of secrets, by `***`.

    A venue that a plugin speaks for is named as people know it, from here on.
    """

    def __init__(self, registry: KnownSecrets | None = None, names: VenueNames | None = None) -> None:
        self._names = names or AS_THEY_ARE
        self._registry: KnownSecrets = registry if registry is not None else _NoSecrets()
        self._known: tuple[bytes, ...] = ()
        self._known_count = 0
        self.redactions = 0

    def redact(self, text: bytes) -> bytes:
        """The text without secrets. Works on whole batches: most hold none, and are returned as they are."""
        if len(self._registry) != self._known_count:
            self._known = tuple(form.encode() for form in self._registry.known_secrets())
            self._known_count = len(self._registry)
        for form in self._known:
            if form in text:
                self.redactions += text.count(form)
                text = text.replace(form, MASK)
        if _has_hint(text, _HINTS) or _has_hint(text.lower(), _HINTS_LOWER):
            text = self._redact_named(text)
        return self._names.data(text)

    def _redact_named(self, text: bytes) -> bytes:
        for pattern, put in ((_NAMED, _masked), (_DSN, rb"\1***\2")):
            text, count = pattern.subn(put, text)
            self.redactions += count
        return text


def _masked(found: re.Match[bytes]) -> bytes:
    """What stands behind a name. In JSON a number becomes a text, and lists and tables stay: the line is still JSON."""
    name, value = found[1].rstrip(), found[0][len(found[1]) :]
    if not name.endswith((b'":', b'",')) or name[-3:-2] == b"\\":
        return found[1] + MASK
    return found[0] if value.startswith((b"[", b"{")) else found[1] + b'"***"'


class _NoSecrets:
    """Only the names of secrets are known, as in a test."""

    def known_secrets(self) -> tuple[str, ...]:
        return ()

    def __len__(self) -> int:
        return 0


def _has_hint(text: bytes, hints: tuple[tuple[bytes, bytes], ...]) -> bool:
    return any(byte in text and hint in text for byte, hint in hints)


def escape_json(lines: bytes) -> bytes:
    """JSON lines in which unsafe characters above the ones that JSON itself escapes are written as escapes."""
    if lines.isascii() and b"\x7f" not in lines:
        return lines
    return b"\n".join(_UNSAFE.sub(_json_escape, line).encode() for line in lines.decode().split("\n"))


def escape_text(text: str) -> str:
    """Text of one line for a terminal: control characters, escapes and re-ordering signs become visible."""
    return _UNSAFE.sub(_visible, text)


def _json_escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
