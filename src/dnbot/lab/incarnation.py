"""One life of a simulated bot, from start to a clean end or to a death in the middle of anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
import msgspec
import trio

from dnbot.bot import Bot
from dnbot.domain.errors import OperatingError
from dnbot.domain.messages import InboxEvent, Record
from dnbot.lab.disk import Disk as Disk
from dnbot.lab.disk import HeldLatch, HeldMedium
from dnbot.lab.standstill import Standstill
from dnbot.lab.tap import Tap, TappedOpener
from dnbot.lab.tapped_store import TappedStore
from dnbot.lab.world import Stage
from dnbot.ports.spill import open_spill
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.leaving import EXIT_UNAVAILABLE
from dnbot.strategy.machine import Step
from dnbot.strategy.parameters import StrategyParameters


class LifeJournal(Protocol):
    """Where the steps of one life are kept, in the machine's own turn."""

    def note(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        """One step."""
        ...

    def close(self) -> None:
        """The life ended by itself."""
        ...

    def abandon(self) -> None:
        """It died."""
        ...


class NoJournal:
    """Nothing is kept."""

    def note(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        """See `LifeJournal`."""

    def close(self) -> None:
        """See `LifeJournal`."""

    def abandon(self) -> None:
        """See `LifeJournal`."""


@attrs.define(repr=False, eq=False)  # everything hangs on it
class Incarnation:
    """A bot between its ports, which its death takes away. `live` runs it."""

    name: str
    stage: Stage
    disk: Disk
    wire: TappedOpener
    store: TappedStore
    spill: HeldMedium
    witness: Callable[[Record], None]
    journal: LifeJournal = attrs.field(factory=NoJournal)
    bot: Bot | None = None
    code: int | None = None
    """The exit code of a clean end."""
    error: BaseException | None = None
    """What ended it otherwise, while it was not dead."""
    dead: bool = False
    ended: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _standstill: Standstill | None = None
    latch: HeldLatch = attrs.field(
        default=attrs.Factory(lambda self: HeldLatch(self.disk.latch), takes_self=True), init=False
    )

    @classmethod
    def on(
        cls, stage: Stage, disk: Disk, *, number: int = 1, tap: Tap | None = None,
        witness: Callable[[Record], None] = lambda _record: None, journal: LifeJournal | None = None,
    ) -> Incarnation:
        """One that is not yet alive; `number` names it in the tap: ``bot.1``."""
        tap, name = tap or Tap(), f"bot.{number}"
        wire = TappedOpener(tap, name, stage.network.open_stream)
        spill = HeldMedium(disk.spill, disk.spilled)
        store = TappedStore(tap, name, disk.store)
        return cls(name, stage, disk, wire, store, spill, witness, journal or NoJournal())

    async def live(self, params: StrategyParameters, *, order_path: str = "rest") -> None:
        """Start, trade, end; how it ended is kept, never raised."""
        tap = self.wire.tap
        self._standstill = Standstill(trio.lowlevel.current_task())
        tap.tell(self.name, "life", "started")
        try:
            with self._scope:
                self.bot = await self.stage.bot(
                    params, self.store, opener=self.wire, witness=self._note, keep=self._keep,
                    spill=open_spill(self.spill), latch=self.latch, order_path=order_path,
                )
                self.code = await self.bot.run()
        except trio.Cancelled:
            raise
        except OperatingError as error:  # the command ends so too: it could not begin
            self.code = EXIT_UNAVAILABLE
            self.stage.log.error("could_not_begin", what=str(error))
        except BaseException as error:  # noqa: BLE001 (kept, for the judge)
            self.error = None if self.dead else error
        finally:
            if not self.dead:
                what = "" if self.error is None else type(self.error).__name__
                tap.tell(self.name, "life", "ended", self.code, what)
                self.journal.close()
            self.ended.set()

    def crash(self, *, power_cut: bool = True) -> None:
        """Die: no byte and no row leaves any more, no file is written, and only then everything is cancelled.

        With a power cut what was on its way is lost too; otherwise (SIGKILL) the kernel delivers it and says goodbye.
        What is left of the process goes on dying beside its successor, and can do nothing.
        """
        self.dead = True
        self.wire.tap.tell(self.name, "life", "crashed", power_cut)
        self.wire.revoke(cut=power_cut)
        self.store.revoked = self.spill.revoked = self.latch.revoked = True
        self.journal.abandon()
        self._scope.cancel()
        if self._standstill is not None:
            self._standstill.end()

    @property
    def stands_still(self) -> bool:
        """Whether it was stopped and does not go on yet."""
        return self._standstill is not None and self._standstill.lasts

    def stop(self) -> None:
        """Stand still, as after SIGSTOP: what reaches it lies there, its timers are late, and the world goes on."""
        if self._standstill is not None:
            self.wire.tap.tell(self.name, "life", "stopped")
            self._standstill.begin()

    def go_on(self) -> None:
        """As after SIGCONT; does nothing for one that does not stand still."""
        if self._standstill is not None and self._standstill.lasts:
            self.wire.tap.tell(self.name, "life", "went on")
            self._standstill.end()

    def _note(self, record: Record) -> None:
        if not self.dead:
            self.wire.tap.tell(self.name, "record", type(record).__name__, msgspec.to_builtins(record, str_keys=True))
            self.witness(record)

    def _keep(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        if not self.dead:
            self.journal.note(before, event, outcome)
