"""Samples that nobody in this project wrote; they may not be published, so they lie beside the repository."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dnbot.domain.instrument import Symbol
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.venues.mexc.spot_private import MexcSpotPrivate
from dnbot.venues.mexc.spot_public import MexcSpotPublic
from dnbot.venues.wire import Reply

SAMPLES = Path(__file__).resolve().parents[2] / "../shared/data/samples/mexc/Endpoints/SpotApi"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="shared data absent")


class NoSigner:
    """Reading needs no signature."""

    key_id = ""

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        raise AssertionError("nothing is signed here")


def sample(name: str) -> Reply:
    """The answer of a sample: after the method, the path and whether it is signed."""
    text = (SAMPLES / f"{name}.txt").read_text(encoding="utf-8-sig")
    return Reply(status=200, headers={}, body=text.split("\n", 3)[3].encode())


def private(base: str, quote: str) -> MexcSpotPrivate:
    """The codec of the symbol that a sample is about."""
    return MexcSpotPrivate(Symbol(base, quote), NoSigner())


def listed_symbols() -> list[dict[str, Any]]:
    """The recorded symbols."""
    if not SAMPLES.is_dir():
        return []
    return list(json.loads(sample("ExchangeData/GetExchangeInfo").body)["symbols"])


def test_every_recorded_symbol_is_an_instrument() -> None:
    """As the venue sent them in January 2025."""
    rules, listed = sample("ExchangeData/GetExchangeInfo"), sample("ExchangeData/GetApiSymbols")
    symbols = listed_symbols()
    assert symbols
    for info in symbols:
        codec = MexcSpotPublic(Symbol(info["baseAsset"], info["quoteAsset"]))
        assert codec.trouble(rules) is None
        found = codec.instrument((rules, listed))
        assert found.tick_size == Decimal(10) ** -info["quotePrecision"]
        assert found.lot_size == Decimal(10) ** -info["baseAssetPrecision"]
        assert found.min_notional == Decimal(info["quoteAmountPrecision"])
        assert found.tradable == (info["symbol"] in json.loads(listed.body)["data"])


def test_the_book_and_the_clock() -> None:
    """A book without a time, and the clock."""
    codec = MexcSpotPublic(Symbol("BTC", "USDT"))
    book = codec.snapshot(sample("ExchangeData/GetOrderBook"))
    assert (book.update_id, book.bids, book.at_ms) == (1112416, ((Decimal(15), Decimal(49999)),), 0)
    assert codec.server_time_ms(sample("ExchangeData/GetServerTime")) == 1645539742000


def test_account_and_fees() -> None:
    """Locked amounts count; rates are 0.3 %."""
    codec = private("BTC", "USDT")
    balances = codec.balances(sample("Account/GetAccountInfo"))
    assert [(row.asset, row.total) for row in balances] == [("NBNTEST", Decimal(1111111)), ("MAIN", Decimal(1020000))]
    assert codec.fees((sample("Account/GetTradeFeeAsync"),)).taker == Decimal("0.003")


def test_the_listen_key() -> None:
    """Start, renewal and end answer alike."""
    for name in ("StartUserStream", "KeepAliveUserStream", "StopUserStream"):
        assert private("BTC", "USDT").listen_key(sample(f"Account/{name}")).startswith("pqia91ma19a5s6")


def test_orders_and_trades() -> None:
    """The documents' own examples, whose order ids are numbers."""
    codec = private("LTC", "BTC")
    assert codec.order(sample("Trading/GetOrder")).venue_order_id == "1"
    for name in ("GetOrders", "GetOpenOrders"):
        (report,) = codec.orders(sample(f"Trading/{name}"))
        assert (report.status, report.quantity, report.side) == (OrderStatus.OPEN, Decimal(1), Side.BUY)
    (fill,) = private("BNB", "BTC").trades(sample("Trading/GetUserTrades"))
    assert (fill.fee, fill.fee_asset, fill.value) == (Decimal("10.1"), "BNB", Decimal("48.000012"))


def test_a_create() -> None:
    """The venue's id comes with the intent's own."""
    codec = private("MX", "USDT")
    intent = OrderIntent(
        client_order_id="dnb-1-1", epoch=1, venue=codec.venue, symbol=codec.symbol, side=Side.BUY,
        quantity=Quantity(Decimal(50)), price=Price(Decimal("0.1")), purpose=Purpose.ENTRY, created_at_ns=0,
        expires_at_ns=0,
    )  # fmt: skip
    report = codec.placed(sample("Trading/PlaceOrder"), intent)
    assert (report.venue_order_id, report.quantity) == ("06a480e69e604477bfb48dddd5f0b750", Decimal(50))
