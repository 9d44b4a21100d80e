"""A private stream that answers pings and keeps trades from us is found out, and opened anew."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from machine_kit import GF, GS, MS, Bench

from dnbot.domain.account import Balance
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    BalanceChanged,
    FillReported,
    OrderReported,
    Paused,
    PositionChanged,
    ReopenStream,
)
from dnbot.domain.order import OrderStatus
from dnbot.strategy.muteness import MUTE_S, TOGETHER_S


def traded(venue: Venue) -> Bench:
    """An order of ours has traded at the venue, and nothing but the trade was told; half a second later at most."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    for intent in (buy, sell):
        bench.filled(intent)
        if intent.venue is not venue:
            balance_told(bench, intent.venue)
    assert venue in {buy.venue, sell.venue}
    return bench


def balance_told(bench: Bench, venue: Venue) -> None:
    """The stream tells of a balance, whatever it is."""
    bench.give(BalanceChanged(Balance(venue, "USDT", Decimal(5), Decimal(5), at_ms=10**13), bench.now_s))


def order_told(bench: Bench, venue: Venue) -> None:
    """The stream tells of the order that traded."""
    intent = next(intent for intent in bench.intents() if intent.venue is venue)
    bench.give(OrderReported(bench.report(intent, OrderStatus.FILLED, intent.quantity), streamed=True))


def trade_told(bench: Bench, venue: Venue) -> None:
    """The stream tells of the trade."""
    bench.give(FillReported(bench.truth[venue].fills[-1], streamed=True))


def reopened(bench: Bench) -> list[Venue]:
    """Whose stream was asked to be opened anew."""
    return [command.venue for command in bench.all(ReopenStream)]


@pytest.mark.parametrize("venue", [GS, MS])
def test_a_trade_that_the_stream_keeps_from_us_has_it_opened_anew(venue: Venue) -> None:
    """Not before its time, once, and with a reason; another trade, as untold, counts anew."""
    bench = traded(venue)
    bench.wait(MUTE_S - 1)
    assert reopened(bench) == []
    bench.wait(2)
    assert reopened(bench) == [venue]
    assert "told nothing of a trade" in bench.last(ReopenStream).why
    bench.wait(3 * MUTE_S)
    assert reopened(bench) == [venue]


@pytest.mark.parametrize("tell", [balance_told, order_told, trade_told])
@pytest.mark.parametrize("after_s", [0.0, 0.5 * MUTE_S])
def test_a_stream_that_tells_is_left_alone(after_s: float, tell: Callable[[Bench, Venue], None]) -> None:
    """At once or late: what it tells after the trade, whatever it is, is news of it."""
    bench = traded(MS)
    bench.wait(after_s)
    tell(bench, MS)
    bench.wait(2 * MUTE_S)
    assert reopened(bench) == []


@pytest.mark.parametrize(("before_s", "is_news"), [(0.9 * TOGETHER_S, True), (1.5 * TOGETHER_S, False)])
def test_a_balance_may_come_before_its_trade(before_s: float, is_news: bool) -> None:
    """A little; an older one is no news of it."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    for venue in (buy.venue, sell.venue):
        balance_told(bench, venue)
    bench.wait(before_s)
    for intent in (buy, sell):
        bench.filled(intent)
    bench.wait(2 * MUTE_S)
    assert (reopened(bench) == []) is is_news


def test_the_position_is_news_too() -> None:
    """The perpetual's stream tells of it when balances stay as they are."""
    bench = Bench().boot()
    bench.residual()
    bench.filled(bench.intents()[-1])
    assert bench.intents()[-1].venue is GF
    bench.wait(1)
    assert bench.context.accounts[GF].untold_since_s is not None
    bench.give(PositionChanged(bench.position(), bench.now_s))
    assert bench.context.accounts[GF].untold_since_s is None


def ended(bench: Bench) -> None:
    """The stream went and came back."""
    bench.down(MS)
    bench.up(MS)


def asleep(bench: Bench) -> None:
    """The process stood still all the while, and what the stream said lies unread."""
    bench.now_s += 2 * MUTE_S
    bench.give(Paused("test", bench.now_s, stood_still=True))


@pytest.mark.parametrize("what", [ended, asleep])
def test_what_a_stream_cannot_have_told_is_not_missed(what: Callable[[Bench], None]) -> None:
    """A new one does not repeat what was before; and nobody can tell anything to a process that stands still."""
    bench = traded(MS)
    what(bench)
    bench.wait(1)
    assert reopened(bench) == []


def test_a_trade_from_before_the_stream_is_not_missed() -> None:
    """Its order was decided before the stream came up: only reads tell what came of it."""
    bench = Bench().boot()
    intents = bench.executing().intents
    bench.wait(0.2)
    for venue in {intent.venue for intent in intents}:
        bench.down(venue)
        bench.up(venue)
    for intent in intents:
        bench.filled(intent)
    bench.wait(2 * MUTE_S)
    assert reopened(bench) == []
