"""The last hop before a picture, an answer, a summary or a row: no secret that this process knows is in its texts.

The log has a redactor of its own, which also looks for the names of secrets. Here only whole secrets are replaced, in
every form in which they could stand: what is masked must stay what it is, and a coin may be called KEY.
"""

from __future__ import annotations

from typing import Any, TypeVar

import attrs
import msgspec

from dnbot.domain.venue_names import AS_THEY_ARE, VenueNames
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.redaction import MASK, KnownSecrets

T = TypeVar("T")


@attrs.define
class Mask:
    """Replaces the secrets of a registry, those included that it learns later, and names venues as people know them."""

    registry: KnownSecrets = attrs.field(factory=SecretRegistry, repr=False)
    names: VenueNames = AS_THEY_ARE
    _forms: tuple[bytes, ...] = attrs.field(default=(), init=False, repr=False)
    _count: int = attrs.field(default=0, init=False)

    def __call__(self, data: bytes) -> bytes:
        """The same bytes when no secret, and no venue of another name, is in them."""
        if len(self.registry) != self._count:
            self._forms = tuple(form.encode() for form in self.registry.known_secrets())
            self._count = len(self.registry)
        for form in self._forms:
            if form in data:
                data = data.replace(form, MASK)
        return self.names.data(data)

    def text(self, text: str) -> str:
        """The same for a text, such as a document for the database."""
        raw = text.encode()
        masked = self(raw)
        return text if masked == raw else masked.decode()

    def shown(self, value: T, kind: Any) -> T:
        """The value as it may be shown: itself, or a copy of that kind in whose texts secrets are masked."""
        encoded = msgspec.json.encode(value)
        masked = self(encoded)
        if masked == encoded:
            return value
        copy: T = msgspec.json.decode(masked, type=kind)
        return copy
