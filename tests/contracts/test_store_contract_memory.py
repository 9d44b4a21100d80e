"""How the store in memory can be told to fail, which is what simulations use it for."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from dnbot.domain.errors import StoreUnreachable
from dnbot.domain.messages import OpportunityDeclined
from dnbot.ports.memory_store import ANSWER_S_MAX, MemoryStore
from dnbot.ports.record_numbers import RecordNumbers
from dnbot.ports.store import Store


async def begun(words: Any) -> MemoryStore:
    """A store in its first incarnation."""
    store = MemoryStore()
    await store.begin_run(words.symbol, version="1.0", settings="", started_at_ns=words.start_ns)
    return store


async def test_while_down_every_call_fails_and_does_nothing(words: Any) -> None:
    """All methods raise StoreUnreachable until it is up again; nothing of what they were given is there."""
    store: Store
    store = memory = await begun(words)
    epoch = memory.database.runs[-1][0]
    memory.down = True
    for call in (
        store.begin_run(words.symbol, version="1", settings="", started_at_ns=1), store.load(words.symbol),
        store.commit_intents([words.intent(1, 1)], execution_id="x1-1", opportunity=None),
        store.append([words.booked("1")]), store.ledger_totals(words.symbol), store.ping(),
        store.keep_tidy(now_ns=1, retention_days=1),
    ):
        with pytest.raises(StoreUnreachable):
            await call
    memory.down = False
    assert (await store.load(words.symbol)).unresolved == ()
    assert await memory.fills_of(words.symbol) == ()
    assert await store.begin_run(words.symbol, version="1", settings="", started_at_ns=1) == epoch + 1


async def test_it_fails_as_often_as_told(words: Any) -> None:
    """`fail_next(2)` fails two calls and no third."""
    store = await begun(words)
    store.fail_next(2)
    for _ in range(2):
        with pytest.raises(StoreUnreachable):
            await store.ping()
    await store.ping()


async def test_a_lost_answer_is_not_written_twice(words: Any) -> None:
    """An append that was done and called a failure is recognised when it is tried again with more behind it."""
    store = await begun(words)
    store.lose_next_answers()
    batch = words.one_of_each()
    with pytest.raises(StoreUnreachable):
        await store.append(batch)
    await store.append([*batch, words.booked("1")])
    book = store.database.books[words.symbol]
    assert (len(book.transitions), len(book.alerts), len(book.fills)) == (1, 1, 1)
    assert sum(isinstance(sample, OpportunityDeclined) for sample in book.samples) == 1


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
async def test_answers_that_are_lost_one_after_the_other(words: Any, lost: int) -> None:
    """A journal tries the same records again, sometimes with more behind them; each is written once."""
    store = await begun(words)
    batch = [*words.one_of_each()]
    store.lose_next_answers(lost)
    for number in range(lost + 1):
        with suppress(StoreUnreachable):
            await store.append(batch)
            break
        if number % 2:
            batch.append(words.booked(str(number)))
    book = store.database.books[words.symbol]
    assert (len(book.transitions), len(book.alerts)) == (1, 1)
    assert book.sequence == len(batch)


async def test_a_batch_that_is_refused_for_hours_is_remembered_once(words: Any) -> None:
    """A journal tries the same one twice a second; it is known all the same, should the last try have been done."""
    numbers, batch = RecordNumbers(), tuple(words.one_of_each())
    for _ in range(1000):
        assert numbers.without_known(tuple(batch), 0) == batch
        numbers.unanswered(tuple(batch))
    assert len(numbers._unsure) == 1
    assert numbers.without_known((*batch, *batch[:1]), len(batch)) == batch[:1]
    assert numbers.is_sure


async def test_a_slow_store_takes_its_time_and_then_gives_up(words: Any, autojump_clock: MockClock) -> None:
    """A delay passes in virtual time; a longer one than a database is given ends as StoreUnreachable."""
    store = await begun(words)
    store.delay_s = 0.5
    before_s = trio.current_time()
    await store.append([words.booked("1")])
    assert trio.current_time() - before_s == pytest.approx(0.5)
    store.delay_s = 5.0
    with pytest.raises(StoreUnreachable):
        await store.append([words.booked("2")])
    assert trio.current_time() - before_s == pytest.approx(0.5 + ANSWER_S_MAX)
    store.delay_s = 0.0
    assert [fill.trade_id for fill in await store.fills_of(words.symbol)] == ["1"]


async def test_tidying_drops_old_samples_alone(words: Any) -> None:
    """Samples past retention go, younger ones and everything else stay."""
    store = await begun(words)
    await store.append(words.one_of_each())
    book = store.database.books[words.symbol]
    day_ns = 86_400 * 10**9
    await store.keep_tidy(now_ns=words.start_ns + day_ns, retention_days=2)
    assert len(book.samples) == 8
    await store.keep_tidy(now_ns=words.start_ns + 3 * day_ns, retention_days=2)
    assert len(book.samples) == 0
    assert (len(book.transitions), len(book.modes), len(book.alerts)) == (1, 1, 1)
