"""How perpetual positions of the Gate fake are shown, changed and ended: modes, tiers, closes, liquidations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

U = "/futures/usdt"
DECIMAL = {"x-gate-size-decimal": "1"}
ME = "10001"


def market_order(size: int, **more: Any) -> dict[str, Any]:
    return {"contract": "BTC_USDT", "size": size, "price": "0", "tif": "ioc"} | more


def set_mark(gate: Any, factor: str) -> None:
    exchange = gate.world.exchange
    mark = exchange.mark("BTC/USDT")
    exchange.set_mark(attrs.evolve(mark, mark=(mark.mark * Decimal(factor)).quantize(Decimal("0.01"))))


async def test_a_close_is_told_and_kept(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """A position that goes flat, or over to the other side, is one row: its profit is the sum of its parts."""
    async with connect("/v4/ws/usdt") as stream:
        await stream.subscribe("futures.position_closes", [ME, "!all"], private=True)
        opened = await gate.ok("POST", f"{U}/orders", body=market_order(4, text="t-in"))
        await gate.ok("POST", f"{U}/orders", body=market_order(2))
        await gate.ok("POST", f"{U}/orders", body=market_order(-9, text="t-out"))
        told = (await stream.next("futures.position_closes", "update"))["result"][0]
        assert (told["side"], told["text"], told["user"]) == ("long", "t-out", ME)
        assert isinstance(told["pnl"], Decimal)
    (row,) = await gate.ok("GET", f"{U}/position_close", "contract=BTC_USDT")
    assert (row["side"], row["text"], row["max_size"], row["accum_size"]) == ("long", "t-out", "6", "6")
    parts = sum(Decimal(row[name]) for name in ("pnl_pnl", "pnl_fund", "pnl_fee"))
    assert Decimal(row["pnl"]) == parts == told["pnl"]
    fills = await gate.ok("GET", f"{U}/my_trades", "contract=BTC_USDT")
    spent = [t for t in fills if t["size"] > 0]
    mean = sum(Decimal(t["price"]) * t["size"] for t in spent) / 6
    assert abs(Decimal(row["long_price"]) - mean) < Decimal("1e-6")
    assert Decimal(row["short_price"]) < Decimal(row["long_price"])
    assert row["first_open_time"] <= row["time"]
    assert opened["text"] == "t-in"
    await gate.ok("POST", f"{U}/orders", body=market_order(0, close=True))
    rows = await gate.ok("GET", f"{U}/position_close")
    assert [row["side"] for row in rows] == ["short", "long"]
    assert (rows[0]["text"], rows[0]["max_size"]) == ("api", "3")
    assert len(await gate.ok("GET", f"{U}/position_close", "side=long&limit=1")) == 1
    assert await gate.ok("GET", f"{U}/position_close", "pnl=profit") == []


async def test_a_liquidation_is_told_to_its_owner_and_to_everybody(
    autojump_clock: Any, gate: Any, connect: Any
) -> None:
    """liquidates, public_liquidates and positions push; REST keeps both views, and statistics count it."""
    await gate.ok("POST", f"{U}/positions/BTC_USDT/leverage", "leverage=50")
    await gate.ok("POST", f"{U}/orders", body=market_order(100, text="t-in"))
    async with connect("/v4/ws/usdt", DECIMAL) as stream:
        await stream.subscribe("futures.liquidates", [ME, "BTC_USDT"], private=True)
        await stream.subscribe("futures.public_liquidates", ["!all"])
        set_mark(gate, "0.97")
        assert gate.world.exchange.liquidate_if_needed(ME)
        own = (await stream.next("futures.liquidates", "update"))["result"][0]
        public = (await stream.next("futures.public_liquidates", "update"))["result"][0]
    assert (own["size"], own["user"], own["contract"], own["left"]) == ("100", ME, "BTC_USDT", "0")
    assert public["size"] == "-100"
    assert isinstance(own["order_id"], int)
    (row,) = await gate.ok("GET", f"{U}/liquidates", "contract=BTC_USDT")
    assert (row["size"], row["leverage"], row["order_id"]) == (100, "50", own["order_id"])
    assert all(isinstance(row[name], str) for name in ("margin", "entry_price", "mark_price", "fill_price"))
    (everybody,) = await gate.ok("GET", f"{U}/liq_orders", signed=False)
    assert (everybody["order_size"], everybody["contract"]) == (-100, "BTC_USDT")
    order = await gate.ok("GET", f"{U}/orders/{row['order_id']}")
    assert (order["is_liq"], order["text"], order["finish_as"]) == (True, "liquidation", "liquidated")
    stats = (await gate.ok("GET", f"{U}/contract_stats", "contract=BTC_USDT&interval=1m", signed=False))[-1]
    assert (stats["long_liq_size"], stats["short_liq_size"]) == (100, 0)
    assert Decimal(stats["long_liq_amount"]) == Decimal("0.01")
    (closed,) = await gate.ok("GET", f"{U}/position_close")
    position = await gate.ok("GET", f"{U}/positions/BTC_USDT")
    assert (closed["text"], Decimal(closed["pnl"])) == ("liquidation", Decimal(position["realised_pnl"]))
    assert Decimal(closed["pnl"]) < 0


async def test_a_deleveraging_is_told(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """auto_deleverages pushes what was taken and what is left; REST keeps it."""
    await gate.ok("POST", f"{U}/orders", body=market_order(-10))
    async with connect("/v4/ws/usdt") as stream:
        await stream.subscribe("futures.auto_deleverages", [ME, "!all"], private=True)
        assert gate.world.exchange.deleverage(ME, "BTC/USDT", Decimal(4)) is None
        told = (await stream.next("futures.auto_deleverages", "update"))["result"][0]
    assert (told["trade_size"], told["position_size"], told["user"]) == (4, -6, ME)
    (row,) = await gate.ok("GET", f"{U}/auto_deleverages")
    assert (row["trade_size"], row["position_size"], row["user"]) == (4, -6, 10001)
    assert await gate.ok("GET", f"{U}/auto_deleverages", "at=1") == []
    assert await gate.ok("GET", f"{U}/liquidates") == []


async def test_contract_statistics(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Takers' ratio, open interest and the mark per interval; sizes as the header says; the socket tells the same."""
    gate.world.exchange.external_take("gate_futures", "BTC/USDT", "buy", Decimal(6))
    gate.world.exchange.external_take("gate_futures", "BTC/USDT", "sell", Decimal(3))
    await gate.ok("POST", f"{U}/orders", body=market_order(-3))
    query = "contract=BTC_USDT&interval=1m&limit=1"
    (row,) = await gate.ok("GET", f"{U}/contract_stats", query, signed=False)
    assert (row["lsr_taker"], row["open_interest"], row["top_lsr_size"]) == (1, 3, 1)
    mark = gate.world.exchange.mark("BTC/USDT").mark
    assert (row["mark_price"], row["open_interest_usd"]) == (mark, mark * 3 * Decimal("0.0001"))
    (text,) = await gate.ok("GET", f"{U}/contract_stats", query, signed=False, headers=DECIMAL)
    assert (text["open_interest"], text["long_liq_size"]) == ("3", "0")
    async with connect("/v4/ws/usdt") as stream:
        await stream.subscribe("futures.contract_stats", ["BTC_USDT", "1m"])
        assert (await stream.next("futures.contract_stats", "update"))["result"] == [{"contract": "BTC_USDT"} | row]
        assert (await stream.subscribe("futures.contract_stats", ["BTC_USDT", "2m"]))["error"]["code"] == 2
    for bad in ("interval=3m", "limit=101", "from=x"):
        assert (await gate.call("GET", f"{U}/contract_stats", f"contract=BTC_USDT&{bad}", signed=False)).status == 400
    await trio.sleep(600)
    query = f"contract=BTC_USDT&interval=5m&from={row['time']}"
    rows = await gate.ok("GET", f"{U}/contract_stats", query, signed=False)
    assert [later["time"] - row["time"] for later in rows] == [0, 300, 600]


async def test_tiers(autojump_clock: Any, gate: Any) -> None:
    """The first tier is the contract's own; tables are named by positions; choosing a tier is checked."""
    tiers = await gate.ok("GET", f"{U}/risk_limit_tiers", "contract=BTC_USDT", signed=False)
    contract = await gate.ok("GET", f"{U}/contracts/BTC_USDT", signed=False)
    assert [tier["tier"] for tier in tiers] == list(range(1, len(tiers) + 1))
    assert (tiers[0]["risk_limit"], tiers[0]["leverage_max"]) == (contract["risk_limit_base"], contract["leverage_max"])
    assert (tiers[0]["maintenance_rate"], tiers[-1]["risk_limit"]) == (
        contract["maintenance_rate"], contract["risk_limit_max"]
    )  # fmt: skip
    assert all(isinstance(tier[name], str) for tier in tiers for name in tier if name != "tier")
    everything = await gate.ok("GET", f"{U}/risk_limit_tiers", signed=False)
    assert {tier["contract"] for tier in everything} == {"BTC_USDT"}
    await gate.ok("POST", f"{U}/orders", body=market_order(1))
    position = await gate.ok("GET", f"{U}/positions/BTC_USDT")
    table = await gate.ok("GET", f"{U}/risk_limit_table", f"table_id={position['risk_limit_table']}", signed=False)
    assert table == tiers
    assert (await gate.call("GET", f"{U}/risk_limit_table", "table_id=x", signed=False)).status == 400
    for limit, label in (("200000000", "RISK_LIMIT_TOO_HIGH"), ("1", "RISK_LIMIT_TOO_lOW"), ("x", "INVALID_ARGUMENT")):
        answer = await gate.call("POST", f"{U}/positions/BTC_USDT/risk_limit", f"risk_limit={limit}")
        assert answer.value["label"] == label


@pytest.mark.parametrize("mode", ["dual", "dual_plus"])
async def test_dual_modes_show_two_sides_and_take_no_orders(autojump_clock: Any, gate: Any, mode: str) -> None:
    """Two rows per contract; orders and single-mode calls answer POSITION_DUAL_MODE; the account says its mode."""
    await gate.ok("POST", f"{U}/orders", body=market_order(1))
    refused = await gate.call("POST", f"{U}/set_position_mode", f"position_mode={mode}")
    assert refused.value["label"] == "POSITION_HOLDING"
    await gate.ok("POST", f"{U}/orders", body=market_order(-1, reduce_only=True))
    account = await gate.ok("POST", f"{U}/set_position_mode", f"position_mode={mode}")
    assert (account["position_mode"], account["in_dual_mode"]) == (mode, True)
    assert account["enable_new_dual_mode"] is (mode == "dual_plus")
    again = await gate.call("POST", f"{U}/set_position_mode", f"position_mode={mode}")
    assert again.value["label"] == "NO_CHANGE"
    rows = await gate.ok("GET", f"{U}/positions")
    assert [(row["mode"], row["size"]) for row in rows] == [("dual_long", 0), ("dual_short", 0)]
    rows = await gate.ok("POST", f"{U}/dual_comp/positions/BTC_USDT/leverage", "leverage=0&cross_leverage_limit=7")
    assert [row["cross_leverage_limit"] for row in rows] == ["7", "7"]
    for method, path, query, body in (
        ("POST", "orders", "", market_order(1)),
        ("GET", "positions/BTC_USDT", "", None),
        ("POST", "positions/BTC_USDT/leverage", "leverage=5", None),
        ("POST", "positions/BTC_USDT/margin", "change=5", None),
        ("POST", "positions/cross_mode", "", {"mode": "CROSS", "contract": "BTC_USDT"}),
    ):
        answer = await gate.call(method, f"{U}/{path}", query, body)
        assert (answer.status, answer.value["label"]) == (400, "POSITION_DUAL_MODE"), path
    assert (await gate.call("POST", f"{U}/set_position_mode", "position_mode=split")).status == 400


async def test_isolated_margin_and_leverage(autojump_clock: Any, gate: Any) -> None:
    """Margin moves in and out of an isolated position; a cross one refuses it; the leverage in force is told."""
    await gate.ok("POST", f"{U}/orders", body=market_order(10))
    refused = await gate.call("POST", f"{U}/positions/BTC_USDT/margin", "change=1")
    assert refused.value["label"] == "POSITION_CROSS_MARGIN"
    row = await gate.ok("POST", f"{U}/positions/BTC_USDT/set_leverage", "leverage=20&margin_mode=isolated")
    assert (row["leverage"], row["pos_margin_mode"]) == ("20", "isolated")
    grown = await gate.ok("POST", f"{U}/positions/BTC_USDT/margin", "change=1.5")
    assert Decimal(grown["margin"]) == Decimal(row["margin"]) + Decimal("1.5")
    assert await gate.ok("GET", f"{U}/get_leverage/BTC_USDT") == {"Lever": "20"}
    account = await gate.ok("GET", f"{U}/accounts")
    assert Decimal(account["isolated_position_margin"]) > 0
    for bad in ("change=0", "change=x"):
        assert (await gate.call("POST", f"{U}/positions/BTC_USDT/margin", bad)).status == 400
    bad = await gate.call("POST", f"{U}/positions/BTC_USDT/set_leverage", "leverage=5&margin_mode=half")
    assert bad.value["label"] == "INVALID_ARGUMENT"


async def test_funding_history_is_clamped(autojump_clock: Any, gate: Any) -> None:
    """`from` without `to` means the thirty days after it; older than 180 days is refused; several at once by POST."""
    gate.world.exchange.settle_funding("BTC/USDT")
    now_s = gate.now_s()
    path, name = f"{U}/funding_rate", "contract=BTC_USDT"
    assert len(await gate.ok("GET", path, f"{name}&from={now_s - 86400}", signed=False)) == 1
    assert await gate.ok("GET", path, f"{name}&from={now_s - 40 * 86400}", signed=False) == []
    assert len(await gate.ok("GET", path, f"{name}&from={now_s - 40 * 86400}&to={now_s}", signed=False)) == 1
    answer = await gate.call("GET", path, f"{name}&from={now_s - 181 * 86400}", signed=False)
    assert answer.value == {"label": "INVALID_PARAM_VALUE", "message": "from time exceeds 180-day limit"}
    assert (await gate.call("GET", path, f"{name}&limit=1001", signed=False)).status == 400
    (row,) = await gate.ok("POST", f"{U}/funding_rates", body={"contracts": ["BTC_USDT"]}, signed=False)
    assert (row["contract"], len(row["data"])) == ("BTC_USDT", 1)
    for bad in ({}, {"contracts": []}, {"contracts": [1]}, {"contracts": ["NOPE"]}):
        assert (await gate.call("POST", f"{U}/funding_rates", body=bad, signed=False)).status == 400


async def test_orders_show_what_their_owner_asked(autojump_clock: Any, gate: Any) -> None:
    """Icebergs show their displayed size; a market order's own slip ratio bounds it and its price is 0."""
    body = {"contract": "BTC_USDT", "size": 5, "price": "50000", "iceberg": 2, "text": "t-ice"}
    order = await gate.ok("POST", f"{U}/orders", body=body)
    assert order["iceberg"] == 2
    assert (await gate.ok("GET", f"{U}/orders/t-ice", headers=DECIMAL))["iceberg"] == "2"
    market = await gate.ok("POST", f"{U}/orders", body=market_order(3, market_order_slip_ratio="0.03"))
    assert (market["price"], market["finish_as"], market["text"]) == ("0", "filled", "api")
    nothing = await gate.ok("POST", f"{U}/orders", body=market_order(3, market_order_slip_ratio="0.0000001"))
    assert (nothing["left"], nothing["finish_as"]) == (3, "ioc")
    for change in (
        {"iceberg": -1}, {"iceberg": 9}, {"stp_act": "cn"}, {"action_mode": "SOME"}, {"pos_margin_mode": "x"},
        {"tpsl_tp_trigger_price": "1"}, {"auto_size": "close_long"}, {"reduce_only": "yes"}, {"text": 5},
    ):  # fmt: skip
        answer = await gate.call("POST", f"{U}/orders", body=body | {"text": "t-2"} | change)
        assert (answer.status, answer.value["label"]) == (400, "INVALID_ARGUMENT"), change
        assert "detail" in answer.value
    slip = await gate.call("POST", f"{U}/orders", body=market_order(3, market_order_slip_ratio="1.5"))
    assert slip.value == {"label": "INVALID_ARGUMENT", "detail": "invalid market_order_slip_ratio"}
