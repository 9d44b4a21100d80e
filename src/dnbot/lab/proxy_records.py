"""TLS as a proxy without keys sees it (RFC 8446, section 5.1): records of a type, a length, and bytes unknown."""

from __future__ import annotations

import attrs

HEADER = 5
APPLICATION_DATA = 23
"""In TLS 1.3 the encrypted part of a handshake has this type, too."""
FINISHED_MAX = 200
"""A client's Finished is shorter than this; a request of ours, with its signature, is longer."""


@attrs.define
class Records:
    """One direction of one connection, fed as it comes; tells where the records end."""

    _held: bytearray = attrs.field(factory=bytearray)

    def feed(self, data: bytes) -> list[bytes]:
        """The records that are whole now, headers included; the rest is held."""
        self._held += data
        found = []
        while len(self._held) >= HEADER:
            length = HEADER + int.from_bytes(self._held[3:5], "big")
            if len(self._held) < length:
                break
            found.append(bytes(self._held[:length]))
            del self._held[:length]
        return found


def is_request(record: bytes) -> bool:
    """Whether a record of a client carries something of the application: more than the end of a handshake."""
    return record[0] == APPLICATION_DATA and len(record) - HEADER > FINISHED_MAX


def halved(record: bytes) -> bytes:
    """The first half of a record: the receiver can decrypt nothing of it."""
    return record[: HEADER + (len(record) - HEADER) // 2]
