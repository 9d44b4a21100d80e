"""A drill commits beside the incarnation that has the book: under its epoch, fencing nobody off."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.domain.errors import InvariantBroken
from dnbot.ports.postgres import JOINED_COMMITS, open_postgres_store

pytestmark = pytest.mark.slow


async def test_two_stores_commit_under_one_epoch(database: str, words: Any) -> None:
    """Both write, also for an older epoch, and a commit number says whose it was; a third that begins fences both."""
    async with open_postgres_store(database) as bot, open_postgres_store(database) as drill:
        with pytest.raises(InvariantBroken):
            await drill.join_run(words.symbol)
        older = await drill.begin_run(words.symbol, version="drill", settings="{}", started_at_ns=1)
        epoch = await bot.begin_run(words.symbol, version="bot", settings="{}", started_at_ns=2)
        assert await drill.join_run(words.symbol) == epoch > older
        intents = (words.intent(epoch, 1), words.intent(epoch, 2), words.intent(older, 3))
        for store, intent in zip((drill, bot, drill), intents, strict=True):
            await store.commit_intents([intent], execution_id=intent.execution_id, opportunity=None)
        rows = await bot.read("select epoch, commit_number % 1000000000 as number from order_intents order by 1, 2")
        assert [(row["epoch"], row["number"] > JOINED_COMMITS) for row in rows] == [
            (older, True), (epoch, False), (epoch, True),
        ]
