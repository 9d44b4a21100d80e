"""What a worker runs for a task: one bot, with its monitors and its control socket, on the worker's database store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from dnbot import __version__
from dnbot.bot import Bot, BotParts, build_bot
from dnbot.config import Settings
from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.domain.units import plain
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired
from dnbot.fleet.words import BUILT_IN
from dnbot.metrics.histogram import Histogram
from dnbot.operate.alert_places import heartbeat_of, load_alert_secrets, monitors_of, sampler_of
from dnbot.operate.budgets import Budgets
from dnbot.operate.canary import canary_of, witness_of
from dnbot.operate.commanding import Commander
from dnbot.operate.control import ControlServer
from dnbot.operate.control_socket import listening, only_bot_of, socket_path
from dnbot.operate.control_words import Done, Pause, Resume, StatusTold
from dnbot.operate.fakes_process import read_address
from dnbot.operate.fleet_risk import FleetRiskWatch
from dnbot.operate.kept_environment import KeptEnvironment
from dnbot.operate.masking import Mask
from dnbot.operate.monitoring import Monitors
from dnbot.operate.places import Surroundings, of_fakes, of_live
from dnbot.operate.same_world import refuse_another_world
from dnbot.operate.seat import NOT_KNOWN, WHO, Seat
from dnbot.operate.state_folder import made_private, spill_place
from dnbot.operate.status import Reporter, facts_of
from dnbot.operate.task_log import TaskLog
from dnbot.operate.task_settings import keys_of, task_settings
from dnbot.operate.traces import exporting, measures_of, traces_of
from dnbot.operate.unfit import refuse_first_start, refuse_unfit
from dnbot.operate.watch import Watch
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.latch import FileLatch
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import PostgresStore
from dnbot.ports.redaction import Redactor
from dnbot.ports.spill import spill_file
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import TradingMode
from dnbot.tasks.shared_feeds import SharedFeeds

ANSWERS_S_MAX = 1.0


def task_folder(home: Path, task_id: str) -> Path:
    """The state folder of a task below its worker's: halt latch, spilled intents, control socket."""
    return home / "tasks" / task_id


@attrs.frozen
class TaskRunner:
    """Called with a seat, it runs the task's bot; see `Runner`."""

    store: PostgresStore
    home: Path
    """The worker's own state folder."""
    dsn_env: str
    terms: LeaseTerms
    registry: SecretRegistry
    redactor: Redactor
    log: EventLog
    budgets: Budgets
    fleet: FleetRiskWatch
    feeds: SharedFeeds
    sent: Histogram
    """What every bot here observes from the bytes of its newest book until both orders are sent."""
    environment: KeptEnvironment = attrs.field(factory=KeptEnvironment)
    """Where keys are found, at every start."""

    async def __call__(self, seat: Seat) -> None:
        """Run one incarnation until it is asked to stop.

        Raises:
            ConfigError: the task cannot be run as it is.
            OperatingError: the bot ended by itself, the database or the lease was lost at its start, or another process
                has the task's folder.
        """
        task = seat.details.task
        if task.kind != BUILT_IN:
            raise ConfigError(f"task {task.task_id}", "kind", task.kind, BUILT_IN)
        settings = task_settings(f"task {task.task_id}", seat.details.settings, self.dsn_env, self.terms)
        home = task_folder(self.home, task.task_id)
        log = TaskLog(self.log, task.task_id)
        secrets = load_alert_secrets(settings, self.registry, self.environment)
        traces, clock = traces_of(settings, self.registry, log, self.environment), SystemClock()
        watch = Watch()
        monitors = monitors_of(settings, secrets, watch, self.redactor, log)
        measures = measures_of(traces, clock)
        measures.stages.sent_of_all = self.sent
        async with AsyncExitStack() as stack:
            _take_folder(home, stack)
            symbol = settings.strategy.symbol
            spill = stack.enter_context(closing(spill_file(spill_place(home, symbol))))
            listener = stack.enter_context(listening(socket_path(home)))
            around, teller = self._around(settings), _Teller(seat, watch)
            await seat.tasks.bind(seat.lease, keys_of(around.signers))
            budgets = await stack.enter_async_context(
                self.budgets.of_task(task.task_id, around.places, around.signers)
            )
            await refuse_unfit(settings, around, SystemClock(), budgets)
            await refuse_another_world(settings, self.store)
            await refuse_first_start(settings, self.store, around, SystemClock(), budgets)
            canary = await canary_of(settings, self.store, symbol)
            bot = await build_bot(
                BotParts(
                    params=settings.strategy, places=around.places, signers=around.signers, opener=around.opener,
                    clock=clock, store=self.store.of_task(seat.lease), log=log, publish=teller.show,
                    witness=witness_of(monitors, canary), spill=spill, latch=FileLatch.of(home),
                    measures=measures, budgets=budgets, in_fleet=True,
                    order_path=settings.gate.order_path, countdown_s=settings.gate.countdown_s, version=__version__,
                    settings=msgspec.json.encode(settings).decode(), retention_days=settings.database.retention_days,
                    sources=self.feeds.sources(around.public.addresses, around.public.opener),
                )
            )
            if canary is not None:
                canary.tell, canary.alert = bot.tell, monitors.alert
                canary.lower()
            facts = facts_of(settings.mode, {"name": settings.mode}, home, __version__, bot.parts.clock)
            report = Reporter(bot, watch, bot.parts.clock, log, facts, monitors.standing, mask=Mask(self.registry))
            commander = Commander(bot, watch, report, log)
            heartbeat = heartbeat_of(settings, secrets, monitors.is_well, bot, log)
            monitors.attach(sampler_of(bot, settings, home, log), commander.answer, heartbeat)
            async with exporting(traces), self._told(bot):
                await _until_it_ends(bot, commander, teller, monitors, listener)

    @asynccontextmanager
    async def _told(self, bot: Bot) -> AsyncIterator[None]:
        """Inside the block the bot is told where the fleet stands."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.fleet.tell, bot, name="fleet")
            yield
            nursery.cancel_scope.cancel()

    def _around(self, settings: Settings) -> Surroundings:
        if settings.mode == "live":
            return of_live(settings, self.registry, self.environment)
        return of_fakes(read_address(Path(settings.fakes.address_file)), self.registry)


def _take_folder(home: Path, stack: AsyncExitStack) -> None:
    """No other bot runs there. One that closes the position after a kill ends by itself, so nobody must look: what has
    the folder is waited for as a failure is, and is no setting that cannot be used."""
    made_private(home)
    try:
        stack.enter_context(only_bot_of(home, in_worker=True))
    except ConfigError as error:
        raise OperatingError(str(error)) from None


@attrs.define
class _Teller:
    """Tells the seat where the bot stands, from the bot's own turn: every method returns at once."""

    seat: Seat
    watch: Watch
    known: trio.Event = attrs.field(factory=trio.Event)
    """Accounts are read and reconciled."""
    _told: tuple[object, ...] = ()

    def show(self, context: StrategyContext) -> None:
        """The newest context, a few times a second."""
        self.watch.show(context)
        if context.current_state not in NOT_KNOWN:
            self.known.set()
            self.seat.started()
        if context.mode is not TradingMode.ACTIVE:
            self.seat.paused()
        portfolio = context.portfolio
        told = (context.current_state, context.mode, portfolio.spot_base, portfolio.perp_base, portfolio.fills)
        if told != self._told:
            self._told = told
            self.seat.show(_context_of(context))


def _context_of(context: StrategyContext) -> dict[str, Any]:
    """What a person sees of the bot without asking it; money and quantities as text."""
    portfolio = context.portfolio
    return {
        "state": context.current_state.name, "mode": context.mode.name, "mode_why": context.mode_why,
        "spot_base": plain(portfolio.spot_base), "perp_base": plain(portfolio.perp_base),
        "delta_base": plain(portfolio.delta), "realised_quote": plain(portfolio.realised_quote),
        "fills": portfolio.fills, "executions_this_run": context.counters.executions,
    }


async def _until_it_ends(
    bot: Bot, commander: Commander, teller: _Teller, monitors: Monitors, listener: trio.SocketListener
) -> None:
    control = ControlServer(commander.answer, bot.parts.log)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(control.serve, listener, name="control")
        nursery.start_soon(monitors.run, name="monitors")
        nursery.start_soon(partial(_obey, bot, commander, teller), name="wishes")
        async with monitors.telling_the_end():
            code = await bot.run()
        await control.finish(ANSWERS_S_MAX)
        nursery.cancel_scope.cancel()
    leaving = bot.context.leaving
    teller.seat.ended(code, leaving.why if leaving else "no reason")


async def _obey(bot: Bot, commander: Commander, teller: _Teller) -> None:
    """Do what is wanted of the task. A hand-over keeps the position; a stop does as the task is configured."""
    seat, log = teller.seat, bot.parts.log
    paused_before = bot.context.mode is TradingMode.REDUCING and bot.context.mode_why.startswith(f"{WHO}: ")
    before = Desired.PAUSED if paused_before else Desired.RUNNING
    while True:
        wish = seat.wish
        if wish is Desired.STOPPED:
            await bot.channels.inbox.send.send(seat.farewell())
            return
        if wish is not before:
            await _known_or_changed(teller, wish)
            if seat.wish is wish:
                request = Pause("the task is to pause") if wish is Desired.PAUSED else Resume("the task is to run")
                reply = await commander.answer(request, WHO)
                assert not isinstance(reply, StatusTold)
                if not isinstance(reply, Done):
                    log.warning("wish_not_granted", wish=wish.value, text=reply.text)
                before = wish
                teller.show(bot.context)
        await seat.wished(wish)


async def _known_or_changed(teller: _Teller, wish: Desired) -> None:
    """Wait until the bot knows its accounts, or until something else is wanted."""
    async with trio.open_nursery() as nursery:

        async def changed() -> None:
            await teller.seat.wished(wish)
            nursery.cancel_scope.cancel()

        nursery.start_soon(changed)
        await teller.known.wait()
        nursery.cancel_scope.cancel()
