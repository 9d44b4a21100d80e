"""The proxy between bot and venues: it passes all on, and stalls, refuses and cuts as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from dnbot.lab.proxy import Channel
from dnbot.lab.proxy_records import APPLICATION_DATA, Records, halved, is_request

HANDSHAKE = 22
PATIENCE_S = 10


def record(kind: int, length: int) -> bytes:
    """One TLS record with nothing sensible in it."""
    return bytes((kind, 3, 3)) + length.to_bytes(2, "big") + bytes(length)


HELLO, FINISHED, ASKED = record(HANDSHAKE, 500), record(APPLICATION_DATA, 69), record(APPLICATION_DATA, 400)
ANSWER = record(APPLICATION_DATA, 300)


@given(st.lists(st.integers(0, 700), max_size=6), st.lists(st.integers(1, 900), max_size=12))
def test_records_are_the_bytes_that_came(lengths: list[int], cuts: list[int]) -> None:
    """However the bytes are cut up on their way, the same records come out, in order, and nothing else."""
    whole = [record(APPLICATION_DATA, length) for length in lengths]
    left, records, found = b"".join(whole), Records(), []
    for cut in cuts:
        found += records.feed(left[:cut])
        left = left[cut:]
    assert found + records.feed(left) == whole


def test_what_is_a_request_and_what_is_half() -> None:
    """The end of a handshake is none; half a record lacks what its header promises."""
    assert [is_request(sent) for sent in (HELLO, FINISHED, ASKED)] == [False, False, True]
    assert 5 < len(halved(ASKED)) < len(ASKED)
    assert ASKED.startswith(halved(ASKED))


@attrs.define
class _Scene:
    """A venue that keeps what it hears and answers every request, and the channel in front of it."""

    channel: Channel
    heard: bytearray = attrs.field(factory=bytearray)
    opened: list[trio.SocketStream] = attrs.field(factory=list)

    async def venue(self, stream: trio.SocketStream) -> None:
        records = Records()
        try:
            while data := await stream.receive_some():
                self.heard += data
                for told in records.feed(data):
                    await stream.send_all(ANSWER if is_request(told) else FINISHED)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def connect(self) -> trio.SocketStream:
        stream = await trio.open_tcp_stream("127.0.0.1", self.channel.port)
        self.opened.append(stream)
        return stream

    async def shaken(self) -> trio.SocketStream:
        """A connection whose handshake is over."""
        stream = await self.connect()
        for sent in (HELLO, FINISHED):
            await stream.send_all(sent)
            assert await exactly(stream, len(FINISHED)) == FINISHED
        return stream


async def exactly(stream: trio.SocketStream, count: int) -> bytes:
    """So many bytes, or all that came before the end or the reset."""
    found = bytearray()
    try:
        while len(found) < count and (data := await stream.receive_some(count - len(found))):
            found += data
    except trio.BrokenResourceError:
        pass
    return bytes(found)


@asynccontextmanager
async def scene() -> AsyncIterator[_Scene]:
    """Both run, on loopback, and end with the block; whatever takes ten seconds has failed."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    found = _Scene(Channel(("127.0.0.1", listeners[0].socket.getsockname()[1])))
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, found.venue, listeners)
            await found.channel.listen()
            nursery.start_soon(found.channel.serve)
            try:
                yield found
            finally:
                for stream in found.opened:
                    await trio.aclose_forcefully(stream)
            nursery.cancel_scope.cancel()


pytestmark = pytest.mark.e2e


async def test_everything_passes_both_ways() -> None:
    """As if it were not there, to the end of the stream."""
    async with scene() as world:
        stream = await world.shaken()
        await stream.send_all(ASKED)
        assert await exactly(stream, len(ANSWER)) == ANSWER
        assert bytes(world.heard) == HELLO + FINISHED + ASKED
        await stream.send_eof()
        assert await stream.receive_some() == b""
        assert world.channel.report() == {"manner": "flow", "struck": 0, "delayed": 0, "connections": 1}


async def test_a_request_is_cut_in_its_middle() -> None:
    """The venue gets half a record, the client a reset; a handshake is left alone."""
    async with scene() as world:
        world.channel.behave("request")
        stream = await world.shaken()
        await stream.send_all(ASKED)
        assert await exactly(stream, 1) == b""
        assert bytes(world.heard) in {HELLO + FINISHED + halved(ASKED), HELLO + FINISHED}  # a reset may overtake it
        assert world.channel.struck == 1
        world.channel.behave("flow")
        again = await world.shaken()
        await again.send_all(ASKED)
        assert await exactly(again, len(ANSWER)) == ANSWER


async def test_an_answer_is_cut_in_its_middle() -> None:
    """The venue has the whole request, the client no whole answer; what comes before a request is left alone."""
    async with scene() as world:
        world.channel.behave("response")
        stream = await world.shaken()
        await stream.send_all(ASKED)
        assert len(await exactly(stream, len(ANSWER))) < len(ANSWER)
        assert bytes(world.heard) == HELLO + FINISHED + ASKED
        assert world.channel.struck == 1


async def test_a_stall_keeps_all_and_loses_nothing() -> None:
    """Nothing arrives while it lasts, everything afterwards."""
    async with scene() as world:
        stream = await world.shaken()
        world.channel.behave("stall")
        before = bytes(world.heard)
        await stream.send_all(ASKED)
        while not world.channel.delayed:
            await trio.lowlevel.checkpoint()
        assert bytes(world.heard) == before
        world.channel.behave("flow")
        assert await exactly(stream, len(ANSWER)) == ANSWER


async def test_an_answer_that_stood_is_cut() -> None:
    """Requests pass and are done while answers stand; a handshake is left alone; then what stood is cut."""
    async with scene() as world:
        world.channel.behave("withhold")
        stream = await world.shaken()
        await stream.send_all(ASKED)
        while not world.channel.delayed:
            await trio.lowlevel.checkpoint()
        assert bytes(world.heard) == HELLO + FINISHED + ASKED
        world.channel.behave("response")
        assert len(await exactly(stream, len(ANSWER))) < len(ANSWER)
        assert world.channel.struck == 1


async def test_a_request_that_stood_is_cut() -> None:
    """What waited in a stall is cut when that is the order of the day, and the venue has not heard it."""
    async with scene() as world:
        stream = await world.shaken()
        world.channel.behave("stall")
        await stream.send_all(ASKED)
        while not world.channel.delayed:
            await trio.lowlevel.checkpoint()
        world.channel.behave("request")
        assert await exactly(stream, 1) == b""
        assert ASKED not in bytes(world.heard)
        assert world.channel.struck == 1


async def test_refusing_resets_what_is_open_and_closes_the_door() -> None:
    """And afterwards the same port is open again."""
    async with scene() as world:
        stream = await world.shaken()
        world.channel.behave("refuse")
        assert await exactly(stream, 1) == b""
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match="connect"):
            await world.connect()
        world.channel.behave("flow")
        await trio.testing.wait_all_tasks_blocked()
        assert await world.shaken()
        assert world.channel.struck == 1


async def test_a_cut_resets_what_is_open_once() -> None:
    """New connections flow at once."""
    async with scene() as world:
        stream = await world.shaken()
        world.channel.behave("cut")
        assert await exactly(stream, 1) == b""
        assert await world.shaken()
        assert world.channel.report()["manner"] == "flow"
