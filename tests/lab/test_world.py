"""The stage on which bot and fakes meet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import trio

from dnbot.domain.instrument import Symbol
from dnbot.lab.world import deterministic, stage
from dnbot.ports.memory_store import MemoryStore
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState

PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(1500)
)


async def test_a_bot_on_a_stage_has_done_nothing_yet(autojump_clock: Any) -> None:
    """Built and not run: no request was made, and the audit shows the opening balances."""
    async with stage() as on:
        bot = await on.bot(PARAMS, MemoryStore())
        assert bot.context.current_state is StrategyState.INITIALIZING
        audit = on.audit()
        assert audit["requests"]["tail"] == []
        assert audit["balances"] == audit["opening"]


async def test_the_market_moves_while_the_stage_stands(autojump_clock: Any) -> None:
    """Books change with virtual time and stop with the block."""
    async with stage() as on:
        before = on.world.exchange.depth("gate_spot", "BTC/USDT", 5)
        await trio.sleep(1)
        after = on.world.exchange.depth("gate_spot", "BTC/USDT", 5)
        assert before.bids != after.bids
    await trio.sleep(5)
    assert on.world.exchange.depth("gate_spot", "BTC/USDT", 5).bids == after.bids


def schedule(seed: int) -> list[int]:
    """The order in which trio runs ten tasks that are always ready."""
    order: list[int] = []

    async def one(number: int) -> None:
        for _ in range(5):
            order.append(number)
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(one, number)

    deterministic(seed)
    trio.run(main)
    return order


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_decides_the_schedule(seed: int) -> None:
    """The same order each time, another one with another seed."""
    assert schedule(seed) == schedule(seed)
    assert schedule(seed) != schedule(seed + 1)
