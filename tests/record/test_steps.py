"""The journal of a machine: everything comes back as it was, and whatever is missing or changed is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import trio
from canaries import found_in
from machine_kit import Bench, adventure
from recordings import inline
from step_journals import BEGAN_NS, Steps, head, journal_at, read_all, steps_of, written

from dnbot.domain.instrument import Venue
from dnbot.domain.market import MarketView
from dnbot.domain.messages import Fault, Signal
from dnbot.operate.masking import Mask
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.record import step_writing
from dnbot.record.folder import Limits
from dnbot.record.step_codec import Masked, as_it_is, context_as_read, moved
from dnbot.record.step_reading import runs_of
from dnbot.record.step_words import ContextRead, Head, Moved, Page, PageKind, StepRead, Why
from dnbot.record.step_writing import InlineJournal, StepFolder, StepJournal, StepPages, encode_page
from dnbot.record.words import RecordingDamaged, RecordingFailed
from dnbot.research.replay_difference import differences

KEY = "canary-key-31d7"


@pytest.fixture(scope="module")
def bench() -> Bench:
    """One machine's life."""
    return adventure(quiet_s=62)


@pytest.fixture(scope="module")
def steps(bench: Bench) -> Steps:
    """Its steps."""
    return steps_of(bench.start, bench.events)


def numbers(folder: Path, run: int = 1) -> list[int]:
    """Of the steps that can be read."""
    return [one.number for one in read_all(folder, run) if isinstance(one, StepRead)]


def pages_of(steps: Steps, first: Head, masked: Masked = as_it_is) -> list[Page]:
    """The pages that these steps become."""
    pages = StepPages(first, masked)
    for one in steps:
        pages.note(*one)
    pages.encode(len(steps))
    return pages.take()


# --- what comes back --------------------------------------------------------------------------------------------------
def test_every_event_and_answer_comes_back_as_it_was(tmp_path: Path, bench: Bench, steps: Steps) -> None:
    """Events equal, commands in their order, numbers from 1; it begins with the context before the first."""
    found = read_all(written(tmp_path / "j", steps))
    first, *rest = found
    assert isinstance(first, ContextRead)
    assert first.why is Why.START
    assert list(differences(bench.start, first.context)) == []
    read = [one for one in rest if isinstance(one, StepRead)]
    assert [one.event for one in read] == bench.events
    assert [command for one in read for command in one.kept.commands] == bench.commands
    assert [one.number for one in read] == list(range(1, len(steps) + 1))


def test_a_context_comes_back_with_all_that_is_in_it(bench: Bench, steps: Steps) -> None:
    """At every tenth step: orders, what is known of accounts, and the order of keys."""
    for before, _, _ in steps[::10]:
        assert list(differences(before, context_as_read(before))) == []
    assert len(bench.context.orders) > 4


def test_a_whole_context_stands_in_it_every_minute(tmp_path: Path, steps: Steps) -> None:
    """So that one can begin there, and it can be compared."""
    contexts = [one for one in read_all(written(tmp_path / "j", steps)) if isinstance(one, ContextRead)]
    assert [one.why for one in contexts] == [Why.START, Why.REGULAR]
    assert 60 <= contexts[1].context.now_s - contexts[0].context.now_s < 61


def test_what_did_not_change_is_not_written_again(steps: Steps) -> None:
    """One book of three moved: that one is told; a market with other venues, or another order of them, is whole."""
    signals = [event for _, event, _ in steps if isinstance(event, Signal)]
    before, now = signals[10], signals[11]
    book = msgspec.structs.replace(before.market.books[Venue.MEXC_SPOT], update_id=7)
    one_moved = msgspec.structs.replace(
        now, market=msgspec.structs.replace(before.market, books={**before.market.books, Venue.MEXC_SPOT: book})
    )
    told = moved(one_moved, before.market)
    assert isinstance(told, Moved)
    assert list(told.books) == [Venue.MEXC_SPOT]
    fewer = {venue: one for venue, one in before.market.books.items() if venue is not Venue.MEXC_SPOT}
    for books in (fewer, dict(reversed(before.market.books.items()))):
        other = msgspec.structs.replace(now, market=msgspec.structs.replace(before.market, books=books))
        assert moved(other, before.market) is other
    assert moved(now, None) is now


def test_a_market_is_told_whole() -> None:
    """A field that is added to the market must be added to what tells its changes."""
    told = {*Moved.__struct_fields__, "instruments"} - {"edges", "at_s"}
    assert told == set(MarketView.__struct_fields__)


# --- what is missing --------------------------------------------------------------------------------------------------
def test_steps_that_found_no_room_are_counted(tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next context says how many, and the reader goes on there."""
    monkeypatch.setattr(step_writing, "WAITING_MAX", 20)
    journal = journal_at(tmp_path / "j")
    for one in steps[:50]:
        journal.pages.note(*one)
    journal.write()
    for one in steps[50:60]:
        journal.pages.note(*one)
    journal.close()
    (run,) = runs_of(tmp_path / "j")
    found = list(run.read())
    (context,) = [one for one in found if isinstance(one, ContextRead) and one.why is Why.LOST]
    assert (context.number, context.lost, run.lost) == (50, 30, 30)
    assert numbers(tmp_path / "j") == [*range(1, 21), *range(51, 61)]


def test_a_page_that_is_missing_is_named(tmp_path: Path, steps: Steps) -> None:
    """Nobody told of it as lost: the first event after it is damage."""
    pages = StepPages(head())
    folder = StepFolder(tmp_path / "j", by="test", at_ns=BEGAN_NS)
    for at in range(0, 90, 30):
        for one in steps[at : at + 30]:
            pages.note(*one)
        pages.encode(100)
        taken = pages.take()
        folder.write(taken if at != 30 else [])
    folder.close()
    with pytest.raises(RecordingDamaged, match="event 61 follows 30, and none is told as lost"):
        read_all(tmp_path / "j")


@pytest.mark.slow
def test_a_changed_bit_is_found(tmp_path: Path, steps: Steps) -> None:
    """Wherever it is: nothing that is read is other than what was written."""
    folder = written(tmp_path / "j", steps[:150])
    path = folder / "00000001.mcap"
    whole, good = path.read_bytes(), read_all(folder)
    found = 0
    for at in range(0, len(whole), max(1, len(whole) // 97)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            assert read_all(folder) == good
        except RecordingDamaged:
            found += 1
    assert found > 80


def test_a_kill_leaves_what_was_written(tmp_path: Path, steps: Steps) -> None:
    """A segment without an end is read to its last whole chunk, wherever it was cut; the next run has its own."""
    folder = written(tmp_path / "j", steps[:200], end=InlineJournal.abandon)
    part = folder / "00000001.mcap.part"
    content = part.read_bytes()
    lengths = set()
    for size in range(len(content) // 2, len(content), 997):
        part.write_bytes(content[:size])
        (run,) = runs_of(folder)
        read = [one.number for one in run.read() if isinstance(one, StepRead)]
        assert read == list(range(1, len(read) + 1))
        assert "00000001.mcap.part" in run.torn
        lengths.add(len(read))
    assert len(lengths) > 1
    part.write_bytes(content)
    written(folder, steps[:10], number=2)
    assert numbers(folder, 2) == list(range(1, 11))
    assert len(runs_of(folder)) == 2


def test_the_folder_is_bounded_and_begins_at_a_context(tmp_path: Path) -> None:
    """Old segments go; of the first that is left, steps before a context are counted and passed over."""
    limits = Limits(segment_s=5, segment_bytes=2**18, bytes_max=2**20)
    bench, chance = Bench().boot(), Random(1)
    for _ in range(70):
        bench.wait(0.5, every_ms=500, answer=True)
        bench.give(Fault("feed:MEXC_SPOT", chance.randbytes(20_000).hex(), "VenueError"))
    steps = steps_of(bench.start, bench.events)
    journal = journal_at(tmp_path / "j", limits=limits)
    for at in range(0, len(steps), 10):
        for one in steps[at : at + 10]:
            journal.pages.note(*one)
        journal.write()
        assert sum(path.stat().st_size for path in (tmp_path / "j").iterdir()) <= limits.bytes_max
    assert journal.folder.removed
    journal.close()
    (run,) = runs_of(tmp_path / "j")
    found = list(run.read())
    assert isinstance(found[0], ContextRead)
    assert run.skipped > 0


def test_another_format_is_refused(tmp_path: Path, steps: Steps) -> None:
    """A journal of a later version is named as that; a message that is no page is damage."""
    folder = StepFolder(tmp_path / "j", by="test", at_ns=BEGAN_NS)
    folder.write(pages_of(steps[:1], head(format=99)))
    folder.close()
    with pytest.raises(RecordingDamaged, match="a journal of format 99; this version reads 1"):
        runs_of(tmp_path / "j")
    other = StepFolder(tmp_path / "k", by="test", at_ns=BEGAN_NS)
    nonsense = Page(number=1, received_ns=1, monotonic_ns=1, kind=PageKind.STEPS, payload=b"x")
    other.write([*pages_of(steps[:1], head()), nonsense])
    other.close()
    with pytest.raises(RecordingDamaged, match="a page of steps: "):
        read_all(tmp_path / "k")


# --- secrets ----------------------------------------------------------------------------------------------------------
def test_no_secret_is_written(tmp_path: Path) -> None:
    """A venue's text that repeats a key: masked in the event, in what the machine made of it, and in every context."""
    registry = SecretRegistry()
    registry.add(Secret(KEY))
    bench = Bench().boot()
    bench.give(Fault("session:MEXC_SPOT", f"403 for {KEY}", "VenueError"))
    bench.wait(70, answer=True)
    steps = steps_of(bench.start, bench.events)
    told = b"".join(map(encode_page, pages_of(steps, head(settings=f'{{"x": "{KEY}"}}'), Mask(registry))))
    assert KEY.encode() not in told
    assert b"403 for ***" in told
    assert KEY.encode() in b"".join(map(encode_page, pages_of(steps, head()))), "the test would find nothing"
    assert found_in(told) == []


# --- beside a live run ------------------------------------------------------------------------------------------------
def failed_by(found: list[str]) -> Callable[[Exception], None]:
    """Notes why a journal ended."""
    return lambda error: found.append(str(error))


def live(folder: Path, found: list[str], **more: Any) -> StepJournal:
    """A journal as a run has it."""
    written_to = StepFolder(folder, by="test", at_ns=BEGAN_NS)
    return StepJournal(written_to, StepPages(head()), failed_by(found), **{"elsewhere": inline, **more})


async def test_what_was_noted_is_on_the_disk_within_the_second(
    tmp_path: Path, steps: Steps, autojump_clock: Any
) -> None:
    """And a clean end loses nothing of what came after."""
    found: list[str] = []
    journal = live(tmp_path / "j", found)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for one in steps[:100]:
            journal.note(*one)
        await trio.sleep(0.6)
        assert numbers(tmp_path / "j") == list(range(1, 101))
        for one in steps[100:150]:
            journal.note(*one)
        await journal.finish()
    assert numbers(tmp_path / "j") == list(range(1, 151))
    assert (tmp_path / "j" / "00000001.mcap").exists()
    assert found == []


async def test_a_broken_disk_ends_the_journal_and_nothing_else(
    tmp_path: Path, steps: Steps, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told once; steps after it are let go."""
    found: list[str] = []
    journal = live(tmp_path / "j", found)

    def broken(_pages: object) -> None:
        raise RecordingFailed(f"{tmp_path}: No space left on device")

    monkeypatch.setattr(journal.folder, "write", broken)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for one in steps[:10]:
            journal.note(*one)
        await trio.sleep(2)
        journal.note(*steps[10])
        await journal.finish()
    assert len(found) == 1
    assert "No space left" in found[0]
    assert not journal.pages.waiting


async def test_a_slow_disk_makes_nobody_wait(tmp_path: Path, steps: Steps, autojump_clock: Any) -> None:
    """While it takes 5 s for a write, steps are noted at once, and all are written in the end."""

    async def slow(call: Callable[[], None]) -> None:
        await trio.sleep(5)
        call()

    journal = live(tmp_path / "j", [], elsewhere=slow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for one in steps[:120]:
            began_s = trio.current_time()
            journal.note(*one)
            assert trio.current_time() == began_s
            await trio.sleep(0.1)
        await journal.finish()
    assert numbers(tmp_path / "j") == list(range(1, 121))


async def test_a_disk_that_hangs_does_not_hold_the_end(
    tmp_path: Path, steps: Steps, autojump_clock: Any
) -> None:
    """What was written before is there, as a crash would leave it; a cancelled run still writes the rest."""

    async def hangs(call: Callable[[], None]) -> None:
        if trio.current_time() > began_s + 2:
            await trio.sleep_forever()
        call()

    began_s = trio.current_time()
    journal = live(tmp_path / "j", [], elsewhere=hangs)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(journal.run)
        for one in steps[:30]:
            journal.note(*one)
            await trio.sleep(0.1)
        with trio.move_on_after(3):
            await journal.finish()
    assert trio.current_time() - began_s < 7
    journal.folder.abandon()
    assert 0 < len(numbers(tmp_path / "j")) < 30
