"""Errors name the place and what was found, and keep their parts for whoever handles them."""

from __future__ import annotations

import pytest

from dnbot.domain import errors
from dnbot.domain.account import AccountFacts
from dnbot.domain.instrument import Venue


def test_a_config_error_names_place_key_finding_and_what_is_allowed() -> None:
    """The sentence holds all four, and so do the attributes."""
    error = errors.ConfigError("bot.toml", "symbol", "btc", "BASE/QUOTE")
    assert str(error) == "bot.toml: symbol: found 'btc'; allowed: BASE/QUOTE"
    assert (error.where, error.key, error.found, error.allowed) == ("bot.toml", "symbol", "btc", "BASE/QUOTE")
    assert not isinstance(error, errors.OperatingError)


def test_a_refusal_keeps_the_venues_own_code() -> None:
    """The label is in the text and on its own."""
    error = errors.AuthenticationFailed("MEXC_SPOT", "700003", "timestamp")
    assert str(error) == "MEXC_SPOT: 700003: timestamp"
    assert (error.venue, error.code) == ("MEXC_SPOT", "700003")


def test_a_throttle_keeps_the_wish() -> None:
    """How long the venue wants to be left alone."""
    assert errors.VenueThrottled("GATEIO_SPOT", "too many", 2.5).retry_after_s == 2.5


@pytest.mark.parametrize("raw", [b"\xff" + b"x" * 600, "y" * 600])
def test_an_unreadable_frame_is_kept_in_part(raw: bytes | str) -> None:
    """At most 500 characters, and bytes that are no text do not hide the error."""
    error = errors.FrameUnreadable("MEXC_SPOT", "no price", raw)
    assert len(error.raw) == 500
    assert "no price" in str(error)


def test_facts_have_no_problem_unless_one_is_named() -> None:
    """Warnings are empty by default."""
    facts = AccountFacts(venue=Venue.GATE_SPOT, user_id="1", mode="classic", problem=None)
    assert (facts.problem, facts.warnings) == (None, ())
