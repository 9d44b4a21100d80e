"""Mode paper in memory and on virtual time: one fake world stands for the real venues, another one keeps the account.

Each is on a network of its own, so that what reaches the venues is all that is heard there.
"""

from __future__ import annotations

import bisect
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import attrs
import trio

from dnbot.bot import Bot, BotParts, MarketSide, Place, build_bot
from dnbot.config import GateSettings, PaperSettings, Settings
from dnbot.domain.instrument import Symbol, Venue
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.control import ControlledApp, Controls
from dnbot.fakes.mirror_terms import mirrored
from dnbot.fakes.mirror_words import read_terms as terms_in
from dnbot.fakes.network import MemoryNetwork
from dnbot.fakes.running import GATE_HOST, MEXC_HOST, World
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world
from dnbot.lab.world import PORT, Stage, stage
from dnbot.operate.paper import PublicTerms, read_terms, terms_file
from dnbot.operate.places import Reach
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.net import Endpoint, TcpTlsOpener
from dnbot.ports.signer import CredentialSigner
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.parameters import StrategyParameters
from dnbot.tasks.mirror import Mirror

SYMBOL = "BTC/USDT"
PARAMS = StrategyParameters(
    symbol=Symbol("BTC", "USDT"),
    base_position_size=Decimal("0.02"),
    max_order_notional_quote=Decimal(1500),
    round_trips_per_minute_max=240,
    consecutive_loss_limit=20,
    max_daily_loss_quote=Decimal(500),
)
_GATE = Place(Endpoint(GATE_HOST, PORT), f"wss://{GATE_HOST}:{PORT}")
_MEXC = Place(Endpoint(MEXC_HOST, PORT), f"wss://{MEXC_HOST}:{PORT}")
PLACES = {Venue.GATE_SPOT: _GATE, Venue.GATE_FUTURES: _GATE, Venue.MEXC_SPOT: _MEXC}


@attrs.define
class Tap:
    """Everything that is said to the venues, byte for byte."""

    network: MemoryNetwork
    said: list[bytearray] = attrs.field(factory=list)

    async def open(self, host: str, port: int) -> trio.abc.Stream:
        said = bytearray()
        self.said.append(said)
        return _Tapped(await self.network.open_stream(host, port), said)


@attrs.define(eq=False)
class _Tapped(trio.abc.Stream):
    stream: trio.abc.Stream
    said: bytearray

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.said += data
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.stream.aclose()


@attrs.define
class Seen:
    """When each price was offered at the venues: (venue, side, price) -> times at which it came and went."""

    clock: FakeClock
    changes: dict[tuple[str, str, Decimal], list[tuple[float, bool]]] = attrs.field(
        factory=lambda: defaultdict(list)
    )

    def listen(self, world: World) -> None:
        for (venue, _), market in world.exchange.state.markets.items():
            market.listeners.append(partial(self._note, venue))
            for side in ("buy", "sell"):
                for price, _ in market.depth(side, 10_000):
                    self.changes[venue, side, price].append((0.0, True))

    def _note(self, venue: str, change: Any) -> None:
        self.changes[venue, change.side, change.price].append((trio.current_time(), change.quantity > 0))

    def was_offered(self, venue: str, side: str, price: Decimal, since_s: float, until_s: float) -> bool:
        """Whether somebody offered that price at some time of the stretch."""
        changes = self.changes[venue, side, price]
        first = bisect.bisect_right(changes, (since_s, True))
        if first and changes[first - 1][1]:
            return True
        return any(there for at_s, there in changes[first:] if at_s <= until_s)


@attrs.define(repr=False)
class PaperStage:
    """The venues, the account's world, and bots between them."""

    venues: Stage
    tap: Tap
    seen: Seen
    settings: Settings
    folder: Path
    """Where the account is kept."""
    nursery: trio.Nursery
    terms: PublicTerms
    account: World = attrs.field(init=False)
    network: MemoryNetwork = attrs.field(init=False)
    _scope: trio.CancelScope = attrs.field(init=False)
    _ended: trio.Event = attrs.field(init=False)

    @classmethod
    async def begin(
        cls, venues: Stage, settings: Settings, folder: Path, nursery: trio.Nursery
    ) -> PaperStage:
        tap, seen = Tap(venues.network), Seen(venues.world.clock)
        seen.listen(venues.world)
        terms = await read_terms(_reach(tap), settings.strategy.symbol, venues.clock)
        made = cls(venues, tap, seen, settings, folder, nursery, terms)
        await made.start_account()
        return made

    async def start_account(self) -> None:
        """The account's world, on a network of its own; a second call is a restart of its process."""
        config = mirrored(FakesConfig(state_dir=self.folder), self._terms())
        self.account = build_world(config, FakeClock(SIMULATION_EPOCH_NS))
        self.network = MemoryNetwork(self.nursery, random.Random(2))
        self.account.listen(self.network, around=cast("Any", partial(ControlledApp, Controls(self.account))))
        self._scope, self._ended = trio.CancelScope(), trio.Event()
        self.nursery.start_soon(self._run, self.account, self._scope, self._ended)

    async def end_account(self) -> None:
        """End its process as `dnbot fakes` ends."""
        self._scope.cancel()
        await self._ended.wait()
        self.account.close()

    @staticmethod
    async def _run(world: World, scope: trio.CancelScope, ended: trio.Event) -> None:
        with scope:
            await world.run()
        ended.set()

    async def bot(self, store: MemoryStore) -> Bot:
        """One incarnation, put together as `dnbot run` does it."""
        signer = CredentialSigner(Credentials(Secret("fake-key"), Secret("fake-secret"), "10001"))
        clock, log = self.venues.clock, self.venues.log
        opener = self.network.open_stream
        mirror = Mirror(opener, _GATE.rest, self.terms.instruments, clock, log)
        return await build_bot(
            BotParts(
                params=self.settings.strategy, places=PLACES, signers=dict.fromkeys(Venue, signer), opener=opener,
                clock=clock, store=store, log=log, publish=_nobody, version="paper", settings="{}",
                order_path=self.settings.gate.order_path, market=MarketSide(PLACES, self.tap.open, mirror),
            )
        )

    @asynccontextmanager
    async def running(self, store: MemoryStore) -> AsyncIterator[Bot]:
        """A bot that trades within the block, and is stopped cleanly behind it."""
        bot = await self.bot(store)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bot.run)
            yield bot
            bot.stop("the test is over")

    def fills(self) -> list[Any]:
        """What the account traded."""
        return list(self.account.exchange.account("10001").trades)

    def at_s(self, fill: Any) -> float:
        """When a fill happened, on the loop's clock."""
        clock = self.account.clock
        return (fill.time_ms * 1_000_000 - clock.epoch_ns - clock.skew_ns.get(fill.venue, 0)) / 1e9

    def _terms(self) -> Any:
        path = self.folder / "terms.json"
        path.write_bytes(terms_file(self.settings, self.terms))
        return terms_in(path)


def _reach(tap: Tap) -> Reach:
    return Reach(PLACES, cast("TcpTlsOpener", tap.open))


def _nobody(_context: StrategyContext) -> None:
    """A view that nobody looks at."""


@asynccontextmanager
async def paper_stage(
    folder: Path, *, config: FakesConfig | None = None, order_path: str = "rest", **paper: Any
) -> AsyncIterator[PaperStage]:
    """Venues that live, and an account on their terms."""
    gate = GateSettings(order_path=order_path)
    settings = Settings(strategy=PARAMS, mode="paper", gate=gate, paper=PaperSettings(**paper))
    async with stage(config) as venues, trio.open_nursery() as nursery:
        made = await PaperStage.begin(venues, settings, folder, nursery)
        try:
            yield made
        finally:
            made.account.close()
            nursery.cancel_scope.cancel()
