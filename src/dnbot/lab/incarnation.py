"""One life of a simulated bot, from start to a clean end or to a death in the middle of anything."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import msgspec
import trio

from dnbot.bot import Bot
from dnbot.domain.messages import Record
from dnbot.lab.tap import Tap, TappedOpener
from dnbot.lab.tapped_store import TappedStore
from dnbot.lab.world import Stage
from dnbot.ports.memory_store import MemoryStore
from dnbot.ports.spill import MemoryMedium, open_spill
from dnbot.strategy.parameters import StrategyParameters


@attrs.define
class Disk:
    """What outlives a process: the database and the spill file. Hand the same one to the next incarnation."""

    store: MemoryStore = attrs.field(factory=MemoryStore)
    spill: MemoryMedium = attrs.field(factory=MemoryMedium)


@attrs.define(repr=False, eq=False)  # everything hangs on it
class Incarnation:
    """A bot between two ports that a power cut can take away. `live` runs it."""

    name: str
    stage: Stage
    disk: Disk
    wire: TappedOpener
    store: TappedStore
    witness: Callable[[Record], None]
    bot: Bot | None = None
    code: int | None = None
    """The exit code of a clean end."""
    error: BaseException | None = None
    """What ended it otherwise, while it was not dead."""
    dead: bool = False
    ended: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @classmethod
    def on(
        cls, stage: Stage, disk: Disk, *, number: int = 1, tap: Tap | None = None,
        witness: Callable[[Record], None] = lambda _record: None,
    ) -> Incarnation:
        """One that is not yet alive; `number` names it in the tap: ``bot.1``."""
        tap, name = tap or Tap(), f"bot.{number}"
        wire = TappedOpener(tap, name, stage.network.open_stream)
        return cls(name, stage, disk, wire, TappedStore(tap, name, disk.store), witness)

    async def live(self, params: StrategyParameters, *, order_path: str = "rest") -> None:
        """Start, trade, end; how it ended is kept, never raised."""
        tap = self.wire.tap
        tap.tell(self.name, "life", "started")
        try:
            with self._scope:
                self.bot = await self.stage.bot(
                    params, self.store, opener=self.wire, witness=self._note, spill=open_spill(self.disk.spill),
                    order_path=order_path,
                )
                self.code = await self.bot.run()
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 (kept, for the judge)
            self.error = None if self.dead else error
        finally:
            if not self.dead:
                what = "" if self.error is None else type(self.error).__name__
                tap.tell(self.name, "life", "ended", self.code, what)
            self.ended.set()

    def crash(self, *, power_cut: bool = True) -> None:
        """Die: no byte and no row leaves any more, and only then everything is cancelled.

        With a power cut what was on its way is lost too; otherwise (SIGKILL) the kernel delivers it and says goodbye.
        What is left of the process goes on dying beside its successor, and can do nothing.
        """
        self.dead = True
        self.wire.tap.tell(self.name, "life", "crashed", power_cut)
        self.wire.revoke(cut=power_cut)
        self.store.revoked = True
        self._scope.cancel()

    def _note(self, record: Record) -> None:
        if not self.dead:
            self.wire.tap.tell(self.name, "record", type(record).__name__, msgspec.to_builtins(record, str_keys=True))
            self.witness(record)
