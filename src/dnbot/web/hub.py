"""What all browsers share: the newest picture, made once however many look, and a quarter of an hour of samples.

The bot's loop makes all of it, so nothing here is long at one go: a picture is made in steps, and the browsers are told
of it one after the other.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.records import StateChanged
from dnbot.operate.status import Reporter, Status
from dnbot.operate.watch import Watch
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import StrategyState
from dnbot.web.limits import Limit, limits_of

SHOW_EVERY_S = 0.5
TELL_EVERY_S = 0.008
"""Between two browsers that are told of a picture; thirty-two of them know it before there is a newer one."""
SAMPLE_EVERY = 2
"""Shows."""
SAMPLES_KEPT = 900
CHANGES_SHOWN = 60
"""Of state, with every picture; whoever missed more asks for the history."""
_NOT_KNOWN = frozenset({StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY})


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One second for the charts, which need no last digit: floats."""

    at_ms: int
    delta: float
    equity: float | None
    edges: tuple[float | None, ...]
    """bps, in the order of the view's pairs."""
    required: tuple[float | None, ...]


class Change(msgspec.Struct, frozen=True, array_like=True):
    """The state became another one."""

    sequence: int
    at_ms: int
    state: str


class Picture(msgspec.Struct, frozen=True):
    """One event of the stream."""

    status: Status
    limits: tuple[Limit, ...]
    sample: Sample | None
    changes: tuple[Change, ...]


class History(msgspec.Struct, frozen=True):
    """What a page that was just opened has missed."""

    pairs: tuple[str, ...]
    samples: tuple[Sample, ...]
    changes: tuple[Change, ...]


@attrs.define
class Hub:
    """Looks twice a second. A reader that is slow misses pictures, never holds one up.

    A history is encoded once per look, however many pages are opened: what is newer, they see in the pictures.
    """

    report: Reporter
    watch: Watch
    readers: int = 0
    was_known: bool = False
    """The accounts were read and reconciled at least once."""
    _samples: deque[Sample] = attrs.field(init=False, factory=lambda: deque(maxlen=SAMPLES_KEPT))
    _number: int = attrs.field(init=False, default=0)
    _picture: bytes = attrs.field(init=False, default=b"", repr=False)
    _waiting: dict[trio.Event, None] = attrs.field(init=False, factory=dict)
    """A reader each, in the order in which they came."""
    _history: bytes = attrs.field(init=False, default=b"", repr=False)

    async def run(self, context: Any) -> None:
        """Until cancelled; `context` gives the newest one."""
        shows, due_s = 0, trio.current_time()
        while True:
            await self._look(context(), sample=shows % SAMPLE_EVERY == 0)
            shows += 1
            due_s = max(due_s + SHOW_EVERY_S, trio.current_time())
            await trio.sleep_until(due_s)

    async def _look(self, context: StrategyContext, *, sample: bool) -> None:
        """Take a sample when it is time; make a picture when anybody looks, and tell them."""
        self.was_known |= context.current_state not in _NOT_KNOWN
        self._history = b""
        if not sample and not self.readers:
            return
        status = self.report()
        if sample:
            self._samples.append(sample_of(status))
        if self.readers:
            await trio.lowlevel.checkpoint()
            limits = self._limits(context)
            await trio.lowlevel.checkpoint()
            newest = self._samples[-1] if self._samples else None
            changes = tuple(change_of(record) for record in list(self.watch.states)[-CHANGES_SHOWN:])
            self._picture = msgspec.json.encode(Picture(status, limits, newest, changes))
            self._number += 1
            await self._tell()

    async def _tell(self) -> None:
        """Wake everybody who waits, each in a moment of its own: what they send, they send one after the other."""
        for told in list(self._waiting):
            if told in self._waiting:  # nobody has left meanwhile
                told.set()
                await trio.sleep(TELL_EVERY_S)

    def _limits(self, context: StrategyContext) -> tuple[Limit, ...]:
        return self.report.mask.shown(limits_of(context), tuple[Limit, ...])

    async def newer(self, number: int) -> tuple[int, bytes]:
        """The newest picture and its number, when it is newer than `number` and it is the caller's turn."""
        while self._number <= number:
            told = trio.Event()
            self._waiting[told] = None
            try:
                await told.wait()
            finally:
                del self._waiting[told]
        return self._number, self._picture

    @property
    def number(self) -> int:
        """Of the newest picture."""
        return self._number

    def history(self) -> History:
        """Everything that is kept."""
        return History(
            pairs=tuple(pair.pair_name for pair in self.report().view.pairs),
            samples=tuple(self._samples),
            changes=tuple(change_of(record) for record in self.watch.states),
        )

    def history_json(self) -> bytes:
        """The same as JSON, as it was when somebody first asked since the newest look."""
        if not self._history:
            self._history = msgspec.json.encode(self.history())
        return self._history


def sample_of(status: Status) -> Sample:
    """The charts' part of a status."""
    view = status.view
    return Sample(
        at_ms=status.at_ns // 1_000_000, delta=float(view.delta_base),
        equity=None if view.equity_quote is None else float(view.equity_quote),
        edges=tuple(pair.edge_bps for pair in view.pairs), required=tuple(pair.required_bps for pair in view.pairs),
    )


def change_of(record: StateChanged) -> Change:
    """A record as the pages draw it."""
    return Change(record.sequence, record.at_ns // 1_000_000, record.to_state)
