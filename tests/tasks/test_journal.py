"""Records to the store: in order, whole, kept over an outage, and the machine knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio

from dnbot.domain.errors import InvariantBroken, StoreUnreachable, Superseded
from dnbot.domain.messages import Alert, ModeChanged, StoreFound, StoreLost
from dnbot.ports.latch import Halt, MemoryLatch
from dnbot.tasks.journal import BATCH_MAX, FAREWELL_S, TIDY_EVERY_S, TIDY_RETRY_S, Journal


@attrs.define
class Shelf:
    """Keeps batches; fails while `down`, and of a `bug` always."""

    down: bool = False
    bug: Exception | None = None
    took_s: float = 0.0
    batches: list[tuple[Any, ...]] = attrs.field(factory=list)
    tidied: list[float] = attrs.field(factory=list)

    async def append(self, records: Sequence[Any]) -> None:
        await trio.sleep(self.took_s)
        if self.down:
            raise StoreUnreachable("gone")
        if self.bug is not None:
            raise self.bug
        self.batches.append(tuple(records))

    async def keep_tidy(self, *, now_ns: int, retention_days: int) -> None:
        await trio.lowlevel.checkpoint()
        self.tidied.append(trio.current_time())
        if self.down:
            raise StoreUnreachable("gone")

    @property
    def rows(self) -> list[int]:
        return [int(record.key) for batch in self.batches for record in batch]


@attrs.define
class Bench:
    journal: Journal
    shelf: Shelf
    records: Any
    inbox: Any

    def write(self, *numbers: int) -> None:
        for number in numbers:
            self.records.send_nowait(Alert(level="info", key=str(number), text="", at_ns=0))

    async def run(self, for_s: float) -> None:
        with trio.move_on_after(for_s):
            await self.journal.run()


def bench(kit: Any, *, store_up: bool = True) -> Bench:
    records, inbox, shelf = kit.pipe(4096), kit.pipe(), Shelf()
    journal = Journal(records[1], inbox[0], shelf, kit.clock, kit.log, 14, kit.gate(store_up=store_up))  # type: ignore[arg-type]
    return Bench(journal, shelf, records[0], inbox[1])


async def test_order_is_kept_in_batches(autojump_clock: Any, kit: Any) -> None:
    """Whatever waited goes in one append, at most so many; the order is the machine's."""
    it = bench(kit)
    it.shelf.took_s = 0.1
    it.write(*range(BATCH_MAX + 100))
    await it.run(1)
    assert it.shelf.rows == list(range(BATCH_MAX + 100))
    assert [len(batch) for batch in it.shelf.batches] == [BATCH_MAX, 100]
    assert it.journal.written == BATCH_MAX + 100


async def test_an_outage_is_told_once_and_nothing_is_lost(autojump_clock: Any, kit: Any) -> None:
    """The batch is kept and tried again; the machine hears of the loss and of the end of it."""
    it = bench(kit)
    it.shelf.down = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 10)
        it.write(1, 2)
        await trio.sleep(3)
        it.write(3)
        assert kit.drain(it.inbox) == [StoreLost("gone")]
        it.shelf.down = False
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert it.shelf.rows == [1, 2, 3]
    assert kit.drain(it.inbox)[0] == StoreFound()


async def test_a_batch_survives_a_restart(autojump_clock: Any, kit: Any) -> None:
    """Killed in the middle of an append, the same records are written by the next life, once and in order."""
    it = bench(kit)
    it.shelf.took_s = 1.0
    it.write(1, 2)
    await it.run(0.5)
    it.write(3)
    it.shelf.took_s = 0.0
    await it.run(0.5)
    assert it.shelf.rows == [1, 2, 3]


async def test_a_loss_that_somebody_else_told_is_ended(autojump_clock: Any, kit: Any) -> None:
    """The machine believes the store away, as a commit or an earlier life told it: the next write says otherwise."""
    it = bench(kit, store_up=False)
    it.write(1)
    await it.run(1)
    assert StoreFound() in kit.drain(it.inbox)


async def test_a_store_that_is_there_is_not_announced(autojump_clock: Any, kit: Any) -> None:
    """No news while nothing was lost."""
    it = bench(kit)
    it.write(1)
    await it.run(1)
    assert kit.drain(it.inbox) == []


async def test_flush_writes_everything(autojump_clock: Any, kit: Any) -> None:
    """What a killed life kept, what waits in the channel, and what did not fit, in that order."""
    it = bench(kit)
    it.shelf.took_s = 1.0
    it.write(1)
    await it.run(0.5)
    it.shelf.took_s = 0.0
    it.write(2, 3)
    rest = [Alert(level="info", key=str(n), text="", at_ns=0) for n in range(4, 4 + BATCH_MAX)]
    await it.journal.flush(rest)
    assert it.shelf.rows == [1, 2, 3, *range(4, 4 + BATCH_MAX)]


def lowered(why: str, *, back: bool = False) -> ModeChanged:
    """A limit halts, or a person lifts that."""
    before, after, by = ("HALTED", "ACTIVE", "ann") if back else ("ACTIVE", "HALTED", "latch")
    return ModeChanged(from_mode=before, to_mode=after, why=why, by=by, at_ns=7)


async def test_a_mode_that_is_not_written_at_the_end_halts_the_next_start(autojump_clock: Any, kit: Any) -> None:
    """A database that is away, and one that does not answer: told within the time that there is, also when the records
    are more than a batch."""
    for down, took_s, within_s in ((True, 0.0, 0.0), (False, 60.0, FAREWELL_S)):
        it = bench(kit)
        it.shelf.down, it.shelf.took_s = down, took_s
        it.write(*range(BATCH_MAX))
        it.records.send_nowait(lowered("DAILY_LOSS"))
        began_s = trio.current_time()
        with trio.CancelScope() as scope:
            scope.cancel()
            assert not await it.journal.finish([Alert(level="info", key="1000", text="", at_ns=0)])
        assert trio.current_time() - began_s == pytest.approx(within_s)
        latch = it.journal.gate.latch
        assert latch.newest() == Halt(who="latch", reason="DAILY_LOSS", at_ns=7, unwritten=True)
        assert it.shelf.rows == []


async def test_an_end_latches_nothing_else(autojump_clock: Any, kit: Any) -> None:
    """Neither what was written, nor a mode that a person raised again, nor a halt that stands already."""
    it = bench(kit)
    assert await it.journal.finish([lowered("DAILY_LOSS")])
    assert not it.journal.gate.latch.is_set()
    it.shelf.down = True
    assert not await it.journal.finish([lowered("DAILY_LOSS"), lowered("looked at it", back=True)])
    assert not it.journal.gate.latch.is_set()
    it, killed = bench(kit), Halt(who="ann", reason="now", at_ns=1)
    it.shelf.down = True
    latch = it.journal.gate.latch = MemoryLatch([killed])
    assert not await it.journal.finish([lowered(killed.why)])
    assert latch.halts == [killed]


@pytest.mark.parametrize("bug", [InvariantBroken("not a number"), Superseded("2 has begun")])
async def test_a_batch_that_cannot_be_written_keeps_its_halt(autojump_clock: Any, kit: Any, bug: Exception) -> None:
    """The bug that ended the journal is met again at the end, and raised: the next start is halted all the same. The
    latch of a newer incarnation is left alone.
    """
    it = bench(kit)
    it.shelf.bug = bug
    it.records.send_nowait(lowered("DAILY_LOSS"))
    with pytest.raises(ExceptionGroup):
        await it.run(1)
    with pytest.raises(InvariantBroken) as told:
        await it.journal.finish([])
    assert told.value is bug
    kept = None if isinstance(bug, Superseded) else Halt(who="latch", reason="DAILY_LOSS", at_ns=7, unwritten=True)
    assert it.journal.gate.latch.newest() == kept


async def test_an_end_that_somebody_asked_for_lasts(autojump_clock: Any, kit: Any) -> None:
    """When it was not written, for a supervisor starts again then; a lowered mode and a halt that stands say more."""
    asked, killed = Halt(who="ann", reason="enough", at_ns=1, unwritten=True), Halt(who="bob", reason="now", at_ns=2)
    said = Alert(level="info", key="1", text="", at_ns=0)
    it = bench(kit)
    assert await it.journal.finish([said], asked)
    assert not it.journal.gate.latch.is_set()
    it.shelf.down = True
    assert not await it.journal.finish([said], asked)
    assert it.journal.gate.latch.newest() == asked
    it = bench(kit)
    it.shelf.down = True
    assert not await it.journal.finish([lowered("DAILY_LOSS")], asked)
    latch = it.journal.gate.latch
    assert isinstance(latch, MemoryLatch)
    assert [halt.reason for halt in latch.halts] == ["DAILY_LOSS"]
    it = bench(kit)
    it.shelf.down = True
    latch = it.journal.gate.latch = MemoryLatch([killed])
    assert not await it.journal.finish([said], asked)
    assert latch.halts == [killed]


async def test_housekeeping_that_fails_ends_nothing(autojump_clock: Any, kit: Any) -> None:
    """It is tried again in a minute, and hourly when it succeeds; writing goes on."""
    it = bench(kit)
    it.shelf.down = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 2 * TIDY_EVERY_S)
        await trio.sleep(1)
        it.shelf.down = False
        it.write(1)
        await trio.sleep(1)
        assert it.shelf.rows == [1]
        await trio.sleep(TIDY_EVERY_S + TIDY_RETRY_S)
        nursery.cancel_scope.cancel()
    assert it.shelf.tidied == [0.0, TIDY_RETRY_S, TIDY_RETRY_S + TIDY_EVERY_S]


async def test_alerts_are_in_the_log(autojump_clock: Any, kit: Any) -> None:
    """After they are stored."""
    it = bench(kit)
    it.write(7)
    await it.run(1)
    kit.log.flush_now()
    assert [(line["event"], line["data"]["key"]) for line in kit.lines.lines] == [("alert", "7")]


async def test_how_far_the_database_is_behind_is_known(autojump_clock: Any, kit: Any) -> None:
    """The age of the oldest record that it does not have; nothing when it has all. What each batch took is measured."""
    it = bench(kit)
    it.shelf.took_s = 0.25
    async with trio.open_nursery() as nursery:
        nursery.start_soon(it.run, 5.0)
        await trio.sleep(0.1)
        assert it.journal.lag_s() == 0
        it.write(1)
        await trio.sleep(0.05)
        it.write(2)
        await trio.sleep(0.15)
        assert it.journal.lag_s() == pytest.approx(0.2)
        await trio.sleep(0.1)
        assert it.journal.lag_s() == pytest.approx(0.05), "of the second, since it could be taken"
        await trio.sleep(1)
        assert it.journal.lag_s() == 0
        it.shelf.down = True
        it.write(3)
        await trio.sleep(2)
        assert it.journal.lag_s() == pytest.approx(2)
    assert (it.journal.appends.count, it.journal.appends.total) == (2, pytest.approx(0.5))
