"""The codecs against the fake, over the requests and frames themselves, and as dnbot finds the package."""

from __future__ import annotations

import hmac
import json
from decimal import Decimal
from importlib import metadata
from typing import Any, ClassVar

import msgspec
import pytest
import trio
from dnbot_venue_example import Example
from dnbot_venue_example.fake import Front

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Symbol
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side, TimeInForce
from dnbot.domain.units import Price, Quantity
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.front import Client
from dnbot.fakes.web import HttpRequest
from dnbot.fakes.world import build_world
from dnbot.venues import wire
from dnbot.venues.plugin import VENUE, VenueContext

BTC = Symbol("BTC", "USDT")
START_NS = 1_800_000_000_000_000_000


class Key:
    """The first account of the fakes."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self._secret = key_id, secret

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return hmac.new(self._secret.encode(), message, algorithm).hexdigest()


class Ear(Client):
    """A client that keeps what it is told."""

    told: ClassVar[list[Any]] = []

    def push(self, message: Any) -> None:
        self.told.append(message)


class Bench:
    """A world that stands still, its front, and the codecs."""

    def __init__(self) -> None:
        config = FakesConfig(seed=1)
        self.world = build_world(config, FakeClock(START_NS))
        account = config.accounts[0]
        self.front, self.plugin = Front(self.world.exchange, self.world.requests), Example(VenueContext(symbol=BTC))
        self.public, self.private = self.plugin.public(), self.plugin.private(Key(account.key, account.secret))
        self.stranger = self.plugin.private(Key(account.key, "another"))

    @property
    def now_ms(self) -> int:
        return self.world.clock.ms("mexc_spot")

    async def ask(self, request: wire.Request) -> wire.Reply:
        path, _, query = request.target.partition("?")
        headers = tuple((name.lower(), value) for name, value in request.headers)
        found = await self.front.handle_http(HttpRequest(request.method, path, query, headers, request.body))
        return wire.Reply(status=found.status, headers={}, body=found.body)

    def intent(self, price: Decimal, life: TimeInForce = TimeInForce.GTC) -> OrderIntent:
        return OrderIntent(
            client_order_id="dnb-1-1", epoch=1, venue=VENUE, symbol=BTC, side=Side.BUY,
            quantity=Quantity(Decimal("0.001")), price=Price(price), purpose=Purpose.ENTRY, time_in_force=life,
            created_at_ns=1, expires_at_ns=2,
        )


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_market_data(bench: Bench) -> None:
    """The instrument has steps and minima, the book two sides that do not cross, the clock is the venue's."""
    (request,) = bench.public.instrument_requests()
    instrument = bench.public.instrument([await bench.ask(request)])
    assert instrument.tradable
    assert instrument.tick_size > 0 < instrument.lot_size
    book = bench.public.snapshot(await bench.ask(bench.public.snapshot_request()))
    assert book.bids[0][0] < book.asks[0][0]
    assert bench.public.server_time_ms(await bench.ask(bench.public.server_time_request())) == bench.now_ms


async def test_an_order_rests_is_read_and_cancelled(bench: Bench) -> None:
    """In the answer, by its id, in the lists, and then in none that is open."""
    private, now_ms = bench.private, bench.now_ms
    intent = bench.intent(Decimal(50_000))
    report = private.placed(await bench.ask(private.place_request(intent, now_ms, now_ms + 1_000)), intent)
    assert (report.client_order_id, report.status, report.filled) == ("dnb-1-1", OrderStatus.OPEN, Decimal(0))
    assert private.order(await bench.ask(private.order_request(report.venue_order_id, now_ms))) == report
    assert private.orders(await bench.ask(private.open_orders_request(now_ms))) == (report,)
    ended = private.order(await bench.ask(private.cancel_request(report.venue_order_id, now_ms)))
    assert ended.status is OrderStatus.CANCELLED
    assert private.orders(await bench.ask(private.open_orders_request(now_ms))) == ()
    assert private.orders(await bench.ask(private.finished_orders_request(now_ms, 0))) == (ended,)
    again = private.trouble(await bench.ask(private.cancel_request(report.venue_order_id, now_ms)))
    assert isinstance(again, wire.Refused)
    assert again.unknown_order


async def test_an_order_that_fills_is_in_trades_and_balances(bench: Bench) -> None:
    """To the last digit: what the fill says is what the balances show."""
    private, now_ms = bench.private, bench.now_ms
    before = {one.asset: one.total for one in private.balances(await bench.ask(private.balances_request(now_ms)))}
    intent = bench.intent(Decimal(60_200), TimeInForce.IOC)
    report = private.placed(await bench.ask(private.place_request(intent, now_ms, now_ms + 1_000)), intent)
    assert report.status is OrderStatus.FILLED
    fills = private.trades(await bench.ask(private.trades_request(now_ms, 0, 0)))
    assert sum(fill.quantity for fill in fills) == report.filled == intent.quantity
    after = {one.asset: one.total for one in private.balances(await bench.ask(private.balances_request(now_ms)))}
    paid = {asset: sum(fill.fee for fill in fills if fill.fee_asset == asset) for asset in ("BTC", "USDT")}
    assert after["BTC"] - before.get("BTC", Decimal(0)) == report.filled - paid["BTC"]
    assert before["USDT"] - after["USDT"] == sum(fill.value for fill in fills) + paid["USDT"]
    (request,) = private.fees_requests(now_ms)
    rate = private.fees([await bench.ask(request)]).taker
    assert all(abs(fill.fee_quote - fill.value * rate) < Decimal("0.000001") for fill in fills if fill.fee_quote)


async def test_what_is_refused(bench: Bench) -> None:
    """Too late, too much, a wrong key, an old request: a definite no, of which the core knows what it means."""
    private, now_ms = bench.private, bench.now_ms
    late = private.trouble(await bench.ask(private.place_request(bench.intent(Decimal(50_000)), now_ms, now_ms - 1)))
    assert isinstance(late, wire.Refused)
    assert late.code == "EXPIRED"
    huge = msgspec.structs.replace(bench.intent(Decimal(50_000)), quantity=Quantity(Decimal(1_000)))
    much = private.trouble(await bench.ask(private.place_request(huge, now_ms, now_ms + 1_000)))
    assert isinstance(much, wire.Refused)
    (wrong,) = bench.stranger.facts_requests(now_ms)
    assert private.facts([await bench.ask(wrong)]).problem == "SIGNATURE: "
    old = private.trouble(await bench.ask(private.balances_request(now_ms - 60_000)))
    assert isinstance(old, wire.Refused)
    assert old.clock
    assert bench.world.exchange.orders("mexc_spot", bench.world.config.accounts[0].uid) == []


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"{}", type(None)), (429, b'{"on":"refused","error":"RATE"}', wire.AskedTooOften),
        (500, b"oops", wire.Unclear), (502, b'{"on":"refused","error":"KEY"}', wire.Unclear),
        (400, b'{"on":"refused","error":"NEW"}', wire.Unclear), (404, b"\xff", wire.Unclear),
        (400, b'{"on":"refused","error":"BALANCE"}', wire.Refused),
    ],
)
async def test_what_kind_of_no_it_is(bench: Bench, status: int, body: bytes, kind: type) -> None:
    """Only a listed code below 500 says that nothing was done."""
    assert type(bench.public.trouble(wire.Reply(status=status, headers={}, body=body))) is kind


async def test_frames(bench: Bench) -> None:
    """What is subscribed to is acknowledged; changes of the book follow one another; a fill comes with its order."""
    client, told = Ear(), Ear.told
    told.clear()
    bench.front.clients[client] = None
    answers = [bench.front.heard(client, frame) for frame in bench.public.subscribe_frames(0)]
    answers += [bench.front.heard(client, frame) for frame in bench.private.subscribe_frames(bench.now_ms // 1000, "")]
    answers.append(bench.front.heard(client, bench.public.ping_frame(0)))
    words = [bench.private.decode(json.dumps(one))[0] for one in answers]
    assert words == [wire.Subscribed("book"), wire.Subscribed("trades"), wire.Subscribed("account"), wire.Pong()]
    for _ in range(30):
        bench.world.step_market("BTC/USDT")
    with trio.move_on_after(0.05):
        await bench.front.run()
    deltas = [one.delta for frame in told if frame["on"] == "book" for one in bench.public.decode(json.dumps(frame))
              if isinstance(one, wire.Delta)]
    assert deltas
    assert all(one.first_id <= one.last_id for one in deltas)
    told.clear()
    best = bench.public.snapshot(await bench.ask(bench.public.snapshot_request())).asks[0][0]
    intent = bench.intent(best, TimeInForce.IOC)
    await bench.ask(bench.private.place_request(intent, bench.now_ms, bench.now_ms + 1_000))
    news = [one for frame in told if frame["on"] != "trade" for one in bench.private.decode(json.dumps(frame))]
    fills = [one.fill for one in news if isinstance(one, wire.FillNews)]
    reports = [one.report for one in news if isinstance(one, wire.OrderNews)]
    assert sum(fill.quantity for fill in fills) == intent.quantity
    assert reports[-1].status is OrderStatus.FILLED
    assert {one.asset for one in news if isinstance(one, wire.Balance)} >= {"BTC", "USDT"}


@pytest.mark.parametrize("frame", ["", "[]", "{", '{"on":"book","first":1}', '{"on":"trade","price":"NaN"}', b"\xff"])
async def test_what_cannot_be_read_is_no_guess(bench: Bench, frame: str | bytes) -> None:
    """A frame without a deciding field raises; one that is readable and new is counted by the core."""
    with pytest.raises(FrameUnreadable):
        bench.public.decode(frame)
    assert bench.public.decode('{"on":"weather"}') == (wire.UnknownFrame("weather"),)


async def test_rows_of_another_market_are_not_ours(bench: Bench) -> None:
    """In an answer to a question about ours they are an error; on the account's stream they are passed over."""
    row = {
        "id": "1", "client_id": "", "market": "ETH-USDT", "side": "buy", "price": "1", "quantity": "1", "filled": "0",
        "state": "open", "at": 1,
    }
    with pytest.raises(FrameUnreadable, match="another market"):
        bench.private.order(wire.Reply(status=200, headers={}, body=json.dumps(row).encode()))
    assert bench.private.decode(json.dumps({"on": "order", **row})) == ()


def test_dnbot_finds_it() -> None:
    """By the entry point of the installed package."""
    (found,) = metadata.entry_points(group="dnbot.venues", name="example")
    assert found.load() is Example
    with pytest.raises(ValueError, match="there are no options"):
        Example(VenueContext(symbol=BTC, options={"a": 1}))
