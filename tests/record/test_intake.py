"""Between streams and disk: nobody waits, losses are counted and told, and a clean end loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import trio
from recordings import EPOCH_NS, MARKETS, fakes_in_memory, frame, inline

from dnbot.ports.clock import VirtualClock
from dnbot.record.intake import Intake
from dnbot.record.reading import Wanted, entries
from dnbot.record.telling import info
from dnbot.record.verifying import verify
from dnbot.record.words import Event, Frame, Loss, RecordingFailed, What
from dnbot.record.writing import RecordingWriter


def intake(folder: Path, **more: Any) -> Intake:
    """Over a new folder, in virtual time."""
    writer = RecordingWriter(folder, MARKETS[:1], by="test", at_ns=EPOCH_NS)
    return Intake(writer, VirtualClock(EPOCH_NS), **{"elsewhere": inline, **more})


def put(into: Intake, size: int = 1000) -> None:
    """A frame of that size, received now."""
    stamp = into.stamp()
    into.put(msgspec.structs.replace(frame(1, size), number=stamp.number, received_ns=stamp.received_ns))


async def test_a_slow_disk_loses_frames_with_a_count_that_is_stored(tmp_path: Path, autojump_clock: Any) -> None:
    """While the disk takes 10 s for a write, what does not fit is dropped; the loss stands where it happened."""

    async def slow(call: Callable[[], None]) -> None:
        await trio.sleep(10)
        call()

    into = intake(tmp_path / "x", elsewhere=slow, waiting_bytes_max=20_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(into.run)
        for _ in range(150):
            put(into)
            await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
    found = list(entries(Wanted(), tmp_path / "x"))
    losses = [msgspec.json.decode(one.text, type=Loss) for one in found
              if isinstance(one, Event) and one.what is What.DROPPED]
    frames = [entry for entry in found if isinstance(entry, Frame)]
    assert len(losses) > 1
    assert sum(loss.entries for loss in losses) == into.statistics.dropped == 150 - len(frames) > 50
    assert losses[0].by == {MARKETS[0].name: losses[0].entries}
    assert losses[0].bytes == losses[0].entries * 1200
    verdict = verify(tmp_path / "x")
    assert verdict.findings == ()
    assert verdict.dropped == into.statistics.dropped
    told = info(tmp_path / "x", Wanted())
    assert told.dropped == verdict.dropped
    assert {gap.what for gap in told.gaps} == {What.DROPPED}


async def test_what_waits_is_on_the_disk_within_the_second(tmp_path: Path, autojump_clock: Any) -> None:
    """A reader sees a frame half a second after it came, without any end of the recorder."""
    into = intake(tmp_path / "x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(into.run)
        await trio.sleep(0.2)
        put(into)
        await trio.sleep(0.6)
        assert len(list(entries(Wanted(), tmp_path / "x"))) == 1
        nursery.cancel_scope.cancel()


async def test_much_does_not_wait_for_the_half_second(tmp_path: Path, autojump_clock: Any) -> None:
    """What piles up is written at once: the room is for a slow disk."""
    into = intake(tmp_path / "x")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(into.run)
        await trio.sleep(0.05)
        for _ in range(5):
            put(into, 1_000_000)
        await trio.sleep(0.01)
        assert len(list(entries(Wanted(), tmp_path / "x"))) == 5
        nursery.cancel_scope.cancel()


async def test_a_clean_end_loses_nothing(tmp_path: Path, autojump_clock: Any) -> None:
    """Cancelled in the middle of a write, it finishes that one, writes the rest and says that it ended."""

    async def slow(call: Callable[[], None]) -> None:
        await trio.sleep(1)
        call()

    into = intake(tmp_path / "x", elsewhere=slow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(into.run)
        put(into)
        await trio.sleep(1)
        put(into)
        nursery.cancel_scope.cancel()
    found = list(entries(Wanted(), tmp_path / "x"))
    assert [entry.number for entry in found] == [1, 2, 3]
    assert isinstance(found[-1], Event)
    assert found[-1].what is What.STOPPED
    assert verify(tmp_path / "x").findings == ()


async def test_a_recorder_that_cannot_write_ends_with_the_reason(tmp_path: Path, autojump_clock: Any) -> None:
    """A failed disk ends the feeds too, and is the one error that comes out."""
    def broken(_call: Callable[[], None]) -> Any:
        raise RecordingFailed("the disk is gone")

    failed = None
    async with fakes_in_memory() as on:
        recorder = on.recorder(tmp_path / "x", elsewhere=broken)
        try:
            await recorder.run()
        except* RecordingFailed as group:
            failed = group
    assert failed is not None
    assert "the disk is gone" in repr(failed)
