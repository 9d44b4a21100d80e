"""gate-api (official, REST): contracts, margin, positions, leverage, and money to the last digit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import gate_api
import pytest
from fakes_server import Fakes
from gate_client import CONTRACT, PERP_TICK, SETTLE, Gate, refusal

D = Decimal
MULTIPLIER = D("0.0001")
ENDED = "finished"


@pytest.fixture
def gate(fakes: Fakes) -> Iterator[Gate]:
    """The trader's client, flat and without open orders before and after."""
    client = Gate(fakes, fakes.key, fakes.secret)
    yield client
    client.futures.cancel_futures_orders(SETTLE, contract=CONTRACT)
    if position(client) != 0:
        client.perp(-position(client), reduce_only=True)
    assert position(client) == 0
    assert client.departures() == []


def position(gate: Gate) -> Decimal:
    """Signed contracts held."""
    return sum((D(row.size) for row in gate.futures.list_positions(SETTLE) if row.contract == CONTRACT), D(0))


def passive(gate: Gate) -> Decimal:
    """A price to buy at that nobody will sell at soon, within the venue's band."""
    return (gate.perp_best()[0] * D("0.97")).quantize(PERP_TICK)


def total(gate: Gate) -> Decimal:
    """The wallet without unrealised profit."""
    return D(gate.futures.list_futures_accounts(SETTLE).total)


def fills_of(gate: Gate, order: Any) -> list[Any]:
    """The fills of one order."""
    return gate.futures.get_my_trades(SETTLE, contract=CONTRACT, order=order.id)


def test_the_account(gate: Gate, fakes: Fakes) -> None:
    """Coin, uid-bound wallet, single position mode, and available no more than the total."""
    account = gate.futures.list_futures_accounts(SETTLE)
    assert (account.currency, account.position_mode, account.in_dual_mode) == ("USDT", "single", False)
    assert D(0) < D(account.available) <= D(account.total)


def test_the_fee_is_the_accounts_not_the_contracts(gate: Gate) -> None:
    """Fee endpoints agree with each other; the contract's own fields are placeholders."""
    fee = gate.futures.get_futures_fee(SETTLE, contract=CONTRACT)[CONTRACT]
    wallet = gate.wallet.get_trade_fee(settle=SETTLE)
    assert D(fee.taker_fee) == D(wallet.futures_taker_fee)
    assert D(fee.maker_fee) == D(wallet.futures_maker_fee)


def test_a_resting_order_and_its_cancel(gate: Gate) -> None:
    """Open with signed left; found four ways; cancelled with finish_as cancelled."""
    order = gate.perp("-5", (gate.perp_best()[1] * D("1.03")).quantize(PERP_TICK), "gtc", text="t-rest")
    assert (order.status, order.size, order.left, order.finish_as) == ("open", "-5", "-5", None)
    assert gate.futures.get_futures_order(SETTLE, str(order.id)).id == order.id
    assert gate.futures.get_futures_order(SETTLE, "t-rest").id == order.id
    assert [row.id for row in gate.futures.list_futures_orders(SETTLE, "open", contract=CONTRACT)] == [order.id]
    done = gate.futures.cancel_futures_order(SETTLE, "t-rest")
    assert (done.status, done.finish_as, done.left) == (ENDED, "cancelled", "-5")
    assert gate.futures.list_futures_orders(SETTLE, "finished", contract=CONTRACT)[0].id == order.id


def test_order_ids_need_all_their_digits(gate: Gate) -> None:
    """Ids are beyond 2^53 and still come back exact."""
    order = gate.perp("1", passive(gate), "gtc")
    assert order.id > 2**53
    assert gate.futures.get_futures_order(SETTLE, str(order.id)).id == order.id


def test_a_create_answers_201(gate: Gate) -> None:
    """Status of a create is 201."""
    order = gate_api.FuturesOrder(contract=CONTRACT, size="1", price=str(passive(gate)), tif="gtc")
    assert gate.futures.create_futures_order_with_http_info(SETTLE, order)[1] == 201


@pytest.mark.parametrize("size", [7, -7])
def test_a_market_order_opens_a_position(gate: Gate, size: int) -> None:
    """Price 0 and ioc: filled whole; the position, its entry price and the fee follow from the fills."""
    before = total(gate)
    order = gate.perp(size)
    assert (order.status, order.finish_as, order.left) == (ENDED, "filled", "0")
    fills = fills_of(gate, order)
    assert sum(D(fill.size) for fill in fills) == size
    value = sum(D(fill.price) * abs(D(fill.size)) * MULTIPLIER for fill in fills)
    rate = D(gate.futures.get_futures_fee(SETTLE, contract=CONTRACT)[CONTRACT].taker_fee)
    assert sum(D(fill.fee) for fill in fills) == value * rate
    assert {(fill.role, fill.order_id) for fill in fills} == {("taker", str(order.id))}
    held = gate.futures.get_position(SETTLE, CONTRACT)
    assert D(held.size) == size
    assert held.mode == "single"
    average = value / (abs(size) * MULTIPLIER)
    assert abs(D(held.entry_price) - average) < D("0.0001")
    assert abs(D(order.fill_price) - average) < D("0.0001")
    assert total(gate) == before - value * rate


def test_closing_books_profit_and_fee_apart(gate: Gate) -> None:
    """The wallet changes by exactly fills, fees and nothing else; the ledger has a row for each."""
    before = total(gate)
    opened, closed = gate.perp(20), gate.perp(-20, reduce_only=True)
    fills = fills_of(gate, opened) + fills_of(gate, closed)
    cash = sum(-D(f.size) * D(f.price) * MULTIPLIER - D(f.fee) for f in fills)
    assert total(gate) == before + cash
    assert closed.is_reduce_only
    assert position(gate) == 0
    kinds = [row.type for row in gate.futures.list_futures_account_book(SETTLE, contract=CONTRACT, limit=20)]
    assert {"fee", "pnl"} <= set(kinds)
    newest = gate.futures.list_futures_account_book(SETTLE, limit=1)[0]
    assert D(newest.balance) == total(gate)


def test_a_fill_through_zero_flips(gate: Gate) -> None:
    """Selling more than is held leaves a short of the rest; close_size tells how much of the fill closed."""
    gate.perp(4)
    order = gate.perp(-10)
    assert position(gate) == -6
    assert sum(D(fill.close_size) for fill in fills_of(gate, order)) == -4


def test_reduce_only_never_opens(gate: Gate) -> None:
    """Without a position it is refused; with one it is cut to what is held."""
    error = refusal(gate.perp, 3, reduce_only=True)
    assert (error.status, error.label) == (400, "INCREASE_POSITION")
    gate.perp(3)
    assert refusal(gate.perp, 3, reduce_only=True).label == "INCREASE_POSITION"
    assert position(gate) == 3


def test_close_ends_the_position(gate: Gate) -> None:
    """Size 0 with close: whatever is held goes."""
    gate.perp(-6)
    order = gate.perp(0, close=True)
    assert order.is_close
    assert position(gate) == 0


def test_post_only_that_would_take_is_refused(gate: Gate) -> None:
    """400 with the text under `detail`."""
    limit = (gate.perp_best()[1] * D("1.01")).quantize(PERP_TICK)
    error = refusal(gate.perp, 1, limit, "poc")
    assert (error.status, error.label) == (400, "ORDER_POC_IMMEDIATE")
    assert '"detail"' in error.body


def test_fok_is_all_or_a_refusal(gate: Gate) -> None:
    """400 ORDER_FOK when the book is too thin at that price."""
    error = refusal(gate.perp, 900, gate.perp_best()[0], "fok")
    assert (error.status, error.label) == (400, "ORDER_FOK")
    assert gate.perp(2, (gate.perp_best()[1] * D("1.01")).quantize(PERP_TICK), "fok").finish_as == "filled"


def test_a_passive_ioc_ends_empty(gate: Gate) -> None:
    """Accepted, finished as ioc, nothing filled."""
    order = gate.perp(3, passive(gate), "ioc")
    assert (order.status, order.finish_as, order.left) == (ENDED, "ioc", "3")


def test_more_than_the_margin(gate: Gate) -> None:
    """400 INSUFFICIENT_AVAILABLE, and nothing is held back."""
    available = gate.futures.list_futures_accounts(SETTLE).available
    gate.futures.update_position_leverage(SETTLE, CONTRACT, "1")
    error = refusal(gate.perp, 900_000, passive(gate), "gtc")
    assert (error.status, error.label) == (400, "INSUFFICIENT_AVAILABLE")
    assert gate.futures.list_futures_accounts(SETTLE).available == available


@pytest.mark.parametrize("name", ["get_futures_order", "cancel_futures_order"])
def test_an_unknown_order(gate: Gate, name: str) -> None:
    """404 ORDER_NOT_FOUND."""
    error = refusal(getattr(gate.futures, name), SETTLE, "999999999999")
    assert (error.status, error.label) == (404, "ORDER_NOT_FOUND")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown contract": ({"contract": "NO_ONE"}, "CONTRACT_NOT_FOUND"),
    "a price off the band": ({"price": "20000"}, "PRICE_TOO_DEVIATED"),
    "a price off the tick": ({"price": "59000.123"}, "INVALID_ARGUMENT"),
    "a bad text": ({"text": "mine"}, "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_orders(gate: Gate, case: str) -> None:
    """400 with the label of the mistake; nothing comes into being."""
    fields, label = BAD[case]
    body = {"contract": CONTRACT, "size": "1", "price": str(passive(gate)), "tif": "gtc", **fields}
    error = refusal(gate.futures.create_futures_order, SETTLE, gate_api.FuturesOrder(**body))
    assert (error.status, error.label) == (400, label)
    assert gate.futures.list_futures_orders(SETTLE, "open") == []


def test_amending_size_and_price(gate: Gate) -> None:
    """The new size is the new total, the id stays."""
    price = passive(gate)
    order = gate.perp(10, price, "gtc")
    less = gate.futures.amend_futures_order(SETTLE, str(order.id), gate_api.FuturesOrderAmendment(size="4"))
    assert (less.id, less.size, less.left) == (order.id, "4", "4")
    change = gate_api.FuturesOrderAmendment(price=str(price - 1), amend_text="t-why")
    lower = gate.futures.amend_futures_order(SETTLE, str(order.id), change)
    assert (D(lower.price), lower.amend_text) == (price - 1, "t-why")


def test_a_batch_answers_item_by_item(gate: Gate) -> None:
    """Placed and refused side by side; the refusal's text is under `detail`."""
    price = str(passive(gate))
    items = [
        gate_api.FuturesOrder(contract=CONTRACT, size="2", price=price, tif="gtc", text="t-b1"),
        gate_api.FuturesOrder(contract=CONTRACT, size="2", price="20000", tif="gtc", text="t-b2"),
    ]
    good, bad = gate.futures.create_batch_futures_order(SETTLE, items)
    assert (good.succeeded, good.status, good.text) == (True, "open", "t-b1")
    assert (bad.succeeded, bad.label) == (False, "PRICE_TOO_DEVIATED")
    assert bad.detail is not None
    first, second = gate.futures.cancel_batch_future_orders(SETTLE, [str(good.id), "999999999999"])
    assert (first.id, first.succeeded) == (str(good.id), True)
    assert (second.succeeded, second.message) == (False, "ORDER_NOT_FOUND")


def test_a_batch_of_amendments(gate: Gate) -> None:
    """Both are changed by one request."""
    price = passive(gate)
    orders = [gate.perp(2, price, "gtc") for _ in range(2)]
    items = [gate_api.BatchAmendOrderReq(order_id=order.id, size=3) for order in orders]
    assert [row.size for row in gate.futures.amend_batch_future_orders(SETTLE, items)] == ["3", "3"]


def test_cancel_all_of_one_side(gate: Gate) -> None:
    """Bids go, the ask stays."""
    bid = gate.perp(1, passive(gate), "gtc")
    ask = gate.perp(-1, (gate.perp_best()[1] * D("1.03")).quantize(PERP_TICK), "gtc")
    gone = gate.futures.cancel_futures_orders(SETTLE, contract=CONTRACT, side="bid")
    assert [row.id for row in gone] == [bid.id]
    assert [row.id for row in gate.futures.list_futures_orders(SETTLE, "open")] == [ask.id]


def test_the_countdown_is_armed_and_disarmed(gate: Gate) -> None:
    """It answers when it will strike; 0 takes it back."""
    task = gate_api.CountdownCancelAllFuturesTask
    armed = gate.futures.countdown_cancel_all_futures(SETTLE, task(timeout=30, contract=CONTRACT))
    assert int(armed.trigger_time) > 0
    assert int(gate.futures.countdown_cancel_all_futures(SETTLE, task(timeout=0)).trigger_time) == 0


@pytest.mark.parametrize("leverage", ["3", "10"])
def test_isolated_leverage_is_set_and_read(gate: Gate, leverage: str) -> None:
    """The position says the leverage that was set, and the margin of a fill follows from it."""
    assert gate.futures.update_position_leverage(SETTLE, CONTRACT, leverage).leverage == leverage
    gate.perp(10)
    held = gate.futures.get_position(SETTLE, CONTRACT)
    assert held.leverage == leverage
    value = D(held.entry_price) * 10 * MULTIPLIER
    assert abs(D(held.initial_margin) - value / D(leverage)) < value * D("0.01")


def test_cross_leverage(gate: Gate) -> None:
    """Leverage 0 with a cross limit."""
    held = gate.futures.update_position_leverage(SETTLE, CONTRACT, "0", cross_leverage_limit="8")
    assert (held.leverage, held.cross_leverage_limit) == ("0", "8")


def test_the_newer_leverage_calls(gate: Gate) -> None:
    """set_leverage and get_leverage agree with the position."""
    gate.futures.update_contract_position_leverage(SETTLE, CONTRACT, "6", "isolated")
    assert gate.futures.get_position(SETTLE, CONTRACT).leverage == "6"
    assert gate.futures.get_leverage(SETTLE, CONTRACT, "isolated", "dual_long").lever == "6"


def test_leverage_beyond_the_contract(gate: Gate) -> None:
    """400 LEVERAGE_TOO_HIGH."""
    assert refusal(gate.futures.update_position_leverage, SETTLE, CONTRACT, "500").label == "LEVERAGE_TOO_HIGH"


def test_margin_is_added_to_an_isolated_position(gate: Gate) -> None:
    """Margin goes up by what was added, the liquidation price moves away."""
    gate.futures.update_position_leverage(SETTLE, CONTRACT, "10")
    gate.perp(10)
    before = gate.futures.get_position(SETTLE, CONTRACT)
    after = gate.futures.update_position_margin(SETTLE, CONTRACT, "5")
    assert D(after.margin) - D(before.margin) == 5
    assert D(after.liq_price) < D(before.liq_price)


def test_position_mode_is_refused_while_something_is_held(gate: Gate) -> None:
    """Unchanged: NO_CHANGE; with a position: POSITION_HOLDING; with an order: ORDER_PENDING."""
    assert refusal(gate.futures.set_position_mode, SETTLE, "single").label == "NO_CHANGE"
    gate.perp(1)
    assert refusal(gate.futures.set_position_mode, SETTLE, "dual").label == "POSITION_HOLDING"
    gate.perp(-1)
    gate.perp(1, passive(gate), "gtc")
    assert refusal(gate.futures.set_position_mode, SETTLE, "dual").label == "ORDER_PENDING"


def test_dual_mode_and_back(gate: Gate) -> None:
    """Flat and without orders, the mode can be changed by either call, which refuse single-mode calls meanwhile."""
    assert gate.futures.set_dual_mode(SETTLE, True).in_dual_mode
    try:
        assert len(gate.futures.get_dual_mode_position(SETTLE, CONTRACT)) == 2
    finally:
        assert gate.futures.set_position_mode(SETTLE, "single").position_mode == "single"


def test_history_by_time(gate: Gate) -> None:
    """Orders and trades of a window are the ones of the plain lists."""
    order = gate.perp(1)
    assert order.id in {row.id for row in gate.futures.get_orders_with_time_range(SETTLE, contract=CONTRACT)}
    trades = gate.futures.get_my_trades_with_time_range(SETTLE, contract=CONTRACT)
    assert str(order.id) in {row.order_id for row in trades}


def test_what_never_happened_is_an_empty_list(gate: Gate) -> None:
    """No liquidations, no deleveraging; closed positions are listed."""
    gate.perp(1)
    gate.perp(-1)
    assert gate.futures.list_liquidates(SETTLE) == []
    assert gate.futures.list_auto_deleverages(SETTLE) == []
    assert CONTRACT in {row.contract for row in gate.futures.list_position_close(SETTLE)}


def test_pages_and_their_headers(gate: Gate) -> None:
    """limit and offset walk through the trades; the headers repeat them."""
    for _ in range(3):
        gate.perp(1)
    whole = gate.futures.get_my_trades(SETTLE, contract=CONTRACT, limit=3)
    second, _, headers = gate.futures.get_my_trades_with_http_info(SETTLE, contract=CONTRACT, limit=1, offset=1)
    assert [row.id for row in second] == [whole[1].id]
    assert (headers["X-Pagination-Limit"], headers["X-Pagination-Offset"]) == ("1", "1")


def test_without_the_header_sizes_are_integers(gate: Gate, fakes: Fakes) -> None:
    """Older clients do not send X-Gate-Size-Decimal and get JSON integers."""
    gate.perp(2)
    older = Gate(fakes, fakes.key, fakes.secret)
    del older.client.default_headers["X-Gate-Size-Decimal"]
    raw = json.loads(older.futures.list_positions(SETTLE, _preload_content=False).data)
    assert [row["size"] for row in raw if row["contract"] == CONTRACT] == [2]


def test_the_audit_agrees(gate: Gate, fakes: Fakes) -> None:
    """What the SDK reads is what the fakes' own books hold."""
    assert total(gate) == D(fakes.audit()["balances"]["gate_futures"]["USDT"])
