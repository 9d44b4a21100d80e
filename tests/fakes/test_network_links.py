"""The network in memory: latency, refusal, stalls and cuts, all by the seed."""

from __future__ import annotations

import random

import pytest
import trio
from trio.testing import MockClock

from dnbot.fakes.network import LinkRule, MemoryNetwork


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    try:
        while chunk := await stream.receive_some():
            await stream.send_all(chunk)
        await stream.aclose()
    except trio.BrokenResourceError:
        return


def network(nursery: trio.Nursery, seed: int = 1) -> MemoryNetwork:
    """A network with two echo hosts."""
    made = MemoryNetwork(nursery, random.Random(seed))
    for host in ("gate.fake", "mexc.fake"):
        made.listen(host, 443, echo)
    return made


async def round_trip_s(stream: trio.abc.Stream, data: bytes = b"x") -> float:
    """Seconds until everything came back."""
    started_s, received = trio.current_time(), b""
    await stream.send_all(data)
    while len(received) < len(data):
        received += bytes(await stream.receive_some())
    assert received == data
    return trio.current_time() - started_s


async def test_bytes_arrive_in_order_after_their_latency(autojump_clock: MockClock) -> None:
    """A round trip takes two latencies; many chunks stay in order."""
    async with trio.open_nursery() as nursery:
        made = network(nursery)
        made.set_rule(LinkRule("gate.*", latency_s=(0.1, 0.2)))
        stream = await made.open_stream("gate.fake", 443)
        assert 0.2 <= await round_trip_s(stream) <= 0.4
        for number in range(50):
            await stream.send_all(bytes([number]))
        received = b""
        while len(received) < 50:
            received += await stream.receive_some(7)
        assert received == bytes(range(50))
        nursery.cancel_scope.cancel()


async def test_closing_delivers_what_is_under_way_and_then_the_end(autojump_clock: MockClock) -> None:
    """The peer reads everything before the end of the stream; sending to a closed end breaks."""
    async with trio.open_nursery() as nursery:
        made = network(nursery)
        stream = await made.open_stream("gate.fake", 443)
        await stream.send_all(b"last words")
        await trio.sleep(1)
        assert await stream.receive_some() == b"last words"
        await stream.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(b"more")


async def test_unknown_and_refusing_hosts_refuse(autojump_clock: MockClock) -> None:
    """Dialling nobody is a ConnectionRefusedError, as with TCP."""
    async with trio.open_nursery() as nursery:
        made = network(nursery)
        with pytest.raises(ConnectionRefusedError):
            await made.open_stream("nobody.fake", 443)
        made.set_rule(LinkRule("gate.fake", refuse=True))
        with pytest.raises(ConnectionRefusedError):
            await made.open_stream("gate.fake", 443)
        made.clear_rules()
        await made.open_stream("gate.fake", 443)
        nursery.cancel_scope.cancel()


async def test_stalled_link_takes_bytes_and_gives_none(autojump_clock: MockClock) -> None:
    """Half-open: sending works, nothing comes, dialling hangs; when the stall ends everything is delivered."""
    async with trio.open_nursery() as nursery:
        made = network(nursery)
        stream = await made.open_stream("gate.fake", 443)
        other = await made.open_stream("mexc.fake", 443)
        made.set_rule(LinkRule("gate.fake", stalled=True))
        await stream.send_all(b"hello")
        with trio.move_on_after(30) as waited:
            await stream.receive_some()
        assert waited.cancelled_caught
        with trio.move_on_after(30) as dialled:
            await made.open_stream("gate.fake", 443)
        assert dialled.cancelled_caught
        assert await round_trip_s(other) < 0.1
        made.clear_rules()
        assert await stream.receive_some() == b"hello"
        nursery.cancel_scope.cancel()


async def test_cut_breaks_both_ends_at_once(autojump_clock: MockClock) -> None:
    """A cut wakes readers and fails writers of matching hosts only; new connections work."""
    async with trio.open_nursery() as nursery:
        made = network(nursery)
        stream = await made.open_stream("gate.fake", 443)
        other = await made.open_stream("mexc.fake", 443)
        nursery.start_soon(cut_later, made)
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"x")
        assert await round_trip_s(other) < 0.1
        assert await round_trip_s(await made.open_stream("gate.fake", 443)) < 0.1
        nursery.cancel_scope.cancel()


async def cut_later(made: MemoryNetwork) -> None:
    """Cut all links to Gate after a second."""
    await trio.sleep(1)
    assert made.cut("gate.*") == 1


def test_equal_seeds_give_equal_latencies() -> None:
    """All chance comes from the generator that was given."""

    async def session(seed: int) -> list[float]:
        async with trio.open_nursery() as nursery:
            stream = await network(nursery, seed).open_stream("gate.fake", 443)
            times = [await round_trip_s(stream) for _ in range(5)]
            nursery.cancel_scope.cancel()
        return times

    first, again, other = (trio.run(session, s, clock=MockClock(autojump_threshold=0)) for s in (1, 1, 2))
    assert first == again != other
