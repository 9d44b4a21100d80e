"""Connections: clients that are slow, silent, rude or many, and that none of them holds up the bot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from web_site import VIEW, Pictures, read_until, stream_request

from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.strategy.states import StrategyState
from dnbot.web.access import SESSION_S
from dnbot.web.guard import BODY_S_MAX
from dnbot.web.hub import SHOW_EVERY_S
from dnbot.web.live import STREAMS_MAX
from dnbot.web.server import CONNECTIONS_MAX, HEAD_S_MAX, SEND_S_MAX, contained, listeners_at

if TYPE_CHECKING:
    from trio.testing import MockClock
    from web_site import Site, Sites

HOST = b"Host: 127.0.0.1:8180\r\n"


async def until_closed(stream: trio.abc.ReceiveStream) -> float:
    """Seconds until the other side closes the connection."""
    began = trio.current_time()
    try:
        while await stream.receive_some(65_536):
            pass
    except trio.BrokenResourceError:
        pass
    took = trio.current_time() - began
    await trio.testing.wait_all_tasks_blocked()
    return took


async def post(here: Site, head: bytes) -> trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]:
    """The beginning of a request that would change something."""
    cookie, identity = here.keyring.open("operate", "", here.stage.clock.now_ns() / 1e9)
    stream = here.connect()
    await stream.send_all(
        b"POST /api/control/pause HTTP/1.1\r\n" + HOST + b"Origin: http://127.0.0.1:8180\r\n"
        + f"Cookie: {here.place.cookie}={cookie}\r\nX-CSRF-Token: {here.keyring.csrf_of(identity)}\r\n".encode() + head
    )
    return stream


# --- slow and rude clients --------------------------------------------------------------------------------------------
async def test_a_head_that_trickles_in_is_given_up(autojump_clock: MockClock, site: Sites) -> None:
    """A byte a second keeps no connection open: the deadline is that of the whole head."""
    async with site() as here:
        stream = here.connect()

        async def trickle() -> None:
            for byte in b"GET /livez HTTP/1.1\r\nX-Slow: " + b"a" * 1000:
                try:
                    await stream.send_all(bytes([byte]))
                except trio.BrokenResourceError:
                    return
                await trio.sleep(1)

        here.nursery.start_soon(trickle)
        assert await until_closed(stream) <= HEAD_S_MAX + 1
        assert here.server.connections == 0


async def test_a_client_that_says_nothing_is_let_go(autojump_clock: MockClock, site: Sites) -> None:
    """Also after an answer, when the connection is only kept."""
    async with site() as here:
        assert await until_closed(here.connect()) <= HEAD_S_MAX + 1
        stream = here.connect()
        await stream.send_all(b"GET /startupz HTTP/1.1\r\n" + HOST + b"\r\n")
        await read_until(stream, b"reconciled")
        assert await until_closed(stream) <= HEAD_S_MAX + 1
        assert here.server.connections == 0


async def test_a_body_that_trickles_in_is_refused(autojump_clock: MockClock, site: Sites) -> None:
    """With 408, and the connection ends."""
    async with site() as here:
        stream = await post(here, b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        began = trio.current_time()
        assert b" 408 " in await read_until(stream, b"longer than")
        assert trio.current_time() - began <= BODY_S_MAX + 1
        await until_closed(stream)
        assert here.bot.channels.inbox.receive.statistics().current_buffer_used == 0


async def test_a_body_in_chunks_is_counted(autojump_clock: MockClock, site: Sites) -> None:
    """A length that is not told beforehand does not pass the limit either."""
    async with site() as here:
        stream = await post(here, b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        await stream.send_all((b"1000\r\n" + b" " * 4096 + b"\r\n") * 2)
        assert b" 413 " in await read_until(stream, b"at most")


async def test_a_head_without_end_is_refused(autojump_clock: MockClock, site: Sites) -> None:
    """A header that grows and grows ends the connection, not the memory."""
    async with site() as here:
        stream = here.connect()
        await stream.send_all(b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 40_000)
        assert b" 431 " in await read_until(stream, b"\r\n\r\n")


@pytest.mark.parametrize(
    "asked",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        b"GET /api/live HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
    ],
)
async def test_other_protocols_end_their_own_connection(autojump_clock: MockClock, site: Sites, asked: bytes) -> None:
    """HTTP/2, WebSocket, TLS and nonsense get no stream, and the next client is served."""
    async with site() as here:
        stream = here.connect()
        await stream.send_all(asked)
        await until_closed(stream)
        assert here.server.connections == 0
        async with here.client() as probe:
            assert (await probe.get("/livez")).status_code == 200


async def test_too_many_connections_are_turned_away(autojump_clock: MockClock, site: Sites) -> None:
    """Those that are there stay; when one leaves the next may come."""
    async with site() as here:
        streams = [here.connect() for _ in range(CONNECTIONS_MAX)]
        await trio.testing.wait_all_tasks_blocked()
        assert await until_closed(here.connect()) == 0
        assert (here.server.connections, here.server.turned_away) == (CONNECTIONS_MAX, 1)
        await streams[0].aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert here.server.connections == CONNECTIONS_MAX - 1


# --- the stream of pictures -------------------------------------------------------------------------------------------
async def test_pictures_come_and_show_what_is(autojump_clock: MockClock, site: Sites) -> None:
    """Twice a second the newest status, the limits, and every change of state so far."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        stream = here.connect()
        await stream.send_all(here.stream_request())
        pictures, began = Pictures(stream), trio.current_time()
        seen = [await pictures.next() for _ in range(10)]
        assert trio.current_time() - began <= 10 * SHOW_EVERY_S + 1
        last = seen[-1]
        assert last is not None
        assert last["status"]["view"]["state"] == here.bot.context.current_state.name
        assert last["status"]["view"]["delta_base"] == str(here.bot.context.portfolio.delta)
        assert [change[2] for change in last["changes"]][:2] == ["ESTABLISHING_DELTA_NEUTRAL", "DELTA_NEUTRAL_ACTIVE"]
        assert {limit["name"] for limit in last["limits"]} >= {"delta_hard_limit_base", "max_daily_loss_quote"}
        times = [picture["status"]["at_ns"] for picture in seen if picture]
        assert times == sorted(set(times))


@pytest.mark.slow
async def test_a_browser_that_stops_reading_holds_up_nobody(autojump_clock: MockClock, site: Sites) -> None:
    """It is cut off; another browser sees every picture meanwhile, and the bot goes on."""
    async with site(runs=True) as here:
        stalled = here.connect(takes_all=False)
        await stalled.send_all(here.stream_request())  # and reads nothing
        reading = here.connect()
        await reading.send_all(here.stream_request())
        events, seen = here.bot.context.events, 0
        with trio.move_on_after(SEND_S_MAX + 30 * SHOW_EVERY_S):
            pictures = Pictures(reading)
            while await pictures.next():
                seen += 1
        assert seen >= (SEND_S_MAX + 30 * SHOW_EVERY_S) / SHOW_EVERY_S - 3
        assert here.bot.context.events > events
        assert here.hub.readers == 1
        assert here.server.connections == 1


async def test_a_slow_browser_gets_the_newest_picture_not_every_one(autojump_clock: MockClock, site: Sites) -> None:
    """Who reads one picture in three seconds is never more than about that old."""
    async with site() as here:
        stream = here.connect(takes_all=False)
        await stream.send_all(here.stream_request())
        ages, pictures = [], Pictures(stream)
        for _ in range(12):
            picture = await pictures.next()
            assert picture is not None
            ages.append((here.stage.clock.now_ns() - picture["status"]["at_ns"]) / 1e9)
            await trio.sleep(3)
        assert max(ages) <= 3 + 2 * SHOW_EVERY_S


async def test_a_stalled_browser_does_not_hold_up_the_end(autojump_clock: MockClock, site: Sites) -> None:
    """The server is cancelled in the middle of a write, and everything is over in that instant."""
    async with site() as here:
        stalled = here.connect(takes_all=False)
        await stalled.send_all(here.stream_request())
        await read_until(stalled, b"data: ")
        await trio.sleep(2 * SHOW_EVERY_S)
        assert here.hub.readers == 1
        began = trio.current_time()
        here.nursery.cancel_scope.cancel()
    assert trio.current_time() - began < 0.1


async def test_a_browser_that_leaves_is_noticed(autojump_clock: MockClock, site: Sites) -> None:
    """Nothing is made for nobody."""
    async with site() as here:
        stream = here.connect()
        await stream.send_all(here.stream_request())
        await read_until(stream, b"data: ")
        assert here.hub.readers == 1
        await stream.aclose()
        await trio.sleep(2 * SHOW_EVERY_S)
        assert (here.hub.readers, here.server.connections) == (0, 0)
        number = here.hub.number
        await trio.sleep(5)
        assert here.hub.number == number


async def test_more_streams_than_allowed_are_refused(autojump_clock: MockClock, site: Sites) -> None:
    """With 503; the others go on."""
    async with site() as here:
        for _ in range(STREAMS_MAX):
            stream = here.connect()
            await stream.send_all(here.stream_request())
        await trio.testing.wait_all_tasks_blocked()
        late = here.connect()
        await late.send_all(here.stream_request())
        assert b" 503 " in await read_until(late, b"look already")


async def test_a_stream_ends_with_its_session(autojump_clock: MockClock, site: Sites) -> None:
    """A page that is left open does not look on for ever."""
    async with site() as here:
        stream = here.connect()
        await stream.send_all(here.stream_request(session_age_s=SESSION_S - 20))
        pictures, seen = Pictures(stream), 0
        while await pictures.next():
            seen += 1
        assert 20 / SHOW_EVERY_S - 3 <= seen <= 20 / SHOW_EVERY_S + 1
        assert here.hub.readers == 0


async def test_a_logout_ends_every_stream_of_its_session(autojump_clock: MockClock, site: Sites) -> None:
    """Another tab, or whoever took the cookie, sees no further picture; other sessions look on."""
    async with site() as here:
        other = here.connect()
        await other.send_all(here.stream_request())
        elsewhere = Pictures(other)
        async with here.client("view") as tab:
            stream, cookie = here.connect(), tab.cookies[here.place.cookie]
            await stream.send_all(stream_request(f"Cookie: {here.place.cookie}={cookie}"))
            pictures = Pictures(stream)
            assert await pictures.next()
            assert (await tab.post("/api/logout")).status_code == 200
        for _ in range(3):
            assert await elsewhere.next()
        assert here.hub.readers == 1
        assert await pictures.next() is None


async def test_a_logout_of_a_script_ends_nobodys_stream(autojump_clock: MockClock, site: Sites) -> None:
    """A bearer has no session that could end: its streams go on until they are too old."""
    async with site() as here:
        stream = here.connect()
        await stream.send_all(stream_request(f"Authorization: Bearer {VIEW}"))
        pictures = Pictures(stream)
        assert await pictures.next()
        async with here.client(authorization=f"Bearer {VIEW}") as script:
            assert (await script.post("/api/logout")).status_code == 200
        for _ in range(3):
            assert await pictures.next()


# --- the end of the world stays outside -------------------------------------------------------------------------------
def test_what_goes_wrong_beside_the_bot_is_logged_and_stays_there() -> None:
    """Errors, alone or in groups, end at the border; a cancellation passes."""
    sink = MemorySink()

    async def main() -> None:
        log = EventLog(VirtualClock(0), [sink])
        with contained(log):
            raise ZeroDivisionError
        with contained(log):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                raise ZeroDivisionError
        with trio.move_on_after(1) as scope:
            with contained(log):
                await trio.sleep_forever()
        assert scope.cancelled_caught
        with pytest.raises(BaseExceptionGroup) as caught, contained(log):
            raise BaseExceptionGroup("", [ValueError(), KeyboardInterrupt()])
        assert caught.value.split(KeyboardInterrupt)[1] is None
        log.flush_now()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert [line["event"] for line in sink.lines] == ["web_error"] * 3


async def test_the_server_on_a_socket(site: Sites) -> None:
    """The same over TCP on loopback, and a second one on its port is told that it is taken."""
    from dnbot.web.server import PortTaken

    async with site() as here, listeners_at("127.0.0.1", 0) as listeners:
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(PortTaken, match="taken"):
            async with listeners_at("127.0.0.1", port):
                pass
        here.nursery.start_soon(here.server.serve, listeners)
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/startupz")
            assert (answer.status_code, answer.json()) == (503, {"reconciled": False})
