"""The whole picture of a running bot from outside: the view, who runs, what was sent, what happened lately."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Alert, ExecutionClosed
from dnbot.operate.alert_words import AlertsStanding
from dnbot.operate.masking import Mask
from dnbot.operate.paper_words import marked
from dnbot.operate.plugin_words import PluginStatus
from dnbot.operate.watch import Watch
from dnbot.ports.clock import Clock
from dnbot.ports.http import HttpStatistics
from dnbot.ports.log import EventLog
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.view import View, view_of

TREE_LINES_MAX = 500
TREE_DEPTH_MAX = 50


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while a run lasts."""

    version: str
    mode: str
    """`sim`, `paper` or `live`."""
    market: str
    """For sim: what kind of market this is, and that it is none; for paper, that nothing is really traded."""
    home: str
    pid: int
    began_ns: int


class Profit(msgspec.Struct, frozen=True, kw_only=True):
    """Quote units; `realised = spread - fees + funding`."""

    realised_quote: Decimal
    spread_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal


class ChildStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One supervised child."""

    name: str
    running: bool
    restarts: int
    last_error: str


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What one venue's tasks sent and met since the start."""

    venue: str
    requests: int
    not_sent: int
    ambiguous: int
    """Requests whose answer never came."""
    connections: int
    """Opened for REST."""
    throttled: int
    """Pauses that the venue's rate limit imposed."""
    logins: int
    """Private streams opened."""
    reconnects: int
    """Restarts of the feed and of the session."""
    resyncs: int
    """Snapshots of the book fetched."""
    unknown_frames: int


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """How full one channel is."""

    name: str
    waiting: int
    limit: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of the machinery."""

    events: int
    records_written: int
    log_lines: int
    log_lines_lost: int
    queues: tuple[Queue, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What one moment of a running bot looks like from outside."""

    at_ns: int
    uptime_s: float
    run: RunFacts
    view: View
    this_run: Profit
    """Of this run alone; the view's figures cover the whole ledger."""
    mode_age_s: float | None
    """None: as it was at the start."""
    mode_by: str
    alerts: tuple[Alert, ...]
    """Newest last."""
    executions: tuple[ExecutionClosed, ...]
    """Newest last."""
    warnings: tuple[str, ...]
    children: tuple[ChildStatus, ...]
    traffic: tuple[Traffic, ...]
    statistics: Statistics
    standing: AlertsStanding = AlertsStanding()
    """What is open, and how telling it goes."""
    plugins: tuple[PluginStatus, ...] = ()
    tree: tuple[str, ...] = ()
    """The live task tree, indented two blanks per level; only when it was asked for."""


class Reporter:
    """Makes a `Status` of one bot whenever it is asked."""

    def __init__(
        self, bot: Bot, watch: Watch, clock: Clock, log: EventLog, facts: RunFacts,
        standing: Callable[[], AlertsStanding] = AlertsStanding,
        plugins: Callable[[], tuple[PluginStatus, ...]] = tuple, *, mask: Mask | None = None,
    ) -> None:
        self._bot, self._watch, self._clock, self._log, self._facts = bot, watch, clock, log, facts
        self._standing, self._plugins = standing, plugins
        self.mask = mask if mask is not None else Mask()
        self._start = bot.context

    def __call__(self, *, tree: bool = False) -> Status:
        """The picture of this moment, as terminal, browser and control channel may show it."""
        return self.mask.shown(self.unmasked(tree=tree), Status)

    def unmasked(self, *, tree: bool = False) -> Status:
        """The same in the machine's own words, for who masks what is made of it."""
        context, now_ns, watch = self._bot.context, self._clock.now_ns(), self._watch
        changed = watch.mode_changed
        return Status(
            at_ns=now_ns,
            uptime_s=max(0.0, (now_ns - self._facts.began_ns) / 1e9),
            run=self._facts,
            view=view_of(context),
            this_run=_earned(self._start, context),
            mode_age_s=max(0.0, (now_ns - changed.at_ns) / 1e9) if changed else None,
            mode_by=changed.by if changed else "start",
            alerts=tuple(watch.alerts),
            executions=tuple(watch.executions),
            warnings=tuple(watch.warnings),
            children=_children(self._bot),
            traffic=tuple(_traffic(self._bot, venue) for venue in self._bot.feeds),
            statistics=_statistics(self._bot, self._log),
            standing=self._standing(),
            plugins=self._plugins(),
            tree=tuple(task_tree()) if tree else (),
        )


def facts_of(mode: str, market: dict[str, object], home: Path, version: str, clock: Clock) -> RunFacts:
    """The facts of a run that begins now."""
    return RunFacts(
        version=version, mode=mode, market=market_line(mode, market), home=str(home), pid=os.getpid(),
        began_ns=clock.now_ns(),
    )


def market_line(mode: str, market: Mapping[str, object]) -> str:
    """For a pretended market or account the sentence that nobody may overlook; empty in live."""
    if mode == "live":
        return ""
    if mode == "paper":
        return f"{marked(mode)}{market.get('note')}"
    figures = ", ".join(f"{name} {value}" for name, value in market.items() if name != "name")
    return f"market {market.get('name')}: NOT A REAL MARKET but an invented one ({figures})"


def _earned(start: StrategyContext, now: StrategyContext) -> Profit:
    before, after = start.portfolio, now.portfolio
    return Profit(
        realised_quote=after.realised_quote - before.realised_quote,
        spread_quote=after.spread_quote - before.spread_quote,
        fees_quote=after.fees_quote - before.fees_quote,
        funding_quote=after.funding_quote - before.funding_quote,
    )


def _children(bot: Bot) -> tuple[ChildStatus, ...]:
    return tuple(
        ChildStatus(name=name, running=child.running, restarts=child.restarts, last_error=child.last_error)
        for name, child in bot.supervisor.children.items()
    )


def _traffic(bot: Bot, venue: Venue) -> Traffic:
    feed, session = bot.feeds[venue], bot.sessions[venue]
    public = [] if feed.source.is_shared else [feed.line]  # what others ask over it is none of this bot's
    lines = [*public, session.line, *([] if bot.desks[venue].line is session.line else [bot.desks[venue].line])]
    clients = {id(client): client for line in lines for client in line.clients.values()}
    http = [client.statistics() for client in clients.values()]
    budgets = {id(budget): budget for line in lines for budget in line.budgets.values()}
    children = [bot.supervisor.children.get(f"{kind}:{venue.value}") for kind in ("feed", "session")]
    return Traffic(
        venue=venue.value,
        requests=_sum(http, lambda one: one.requests),
        not_sent=_sum(http, lambda one: one.not_sent),
        ambiguous=_sum(http, lambda one: one.ambiguous),
        connections=_sum(http, lambda one: one.connections_opened),
        throttled=sum(budget.statistics().penalties for budget in budgets.values()),
        logins=session.connects,
        reconnects=sum(child.restarts for child in children if child is not None),
        resyncs=feed.resyncs,
        unknown_frames=feed.unknown + session.unknown,
    )


def _sum(statistics: list[HttpStatistics], figure: Callable[[HttpStatistics], int]) -> int:
    return sum(figure(one) for one in statistics)


def _statistics(bot: Bot, log: EventLog) -> Statistics:
    channels, lines = bot.channels, log.statistics()
    pipes = {
        "inbox": channels.inbox.receive.statistics(),
        "executions": channels.executions.receive.statistics(),
        "records": channels.records.receive.statistics(),
    } | {f"orders:{venue.value}": pipe.receive.statistics() for venue, pipe in channels.orders.items()}
    return Statistics(
        events=bot.context.events,
        records_written=bot.journal.written,
        log_lines=lines.written,
        log_lines_lost=lines.dropped + lines.lost_by_sinks,
        queues=tuple(
            Queue(name=name, waiting=one.current_buffer_used, limit=int(one.max_buffer_size))
            for name, one in pipes.items()
        ),
    )


def task_tree() -> list[str]:
    """The task tree of this process below trio's own root, as indented names."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return tree_lines(root)[:TREE_LINES_MAX]


def tree_lines(task: trio.lowlevel.Task, depth: int = 0) -> list[str]:
    """One line per live task below `task`, itself first; siblings by name, so that the picture is stable."""
    lines = ["  " * depth + _short(task.name)]
    if depth >= TREE_DEPTH_MAX:
        return lines
    children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    for child in sorted(children, key=lambda one: one.name):
        lines += tree_lines(child, depth + 1)
    return lines


def _short(name: str) -> str:
    return name.removeprefix("dnbot.").replace("<locals>.", "")
