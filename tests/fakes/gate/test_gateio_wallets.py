"""Coins, wallets and products beside spot and perpetuals of the Gate fake, and who may ask for them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

U = "/futures/usdt"


async def test_coins_come_from_the_markets(autojump_clock: Any, gate: Any) -> None:
    """Every coin of a market is listed once, with chains; an unknown one is 400 INVALID_CURRENCY."""
    rows = await gate.ok("GET", "/spot/currencies", signed=False)
    assert [row["currency"] for row in rows] == ["USDT", "BTC"]
    one = await gate.ok("GET", "/spot/currencies/BTC", signed=False)
    assert one == rows[1]
    assert isinstance(one["delisted"], bool)
    assert {"name", "withdraw_disabled", "deposit_disabled", "withdraw_delayed", "addr"} == set(one["chains"][0])
    for path, query in (("/spot/currencies/NOPE", ""), ("/wallet/currency_chains", "currency=NOPE")):
        answer = await gate.call("GET", path, query, signed=False)
        assert (answer.status, answer.value["label"]) == (400, "INVALID_CURRENCY")
    assert len(await gate.ok("GET", "/unified/currencies", "currency=BTC", signed=False)) == 1
    (status,) = await gate.ok("GET", "/wallet/withdraw_status", "currency=USDT")
    assert status["withdraw_fix_on_chains"] == {"ETH": "0"}


async def test_total_balance_adds_the_wallets(autojump_clock: Any, gate: Any) -> None:
    """Spot and perpetual money together, coins at their last price, open profit beside it."""
    before = await gate.ok("GET", "/wallet/total_balance")
    assert Decimal(before["total"]["amount"]) == 30000
    details = {name: Decimal(row["amount"]) for name, row in before["details"].items()}
    assert (details["spot"], details["futures"], details["margin"]) == (20000, 10000, 0)
    body = {"currency_pair": "BTC_USDT", "type": "market", "side": "buy", "amount": "1000", "time_in_force": "ioc"}
    await gate.ok("POST", "/spot/orders", body=body)
    after = await gate.ok("GET", "/wallet/total_balance", "currency=USDT")
    assert 29990 < Decimal(after["total"]["amount"]) < 30000
    assert (await gate.call("GET", "/wallet/total_balance", "currency=BTC")).value["label"] == "INVALID_CURRENCY"


async def test_a_transfer_can_be_looked_up(autojump_clock: Any, gate: Any) -> None:
    """The id of a transfer is known afterwards; another one is not."""
    body = {"currency": "USDT", "from": "spot", "to": "futures", "amount": "5", "settle": "usdt"}
    moved = await gate.ok("POST", "/wallet/transfers", body=body)
    found = await gate.ok("GET", "/wallet/order_status", f"tx_id={moved['tx_id']}")
    assert found == {"tx_id": str(moved["tx_id"]), "status": "SUCCESS"}
    assert (await gate.call("GET", "/wallet/order_status", "tx_id=1")).status == 400


async def test_other_settle_currencies_are_empty(autojump_clock: Any, gate: Any) -> None:
    """A wallet of zeros in the settle currency, no position, and no contract of any name."""
    for base, currency in (("/futures/btc", "BTC"), ("/futures/usd1", "USD1"), ("/delivery/usdt", "USDT")):
        account = await gate.ok("GET", f"{base}/accounts")
        assert (account["currency"], account["total"], account["user"]) == (currency, "0", 10001)
        assert account["position_mode"] == "single"
        assert await gate.ok("GET", f"{base}/positions") == []
        for path in ("tickers", "order_book", "contracts/BTC_USD"):
            answer = await gate.call("GET", f"{base}/{path}", "contract=BTC_USD", signed=False)
            assert (answer.status, answer.value) == (400, {"label": "CONTRACT_NOT_FOUND"})


async def test_an_unified_account_says_so_everywhere(autojump_clock: Any, gate: Any) -> None:
    """Mode, key and orders agree; its money is in /unified/accounts."""
    gate.app.settings.account_mode = "unified"
    assert (await gate.ok("GET", "/unified/unified_mode"))["mode"] == "multi_currency"
    assert (await gate.ok("GET", "/account/main_keys"))["mode"] == 2
    assert Decimal((await gate.ok("GET", "/unified/accounts"))["unified_account_total"]) == 30000
    body = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "50000", "account": "unified"}
    assert (await gate.ok("POST", "/spot/orders", body=body))["account"] == "unified"


async def test_addresses_may_be_bound(autojump_clock: Any, gate: Any) -> None:
    """A caller that is not on the list is 403 FORBIDDEN, message first; public paths stay open."""
    gate.app.settings.ip_whitelist = ("203.0.113.7",)
    answer = await gate.call("GET", "/spot/accounts")
    assert (answer.status, answer.value["label"]) == (403, "FORBIDDEN")
    assert list(answer.value) == ["message", "label"]
    assert answer.value["message"] == "Request IP not in whitelist: 127.0.0.1"
    await gate.ok("GET", "/spot/time", signed=False)


async def test_the_missing_header_is_named(autojump_clock: Any, gate: Any) -> None:
    """Timestamp first, then KEY, then SIGN; never before the others are there."""
    stamp = str(gate.now_s())
    for headers, name in (
        ({}, "Timestamp"),
        ({"key": "fake-key", "sign": "0"}, "Timestamp"),
        ({"timestamp": stamp, "sign": "0"}, "KEY"),
        ({"timestamp": stamp, "key": "fake-key"}, "SIGN"),
    ):
        answer = await gate.call("GET", "/spot/accounts", signed=False, headers=headers)
        assert (answer.status, answer.value["label"]) == (400, "MISSING_REQUIRED_HEADER")
        assert answer.value["message"] == f"Missing required header: {name}"


async def test_spot_orders_show_what_their_owner_asked(autojump_clock: Any, gate: Any) -> None:
    """Displayed size and amend text are shown back; unknown modes and accounts are refused."""
    body = {"text": "t-1", "currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "50000"}
    order = await gate.ok("POST", "/spot/orders", body=body | {"iceberg": "0.0004", "auto_borrow": False})
    assert order["iceberg"] == "0.0004"
    short = await gate.ok("POST", "/spot/orders", body=body | {"text": "t-2", "action_mode": "ACK"})
    assert set(short) == {"id", "text", "amend_text"}
    result = await gate.ok("POST", "/spot/orders", body=body | {"text": "t-3", "action_mode": "RESULT"})
    assert not [name for name in result if "fee" in name]
    for change in ({"action_mode": "SOME"}, {"iceberg": "-1"}, {"auto_borrow": "yes"}, {"account": "margin"}):
        answer = await gate.call("POST", "/spot/orders", body=body | {"text": "t-4"} | change)
        assert answer.value["label"] == "INVALID_PARAM_VALUE", change
    query = "currency_pair=BTC_USDT&status=open"
    assert await gate.ok("GET", "/spot/orders", f"{query}&account=margin") == []
    assert len(await gate.ok("GET", "/spot/orders", f"{query}&account=spot")) == 3
    for bad in ("account=x", "limit=101", "page=x"):
        assert (await gate.call("GET", "/spot/orders", f"{query}&{bad}")).status == 400


async def test_ledgers_honour_their_parameters(autojump_clock: Any, gate: Any) -> None:
    """Types, times and codes filter the spot ledger and the perpetual one; bad values are refused."""
    await gate.ok("POST", f"{U}/orders", body={"contract": "BTC_USDT", "size": 2, "price": "0", "tif": "ioc"})
    body = {"currency_pair": "BTC_USDT", "type": "market", "side": "buy", "amount": "50", "time_in_force": "ioc"}
    await gate.ok("POST", "/spot/orders", body=body)
    fees = await gate.ok("GET", "/spot/account_book", "type=order_fee")
    assert {row["type"] for row in fees} == {"order_fee"}
    assert await gate.ok("GET", "/spot/account_book", f"to={gate.now_s() - 10}") == []
    assert await gate.ok("GET", "/spot/account_book", "code=2") == []
    assert len(await gate.ok("GET", "/spot/account_book", "limit=1")) == 1
    assert {row["type"] for row in await gate.ok("GET", f"{U}/account_book", "type=fee")} == {"fee"}
    for path in ("/spot/account_book", f"{U}/account_book"):
        for bad in ("limit=1001", "from=x"):
            answer = await gate.call("GET", path, bad)
            assert (answer.status, json.dumps(answer.value).count("Invalid parameter")) == (400, 1)
