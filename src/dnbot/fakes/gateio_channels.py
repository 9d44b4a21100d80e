"""The tables of channels of Gate's two sockets: what a payload must hold, and how it is refused.

Source: Gate API v4 spot WS docs and futures WS docs; refusal texts as recorded on the public sockets. Nothing is sent
on subscribing to a private channel. A list is atomic, except that obu acknowledges anything. A socket of one settle
currency acknowledges contracts of another and stays silent about them (probed 2026-09).
"""

from __future__ import annotations

from typing import Any

import attrs

from .gateio_candles import FUTURES_INTERVALS, SPOT_INTERVALS, prefixed
from .gateio_context import GateContext
from .gateio_contract_stats import STATS_INTERVALS
from .gateio_hub import Topic
from .gateio_periodic_streams import PeriodicStreams, futures_candle, price_candle, spot_candle
from .gateio_public_streams import BOOK_TICKER_MS, PublicStreams
from .gateio_socket import Channel
from .gateio_ws_frames import StreamError, invalid_payload
from .instruments import Instrument
from .records import GATE_FUTURES, GATE_SPOT

BEATS_MS = {"20ms": 20, "100ms": 100}
SPOT_DEPTH = {"20ms": 20, "100ms": 100}
FULL_LEVELS = ("5", "10", "20", "50", "100")
FULL_BEATS_MS = {"100ms": 100, "1000ms": 1000}
ALL_LEVELS = ("1", "5", "10", "20", "50", "100")
ALL_BEAT_MS = 100
SPOT_PRIVATE = ("spot.orders", "spot.orders_v2", "spot.usertrades", "spot.usertrades_v2", "spot.priceorders")
SPOT_WALLETS = (
    "spot.balances",
    "spot.margin_balances",
    "spot.funding_balances",
    "spot.cross_balances",
    "spot.cross_loan",
)
FUTURES_PRIVATE = (
    "futures.orders",
    "futures.usertrades",
    "futures.positions",
    "futures.liquidates",
    "futures.auto_deleverages",
    "futures.position_closes",
    "futures.reduce_risk_limits",
    "futures.autoorders",
)
OBU_NAME_MAX = 100
NOBODY = "nobody"  # what a wrong user id subscribes to: acknowledged, then silent
FAMILIES = {"USDT": "usdt", "USD": "btc", "USD1": "usd1"}


def _texts(payload: list[Any]) -> list[str]:
    if not payload or not all(isinstance(item, str) for item in payload):
        raise invalid_payload()
    return payload


def _pair_of_texts(payload: list[Any]) -> tuple[str, str]:
    texts = _texts(payload)
    if len(texts) != 2:
        raise invalid_payload()
    return texts[0], texts[1]


@attrs.define(eq=False)
class SpotChannels:
    """Channels of the spot socket."""

    context: GateContext
    streams: PublicStreams
    periodic: PeriodicStreams

    def table(self) -> dict[str, Channel]:
        channels = {name: Channel(self._pairs(name)) for name in ("spot.trades", "spot.tickers")}
        channels["spot.book_ticker"] = Channel(self._book_ticker)
        channels["spot.order_book_update"] = Channel(self._book_update)
        channels["spot.order_book"] = Channel(self._full_book, first=self.streams.opening)
        channels["spot.candlesticks"] = Channel(self._candles)
        channels["spot.obu"] = obu_channel("spot.obu", self.streams)
        channels |= {name: Channel(self._private(name), private=True) for name in SPOT_PRIVATE}
        return channels | {name: Channel(self._wallet(name), private=True) for name in SPOT_WALLETS}

    def _wallet(self, channel: str) -> Any:
        """Balances: whatever the payload holds is acknowledged."""

        def topics(_: list[Any], uid: str) -> list[Topic]:
            return [(channel, uid)]

        return topics

    def _candles(self, payload: list[Any], _: str) -> list[Topic]:
        interval, name = _pair_of_texts(payload)
        if interval not in SPOT_INTERVALS:
            raise StreamError(2, f"provided interval not supported: {interval}")
        market = self._market(name)
        topic = ("spot.candlesticks", f"{interval}_{name}")
        self.periodic.open_candles(topic, interval, name, self.context.tape(market).bars, spot_candle)
        return [topic]

    def _market(self, name: str) -> Instrument:
        market = self.context.exchange.instrument_by_name(GATE_SPOT, name)
        if market is None:
            raise StreamError(2, f"unknown currency pair: {name}")
        return market

    def _pairs(self, channel: str) -> Any:
        def topics(payload: list[Any], _: str) -> list[Topic]:
            return [(channel, self._market(name).name) for name in _texts(payload)]

        return topics

    def _private(self, channel: str) -> Any:
        def topics(payload: list[Any], uid: str) -> list[Topic]:
            names = [name if name == "!all" else self._market(name).name for name in _texts(payload)]
            return [(channel, uid, name) for name in names]

        return topics

    def _book_ticker(self, payload: list[Any], _: str) -> list[Topic]:
        markets = [self._market(name) for name in _texts(payload)]
        topics: list[Topic] = [("spot.book_ticker", market.name) for market in markets]
        for topic, market in zip(topics, markets, strict=True):
            self.streams.open(topic, "best", market, 1, BOOK_TICKER_MS)
        return topics

    def _book_update(self, payload: list[Any], _: str) -> list[Topic]:
        texts = _texts(payload)
        market = self._market(texts[0])
        if len(texts) != 2 or texts[1] not in BEATS_MS:
            raise StreamError(2, f"provided interval not supported: {texts[-1]}")
        topic = ("spot.order_book_update", market.name, texts[1])
        self.streams.open(topic, "update", market, SPOT_DEPTH[texts[1]], BEATS_MS[texts[1]])
        return [topic]

    def _full_book(self, payload: list[Any], _: str) -> list[Topic]:
        texts = _texts(payload)
        market = self._market(texts[0])
        if len(texts) != 3 or texts[1] not in FULL_LEVELS or texts[2] not in FULL_BEATS_MS:
            raise invalid_payload()
        topic = ("spot.order_book", market.name, texts[1], texts[2])
        self.streams.open(topic, "full", market, int(texts[1]), FULL_BEATS_MS[texts[2]])
        return [topic]


@attrs.define(eq=False)
class FuturesChannels:
    """Channels of the perpetual socket of one settle currency; contracts are listed in USDT alone."""

    context: GateContext
    streams: PublicStreams
    periodic: PeriodicStreams
    settle: str = "usdt"

    def table(self) -> dict[str, Channel]:
        channels = {
            "futures.order_book": Channel(self._all_book, first=self.streams.opening),
            "futures.candlesticks": Channel(self._candles),
            "futures.contract_stats": Channel(self._stats),
            "futures.public_liquidates": Channel(self._liquidations),
            "futures.trades": Channel(self._contracts("futures.trades", "unknown contract ")),
            "futures.tickers": Channel(self._contracts("futures.tickers", "unknown currency pair: ")),
            "futures.book_ticker": Channel(self._book_ticker),
            "futures.order_book_update": Channel(self._book_update),
            "futures.obu": obu_channel("futures.obu", self.streams),
            "futures.balances": Channel(self._balances, private=True),
        }
        return channels | {name: Channel(self._private(name), private=True) for name in FUTURES_PRIVATE}

    def _market(self, name: str, refusal: str) -> Instrument | None:
        """The contract of that name; None for one of another settle currency, of which this socket never tells."""
        family = FAMILIES.get(name.rpartition("_")[2], self.settle)
        if family != self.settle:
            return None
        market = self.context.exchange.instrument_by_name(GATE_FUTURES, name) if self.settle == "usdt" else None
        if market is None:
            raise StreamError(2, f"{refusal}{name}")
        return market

    def _markets(self, names: list[str], refusal: str) -> list[Instrument]:
        return [market for market in (self._market(name, refusal) for name in names) if market is not None]

    def _contracts(self, channel: str, refusal: str) -> Any:
        def topics(payload: list[Any], _: str) -> list[Topic]:
            return [(channel, market.name) for market in self._markets(_texts(payload), refusal)]

        return topics

    def _liquidations(self, payload: list[Any], _: str) -> list[Topic]:
        names = _texts(payload)
        self._markets([name for name in names if name != "!all"], "unknown contract ")
        return [("futures.public_liquidates", name) for name in names]

    def _candles(self, payload: list[Any], _: str) -> list[Topic]:
        interval, name = _pair_of_texts(payload)
        if interval not in FUTURES_INTERVALS:
            raise StreamError(2, f"provided interval not supported: {interval}")
        bare = name.removeprefix("mark_").removeprefix("index_")
        if self._market(bare, "unknown contract ") is None:
            return []
        topic = ("futures.candlesticks", f"{interval}_{name}")
        shape = futures_candle if bare == name else price_candle
        self.periodic.open_candles(topic, interval, name, prefixed(self.context, name)[1], shape)
        return [topic]

    def _stats(self, payload: list[Any], _: str) -> list[Topic]:
        name, interval = _pair_of_texts(payload)
        if interval not in STATS_INTERVALS:
            raise StreamError(2, f"provided interval not supported: {interval}")
        market = self._market(name, "unknown contract ")
        if market is None:
            return []
        topic = ("futures.contract_stats", name, interval)
        self.periodic.open_stats(topic, interval, market)
        return [topic]

    def _all_book(self, payload: list[Any], _: str) -> list[Topic]:
        """The old channel of whole books: contract, levels, and an interval of which only "0" is legal."""
        texts = _texts(payload)
        if len(texts) != 3 or texts[1] not in ALL_LEVELS or texts[2] != "0":
            raise invalid_payload()
        market = self._market(texts[0], "unknown contract ")
        if market is None:
            return []
        topic = ("futures.order_book", market.name, texts[1])
        self.streams.open(topic, "all", market, int(texts[1]), ALL_BEAT_MS)
        return [topic]

    def _book_ticker(self, payload: list[Any], _: str) -> list[Topic]:
        markets = self._markets(_texts(payload), "unknown contract ")
        topics: list[Topic] = [("futures.book_ticker", market.name) for market in markets]
        for topic, market in zip(topics, markets, strict=True):
            self.streams.open(topic, "best", market, 1, BOOK_TICKER_MS)
        return topics

    def _book_update(self, payload: list[Any], _: str) -> list[Topic]:
        texts = _texts(payload)
        market = self._market(texts[0], "unknown currency pair ")
        frequency = texts[1] if len(texts) > 1 else ""
        level = texts[2] if len(texts) > 2 else ("20" if frequency == "20ms" else "100")
        if frequency not in BEATS_MS:
            raise StreamError(2, f"provided frequency not supported: {frequency}")
        if level not in ("20", "50", "100") or (frequency == "20ms" and level != "20"):
            raise StreamError(2, f"provided level not supported: {level}")
        if market is None:
            return []
        topic = ("futures.order_book_update", market.name, frequency, level)
        self.streams.open(topic, "update", market, int(level), BEATS_MS[frequency])
        return [topic]

    def _private(self, channel: str) -> Any:
        def topics(payload: list[Any], uid: str) -> list[Topic]:
            owner, names = split_user(payload, uid)
            for name in names:
                if name != "!all":
                    self._market(name, "unknown contract ")
            return [(channel, owner, name) for name in names]

        return topics

    def _balances(self, payload: list[Any], uid: str) -> list[Topic]:
        owner, _ = split_user(payload, uid)
        return [("futures.balances", owner)]


def split_user(payload: list[Any], uid: str) -> tuple[str, list[str]]:
    """Owner and contracts of a private perpetual payload: `["<user id>", "<contract>"|"!all"]`.

    The user id may be an integer; a wrong one is accepted and hears nothing; without one the key's own is meant.
    """
    items = [str(item) for item in payload]
    if items and items[0].isdigit():
        return (uid if items[0] == uid else NOBODY), items[1:] or ["!all"]
    if not items:
        raise invalid_payload()
    return uid, items


def obu_channel(channel: str, streams: PublicStreams) -> Channel:
    """Order book v2: any name is acknowledged, a known one begins with a full frame, twice the same is refused."""

    def topics(payload: list[Any], _: str) -> list[Topic]:
        names = _texts(payload)
        if max(map(len, names)) > OBU_NAME_MAX:
            raise StreamError(2, "invalid payload")
        return [(channel, name) for name in names]

    return Channel(topics, unique=_book_of, first=streams.obu_opening)


def _book_of(topic: Topic) -> str:
    """The market in "ob.BTC_USDT.50": a connection hears one depth of it."""
    parts = topic[1].split(".")
    return parts[1] if len(parts) == 3 else topic[1]
