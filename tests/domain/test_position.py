"""The ledger and the first-in-first-out books against plain models, to the last digit."""

from __future__ import annotations

from collections import defaultdict, deque
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Symbol, Venue
from dnbot.domain.order import Fill, Side
from dnbot.domain.position import (
    AccountRow,
    BasisLot,
    EdgeLot,
    EntryKind,
    LedgerEntry,
    Leg,
    Portfolio,
    book_fill,
    entries_of,
    entry_of_row,
    fold_edge_lot,
    post,
)
from dnbot.domain.units import ZERO

BTC = Symbol("BTC", "USDT")
EMPTY = Portfolio(symbol=BTC)
GS, GF, MS = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT


def a_fill(
    venue: Venue, side: Side, quantity: object, price: object, *, fee: object = 0, fee_asset: str = "USDT",
    trade_id: str = "1",
) -> Fill:
    """A trade of ours."""
    return Fill(
        venue=venue, symbol=BTC, trade_id=trade_id, venue_order_id="o", client_order_id="dnb-1-1", side=side,
        price=Decimal(str(price)), quantity=Decimal(str(quantity)), fee=Decimal(str(fee)), fee_asset=fee_asset,
        traded_at_ns=int(trade_id) if trade_id.isdigit() else 0,
    )


@st.composite
def fills(draw: st.DrawFn, *, fees: bool = True) -> list[Fill]:
    """Trades on all venues; on spot fees in quote or, for a part, in base."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        venue = draw(st.sampled_from(VENUES))
        in_base = fees and venue.is_spot and draw(st.booleans())
        fee = draw(st.decimals(min_value=-1, max_value=1, places=3)) if fees and not in_base else Decimal(0)
        quantity = draw(st.integers(1, 5))
        if in_base:
            fee = quantity * draw(st.sampled_from([Decimal("0.001"), Decimal("0.002")]))
        made.append(
            a_fill(
                venue, draw(st.sampled_from(Side)), quantity, draw(st.integers(90, 110)), fee=fee,
                fee_asset="BTC" if in_base else "USDT", trade_id=str(number),
            )
        )
    return made


def booked(trades: list[Fill]) -> Portfolio:
    """All trades folded."""
    portfolio = EMPTY
    for trade in trades:
        portfolio = book_fill(portfolio, trade)
    return portfolio


@given(fills())
def test_balances_are_the_sum_of_what_moved(trades: list[Fill]) -> None:
    """Base and quote are the signed sums of the trades less their fees; the perpetual's wallet moves by fees only."""
    portfolio = booked(trades)
    for venue in VENUES:
        here = [t for t in trades if t.venue is venue]
        base = sum((t.signed_quantity - (t.fee if t.fee_asset == "BTC" else 0) for t in here if venue.is_spot), ZERO)
        quote = sum((-t.value * t.side.sign for t in here if venue.is_spot), ZERO)
        quote -= sum((t.fee for t in here if t.fee_asset == "USDT"), ZERO)
        assert portfolio.balance(venue, "BTC") == base
        assert portfolio.balance(venue, "USDT") == quote
    perp = sum((t.signed_quantity for t in trades if t.venue is GF), ZERO)
    assert portfolio.perp_base == perp
    assert portfolio.delta == portfolio.spot_base + perp
    assert portfolio.fills == len(trades)
    assert portfolio.turnover_quote == sum((t.value for t in trades), ZERO)


@given(fills())
def test_cash_is_realised_profit_plus_what_is_still_open(trades: list[Fill]) -> None:
    """Cash flows = spread - fees + gains locked in open lots + cash tied in waiting legs, to the last digit."""
    portfolio = booked(trades)
    cash = sum((-t.value * t.side.sign - (t.fee if t.fee_asset == "USDT" else 0) for t in trades), ZERO)
    locked = sum((abs(lot.quantity) * lot.entry_gain for lot in portfolio.lots), ZERO)
    waiting = sum((-leg.side.sign * leg.quantity * leg.price for leg in portfolio.legs), ZERO)
    assert cash == portfolio.spread_quote - portfolio.fees_quote + locked + waiting


@given(fills())
def test_waiting_legs_are_the_delta(trades: list[Fill]) -> None:
    """What waits for its opposite is what is not hedged; it waits on one side only, and lots lean one way."""
    portfolio = booked(trades)
    assert sum((leg.quantity * leg.side.sign for leg in portfolio.legs), ZERO) == portfolio.delta
    assert len({leg.side for leg in portfolio.legs}) <= 1
    assert len({lot.quantity > 0 for lot in portfolio.lots}) <= 1
    assert all(leg.quantity > 0 for leg in portfolio.legs)


def matched_unit_by_unit(trades: list[Fill]) -> tuple[Decimal, list[tuple[bool, Decimal]], list[tuple[Venue, Decimal]]]:
    """The first-in-first-out rule spelled out for whole units: (spread, open lots, waiting units)."""
    waiting: deque[tuple[Venue, Side, Decimal]] = deque()
    lots: deque[tuple[bool, Decimal]] = deque()
    spread = ZERO
    for trade in trades:
        for _ in range(int(trade.quantity)):
            if not waiting or waiting[0][1] is trade.side:
                waiting.append((trade.venue, trade.side, trade.price))
                continue
            venue, side, price = waiting.popleft()
            bought, sold = (venue, trade.venue) if side is Side.BUY else (trade.venue, venue)
            gain = trade.price - price if side is Side.BUY else price - trade.price
            if bought.is_spot == sold.is_spot:
                spread += gain
            elif lots and lots[0][0] != bought.is_spot:
                spread += lots.popleft()[1] + gain
            else:
                lots.append((bought.is_spot, gain))
    return spread, list(lots), [(venue, price) for venue, _, price in waiting]


@given(fills(fees=False))
def test_matching_equals_the_unit_by_unit_model(trades: list[Fill]) -> None:
    """Oldest first, for legs and for lots: profit, open gains and waiting units agree with the model."""
    portfolio = booked(trades)
    spread, lots, waiting = matched_unit_by_unit(trades)
    assert portfolio.spread_quote == spread
    assert [(lot.quantity > 0, lot.entry_gain) for lot in portfolio.lots for _ in range(int(abs(lot.quantity)))] == lots
    assert [(leg.venue, leg.price) for leg in portfolio.legs for _ in range(int(leg.quantity))] == waiting


@given(fills(fees=False), st.integers(90, 110))
def test_the_perpetual_stands_at_its_cost(trades: list[Fill], mark: int) -> None:
    """Reducing keeps the average price, crossing zero starts anew, flat costs nothing: profit at any mark is right."""
    base, cost, realised = ZERO, ZERO, ZERO
    for trade in (t for t in trades if t.venue is GF):
        for _ in range(int(trade.quantity)):
            sign = trade.side.sign
            if base == 0 or (base > 0) == (sign > 0):
                base, cost = base + sign, cost + sign * trade.price
            else:
                average = cost / base
                realised += sign * (average - trade.price)
                base, cost = base + sign, cost - average * -sign
    portfolio = booked(trades)
    assert portfolio.perp_base == base
    assert abs(portfolio.perp_cost - cost) < Decimal("1e-40")
    assert abs(portfolio.perp_unrealised(Decimal(mark)) - (base * mark - cost)) < Decimal("1e-40")
    paid = sum((t.value * t.side.sign for t in trades if t.venue is GF), ZERO)
    assert abs(realised - (portfolio.perp_cost - paid)) < Decimal("1e-40")


@given(fills())
def test_entries_come_from_venue_ids(trades: list[Fill]) -> None:
    """Entry ids are unique, and the same trade gives the same entries again."""
    made = [entry for trade in trades for entry in entries_of(trade)]
    assert len({entry.entry_id for entry in made}) == len(made)
    assert made == [entry for trade in trades for entry in entries_of(trade)]


def test_a_pair_of_spot_trades_is_final_profit() -> None:
    """Buy at 100, sell at 101: one unit of spread less both fees, nothing left open."""
    pair = [a_fill(MS, Side.BUY, 1, 100, fee="0.05"), a_fill(GS, Side.SELL, 1, 101, fee="0.2", trade_id="2")]
    portfolio = booked(pair)
    assert portfolio.realised_quote == Decimal("0.75")
    assert (portfolio.legs, portfolio.lots) == ((), ())
    assert portfolio.fees == {"MEXC_SPOT:USDT": Decimal("0.05"), "GATEIO_SPOT:USDT": Decimal("0.2")}


def test_a_carry_is_booked_when_it_closes() -> None:
    """Opening at a basis of 5 and closing at 1 realises 4 per unit, of which nothing before."""
    opened = booked([a_fill(GS, Side.BUY, 2, 100), a_fill(GF, Side.SELL, 2, 105, trade_id="2")])
    assert opened.spread_quote == 0
    assert opened.lots == (BasisLot(Decimal(2), Decimal(5), 2),)
    closed = book_fill(book_fill(opened, a_fill(GF, Side.BUY, 1, 121)), a_fill(GS, Side.SELL, 1, 120))
    assert closed.spread_quote == 4
    assert closed.lots == (BasisLot(Decimal(1), Decimal(5), 2),)


@pytest.mark.parametrize(("side", "left"), [(Side.BUY, "0.998"), (Side.SELL, "-1.002")])
def test_a_fee_in_base_changes_what_moved(side: Side, left: str) -> None:
    """A buy delivers less, a sell takes more; the fee is worth its price among the fees, and nowhere else."""
    portfolio = booked([a_fill(GS, side, 1, 100, fee="0.002", fee_asset="BTC")])
    assert portfolio.delta == Decimal(left)
    assert portfolio.legs == (Leg(GS, side, abs(Decimal(left)), Decimal(100)),)
    assert portfolio.fees_quote == Decimal("0.2")


@pytest.mark.parametrize(("price", "worth"), [("3.5", 7), (None, 0)])
def test_a_fee_in_a_third_coin_is_worth_its_price(price: str | None, worth: int) -> None:
    """The coin's balance is booked; the value is among the fees, and out of the equity; without a price it is unknown.
    """
    trade = msgspec.structs.replace(
        a_fill(MS, Side.BUY, 1, 100, fee=2, fee_asset="MX"), fee_price=Decimal(price) if price else None
    )
    assert trade.fee_quote == (worth or None)
    portfolio = book_fill(EMPTY, trade)
    assert portfolio.balance(MS, "MX") == -2
    assert (portfolio.fees_quote, portfolio.coin_fees_quote, portfolio.fees) == (worth, worth, {"MEXC_SPOT:MX": 2})
    assert portfolio.legs[0].quantity == 1
    assert portfolio.equity({GS: Decimal(100), MS: Decimal(100)}, Decimal(100)) == -worth
    assert portfolio.realised_quote == -worth


@pytest.mark.parametrize(("asset", "worth"), [("USDT", 2), ("BTC", 200), ("MX", None)])
def test_what_a_fee_is_worth(asset: str, worth: int | None) -> None:
    """In quote it is itself, in base its price; in another coin, nobody knows."""
    trade = a_fill(MS, Side.BUY, 1, 100, fee=2, fee_asset=asset)
    assert trade.fee_quote == worth
    assert trade.fee_is_in_a_third_coin == (worth is None)
    assert not a_fill(MS, Side.BUY, 1, 100, fee=0, fee_asset=asset).fee_is_in_a_third_coin


def test_a_fee_on_the_perpetual_in_base_stays_out_of_the_legs() -> None:
    """Only spot pays in the traded coin."""
    portfolio = booked([a_fill(GF, Side.BUY, 1, 100, fee="0.01", fee_asset="BTC")])
    assert portfolio.legs[0].quantity == 1
    assert portfolio.fees_quote == 1


# --- account rows and postings


def a_row(kind: str, change: str) -> AccountRow:
    """A row of the perpetual's account book."""
    return AccountRow(
        venue=GF, row_id="9", asset="USDT", change=Decimal(change), balance=Decimal(0), kind=kind, text="t", at_ns=3
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [("pnl", EntryKind.PNL), ("fund", EntryKind.FUNDING), ("dnw", EntryKind.TRANSFER), ("bonus", EntryKind.ADJUSTMENT)],
)
def test_rows_become_entries_of_their_kind(word: str, kind: EntryKind) -> None:
    """Known words are named, an unknown word is an adjustment that keeps the word."""
    entry = entry_of_row(a_row(word, "-1.5"))
    assert entry is not None
    assert (entry.kind, entry.amount, entry.entry_id) == (kind, Decimal("-1.5"), "GATEIO_FUTURES:row:9")
    assert entry.note == (word if kind is EntryKind.ADJUSTMENT else "t")


def test_fee_rows_are_not_booked_twice() -> None:
    """The fill has booked the fee already."""
    assert entry_of_row(a_row("fee", "-1")) is None


def entry(kind: EntryKind, amount: object, venue: Venue = GF, asset: str = "USDT") -> LedgerEntry:
    """One posting."""
    return LedgerEntry(entry_id="e", venue=venue, asset=asset, amount=Decimal(str(amount)), kind=kind, at_ns=0)


def test_posting_nothing_changes_nothing() -> None:
    """No entries, the same portfolio."""
    assert post(EMPTY, ()) is EMPTY


@given(st.lists(st.tuples(st.sampled_from(EntryKind), st.integers(-100, 100)), max_size=8))
def test_postings_add_up(made: list[tuple[EntryKind, int]]) -> None:
    """Balances are the sum, whatever the kind or the order; funding and adjustments are counted besides."""
    entries = tuple(entry(kind, amount) for kind, amount in made)
    portfolio = post(EMPTY, entries)
    assert portfolio.balance(GF, "USDT") == sum(amount for _, amount in made)
    assert portfolio.funding_quote == sum(a for kind, a in made if kind is EntryKind.FUNDING)
    assert portfolio.adjustments == sum(1 for kind, _ in made if kind is EntryKind.ADJUSTMENT)
    assert post(EMPTY, tuple(reversed(entries))).balances == portfolio.balances


def test_funding_is_shared_by_the_open_carries() -> None:
    """Each open lot is credited per base unit of the whole short; without a short nobody is."""
    lots = (EdgeLot(Decimal(1), Decimal(5), 0), EdgeLot(Decimal(3), Decimal(5), 1, Decimal(2)))
    portfolio = Portfolio(symbol=BTC, perp_base=Decimal(-8), carry_lots=lots)
    credited = post(portfolio, (entry(EntryKind.FUNDING, 4),))
    assert [lot.funding_per_base for lot in credited.carry_lots] == [Decimal("0.5"), Decimal("2.5")]
    flat = Portfolio(symbol=BTC, carry_lots=lots)
    assert post(flat, (entry(EntryKind.FUNDING, 4),)).carry_lots == lots


def test_equity_is_quote_plus_inventory_plus_the_perpetual() -> None:
    """Each venue's inventory at its own mid, the perpetual at mark."""
    portfolio = Portfolio(
        symbol=BTC, perp_base=Decimal(-3), perp_cost=Decimal(-300),
        balances={
            "GATEIO_SPOT:USDT": Decimal(10), "GATEIO_FUTURES:USDT": Decimal(20), "MEXC_SPOT:USDT": Decimal(30),
            "GATEIO_SPOT:BTC": Decimal(1), "MEXC_SPOT:BTC": Decimal(2), "MEXC_SPOT:MX": Decimal(1000),
        },
    )
    mids = {GS: Decimal(101), MS: Decimal(99)}
    assert portfolio.equity(mids, Decimal(110)) == 60 + 101 + 198 - 30
    assert set(mids) == set(SPOT_VENUES)


# --- edge lots


@given(st.lists(st.integers(-4, 4).filter(bool), max_size=12))
def test_edge_lots_queue_and_close_oldest_first(moves: list[int]) -> None:
    """Lots are the unit-by-unit queue: one direction, oldest first, each with the edge it was opened at."""
    lots: tuple[EdgeLot, ...] = ()
    model: deque[tuple[int, int]] = deque()
    for number, move in enumerate(moves):
        lots = fold_edge_lot(lots, EdgeLot(Decimal(move), Decimal(number), number))
        sign = 1 if move > 0 else -1
        for _ in range(abs(move)):
            if model and model[0][0] != sign:
                model.popleft()
            else:
                model.append((sign, number))
    assert [(1 if lot.quantity > 0 else -1, lot.edge_bps) for lot in lots for _ in range(int(abs(lot.quantity)))] == [
        (sign, Decimal(number)) for sign, number in model
    ]
    assert [lot.opened_at_ns for lot in lots] == sorted({number for _, number in model})


def test_the_sum_of_lots_is_the_sum_of_moves() -> None:
    """What one direction moved beyond what waited begins a lot of its own."""
    counts: dict[int, Decimal] = defaultdict(Decimal)
    lots = fold_edge_lot((EdgeLot(Decimal(2), Decimal(1), 0),), EdgeLot(Decimal(-5), Decimal(7), 1))
    for lot in lots:
        counts[lot.opened_at_ns] += lot.quantity
    assert counts == {1: Decimal(-3)}
