"""What the context derives: remembered ids, worst cases, freshness, readiness, ages."""

from __future__ import annotations

from decimal import Decimal

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest
from machine_kit import GF, GS, MS, Bench, S, in_state

from dnbot.domain.account import Balance
from dnbot.domain.order import OrderStatus
from dnbot.strategy.context import NEVER, SEEN_CHUNK, SEEN_CHUNKS_MAX, SeenIds, VenueAccount


@hypothesis.given(keys=st.lists(st.text(max_size=5), max_size=40))
def test_ids_are_remembered(keys: list[str]) -> None:
    """What was added is contained, what was not is not."""
    seen = SeenIds()
    for key in keys:
        seen = seen.with_id(key)
    assert all(key in seen for key in keys)
    assert "never" not in seen


def test_the_oldest_ids_are_forgotten() -> None:
    """32,768 ids are kept, in chunks; adding one copies one chunk."""
    seen = SeenIds()
    for number in range(SEEN_CHUNK * SEEN_CHUNKS_MAX + 1):
        seen = seen.with_id(str(number))
    assert len(seen.chunks) == SEEN_CHUNKS_MAX
    assert "0" not in seen
    assert str(SEEN_CHUNK) in seen
    assert str(SEEN_CHUNK * SEEN_CHUNKS_MAX) in seen


def test_the_worst_case_counts_unknown_orders_both_ways() -> None:
    """Delta as booked, plus all that may still be bought, less all that may still be sold: the larger magnitude."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy, sell = (order.intent for order in bench.context.unsettled)
    assert bench.context.delta_worst_case == buy.quantity
    bench.filled(buy)
    assert bench.context.portfolio.delta == buy.quantity
    assert bench.context.delta_worst_case == buy.quantity
    bench.answered(sell, "ambiguous")
    assert bench.context.delta_worst_case == buy.quantity
    bench.filled(sell)
    assert bench.context.delta_worst_case == abs(buy.quantity - sell.quantity)


def test_a_claimed_fill_counts_until_it_is_booked() -> None:
    """A final order whose trades are not in yet may still move delta by what it claims."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy, sell = (order.intent for order in bench.context.unsettled)
    bench.told(buy, OrderStatus.CANCELLED, "0.04")
    bench.nothing(sell)
    assert bench.context.delta_worst_case == Decimal("0.04")


@pytest.mark.parametrize(("total", "available", "ledger", "free"), [
    ("10", "10", "10", "10"), ("10", "7", "10", "7"), ("12", "7", "10", "5"), ("10", "0", "3", "0"),
])
def test_free_is_our_ledger_less_what_is_locked(total: str, available: str, ledger: str, free: str) -> None:
    """A venue's late total does not make us richer; what it reports as locked is not free; never below zero."""
    balance = Balance(GS, "USDT", Decimal(total), Decimal(available))
    account = VenueAccount(balances={"USDT": balance})
    assert account.free("USDT", Decimal(ledger)) == Decimal(free)
    assert account.free("BTC", Decimal(ledger)) == Decimal(ledger)


def test_an_account_is_ready_only_with_everything() -> None:
    """Stream live, facts fine, read after the last gap, no difference: take away any one and it is not."""
    bench = Bench().boot()
    account = bench.context.accounts[MS]
    assert bench.context.account_ready(MS)
    lacking = [
        {"stream_up": False}, {"facts": None}, {"read_s": 0.0}, {"must_read_after_s": bench.now_s + 1},
        {"differences": {"BTC": Decimal(1)}},
        {"facts": msgspec.structs.replace(account.facts, problem="x")},
    ]
    for change in lacking:
        accounts = {**bench.context.accounts, MS: msgspec.structs.replace(account, **change)}
        assert not msgspec.structs.replace(bench.context, accounts=accounts).account_ready(MS), change


def test_a_book_ages() -> None:
    """Young enough to act on up to market_age_ms_max, and not a millisecond longer."""
    bench = Bench().boot()
    bench.signal()
    bench.tick(1000)
    assert bench.context.book(GS) is not None
    bench.tick(1)
    assert bench.context.book(GS) is None
    assert not bench.context.market_fresh


def test_a_reference_price() -> None:
    """Mark, else the perpetual's mid, else a spot mid, else none."""
    bench = Bench().boot()
    bench.signal(gs=60_001, gf=60_002, ms=60_003)
    context = bench.context

    def price(**changes: object) -> Decimal | None:
        market = msgspec.structs.replace(context.market, **changes)
        return msgspec.structs.replace(context, market=market).reference_price

    books = context.market.books
    assert price() == 60_000
    assert price(mark=None) == 60_002
    assert price(mark=None, books={MS: books[MS], GS: books[GS]}) == 60_001
    assert price(mark=None, books={MS: books[MS]}) == 60_003
    assert price(mark=None, books={}) is None


def test_tolerance_needs_the_contract() -> None:
    """Before the instrument is read nothing can be said in lots."""
    bench = Bench()
    assert bench.context.perp_lot is None
    assert bench.context.tolerance is None
    assert bench.context.hard_limit == Decimal("0.05")
    bench.boot()
    assert bench.context.tolerance == bench.context.perp_lot == Decimal("0.001")


def test_orders_have_monotonic_ages() -> None:
    """Decided and last changed, in seconds that never step; an order of another incarnation is as old as can be."""
    bench = in_state(S.EXECUTING_ARBITRAGE)
    buy = bench.context.unsettled[0].intent
    decided_s = bench.context.age(buy.client_order_id).created_s
    bench.tick(70)
    bench.told(buy, OrderStatus.OPEN)
    age = bench.context.age(buy.client_order_id)
    assert (age.created_s, age.changed_s) == (decided_s, bench.now_s)
    assert bench.context.age("dnb-0-1") == NEVER


def test_fees_and_instruments_as_known() -> None:
    """Only what was read is there."""
    bench = Bench()
    assert bench.context.fees == {}
    assert bench.context.instruments == {}
    bench.boot()
    assert bench.context.fees == bench.schedules()
    assert set(bench.context.instruments) == {GS, GF, MS}
