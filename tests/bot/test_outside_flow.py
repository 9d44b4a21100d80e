"""The market does not know the bot: what outsiders do is the same with it and without."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.fakes.config import FakesConfig
from dnbot.fakes.market import MarketModel, Quotes

pytestmark = pytest.mark.slow


class Listened:
    """A market model whose steps are written down."""

    def __init__(self, model: MarketModel, flow: list[Quotes]) -> None:
        self._model, self._flow = model, flow

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def step(self) -> Quotes:
        quotes = self._model.step()
        self._flow.append(quotes)
        return quotes


def listen(on: Any) -> list[Quotes]:
    """Everything that outsiders do from now on."""
    flow: list[Quotes] = []
    on.world.models["BTC/USDT"] = Listened(on.world.models["BTC/USDT"], flow)
    return flow


async def test_outsiders_act_the_same_with_and_without_the_bot(autojump_clock: Any, lab: Any) -> None:
    """Same seed, with a trading bot and without any: the same orders, cancels and takes in the same order."""
    async with lab.stage(FakesConfig(seed=1)) as on:
        alone = listen(on)
        await trio.sleep(8)
    async with lab.stage(FakesConfig(seed=1)) as on:
        watched = listen(on)
        async with lab.on(on) as trial:
            await trial.until_trades(1)
            assert trial.creates()
    steps = min(len(alone), len(watched))
    assert steps > 100
    assert alone[:steps] == watched[:steps]
