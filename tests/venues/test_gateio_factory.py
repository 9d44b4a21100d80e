"""The table of codecs: every venue in both domains, built by constructor alone."""

from __future__ import annotations

import hmac

import pytest

from dnbot.domain.instrument import Symbol, Venue
from dnbot.venues.factory import PRIVATE_CODECS, PUBLIC_CODECS, private_codec, public_codec

BTC = Symbol("BTC", "USDT")


class KnownKey:
    """A key whose secret the test knows."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


@pytest.mark.parametrize("venue", list(Venue))
def test_every_venue_has_both_codecs(venue: Venue) -> None:
    """A codec speaks for the venue and the symbol that it was asked for."""
    public, private = public_codec(venue, BTC), private_codec(venue, BTC, KnownKey())
    assert (public.venue, public.symbol) == (venue, BTC)
    assert (private.venue, private.symbol) == (venue, BTC)
    assert public.ping_interval_s > 0
    assert private.ping_interval_s > 0


def test_the_tables_name_each_venue_once() -> None:
    """Both tables cover the same venues, in the same order."""
    assert list(PUBLIC_CODECS) == list(PRIVATE_CODECS) == list(Venue)


@pytest.mark.parametrize("venue", list(Venue))
def test_no_two_tasks_share_a_codec(venue: Venue) -> None:
    """Codecs keep what they have learned, so each caller gets its own."""
    assert public_codec(venue, BTC) is not public_codec(venue, BTC)
