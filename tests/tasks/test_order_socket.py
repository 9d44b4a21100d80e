"""Creates over the order socket: the result decides, the unknown is ambiguous, and without proof nothing is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, cast

import attrs
import msgspec
import pytest
import trio
import trio_websocket
from trio.testing import memory_stream_pair

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.messages import InboxEvent, OrderReported
from dnbot.domain.order import OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.ports.channels import Cell
from dnbot.ports.clock import VenueClock, VirtualClock
from dnbot.ports.limiter import Priority, RateLimiter
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.tasks.link import Line
from dnbot.tasks.order_probe import Prober
from dnbot.tasks.order_socket import OrderSocket
from dnbot.venues.gateio.futures_private import GateFuturesPrivate
from dnbot.venues.wire import RequestClass

D = Decimal
BTC = Symbol("BTC", "USDT")
EPOCH_NS = 1_800_000_000_000_000_000
NOW_MS = EPOCH_NS // 1_000_000
URL = "wss://gate.example"
Frame = dict[str, Any]
Talk = Callable[["Peer", Frame], Awaitable[None]]


class Key:
    """A signer of no consequence."""

    key_id = "key"

    def hmac_hex(self, algorithm: str, message: bytes) -> str:
        return "00"


@attrs.define
class Trusting:
    """Stands where the probe does: it lets every connection, or none."""

    verdict: bool = True
    given_up: str = ""
    asked: int = 0

    async def prove(self, ask: object) -> bool:
        self.asked += 1
        if not self.verdict:
            self.given_up = "not proven"
        return self.verdict

    async def settle(self) -> None:
        await trio.lowlevel.checkpoint()


@attrs.define
class Peer:
    """The venue's end: answers logins, and hands every create to `talk`."""

    talk: Talk
    frames: list[Frame] = attrs.field(factory=list)
    connects: int = 0
    refuse_login: bool = False
    wire: trio_websocket.WebSocketConnection | None = None

    async def serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as inner:
            request = await trio_websocket.wrap_server_stream(inner, cast("trio.SocketStream", stream))
            self.wire = await request.accept()
            self.connects += 1
            with suppress(trio_websocket.ConnectionClosed):
                while True:
                    await self._hear(msgspec.json.decode(await self.wire.get_message()))
            inner.cancel_scope.cancel()

    async def _hear(self, frame: Frame) -> None:
        if frame["channel"].endswith(".ping"):
            await self.say({"channel": frame["channel"].replace("ping", "pong"), "event": "", "result": None})
        elif frame["channel"].endswith(".login") and self.refuse_login:
            await self.answer("login", errs={"label": "INVALID_KEY", "message": "no"}, status="401")
        elif frame["channel"].endswith(".login"):
            await self.answer("login", result={"uid": "1", "api_key": "key"}, channel="futures.login")
        else:
            self.frames.append(frame)
            await self.talk(self, frame)

    async def say(self, frame: Frame) -> None:
        assert self.wire is not None
        await self.wire.send_message(msgspec.json.encode(frame).decode())

    async def answer(
        self, name: str, *, ack: bool = False, status: str = "200", channel: str = "futures.order_place", **data: Any
    ) -> None:
        header = {"response_time": str(NOW_MS), "status": status, "channel": channel, "event": "api"}
        frame: Frame = {"header": header, "data": data, "request_id": name}
        await self.say(frame | {"ack": True} if ack else frame)


def order(name: str, **more: Any) -> Frame:
    """A result: 3 contracts sold, none left."""
    return {
        "text": f"t-{name}", "price": "60000.1", "tif": "ioc", "status": "finished", "contract": "BTC_USDT",
        "finish_as": "filled", "fill_price": "60000.2", "id": 77, "size": -3, "update_time": NOW_MS / 1000, **more,
    }


def intent(name: str = "dnb-1-1-s") -> OrderIntent:
    """Three contracts to sell."""
    return OrderIntent(
        client_order_id=name, epoch=1, venue=Venue.GATE_FUTURES, symbol=BTC, side=Side.SELL,
        quantity=Quantity(D("0.0003")), price=Price(D("60000.1")), purpose=Purpose.ENTRY, created_at_ns=EPOCH_NS,
        expires_at_ns=EPOCH_NS + 800_000_000,
    )


@attrs.define
class Bench:
    """An order socket between a scripted venue and an inbox."""

    socket: OrderSocket
    peer: Peer
    prober: Trusting
    inbox: trio.MemoryReceiveChannel[InboxEvent]
    budget: RateLimiter

    async def place(self, one: OrderIntent | None = None, deadline_s: float = 1.8) -> Any:
        return await self.socket.place(one or intent(), NOW_MS, NOW_MS + 800, Priority.NORMAL, deadline_s)

    async def up(self) -> None:
        """Until creates may leave."""
        for _ in range(500):
            if self.socket.trusted:
                return
            await trio.sleep(0.01)
        raise AssertionError("not trusted within five seconds")


@pytest.fixture
def bench(nursery: trio.Nursery) -> Callable[..., Bench]:
    """Builds and starts an order socket on a talk."""

    def build(talk: Talk, *, verdict: bool = True, refuse_login: bool = False, burst: int = 50) -> Bench:
        peer = Peer(talk, refuse_login=refuse_login)

        async def opener(host: str, port: int) -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(peer.serve, theirs)
            return ours

        clock = VirtualClock(EPOCH_NS)
        venue_clock = VenueClock(clock)
        venue_clock.observe(Venue.GATE_FUTURES.value, clock.monotonic_s(), NOW_MS, clock.monotonic_s())
        budget = RateLimiter(1, burst)
        line = Line(Venue.GATE_FUTURES, {}, {RequestClass.CREATE: budget}, venue_clock)
        cell: Cell[Instrument] = Cell()
        cell.put(
            Instrument(
                venue=Venue.GATE_FUTURES, symbol=BTC, tick_size=D("0.1"), lot_size=D("0.0001"),
                multiplier=D("0.0001"),
            )
        )
        send, receive = trio.open_memory_channel[InboxEvent](10)
        prober = Trusting(verdict)
        socket = OrderSocket(
            GateFuturesPrivate(BTC, Key()), line, opener, URL, cell, send, EventLog(clock, [MemorySink()]),
            cast(Prober, prober),
        )
        nursery.start_soon(socket.run)
        return Bench(socket, peer, prober, receive, budget)

    return build


async def ack_then_result(peer: Peer, frame: Frame) -> None:
    """What a venue does with a good order: the echo, and a little later the result."""
    name = frame["payload"]["req_id"]
    await peer.answer(name, ack=True, result={"req_id": name, "req_param": frame["payload"]["req_param"]})
    await trio.sleep(0.004)
    await peer.answer(name, result=order(name))


async def ack_alone(peer: Peer, frame: Frame) -> None:
    """The echo, and then nothing."""
    await peer.answer(frame["payload"]["req_id"], ack=True, result={"req_param": {"text": "t-dnb-1-1-s"}})


async def silence(peer: Peer, frame: Frame) -> None:
    """Nothing."""


async def hang_up(peer: Peer, frame: Frame) -> None:
    """The connection ends after the order has arrived."""
    assert peer.wire is not None
    await peer.wire.aclose()


async def test_the_result_decides(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """One frame leaves, with expiry and id; the echo answers nobody, the result is what came of the order."""
    on = bench(ack_then_result)
    await on.up()
    began_s = trio.current_time()
    outcome, code, _, report = await on.place()
    assert trio.current_time() - began_s >= 0.004
    assert (outcome, code) == ("accepted", "")
    assert (report.status, report.filled, report.venue_order_id) == (OrderStatus.FILLED, D("0.0003"), "77")
    (frame,) = on.peer.frames
    assert frame["payload"]["req_id"] == "dnb-1-1-s"
    assert frame["payload"]["req_header"] == {"x-gate-exptime": str(NOW_MS + 800)}
    assert frame["payload"]["req_param"]["size"] == -3


async def test_results_find_their_orders(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """Several orders at once on one connection, answered in any order."""
    held: list[str] = []

    async def backwards(peer: Peer, frame: Frame) -> None:
        held.append(frame["payload"]["req_id"])
        if len(held) == 3:
            for name in reversed(held):
                await peer.answer(name, result=order(name, id=int(name[-3])))

    on = bench(backwards)
    await on.up()
    told: dict[str, str] = {}

    async def one(name: str) -> None:
        told[name] = (await on.place(intent(name)))[3].venue_order_id

    async with trio.open_nursery() as several:
        for number in (1, 2, 3):
            several.start_soon(one, f"dnb-1-{number}-s")
    assert told == {"dnb-1-1-s": "1", "dnb-1-2-s": "2", "dnb-1-3-s": "3"}


async def test_an_acknowledgement_alone_is_ambiguous(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """No result within the deadline: nobody knows; a result that comes later is told as a report."""
    on = bench(ack_alone)
    await on.up()
    began_s = trio.current_time()
    outcome, code, text, report = await on.place()
    assert (outcome, code, report) == ("ambiguous", "NO_ANSWER", None)
    assert "acknowledged" in text
    assert trio.current_time() - began_s == pytest.approx(1.8, abs=0.01)
    await on.peer.answer("dnb-1-1-s", result=order("dnb-1-1-s"))
    late = await on.inbox.receive()
    assert isinstance(late, OrderReported)
    assert late.report.status is OrderStatus.FILLED
    assert on.socket.trusted


async def test_a_connection_lost_on_the_way_is_ambiguous(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """Whoever waits learns at once; the socket comes back and is proven anew."""
    on = bench(hang_up)
    await on.up()
    began_s = trio.current_time()
    outcome, code, _, _ = await on.place()
    assert (outcome, code) == ("ambiguous", "NO_ANSWER")
    assert trio.current_time() - began_s < 0.5
    assert not on.socket.trusted
    await on.up()
    assert (on.peer.connects, on.prober.asked) == (2, 2)


async def test_without_a_proven_connection_nothing_is_sent(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """Before the first connection, and when the probe said no: the caller is told to go elsewhere."""
    on = bench(ack_then_result, verdict=False)
    assert await on.place() is None
    await trio.sleep(20)
    assert await on.place() is None
    assert on.peer.frames == []
    assert on.budget.statistics().granted_normal == 0


async def test_an_unproven_path_is_left_alone(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """After the probe gave the path up, no further connection is made."""
    on = bench(ack_then_result, verdict=False)
    await trio.sleep(600)
    assert (on.peer.connects, on.prober.asked) == (1, 1)


async def test_a_refused_login_is_tried_again_with_patience(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """Nothing is sent meanwhile, and in ten minutes there are few attempts."""
    on = bench(ack_then_result, refuse_login=True)
    await trio.sleep(600)
    assert await on.place() is None
    assert 5 <= on.peer.connects <= 40
    assert on.prober.asked == 0


@pytest.mark.parametrize(
    ("label", "status", "expected"),
    [
        ("BALANCE_NOT_ENOUGH", "400", ("refused", "BALANCE_NOT_ENOUGH")),
        ("REQUEST_EXPIRED", "403", ("refused", "REQUEST_EXPIRED")),
        ("REPEATED_CREATION", "400", ("ambiguous", "UNCLEAR")),
        ("SERVER_ERROR", "500", ("ambiguous", "UNCLEAR")),
    ],
)
async def test_only_listed_refusals_are_refusals(
    autojump_clock: Any, bench: Callable[..., Bench], label: str, status: str, expected: tuple[str, str]
) -> None:
    """A label of the list is a definite no; any other leaves the order ambiguous."""

    async def refuse(peer: Peer, frame: Frame) -> None:
        errs = {"label": label, "message": f"label: {label}, message: because"}
        await peer.answer(frame["payload"]["req_id"], status=status, errs=errs)

    on = bench(refuse)
    await on.up()
    outcome, code, text, report = await on.place()
    assert (outcome, code, report) == (*expected, None)
    assert "because" in text


async def test_asked_too_often_pauses_the_budget(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """The venue did nothing, and the next create waits."""

    async def throttle(peer: Peer, frame: Frame) -> None:
        errs = {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (311)"}
        await peer.answer(frame["payload"]["req_id"], status="429", errs=errs)

    on = bench(throttle)
    await on.up()
    assert (await on.place())[:2] == ("refused", "RATE")
    assert on.budget.statistics().penalties == 1


async def test_a_spent_budget_sends_nothing(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """An order that would leave too late is provably not sent."""
    on = bench(ack_then_result, burst=2)
    await on.up()
    assert (await on.place())[0] == "accepted"
    outcome, code, _, _ = await on.place(intent("dnb-1-2-s"), deadline_s=0.5)
    assert (outcome, code) == ("not_sent", "UNREACHABLE")
    assert len(on.peer.frames) == 1


async def test_a_result_about_another_order_is_no_answer(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """Ids cross: neither order is taken as answered by it."""

    async def confuse(peer: Peer, frame: Frame) -> None:
        await peer.answer(frame["payload"]["req_id"], result=order("dnb-1-9-s"))

    on = bench(confuse)
    await on.up()
    outcome, code, text, report = await on.place()
    assert (outcome, code, report) == ("ambiguous", "UNREADABLE", None)
    assert "dnb-1-9-s" in text


async def test_an_unreadable_frame_costs_the_connection(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """It may have been our result: the order is ambiguous, and the socket starts over."""

    async def garble(peer: Peer, frame: Frame) -> None:
        await peer.answer(frame["payload"]["req_id"], result={"id": "nothing else"})

    on = bench(garble)
    await on.up()
    assert (await on.place())[:2] == ("ambiguous", "NO_ANSWER")
    await on.up()
    assert on.peer.connects == 2


async def test_a_dead_connection_is_noticed(
    autojump_clock: Any, bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer that answers no ping is left within half a minute, and meanwhile orders on it are ambiguous."""
    on = bench(silence)
    await on.up()

    async def deaf(self: Peer, frame: Frame) -> None:
        self.frames.append(frame)

    with monkeypatch.context() as patch:
        patch.setattr(Peer, "_hear", deaf)
        assert (await on.place())[:2] == ("ambiguous", "NO_ANSWER")
        await trio.sleep(30)
    await trio.sleep(40)
    assert on.peer.connects >= 2
    await on.up()


async def test_an_order_cancelled_on_its_way_leaves_no_trace(autojump_clock: Any, bench: Callable[..., Bench]) -> None:
    """A desk that is ended while its order waits: the next order on the same connection is answered as ever."""
    on = bench(silence)
    await on.up()
    with trio.move_on_after(0.1):
        await on.place()
    on.peer.talk = ack_then_result
    assert (await on.place(intent("dnb-1-2-s")))[0] == "accepted"
    assert on.peer.connects == 1


def test_only_a_filled_order_may_come_without_what_is_left() -> None:
    """The socket leaves out keys whose value is 0: for a filled order that is `left`; for any other it is an error."""
    codec = GateFuturesPrivate(BTC, Key())
    codec.learn_instrument(
        Instrument(
            venue=Venue.GATE_FUTURES, symbol=BTC, tick_size=D("0.1"), lot_size=D("0.0001"), multiplier=D("0.0001")
        )
    )
    header = {"response_time": str(NOW_MS), "status": "200", "channel": "futures.order_place", "event": "api"}

    def read(**more: Any) -> Any:
        frame = {"header": header, "data": {"result": order("dnb-1-1", **more)}, "request_id": "dnb-1-1"}
        (reply,) = codec.decode(msgspec.json.encode(frame))
        return reply

    assert read().report.filled == D("0.0003")
    assert read(finish_as="ioc", left=-1).report.filled == D("0.0002")
    for more in ({"finish_as": "ioc"}, {"finish_as": "cancelled"}, {"status": "open"}):
        with pytest.raises(FrameUnreadable, match="left"):
            read(**more)
