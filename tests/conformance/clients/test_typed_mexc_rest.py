"""typed-mexc (asyncio, REST): public data, signing and account calls pass the client's own typed models."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise

import pytest
import typed_mexc.spot.core.client
from fakes_server import Fakes
from typed_mexc import MEXC
from typed_mexc.core.exc import ApiError, AuthError, BadRequest
from typed_mexc_client import SYMBOL, balances, client_of, place, refused

D = Decimal


@pytest.fixture
async def mexc(fakes: Fakes) -> AsyncIterator[MEXC]:
    """The trader's client, without open orders afterwards."""
    async with client_of(fakes, fakes.key, fakes.secret) as client:
        yield client
        await client.spot.http.trade.cancel_open_orders(SYMBOL, validate=False)


# -- public


async def test_ping_and_time(mexc: MEXC) -> None:
    """The empty object, and the present time."""
    assert await mexc.spot.http.market.ping() == {}
    told = (await mexc.spot.http.market.time())["serverTime"].timestamp()
    assert abs(told - time.time()) < 5


async def test_exchange_info(mexc: MEXC) -> None:
    """Whole and by symbol: online, open to the API, with steps and minima."""
    whole = await mexc.spot.http.market.exchange_info()
    [one] = (await mexc.spot.http.market.exchange_info(symbol=SYMBOL))["symbols"]
    assert one in whole["symbols"]
    assert (one["status"], one["isSpotTradingAllowed"], one["quotePrecision"]) == ("1", True, 2)


async def test_symbol_gates(mexc: MEXC) -> None:
    """The symbol is open to API orders, for everybody and for this key."""
    assert SYMBOL in (await mexc.spot.http.market.default_symbols())["data"]
    assert SYMBOL in (await mexc.spot.http.account.self_symbols())["data"]


@pytest.mark.parametrize("limit", [5, 100, 5000])
async def test_depth(mexc: MEXC, limit: int) -> None:
    """Bids fall, asks rise, no more than asked for, not crossed."""
    book = await mexc.spot.http.market.depth(symbol=SYMBOL, limit=limit)
    bids, asks = [D(p) for p, _ in book["bids"]], [D(p) for p, _ in book["asks"]]
    assert len(bids) <= limit
    assert all(a > b for a, b in pairwise(bids))
    assert all(a < b for a, b in pairwise(asks))
    assert bids[0] < asks[0]


async def test_trades(mexc: MEXC) -> None:
    """Recent and aggregated trades are newest first."""
    await place(mexc, "BUY", "MARKET", quantity="0.0005")
    rows = await mexc.spot.http.market.trades(symbol=SYMBOL)
    assert all(a["time"] >= b["time"] for a, b in pairwise(rows))
    assert await mexc.spot.http.market.agg_trades(symbol=SYMBOL)


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "30m", "60m", "4h", "1d", "1W", "1M"])
async def test_candles(mexc: MEXC, interval: str) -> None:
    """Eight columns; low and high around open and close."""
    for row in await mexc.spot.http.market.candles(symbol=SYMBOL, interval=interval, limit=5):
        _, opened, high, low, close, _, _, _ = row
        assert low <= min(opened, close) <= max(opened, close) <= high


@pytest.mark.parametrize("name", ["ticker_24hr", "ticker_price", "book_ticker"])
async def test_tickers_come_alone_and_as_a_list(mexc: MEXC, name: str) -> None:
    """With a symbol an object, without one an array."""
    call = getattr(mexc.spot.http.market, name)
    assert (await call(symbol=SYMBOL))["symbol"] == SYMBOL
    assert SYMBOL in {row["symbol"] for row in await call()}


async def test_average_price(mexc: MEXC) -> None:
    """Over five minutes."""
    assert (await mexc.spot.http.market.avg_price(symbol=SYMBOL))["mins"] == 5


async def test_an_unknown_symbol(mexc: MEXC) -> None:
    """-1121 on public data."""
    assert (await refused(mexc.spot.http.market.depth(symbol="NOPAIR")))["code"] == -1121


async def test_history_of_aggregates_has_a_window(mexc: MEXC) -> None:
    """More than an hour between the two times: -1127."""
    now = await mexc.spot.http.market.time()
    earlier = now["serverTime"].replace(year=now["serverTime"].year - 1)
    call = mexc.spot.http.market.agg_trades(symbol=SYMBOL, start_time=earlier, end_time=now["serverTime"])
    assert (await refused(call))["code"] == -1127


# -- signing


async def test_the_right_key(mexc: MEXC) -> None:
    """The account may trade spot."""
    info = await mexc.spot.http.account.info()
    assert (info["canTrade"], info["accountType"]) == (True, "SPOT")


@pytest.mark.parametrize(("key", "secret", "code"), [("wrong", None, 10072), (None, "wrong", 700002)])
async def test_wrong_key_or_secret(fakes: Fakes, key: str | None, secret: str | None, code: int) -> None:
    """The key is judged first, then the signature."""
    async with client_of(fakes, key or fakes.key, secret or fakes.secret) as client:
        with pytest.raises((BadRequest, AuthError, ApiError)) as caught:
            await client.spot.http.account.info()
    assert caught.value.args[-1]["code"] == code


@pytest.mark.parametrize(("off_ms", "passes"), [(-6000, False), (-4000, True), (3000, False), (500, True)])
async def test_the_clock(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, off_ms: int, passes: bool) -> None:
    """Five seconds behind and one ahead are the limits without recvWindow: 700003 beyond."""

    class Stamp:
        """Stands where the client takes its timestamp."""

        @staticmethod
        def now() -> int:
            return int(time.time() * 1000) + off_ms

    monkeypatch.setattr(typed_mexc.spot.core.client, "timestamp_millis", Stamp)
    async with client_of(fakes, fakes.key, fakes.secret) as client:
        if passes:
            assert await client.spot.http.account.info()
        else:
            assert (await refused(client.spot.http.account.info()))["code"] == 700003


@pytest.mark.parametrize(("window_ms", "passes"), [(10_000, True), (60_001, False)])
async def test_the_window_may_be_widened(
    mexc: MEXC, monkeypatch: pytest.MonkeyPatch, window_ms: int, passes: bool
) -> None:
    """recvWindow up to 60 s; more is 700005."""
    call = mexc.spot.http.account.open_orders(SYMBOL, recv_window=window_ms)
    if passes:
        assert isinstance(await call, list)
    else:
        assert (await refused(call))["code"] == 700005


# -- account


async def test_fee_status_and_deduction(mexc: MEXC) -> None:
    """Numbers for rates; KYC; the switch of MX deduction goes on and off."""
    account = mexc.spot.http.account
    assert (await account.trade_fee(SYMBOL))["data"]["takerCommission"] == 0.0005
    assert (await account.kyc_status())["status"] in ("1", "2", "3", "4")
    assert (await account.mx_deduct_enable(mx_deduct_enable=True))["data"]["mxDeductEnable"]
    assert (await account.mx_deduct_status())["data"]["mxDeductEnable"]
    assert not (await account.mx_deduct_enable(mx_deduct_enable=False))["data"]["mxDeductEnable"]


async def test_wallet_calls_that_clients_make_at_start(mexc: MEXC) -> None:
    """Coins and their networks; the deposit that the account began with; no withdrawal."""
    assert {"BTC", "USDT"} <= {row["coin"] for row in await mexc.spot.http.wallet.currency_info()}
    assert {row["coin"] for row in await mexc.spot.http.wallet.deposit_history()} == {"USDT"}
    assert await mexc.spot.http.wallet.withdraw_history() == []


async def test_listen_keys(mexc: MEXC) -> None:
    """Made, listed, renewed, closed; a closed one cannot be renewed."""
    keys = mexc.spot.http.listen_keys
    made = (await keys.create())["listenKey"]
    assert made in (await keys.list())["listenKey"]
    assert (await keys.keepalive(listen_key=made))["listenKey"] == made
    assert (await keys.close(listen_key=made))["listenKey"] == made
    assert made not in (await keys.list())["listenKey"]
    assert str((await refused(keys.keepalive(listen_key=made)))["code"]) == "730708"


async def test_the_audit_agrees(mexc: MEXC, fakes: Fakes) -> None:
    """What the client reads at the end is what the fakes' own books hold."""
    held = {asset: D(amount) for asset, amount in fakes.audit()["balances"]["mexc_spot"].items()}
    assert {asset: free + locked for asset, (free, locked) in (await balances(mexc)).items()} == held
