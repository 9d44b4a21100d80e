"""Every endpoint, channel and API channel that Gate's documents name for spot and USDT perpetuals is served."""

from __future__ import annotations

from typing import Any

SPOT_SOCKET, FUTURES_SOCKET = "/ws/v4/", "/v4/ws/usdt"
U = "/futures/usdt"
PAIR, CONTRACT = "currency_pair=BTC_USDT", "contract=BTC_USDT"
PUBLIC = [
    ("/spot/time", ""),
    ("/spot/currency_pairs", ""),
    ("/spot/currency_pairs/BTC_USDT", ""),
    ("/spot/currencies", ""),
    ("/spot/currencies/BTC", ""),
    ("/spot/order_book", f"{PAIR}&interval=0&limit=10&with_id=true"),
    ("/spot/tickers", ""),
    ("/spot/trades", f"{PAIR}&limit=1000&page=1"),
    ("/spot/candlesticks", f"{PAIR}&interval=1m&limit=10"),
    ("/spot/insurance_history", "business=margin&currency=BTC&from=1&to=2"),
    ("/margin/uni/currency_pairs", ""),
    ("/margin/currency_pairs", ""),
    ("/unified/currencies", ""),
    ("/wallet/currency_chains", "currency=USDT"),
    (f"{U}/contracts", ""),
    (f"{U}/contracts/BTC_USDT", ""),
    (f"{U}/order_book", f"{CONTRACT}&interval=0&limit=300&with_id=true"),
    (f"{U}/tickers", CONTRACT),
    (f"{U}/trades", f"{CONTRACT}&limit=10&offset=0"),
    (f"{U}/candlesticks", f"{CONTRACT}&interval=1m&limit=2000"),
    (f"{U}/candlesticks", "contract=mark_BTC_USDT&interval=1m"),
    (f"{U}/candlesticks", "contract=index_BTC_USDT&interval=1m"),
    (f"{U}/funding_rate", f"{CONTRACT}&limit=1000"),
    (f"{U}/premium_index", CONTRACT),
    (f"{U}/risk_limit_tiers", CONTRACT),
    (f"{U}/risk_limit_table", "table_id=BTC_USDT_TIERS"),
    (f"{U}/contract_stats", CONTRACT),
    (f"{U}/insurance", ""),
    (f"{U}/index_constituents/BTC_USDT", ""),
    (f"{U}/liq_orders", ""),
    ("/futures/btc/contracts", ""),
    ("/futures/btc/tickers", ""),
    ("/futures/usd1/contracts", ""),
    ("/delivery/usdt/contracts", ""),
    ("/delivery/btc/tickers", ""),
    ("/options/underlyings", ""),
    ("/options/expirations", "underlying=BTC_USDT"),
    ("/options/contracts", "underlying=BTC_USDT"),
    ("/earn/uni/currencies", ""),
    ("/flash_swap/currencies", ""),
]
PRIVATE = [
    ("/spot/accounts", "currency=USDT"),
    ("/spot/account_book", "currency=USDT&page=1&limit=10"),
    ("/spot/fee", PAIR),
    ("/spot/batch_fee", "currency_pairs=BTC_USDT"),
    ("/spot/orders", f"{PAIR}&status=open&page=1&limit=100"),
    ("/spot/orders", "status=finished&side=buy&from=1&to=2000000000"),
    ("/spot/open_orders", "page=1&limit=10"),
    ("/spot/my_trades", f"{PAIR}&limit=1000&page=1"),
    ("/spot/price_orders", "status=open"),
    ("/wallet/fee", "settle=usdt"),
    ("/wallet/total_balance", "currency=USDT"),
    ("/wallet/deposits", "limit=10&offset=0"),
    ("/wallet/withdrawals", ""),
    ("/wallet/withdraw_status", ""),
    ("/wallet/deposit_address", "currency=USDT"),
    ("/wallet/sub_account_balances", ""),
    ("/wallet/sub_account_transfers", ""),
    ("/wallet/saved_address", "currency=USDT"),
    ("/account/detail", ""),
    ("/account/main_keys", ""),
    ("/account/rate_limit", ""),
    ("/account/stp_groups", ""),
    ("/account/debit_fee", ""),
    ("/sub_accounts", ""),
    ("/unified/unified_mode", ""),
    ("/unified/risk_units", ""),
    ("/unified/borrowable", "currency=BTC"),
    ("/unified/transferable", "currency=BTC"),
    ("/unified/loans", ""),
    ("/margin/accounts", ""),
    ("/margin/funding_accounts", ""),
    ("/margin/auto_repay", ""),
    ("/margin/cross/accounts", ""),
    (f"{U}/accounts", ""),
    (f"{U}/account_book", f"{CONTRACT}&limit=10&offset=0&type=fee"),
    (f"{U}/positions", "holding=true&limit=100&offset=0"),
    (f"{U}/get_leverage/BTC_USDT", "pos_margin_mode=cross&dual_side=dual_long"),
    (f"{U}/fee", CONTRACT),
    (f"{U}/orders", "status=open"),
    (f"{U}/orders", f"{CONTRACT}&status=finished&limit=10&offset=0&last_id=9"),
    (f"{U}/orders_timerange", f"{CONTRACT}&from=1&to=2000000000"),
    (f"{U}/my_trades", f"{CONTRACT}&limit=10&offset=0&last_id=9"),
    (f"{U}/my_trades_timerange", "role=taker"),
    (f"{U}/position_close", "side=long&pnl=profit"),
    (f"{U}/liquidates", ""),
    (f"{U}/auto_deleverages", ""),
    (f"{U}/price_orders", "status=open"),
    ("/futures/btc/accounts", ""),
    ("/futures/btc/positions", ""),
    ("/futures/usd1/orders", "status=open"),
    ("/delivery/usdt/accounts", ""),
    ("/delivery/usdt/positions", ""),
    ("/options/accounts", ""),
    ("/options/positions", ""),
    ("/earn/uni/lends", ""),
]
SPOT_ORDER = {"text": "t-1", "currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "price": "50000"}
ORDER = {"text": "t-1", "contract": "BTC_USDT", "size": 1, "price": "50000"}
CHANGES: list[tuple[str, str, str, Any, int | str]] = [
    ("POST", "/spot/orders", "", SPOT_ORDER, 201),
    ("GET", "/spot/orders/t-1", PAIR, None, 200),
    ("PATCH", "/spot/orders/t-1", PAIR, {"price": "50001"}, 200),
    ("POST", "/spot/amend_batch_orders", "", [{"order_id": "t-1", "currency_pair": "BTC_USDT", "price": "50002"}], 200),
    ("DELETE", "/spot/orders/t-1", PAIR, None, 200),
    ("DELETE", "/spot/orders", PAIR, None, 200),
    ("POST", "/spot/batch_orders", "", [SPOT_ORDER], 200),
    ("POST", "/spot/cancel_batch_orders", "", [{"currency_pair": "BTC_USDT", "id": "t-1"}], 200),
    ("POST", "/spot/countdown_cancel_all", "", {"timeout": 30, "currency_pair": "BTC_USDT"}, 200),
    ("GET", "/spot/price_orders/1", "", None, "ORDER_NOT_FOUND"),
    ("DELETE", "/spot/price_orders", "", None, 200),
    ("POST", "/wallet/transfers", "", {"currency": "USDT", "from": "spot", "to": "futures", "amount": "1"}, 200),
    ("GET", "/unified/accounts", "", None, "USER_NOT_FOUND"),
    ("POST", f"{U}/funding_rates", "", {"contracts": ["BTC_USDT"]}, 200),
    ("POST", f"{U}/orders", "", ORDER, 201),
    ("GET", f"{U}/orders/t-1", "", None, 200),
    ("PUT", f"{U}/orders/t-1", "", {"size": 2}, 200),
    ("POST", f"{U}/batch_amend_orders", "", [{"text": "t-1", "size": 3}], 200),
    ("DELETE", f"{U}/orders/t-1", "", None, 200),
    ("DELETE", f"{U}/orders", CONTRACT, None, 200),
    ("POST", f"{U}/batch_orders", "", [ORDER], 200),
    ("POST", f"{U}/batch_cancel_orders", "", ["t-1"], 200),
    ("POST", f"{U}/countdown_cancel_all", "", {"timeout": 30, "contract": "BTC_USDT"}, 200),
    ("POST", f"{U}/positions/BTC_USDT/leverage", "leverage=0&cross_leverage_limit=5", None, 200),
    ("POST", f"{U}/positions/BTC_USDT/set_leverage", "leverage=5&margin_mode=cross", None, 200),
    ("GET", f"{U}/positions/BTC_USDT", "", None, 200),
    ("POST", f"{U}/positions/BTC_USDT/margin", "change=1", None, "INCREASE_POSITION"),
    ("POST", f"{U}/positions/BTC_USDT/risk_limit", "risk_limit=1000000", None, 200),
    ("POST", f"{U}/positions/cross_mode", "", {"mode": "CROSS", "contract": "BTC_USDT"}, 200),
    ("GET", f"{U}/dual_comp/positions/BTC_USDT", "", None, "INVALID_ARGUMENT"),
    ("POST", f"{U}/dual_mode", "dual_mode=true", None, 200),
    ("GET", f"{U}/dual_comp/positions/BTC_USDT", "", None, 200),
    ("POST", f"{U}/dual_comp/positions/BTC_USDT/leverage", "leverage=3", None, 200),
    ("POST", f"{U}/dual_comp/positions/BTC_USDT/margin", "change=1&dual_side=dual_long", None, "INCREASE_POSITION"),
    ("POST", f"{U}/dual_comp/positions/BTC_USDT/risk_limit", "risk_limit=1000000", None, 200),
    ("POST", f"{U}/dual_comp/positions/cross_mode", "", {"mode": "CROSS", "contract": "BTC_USDT"}, 200),
    ("POST", f"{U}/set_position_mode", "position_mode=single", None, 200),
    ("GET", f"{U}/price_orders/1", "", None, "ORDER_NOT_FOUND"),
    ("DELETE", f"{U}/price_orders", CONTRACT, None, 200),
    ("GET", "/futures/btc/contracts/BTC_USD", "", None, "CONTRACT_NOT_FOUND"),
    ("POST", "/futures/btc/orders", "", ORDER, "CONTRACT_NOT_FOUND"),
    ("GET", "/options/contracts/BTC_USDT-1", "", None, "CONTRACT_NOT_FOUND"),
    ("GET", "/margin/uni/currency_pairs/BTC_USDT", "", None, "INVALID_CURRENCY_PAIR"),
]
SPOT_CHANNELS: dict[str, list[str]] = {
    "spot.tickers": ["BTC_USDT"],
    "spot.trades": ["BTC_USDT"],
    "spot.book_ticker": ["BTC_USDT"],
    "spot.order_book_update": ["BTC_USDT", "100ms"],
    "spot.order_book": ["BTC_USDT", "20", "100ms"],
    "spot.candlesticks": ["1m", "BTC_USDT"],
    "spot.obu": ["ob.BTC_USDT.50"],
}
SPOT_PRIVATE: dict[str, list[str]] = {
    "spot.orders": ["!all"],
    "spot.orders_v2": ["BTC_USDT"],
    "spot.usertrades": ["!all"],
    "spot.usertrades_v2": ["BTC_USDT"],
    "spot.balances": [],
    "spot.margin_balances": [],
    "spot.funding_balances": [],
    "spot.cross_balances": [],
    "spot.priceorders": ["!all"],
}
FUTURES_CHANNELS: dict[str, list[str]] = {
    "futures.tickers": ["BTC_USDT"],
    "futures.trades": ["BTC_USDT"],
    "futures.book_ticker": ["BTC_USDT"],
    "futures.order_book_update": ["BTC_USDT", "100ms", "100"],
    "futures.order_book": ["BTC_USDT", "20", "0"],
    "futures.obu": ["ob.BTC_USDT.400"],
    "futures.candlesticks": ["1m", "BTC_USDT"],
    "futures.contract_stats": ["BTC_USDT", "1m"],
    "futures.public_liquidates": ["BTC_USDT"],
}
FUTURES_PRIVATE = (
    "futures.orders",
    "futures.usertrades",
    "futures.positions",
    "futures.balances",
    "futures.liquidates",
    "futures.auto_deleverages",
    "futures.position_closes",
    "futures.reduce_risk_limits",
    "futures.autoorders",
)
SPOT_API: dict[str, Any] = {
    "spot.order_place": SPOT_ORDER | {"text": "t-ws"},
    "spot.order_status": {"order_id": "t-ws", "currency_pair": "BTC_USDT"},
    "spot.order_list": {"currency_pair": "BTC_USDT", "status": "open", "page": 1, "limit": 10},
    "spot.order_amend": {"order_id": "t-ws", "currency_pair": "BTC_USDT", "price": "50003"},
    "spot.order_cancel": {"order_id": "t-ws", "currency_pair": "BTC_USDT"},
    "spot.order_cancel_ids": [{"currency_pair": "BTC_USDT", "id": "1"}],
    "spot.order_cancel_cp": {"currency_pair": "BTC_USDT", "side": "buy"},
}
FUTURES_API: dict[str, Any] = {
    "futures.order_place": ORDER | {"text": "t-ws"},
    "futures.order_status": {"order_id": "t-ws"},
    "futures.order_list": {"contract": "BTC_USDT", "status": "open", "limit": 10, "offset": 0},
    "futures.order_amend": {"order_id": "t-ws", "size": 2},
    "futures.order_cancel": {"order_id": "t-ws"},
    "futures.order_batch_place": [ORDER | {"text": "t-ws2"}],
    "futures.order_cancel_ids": ["1"],
    "futures.order_cancel_cp": {"contract": "BTC_USDT", "side": "bid"},
}


async def test_every_public_endpoint(autojump_clock: Any, gate: Any) -> None:
    """Without a signature each answers 200 and JSON that is a list or an object."""
    for path, query in PUBLIC:
        answer = await gate.call("GET", path, query, signed=False)
        assert answer.status == 200, (path, answer)
        assert isinstance(answer.value, list | dict), path


async def test_every_private_endpoint(autojump_clock: Any, gate: Any) -> None:
    """Each answers 200 to a signed request, and asks an unsigned one for its headers."""
    for path, query in PRIVATE:
        answer = await gate.call("GET", path, query)
        assert answer.status == 200, (path, answer)
        refusal = await gate.call("GET", path, query, signed=False)
        assert (refusal.status, refusal.value["label"]) == (400, "MISSING_REQUIRED_HEADER"), path


async def test_every_endpoint_that_changes_something(autojump_clock: Any, gate: Any) -> None:
    """In one life of an account each answers as documented: its status, or its label."""
    for method, path, query, body, expected in CHANGES:
        answer = await gate.call(method, path, query, body)
        told = answer.status if isinstance(expected, int) else answer.value["label"]
        assert told == expected, (method, path, answer)


async def test_an_unknown_settle_currency_is_an_unknown_path(autojump_clock: Any, gate: Any) -> None:
    """`usdc` is not a settle currency: like any unknown path it asks for a signature."""
    answer = await gate.call("GET", "/futures/usdc/contracts", signed=False)
    assert (answer.status, answer.value["label"]) == (400, "MISSING_REQUIRED_HEADER")


async def test_every_channel(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """Each channel acknowledges its documented payload, and its unsubscription."""
    for socket, public, private in (
        (SPOT_SOCKET, SPOT_CHANNELS, SPOT_PRIVATE),
        (FUTURES_SOCKET, FUTURES_CHANNELS, {name: ["10001", "!all"] for name in FUTURES_PRIVATE}),
    ):
        async with connect(socket) as stream:
            for channel, payload in public.items():
                ack = await stream.subscribe(channel, payload)
                assert (ack["result"], ack["payload"]) == ({"status": "success"}, payload), channel
                await stream.send({"time": 1, "channel": channel, "event": "unsubscribe", "payload": payload})
                assert (await stream.next(channel, "unsubscribe"))["result"] == {"status": "success"}, channel
            for channel, payload in private.items():
                ack = await stream.subscribe(channel, payload, private=True)
                assert ack["result"] == {"status": "success"}, ack
                bad = {"time": gate.now_s(), "channel": channel, "event": "subscribe", "payload": payload}
                await stream.send(bad)
                assert (await stream.next(channel, "subscribe"))["error"]["code"] == 4, channel


async def test_every_api_channel(autojump_clock: Any, gate: Any, connect: Any) -> None:
    """In one life of an order each API channel answers with a result; placements are acknowledged first."""
    for product, socket, table in (("spot", SPOT_SOCKET, SPOT_API), ("futures", FUTURES_SOCKET, FUTURES_API)):
        async with connect(socket) as stream:
            assert (await stream.login(product))["header"]["status"] == "200"
            for channel, param in table.items():
                answer = await stream.api(channel, channel, param)
                if channel.endswith("place"):
                    assert answer["ack"] is True, channel
                    answer = await stream.next(channel)
                assert answer["header"]["status"] == "200", answer
                assert "result" in answer["data"], answer
