"""Intents from the spill file go into every store, whatever it has of them already."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.domain.messages import OrderChanged
from dnbot.domain.order import Order, OrderStatus, Purpose
from dnbot.ports.clock import VirtualClock
from dnbot.ports.log import EventLog
from dnbot.ports.spill import MemoryMedium, open_spill
from dnbot.tasks.journal import load_spilled, unknown_order


async def begin(store: Any, words: Any) -> int:
    """Start an incarnation."""
    epoch: int = await store.begin_run(words.symbol, version="1.0", settings="{}", started_at_ns=words.start_ns)
    return epoch


async def test_intents_of_an_earlier_incarnation_are_loaded(open_store: Any, words: Any) -> None:
    """The next one brings them in, also of an execution that the store never heard of; they are unresolved then."""
    async with open_store() as store:
        epoch = await begin(store, words)
    async with open_store() as store:
        await begin(store, words)
        lost = words.intent(epoch, 1, purpose=Purpose.HEDGE, execution_id="x-never-stored")
        await store.append([unknown_order(lost, words.start_ns)])
        (found,) = (await store.load(words.symbol)).unresolved
        assert (found.intent, found.status) == (lost, OrderStatus.AMBIGUOUS)


async def test_an_intent_that_is_there_already_is_there_once(open_store: Any, words: Any) -> None:
    """Committed although the answer was lost, or loaded by a process that died before it could shorten the file."""
    async with open_store() as store:
        epoch = await begin(store, words)
        committed, loaded = words.intent(epoch, 1), words.intent(epoch, 2)
        await store.commit_intents([committed], execution_id=committed.execution_id, opportunity=None)
        for _ in range(2):
            await store.append([unknown_order(intent, words.start_ns) for intent in (committed, loaded)])
        found = (await store.load(words.symbol)).unresolved
        assert [(u.intent, u.status) for u in found] == [
            (committed, OrderStatus.AMBIGUOUS), (loaded, OrderStatus.AMBIGUOUS)
        ]


async def test_what_became_of_it_settles_it(open_store: Any, words: Any) -> None:
    """Later records of a loaded order count as for any other."""
    async with open_store() as store:
        epoch = await begin(store, words)
        intent = words.intent(epoch, 1)
        await store.append([unknown_order(intent, words.start_ns)])
        await store.append([OrderChanged(Order(intent=intent, status=OrderStatus.CANCELLED), words.start_ns)])
        assert (await store.load(words.symbol)).unresolved == ()


async def test_what_became_of_it_stays(open_store: Any, words: Any) -> None:
    """The process ended after its orders were stored and before the file was shortened: the next start takes none of
    them back to unknown, and loads what the store knows by its commit alone, or not at all."""
    async with open_store() as store:
        epoch = await begin(store, words)
        over, sent, committed, lost = (words.intent(epoch, number) for number in (1, 2, 3, 4))
        filled = Order(
            intent=over, status=OrderStatus.FILLED, venue_order_id="9001", filled=over.quantity,
            reported_filled=over.quantity, changed_at_ns=words.start_ns,
        )
        left = Order(intent=sent, status=OrderStatus.SENT, venue_order_id="9002", sent_at_ns=words.start_ns)
        await store.commit_intents([committed], execution_id=committed.execution_id, opportunity=None)
        await store.append([OrderChanged(filled, words.start_ns), OrderChanged(left, words.start_ns)])
    async with open_store() as store:
        await begin(store, words)
        spill, clock = open_spill(MemoryMedium()), VirtualClock(words.start_ns)
        spill.put([over, sent, committed, lost])
        await load_spilled(spill, store, words.symbol, clock, EventLog(clock, []))
        assert spill.pending == ()
        assert await store.orders_of(words.symbol, [over.client_order_id]) == (filled,)
        found = {order.intent: (order.status, order.venue_order_id) for order in await store.orders_of(words.symbol)}
        assert found == {
            over: (OrderStatus.FILLED, "9001"), sent: (OrderStatus.SENT, "9002"),
            committed: (OrderStatus.AMBIGUOUS, ""), lost: (OrderStatus.AMBIGUOUS, ""),
        }


async def test_the_file_of_another_symbol_is_refused(open_store: Any, words: Any) -> None:
    """Nothing of it is stored, and it keeps what it has."""
    async with open_store() as store:
        epoch = await begin(store, words)
        spill, clock = open_spill(MemoryMedium()), VirtualClock(words.start_ns)
        spill.put([words.intent(epoch, 1)])
        with pytest.raises(ConfigError, match="spill file"):
            await load_spilled(spill, store, Symbol("ETH", "USDT"), clock, EventLog(clock, []))
        assert len(spill.pending) == 1
        assert await store.orders_of(words.symbol) == ()
