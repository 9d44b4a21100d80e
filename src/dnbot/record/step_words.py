"""What the journal of a run's machine holds: contexts, and between them each step: an event, and what was answered."""

from __future__ import annotations

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.market import BookView, FundingRate, MarkPrice, TradeFlow
from dnbot.domain.messages import Command, InboxEvent
from dnbot.domain.pair import PairEdge
from dnbot.domain.word import Word
from dnbot.strategy.context import StrategyContext

FORMAT = 1


class PageKind(Word):
    """What a page of the journal is."""

    HEAD = "head"
    """A run begins; repeated at the beginning of every segment."""
    CONTEXT = "context"
    """All that the machine knew at that moment: one can begin here."""
    STEPS = "steps"
    """Events in their order, each with what the machine answered."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What is written at once. `number`: of a context the events before it, of steps that of the first one."""

    number: int
    received_ns: int
    """The machine's wall clock, Unix nanoseconds."""
    monotonic_ns: int
    """Its monotonic clock."""
    kind: PageKind
    payload: bytes
    lead_in: bool = False


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Whose run it is."""

    format: int = FORMAT
    version: str
    source: str
    """First digits of the digest of the source that decides; empty: not told."""
    mode: str
    symbol: str
    settings: str
    """The configuration as JSON, without secrets."""
    began_ns: int
    """Wall clock, Unix nanoseconds."""


class Why(Word):
    """Why a context was written."""

    START = "start"
    REGULAR = "regular"
    """Every so often, so that it can be compared, and begun from."""
    LOST = "lost"
    """Steps before it are missing: the disk was too slow."""
    REPLACED = "replaced"
    """Somebody else than the machine put another context in its place."""


class Moved(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """A Signal told by what it changed of the market of the signal before it in the same page."""

    books: dict[Venue, BookView]
    flow: dict[Venue, TradeFlow]
    mark: MarkPrice | None
    mark_received_s: float
    funding: FundingRate | None
    edges: tuple[PairEdge, ...]
    at_s: float


class KeptStep(msgspec.Struct, frozen=True, array_like=True):
    """One step as it is written."""

    event: Moved | InboxEvent
    state: str
    """Of the context after it, by name; empty when the step failed."""
    mode: str
    commands: tuple[Command, ...]
    records_crc: int
    """CRC-32 of its records as JSON; 0 when there are none."""
    failure: str
    """The error that ended it, by kind and text; empty: none."""


class KeptSteps(msgspec.Struct, frozen=True, array_like=True):
    """The payload of a page of steps."""

    first: int
    steps: tuple[KeptStep, ...]


class StepRead(msgspec.Struct, frozen=True, kw_only=True):
    """One step as it is read: its number in the run, counted from 1, and the event as the machine got it."""

    number: int
    event: InboxEvent
    kept: KeptStep


class ContextRead(msgspec.Struct, frozen=True, kw_only=True):
    """A context that was written; `lost` steps before it are missing."""

    number: int
    """Events before it."""
    why: Why
    lost: int
    context: StrategyContext
