"""The only reader of a secret: it turns bytes into an HMAC and gives nothing else away."""

from __future__ import annotations

import hmac

import attrs

from dnbot.ports.credentials import Credentials

_ALGORITHMS = frozenset({"sha256", "sha512"})


@attrs.frozen
class CredentialSigner:
    """What a private codec is given of the credentials (`dnbot.venues.wire.Signer`)."""

    _credentials: Credentials

    @property
    def key_id(self) -> str:
        """The API key, which travels in a header or frame."""
        return self._credentials.key.reveal()

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        """Lower-case hex HMAC; raises KeyError for an algorithm other than sha256 and sha512."""
        if algorithm not in _ALGORITHMS:
            raise KeyError(algorithm)
        return hmac.digest(self._credentials.secret.reveal().encode(), message, algorithm).hex()
