"""Money inside the fake exchange: who pays, who gets, and that nothing is ever lost."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnbot.fakes import perpetual
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.exchange import Exchange
from dnbot.fakes.faults_forced import liquidate_part
from dnbot.fakes.instruments import SYMBOLS, FeePolicy, FeeRates, instruments_for
from dnbot.fakes.records import (
    GATE_FUTURES,
    GATE_SPOT,
    MEXC_SPOT,
    VENUES,
    BalanceChange,
    MarkState,
    OrderEvent,
    OrderRequest,
    OrderState,
    PositionState,
    PrivateEvent,
    Refusal,
    RefusalKind,
    UserTrade,
    Venue,
)

D = Decimal
BTC = "BTC/USDT"
EPOCH_NS = 1_800_000_000_000_000_000


def exchange(*uids: str) -> Exchange:
    """All three venues with 5 levels of outside quotes around 60000, and rich accounts."""
    made = Exchange(FakeClock(EPOCH_NS, monotonic_s=lambda: 0.0))
    for instrument in instruments_for(SYMBOLS[BTC]):
        made.state.add_instrument(instrument)
    set_mark(made, "60000", "0.0001")
    for uid in uids or ("1",):
        made.state.accounts.create(
            uid,
            f"key-{uid}",
            "secret",
            {
                GATE_SPOT: {"USDT": D(20000), "BTC": D(1)},
                GATE_FUTURES: {"USDT": D(10000)},
                MEXC_SPOT: {"USDT": D(20000), "BTC": D(1), "MX": D(100)},
            },
        )
    made.commit()
    for venue in VENUES:
        quantity = D(100) if venue == GATE_FUTURES else D("0.01")
        for level in range(5):
            made.external_place(venue, BTC, f"b{level}", "buy", D(59999 - level), quantity)
            made.external_place(venue, BTC, f"a{level}", "sell", D(60001 + level), quantity)
    return made


def set_mark(made: Exchange, mark: str, rate: str) -> None:
    """Put mark and funding rate where a test needs them."""
    made.set_mark(MarkState(BTC, D(mark), D(mark), D(rate), D(rate), 28800, 0))


def placed(made: Exchange, venue: Venue, request: OrderRequest, uid: str = "1") -> OrderState:
    """Place an order that must be accepted."""
    order = made.place_order(venue, uid, request)
    assert isinstance(order, OrderState), order
    return order


def refused(made: Exchange, venue: Venue, request: OrderRequest) -> RefusalKind:
    """Place an order that must be refused without a trace."""
    before = made.state.accounts.totals(), len(made.state.orders)
    refusal = made.place_order(venue, "1", request)
    assert isinstance(refusal, Refusal)
    assert (made.state.accounts.totals(), len(made.state.orders)) == before
    return refusal.kind


def limit(side: str, quantity: str, price: str, tif: str = "ioc", **more: object) -> OrderRequest:
    """A limit order request."""
    return OrderRequest(BTC, side, tif=tif, quantity=D(quantity), price=D(price), **more)  # type: ignore[arg-type]  # test shorthand: texts stand for literals


def test_gate_spot_takes_the_fee_from_what_is_received() -> None:
    """A buy pays its exact, unrounded fee in base, a sell in quote."""
    made = exchange()
    order = placed(made, GATE_SPOT, limit("buy", "0.015", "60010"))
    assert order.status == "closed"
    assert order.filled_quote == D("0.01") * 60001 + D("0.005") * 60002
    assert order.fees == {"BTC": D("0.015") * D("0.002")}
    assert made.balances(GATE_SPOT, "1")["BTC"].total == 1 + D("0.015") * D("0.998")
    sold = placed(made, GATE_SPOT, limit("sell", "0.01", "59990"))
    assert sold.fees == {"USDT": D("0.01") * 59999 * D("0.002")}


def test_mexc_takes_the_fee_from_quote_or_mx() -> None:
    """By default both sides pay in quote; with MX deduction, in MX while there is any."""
    made = exchange()
    assert placed(made, MEXC_SPOT, limit("buy", "0.01", "60001")).fees == {"USDT": D("600.01") * D("0.0005")}
    assert placed(made, MEXC_SPOT, limit("sell", "0.01", "59999")).fees == {"USDT": D("599.99") * D("0.0005")}
    made.state.fee_policy[MEXC_SPOT] = "MX"
    assert placed(made, MEXC_SPOT, limit("buy", "0.01", "60002")).fees == {"MX": D("600.02") * D("0.0005") / 2}


def set_mexc_fees(made: Exchange, policy: FeePolicy, rate: str) -> None:
    """Where MEXC takes its fees from now on, and how much."""
    made.state.fee_policy[MEXC_SPOT] = policy
    made.state.default_fees[MEXC_SPOT] = FeeRates(D(rate), D(rate))


@pytest.mark.parametrize(
    ("policy", "later_rate", "fees"),
    [("received", "0.001", {"BTC": D("0.0001")}), ("quote", "0.01", {"USDT": D("5.999")})],
)
def test_an_order_keeps_the_fees_that_its_money_was_locked_for(
    policy: FeePolicy, later_rate: str, fees: dict[str, D]
) -> None:
    """A fee that is taken in quote, or is higher, by the time of the fill finds nothing free to be taken from."""
    made = exchange()
    set_mexc_fees(made, policy, "0.001")
    order = placed(made, MEXC_SPOT, limit("buy", "0.1", "59990", "gtc"))
    made.deposit("1", MEXC_SPOT, "USDT", -made.state.accounts.available("1", MEXC_SPOT, "USDT"))
    set_mexc_fees(made, "quote", later_rate)
    for quantity in ("0.09", "1"):  # a part of it first: 0.05 of others stand before it
        made.external_take(MEXC_SPOT, BTC, "sell", D(quantity))
    made.commit()
    assert (order.finish_as, order.fees) == ("filled", fees)
    assert made.balances(MEXC_SPOT, "1")["USDT"].total == 0


def test_maker_pays_the_maker_rate_when_an_outsider_comes() -> None:
    """A resting order filled by an outside taker is a maker's fill at its own price."""
    made = exchange()
    order = placed(made, MEXC_SPOT, limit("buy", "0.01", "60000", "gtc"))
    made.external_take(MEXC_SPOT, BTC, "sell", D("0.004"))
    made.commit()
    (fill,) = made.trades(MEXC_SPOT, "1")
    assert (fill.role, fill.price, fill.quantity, fill.fee) == ("maker", D(60000), D("0.004"), D(0))
    assert order.is_open
    assert order.left == D("0.006")
    assert made.balances(MEXC_SPOT, "1")["USDT"].locked == D("0.006") * 60000 * D("1.0005")


def test_market_buy_by_quote_floors_to_lots_and_counts_as_filled() -> None:
    """What is left of the spend is less than one lot, is released, and the order is closed."""
    made = exchange()
    order = placed(made, GATE_SPOT, OrderRequest(BTC, "buy", "market", "ioc", quote_amount=D(100)))
    assert order.filled == D("0.001666")
    assert order.left == 100 - D("0.001666") * 60001
    assert (order.status, order.finish_as) == ("closed", "filled")
    assert made.balances(GATE_SPOT, "1")["USDT"].locked == 0


def test_market_order_that_empties_the_book_is_cancelled() -> None:
    """A market sell larger than the book keeps its fills and ends as cancelled."""
    made = exchange()
    order = placed(made, GATE_SPOT, OrderRequest(BTC, "sell", "market", "ioc", quantity=D("0.06")))
    assert order.filled == D("0.05")
    assert (order.status, order.finish_as) == ("cancelled", "depth_not_enough")
    assert refused(made, GATE_SPOT, OrderRequest(BTC, "sell", "market", "ioc", quantity=D("0.01"))) is (
        RefusalKind.NO_COUNTER
    )


def test_passive_ioc_ends_without_a_fill() -> None:
    """An IOC nobody meets is accepted and ends cancelled, its money free again."""
    made = exchange()
    order = placed(made, GATE_SPOT, limit("buy", "0.01", "59000"))
    assert (order.status, order.finish_as, order.filled) == ("cancelled", "ioc", D(0))
    assert made.balances(GATE_SPOT, "1")["USDT"].available == 20000


@pytest.mark.parametrize(
    ("venue", "request_", "kind"),
    [
        (GATE_SPOT, limit("buy", "0.01", "60001", "poc"), RefusalKind.POC_WOULD_TAKE),
        (GATE_SPOT, limit("buy", "0.09", "60001", "fok"), RefusalKind.FOK_NOT_FILLED),
        (GATE_SPOT, limit("buy", "1", "60001"), RefusalKind.BALANCE),
        (GATE_SPOT, limit("sell", "1.1", "60001"), RefusalKind.BALANCE),
        (GATE_SPOT, limit("buy", "0.00004", "60001"), RefusalKind.MIN_NOTIONAL),
        (GATE_SPOT, limit("buy", "0.000001", "60001"), RefusalKind.MIN_SIZE),
        (GATE_SPOT, limit("buy", "0.0100001", "60001"), RefusalKind.PRECISION),
        (GATE_SPOT, limit("buy", "0.01", "60001.05"), RefusalKind.PRECISION),
        (MEXC_SPOT, limit("buy", "0.01", "60900"), RefusalKind.PRICE_BAND),
        (GATE_FUTURES, limit("buy", "1", "75000"), RefusalKind.PRICE_BAND),
        (GATE_FUTURES, limit("buy", "0.5", "60000"), RefusalKind.PRECISION),
        (GATE_FUTURES, limit("buy", "20000", "60000"), RefusalKind.MARGIN),
        (GATE_FUTURES, limit("buy", "1", "60000", reduce_only=True), RefusalKind.REDUCE_ONLY),
        (GATE_FUTURES, OrderRequest(BTC, "buy", "market", "ioc", close=True), RefusalKind.REDUCE_ONLY),
        (GATE_SPOT, OrderRequest("XYZ/USDT", "buy"), RefusalKind.UNKNOWN_SYMBOL),
        (GATE_SPOT, limit("buy", "-1", "60000"), RefusalKind.BAD_REQUEST),
        (GATE_SPOT, limit("buy", "NaN", "60000"), RefusalKind.BAD_REQUEST),
    ],
)
def test_impossible_orders_are_refused_without_a_trace(venue: Venue, request_: OrderRequest, kind: RefusalKind) -> None:
    """Each refusal has its kind, and leaves neither order nor lock behind."""
    assert refused(exchange(), venue, request_) is kind


def test_mexc_accepts_and_cancels_what_gate_refuses() -> None:
    """An unfillable FOK and a crossing post-only become cancelled orders there."""
    made = exchange()
    assert placed(made, MEXC_SPOT, limit("buy", "0.09", "60001", "fok")).finish_as == "fok"
    assert placed(made, MEXC_SPOT, limit("buy", "0.01", "60001", "poc")).finish_as == "poc"


def test_position_opens_reduces_and_flips_with_rows_for_each_cause() -> None:
    """A reducing fill makes one pnl and one fee row, an opening fill a fee row only; the balance chain is unbroken."""
    made = exchange()
    placed(made, GATE_FUTURES, limit("sell", "150", "59990"))
    placed(made, GATE_FUTURES, limit("buy", "200", "60010"))
    position = made.position("1", BTC)
    assert position.contracts == 50
    rows = [row for row in made.account("1").ledger if row.venue == GATE_FUTURES][1:]
    assert [row.kind for row in rows] == ["fee", "fee", "pnl", "fee", "pnl", "fee"]
    sold = D(100) * 59999 + D(50) * 59998
    bought = D(100) * 60001 + D(50) * 60002
    assert sum(row.change for row in rows if row.kind == "pnl") == (sold - bought) * D("0.0001")
    balance = D(10000)
    for row in rows:
        balance += row.change
        assert row.balance == balance


def test_reduce_only_never_flips() -> None:
    """A reduce-only order larger than the position closes it and drops the rest."""
    made = exchange()
    placed(made, GATE_FUTURES, limit("sell", "10", "59990"))
    order = placed(made, GATE_FUTURES, limit("buy", "30", "60010", reduce_only=True))
    assert order.filled == 10
    assert (order.status, order.finish_as) == ("cancelled", "reduce_only")
    assert made.position("1", BTC).contracts == 0


def test_resting_reduce_only_order_goes_when_the_position_does() -> None:
    """Closing by another order cancels the reduce-only order that waits."""
    made = exchange()
    placed(made, GATE_FUTURES, limit("sell", "10", "59990"))
    waiting = placed(made, GATE_FUTURES, limit("buy", "10", "59000", "gtc", reduce_only=True))
    placed(made, GATE_FUTURES, OrderRequest(BTC, "buy", "market", "ioc", close=True))
    assert (waiting.status, waiting.finish_as) == ("cancelled", "reduce_out")


def short_with_two_ways_out(made: Exchange) -> tuple[OrderState, OrderState]:
    """Short ten contracts, and two reduce-only orders of five that wait, older first."""
    placed(made, GATE_FUTURES, limit("sell", "10", "59990"))
    older = placed(made, GATE_FUTURES, limit("buy", "5", "59000", "gtc", reduce_only=True))
    return older, placed(made, GATE_FUTURES, limit("buy", "5", "58999", "gtc", reduce_only=True))


def test_resting_reduce_only_orders_together_never_flip_the_position() -> None:
    """When half of it is gone the newer one of two goes, and a sweep of all that waits ends flat."""
    made = exchange()
    older, newer = short_with_two_ways_out(made)
    placed(made, GATE_FUTURES, limit("buy", "5", "60010"))
    assert older.is_open
    assert (newer.status, newer.finish_as) == ("cancelled", "reduce_out")
    made.external_take(GATE_FUTURES, BTC, "sell", D(1000))
    assert (older.filled, made.position("1", BTC).contracts) == (D(5), D(0))


def test_an_amended_order_and_a_liquidated_part_trim_too() -> None:
    """However a position shrinks, what waits to reduce it is no more than what is left."""
    made = exchange()
    older, newer = short_with_two_ways_out(made)
    plain = placed(made, GATE_FUTURES, limit("buy", "5", "58000", "gtc"))
    made.amend_order(GATE_FUTURES, "1", plain.order_id, price=D(60001))
    assert (made.position("1", BTC).contracts, older.is_open, newer.finish_as) == (D(-5), True, "reduce_out")
    liquidate_part(made, made.position("1", BTC), D(1))
    assert (made.position("1", BTC).contracts, older.finish_as) == (D(-4), "reduce_out")


@pytest.mark.parametrize(
    ("side", "rate", "sign"), [("sell", "0.0001", 1), ("buy", "0.0001", -1), ("sell", "-0.0002", -1)]
)
def test_funding_is_paid_by_longs_when_positive(side: str, rate: str, sign: int) -> None:
    """Payment = mark x size x multiplier x rate, to the last digit, as one fund row, and the sum over all is zero."""
    made = exchange()
    placed(made, GATE_FUTURES, OrderRequest(BTC, side, "market", "ioc", quantity=D(30)))  # type: ignore[arg-type]  # parametrised literal
    before = made.state.accounts.totals()["USDT"]
    set_mark(made, "60123.45", rate)
    made.settle_funding(BTC)
    (row,) = [row for row in made.account("1").ledger if row.kind == "fund"]
    assert row.change == sign * D("60123.45") * 30 * D("0.0001") * abs(D(rate))
    assert made.state.accounts.totals()["USDT"] == before
    assert made.fundings(BTC)[-1].rate == D(rate)


def test_liquidation_closes_what_margin_no_longer_carries() -> None:
    """Equity below maintenance ends the position by a market order named so."""
    made = exchange()
    placed(made, GATE_FUTURES, OrderRequest(BTC, "sell", "market", "ioc", quantity=D(400)))
    assert not made.liquidate_if_needed("1")
    made.deposit("1", GATE_FUTURES, "USDT", D(-9700))
    set_mark(made, "68000", "0.0001")
    assert made.liquidate_if_needed("1")
    assert made.position("1", BTC).contracts == 0
    assert made.orders(GATE_FUTURES, "1")[-1].finish_as == "liquidated"


def test_amending_keeps_priority_only_when_it_shrinks() -> None:
    """A smaller order stays first in its queue; a repriced one goes to the back and its lock follows."""
    made = exchange("1", "2")
    mine = placed(made, GATE_SPOT, limit("buy", "0.02", "60000", "gtc"))
    placed(made, GATE_SPOT, limit("buy", "0.02", "60000", "gtc"), "2")
    assert isinstance(made.amend_order(GATE_SPOT, "1", mine.order_id, quantity=D("0.01")), OrderState)
    assert made.balances(GATE_SPOT, "1")["USDT"].locked == 600
    made.external_take(GATE_SPOT, BTC, "sell", D("0.005"))
    assert mine.filled == D("0.005")
    assert isinstance(made.amend_order(GATE_SPOT, "1", mine.order_id, quantity=D("0.03")), OrderState)
    made.external_take(GATE_SPOT, BTC, "sell", D("0.005"))
    assert mine.filled == D("0.005")


def test_amending_into_the_other_side_trades_as_a_taker() -> None:
    """A new price that meets somebody fills at once; a post-only order is refused that and stays as it was."""
    made = exchange()
    order = placed(made, GATE_SPOT, limit("buy", "0.004", "59000", "gtc"))
    assert isinstance(made.amend_order(GATE_SPOT, "1", order.order_id, price=D(60001)), OrderState)
    assert (order.status, order.filled_quote) == ("closed", D("0.004") * 60001)
    assert made.balances(GATE_SPOT, "1")["USDT"].locked == 0
    passive = placed(made, GATE_SPOT, limit("buy", "0.004", "59000", "poc"))
    refusal = made.amend_order(GATE_SPOT, "1", passive.order_id, price=D(60001))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.POC_WOULD_TAKE
    assert made.balances(GATE_SPOT, "1")["USDT"].locked == D("0.004") * 59000
    assert passive.price == 59000


def test_resting_reduce_only_orders_never_promise_more_than_the_position() -> None:
    """Of a larger reduce-only order only the position's size waits in the book; the next one is refused."""
    made = exchange()
    placed(made, GATE_FUTURES, limit("sell", "10", "59990"))
    waiting = placed(made, GATE_FUTURES, limit("buy", "30", "59999.5", "gtc", reduce_only=True))
    assert waiting.is_open
    assert made.depth(GATE_FUTURES, BTC, 1).bids == ((D("59999.5"), D(10)),)
    second = made.place_order(GATE_FUTURES, "1", limit("buy", "1", "59000", "gtc", reduce_only=True))
    assert isinstance(second, Refusal)
    made.external_take(GATE_FUTURES, BTC, "sell", D(50))
    assert made.position("1", BTC).contracts == 0
    assert (waiting.filled, waiting.finish_as) == (D(10), "reduce_out")


def test_events_tell_the_whole_story_in_order() -> None:
    """put, balances, trade, finish; each balance event states the balance after itself."""
    made = exchange()
    events: list[PrivateEvent] = []
    stop = made.subscribe_private(events.append, uid="1")
    placed(made, GATE_SPOT, limit("buy", "0.01", "60001"))
    stop()
    placed(made, GATE_SPOT, limit("buy", "0.01", "60002"))
    kinds = [e.kind if isinstance(e, OrderEvent | BalanceChange) else type(e).__name__ for e in events]
    assert kinds == ["order_create", "put", "order_match", "order_match", "fee", "UserTrade", "finish"]
    puts = [e.order for e in events if isinstance(e, OrderEvent)]
    assert puts[0].filled == 0
    assert puts[-1].filled == D("0.01")
    usdt = [e for e in events if isinstance(e, BalanceChange) and e.asset == "USDT"]
    assert [(e.change, e.locked_change, e.available) for e in usdt] == [
        (D(0), D("600.01"), D("19399.99")),
        (D("-600.01"), D("-600.01"), D("19399.99")),
    ]


def test_transfer_moves_money_once() -> None:
    """A transfer leaves one wallet, arrives in the other, and an overdraft is refused."""
    made = exchange()
    assert isinstance(made.transfer("1", "USDT", GATE_SPOT, GATE_FUTURES, D(100)), int)
    assert made.margin("1").total == 10100
    refusal = made.transfer("1", "USDT", GATE_SPOT, GATE_FUTURES, D(20000))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.BALANCE


def random_request(rng: random.Random, venue: Venue) -> OrderRequest:
    """Something a client might send, sensible or not."""
    side = rng.choice(["buy", "sell"])
    perp = venue == GATE_FUTURES
    quantity = D(rng.randint(1, 150)) if perp else D(rng.randint(50, 20000)) * D("0.000001")
    roll = rng.random()
    if roll < 0.1 and side == "buy" and not perp:
        return OrderRequest(BTC, "buy", "market", "ioc", quote_amount=D(rng.randint(3, 900)))
    if roll < 0.2 and (perp or side == "sell"):
        return OrderRequest(BTC, side, "market", "ioc", quantity, reduce_only=perp and rng.random() < 0.3)  # type: ignore[arg-type]  # drawn literal
    price = D(60000 + rng.randint(-40, 40)) / (10 if rng.random() < 0.05 else 1)
    tif = rng.choice(["gtc", "gtc", "ioc", "fok", "poc"])
    return OrderRequest(BTC, side, "limit", tif, quantity, price, reduce_only=perp and rng.random() < 0.2)  # type: ignore[arg-type]  # drawn literal


def random_step(made: Exchange, rng: random.Random, number: int) -> None:
    """One thing that can happen to an exchange."""
    venue, uid = rng.choice(VENUES), rng.choice(["1", "2"])
    roll = rng.random()
    quantity = D(rng.randint(1, 300)) if venue == GATE_FUTURES else D(rng.randint(1, 9000)) * D("0.000001")
    if roll < 0.45:
        made.place_order(venue, uid, random_request(rng, venue))
    elif roll < 0.6:
        made.external_take(venue, BTC, rng.choice(["buy", "sell"]), quantity)
    elif roll < 0.8:
        price = D(60000 + rng.randint(-30, 30))
        made.external_place(venue, BTC, f"x{number}", rng.choice(["buy", "sell"]), price, quantity)
    elif roll < 0.9 and made.open_orders(venue, uid):
        made.cancel_order(venue, uid, rng.choice(made.open_orders(venue, uid)).order_id)
    elif roll < 0.95:
        set_mark(made, str(D(6000000 + rng.randint(-4000, 4000)) / 100), str(D(rng.randint(-300, 300)) / 1000000))
        made.settle_funding(BTC)
    elif made.open_orders(venue, uid):
        order = rng.choice(made.open_orders(venue, uid))
        made.amend_order(venue, uid, order.order_id, price=order.price + rng.randint(-3, 3))
    made.commit()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**9))
def test_no_asset_is_ever_made_or_lost(seed: int) -> None:
    """Through hundreds of random commands every asset's sum over all accounts is constant, to the last digit."""
    made, rng = exchange("1", "2"), random.Random(seed)
    if rng.random() < 0.5:
        made.state.fee_policy[MEXC_SPOT] = "MX"
    events: list[PrivateEvent] = []
    made.subscribe_private(events.append)
    before = made.state.accounts.totals()
    for number in range(300):
        random_step(made, rng, number)
        assert made.state.accounts.totals() == before
    for uid in ("1", "2"):
        check_account(made, uid)
    contracts = sum(a.positions[BTC].contracts for a in made.state.accounts.by_uid.values() if BTC in a.positions)
    assert contracts == 0
    assert any(isinstance(e, UserTrade) for e in events)
    assert any(isinstance(e, PositionState) for e in events)


def check_account(made: Exchange, uid: str) -> None:
    """Ledger rows chain from zero to the balance; locks are exactly what open orders need; fills add up to orders."""
    account = made.account(uid)
    for (venue, asset), held in account.balances.items():
        rows = [row for row in account.ledger if (row.venue, row.asset) == (venue, asset)]
        total = D(0)
        for row in rows:
            total += row.change
            assert row.balance == total
        assert total == held.total
        locks = sum(o.locked for o in made.open_orders(venue, uid) if o.locked_asset == asset)
        assert locks == held.locked
    for venue in VENUES:
        for order in made.orders(venue, uid):
            fills = made.trades(venue, uid, order_id=order.order_id)
            assert sum(fill.quantity for fill in fills) == order.filled
            assert order.is_open == (order in made.open_orders(venue, uid))
            assert order.locked == 0 or order.is_open
    signed = sum(f.quantity * (1 if f.side == "buy" else -1) for f in made.trades(GATE_FUTURES, uid))
    assert made.position(uid, BTC).contracts == signed


@given(st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(50_000, 70_000)), min_size=1, max_size=40))
def test_realised_profit_telescopes(fills: list[tuple[int, int]]) -> None:
    """Profit realised over any chain of fills, plus the cost of what is left, is what was sold less what was bought."""
    position = PositionState("1", BTC, multiplier=D("0.0001"))
    realised, value = D(0), D(0)
    for contracts, price in fills:
        profit, _ = perpetual.fill(position, D(contracts), D(price), 0)
        realised += profit
        value += D(contracts) * D(price) * D("0.0001")
    assert realised == position.cost - value
    assert position.contracts == sum(contracts for contracts, _ in fills)
