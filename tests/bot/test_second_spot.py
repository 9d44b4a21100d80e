"""The whole bot with the example plugin as its second spot venue, on the fakes, judged by their audit."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from plugin_packages import EXAMPLES, install, visible

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import Purpose
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.faults_edge import serve_with_faults
from dnbot.fakes.running import MEXC_HOST
from dnbot.venues.factory import BUILT_IN, Codecs
from dnbot.venues.guarded import GuardedVenue, PluginGuard
from dnbot.venues.plugin import VENUE, VenueContext

pytestmark = pytest.mark.slow
BTC = Symbol("BTC", "USDT")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The worked package, installed and imported."""
    install(EXAMPLES / "venue-example", tmp_path)
    visible(monkeypatch, tmp_path)
    for name in [one for one in sys.modules if one.startswith("dnbot_venue_example")]:
        monkeypatch.delitem(sys.modules, name)
    import dnbot_venue_example
    import dnbot_venue_example.fake

    return dnbot_venue_example


@asynccontextmanager
async def on_example(lab: Any, package: Any) -> AsyncIterator[Any]:
    """A fake world at whose second spot host the example's fake answers."""
    async with lab.stage(FakesConfig(seed=1)) as on, trio.open_nursery() as nursery:
        front = package.fake.Front(on.world.exchange, on.world.requests)
        nursery.start_soon(front.run)
        for port in (80, 443):
            on.network.listen(MEXC_HOST, port, partial(serve_with_faults, front=front, engine=on.world.faults))
        yield on
        nursery.cancel_scope.cancel()


def codecs_of(plugin: Any, guard: PluginGuard) -> Codecs:
    """The plugin in the place of the second spot venue."""
    venue = GuardedVenue(plugin, guard, BTC, plugin.limits)
    return Codecs(
        {**BUILT_IN.public, VENUE: venue.public_codec}, {**BUILT_IN.private, VENUE: venue.private_codec},
        {**BUILT_IN.limits, VENUE: plugin.limits},
    )


async def test_the_bot_trades_with_it_and_the_ledger_closes(autojump_clock: Any, lab: Any, package: Any) -> None:
    """Pairs with a leg there, every residual zero, no fault; every create and cancel came in the example's words."""
    guard = PluginGuard("example", trio.current_time, 0.1, 5)
    codecs = codecs_of(package.Example(VenueContext(symbol=BTC)), guard)
    async with on_example(lab, package) as on, lab.on(on, codecs=codecs) as trial:
        await trial.until_trades(8)
        assert await trial.end() == 0
        await trial.assert_clean()
        assert (guard.faults, trial.bot.context.counters.faults) == (0, 0)
        assert guard.calls > 100
        fills = [fill for fill in await trial.store.fills_of(BTC) if fill.venue is Venue.MEXC_SPOT]
        assert fills
        asked = {(note.method, note.path.rpartition("/")[0] or note.path) for note in trial.notes()
                 if note.venue == "mexc_spot"}
        assert ("POST", "/orders") in asked
        assert not [path for _, path in asked if path.startswith("/api/v3")]


class Breaking:
    """The example, one call of which breaks as soon as the test says so."""

    def __init__(self, plugin: Any, name: str, breaks: Callable[..., Any]) -> None:
        self.plugin, self.name, self.breaks = plugin, name, breaks
        self.limits, self.broken = plugin.limits, False

    def public(self) -> Any:
        """As the example's, or broken."""
        return self._bent(self.plugin.public())

    def private(self, signer: Any) -> Any:
        """As the example's, or broken."""
        return self._bent(self.plugin.private(signer))

    def _bent(self, codec: Any) -> Any:
        right = getattr(codec, self.name, None)
        if right is not None:
            setattr(codec, self.name, lambda *given: self.breaks(*given) if self.broken else right(*given))
        return codec


def boom(*_given: Any) -> Any:
    """What a plugin does that was not tested."""
    raise KeyError("price")


@pytest.mark.parametrize(
    "name", ["decode", "place_request", "placed", "trouble", "orders", "trades", "balances", "ping_frame"]
)
async def test_a_plugin_that_raises_is_a_venue_that_is_down(
    name: str, autojump_clock: Any, lab: Any, package: Any
) -> None:
    """The bot lives, takes no new risk with it once it is off, ends when it is told to, and nothing is left naked."""
    guard = PluginGuard("example", trio.current_time, 0.1, 5)
    plugin = Breaking(package.Example(VenueContext(symbol=BTC)), name, boom)
    async with on_example(lab, package) as on, lab.on(on, codecs=codecs_of(plugin, guard)) as trial:
        await trial.until_trades(2)
        plugin.broken = True
        await trial.until(lambda: guard.is_off, f"off after {name} raised", 180.0)
        await trio.sleep(20.0)
        assert not trial.errors, trial.errors
        assert guard.last_fault.startswith(f"{name}: KeyError: 'price'")
        faults = [child.last_error for child in trial.bot.supervisor.children.values()]
        assert any("plugin example" in text for text in faults), faults
        await trio.sleep(60.0)
        since_ns = on.clock.now_ns() - 60 * 10**9
        late = [order.intent for order in await trial.store.orders_of(BTC) if order.intent.created_at_ns > since_ns]
        assert [intent for intent in late if intent.purpose is Purpose.ENTRY] == []
        tolerance = trial.bot.context.tolerance
        assert tolerance is not None
        assert abs(trial.true_delta()) <= tolerance
        trial.bot.stop("the test is over", "hold")
        with trio.move_on_after(120):
            await trial.ended.wait()
        assert trial.ended.is_set()
        assert not trial.errors, trial.errors

