"""The MEXC stream: control frames, subscriptions, the venue's closes, and one conversation per connection."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import attrs
import msgspec
import trio
from trio_websocket import ConnectionClosed
from wsproto.frame_protocol import CloseReason

from .mexc_channels import Channel, parse_channel
from .mexc_feeds import MarketSource, make_feed
from .mexc_hub import Beat, Feed, Outbox
from .mexc_private import PrivateStream
from .mexc_venue import MexcVenue
from .outgoing import Outgoing, Totals
from .records import MEXC_SPOT, LevelChange, PublicTrade
from .web import DropConnection, WebSocket

__all__ = ["MexcStream"]

SUBSCRIPTIONS_MAX: Final = 30
NOTHING_SUBSCRIBED_S: Final = 30.0
NO_TRAFFIC_S: Final = 60.0
LIFE_S: Final = 24 * 3_600.0
CLIENT_MESSAGES_PER_1_S: Final = 100
WATCH_EVERY_S: Final = 10.0
CLOSE_S_MAX: Final = 5.0
ID_MAX: Final = (1 << 64) - 1
_NO_STATUS: Final = CloseReason.NO_STATUS_RCVD
"""The venue's own closes carry no status code, as clients report."""

# How often a channel is pushed (MEXC spot v3 docs, websocket market streams); those of no fixed speed every 100 ms.
_KIND_BEATS_S: Final = {"increase.depth.batch": 0.005, "kline": 1.0, "miniTicker": 3.0, "miniTickers": 3.0}
_SPEED_BEATS_S: Final = {"10": 0.01, "100": 0.1}
_BEAT_S: Final = 0.1
_EVENTS_ONLY: Final = ("aggre.depth", "aggre.deals", "increase.depth.batch")
"""Channels that say nothing to a new listener before something happens."""


@attrs.define(eq=False)
class MexcStream:
    """Feeds and connections of one venue; `run` must be running for anything to be pushed."""

    venue: MexcVenue
    private: PrivateStream = attrs.field(init=False)
    sources: dict[str, MarketSource] = attrs.field(factory=dict)
    connections: dict[Outbox, None] = attrs.field(factory=dict)
    totals: Totals = attrs.field(factory=Totals)
    _feeds: dict[str, Feed] = attrs.field(factory=dict)
    _feeds_of: dict[str, dict[Feed, Beat]] = attrs.field(factory=dict)
    """The same feeds by symbol, with the beats that push them; those of all symbols together under the empty one."""
    _beats: dict[float, Beat] = attrs.field(factory=lambda: {s: Beat(s) for s in (0.005, 0.01, 0.1, 1.0, 3.0)})

    def __attrs_post_init__(self) -> None:
        self.private = PrivateStream(self.venue)
        exchange = self.venue.exchange
        for instrument in self.venue.instruments():
            name = instrument.name
            market = exchange.state.markets[MEXC_SPOT, instrument.symbol]
            self.sources[name] = MarketSource(
                instrument, market, self.venue.tapes[name], self.venue.faults, self.venue.settings.tickers_versioned
            )
            exchange.subscribe_levels(MEXC_SPOT, instrument.symbol, _LevelSink(self, name))
            exchange.subscribe_trades(MEXC_SPOT, instrument.symbol, _TradeSink(self, name))

    # -- what the market does

    def level_changed(self, name: str, change: LevelChange) -> None:
        """Tell the feeds of one symbol about a changed level."""
        for feed, beat in self._feeds_of.get(name, {}).items():
            if feed.level_changed(change):
                beat.mark(feed)

    def traded(self, name: str, trade: PublicTrade) -> None:
        """Tell the feeds of one symbol, and those of all symbols, about a trade."""
        for symbol in (name, ""):
            for feed, beat in self._feeds_of.get(symbol, {}).items():
                if feed.traded(trade):
                    beat.mark(feed)

    def _beat(self, channel: Channel) -> Beat:
        return self._beats[_KIND_BEATS_S.get(channel.kind) or _SPEED_BEATS_S.get(channel.option, _BEAT_S)]

    async def run(self) -> None:
        """Push public and private frames until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.private.run)
            for beat in self._beats.values():
                nursery.start_soon(self._run_beat, beat)

    async def _run_beat(self, beat: Beat) -> None:
        while True:
            await beat.wait()
            now_ms, now_s = self.venue.now_ms, trio.current_time()
            for feed in beat.take():
                if not self.venue.faults.public_mute:
                    feed.flush(now_ms, now_s)

    # -- subscriptions

    def subscribe(self, outbox: Outbox, name: str) -> bool:
        """Subscribe one channel; False when the venue blocks it."""
        if name in outbox.channels:
            return True
        channel = parse_channel(name)
        if channel is None or len(outbox.channels) >= SUBSCRIPTIONS_MAX:
            return False
        if channel.private:
            if outbox.key is None:
                return False
            self.private.add(outbox.key.account_id, channel.kind, outbox)
        elif not self._listen(outbox, channel):
            return False
        outbox.channels[name] = channel
        return True

    def _listen(self, outbox: Outbox, channel: Channel) -> bool:
        feed = self._feeds.get(channel.name) or make_feed(channel, self.sources)
        if feed is None:
            return False
        beat = self._beat(channel)
        self._feeds[channel.name] = feed
        self._feeds_of.setdefault(channel.symbol, {})[feed] = beat
        feed.listeners[outbox] = None
        if channel.kind not in _EVENTS_ONLY:
            beat.mark(feed)
        return True

    def unsubscribe(self, outbox: Outbox, name: str) -> None:
        """Unsubscribe one channel; a channel that was not subscribed is no error."""
        channel = outbox.channels.pop(name, None)
        if channel is None:
            return
        outbox.empty_since_s = trio.current_time()
        if channel.private and outbox.key is not None:
            self.private.remove(outbox.key.account_id, channel.kind, outbox)
            return
        feed = self._feeds[name]
        feed.listeners.pop(outbox)
        if not feed.listeners:
            del self._feeds[name]
            self._feeds_of[channel.symbol].pop(feed).forget(feed)

    # -- one connection

    async def serve(self, ws: WebSocket, listen_key: str | None, peer: str = "") -> None:
        """Talk to one client until it leaves or the venue closes.

        Raises DropConnection for a client that is too slow or too loud, and for one from a banned address.
        """
        if self.venue.limits.banned(peer, self.venue.now_ms / 1_000):
            raise DropConnection("banned")
        key = None
        if listen_key is not None:
            key = self.venue.keys.find(listen_key, self.venue.now_ms)
            if key is None:
                await ws.send_message("Invalid listen key")
                return
            key.sockets += 1
        now_s = trio.current_time()
        outbox = Outbox(key, last_traffic_s=now_s, empty_since_s=now_s, outgoing=Outgoing(self.totals))
        self.connections[outbox] = None
        try:
            await self._converse(ws, outbox, peer)
        finally:
            for name in list(outbox.channels):
                self.unsubscribe(outbox, name)
            del self.connections[outbox]
            if key is not None:
                key.sockets -= 1

    async def _converse(self, ws: WebSocket, outbox: Outbox, peer: str) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_write, ws, outbox)
                nursery.start_soon(self._watch, ws, outbox, nursery.cancel_scope)
                nursery.start_soon(_drop_when_ended, outbox)
                await self._read(ws, outbox, peer)
        except* ConnectionClosed:
            pass  # the client left, or the venue closed

    async def _read(self, ws: WebSocket, outbox: Outbox, peer: str) -> None:
        recent: deque[float] = deque(maxlen=CLIENT_MESSAGES_PER_1_S)
        while True:
            message = await ws.get_message()
            now_s = trio.current_time()
            outbox.last_traffic_s = now_s
            if len(recent) == CLIENT_MESSAGES_PER_1_S and now_s - recent[0] < 1.0:
                self.venue.limits.note_loud(peer, self.venue.now_ms / 1_000)
                raise DropConnection("too many messages")
            recent.append(now_s)
            outbox.push(msgspec.json.encode(self._answer(outbox, message)).decode(), now_s)

    def _answer(self, outbox: Outbox, message: str | bytes) -> dict[str, Any]:
        """The reply to one control frame; `code` is 0 even for refused channels."""
        try:
            frame = msgspec.json.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _reply(0, "invalid request")
        if not isinstance(frame, dict):
            return _reply(0, "invalid request")
        number = frame.get("id", 0)
        number = number if type(number) is int and 0 <= number <= ID_MAX else 0
        method, names = frame.get("method"), frame.get("params")
        if isinstance(method, str) and method.upper() == "PING":
            return _reply(0, "PONG")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return _reply(number, "invalid request")
        if method == "SUBSCRIPTION":
            return _reply(number, self._subscribe_all(outbox, names))
        if method == "UNSUBSCRIPTION":
            for name in names:
                self.unsubscribe(outbox, name)
            return _reply(number, ",".join(names))
        return _reply(number, "invalid request")

    def _subscribe_all(self, outbox: Outbox, names: list[str]) -> str:
        blocked = [name for name in names if not self.subscribe(outbox, name)]
        if blocked:
            return f"Not Subscribed successfully! [{','.join(blocked)}].  Reason： Blocked! "
        return ",".join(names)

    async def _watch(self, ws: WebSocket, outbox: Outbox, scope: trio.CancelScope) -> None:
        """Close idle, silent, expired and day-old connections, without a status code."""
        ends_s = trio.current_time() + LIFE_S
        key_over = outbox.key.over if outbox.key is not None else trio.Event()
        while not key_over.is_set():
            deadline_s = min(ends_s, self._deadline_s(outbox))
            now_s = trio.current_time()
            if deadline_s <= now_s:
                break
            with trio.move_on_at(min(deadline_s, now_s + WATCH_EVERY_S)):
                await key_over.wait()
        with trio.move_on_after(CLOSE_S_MAX):
            await ws.aclose(code=_NO_STATUS)
        scope.cancel()

    def _deadline_s(self, outbox: Outbox) -> float:
        """When this connection has to be closed if nothing happens any more."""
        deadline_s = outbox.last_traffic_s + NO_TRAFFIC_S
        if not outbox.channels:
            deadline_s = min(deadline_s, outbox.empty_since_s + NOTHING_SUBSCRIBED_S)
        key = outbox.key
        if key is not None and not key.silent:
            deadline_s = min(deadline_s, trio.current_time() + (key.expires_ms - self.venue.now_ms) / 1_000)
        return deadline_s


@attrs.frozen
class _LevelSink:
    stream: MexcStream
    name: str

    def __call__(self, change: LevelChange) -> None:
        self.stream.level_changed(self.name, change)


@attrs.frozen
class _TradeSink:
    stream: MexcStream
    name: str

    def __call__(self, trade: PublicTrade) -> None:
        self.stream.traded(self.name, trade)


def _reply(number: int, text: str) -> dict[str, Any]:
    return {"id": number, "code": 0, "msg": text}


async def _write(ws: WebSocket, outbox: Outbox) -> None:
    while True:
        await ws.send_frames(await outbox.outgoing.take())


async def _drop_when_ended(outbox: Outbox) -> None:
    await outbox.ended.wait()
    raise DropConnection("too slow")
