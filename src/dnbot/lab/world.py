"""The whole bot against the whole fake world, in memory and on virtual time: what simulations and tests stand on.

Nothing of the bot is replaced but the byte streams, the clock and the database: adapters, parsing, signing and
supervision are the real ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
import wsproto.frame_protocol
import wsproto.utilities

from dnbot.bot import Bot, BotParts, Place, build_bot
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Record
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.running import GATE_HOST, MEXC_HOST, World
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.latch import Latch, MemoryLatch
from dnbot.ports.log import EventLog
from dnbot.ports.log_sinks import MemorySink
from dnbot.ports.net import Endpoint, StreamOpener
from dnbot.ports.signer import CredentialSigner
from dnbot.ports.spill import MemoryMedium, Spill, open_spill
from dnbot.ports.store import Store
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.parameters import StrategyParameters
from dnbot.tasks.budgets import BudgetsOf
from dnbot.tasks.strategist import Keep, nobody_keeps
from dnbot.venues.factory import BUILT_IN, Codecs
from dnbot.venues.wire import Signer

PORT = 443


@attrs.define(repr=False)  # a whole world hangs on it
class Stage:
    """A fake world that runs, and bots that can be put on it one after the other."""

    world: World
    network: MemoryNetwork
    log: EventLog
    lines: MemorySink
    clock: VirtualClock

    @property
    def places(self) -> dict[Venue, Place]:
        """Where its venues are."""
        gate = Place(Endpoint(GATE_HOST, PORT), f"wss://{GATE_HOST}:{PORT}")
        mexc = Place(Endpoint(MEXC_HOST, PORT), f"wss://{MEXC_HOST}:{PORT}")
        return {Venue.GATE_SPOT: gate, Venue.GATE_FUTURES: gate, Venue.MEXC_SPOT: mexc}

    @property
    def signers(self) -> dict[Venue, Signer]:
        """Who signs there: the key of its first account."""
        account = self.world.config.accounts[0]
        signer = CredentialSigner(Credentials(Secret(account.key), Secret(account.secret), account.uid))
        return dict.fromkeys(Venue, signer)

    async def bot(
        self,
        params: StrategyParameters,
        store: Store,
        *,
        opener: StreamOpener | None = None,
        witness: Callable[[Record], None] | None = None,
        keep: Keep = nobody_keeps,
        spill: Spill | None = None,
        latch: Latch | None = None,
        order_path: str = "rest",
        countdown_s: int = 30,
        budgets: BudgetsOf | None = None,
        codecs: Codecs = BUILT_IN,
    ) -> Bot:
        """A new incarnation on this world, not yet running. `opener` replaces the network's own."""
        return await build_bot(
            BotParts(
                params=params,
                places=self.places,
                signers=self.signers,
                opener=opener or self.network.open_stream,
                clock=self.clock,
                store=store,
                log=self.log,
                publish=_nobody_watches,
                witness=witness or _nobody_listens,
                keep=keep,
                version="simulated",
                settings="{}",
                spill=spill or open_spill(MemoryMedium()),
                latch=latch or MemoryLatch(),
                order_path=order_path,
                countdown_s=countdown_s,
                budgets=budgets,
                codecs=codecs,
            )
        )

    def audit(self) -> dict[str, Any]:
        """The venues' truth about the bot's account, as of now."""
        return self.world.audit()


def _nobody_watches(_context: StrategyContext) -> None:
    """A view that nobody looks at."""


def _nobody_listens(_record: Record) -> None:
    """Records that only the journal takes."""


class _SeededOs:
    """The `os` that wsproto sees: masks and nonces come from the seed, all else from the real one."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}:wsproto")

    def urandom(self, size: int) -> bytes:
        """`size` bytes that follow from the seed."""
        return self._rng.randbytes(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def deterministic(seed: int) -> None:
    """From now on this process's runs follow from `seed` alone, to the last byte on the wire; call before `trio.run`.

    Trio needs two of its private settings: without the flag it turns batches of ready tasks around by a coin that the
    seed does not decide, and without the seed each process has its own. wsproto takes masks from `os.urandom`, and
    trio-websocket its pings from `random`. Nothing else in this package touches these; `tests/bot/test_determinism.py`
    runs one seed twice.
    """
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # trio declares it Final
    trio._core._run._r.seed(seed)
    random.seed(seed)  # noqa: TID251 (trio-websocket's pings take from this one)
    for module in (wsproto.frame_protocol, wsproto.utilities):
        module.os = _SeededOs(seed)  # type: ignore[attr-defined]  # its own name for the module


@asynccontextmanager
async def stage(config: FakesConfig | None = None, *, network_seed: int = 1) -> AsyncIterator[Stage]:
    """A running fake world on a network in memory; must be entered under a MockClock with autojump."""
    clock = VirtualClock(SIMULATION_EPOCH_NS)
    sink = MemorySink()
    log = EventLog(clock, [sink])
    world = build_world(config or FakesConfig(), FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery, random.Random(network_seed))
        world.listen(network)
        nursery.start_soon(world.run, name="world")
        try:
            yield Stage(world, network, log, sink, clock)
        finally:
            nursery.cancel_scope.cancel()
            log.flush_now()
