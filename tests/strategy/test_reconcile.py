"""Ours against theirs, to the last digit; and entries that make them agree exactly once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.account import Balance, PositionReport
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import AccountRead
from dnbot.domain.order import Fill, Order, OrderReport, OrderStatus, Side
from dnbot.domain.position import EntryKind, Leg, Portfolio, post
from dnbot.strategy.reconcile import (
    Finding,
    FindingKind,
    adjustments,
    opened,
    openings,
    reconcile,
    with_position,
)

GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
BTC = Symbol("BTC", "USDT")
LOT = Decimal("0.001")
AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=12)
HOLDINGS = st.dictionaries(st.sampled_from(["BTC", "USDT", "MX", "GT"]), AMOUNTS)
K = FindingKind


def read(venue: Venue = GS, **changes: Any) -> AccountRead:
    """A read of an empty account."""
    fields: dict[str, Any] = {
        "venue": venue, "balances": (), "position": None, "open_orders": (), "fills": (), "rows": (), "began_s": 1.0,
        "ended_s": 1.1, "clock_offset_ms": 0.0, "clock_error_ms": 1.0, "why": "schedule",
    }
    return AccountRead(**{**fields, **changes})


def balances(venue: Venue, held: dict[str, Decimal]) -> tuple[Balance, ...]:
    """What the venue reports."""
    return tuple(Balance(venue, asset, total, total) for asset, total in held.items())


def position(base: object, entry: object = 60_000) -> PositionReport:
    """The perpetual as reported."""
    return PositionReport(
        venue=GF, base=Decimal(str(base)), entry_price=Decimal(str(entry)), mark_price=None, liquidation_price=None,
        leverage=None, is_cross=True, adl_rank=None, at_ms=0,
    )


def listed(client_id: str, venue_id: str = "77", filled: object = 0) -> OrderReport:
    """An order in the venue's list."""
    return OrderReport(
        venue=GS, venue_order_id=venue_id, client_order_id=client_id, side=Side.BUY, price=Decimal(100),
        quantity=Decimal(1), filled=Decimal(str(filled)), status=OrderStatus.OPEN,
    )


def traded(client_id: str = "", venue_id: str = "77") -> Fill:
    """A trade in the venue's list."""
    return Fill(
        venue=GS, symbol=BTC, trade_id="t1", venue_order_id=venue_id, client_order_id=client_id, side=Side.SELL,
        price=Decimal(100), quantity=Decimal("0.5"), fee=Decimal(0), fee_asset="USDT", traded_at_ns=0,
    )


def kinds(found: tuple[Finding, ...]) -> list[FindingKind]:
    """What was found."""
    return [finding.kind for finding in found]


def book(**changes: Any) -> Portfolio:
    """Our ledger."""
    return Portfolio(symbol=BTC, **changes)


# --- balances and position


@given(ours=HOLDINGS, theirs=HOLDINGS)
def test_adjustments_make_the_ledger_agree_and_then_nothing_is_found(
    ours: dict[str, Decimal], theirs: dict[str, Decimal]
) -> None:
    """Every asset of either side, without tolerance; booking the findings leaves none; other venues are left alone."""
    held = {f"MEXC_SPOT:{asset}": total for asset, total in ours.items()} | {"GATEIO_SPOT:BTC": Decimal(5)}
    portfolio, report = book(balances=held), read(MS, balances=balances(MS, theirs))
    found = reconcile(portfolio, {}, report, perp_lot=LOT)
    differing = sorted(a for a in {*ours, *theirs} if ours.get(a, Decimal(0)) != theirs.get(a, Decimal(0)))
    assert [f.asset for f in found] == differing
    assert all(f.kind is K.BALANCE_DIFFERS and f.is_difference and f.venue is MS for f in found)
    entries = adjustments(found, at_ns=7)
    assert all(entry.kind is EntryKind.ADJUSTMENT for entry in entries)
    agreed = post(portfolio, entries)
    assert reconcile(agreed, {}, report, perp_lot=LOT) == ()
    assert agreed.balance(GS, "BTC") == 5
    assert adjustments(found, at_ns=7) == entries
    assert {e.entry_id for e in entries}.isdisjoint(e.entry_id for e in adjustments(found, at_ns=8))


def test_the_last_digit_counts() -> None:
    """A difference of one unit in the twelfth place is a difference, named on both sides."""
    portfolio = book(balances={"GATEIO_SPOT:BTC": Decimal("0.500000000001")})
    (found,) = reconcile(portfolio, {}, read(balances=balances(GS, {"BTC": Decimal("0.5")})), perp_lot=LOT)
    assert "0.500000000001" in found.text
    assert (found.ours, found.theirs) == (Decimal("0.500000000001"), Decimal("0.5"))


def test_a_position_is_compared_exactly_and_told_in_lots() -> None:
    """Theirs -1, ours -0.9: 100 lots; a read that holds no position says nothing."""
    portfolio = book(perp_base=Decimal("-0.9"))
    (found,) = reconcile(portfolio, {}, read(GF, position=position(-1)), perp_lot=LOT)
    assert (found.kind, found.asset, found.ours, found.theirs) == (
        K.POSITION_DIFFERS, "BTC", Decimal("-0.9"), Decimal(-1)
    )
    assert "(-100 lots)" in found.text
    (unknown_lot,) = reconcile(portfolio, {}, read(GF, position=position(-1)), perp_lot=Decimal(0))
    assert "lots" not in unknown_lot.text
    assert reconcile(portfolio, {}, read(GF), perp_lot=LOT) == ()
    assert reconcile(portfolio, {}, read(GF, position=position("-0.9")), perp_lot=LOT) == ()
    assert adjustments((found,), at_ns=1) == ()


@pytest.mark.parametrize(
    ("ours", "cost", "theirs", "price", "expected"),
    [
        ("-1", "-100", "-0.25", "120", "-25"),  # gone: at our average
        ("-1", "-100", "-2", "120", "-220"),  # more: at the price
        ("-1", "-100", "-2", None, "-200"),  # more, no price: at our average
        ("-1", "-100", "0", "120", "0"),
        ("-1", "-100", "1", "120", "120"),  # other side: at the price
        ("0", "0", "-1", "120", "-120"),
        ("0", "0", "-1", None, "0"),
    ],
)
def test_a_position_is_taken_over_without_inventing_profit(
    ours: str, cost: str, theirs: str, price: str | None, expected: str
) -> None:
    """What is gone leaves at our average cost; what is new enters at the price."""
    portfolio = book(perp_base=Decimal(ours), perp_cost=Decimal(cost))
    found = reconcile(portfolio, {}, read(GF, position=position(theirs)), perp_lot=LOT)
    told = with_position(portfolio, found, Decimal(price) if price else None)
    assert (told.perp_base, told.perp_cost) == (Decimal(theirs), Decimal(expected))
    assert told.adjustments == 1


def test_base_that_came_unexplained_waits_for_its_hedge() -> None:
    """A deposit of base is a leg at the price, so that its hedge is matched with it and not with a later pair."""
    found = reconcile(book(), {}, read(balances=balances(GS, {"BTC": Decimal(1), "USDT": Decimal(5)})), perp_lot=LOT)
    told = with_position(book(), found, Decimal(100), 9)
    assert told.legs == (Leg(GS, Side.BUY, Decimal(1), Decimal(100)),)
    assert with_position(book(), found, None) == book()
    gone = reconcile(book(perp_base=Decimal(-1)), {}, read(GF, position=position(0)), perp_lot=LOT)
    assert with_position(book(perp_base=Decimal(-1)), gone, Decimal(100)).legs == (
        Leg(GF, Side.BUY, Decimal(1), Decimal(100)),
    )


# --- orders and trades


def test_an_open_order_that_the_venue_does_not_list_is_missing(make: Any) -> None:
    """Only this venue's, only unsettled ones; listed under either id it is not missing."""
    ours = make.order(make.intent(GS, client_order_id="dnb-1-1"), venue_order_id="77")
    elsewhere = make.order(make.intent(MS, client_order_id="dnb-1-2"))
    done = make.order(make.intent(GS, client_order_id="dnb-1-3"), OrderStatus.CANCELLED)
    orders = {order.intent.client_order_id: order for order in (ours, elsewhere, done)}
    (found,) = reconcile(book(), orders, read(), perp_lot=LOT)
    assert (found.kind, found.order_id, found.ours) == (K.ORDER_MISSING, "dnb-1-1", Decimal("0.01"))
    assert not found.is_difference
    for report in (listed("dnb-1-1"), listed("", "77")):
        assert reconcile(book(), orders, read(open_orders=(report,)), perp_lot=LOT) == ()


def test_an_order_with_our_prefix_that_we_do_not_know_is_unknown() -> None:
    """Of whatever epoch: it is to be cancelled; one without our prefix is foreign and never touched."""
    found = reconcile(book(), {}, read(open_orders=(listed("dnb-0-9", filled="0.25"), listed("", "78"))), perp_lot=LOT)
    assert kinds(found) == [K.ORDER_UNKNOWN, K.FOREIGN_ORDER]
    assert [f.order_id for f in found] == ["dnb-0-9", "78"]
    assert found[0].theirs == Decimal("0.75")


def test_an_order_that_is_over_here_and_listed_there_is_unknown(make: Any) -> None:
    """Evidence of life beats our belief."""
    order: Order = make.order(make.intent(GS, client_order_id="dnb-1-1"), OrderStatus.NO_EFFECT)
    (found,) = reconcile(book(), {"dnb-1-1": order}, read(open_orders=(listed("dnb-1-1"),)), perp_lot=LOT)
    assert (found.kind, found.asset) == (K.ORDER_UNKNOWN, "BTC")
    assert "no_effect" in found.text


def test_trades_that_none_of_our_orders_made_are_foreign(make: Any) -> None:
    """Ours by prefix, by our id or by the venue's id; everything else is somebody else's."""
    order: Order = make.order(make.intent(GS, client_order_id="dnb-1-1"), OrderStatus.CANCELLED, venue_order_id="5")
    orders = {"dnb-1-1": order}
    mine = (traded("dnb-0-4"), traded("dnb-1-1"), traded("", "5"))
    assert reconcile(book(), orders, read(fills=mine), perp_lot=LOT) == ()
    found = reconcile(book(), orders, read(fills=(traded(), traded("t-web"))), perp_lot=LOT)
    assert kinds(found) == [K.FOREIGN_ACTIVITY] * 2
    assert found[0].theirs == Decimal("-0.5")


# --- openings


def test_an_opening_is_what_the_account_held() -> None:
    """One entry per asset that is not zero, with an id that is the same at every try; then nothing differs."""
    report = read(balances=balances(GS, {"BTC": Decimal(1), "USDT": Decimal(0), "GT": Decimal(3)}))
    entries = openings(report, at_ns=5)
    assert [(e.asset, e.amount, e.kind) for e in entries] == [
        ("BTC", 1, EntryKind.OPENING), ("GT", 3, EntryKind.OPENING)
    ]
    assert [e.entry_id for e in entries] == [e.entry_id for e in openings(report, at_ns=6)]
    assert reconcile(post(book(), entries), {}, report, perp_lot=LOT) == ()


def test_what_was_there_is_matched_at_the_price_of_the_opening() -> None:
    """Spot against short makes basis lots of no gain: profit counts from here on; the short keeps its real cost."""
    spot = read(balances=balances(GS, {"BTC": Decimal(1)}))
    portfolio = post(book(), openings(spot, at_ns=1))
    portfolio = opened(portfolio, spot, Decimal(60_000), 1)
    assert portfolio.legs == (Leg(GS, Side.BUY, Decimal(1), Decimal(60_000)),)
    portfolio = opened(portfolio, read(GF, position=position(-1, 50_000)), Decimal(60_000), 2)
    assert (portfolio.perp_base, portfolio.perp_cost) == (-1, -50_000)
    assert portfolio.legs == ()
    assert [(lot.quantity, lot.entry_gain) for lot in portfolio.lots] == [(1, 0)]
    assert portfolio.delta == 0


def test_an_opening_without_a_price_leaves_nothing_waiting() -> None:
    """The position is taken over, but nothing is matched at a price that nobody knows."""
    portfolio = opened(book(), read(GF, position=position(-1, 50_000)), None, 2)
    assert (portfolio.perp_base, portfolio.legs) == (-1, ())
    assert opened(book(), read(GF, position=position(0)), Decimal(1), 2).legs == ()
