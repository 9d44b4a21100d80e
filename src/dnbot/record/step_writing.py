"""The journal's folder, and how steps get there: noted in the machine's own turn, encoded and written in others'."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path

import attrs
import msgspec
import trio

from dnbot.domain.market import MarketView
from dnbot.domain.messages import InboxEvent, Signal
from dnbot.ports.recording_file import MessageSchema, Topic
from dnbot.record.folder import NS_PER_S, Filing, Limits, SegmentFolder
from dnbot.record.intake import FLUSH_S, Elsewhere
from dnbot.record.step_codec import Masked, as_it_is, encode_context, encode_step, join_steps, without_secrets
from dnbot.record.step_words import Head, Page, PageKind, Why
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step

CONTEXT_EVERY_S = 60.0
"""So often all that the machine knows is written, though the steps tell it."""
WAITING_MAX = 8192
"""Steps that wait to be written: a disk that stands for longer costs steps, never memory."""
SLICE = 16
"""Steps that are encoded before others have a turn."""
BYTES_MAX = 1024**3
SCHEMA = MessageSchema("dnbot.record.Page", encoding="msgpack")
TOPICS = {kind: Topic(f"machine/{kind.value}", {"kind": kind.value}) for kind in PageKind}
_encode = msgspec.msgpack.Encoder().encode


class StepFolder(SegmentFolder[Page]):
    """A folder of a journal; each segment begins with the head of its run."""

    def __init__(self, folder: Path, *, by: str, at_ns: int, limits: Limits | None = None) -> None:
        """See `SegmentFolder`."""
        filing = Filing[Page](list(TOPICS.values()), SCHEMA, _topic_of, encode_page, _head)
        super().__init__(folder, filing, by=by, at_ns=at_ns, limits=limits or Limits(bytes_max=BYTES_MAX))


def encode_page(page: Page) -> bytes:
    """A page as a message; its kind is the topic's and its wall clock the segment's."""
    return _encode((page.number, page.monotonic_ns, page.lead_in, page.payload))


def _topic_of(page: Page) -> str:
    return TOPICS[page.kind].name


def _head(page: Page) -> tuple[Hashable, Page] | None:
    if page.kind is PageKind.HEAD:
        return PageKind.HEAD, msgspec.structs.replace(page, lead_in=True)
    return None


@attrs.define
class StepPages:
    """Steps that were noted, and the pages that they become. Nothing here waits or touches the disk."""

    head: Head
    masked: Masked = as_it_is
    waiting: deque[tuple[StrategyContext, InboxEvent, Step | Exception]] = attrs.field(factory=deque)
    _pages: list[Page] = attrs.field(factory=list, init=False)
    _steps: list[bytes] = attrs.field(factory=list, init=False)
    _first: int = attrs.field(default=0, init=False)
    _market: MarketView | None = attrs.field(default=None, init=False)
    _after: StrategyContext | None = attrs.field(default=None, init=False)
    """What the next step must begin with, if none is missing."""
    _told_s: float = attrs.field(default=0.0, init=False)
    """When a context was last told."""
    _segments: int = attrs.field(default=1, init=False)

    def note(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        """Keep one step; everything in it is immutable. One that finds no room is missing, and that will be told."""
        if len(self.waiting) < WAITING_MAX:
            self.waiting.append((before, event, outcome))

    def encode(self, most: int) -> bool:
        """Encode so many of those that wait; whether there are more."""
        for _ in range(min(most, len(self.waiting))):
            self._encode_one(*self.waiting.popleft())
        return bool(self.waiting)

    def take(self) -> list[Page]:
        """The pages so far, the one that was not full included; they are the caller's."""
        self._end_page()
        pages, self._pages = self._pages, []
        return pages

    def filed(self, segments: int) -> None:
        """Hear how many segments there are: each has a context soon after its beginning, for those before it may go."""
        if segments > self._segments:
            self._segments, self._told_s = segments, float("-inf")

    def _encode_one(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        if before is not self._after or before.now_s - self._told_s >= CONTEXT_EVERY_S:
            self._tell_context(before)
        if not self._steps:
            self._first, self._market = before.events + 1, None
        self._steps.append(encode_step(event, outcome, self._market, self.masked))
        if isinstance(event, Signal):
            self._market = event.market
        self._after = outcome.context if isinstance(outcome, Step) else before

    def _tell_context(self, context: StrategyContext) -> None:
        self._end_page()
        after, lost = self._after, 0
        if after is None:
            why = Why.START
            self._add(PageKind.HEAD, context.events, context, _encode(self.head))
        elif after is context:
            why = Why.REGULAR
        else:
            lost = context.events - after.events
            why = Why.LOST if lost else Why.REPLACED
        self._add(PageKind.CONTEXT, context.events, context, encode_context(context, why, lost))
        self._told_s, self._after = context.now_s, context

    def _end_page(self) -> None:
        if self._steps:
            assert self._after is not None
            self._add(PageKind.STEPS, self._first, self._after, join_steps(self._first, self._steps))
            self._steps.clear()

    def _add(self, kind: PageKind, number: int, at: StrategyContext, payload: bytes) -> None:
        self._pages.append(Page(
            number=number, received_ns=at.now_ns, monotonic_ns=max(0, round(at.now_s * NS_PER_S)), kind=kind,
            payload=without_secrets(payload, self.masked),
        ))


async def in_abandoned_thread(call: Callable[[], None]) -> None:
    """Run it in a worker thread, which is left behind when the caller is cancelled: a disk may hang for ever."""
    await trio.to_thread.run_sync(call, abandon_on_cancel=True)  # noqa: TID251 (it only writes what it is given)


@attrs.define
class StepJournal:
    """A journal of a live run: `note` in the machine's turn, `run` as a task beside it, `finish` at the end."""

    folder: StepFolder
    pages: StepPages
    failed: Callable[[Exception], None]
    """Is told once why it ended before its time. The run goes on without a journal, whatever it was."""
    elsewhere: Elsewhere = in_abandoned_thread
    _is_over: bool = attrs.field(default=False, init=False)
    _ending: trio.Event = attrs.field(factory=trio.Event, init=False)
    _done: trio.Event = attrs.field(factory=trio.Event, init=False)
    _scope: trio.CancelScope = attrs.field(factory=partial(trio.CancelScope, shield=True), init=False)

    def note(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        """Keep one step."""
        if not self._is_over:
            self.pages.note(before, event, outcome)

    async def run(self) -> None:
        """Write twice a second what was noted, until `finish`. Raises nothing."""
        with self._scope:
            try:
                is_last = False
                while not is_last:
                    with trio.move_on_after(FLUSH_S):
                        await self._ending.wait()
                    is_last = self._ending.is_set()
                    await self._write()
                await self.elsewhere(self.folder.close)
            except Exception as error:  # noqa: BLE001 (nothing that only looks back may end the run; it is told)
                self.folder.abandon()
                self.failed(error)
            finally:
                self._is_over = True
                self.pages.waiting.clear()
                self._done.set()

    async def finish(self) -> None:
        """Write the rest and close. Cancelled meanwhile, it leaves everything as a crash would: a disk may hang."""
        self._ending.set()
        try:
            await self._done.wait()
        finally:
            self._scope.cancel()

    async def _write(self) -> None:
        while self.pages.encode(SLICE):
            await trio.lowlevel.checkpoint()
        await self.elsewhere(partial(self.folder.write, self.pages.take()))
        self.pages.filed(self.folder.opened)


@attrs.define
class InlineJournal:
    """A journal of a simulated run, written in the machine's own turn: a task of its own would change the run."""

    folder: StepFolder
    pages: StepPages
    _written_s: float = attrs.field(default=float("-inf"), init=False)
    _is_over: bool = attrs.field(default=False, init=False)

    def note(self, before: StrategyContext, event: InboxEvent, outcome: Step | Exception) -> None:
        """Keep one step; twice a virtual second all are written. Raises RecordingFailed."""
        self.pages.note(before, event, outcome)
        if before.now_s - self._written_s >= FLUSH_S:
            self._written_s = before.now_s
            self.write()

    def close(self) -> None:
        """A clean end. Raises RecordingFailed."""
        self._is_over = True
        self.write()
        self.folder.close()

    def abandon(self) -> None:
        """A death: what was not written is lost. Does nothing after a clean end."""
        if not self._is_over:
            self._is_over = True
            self.folder.abandon()

    def write(self) -> None:
        """What was noted goes to the disk. Raises RecordingFailed."""
        while self.pages.encode(SLICE):
            pass
        self.folder.write(self.pages.take())
        self.pages.filed(self.folder.opened)
