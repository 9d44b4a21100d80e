"""The root: four named supervised child nurseries (public, private, analytics, machine) and a shielded farewell.

They share nothing but channels, boards and the gate. A child that fails becomes a `Fault`; a bug cancels the root, and
the farewell then halts the next start if anything is left naked or in doubt, and cancels our open orders within its
deadline. What is queued for the journal is written beside that, within a deadline of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import attrs
import trio

from dnbot.domain.instrument import VENUES, Venue
from dnbot.domain.messages import CancelAll, InboxEvent, Record, Stop
from dnbot.metrics.measures import Measures
from dnbot.ports.channels import Boards, Channels
from dnbot.ports.clock import Clock, VenueClock
from dnbot.ports.latch import Halt, Latch, MemoryLatch
from dnbot.ports.log import EventLog
from dnbot.ports.net import Endpoint, StreamOpener
from dnbot.ports.spill import MemoryMedium, Spill, open_spill
from dnbot.ports.store import Store
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.hopeless import FirstLook
from dnbot.strategy.leaving import EXIT_CLEAN, EXIT_UNAVAILABLE, VERIFY_TIMES, abandon
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.spread import SpreadAnalyzer
from dnbot.strategy.turn import Turn
from dnbot.tasks.analytics import Analyst, MarketDesk
from dnbot.tasks.budgets import BudgetsOf, own_budgets
from dnbot.tasks.committing import Committer
from dnbot.tasks.countdown import Countdown
from dnbot.tasks.desk import Desk
from dnbot.tasks.execution import Executor
from dnbot.tasks.feed import Feed
from dnbot.tasks.first_context import first_context
from dnbot.tasks.gatekeeper import Gatekeeper
from dnbot.tasks.journal import Journal, load_spilled
from dnbot.tasks.link import Line, line_of
from dnbot.tasks.mirror import NAME, Mirror
from dnbot.tasks.order_probe import Prober
from dnbot.tasks.order_socket import OrderSocket
from dnbot.tasks.resolver import Resolver
from dnbot.tasks.session import Session
from dnbot.tasks.source import OwnSource, Source
from dnbot.tasks.strategist import Keep, Strategist, nobody_keeps
from dnbot.tasks.supervisor import Supervisor, is_cancellation
from dnbot.venues.factory import BUILT_IN, Codecs
from dnbot.venues.wire import Capability, PrivateCodec, Signer

FAREWELL_S = 8.0
PROBE_SHARE = 20
"""Edges are watched at one part in so many of the base position."""


@attrs.frozen
class Place:
    """Where one venue is reached."""

    rest: Endpoint
    stream_url: str
    """Scheme, host and port of its WebSockets."""


@attrs.frozen
class MarketSide:
    """Where markets are read when the accounts are elsewhere, and who tells those who hold the accounts of them."""

    places: dict[Venue, Place]
    opener: StreamOpener
    mirror: Mirror


def _no_witness(_record: Record) -> None:
    """Records go to the journal; nobody else looks."""


@attrs.frozen
class BotParts:
    """Everything from outside that a bot needs; simulation and live differ in nothing else."""

    params: StrategyParameters
    places: dict[Venue, Place]
    signers: dict[Venue, Signer]
    opener: StreamOpener
    clock: Clock
    store: Store
    log: EventLog
    publish: Callable[[StrategyContext], None]
    version: str
    settings: str
    """The configuration as text, without secrets, for the run's record."""
    retention_days: int = 14
    witness: Callable[[Record], None] = _no_witness
    keep: Keep = nobody_keeps
    spill: Spill = attrs.field(factory=lambda: open_spill(MemoryMedium()))
    """Where ways out are committed while the database is away. The default is forgotten with the process."""
    latch: Latch = attrs.field(factory=MemoryLatch)  # where a halt from outside is seen; this one is soon forgotten
    order_path: str = "rest"
    """`websocket`: creates leave over an order socket at venues that have one, once it is proven there."""
    countdown_s: int = 30  # venues that can cancel by themselves do so when not renewed for so long; 0: never
    measures: Measures = attrs.field(factory=Measures)
    advisers: tuple[str, ...] = ()  # strategy plugins: without their advice nothing is entered
    tactician: str = ""  # an execution plugin: without its advice no leg rests
    market: MarketSide | None = None
    """None: where the accounts are."""
    sources: Callable[[Venue], Source] | None = None  # that tasks share; None: each feed has a connection of its own
    codecs: Codecs = BUILT_IN
    budgets: BudgetsOf | None = None  # None: of this bot alone, within the venues' limits
    in_fleet: bool = False
    """Whether new risk waits for what a fleet says of all its bots together."""


@attrs.define(repr=False)  # everything hangs on it: its text would be megabytes
class Bot:
    """One strategy on one symbol, from first read to last cancel."""

    parts: BotParts
    channels: Channels
    supervisor: Supervisor
    gate: Gatekeeper
    strategist: Strategist
    journal: Journal
    feeds: dict[Venue, Feed]
    sessions: dict[Venue, Session]
    desks: dict[Venue, Desk]
    countdowns: dict[Venue, Countdown]
    committer: Committer
    executor: Executor
    analyst: Analyst
    _clients: AsyncExitStack
    _is_written: bool = attrs.field(default=False, init=False)
    """Whether the store had every record when the bot ended."""
    code: int | None = attrs.field(default=None, init=False)
    """What `run` returned; None before that."""
    ended: trio.Event = attrs.field(factory=trio.Event, init=False)
    """Set when `run` is over, with or without a code."""
    _asked: Halt | None = attrs.field(default=None, init=False)
    """Of an end that is to last: what halts the next start when this one is not clean."""

    async def run(self) -> int:
        """Trade until told to stop; returns the exit code of `docs/operations.md`.

        An end whose records could not be written is none of code 0, whatever the venues showed.

        Error handling: anything but an operating error ends the run after the farewell and is raised.
        """
        try:
            self.code = code = await self._live()
            return code
        finally:
            self.ended.set()

    async def _live(self) -> int:
        is_bug = True
        try:
            async with trio.open_nursery() as root:
                for name, group in self._groups().items():
                    root.start_soon(self.supervisor.supervise, name, group, name=name)
                await self.strategist.finished.wait()
                root.cancel_scope.cancel()
            is_bug = False
        except BaseException as error:
            is_bug = not is_cancellation(error)
            raise
        finally:
            with trio.CancelScope(shield=True):  # both parts of it have their own limits
                await self._farewell(is_bug=is_bug)
        code = self.strategist.context.exit_code or EXIT_CLEAN
        if not self._is_written:
            code = code or EXIT_UNAVAILABLE
        if code and self._asked is not None:
            self.journal.halt_next_start(self._asked)
        return code

    def stop(self, why: str, policy: str = "") -> None:
        """Ask for a clean shutdown; a second call shortens its deadline. What is flattened on purpose stays flat."""
        if policy == "flatten":
            self.stay_ended("operator", why)
        self.tell(Stop(why, policy))

    def stay_ended(self, who: str, why: str) -> None:
        """A person asks for the end, not whoever started the process: no supervisor is to make it trade again."""
        self._asked = Halt(
            who=who, reason=f"stopped by {who}: {why}", at_ns=self.parts.clock.now_ns(), unwritten=True
        )

    def tell(self, event: InboxEvent) -> None:
        """Put an operator's event into the inbox without waiting."""
        self.channels.inbox.send.send_nowait(event)

    @property
    def context(self) -> StrategyContext:
        """The machine's newest context."""
        return self.strategist.context

    def _groups(self) -> dict[str, Callable[[], Awaitable[None]]]:
        mirror = {} if self.parts.market is None else {NAME: self.parts.market.mirror.run}
        feeds = {f"feed:{v.value}": feed.run for v, feed in self.feeds.items()}
        return {
            "public": partial(self._together, feeds | mirror),
            "private": partial(
                self._together,
                {f"session:{v.value}": session.run for v, session in self.sessions.items()}
                | {f"desk:{v.value}": desk.run for v, desk in self.desks.items()}
                | {f"order-socket:{v.value}": d.socket.run for v, d in self.desks.items() if d.socket is not None}
                | {f"countdown:{v.value}": countdown.run for v, countdown in self.countdowns.items()}
                | {"execution": self.executor.run, "commits": self.committer.run},
            ),
            "analytics": partial(self._together, {"analyst": self.analyst.run}),
            "machine": partial(self._together, {"strategist": self.strategist.run, "journal": self.journal.run}),
        }

    async def _together(self, children: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        """One child nursery: each member is supervised on its own, and all end together."""
        async with trio.open_nursery() as nursery:
            for name, run in children.items():
                nursery.start_soon(self.supervisor.supervise, name, run, name=name)

    async def _farewell(self, *, is_bug: bool) -> None:
        """Clear the venues and write what is queued, side by side: a venue that does not answer costs no record."""
        if is_bug and self.strategist.context.exit_code is None:
            self._abandon()
        failures: list[Exception] = []

        async def write() -> None:
            try:
                self._is_written = await self.journal.finish(self.strategist.held, self._asked)
            except Exception as error:  # noqa: BLE001 (raised below: orders are cancelled all the same)
                failures.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            with trio.move_on_after(FAREWELL_S, shield=True):
                await self._clear_venues()
        for failure in failures:
            raise failure

    async def _clear_venues(self) -> None:
        """Cancel our open orders if the machine did not get to it, disarm countdowns, let go of connections."""
        if self.strategist.context.exit_code is None:
            async with trio.open_nursery() as ears:
                ears.start_soon(self._discard_inbox)
                async with trio.open_nursery() as nursery:
                    for desk in self.desks.values():
                        nursery.start_soon(desk.perform, CancelAll(desk.venue))
                ears.cancel_scope.cancel()
        if self._has_ended_empty():
            async with trio.open_nursery() as nursery:
                for countdown in self.countdowns.values():
                    nursery.start_soon(countdown.disarm)
        await self._clients.aclose()

    def _has_ended_empty(self) -> bool:
        """Whether the machine came to its end and saw twice that nothing of ours is open."""
        context = self.strategist.context
        leaving = context.leaving
        return context.exit_code is not None and leaving is not None and leaving.verified >= VERIFY_TIMES

    def _abandon(self) -> None:
        """Halt the next start when a bug, after which nobody repairs any more, leaves something naked or in doubt."""
        turn = Turn(self.strategist.context)
        left = abandon(turn)
        if left:
            self.strategist.context = turn.context
            self.strategist.held.extend(turn.records)
            self.parts.log.error("abandoned", what=left)

    async def _discard_inbox(self) -> None:
        """Nobody folds events any more, and a full inbox must not stop a cancel; the next start reads the accounts."""
        async for _ in self.channels.inbox.receive:
            pass


async def build_bot(parts: BotParts) -> Bot:
    """Read what the last incarnation left, take the next epoch, and wire everything together.

    Raises:
        StoreUnreachable: without a store there is no bot.
        ConfigError: the spill file is another symbol's.
    """
    symbol = parts.params.symbol
    # First the fence, then the reading: after it no earlier incarnation can add anything.
    epoch = await parts.store.begin_run(
        symbol, version=parts.version, settings=parts.settings, started_at_ns=parts.clock.now_ns()
    )
    stored = await parts.store.load(symbol)
    if parts.spill.pending or parts.spill.damaged:
        await load_spilled(parts.spill, parts.store, symbol, parts.clock, parts.log)
        stored = await parts.store.load(symbol)
    fills = await parts.store.fills_of(symbol, stored.unresolved) if stored.unresolved else ()
    context = first_context(
        parts.params, stored, fills, epoch, parts.clock, parts.advisers, parts.tactician, in_fleet=parts.in_fleet
    )
    return _wire(parts, context)


def _wire(parts: BotParts, context: StrategyContext) -> Bot:
    channels, boards, stack = Channels.open(), Boards(), AsyncExitStack()
    clock, log, params, measures = parts.clock, parts.log, parts.params, parts.measures
    supervisor = Supervisor(channels.inbox.send, log)
    gate = Gatekeeper(clock, latch=parts.latch)
    committer = Committer(parts.store, parts.spill, channels.inbox.send, clock, log)
    venue_clock = VenueClock(clock)
    feeds: dict[Venue, Feed] = {}
    sessions: dict[Venue, Session] = {}
    desks: dict[Venue, Desk] = {}
    strategist = Strategist(channels, gate, clock, log, context, parts.publish, parts.witness, measures=measures)
    analyst = Analyst(
        boards, SpreadAnalyzer(params.base_position_size / PROBE_SHARE), FirstLook(params), strategist.see_market,
        strategist.is_eager, stages=measures.stages,
    )
    strategist.pull, strategist.keep = analyst.newest, parts.keep
    desk = analyst if parts.market is None else parts.market.mirror.beside(analyst)
    budgets = parts.budgets or own_budgets(parts.codecs.limits)
    for venue in VENUES:
        place = parts.places[venue]
        feeds[venue] = _feed(parts, _source(parts, venue, venue_clock, stack, budgets), venue, desk, boards)
        codec = parts.codecs.private_codec(venue, params.symbol, parts.signers[venue])
        line = line_of(parts.opener, place.rest, venue, venue_clock, stack, private=True, budgets=budgets)
        sessions[venue] = Session(
            codec, parts.codecs.public_codec(venue, params.symbol), line, parts.opener, place.stream_url,
            channels.inbox.send, boards.instruments[venue], boards.fees[venue], log, params.leverage,
            params.margin_mode,
        )
        resolver = Resolver(
            codec, line, channels.inbox.send, clock, log, params.match_lag_ms, params.resolve_deadline_ms / 1000
        )
        desks[venue] = Desk(
            codec, line, channels.orders[venue].receive, channels.inbox.send, gate, committer, clock, log, resolver,
            sessions[venue].prove, sessions[venue].reopen, feeds[venue].read_instrument,
            _order_socket(parts, codec, line, channels, boards, gate),
        )
    return Bot(
        parts=parts,
        channels=channels,
        supervisor=supervisor,
        gate=gate,
        strategist=strategist,
        journal=Journal(
            channels.records.receive, channels.inbox.send, parts.store, clock, log, parts.retention_days, gate,
            parts.spill, appends=measures.appends,
        ),
        feeds=feeds,
        sessions=sessions,
        desks=desks,
        countdowns=_countdowns(parts, desks, channels),
        committer=committer,
        executor=Executor(
            channels.executions.receive, {v: channels.orders[v].send for v in VENUES}, channels.inbox.send, gate,
            committer, clock, {venue: desk.line.create_wait_s for venue, desk in desks.items()}, measures.stages,
        ),
        analyst=analyst,
        clients=stack,
    )


def _feed(parts: BotParts, source: Source, venue: Venue, desk: MarketDesk, boards: Boards) -> Feed:
    codec = parts.codecs.public_codec(venue, parts.params.symbol)
    return Feed(codec, source, desk, boards.instruments[venue], parts.log, stages=parts.measures.stages)


def _source(parts: BotParts, venue: Venue, clock: VenueClock, stack: AsyncExitStack, budgets: BudgetsOf) -> Source:
    if parts.sources is not None:
        return parts.sources(venue)
    side = parts.market or parts
    place = side.places[venue]
    line = line_of(side.opener, place.rest, venue, clock, stack, private=False, budgets=budgets)
    return OwnSource(line, side.opener, place.stream_url)


def _countdowns(parts: BotParts, desks: dict[Venue, Desk], channels: Channels) -> dict[Venue, Countdown]:
    able = {v: desk for v, desk in desks.items() if Capability.COUNTDOWN in desk.codec.capabilities}
    return {
        venue: Countdown(desk.codec, desk.line, channels.inbox.send, parts.log, parts.countdown_s)
        for venue, desk in able.items()
        if parts.countdown_s
    }


def _order_socket(
    parts: BotParts, codec: PrivateCodec, line: Line, channels: Channels, boards: Boards, gate: Gatekeeper
) -> OrderSocket | None:
    if parts.order_path != "websocket" or Capability.ORDER_SOCKET not in codec.capabilities:
        return None
    venue, params = codec.venue, parts.params
    prober = Prober(
        codec, line, boards.instruments[venue], gate, parts.store, channels.inbox.send, channels.records.send,
        parts.clock, parts.log, params.match_lag_ms, params.resolve_deadline_ms / 1000,
    )
    return OrderSocket(
        codec, line, parts.opener, parts.places[venue].stream_url, boards.instruments[venue], channels.inbox.send,
        parts.log, prober,
    )
