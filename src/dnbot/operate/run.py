"""`dnbot run`: put the ports together, run the bot until it is told to stop, tell what it did."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import msgspec
import trio

from dnbot import __version__
from dnbot.bot import Bot, BotParts, build_bot
from dnbot.config import Settings
from dnbot.operate.alert_places import (
    AlertSecrets,
    heartbeat_of,
    load_alert_secrets,
    load_if_there,
    monitors_of,
    sampler_of,
)
from dnbot.operate.canary import Canary, canary_of, witness_of
from dnbot.operate.commanding import Commander
from dnbot.operate.control import ControlServer
from dnbot.operate.control_socket import listening, only_bot_of, socket_path
from dnbot.operate.database_place import external_dsn
from dnbot.operate.exchanges import Exchanges, exchanges_of
from dnbot.operate.face import Face
from dnbot.operate.journaling import journal_folder, journal_of, journalling, keep_of
from dnbot.operate.logs import LOG_FILE
from dnbot.operate.masking import Mask
from dnbot.operate.metrics import Metrics, address_of, metrics_listeners
from dnbot.operate.monitoring import Monitors
from dnbot.operate.plugin_advisers import Adviser
from dnbot.operate.plugin_registry import PluginRegistry
from dnbot.operate.plugin_set import PluginSet, plugins_of
from dnbot.operate.same_world import refuse_another_world, refuse_to_abandon
from dnbot.operate.screen import face_for, is_picture
from dnbot.operate.second_spot import second_spot_of
from dnbot.operate.service_manager import service_manager
from dnbot.operate.span_courier import SpanCourier
from dnbot.operate.state_folder import made_private, spill_place
from dnbot.operate.status import Reporter, facts_of
from dnbot.operate.summary import banner, summary_of, tell_summary
from dnbot.operate.task_lease import refuse_held_by_worker
from dnbot.operate.traces import exporting, measures_of, traces_of
from dnbot.operate.unfit import refuse_first_start, refuse_unfit
from dnbot.operate.watch import Watch
from dnbot.ports.clock import SystemClock
from dnbot.ports.collector import settle
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.latch import FileLatch
from dnbot.ports.log import EventLog, stdlib_logging
from dnbot.ports.log_sinks import FileSink, Sink, TerminalSink
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_migrate import migrate
from dnbot.ports.postgres_tasks import PostgresTasks
from dnbot.ports.redaction import Redactor
from dnbot.ports.spill import Spill, spill_file
from dnbot.ports.store import Store
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.leaving import EXIT_UNAVAILABLE
from dnbot.strategy.states import StrategyState

if TYPE_CHECKING:
    from dnbot.record.step_writing import StepJournal

KNOWN_S_MAX = 30.0
"""How long a run that only flattens waits until every account is read and reconciled."""
ANSWERS_S_MAX = 1.0
"""How long a run that ended waits until those who asked for it have read so."""

LOOK_S = 0.1
FLATTENING = "flatten"
_NOT_KNOWN = frozenset({StrategyState.INITIALIZING, StrategyState.ERROR_RECOVERY})

AuditCheck = Callable[[dict[str, Any], Store, StrategyContext, dict[str, Any] | None], Awaitable[dict[str, Any]]]


@attrs.frozen
class Standing:
    """A run as whoever serves beside it sees it."""

    bot: Bot
    watch: Watch
    report: Reporter
    commander: Commander
    log: EventLog
    home: Path
    dsn: str = attrs.field(repr=False)
    say: Callable[[str], None]
    """A sentence for the person at the terminal."""
    plugins: PluginSet = attrs.field(factory=PluginSet)


@attrs.frozen
class _Ground:
    """What a run stands on: all of it is there before the bot is made."""

    settings: Settings
    options: RunOptions
    home: Path
    log: EventLog
    store: Store
    dsn: str = attrs.field(repr=False)
    exchanges: Exchanges
    spill: Spill
    canary: Canary | None
    pages: list[trio.SocketListener]
    traces: SpanCourier | None
    plugins: PluginSet
    journal: StepJournal | None


class Beside(Protocol):
    """What a run may have served beside itself, such as the dashboard."""

    def prepare(self, settings: Settings, home: Path, registry: SecretRegistry) -> None:
        """Before anything is started; raises ConfigError for what it cannot be served with."""
        ...

    async def serve(self, run: Standing) -> None:
        """Until cancelled; what goes wrong there does not end the run."""
        ...

    async def finish(self, within_s: float) -> None:
        """Wait for the answers that somebody waits for."""
        ...


@attrs.frozen
class RunOptions:
    """What the command line adds to a configuration."""

    duration_s: float | None = None
    summary: Path | None = None
    plain: bool = False
    """A status line a second, even where a picture could be drawn."""
    flatten: str = ""
    """Why this run does nothing but close the position, as soon as the accounts are known; it tells so on stderr."""
    has_folder: bool = False
    """Whoever starts this run has the lock of the state folder (`only_bot_of`), and keeps it until the run's end."""
    metrics: tuple[str, int] | None = None
    """Host and port at which Prometheus may ask."""
    journal: Path | None = None
    source: Callable[[], str] = str  # of what decides, asked for a journal
    check_audit: AuditCheck | None = None
    """Judges our ledger by the fakes' audit; given by the command, which may see the lab."""
    beside: Beside | None = None
    """The dashboard; given by the command, which may see its room."""
    installed: PluginRegistry = attrs.field(factory=PluginRegistry)
    """The plugins that a configuration may name; a program that registered some gives its own."""
    registry: SecretRegistry = attrs.field(factory=SecretRegistry, repr=False)
    """Learns every secret of the run; given by whoever tells of its bugs."""


def state_dir(settings: Settings) -> Path:
    """Where everything of this machine's bot lives: the setting, `$DNBOT_HOME`, or `.dnbot` here."""
    return Path(settings.state_dir or os.environ.get("DNBOT_HOME") or ".dnbot").resolve()


async def run_settings(settings: Settings, options: RunOptions) -> int:
    """Run one bot to its end; returns the exit code of `docs/operations.md`.

    Raises:
        ConfigError, StoreUnreachable: it could not begin.
    """
    home, registry, watch = state_dir(settings), options.registry, Watch()
    made_private(home)
    second = second_spot_of(settings, options.installed)
    redactor = Redactor(registry, second.names)
    sinks: list[Sink] = [FileSink(home / LOG_FILE), watch]
    if not (is_picture(sys.stdout, plain=options.plain) and sys.stderr.isatty()):
        sinks.append(TerminalSink(sys.stderr, redactor, level_min="warning"))  # the picture shows warnings itself
    log = second.log = EventLog(SystemClock(), sinks, redactor)
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        if not options.has_folder:
            stack.enter_context(only_bot_of(home))
        nursery.start_soon(log.drain, name="log")
        stack.enter_context(stdlib_logging(log))
        try:
            # Ports, keys and venues first: what they refuse must not leave a database behind.
            pages = await metrics_listeners(options.metrics, stack)
            if options.beside is not None:
                options.beside.prepare(settings, home, registry)
            exchanges = await exchanges_of(settings, home, registry, stack, second.codecs)
            if not options.flatten:  # whatever is held may be closed
                await refuse_unfit(settings, exchanges.around, SystemClock())
            # Who closes the position after a kill may have another environment, and needs nobody to be told.
            load = partial(load_if_there, log=log) if options.flatten else load_alert_secrets
            secrets = load(settings, registry)
            traces = None if options.flatten else traces_of(settings, registry, log)
            plugins = PluginSet() if options.flatten else plugins_of(settings, options.installed, registry, log)
            plugins.second_spot, channels = second, plugins.of_kind("alerts")
            monitors = monitors_of(settings, secrets, watch, redactor, log, channels=channels)
            second.alert = monitors.alert
            mask = Mask(registry)
            folder = None if options.flatten else journal_folder(settings, options.journal, home)
            journal = journal_of(settings, folder, options.source, SystemClock(), mask, monitors, log)
            dsn = await stack.enter_async_context(database_dsn(settings, home, log, registry, nursery))
            for name in await migrate(dsn, log=log, any_pooler=bool(options.flatten)):
                log.info("migrated", name=name)
            store = await stack.enter_async_context(open_postgres_store(dsn, log=log, mask=mask.text))
            await refuse_another_world(settings, store)
            await refuse_held_by_worker(settings.strategy.symbol, PostgresTasks(store))
            await store.take_names(second.names)
            if not options.flatten:
                await refuse_to_abandon(settings, store, home)
                await refuse_first_start(settings, store, exchanges.around, SystemClock())
            symbol = settings.strategy.symbol
            canary = await canary_of(settings, store, symbol)
            spill = spill_file(spill_place(home, symbol))
            stack.enter_context(closing(spill))
            ground = _Ground(
                settings, options, home, log, store, dsn, exchanges, spill, canary, pages, traces, plugins, journal
            )
            code = await _trade(ground, monitors, secrets)
        finally:
            nursery.cancel_scope.cancel()
            log.flush_now()
    return code


@asynccontextmanager
async def database_dsn(
    settings: Settings, home: Path, log: EventLog, registry: SecretRegistry, beside: trio.Nursery | None = None
) -> AsyncIterator[str]:
    """How to reach the configured PostgreSQL; the embedded one runs inside the block.

    `beside`: where it is watched and started again when it ends; who is done in a moment needs none.

    Raises:
        ConfigError: the variable that should hold the connection string does not, or TLS is left open.
    """
    name = settings.database.dsn_env
    if not name:
        async with embedded_postgres(home / "postgres", log) as server:
            if beside is not None:
                beside.start_soon(server.keep_up, name="postgres")
            yield server.dsn
        return
    yield external_dsn(name, registry)


def _parts(ground: _Ground, monitors: Monitors) -> BotParts:
    settings, log, around, paper = ground.settings, ground.log, ground.exchanges.around, ground.exchanges.paper
    clock = SystemClock()
    return BotParts(
        params=settings.strategy, places=around.places, signers=around.signers, opener=around.opener, clock=clock,
        store=ground.store,
        log=log,
        publish=monitors.watch.show,
        witness=witness_of(monitors, ground.canary),
        keep=keep_of(ground.journal),
        measures=measures_of(ground.traces, clock),
        spill=ground.spill,
        latch=FileLatch.of(ground.home),
        order_path=settings.gate.order_path,
        countdown_s=settings.gate.countdown_s,
        version=__version__,
        settings=msgspec.json.encode(settings).decode(),
        retention_days=settings.database.retention_days,
        advisers=tuple(host.use.name for host in ground.plugins.of_kind("strategies")),
        tactician=next((host.use.name for host in ground.plugins.of_kind("execution")), ""),
        market=None if paper is None else paper.market(SystemClock(), log),
        codecs=around.codecs,
    )


async def _trade(ground: _Ground, monitors: Monitors, secrets: AlertSecrets) -> int:
    settings, options, home, log = ground.settings, ground.options, ground.home, ground.log
    began_s, watch, exchanges = trio.current_time(), monitors.watch, ground.exchanges
    fakes, market = exchanges.fakes, exchanges.market
    with listening(socket_path(home)) as listener:  # first: a bot that answers there would be fenced off
        bot = await build_bot(_parts(ground, monitors))
        if ground.canary is not None:
            ground.canary.tell, ground.canary.alert = bot.tell, monitors.alert
            ground.canary.lower()
        book = bot.context.portfolio
        before = book.spread_quote, book.fees_quote, book.funding_quote
        facts = facts_of(settings.mode, market, home, __version__, bot.parts.clock)
        mask, plugins = Mask(options.registry, ground.plugins.second_spot.names), ground.plugins
        report = Reporter(bot, watch, bot.parts.clock, log, facts, monitors.standing, plugins.standing, mask=mask)
        commander = Commander(bot, watch, report, log)
        heartbeat = heartbeat_of(settings, secrets, monitors.is_well, bot, log)
        monitors.attach(sampler_of(bot, settings, home, log), commander.answer, heartbeat)
        face: Face = face_for(sys.stderr if options.flatten else sys.stdout, plain=options.plain)
        face.say(banner(settings, home, market))
        if ground.pages:
            face.say(f"metrics at {address_of(ground.pages)}")
        standing = Standing(bot, watch, report, commander, log, home, ground.dsn, face.say, plugins)
        async with Metrics(bot, report).served(ground.pages), exporting(ground.traces), journalling(ground.journal):
            code, why = await _until_it_ends(standing, options, face, listener, monitors)
    summary = summary_of(
        bot.context,
        exit_reason=why[0] if why else _leaving_reason(bot),
        exit_code=code,
        duration_s=trio.current_time() - began_s,
        reconnects=sum(max(0, session.connects - 1) for session in bot.sessions.values()),
        market=market,
        portfolio_before=before,
    )
    if fakes is not None and options.check_audit is not None:
        summary |= await options.check_audit(await fakes.stop(), ground.store, bot.context, fakes.audit_before)
    tell_summary(mask.shown(summary, dict[str, Any]), options.summary, face if options.flatten else None)
    return code


async def _until_it_ends(
    standing: Standing, options: RunOptions, face: Face, listener: trio.SocketListener, monitors: Monitors
) -> tuple[int, list[str]]:
    """The run itself, with everyone who watches or commands it; returns the exit code and what asked for the end."""
    why: list[str] = []
    bot, control = standing.bot, ControlServer(standing.commander.answer, standing.log)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(_signals, bot, why, face), name="signals")
        if options.duration_s is not None:
            nursery.start_soon(_after, options.duration_s, bot, why, name="duration")
        if options.flatten:
            nursery.start_soon(_flatten, bot, options.flatten, why, name="flatten")
        nursery.start_soon(_settle, bot, name="collector")
        nursery.start_soon(face.run, standing.report, name="status")
        nursery.start_soon(control.serve, listener, name="control")
        nursery.start_soon(monitors.run, name="monitors")
        nursery.start_soon(standing.plugins.run, monitors.alert, name="plugins")
        for host in (*standing.plugins.of_kind("strategies"), *standing.plugins.of_kind("execution")):
            nursery.start_soon(Adviser(host, bot).run, name=f"adviser:{host.use.name}")
        if (manager := service_manager(standing.log)) is not None:
            nursery.start_soon(manager.keep_told, bot, standing.watch.moved, name="service-manager")
        if options.beside is not None:
            nursery.start_soon(options.beside.serve, standing, name="web")
        async with monitors.telling_the_end():
            code = await bot.run()
        async with trio.open_nursery() as answers:
            answers.start_soon(control.finish, ANSWERS_S_MAX)
            if options.beside is not None:
                answers.start_soon(options.beside.finish, ANSWERS_S_MAX)
        nursery.cancel_scope.cancel()
    if options.flatten and FLATTENING not in why:
        code = code or EXIT_UNAVAILABLE
    return code, why


async def _settle(bot: Bot) -> None:
    """Once the accounts are known everything that a start makes is there."""
    while bot.context.current_state in _NOT_KNOWN:  # noqa: ASYNC110 (the machine sets no event for a state)
        await trio.sleep(LOOK_S)
    bot.parts.log.info("settled", objects=settle())


async def _flatten(bot: Bot, reason: str, why: list[str]) -> None:
    """Before the accounts are read and reconciled nothing is known that could be sold rightly."""
    with trio.move_on_after(KNOWN_S_MAX):
        while bot.context.current_state in _NOT_KNOWN:  # noqa: ASYNC110 (the machine sets no event for a state)
            await trio.sleep(LOOK_S)
        why.append(FLATTENING)
        bot.stop(reason, "flatten")
        return
    bot.stop(f"{reason}: the accounts could not be reconciled within {KNOWN_S_MAX:.0f} s", "hold")


def _leaving_reason(bot: Bot) -> str:
    leaving = bot.context.leaving
    return leaving.why if leaving is not None else "ended"


async def _signals(bot: Bot, why: list[str], face: Face) -> None:
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asks for a bot that outlives its terminal
        numbers.append(signal.SIGHUP)
    with trio.open_signal_receiver(*numbers) as received:
        async for number in received:
            why.append(signal.Signals(number).name)
            face.say(f"{why[-1]}: shutting down cleanly; once more shortens the deadline")
            bot.stop(why[-1])


async def _after(duration_s: float, bot: Bot, why: list[str]) -> None:
    await trio.sleep(duration_s)
    why.append("duration")
    bot.stop("duration")
