"""Intents from the spill file go into every store, whatever it has of them already."""

from __future__ import annotations

from typing import Any

from dnbot.domain.messages import OrderChanged
from dnbot.domain.order import Order, OrderStatus, Purpose
from dnbot.tasks.journal import unknown_order


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
