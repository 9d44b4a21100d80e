"""A database that is away or slow: no order without its intent, nothing lost, and trading afterwards."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.strategy.states import StrategyState

pytestmark = pytest.mark.slow


async def test_db_down_during_fill(autojump_clock: Any, lab: Any) -> None:
    """The database goes while both legs are on their way: no new risk meanwhile, no fill lost, then trades again."""
    async with lab.trading() as trial:
        await trial.until(lambda: trial.state is StrategyState.EXECUTING_ARBITRAGE, "executing", poll_s=0.0005)
        trial.store.down = True
        sent = trial.sent()
        await trio.sleep(3)
        assert not trial.bot.context.store_up
        new = [name for name in trial.sent() if name not in sent]
        assert all(trial.bot.context.orders[name].intent.purpose.name in {"HEDGE", "UNWIND"} for name in new), new
        trial.store.down = False
        await trial.until(lambda: trial.bot.context.store_up, "the store is found")
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_one_failed_commit_does_not_end_trading(autojump_clock: Any, lab: Any) -> None:
    """A single commit fails and the journal never meets the outage: the machine still hears that the store is there."""
    async with lab.trading() as trial:
        store, commit = trial.store, trial.store.commit_intents
        left = [1]

        async def failing(*args: Any, **more: Any) -> None:
            if left:
                left.clear()
                store.fail_next()
            await commit(*args, **more)

        trial.bot.executor.store = Substitute(store, failing)
        await trial.until(lambda: not left, "a commit fails", poll_s=0.001)
        await trial.until_trades(1)
        assert trial.bot.context.store_up
        assert await trial.end() == 0
        await trial.assert_clean()


class Substitute:
    """A store with one method replaced."""

    def __init__(self, store: Any, commit: Any) -> None:
        self._store, self.commit_intents = store, commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_lost_answers_write_nothing_twice(autojump_clock: Any, lab: Any) -> None:
    """Appends are done and their answers lost, again and again: every row is stored once, and residuals are zero."""
    async with lab.trading() as trial:
        for _ in range(5):
            trial.store.lose_next_answers()
            await trio.sleep(0.4)
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()


async def test_the_journal_is_killed_during_an_outage(autojump_clock: Any, lab: Any) -> None:
    """It forgets that it told of the loss; the machine still hears that the store is back."""
    async with lab.trading() as trial:
        trial.store.down = True
        await trial.until(lambda: not trial.bot.context.store_up, "the loss is told")
        trial.bot.supervisor.children["journal"].kill()
        trial.store.down = False
        await trial.until(lambda: trial.bot.context.store_up, "the store is found")
        await trial.until_trades(1)
        assert await trial.end() == 0
        await trial.assert_clean()
