"""Answers and frames that another client's unit tests hold for Gate: all that concern us are read."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.order import OrderStatus
from dnbot.venues.gateio.futures_private import GateFuturesPrivate
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.gateio.spot_private import GateSpotPrivate
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.wire import (
    Balance,
    BookTop,
    Delta,
    FillNews,
    MarkPrice,
    OrderNews,
    PositionReport,
    PublicTrade,
    Reply,
    Subscribed,
    Ticker,
)

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "samples" / "gate"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared data absent")

D = Decimal
SPOT, FUTURES = SAMPLES / "Endpoints" / "Spot", SAMPLES / "Endpoints" / "PerpetualFutures"
MULTIPLIER = D("0.0001")


class KnownKey:
    """A key whose secret the test knows."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(b"secret", message, algorithm).hexdigest()


def answer(path: Path) -> Reply:
    """The body of a sample: it follows method, path and whether it is signed."""
    body = path.read_text(encoding="utf-8-sig").split("\n", 3)[3]
    return Reply(status=200, headers={}, body=body.encode())


def one_of(reply: Reply) -> Reply:
    """The first row of a list."""
    (row, *_) = msgspec.json.decode(reply.body, type=list[msgspec.Raw])
    return Reply(status=200, headers={}, body=bytes(row))


def spot(base: str) -> GateSpotPrivate:
    """A private spot codec."""
    return GateSpotPrivate(Symbol(base, "USDT"), KnownKey())


def futures(base: str) -> GateFuturesPrivate:
    """A private perpetual codec that knows a multiplier."""
    symbol = Symbol(base, "USDT")
    codec = GateFuturesPrivate(symbol, KnownKey())
    codec.learn_instrument(
        Instrument(
            venue=Venue.GATE_FUTURES, symbol=symbol, tick_size=D("0.1"), lot_size=MULTIPLIER, multiplier=MULTIPLIER
        )
    )
    return codec


def futures_public(base: str) -> GateFuturesPublic:
    """A public perpetual codec that has learned from the sample's contract."""
    sample = answer(FUTURES / "ExchangeData" / "GetContract.txt").body.replace(b"BTC_USDT", f"{base}_USDT".encode())
    codec = GateFuturesPublic(Symbol(base, "USDT"))
    codec.instrument([Reply(status=200, headers={}, body=sample)])
    return codec


def test_instruments_of_the_samples() -> None:
    """A pair, a contract, and a contract with fractional sizes."""
    pair = one_of(answer(SPOT / "ExchangeData" / "GetSymbols.txt"))
    told = GateSpotPublic(Symbol("ETH", "USDT")).instrument([pair])
    assert (told.lot_size, told.tick_size, told.min_notional) == (D("0.001"), D("0.000001"), D(1))
    fractional = one_of(answer(FUTURES / "ExchangeData" / "GetContracts.txt"))
    told = GateFuturesPublic(Symbol("LAB", "USDT")).instrument([fractional])
    assert (told.lot_size, told.min_quantity, told.max_quantity) == (D(100), D(100), D(120_000))


def test_books_of_the_samples() -> None:
    """Pairs on spot, objects on the perpetual; both with an id."""
    told = GateSpotPublic(Symbol("ETH", "USDT")).snapshot(answer(SPOT / "ExchangeData" / "GetOrderBook.txt"))
    assert (told.update_id, told.asks[0], told.at_ms) == (123456, (D("1.52"), D("1.151")), 1623898993121)
    told = futures_public("BTC").snapshot(answer(FUTURES / "ExchangeData" / "GetOrderBook.txt"))
    assert (told.update_id, told.bids[0], told.at_ms) == (123456, (D("1.17"), D("0.0150")), 1623898993121)


@pytest.mark.parametrize("name", ["GetOrder", "CancelOrder", "PlaceOrder", "EditOrder"])
def test_spot_orders_of_the_samples(name: str) -> None:
    """Every call that answers with an order answers with the same shape."""
    told = spot("BTC").order(answer(SPOT / "Trading" / f"{name}.txt"))
    assert (told.status, told.filled, told.client_order_id) == (OrderStatus.FILLED, D("0.001"), "abc123")
    assert told.filled_value == D("63.4693")


@pytest.mark.parametrize("name", ["GetOrder", "CancelOrder", "PlaceOrder", "EditOrder"])
def test_perpetual_orders_of_the_samples(name: str) -> None:
    """A finished order with everything left is cancelled."""
    told = futures("BTC").order(answer(FUTURES / "Trading" / f"{name}.txt"))
    assert (told.status, told.filled, told.quantity) == (OrderStatus.CANCELLED, D(0), D("0.6024"))


def test_lists_of_the_samples() -> None:
    """Orders, trades, balances and the account book of both domains."""
    assert len(spot("BTC").orders(answer(SPOT / "Trading" / "GetOrders.txt"))) == 1
    (fill,) = spot("BTC").trades(answer(SPOT / "Trading" / "GetUserTrades.txt"))
    assert (fill.is_maker, fill.fee, fill.fee_asset) == (True, D("0.0005"), "ETH")
    (balance,) = spot("BTC").balances(answer(SPOT / "Account" / "GetBalances.txt"))
    assert (balance.asset, balance.total) == ("ETH", D("968.8"))
    for name in ("GetOrders", "GetOrdersByTime"):
        assert len(futures("BTC").orders(answer(FUTURES / "Trading" / f"{name}.txt"))) == 1
    for name in ("GetUserTrades", "GetUserTradesByTimestamp"):
        (fill,) = futures("BTC").trades(answer(FUTURES / "Trading" / f"{name}.txt"))
        assert (fill.trade_id, fill.quantity) == ("121234231", D("0.0100"))
    with pytest.raises(FrameUnreadable, match="not an id"):  # it is of before rows had one
        futures("BTC").account_rows(answer(FUTURES / "Account" / "GetLedger.txt"))


def test_account_samples() -> None:
    """Wallet, position, fee rates, and a unified mode that is refused."""
    (wallet,) = futures("BTC").balances(answer(FUTURES / "Account" / "GetAccount.txt"))
    assert (wallet.total, wallet.available) == (D("9707.803567115145"), D("9669.091377934145"))
    told = futures("BTC").position(one_of(answer(FUTURES / "Trading" / "GetPositions.txt")))
    assert (told.base, told.is_cross, told.leverage) == (D("-0.9440"), True, None)
    body = answer(FUTURES / "Trading" / "UpdatePositionLeverage.txt")
    assert futures("BTC").position(body) == told
    fees = futures("1INCH").fees([answer(FUTURES / "Account" / "GetTradingFee.txt")])
    assert (fees.maker, fees.taker) == (D("-0.00010"), D("0.00025"))
    fees = spot("BTC").fees([answer(SPOT / "Account" / "GetTradingFee.txt")])
    assert (fees.taker, fees.buy_fee_in_base) == (D("0.002"), True)
    detail, mode = (answer(SPOT / "Account" / f"{name}.txt") for name in ("GetAccountInfo", "GetUnifiedAccountMode"))
    facts = spot("BTC").facts([detail, mode])
    assert facts.user_id == "1667201533"
    assert facts.problem is not None
    assert "portfolio" in facts.problem


Decode = Callable[[str], tuple[object, ...]]


def spot_public_decode(base: str) -> Decode:
    """Decode of a public spot codec."""
    return GateSpotPublic(Symbol(base, "USDT")).decode


@pytest.mark.parametrize(
    ("name", "decode", "words"),
    [
        ("Spot/SubscribeToOrderBookUpdates", spot_public_decode("ETH"), [Delta]),
        ("Spot/SubscribeToBookTickerUpdates", spot_public_decode("ETH"), [BookTop]),
        ("Spot/SubscribeToTradeUpdates", spot_public_decode("ETH"), [PublicTrade]),
        ("Spot/SubscribeToTickerUpdates", spot_public_decode("ETH"), [Ticker]),
        ("Spot/SubscribeToOrderUpdates", spot("BTC").decode, [OrderNews]),
        ("Spot/SubscribeToUserTradeUpdates", spot("BTC").decode, [FillNews]),
        ("Spot/SubscribeToBalanceUpdates", spot("BTC").decode, [Balance]),
        ("Futures/SubscribeToBookUpdates", None, [Delta]),
        ("Futures/SubscribeToBookTickerUpdates", None, [BookTop]),
        ("Futures/SubscribeToTradeUpdates", None, [PublicTrade]),
        ("Futures/SubscribeToTickerUpdates", None, [Ticker, MarkPrice]),
        ("Futures/SubscribeToOrderUpdates", futures("BTC").decode, [OrderNews]),
        ("Futures/SubscribeToUserTradeUpdates", futures("BTC").decode, [FillNews]),
        ("Futures/SubscribeToPositionUpdates", futures("BTC").decode, [PositionReport]),
        ("Futures/SubscribeToBalanceUpdates", futures("BTC").decode, []),
    ],
)
def test_streams_of_the_samples(name: str, decode: Decode | None, words: list[type]) -> None:
    """The acknowledgement and the update of each channel; the perpetual's wallet sample is in another coin."""
    decode = decode or futures_public("ETH").decode
    _, ack, update = (SAMPLES / "Subscriptions" / f"{name}.txt").read_text(encoding="utf-8-sig").split("\n", 2)
    (told,) = decode(ack.removeprefix("< ").replace("-999", "1"))
    assert isinstance(told, Subscribed)
    body = update.removeprefix("= ").strip().replace('BTC_USD"', 'BTC_USDT"')
    assert [type(word) for word in decode(body)] == words


def test_an_order_batch_is_no_order() -> None:
    """A body of another call is unreadable instead of half read."""
    with pytest.raises(FrameUnreadable):
        spot("BTC").order(answer(SPOT / "Trading" / "CancelOrders.txt"))
