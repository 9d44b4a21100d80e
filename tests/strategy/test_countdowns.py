"""A venue that may be cancelling our orders: no new risk until it is known to hold its hand."""

from __future__ import annotations

import pytest
from machine_kit import GF, GS, Bench, S

from dnbot.domain.messages import Alert, CountdownSet
from dnbot.strategy.countdowns import lapsed


def test_no_countdown_no_matter() -> None:
    """Where none is kept, none can run out."""
    bench = Bench().boot()
    assert lapsed(bench.context, 1e12) == ()


@pytest.mark.parametrize("venue", [GS, GF])
def test_from_its_end_on_nothing_new_is_taken(venue: object) -> None:
    """Until then and after the next renewal it is; a person is told when it has run out."""
    bench = Bench().boot()
    bench.give(CountdownSet(venue, bench.now_s + 2))
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE
    bench.aborted()
    bench.tick(2_000)
    assert f"countdown_lapsed:{venue.value}" in [alert.key for alert in bench.all(Alert)]
    bench.quiet(2)
    bench.signal(ms=60_200)
    assert bench.state is S.MONITORING_SPREADS
    assert bench.context.counters.declined["COUNTDOWN"] == 1
    bench.give(CountdownSet(venue, bench.now_s + 30))
    bench.signal(ms=60_200, after_ms=1_100)
    assert bench.state is S.PREPARING_ARBITRAGE


def test_a_failed_renewal_takes_nothing_away() -> None:
    """It may have shortened nothing: the old time holds; and it is told."""
    bench = Bench().boot()
    bench.give(CountdownSet(GS, bench.now_s + 30))
    bench.give(CountdownSet(GS, bench.now_s, "timeout"))
    assert bench.context.accounts[GS].countdown_until_s == bench.now_s + 30
    assert [alert.level for alert in bench.all(Alert) if alert.key == "countdown:GATEIO_SPOT"] == ["warning"]


def test_before_the_first_renewal_nothing_ran_out() -> None:
    """Every start begins so: nothing new is taken, and nobody is woken for it."""
    bench = Bench().boot()
    bench.give(CountdownSet(GS))
    bench.quiet(2)
    bench.signal(ms=60_200)
    assert bench.context.counters.declined["COUNTDOWN"] >= 1
    bench.give(CountdownSet(GS, failure="timeout"))
    bench.quiet(2)
    assert not [alert for alert in bench.all(Alert) if alert.key.startswith("countdown_lapsed")]
    bench.give(CountdownSet(GS, bench.now_s + 30))
    bench.signal(ms=60_200)
    assert bench.state is S.PREPARING_ARBITRAGE
