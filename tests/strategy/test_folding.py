"""Facts into the context: whatever the order, the source or the number of times they are told, they are booked once."""

from __future__ import annotations

import itertools
from decimal import Decimal

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest
from machine_kit import GF, GS, MS, SYMBOL, Bench, S

from dnbot.domain.account import Balance
from dnbot.domain.instrument import VENUES
from dnbot.domain.messages import (
    FORGOTTEN,
    Alert,
    BalanceChanged,
    ExecutePair,
    FillBooked,
    FillReported,
    InboxEvent,
    OrderAnswered,
    OrderChanged,
    OrderReported,
    OrderSent,
    PositionChanged,
    RowBooked,
)
from dnbot.domain.order import Fill, OrderIntent, OrderStatus, Side
from dnbot.domain.position import EntryKind
from dnbot.domain.units import Price, Quantity
from dnbot.strategy.states import TradingMode


def fills(bench: Bench) -> list[str]:
    """Trade ids booked so far."""
    return [record.fill.trade_id for record in bench.all(FillBooked)]


def foreign(bench: Bench, venue: object = GS, side: Side = Side.SELL, quantity: str = "0.0005") -> Fill:
    """A trade that no order of ours made."""
    fill = Fill(
        venue=venue, symbol=SYMBOL, trade_id="web-1", venue_order_id="web", client_order_id="", side=side,
        price=Price(Decimal(60_000)), quantity=Quantity(Decimal(quantity)), fee=Decimal(0), fee_asset="USDT",
        traded_at_ns=bench.now_ns,
    )
    bench._apply(fill)
    return fill


def test_a_fill_from_stream_and_read_is_booked_once() -> None:
    """The same trade over the stream, over REST, and over the stream again."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    fill = bench.trade(buy)
    bench.give(FillReported(fill))
    bench.read_all()
    bench.give(FillReported(fill))
    assert fills(bench) == [fill.trade_id]
    assert bench.context.portfolio.balance(GS, "BTC") == Decimal("0.5") + buy.quantity
    assert bench.context.orders[buy.client_order_id].filled == buy.quantity


def test_equal_trade_ids_of_two_venues_are_two_trades() -> None:
    """Keys carry the venue."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    for intent in (buy, sell):
        bench.give(FillReported(bench.trade(intent, trade_id="77")))
    assert fills(bench) == ["77", "77"]


def test_a_fill_before_its_answer() -> None:
    """The stream overtakes the reply: the order is complete, and the late `accepted` does not reopen it."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.give(FillReported(bench.trade(buy)))
    assert bench.context.orders[buy.client_order_id].status is OrderStatus.FILLED
    bench.sent(buy)
    bench.answered(buy)
    assert bench.context.orders[buy.client_order_id].status is OrderStatus.FILLED
    assert bench.context.orders[buy.client_order_id].sent_at_ns == bench.now_ns


def test_an_order_created_twice_in_the_stream() -> None:
    """`order_created_twice_in_stream`: a repeated report changes nothing, and records nothing."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.told(buy, OrderStatus.OPEN)
    count = len(bench.all(OrderChanged))
    before = bench.context.orders
    bench.told(buy, OrderStatus.OPEN)
    assert bench.context.orders == before
    assert len(bench.all(OrderChanged)) == count


def test_a_fill_that_is_never_pushed_is_found_by_the_read() -> None:
    """`fill_never_pushed`: the report says filled, the read brings the trade, and only then the legs are done."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(sell)
    bench.trade(buy)
    bench.told(buy, OrderStatus.FILLED, buy.quantity)
    assert bench.state is S.EXECUTING_ARBITRAGE, "what the venue claims is not booked yet"
    bench.read_all()
    assert bench.state is not S.EXECUTING_ARBITRAGE
    assert bench.triggers()[-1] == "LEGS_DONE"


def test_a_report_of_an_order_that_is_not_ours_is_left_to_the_reads() -> None:
    """Nothing is stored for it."""
    bench = Bench().boot()
    buy, _ = bench.opportunity().intents
    before = bench.context
    bench.told(buy, OrderStatus.OPEN, client_order_id="web-7", venue_order_id="7")
    assert bench.context.orders == before.orders


def test_a_report_by_the_venues_id_alone() -> None:
    """Once the venue's id is known, news without ours finds the order."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.told(buy, OrderStatus.OPEN)
    bench.told(buy, OrderStatus.CANCELLED, client_order_id="")
    assert bench.context.orders[buy.client_order_id].status is OrderStatus.CANCELLED


# --- parked fills -----------------------------------------------------------------------------------------------------
def nameless(bench: Bench, intent: OrderIntent) -> Fill:
    """A trade of ours that the venue tells without our id."""
    fill = bench.trade(intent, client_order_id="")
    bench.give(FillReported(fill))
    return fill


def test_a_nameless_fill_waits_for_the_reply() -> None:
    """While an order there still has no venue id the fill is parked; the report that brings the id books it."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    nameless(bench, buy)
    assert fills(bench) == []
    assert len(bench.context.parked) == 1
    bench.give(FillReported(bench.context.parked[0]))
    assert len(bench.context.parked) == 1, "told twice, parked once"
    bench.told(buy, OrderStatus.FILLED, buy.quantity)
    assert len(fills(bench)) == 1
    assert bench.context.parked == ()
    assert bench.context.orders[buy.client_order_id].is_settled
    assert bench.all(Alert) == []


def test_it_waits_as_long_as_an_order_may_be_its_own() -> None:
    """An order of unknown fate keeps it parked; found, it is ours and settles the order."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    nameless(bench, buy)
    bench.answered(buy, "ambiguous", "NO_ANSWER")
    bench.quiet(4)
    assert len(bench.context.parked) == 1
    bench.told(buy, OrderStatus.FILLED, buy.quantity)
    assert bench.context.orders[buy.client_order_id].is_settled
    assert "foreign:GATEIO_SPOT" not in {alert.key for alert in bench.all(Alert)}


def test_a_nameless_fill_of_nobody_is_foreign_at_once() -> None:
    """As soon as no order of ours can be meant, it is booked and told as foreign: nothing is decided before that."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.give(FillReported(foreign(bench, side=Side.BUY)))
    assert len(bench.context.parked) == 1
    bench.wait(4)
    assert fills(bench) == []
    bench.told(buy, OrderStatus.OPEN)
    assert fills(bench) == ["web-1"]
    assert "foreign:GATEIO_SPOT" in {alert.key for alert in bench.all(Alert)}


def test_a_parked_fill_is_no_unexplained_difference() -> None:
    """Reads agree about what it changed before it is booked; it is booked once, as the trade that it is."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.answered(sell, "refused", "X")
    bench.give(FillReported(foreign(bench, side=Side.BUY)))
    bench.answered(buy, "ambiguous", "NO_ANSWER")
    for _ in range(3):
        bench.wait(0.5)
        bench.read_all()
    assert fills(bench) == []
    bench.answered(buy, "no_effect", "EXPIRED")
    assert fills(bench) == ["web-1"]
    bench.read_all()
    assert fills(bench) == ["web-1"]
    assert bench.context.portfolio.balance(GS, "BTC") == bench.truth[GS].balances["BTC"]
    assert not [entry for row in bench.all(RowBooked) for entry in row.entries if entry.kind is EntryKind.ADJUSTMENT]


def test_a_nameless_fill_of_the_other_side_is_not_parked() -> None:
    """An order that buys cannot have sold."""
    bench = Bench().boot()
    bench.executing()
    bench.give(FillReported(foreign(bench, side=Side.SELL)))
    assert fills(bench) == ["web-1"]


# --- foreign ----------------------------------------------------------------------------------------------------------
def test_a_foreign_trade_is_booked_and_told() -> None:
    """It counts in balances and delta; a warning names it."""
    bench = Bench().boot()
    bench.give(FillReported(foreign(bench)))
    assert bench.context.portfolio.balance(GS, "BTC") == Decimal("0.4995")
    assert [(a.level, a.key) for a in bench.all(Alert)] == [("warning", "foreign:GATEIO_SPOT")]
    assert bench.context.mode.name == "ACTIVE"
    bench.read_all()
    assert bench.context.accounts[GS].differences == {}


def test_a_foreign_trade_that_closes_the_short_stops_new_risk() -> None:
    """Liquidation, auto-deleveraging, or a hand: critical, REDUCING, and delta is repaired."""
    bench = Bench().boot()
    bench.give(FillReported(foreign(bench, GF, Side.BUY, "0.1")))
    assert ("critical", "foreign:GATEIO_FUTURES") in [(a.level, a.key) for a in bench.all(Alert)]
    assert bench.context.mode.name == "REDUCING"
    assert bench.state is S.REBALANCING_DELTA


def test_a_foreign_trade_that_adds_to_the_short_only_warns() -> None:
    """Somebody sells contracts: told, repaired, no latch."""
    bench = Bench().boot()
    bench.give(FillReported(foreign(bench, GF, Side.SELL, "0.1")))
    assert bench.context.mode.name == "ACTIVE"
    assert bench.state is S.REBALANCING_DELTA


def test_a_trade_of_ours_from_another_incarnation_is_not_foreign() -> None:
    """Our prefix makes it ours, whatever the table knows; that the table does not know it is told."""
    bench = Bench().boot()
    bench.give(FillReported(msgspec.structs.replace(foreign(bench), client_order_id="dnb-0-9-s")))
    assert fills(bench) == ["web-1"]
    assert [(a.level, a.key) for a in bench.all(Alert)] == [("warning", "own_trade:GATEIO_SPOT")]


def test_a_fee_in_a_third_coin_reduces() -> None:
    """`fee_in_third_coin`: booked in that coin; profit cannot be told, so nothing new is begun."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.give(FillReported(bench.trade(buy, fee_asset="GT", fee=Decimal("0.01"))))
    assert bench.context.portfolio.balance(GS, "GT") == Decimal("-0.01")
    assert bench.context.mode.name == "REDUCING"
    assert bench.context.execution is not None
    assert bench.context.execution.fees_quote == 0
    assert ("critical", "fee_coin") in [(a.level, a.key) for a in bench.all(Alert)]


def test_a_fee_in_a_coin_that_has_a_price_is_worth_it() -> None:
    """The price of the newest read, also when a later read does not tell it; trading goes on."""
    bench = Bench().boot()
    bench.tick(1)
    bench.give(bench.read(MS, coin_prices={"MX": Decimal(3)}))
    bench.tick(1)
    bench.give(bench.read(MS, coin_prices={"MX": Decimal(2)}))
    bench.tick(1)
    bench.give(bench.read(MS))
    _, sell = bench.executing().intents
    assert sell.venue is MS
    bench.give(FillReported(bench.trade(sell, fee_asset="MX", fee=Decimal("0.01"))))
    assert bench.context.portfolio.balance(MS, "MX") == Decimal("-0.01")
    assert bench.last(FillBooked).fill.fee_price == 2
    assert bench.context.portfolio.coin_fees_quote == Decimal("0.02")
    assert bench.context.execution is not None
    assert bench.context.execution.fees_quote == Decimal("0.02")
    assert bench.context.mode.name == "ACTIVE"
    assert bench.all(Alert) == []


def test_a_coin_has_its_price_at_its_own_venue_alone() -> None:
    """What MEXC tells of MX says nothing of a fee at Gate: there it stays unknown."""
    bench = Bench().boot()
    bench.tick(1)
    bench.give(bench.read(MS, coin_prices={"GT": Decimal(2)}))
    buy, _ = bench.executing().intents
    bench.give(FillReported(bench.trade(buy, fee_asset="GT", fee=Decimal("0.01"))))
    assert bench.context.mode.name == "REDUCING"


# --- account rows -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("amount", ["1.25", "-0.75"])
def test_funding_is_booked_with_its_sign(amount: str) -> None:
    """`funding_interval_8h_to_4h`: positive was received, negative was paid; the row is booked once."""
    bench = Bench().boot()
    bench.row("fund", amount)
    bench.read_all()
    bench.read_all()
    assert bench.context.portfolio.funding_quote == Decimal(amount)
    assert bench.context.portfolio.realised_quote == Decimal(amount)
    assert bench.context.accounts[GF].differences == {}
    assert [e.kind for r in bench.all(RowBooked)[-1:] for e in r.entries] == [EntryKind.FUNDING]


def test_a_transfer_is_booked_and_told() -> None:
    """Money in or out of the perpetual wallet is named, and is no profit."""
    bench = Bench().boot()
    bench.row("dnw", 500)
    bench.read_all()
    assert bench.context.portfolio.balance(GF, "USDT") == 100_500
    assert bench.context.portfolio.realised_quote == 0
    assert "row:dnw" in {alert.key for alert in bench.all(Alert)}


def test_an_unknown_word_is_an_adjustment() -> None:
    """A kind of row that no document names moves the wallet, and is told."""
    bench = Bench().boot()
    bench.row("cross_settle", -3)
    bench.read_all()
    assert bench.context.portfolio.adjustments == 1
    assert "row:cross_settle" in {alert.key for alert in bench.all(Alert)}


def test_a_fee_row_is_not_booked_twice() -> None:
    """Fees come with fills; the row that repeats one moves nothing."""
    bench = Bench().boot()
    row = bench.row("fee", -1)
    bench.truth[GF].balances["USDT"] += 1
    bench.give(bench.read(GF, rows=(row,)))
    assert bench.context.portfolio.balance(GF, "USDT") == 100_000
    assert bench.context.accounts[GF].row_ms == row.at_ns // 10**6


# --- streams ----------------------------------------------------------------------------------------------------------
def test_a_stream_balance_only_tells_what_is_locked() -> None:
    """It changes what is free, never the ledger; an older one is ignored."""
    bench = Bench().boot()
    bench.give(BalanceChanged(Balance(GS, "USDT", Decimal(90_000), Decimal(80_000), at_ms=5), bench.now_s))
    account = bench.context.accounts[GS]
    assert bench.context.portfolio.balance(GS, "USDT") == 100_000
    assert account.free("USDT", bench.context.portfolio.balance(GS, "USDT")) == 90_000
    bench.give(BalanceChanged(Balance(GS, "USDT", Decimal(1), Decimal(1), at_ms=4), bench.now_s))
    assert bench.context.accounts[GS].balances["USDT"].at_ms == 5


def test_a_stream_position_is_shown_and_not_booked() -> None:
    """Margin, liquidation and ranking come from it; its size is only compared by reads."""
    bench = Bench().boot()
    bench.give(PositionChanged(bench.position(Decimal(-7), liquidation_price=Decimal(90_000)), bench.now_s))
    assert bench.context.portfolio.perp_base == -1
    position = bench.context.accounts[GF].position
    assert position is not None
    assert position.liquidation_price == 90_000


# --- answers ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("accepted", OrderStatus.OPEN), ("refused", OrderStatus.REJECTED), ("not_sent", OrderStatus.NOT_SENT),
        ("ambiguous", OrderStatus.AMBIGUOUS), ("no_effect", OrderStatus.NO_EFFECT),
    ],
)
def test_each_outcome_has_its_status(outcome: str, status: OrderStatus) -> None:
    """What came of a create, with the venue's code and words."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.sent(buy)
    bench.answered(buy, outcome, "C", "words")
    order = bench.context.orders[buy.client_order_id]
    assert (order.status, order.reason) == (status, "C words")
    assert bench.context.risk.api_error_times_s == ((bench.now_s,) if outcome == "refused" else ())
    assert bench.context.execution is not None
    assert bench.context.execution.ambiguous is (outcome == "ambiguous")


@pytest.mark.parametrize(
    ("last_word", "filled", "end"),
    [
        (None, "0", OrderStatus.NO_EFFECT), (OrderStatus.OPEN, "0", OrderStatus.CANCELLED),
        (OrderStatus.OPEN, "0.001", OrderStatus.CANCELLED), (OrderStatus.CANCELLED, "0.001", OrderStatus.CANCELLED),
        (OrderStatus.FILLED, "1", OrderStatus.FILLED),
    ],
)  # fmt: skip
def test_an_order_that_nobody_can_read_any_more_is_given_up(
    last_word: OrderStatus | None, filled: str, end: OrderStatus
) -> None:
    """Whatever was last told of it, it is awaited no longer, and a person is told which; the account is read again
    before it counts as known.
    """
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.sent(buy)
    if last_word is not None:
        bench.told(buy, last_word, filled)
    assert not bench.context.orders[buy.client_order_id].is_settled
    bench.tick(10)
    bench.answered(buy, "no_effect", FORGOTTEN, "older than what is listed")
    order = bench.context.orders[buy.client_order_id]
    assert (order.status, order.is_settled) == (end, True)
    assert order.filled == 0
    assert not bench.context.account_ready(buy.venue)
    (alert,) = [alert for alert in bench.all(Alert) if alert.key == f"forgotten:{buy.client_order_id}"]
    assert alert.level == "critical"
    assert f"{buy.client_order_id} (buy {buy.quantity} BTC on {buy.venue.value}, 0 of it booked)" in alert.text


def test_an_order_that_ended_as_booked_is_not_given_up() -> None:
    """However old it is: nothing of it is missing."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.filled(buy)
    before = bench.context.orders
    bench.answered(buy, "no_effect", FORGOTTEN, "older than what is listed")
    assert bench.context.orders == before
    assert bench.context.account_ready(buy.venue)
    assert not any(alert.key.startswith("forgotten:") for alert in bench.all(Alert))


def test_answers_to_unknown_orders_are_ignored() -> None:
    """An order of another incarnation: nothing is stored."""
    bench = Bench().boot()
    before = bench.context
    bench.give(OrderAnswered(client_order_id="dnb-0-1", outcome="accepted", at_ns=0))
    bench.give(OrderSent("dnb-0-1", 0, 0.0))
    assert bench.context == msgspec.structs.replace(before, events=before.events + 2)


def test_an_ambiguous_order_distrusts_its_account() -> None:
    """Only a read that began later counts again."""
    bench = Bench().boot()
    buy, _ = bench.executing().intents
    bench.tick(10)
    bench.answered(buy, "ambiguous")
    assert not bench.context.account_ready(GS)
    assert bench.context.account_ready(MS)


# --- instruments ------------------------------------------------------------------------------------------------------
def test_a_contract_that_changes_its_size_is_told() -> None:
    """`contract_multiplier`: critical, halted by name, and the account must be read again before it counts."""
    bench = Bench().boot()
    changed = msgspec.structs.replace(bench.instruments[GF], multiplier=Decimal("0.01"), lot_size=Decimal("0.01"))
    bench.instruments[GF] = changed
    bench.signal()
    assert ("critical", "multiplier:GATEIO_FUTURES") in [(a.level, a.key) for a in bench.all(Alert)]
    assert not bench.context.account_ready(GF)
    assert bench.context.mode is TradingMode.HALTED
    assert bench.context.mode_why.startswith("CONTRACT_CHANGED: GATEIO_FUTURES"), bench.context.mode_why
    bench.instruments[GS] = msgspec.structs.replace(bench.instruments[GS], tick_size=Decimal("0.01"))
    bench.signal()
    assert bench.context.account_ready(GS), "a finer tick is recorded and changes no figure"


# --- order does not matter --------------------------------------------------------------------------------------------
@hypothesis.given(order=st.permutations(range(7)))
def test_facts_commute(order: list[int]) -> None:
    """Two fills, their order's reports, the send and the answer in any order, one of them twice: one end."""
    bench = Bench().boot()
    buy, sell = bench.executing().intents
    bench.filled(sell, 0)
    half = buy.quantity / 2 // Decimal("0.0001") * Decimal("0.0001")
    first, second = bench.trade(buy, half), bench.trade(buy, buy.quantity - half)
    facts: list[InboxEvent] = [
        OrderSent(buy.client_order_id, bench.now_ns, bench.now_s),
        FillReported(first), FillReported(second), FillReported(first),
        OrderReported(bench.report(buy, OrderStatus.OPEN, half)),
        OrderReported(bench.report(buy, OrderStatus.FILLED, buy.quantity)),
        OrderAnswered(client_order_id=buy.client_order_id, outcome="accepted", at_ns=bench.now_ns),
    ]
    for index in order:
        bench.give(facts[index])
    told = bench.context.orders[buy.client_order_id]
    assert told.is_settled
    assert (told.status, told.filled) == (OrderStatus.FILLED, buy.quantity)
    assert len(fills(bench)) == 2
    assert bench.context.portfolio.balance(GS, "BTC") == Decimal("0.5") + buy.quantity
    assert bench.state is S.REBALANCING_DELTA


def test_ledger_of_a_busy_hour_equals_the_venues() -> None:
    """Trades, residuals, hedges, funding: at rest every balance and the position equal the venues', digit by digit."""
    bench = Bench(in_base=True).boot()
    for number, share in zip(range(6), itertools.cycle(("1", "0.5", "0")), strict=False):
        bench.residual(share) if share != "1" else bench.round_trip()
        for order in bench.context.unsettled:
            bench.filled(order.intent)
        bench.row("fund", number)
        bench.quiet(1)
        bench.read_all()
    assert bench.all(ExecutePair)
    for venue in VENUES:
        assert bench.context.accounts[venue].differences == {}
        for asset, total in bench.truth[venue].balances.items():
            assert bench.context.portfolio.balance(venue, asset) == total, (venue, asset)
    assert bench.context.portfolio.perp_base == bench.truth[GF].base
    assert bench.context.portfolio.adjustments == 0
