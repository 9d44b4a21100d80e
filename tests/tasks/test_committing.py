"""Intent first, with a database that is away, slow or hanging: entries are refused, ways out go to the file."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import pytest
import trio

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.messages import Alert, InboxEvent, OrderChanged, Record, StoreLost
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose, Side
from dnbot.domain.pair import Opportunity
from dnbot.domain.units import Price, Quantity
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spill import MemoryMedium, Spill, open_spill
from dnbot.tasks.committing import AWAY_S, LINGERING_MAX, WAY_OUT_S_MAX, Committer
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.journal import Journal

BTC = Symbol("BTC", "USDT")
EPOCH_NS = 1_800_000_000_000_000_000
OUT = (Purpose.HEDGE, Purpose.UNWIND, Purpose.FLATTEN, Purpose.CANCEL)
IN = (Purpose.ENTRY, Purpose.EXIT, Purpose.ESTABLISH)


class Hanging(MemoryStore):
    """A database that neither answers nor lets go: giving a commit up takes seconds too."""

    hangs: bool = True
    given_up: int = 0

    async def commit_intents(
        self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
    ) -> None:
        if not self.hangs:
            await super().commit_intents(intents, execution_id=execution_id, opportunity=opportunity)
            return
        try:
            await trio.sleep_forever()
        finally:
            with trio.move_on_after(2.0, shield=True):
                await trio.sleep_forever()
            self.given_up += 1


@attrs.define
class Bench:
    """A committer and a journal on one store and one file."""

    store: MemoryStore
    medium: MemoryMedium
    spill: Spill
    committer: Committer
    journal: Journal
    records: trio.MemorySendChannel[Record]
    told: trio.MemoryReceiveChannel[InboxEvent]
    number: int = 0

    def intent(self, purpose: Purpose = Purpose.HEDGE) -> OrderIntent:
        """The next order, decided now."""
        self.number += 1
        now_ns = self.committer.clock.now_ns()
        return OrderIntent(
            client_order_id=f"dnb-1-{self.number}", epoch=1, venue=Venue.GATE_FUTURES, symbol=BTC, side=Side.SELL,
            quantity=Quantity(Decimal("0.001")), price=Price(Decimal(60000)), purpose=purpose,
            created_at_ns=now_ns, expires_at_ns=now_ns + 800_000_000,
        )

    async def commit(self, *intents: OrderIntent) -> float:
        """Commit and return how long it took, s."""
        began_s = trio.current_time()
        await self.committer.commit_intents(intents, execution_id="", opportunity=None)
        return trio.current_time() - began_s

    def stored(self) -> dict[str, OrderStatus]:
        """Orders as the database has them."""
        book = self.store.database.books[BTC]
        return {name: order.status for name, order in book.orders.items()}

    async def record(self, intent: OrderIntent, status: OrderStatus) -> None:
        """What the machine says of an order."""
        await self.records.send(OrderChanged(Order(intent=intent, status=status), EPOCH_NS))

    def events(self) -> list[str]:
        """Names of what the machine was told since last asked."""
        count = self.told.statistics().current_buffer_used
        return [type(self.told.receive_nowait()).__name__ for _ in range(count)]


async def build(nursery: trio.Nursery, store: MemoryStore | None = None) -> Bench:
    """Started, but for the journal."""
    store = store or MemoryStore()
    await store.begin_run(BTC, version="", settings="{}", started_at_ns=0)
    clock = VirtualClock(EPOCH_NS)
    log = EventLog(clock, [MemorySink()])
    inbox, told = trio.open_memory_channel[InboxEvent](100)
    records, received = trio.open_memory_channel[Record](100)
    medium = MemoryMedium()
    spill = open_spill(medium)
    committer = Committer(store, spill, inbox, clock, log)
    journal = Journal(received, inbox, store, clock, log, 14, Gatekeeper(clock), spill)
    nursery.start_soon(committer.run)
    await trio.testing.wait_all_tasks_blocked()
    return Bench(store, medium, spill, committer, journal, records, told)


async def test_a_healthy_database_takes_everything(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Nothing reaches the file, and the machine is told nothing."""
    on = await build(nursery)
    for purpose in Purpose:
        await on.commit(on.intent(purpose))
    assert set(on.stored().values()) == {OrderStatus.PENDING}
    assert len(on.stored()) == len(Purpose)
    assert on.medium.content == b""
    assert on.events() == []


@pytest.mark.parametrize("purpose", OUT)
async def test_ways_out_go_to_the_file(autojump_clock: Any, nursery: trio.Nursery, purpose: Purpose) -> None:
    """With the database away they count as committed at once, durable, and the machine hears of the loss."""
    on = await build(nursery)
    on.store.down = True
    intent = on.intent(purpose)
    assert await on.commit(intent) < 0.05
    assert open_spill(MemoryMedium(on.medium.content)).pending == (intent,)
    assert on.events() == [StoreLost.__name__]
    assert on.stored() == {}


@pytest.mark.parametrize("purpose", IN)
async def test_new_risk_is_refused(autojump_clock: Any, nursery: trio.Nursery, purpose: Purpose) -> None:
    """The file is not for entries, exits or slices."""
    on = await build(nursery)
    on.store.down = True
    with pytest.raises(StoreUnreachable):
        await on.commit(on.intent(purpose))
    assert on.medium.content == b""


async def test_a_set_with_an_entry_is_refused_whole(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Orders that belong together are committed together or not at all."""
    on = await build(nursery)
    on.store.down = True
    with pytest.raises(StoreUnreachable):
        await on.commit(on.intent(Purpose.HEDGE), on.intent(Purpose.ENTRY))
    assert on.medium.content == b""
    pair = on.intent(Purpose.FLATTEN), on.intent(Purpose.FLATTEN)
    await on.commit(*pair)
    assert on.spill.pending == pair


async def test_a_slow_database_counts_as_away(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """An entry waits for half of its life and is refused; a hedge waits a little and goes to the file."""
    on = await build(nursery)
    on.store.delay_s = 0.6
    began_s = trio.current_time()
    with pytest.raises(StoreUnreachable, match="no answer"):
        await on.commit(on.intent(Purpose.ENTRY))
    assert trio.current_time() - began_s == pytest.approx(0.4, abs=0.01)
    await trio.sleep(AWAY_S)
    hedge = on.intent()
    assert await on.commit(hedge) == pytest.approx(WAY_OUT_S_MAX, abs=0.01)
    assert on.spill.pending == (hedge,)


async def test_after_a_failure_a_hedge_does_not_wait_again(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """For a moment ways out go straight to the file; then the database is asked again."""
    on = await build(nursery)
    on.store.delay_s = 0.6
    await on.commit(on.intent())
    assert await on.commit(on.intent()) < 0.01
    on.store.delay_s = 0.0
    await trio.sleep(AWAY_S)
    await on.commit(on.intent())
    assert len(on.spill.pending) == 2
    assert list(on.stored()) == ["dnb-1-3"]


async def test_a_hanging_database_delays_no_hedge(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """Even giving a commit up takes seconds there: nobody waits for that, and few of them are ever left behind."""
    store = Hanging()
    on = await build(nursery, store)
    for _ in range(10):
        assert await on.commit(on.intent()) <= WAY_OUT_S_MAX + 0.01
        await trio.sleep(AWAY_S)
        assert on.committer._lingering <= LINGERING_MAX
    assert len(on.spill.pending) == 10
    store.hangs = False
    await trio.sleep(3.0)
    assert on.committer._lingering == 0
    await on.commit(on.intent())
    assert list(on.stored()) == ["dnb-1-11"]


async def test_with_database_and_disk_away_nothing_may_leave(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """A hedge that is nowhere on record is refused."""
    on = await build(nursery)
    on.store.down = True
    on.medium.fails_after_bytes = 10
    with pytest.raises(StoreUnreachable, match="No space left"):
        await on.commit(on.intent())
    assert not on.spill.pending


async def test_the_journal_loads_the_file_when_the_database_is_back(
    autojump_clock: Any, nursery: trio.Nursery
) -> None:
    """Unknown orders first, then what became of them: the file is emptied only when the database has them."""
    on = await build(nursery)
    nursery.start_soon(on.journal.run)
    on.store.down = True
    known, unknown = on.intent(), on.intent()
    await on.commit(known, unknown)
    await on.record(known, OrderStatus.FILLED)
    await trio.sleep(3)
    assert len(on.spill.pending) == 2
    assert on.stored() == {}
    on.store.down = False
    await trio.sleep(1)
    assert on.stored() == {known.client_order_id: OrderStatus.FILLED, unknown.client_order_id: OrderStatus.AMBIGUOUS}
    assert on.medium.content == b""
    await on.record(unknown, OrderStatus.CANCELLED)
    await trio.sleep(1)
    assert on.stored()[unknown.client_order_id] is OrderStatus.CANCELLED


async def test_an_intent_spilled_during_a_retry_comes_with_the_next_batch(
    autojump_clock: Any, nursery: trio.Nursery
) -> None:
    """The failed batch is repeated as it was, and the next one brings the intent; nothing is written twice."""
    on = await build(nursery)
    nursery.start_soon(on.journal.run)
    on.store.lose_next_answers(1)
    await on.records.send(Alert(level="info", key="k", text="t", at_ns=EPOCH_NS))
    await trio.sleep(0.1)
    on.store.fail_next(1)
    hedge = on.intent()
    await on.commit(hedge)
    assert on.spill.pending == (hedge,)
    await trio.sleep(3)
    await on.records.send(Alert(level="info", key="next", text="t", at_ns=EPOCH_NS))
    await trio.sleep(0.1)
    book = on.store.database.books[BTC]
    assert [alert.key for alert in book.alerts] == ["k", "next"]
    assert on.stored() == {hedge.client_order_id: OrderStatus.AMBIGUOUS}
    assert not on.spill.pending


async def test_a_commit_whose_answer_was_lost_is_there_once(autojump_clock: Any, nursery: trio.Nursery) -> None:
    """In the database and in the file: loading it again is no error."""

    class Losing(MemoryStore):
        async def commit_intents(
            self, intents: Sequence[OrderIntent], *, execution_id: str, opportunity: Opportunity | None
        ) -> None:
            await super().commit_intents(intents, execution_id=execution_id, opportunity=opportunity)
            raise StoreUnreachable("the answer was lost")

    on = await build(nursery, Losing())
    hedge = on.intent()
    await on.commit(hedge)
    assert on.stored() == {hedge.client_order_id: OrderStatus.PENDING}
    assert on.spill.pending == (hedge,)
    await on.journal.flush()
    assert on.stored() == {hedge.client_order_id: OrderStatus.AMBIGUOUS}
    assert not on.spill.pending


async def test_a_file_that_cannot_be_emptied_does_not_undo_what_came_later(
    autojump_clock: Any, nursery: trio.Nursery
) -> None:
    """The journal fails and is started again; it does not take a finished order back to unknown."""
    on = await build(nursery)
    on.store.down = True
    hedge = on.intent()
    await on.commit(hedge)
    on.store.down = False
    on.medium.fails_after_bytes = 0
    with pytest.raises(StoreUnreachable, match="shortened"):
        await on.journal.flush()
    await on.record(hedge, OrderStatus.CANCELLED)
    with pytest.raises(StoreUnreachable, match="shortened"):
        await on.journal.flush()
    assert on.stored() == {hedge.client_order_id: OrderStatus.CANCELLED}
    on.medium.fails_after_bytes = None
    await on.record(hedge, OrderStatus.CANCELLED)
    await on.journal.flush()
    assert on.stored() == {hedge.client_order_id: OrderStatus.CANCELLED}
    assert on.medium.content == b""


def test_what_is_in_the_file_can_be_read_by_a_person(tmp_path: Any) -> None:
    """A line is checksum, length and the intent as JSON."""
    medium = MemoryMedium()
    spill = open_spill(medium)
    intent = OrderIntent(
        client_order_id="dnb-1-1", epoch=1, venue=Venue.MEXC_SPOT, symbol=BTC, side=Side.SELL,
        quantity=Quantity(Decimal("0.001")), price=Price(Decimal(60000)), purpose=Purpose.UNWIND,
        created_at_ns=1, expires_at_ns=2,
    )
    spill.put([intent])
    checksum, length, body = medium.content.rstrip(b"\n").split(b" ", 2)
    assert len(checksum) == 8
    assert int(length) == len(body)
    assert msgspec.json.decode(body)["client_order_id"] == "dnb-1-1"
