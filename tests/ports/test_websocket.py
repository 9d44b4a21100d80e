"""The WebSocket client over memory streams on virtual time: messages, silence, ends, and one clean error."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import pytest
import trio
import trio_websocket
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair

from dnbot.domain.errors import VenueUnreachable
from dnbot.lab.livelock import Livelock
from dnbot.lab.still_clock import still_clock
from dnbot.ports.websocket import SEND_S_MAX, WebSocket, open_websocket

URL = "wss://stream.example/ws?listenKey=canary"
Serve = Callable[[trio_websocket.WebSocketConnection], Awaitable[None]]
Opener = Callable[[str, int], Awaitable[trio.abc.Stream]]


def raw_opener(nursery: trio.Nursery, handler: Callable[[trio.abc.Stream], Awaitable[None]]) -> Opener:
    """Connects to a handler of the bare stream."""

    async def opener(host: str, port: int) -> trio.abc.Stream:
        ours, theirs = memory_stream_pair()
        nursery.start_soon(handler, theirs)
        return ours

    return opener


def ws_opener(nursery: trio.Nursery, serve: Serve, seen: list[Any] | None = None) -> Opener:
    """Connects to a server that accepts the handshake and then runs `serve`."""

    async def handler(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as inner:
            request = await trio_websocket.wrap_server_stream(inner, stream)
            if seen is not None:
                seen.append((request.path, request.headers))
            connection = await request.accept()
            with suppress(trio_websocket.ConnectionClosed):
                await serve(connection)
            inner.cancel_scope.cancel()

    return raw_opener(nursery, handler)


async def stay_silent(connection: trio_websocket.WebSocketConnection) -> None:
    """Holds the link open, reads nothing, says nothing."""
    await trio.sleep_forever()


async def echo(connection: trio_websocket.WebSocketConnection) -> None:
    """Sends back what comes, in kind."""
    while True:
        await connection.send_message(await connection.get_message())


async def test_text_and_bytes_go_both_ways_with_headers_and_query(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Text stays str, binary stays bytes; path, query and extra headers reach the venue; counters count."""
    seen: list[Any] = []
    opener = ws_opener(nursery, echo, seen)
    async with open_websocket(
        opener, URL, venue="test", silence_s_max=5, extra_headers=[("X-Gate-Size-Decimal", "1")]
    ) as websocket:
        await websocket.send("hello")
        assert await websocket.receive() == "hello"
        await websocket.send(b"\x00\x01")
        assert await websocket.receive() == b"\x00\x01"
        counted = websocket.statistics()
    path, headers = seen[0]
    assert path == "/ws?listenKey=canary"
    assert (b"x-gate-size-decimal", b"1") in headers
    assert not [value for name, value in headers if name == b"sec-websocket-extensions"]
    assert (counted.messages_received, counted.messages_sent) == (2, 2)


async def test_silence_raises_after_the_limit(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A peer that holds the link and says nothing is unreachable after the limit, counted from its last message."""

    async def one_then_silence(connection: trio_websocket.WebSocketConnection) -> None:
        await trio.sleep(2)
        await connection.send_message("one")
        await trio.sleep_forever()

    async with open_websocket(ws_opener(nursery, one_then_silence), URL, venue="test", silence_s_max=5) as websocket:
        await websocket.receive()
        with pytest.raises(VenueUnreachable, match=r"^test: silent for 5\.0 s"):
            await websocket.receive()
    assert trio.current_time() == pytest.approx(7)


async def test_own_short_timeouts_do_not_reset_the_silence(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A consumer that wakes every second to send a ping still notices a dead peer."""

    async def impatient(websocket: WebSocket) -> None:
        while trio.current_time() < 60:
            with trio.move_on_after(1):
                await websocket.receive()

    async with open_websocket(ws_opener(nursery, stay_silent), URL, venue="test", silence_s_max=5) as websocket:
        with pytest.raises(VenueUnreachable, match="silent"):
            await impatient(websocket)
    assert trio.current_time() < 7


async def test_late_consumer_gets_what_is_queued(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Messages that wait in the queue are delivered even when the consumer itself was the slow one."""

    async def talk(connection: trio_websocket.WebSocketConnection) -> None:
        for number in range(3):
            await connection.send_message(str(number))
        await trio.sleep_forever()

    async with open_websocket(ws_opener(nursery, talk), URL, venue="test", silence_s_max=5) as websocket:
        await trio.sleep(20)
        assert [await websocket.receive() for _ in range(3)] == ["0", "1", "2"]


async def test_queued_messages_come_before_the_close(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """What the venue sent before it closed is read first; then its code and its reason, quoted, are the error."""

    async def talk(connection: trio_websocket.WebSocketConnection) -> None:
        await connection.send_message("last")
        await connection.aclose(4001, "rotate\x1b[31m")

    async with open_websocket(ws_opener(nursery, talk), URL, venue="test", silence_s_max=5) as websocket:
        assert await websocket.receive() == "last"
        with pytest.raises(VenueUnreachable, match=r"closed with 4001 .*'rotate\\x1b\[31m'"):
            await websocket.receive()
        with pytest.raises(VenueUnreachable):
            await websocket.send("after")


async def test_delivered_messages_come_in_the_turn_of_their_bytes(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """All in order, concluded once for each burst, until the connection ends; no message is lost before or after."""

    async def bursts(connection: trio_websocket.WebSocketConnection) -> None:
        for number in range(6):
            await connection.send_message(f"early {number}")
        await trio.sleep(2)
        await connection.send_message("late")
        await connection.aclose(code=1000)

    taken: list[str | bytes] = []
    bursts_of: list[int] = []
    async with open_websocket(ws_opener(nursery, bursts), URL, venue="test", silence_s_max=5) as websocket:
        await trio.sleep(1)  # what came before anybody wanted it
        with pytest.raises(VenueUnreachable, match="closed with 1000"):
            await websocket.deliver(taken.append, lambda: bursts_of.append(len(taken)))
        assert websocket.statistics().messages_received == 7
    assert taken == [*(f"early {number}" for number in range(6)), "late"]
    assert bursts_of == [6, 7]


async def test_delivery_notices_silence(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Counted from the last message."""

    async def one_then_silence(connection: trio_websocket.WebSocketConnection) -> None:
        await trio.sleep(2)
        await connection.send_message("one")
        await trio.sleep_forever()

    opener = ws_opener(nursery, one_then_silence)
    async with open_websocket(opener, URL, venue="test", silence_s_max=5) as websocket:
        with pytest.raises(VenueUnreachable, match=r"^test: silent for 5\.0 s"):
            await websocket.deliver(lambda _: None, lambda: None)
    assert trio.current_time() == pytest.approx(7)


def test_silence_ends_at_every_moment() -> None:
    """(2.3 + 30) - 2.3 is less than 30 in binary: who subtracts finds no end there while the clock stands."""
    hangs: list[str] = []
    ended_s: list[float] = []
    everything = trio.CancelScope()

    async def main() -> None:
        with everything:
            async with trio.open_nursery() as nursery:
                for tenths in range(1, 60):
                    nursery.start_soon(silent_since, nursery, tenths / 10)

    async def silent_since(nursery: trio.Nursery, at_s: float) -> None:
        async def one_then_silence(connection: trio_websocket.WebSocketConnection) -> None:
            await trio.sleep_until(at_s)
            await connection.send_message("one")
            await trio.sleep_forever()

        opener = ws_opener(nursery, one_then_silence)
        async with open_websocket(opener, URL, venue="test", silence_s_max=30) as websocket:
            with pytest.raises(VenueUnreachable, match="silent"):
                await websocket.deliver(lambda _: None, lambda: None)
            ended_s.append(trio.current_time())
            if len(ended_s) == 59:
                everything.cancel()

    def hang(text: str) -> None:
        hangs.append(text)
        everything.cancel()

    trio.run(main, clock=still_clock(), instruments=[Livelock(hang, turns_max=5_000)])
    assert hangs == []
    assert sorted(ended_s) == [pytest.approx(30 + tenths / 10) for tenths in range(1, 60)]


@pytest.mark.parametrize("where", ["take", "conclude"])
async def test_what_a_taker_raises_is_its_caller_s(
    nursery: trio.Nursery, autojump_clock: MockClock, where: str
) -> None:
    """Not the reader's: it comes out of `deliver`, and nothing is taken after it."""

    async def three(connection: trio_websocket.WebSocketConnection) -> None:
        for number in range(3):
            await connection.send_message(str(number))
            await trio.sleep(0.1)
        await trio.sleep_forever()

    taken: list[str | bytes] = []

    def take(message: str | bytes) -> None:
        taken.append(message)
        if where == "take":
            raise ZeroDivisionError("planted")

    def conclude() -> None:
        raise ZeroDivisionError("planted")

    async with open_websocket(ws_opener(nursery, three), URL, venue="test", silence_s_max=5) as websocket:
        with pytest.raises(ZeroDivisionError, match="planted"):
            await websocket.deliver(take, conclude)
        await trio.sleep(1)
    assert taken == ["0"]


async def test_hard_drop_is_noticed(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A link that ends without a close frame is unreachable at once."""

    async def drop(connection: trio_websocket.WebSocketConnection) -> None:
        await trio.sleep(3)
        await connection._stream.aclose()
        await trio.sleep_forever()

    async with open_websocket(ws_opener(nursery, drop), URL, venue="test", silence_s_max=60) as websocket:
        with pytest.raises(VenueUnreachable, match="1006"):
            await websocket.receive()
    assert trio.current_time() == 3


async def test_oversized_message_closes_the_connection(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A message above the limit is never delivered."""

    async def flood(connection: trio_websocket.WebSocketConnection) -> None:
        await connection.send_message("x" * 5000)
        await trio.sleep_forever()

    with pytest.raises(VenueUnreachable, match="1009"):
        async with open_websocket(
            ws_opener(nursery, flood), URL, venue="test", silence_s_max=60, message_bytes_max=4096
        ) as websocket:
            await websocket.receive()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "status 403: b'no'"),
        (b"HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n", "status 429"),
        (b"", "ended during the handshake"),
        (b"HTTP/1.1 101 Nope\r\n", "ended during the handshake"),
        (b"rubbish\r\n\r\n", "ended during the handshake|Protocol"),
    ],
)
async def test_refused_handshake_is_one_clean_error(
    nursery: trio.Nursery, autojump_clock: MockClock, answer: bytes, text: str
) -> None:
    """Refusal, rubbish and an early end during the handshake are one VenueUnreachable, at once, without the query."""

    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some(65536)
        if answer:
            await stream.send_all(answer)
        await stream.aclose()

    with pytest.raises(VenueUnreachable, match=text) as caught:
        async with open_websocket(raw_opener(nursery, refuse), URL, venue="test", silence_s_max=5):
            raise AssertionError("must not open")
    assert trio.current_time() == 0
    assert "canary" not in str(caught.value)


async def test_opening_has_a_deadline(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A hanging connect and a hanging handshake both end at `open_s_max`."""

    async def hang(host: str, port: int) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    async def mute(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    for opener in (hang, raw_opener(nursery, mute)):
        began_s = trio.current_time()
        with pytest.raises(VenueUnreachable, match="in time"):
            async with open_websocket(opener, URL, venue="test", silence_s_max=5, open_s_max=4):
                raise AssertionError("must not open")
        assert trio.current_time() - began_s == 4


async def test_failed_connect_names_the_venue(autojump_clock: MockClock) -> None:
    """What an opener raises becomes VenueUnreachable of the venue."""

    async def refused(host: str, port: int) -> trio.abc.Stream:
        raise ConnectionRefusedError(111, "refused")

    with pytest.raises(VenueUnreachable, match=r"^test: not connected: ConnectionRefusedError"):
        async with open_websocket(refused, URL, venue="test", silence_s_max=5):
            raise AssertionError("must not open")


async def test_closing_a_black_hole_has_a_deadline(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A peer that never answers the close frame holds us for `close_s_max` and no longer, also when cancelled."""

    async def mute_after_accept(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as inner:
            request = await trio_websocket.wrap_server_stream(inner, stream)
            await request.accept()
            inner.cancel_scope.cancel()
        await trio.sleep_forever()

    opener = raw_opener(nursery, mute_after_accept)
    async with open_websocket(opener, URL, venue="test", silence_s_max=50, close_s_max=2):
        pass
    assert trio.current_time() == 2
    with trio.move_on_after(10) as scope:
        async with open_websocket(opener, URL, venue="test", silence_s_max=50, close_s_max=2) as websocket:
            await websocket.receive()
    assert scope.cancelled_caught
    assert trio.current_time() == 14


async def test_body_errors_come_out_bare(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """An error of the block, a group of the block and a cancellation leave as they are."""
    opener = ws_opener(nursery, stay_silent)
    mistake = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        async with open_websocket(opener, URL, venue="test", silence_s_max=5):
            raise mistake
    assert caught.value is mistake
    group = ExceptionGroup("mine", [KeyError("a"), ValueError("b")])
    with pytest.raises(ExceptionGroup) as caught_group:
        async with open_websocket(opener, URL, venue="test", silence_s_max=5):
            raise group
    assert caught_group.value is group
    with trio.CancelScope() as scope:
        async with open_websocket(opener, URL, venue="test", silence_s_max=5):
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught


async def test_send_into_a_full_pipe_gives_up_and_is_never_used_again(autojump_clock: MockClock) -> None:
    """A send that the peer does not take fails after SEND_S_MAX; the half-written connection is not used again."""
    async with trio.open_nursery() as nursery:
        opener = ws_opener(nursery, stay_silent)
        streams: list[Any] = []

        async def remember(host: str, port: int) -> trio.abc.Stream:
            streams.append(await opener(host, port))
            return cast("trio.abc.Stream", streams[-1])

        async with open_websocket(remember, URL, venue="test", silence_s_max=60) as websocket:
            streams[0].send_stream.send_all_hook = trio.sleep_forever
            began_s = trio.current_time()
            with pytest.raises(VenueUnreachable, match="not taken"):
                await websocket.send("x")
            assert trio.current_time() - began_s == SEND_S_MAX
            with pytest.raises(VenueUnreachable, match="not taken"):
                await websocket.send("y")
            with pytest.raises(VenueUnreachable, match="not taken"):
                await websocket.receive()
        nursery.cancel_scope.cancel()


async def test_cancelled_send_poisons_the_connection(autojump_clock: MockClock) -> None:
    """A send cut short by a cancellation from outside may have written half a frame, so nothing follows it."""
    async with trio.open_nursery() as nursery:
        opener = ws_opener(nursery, stay_silent)
        streams: list[Any] = []

        async def remember(host: str, port: int) -> trio.abc.Stream:
            streams.append(await opener(host, port))
            return cast("trio.abc.Stream", streams[-1])

        async with open_websocket(remember, URL, venue="test", silence_s_max=60) as websocket:
            streams[0].send_stream.send_all_hook = trio.sleep_forever
            with trio.move_on_after(1):
                await websocket.send("x")
            assert websocket.is_broken
            with pytest.raises(VenueUnreachable):
                await websocket.send("y")
        nursery.cancel_scope.cancel()


async def test_pings_are_answered_while_nobody_receives(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Control frames are served by the background reader as long as the queue has room."""
    answered = trio.Event()

    async def ping(connection: trio_websocket.WebSocketConnection) -> None:
        for number in range(100):
            await connection.send_message(str(number))
        with trio.fail_after(5):
            await connection.ping()
        answered.set()
        await trio.sleep_forever()

    async with open_websocket(ws_opener(nursery, ping), URL, venue="test", silence_s_max=60):
        await trio.sleep(1)
        assert answered.is_set()


ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: %s\r\n\r\n"
)
ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@given(handshake=st.booleans(), chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=6))
@settings(max_examples=150, deadline=None)
def test_no_bytes_from_a_peer_cause_anything_but_messages_or_unreachable(handshake: bool, chunks: list[bytes]) -> None:
    """Whatever a peer sends, before or after a good handshake, the outcome is messages or VenueUnreachable."""

    async def rubbish(stream: trio.abc.Stream) -> None:
        await stream.receive_some(65536)
        with suppress(trio.BrokenResourceError):
            for chunk in chunks:
                await stream.send_all(chunk)
        await stream.aclose()

    async def after_handshake(stream: trio.abc.Stream) -> None:
        request = bytes(await stream.receive_some(65536))
        key = next(line[19:] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: "))
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT_SUFFIX).digest())  # noqa: S324 (RFC 6455, 4.2.2)
        await stream.send_all(ACCEPTED % accept)
        with suppress(trio.BrokenResourceError):
            for chunk in chunks:
                await stream.send_all(chunk)
        await stream.aclose()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            opener = raw_opener(nursery, after_handshake if handshake else rubbish)
            with suppress(VenueUnreachable):
                async with open_websocket(opener, URL, venue="test", silence_s_max=5) as websocket:
                    assert handshake
                    while True:
                        assert isinstance(await websocket.receive(), str | bytes)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
