"""gate-api (official, REST): a spot order's whole life, and money to the last digit."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import gate_api
import pytest
from fakes_server import Fakes
from gate_client import PAIR, SETTLE, SPOT_TICK, Gate, refusal

D = Decimal
LOT = D("0.000001")
TRIES = 20
"""How often a price that the market may move away from is tried."""


@pytest.fixture
def gate(fakes: Fakes) -> Iterator[Gate]:
    """The trader's client, without open orders before and after."""
    client = Gate(fakes, fakes.key, fakes.secret)
    yield client
    client.spot.cancel_orders(currency_pair=PAIR)
    assert client.departures() == []


@pytest.fixture
def maker(fakes: Fakes) -> Iterator[Gate]:
    """A second account, so that orders can be met at a known price."""
    client = Gate(fakes, fakes.maker_key, fakes.maker_secret)
    yield client
    client.spot.cancel_orders(currency_pair=PAIR)


def passive(gate: Gate) -> Decimal:
    """A price to buy at that nobody will sell at soon, within the venue's band."""
    return (gate.best()[0] * D("0.97")).quantize(SPOT_TICK)


def expected(trades: list[Any], before: dict[str, Decimal]) -> dict[str, Decimal]:
    """What balances must be after these fills and their fees."""
    after = dict(before)
    for trade in trades:
        sign = 1 if trade.side == "buy" else -1
        after["BTC"] = after.get("BTC", D(0)) + sign * D(trade.amount)
        after["USDT"] = after.get("USDT", D(0)) - sign * D(trade.amount) * D(trade.price)
        after[trade.fee_currency] -= D(trade.fee)
    return after


def assert_reconciled(gate: Gate, before: dict[str, Decimal], order: Any) -> list[Any]:
    """Fills of one order explain order and balances to the last digit; returns them."""
    trades = gate.trades_of(order.id)
    assert sum((D(t.amount) for t in trades), D(0)) == D(order.filled_amount or 0)
    assert sum((D(t.amount) * D(t.price) for t in trades), D(0)) == D(order.filled_total or 0)
    assert sum((D(t.fee) for t in trades), D(0)) == D(order.fee)
    assert gate.balances() == expected(trades, before)
    return trades


def test_a_resting_order_reserves_what_it_may_cost(gate: Gate) -> None:
    """Open order: amount times price is locked and nothing is gone; the cancel frees it to the last digit."""
    before = {row.currency: row for row in gate.spot.list_spot_accounts()}
    price = passive(gate)
    order = gate.place("buy", "0.001", price, text="t-rest")
    assert (order.status, order.finish_as, order.left, order.text) == ("open", "open", "0.001", "t-rest")
    locked = {row.currency: row for row in gate.spot.list_spot_accounts()}["USDT"]
    assert D(locked.locked) - D(before["USDT"].locked) == price * D("0.001")
    assert D(before["USDT"].available) - D(locked.available) == price * D("0.001")
    done = gate.spot.cancel_order(order.id, PAIR)
    assert (done.status, done.finish_as, D(done.left)) == ("cancelled", "cancelled", D("0.001"))
    freed = {row.currency: row for row in gate.spot.list_spot_accounts()}["USDT"]
    assert (freed.available, freed.locked) == (before["USDT"].available, before["USDT"].locked)


def test_a_create_answers_201(gate: Gate) -> None:
    """Status of a create is 201, of everything else 200."""
    order = gate_api.Order(currency_pair=PAIR, side="buy", amount="0.001", price=str(passive(gate)), account="spot")
    _, status, _ = gate.spot.create_order_with_http_info(order)
    _, read, _ = gate.spot.list_orders_with_http_info(PAIR, "open")
    assert (status, read) == (201, 200)


def test_an_open_order_is_found_by_id_by_text_and_in_lists(gate: Gate) -> None:
    """Four ways to the same order."""
    order = gate.place("buy", "0.001", passive(gate), text="t-find.me_1-A")
    assert gate.spot.get_order(order.id, PAIR).id == order.id
    assert gate.spot.get_order("t-find.me_1-A", PAIR).id == order.id
    assert [row.id for row in gate.spot.list_orders(PAIR, "open")] == [order.id]
    [group] = gate.spot.list_all_open_orders()
    assert (group.currency_pair, group.total, [row.id for row in group.orders]) == (PAIR, 1, [order.id])


def test_an_ended_order_is_listed_as_finished(gate: Gate) -> None:
    """It leaves the open list and leads the finished one."""
    order = gate.place("buy", "0.001", passive(gate))
    gate.spot.cancel_order(order.id, PAIR)
    assert gate.spot.list_orders(PAIR, "open") == []
    assert gate.spot.list_orders(PAIR, "finished")[0].id == order.id
    assert gate.spot.get_order(order.id, PAIR).status == "cancelled"


def test_a_market_buy_spends_quote(gate: Gate) -> None:
    """Amount and left are quote; what was bought is floored to the lot; the fee is bought coin, unrounded."""
    before = gate.balances()
    order = gate.place("buy", "25")
    assert (order.type, order.amount, order.finish_as) == ("market", "25", "filled")
    assert D(order.filled_amount) % LOT == 0
    assert D(order.left) == 25 - D(order.filled_total)
    trades = assert_reconciled(gate, before, order)
    assert {(t.fee_currency, t.role) for t in trades} == {("BTC", "taker")}
    rate = D(gate.spot.get_fee(currency_pair=PAIR).taker_fee)
    assert all(D(t.fee) == D(t.amount) * rate for t in trades)


def test_a_market_sell_spends_base(gate: Gate) -> None:
    """Amount is base; the fee is quote, unrounded."""
    gate.place("buy", "60")
    before = gate.balances()
    order = gate.place("sell", "0.0005")
    assert (order.status, order.finish_as, D(order.left)) == ("closed", "filled", 0)
    trades = assert_reconciled(gate, before, order)
    rate = D(gate.wallet.get_trade_fee(currency_pair=PAIR).taker_fee)
    assert all((t.fee_currency, D(t.fee)) == ("USDT", D(t.amount) * D(t.price) * rate) for t in trades)


def test_an_ioc_takes_what_is_there_and_ends(gate: Gate) -> None:
    """More than the first level holds: some is filled, the rest is cancelled with finish_as ioc."""
    before = gate.balances()
    order = gate.place("buy", "0.2", gate.best()[1], time_in_force="ioc")
    assert (order.status, order.finish_as) == ("cancelled", "ioc")
    assert D(order.left) == D("0.2") - D(order.filled_amount)
    assert_reconciled(gate, before, order)


def test_a_passive_ioc_is_accepted_and_ends_empty(gate: Gate) -> None:
    """No refusal, no fill."""
    order = gate.place("buy", "0.001", passive(gate), time_in_force="ioc")
    assert (order.status, order.finish_as, D(order.left)) == ("cancelled", "ioc", D("0.001"))
    assert order.avg_deal_price is None


def test_an_aggressive_ioc_fills_whole(gate: Gate) -> None:
    """A small one above the ask is closed and filled at the book's price or better."""
    limit = (gate.best()[1] * D("1.01")).quantize(SPOT_TICK)
    before = gate.balances()
    order = gate.place("buy", "0.0005", limit, time_in_force="ioc")
    assert (order.status, order.finish_as, D(order.left)) == ("closed", "filled", 0)
    assert all(D(trade.price) <= limit for trade in assert_reconciled(gate, before, order))
    assert D(order.avg_deal_price) == D(order.filled_total) / D(order.filled_amount)


def test_post_only_that_would_take_is_refused(gate: Gate) -> None:
    """400 POC_FILL_IMMEDIATELY, and no order comes into being."""
    newest = [row.id for row in gate.spot.list_orders(PAIR, "finished")][:1]
    limit = (gate.best()[1] * D("1.01")).quantize(SPOT_TICK)
    error = refusal(gate.place, "buy", "0.001", limit, time_in_force="poc")
    assert (error.status, error.label) == (400, "POC_FILL_IMMEDIATELY")
    assert gate.spot.list_orders(PAIR, "open") == []
    assert [row.id for row in gate.spot.list_orders(PAIR, "finished")][:1] == newest


def test_post_only_that_rests_is_open(gate: Gate) -> None:
    """A passive one is an ordinary open order."""
    assert gate.place("buy", "0.001", passive(gate), time_in_force="poc").status == "open"


def test_fok_is_all_or_a_refusal(gate: Gate) -> None:
    """400 FOK_NOT_FILL when the book is too thin at that price; filled whole otherwise."""
    error = refusal(gate.place, "buy", "0.3", gate.best()[0], time_in_force="fok")
    assert (error.status, error.label) == (400, "FOK_NOT_FILL")
    limit = (gate.best()[1] * D("1.01")).quantize(SPOT_TICK)
    assert gate.place("buy", "0.0005", limit, time_in_force="fok").finish_as == "filled"


def test_two_accounts_meet_and_each_pays_its_fee(gate: Gate, maker: Gate) -> None:
    """The resting side is maker, the other taker; both accounts reconcile to the last digit."""
    gate.place("buy", "100")
    for _ in range(TRIES):
        before, before_maker = gate.balances(), maker.balances()
        bid, ask = gate.best()
        resting = maker.place("buy", "0.001", bid + SPOT_TICK if bid + SPOT_TICK < ask else bid)
        order = gate.place("sell", "0.001", resting.price, time_in_force="ioc")
        met = maker.spot.get_order(resting.id, PAIR)
        trades = maker.trades_of(resting.id)
        shared = {trade.id for trade in trades} & {trade.id for trade in gate.trades_of(order.id)}
        if shared:
            break
        maker.spot.cancel_orders(currency_pair=PAIR)
    assert {trade.role for trade in trades} == {"maker"}
    assert_reconciled(maker, before_maker, met)
    assert_reconciled(gate, before, order)
    assert shared
    rate = D(maker.spot.get_fee().maker_fee)
    assert all(D(trade.fee) == D(trade.amount) * rate for trade in trades)


@pytest.mark.parametrize(("side", "amount"), [("buy", "5"), ("sell", "5")])
def test_more_than_the_balance(gate: Gate, side: str, amount: str) -> None:
    """400 BALANCE_NOT_ENOUGH for the quote of a buy and the base of a sell; nothing is reserved."""
    before = gate.spot.list_spot_accounts()
    price = passive(gate) if side == "buy" else gate.best()[1]
    error = refusal(gate.place, side, amount, price)
    assert (error.status, error.label) == (400, "BALANCE_NOT_ENOUGH")
    assert gate.spot.list_spot_accounts() == before


@pytest.mark.parametrize("name", ["get_order", "cancel_order"])
def test_an_unknown_order(gate: Gate, name: str) -> None:
    """404 ORDER_NOT_FOUND."""
    error = refusal(getattr(gate.spot, name), "123456789", PAIR)
    assert (error.status, error.label) == (404, "ORDER_NOT_FOUND")


def test_an_unknown_order_cannot_be_amended(gate: Gate) -> None:
    """404 ORDER_NOT_FOUND."""
    patch = gate_api.OrderPatch(currency_pair=PAIR, price="50000")
    assert refusal(gate.spot.amend_order, "123456789", patch).label == "ORDER_NOT_FOUND"


def test_an_ended_order_cannot_be_cancelled_again(gate: Gate) -> None:
    """404 ORDER_NOT_FOUND."""
    order = gate.place("buy", "0.001", passive(gate))
    gate.spot.cancel_order(order.id, PAIR)
    assert refusal(gate.spot.cancel_order, order.id, PAIR).label == "ORDER_NOT_FOUND"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "below the minimum": ({"amount": "0.00002"}, "INVALID_PARAM_VALUE"),
    "too many price decimals": ({"price": "50000.123"}, "INVALID_PRECISION"),
    "too many amount decimals": ({"amount": "0.0010000001"}, "INVALID_PRECISION"),
    "a text without t-": ({"text": "mine"}, "INVALID_PARAM_VALUE"),
    "a text of 29 after t-": ({"text": "t-" + "x" * 29}, "INVALID_PARAM_VALUE"),
    "a text with a blank": ({"text": "t-a b"}, "INVALID_PARAM_VALUE"),
    "a negative amount": ({"amount": "-1"}, "INVALID_PARAM_VALUE"),
    "an amount that is no number": ({"amount": "lots"}, "INVALID_PARAM_VALUE"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_orders(gate: Gate, case: str) -> None:
    """400, with the label of the mistake; nothing comes into being."""
    fields, label = BAD[case]
    wanted = {"amount": "0.001", "price": "59000", **fields}
    error = refusal(gate.place, "buy", wanted.pop("amount"), wanted.pop("price"), **wanted)
    assert (error.status, error.label) == (400, label)
    assert gate.spot.list_orders(PAIR, "open") == []


def test_amending_price_and_amount(gate: Gate) -> None:
    """The id stays, the amendment shows, and what is reserved follows."""
    price = passive(gate)
    order = gate.place("buy", "0.002", price, text="t-amend")
    less = gate.spot.amend_order(order.id, gate_api.OrderPatch(currency_pair=PAIR, amount="0.001", amend_text="t-why"))
    assert (less.id, less.amount, D(less.left), less.amend_text) == (order.id, "0.001", D("0.001"), "t-why")
    lower = gate.spot.amend_order("t-amend", gate_api.OrderPatch(currency_pair=PAIR, price=str(price - 1)))
    assert (lower.id, D(lower.price)) == (order.id, price - 1)
    [usdt] = [row for row in gate.spot.list_spot_accounts() if row.currency == "USDT"]
    assert D(usdt.locked) == (price - 1) * D("0.001")


def test_a_batch_answers_item_by_item(gate: Gate) -> None:
    """The good order is placed, the impossible one is refused in its own item, and the whole is a 200."""
    price = str(passive(gate))
    items = [
        gate_api.Order(currency_pair=PAIR, side="buy", amount="0.001", price=price, text="t-b1", account="spot"),
        gate_api.Order(currency_pair=PAIR, side="buy", amount="5", price=price, text="t-b2", account="spot"),
    ]
    good, bad = gate.spot.create_batch_orders(items)
    assert (good.succeeded, good.text, good.status) == (True, "t-b1", "open")
    assert (bad.succeeded, bad.text, bad.label) == (False, "t-b2", "BALANCE_NOT_ENOUGH")
    wanted = [gate_api.CancelBatchOrder(PAIR, good.id), gate_api.CancelBatchOrder(PAIR, "999")]
    first, second = gate.spot.cancel_batch_orders(wanted)
    assert (first.id, first.succeeded) == (good.id, True)
    assert (second.succeeded, second.label) == (False, "ORDER_NOT_FOUND")


def test_a_batch_of_amendments(gate: Gate) -> None:
    """Both orders are changed by one request."""
    price = passive(gate)
    orders = [gate.place("buy", "0.001", price, text=f"t-am{n}") for n in (1, 2)]
    items = [
        gate_api.BatchAmendItem(order_id=order.id, currency_pair=PAIR, price=str(price - 2), account="spot")
        for order in orders
    ]
    assert [(row.succeeded, D(row.price)) for row in gate.spot.amend_batch_orders(items)] == [(True, price - 2)] * 2


def test_cancel_all_of_one_side(gate: Gate) -> None:
    """Only that side goes."""
    gate.place("buy", "70")
    buy = gate.place("buy", "0.001", passive(gate))
    sell = gate.place("sell", "0.0005", (gate.best()[1] * D("1.03")).quantize(SPOT_TICK))
    assert [row.id for row in gate.spot.cancel_orders(currency_pair=PAIR, side="sell")] == [sell.id]
    assert [row.id for row in gate.spot.list_orders(PAIR, "open")] == [buy.id]


def test_the_countdown_is_armed_and_disarmed(gate: Gate) -> None:
    """It answers when it will strike; 0 takes it back; less than 5 s is refused."""
    task = gate_api.CountdownCancelAllSpotTask
    now = gate.spot.get_system_time().server_time
    armed = gate.spot.countdown_cancel_all_spot(task(timeout=30, currency_pair=PAIR))
    assert 25_000 < int(armed.trigger_time) - now < 35_000
    assert int(gate.spot.countdown_cancel_all_spot(task(timeout=0, currency_pair=PAIR)).trigger_time) == 0
    assert refusal(gate.spot.countdown_cancel_all_spot, task(timeout=2)).status == 400


def test_my_trades_are_newest_first_and_can_be_narrowed(gate: Gate) -> None:
    """By pair, by order and by time; a window of more than 30 days is refused."""
    order = gate.place("buy", "20")
    rows = gate.spot.list_my_trades(currency_pair=PAIR)
    assert all(int(a.id) >= int(b.id) for a, b in pairwise(rows))
    assert {row.order_id for row in gate.spot.list_my_trades(currency_pair=PAIR, order_id=order.id)} == {order.id}
    now_s = gate.spot.get_system_time().server_time // 1000
    assert gate.spot.list_my_trades(currency_pair=PAIR, _from=now_s + 100, to=now_s + 200) == []
    far = refusal(gate.spot.list_my_trades, currency_pair=PAIR, _from=now_s - 40 * 86400, to=now_s)
    assert far.label == "INVALID_PARAM_VALUE"


def test_the_ledger_tells_every_change(gate: Gate) -> None:
    """The newest row of a coin has its balance; changes of an order add up to what its fills say."""
    order = gate.place("buy", "20")
    rows = gate.spot.list_spot_account_book(currency="BTC", limit=10)
    assert D(rows[0].balance) == gate.balances()["BTC"]
    assert D(rows[0].balance) - D(rows[0].change) >= 0
    assert {"USDT", "BTC"} <= {row.currency for row in gate.spot.list_spot_account_book(limit=100)}
    assert order.status == "closed"


@pytest.mark.parametrize(("source", "target"), [("spot", "futures"), ("futures", "spot")])
def test_a_transfer_moves_exactly_that_much(gate: Gate, source: str, target: str) -> None:
    """What leaves one wallet arrives in the other."""
    spot, perp = gate.balances()["USDT"], D(gate.futures.list_futures_accounts(SETTLE).total)
    wanted = gate_api.Transfer(currency="USDT", _from=source, to=target, amount="12.5", settle="usdt")
    assert gate.wallet.transfer(wanted).tx_id > 0
    sign = -1 if source == "spot" else 1
    assert gate.balances()["USDT"] == spot + sign * D("12.5")
    assert D(gate.futures.list_futures_accounts(SETTLE).total) == perp - sign * D("12.5")


def test_a_transfer_of_more_than_there_is(gate: Gate) -> None:
    """Refused with 400, and both wallets stay as they are."""
    before = gate.balances()
    wanted = gate_api.Transfer(currency="USDT", _from="spot", to="futures", amount="1000000", settle="usdt")
    assert refusal(gate.wallet.transfer, wanted).status == 400
    assert gate.balances() == before


def test_the_audit_agrees(gate: Gate, fakes: Fakes) -> None:
    """What the SDK reads at the end is what the fakes' own books hold."""
    held = {asset: D(amount) for asset, amount in fakes.audit()["balances"]["gate_spot"].items()}
    assert {asset: amount for asset, amount in gate.balances().items() if amount} == held
