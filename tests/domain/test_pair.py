"""The six directed pairs."""

from __future__ import annotations

import pytest

from dnbot.domain.instrument import Venue
from dnbot.domain.pair import Pair, PairEdge, PairKind


@pytest.mark.parametrize("pair", list(Pair))
def test_a_pair_is_undone_by_its_reverse(pair: Pair) -> None:
    """The reverse buys where the pair sells, and its reverse is the pair."""
    assert pair.reverse.reverse is pair
    assert (pair.reverse.buy_venue, pair.reverse.sell_venue) == (pair.sell_venue, pair.buy_venue)


@pytest.mark.parametrize("pair", list(Pair))
def test_the_kind_follows_from_the_venues(pair: Pair) -> None:
    """Selling the perpetual opens a carry, buying it closes one, without it it is spot against spot."""
    if pair.sell_venue is Venue.GATE_FUTURES:
        assert pair.kind is PairKind.CARRY_OPEN
    elif pair.buy_venue is Venue.GATE_FUTURES:
        assert pair.kind is PairKind.CARRY_CLOSE
    else:
        assert pair.kind is PairKind.SPOT_SPOT


def test_every_ordered_pair_of_venues_occurs_once() -> None:
    """Three venues make six directed pairs."""
    assert len({(pair.buy_venue, pair.sell_venue) for pair in Pair}) == 6


def test_an_edge_names_its_pair() -> None:
    """The name on an edge leads back to the pair."""
    edge = PairEdge(
        pair_name="OPEN_MEXC", edge_bps=1.0, gross_bps=2.0, mean_bps=0.0, sd_bps=0.0, z_score=0.0, half_life_s=None,
        samples=0,
    )
    assert edge.pair is Pair.OPEN_MEXC
