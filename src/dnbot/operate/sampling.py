"""From a running bot to the figures that monitors judge."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

import attrs
import trio

from dnbot.bot import Bot
from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.units import ZERO, divide
from dnbot.metrics.loop_lag import watch_loop
from dnbot.monitor.settlements import SettlementWatch
from dnbot.monitor.snapshot import Snapshot, Stage, TradeFigures, VenueFigures
from dnbot.monitor.thresholds import MonitorSettings
from dnbot.monitor.windows import Growth
from dnbot.ports.log import EventLog
from dnbot.ports.process import disk_free_bytes, process_figures
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.muteness import is_mute
from dnbot.strategy.observing import SAMPLE_EVERY_S
from dnbot.strategy.risk_inputs import RiskInputs
from dnbot.strategy.risk_standing import HUNDRED, drawdown_pct
from dnbot.strategy.standing import has_at_stake, mark_price, risk_inputs

MIB = 1024 * 1024
COMPUTED_S_MAX = 2 * SAMPLE_EVERY_S
ORDERS_JUDGED = 20
"""The newest orders whose delay is judged."""
MACHINE_EVERY_S = 2.0
"""Asking takes a few system calls; with the time until people are told it is below five seconds."""


@attrs.define
class LagProbe:
    """How late the loop was at worst since it was last asked."""

    worst_s: float = 0.0

    async def run(self) -> None:
        """Never returns."""
        await watch_loop(self._observe)

    def _observe(self, late_s: float) -> None:
        self.worst_s = max(self.worst_s, late_s)

    def take_ms(self) -> float:
        """The worst so far, milliseconds; it is counted anew from here."""
        worst_s, self.worst_s = self.worst_s, 0.0
        return worst_s * 1000


@attrs.frozen
class MachineFigures:
    """Of the computer that the bot runs on."""

    disk_free_mib: float | None = None
    memory_mib: float | None = None
    descriptors_pct: float | None = None


def machine_figures(home: Path) -> MachineFigures:
    """As they are now; `home` is the state folder."""
    free, process = disk_free_bytes(home), process_figures()
    return MachineFigures(
        disk_free_mib=free / MIB if free is not None else None,
        memory_mib=process.resident_bytes / MIB if process.resident_bytes is not None else None,
        descriptors_pct=process.open_fds * 100 / process.max_fds if process.open_fds and process.max_fds else None,
    )


@attrs.define
class Sampler:
    """Takes one snapshot after the other of one bot."""

    bot: Bot
    log: EventLog
    machine: Callable[[], MachineFigures]
    limits: MonitorSettings
    window_s: float
    lag: LagProbe = attrs.field(factory=LagProbe)
    _restarts: Growth = attrs.field(init=False)
    _lost: Growth = attrs.field(init=False)
    _times: Growth = attrs.field(init=False)
    _slow: Growth = attrs.field(init=False)
    _began_s: float = attrs.field(factory=trio.current_time, init=False)
    _down: frozenset[str] = attrs.field(default=frozenset(), init=False)
    """Sessions whose streams were down when last looked at."""
    _written: tuple[int, float] | None = attrs.field(default=None, init=False)
    """What the journal had written, and since when that has not changed."""
    _fresh_since_s: float | None = attrs.field(default=None, init=False)
    """Since when everything has been there that equity needs."""
    _settlements: SettlementWatch = attrs.field(factory=SettlementWatch, init=False)
    _machine: MachineFigures = attrs.field(factory=MachineFigures, init=False)
    _machine_s: float = attrs.field(default=float("-inf"), init=False)

    def __attrs_post_init__(self) -> None:
        self._restarts, self._lost, self._times, self._slow = (Growth(self.window_s) for _ in range(4))

    def snapshot(self, trades: TradeFigures) -> Snapshot:
        """The figures of this moment; `trades` comes from the trade monitor."""
        bot, context, now_s = self.bot, self.bot.context, trio.current_time()
        inputs, params = risk_inputs(context), context.params
        machine = self._machine_now(now_s)
        lines = self.log.statistics()
        margined = context.portfolio.perp_base != 0
        return Snapshot(
            at_ns=bot.parts.clock.now_ns(),
            now_s=now_s,
            age_s=now_s - self._began_s,
            state=context.current_state.name,
            state_age_s=max(0.0, context.now_s - context.state_since_s),
            mode=context.mode.name,
            mode_why=context.mode_why,
            venues=tuple(self._venue(context, venue, now_s) for venue in VENUES),
            restarts=self._restarts_now(now_s),
            store_up=context.store_up,
            store_lag_ms=self._store_lag_ms(now_s),
            loop_lag_ms=self.lag.take_ms(),
            tick_to_order_ms=_tick_to_order_ms(context),
            stages=self._stages_now(now_s),
            queues_pct=_queues_pct(bot),
            delta_base=context.portfolio.delta,
            hard_limit_base=context.hard_limit if context.perp_lot else None,
            naked_ms=_naked_ms(context),
            ambiguous_orders=inputs.ambiguous_pending or 0,
            margin_free_pct=inputs.margin_ratio_pct if margined else HUNDRED,
            margin_floor_pct=params.margin_floor_pct,
            liquidation_pct=inputs.liquidation_distance_pct if margined else HUNDRED,
            liquidation_min_pct=params.liquidation_distance_min_pct,
            funding_bps=float(context.market.funding.rate * 10_000) if context.market.funding else None,
            funding_late_s=self._funding_late_s(context),
            inventory_pct=_inventory_pct(inputs, params.inventory_ratio),
            drawdown_pct=drawdown_pct(inputs),
            drawdown_max_pct=params.max_drawdown_pct,
            losses_in_a_row=context.risk.losses_in_a_row,
            losses_max=params.consecutive_loss_limit,
            equity_age_s=self._equity_age_s(context),
            api_errors=inputs.api_errors_last_minute or 0,
            api_errors_max=params.api_error_limit_per_minute,
            trades=trades,
            disk_free_mib=machine.disk_free_mib,
            memory_mib=machine.memory_mib,
            descriptors_pct=machine.descriptors_pct,
            log_lines_lost=self._lost.note({"lines": lines.dropped + lines.lost_by_sinks}, now_s)["lines"],
        )

    def _funding_late_s(self, context: StrategyContext) -> float:
        funding, mark, portfolio = context.market.funding, mark_price(context), context.portfolio
        expected = ZERO if funding is None or mark is None else portfolio.perp_base * mark * funding.rate
        return self._settlements.late_s(
            next_at_s=None if funding is None else funding.next_at_s, expected_quote=expected,
            booked_quote=portfolio.funding_quote, now_s=self.bot.parts.clock.now_ns() / 1e9,
        )

    def _stages_now(self, now_s: float) -> tuple[Stage, ...]:
        """Growth of two counts per stage: of all, and of those beyond the limit."""
        stages, limits = self.bot.parts.measures.stages, self.limits
        timed = {"commit": (stages.stages["decided_to_committed"], limits.commit_ms_max)}
        timed |= {f"answer:{venue.value}": (lag, limits.answer_ms_max) for venue, lag in stages.answers.items()}
        timed |= {f"fill:{venue.value}": (lag, limits.fill_ms_max) for venue, lag in stages.fills.items()}
        times = self._times.note({name: lag.count for name, (lag, _) in timed.items()}, now_s)
        slow = self._slow.note({name: lag.above(most / 1000) for name, (lag, most) in timed.items()}, now_s)
        return tuple(
            Stage(name=name, times=times[name], slow=slow[name], limit_ms=most) for name, (_, most) in timed.items()
        )

    def _venue(self, context: StrategyContext, venue: Venue, now_s: float) -> VenueFigures:
        book, account = context.market.books.get(venue), context.accounts[venue]
        lines = (self.bot.feeds[venue].line, self.bot.sessions[venue].line, self.bot.desks[venue].line)
        left = [budget.statistics().share_left for line in lines for budget in line.budgets.values()]
        return VenueFigures(
            venue=venue.value,
            book_age_ms=round((now_s - book.received_s) * 1000) if book else None,
            stream_up=account.stream_up,
            stream_mute=is_mute(account, context.now_s),
            clock_offset_ms=account.clock_offset_ms,
            clock_error_ms=account.clock_error_ms,
            rate_left_pct=min(left) * 100,
            untradable=_untradable(context, venue),
        )

    def _equity_age_s(self, context: StrategyContext) -> float | None:
        """As the strategy's latch sees it: profit that waits for a book or an account is not unknown, nor while the
        machine, which computes it once a second, has just got them.

        Equity that is computed with an old mark is as old as that mark: the strategy keeps the last one for ever.
        """
        opened = all(context.accounts[venue].opened for venue in VENUES)
        if context.risk.equity_s is None or not opened or not context.market_fresh:
            self._fresh_since_s = None
            return None
        if self._fresh_since_s is None:
            self._fresh_since_s = context.now_s
        if context.now_s - self._fresh_since_s < COMPUTED_S_MAX:
            return None
        mark_s = context.market.mark_received_s or context.risk.equity_s  # also of one that is too old to be used
        return max(0.0, context.now_s - min(context.risk.equity_s, mark_s))

    def _restarts_now(self, now_s: float) -> dict[str, int]:
        """How often each child began again. A stream that stays down has an alert of its own, however often its session
        tries meanwhile: these do not count.
        """
        accounts, before = self.bot.context.accounts, self._down
        self._down = frozenset(f"session:{venue.value}" for venue in VENUES if not accounts[venue].stream_up)
        totals = {name: child.restarts for name, child in self.bot.supervisor.children.items()}
        return self._restarts.note(totals, now_s, before & self._down)

    def _store_lag_ms(self, now_s: float) -> float:
        written = self.bot.journal.written
        if self._written is None or self._written[0] != written:
            self._written = (written, now_s)
        return (now_s - self._written[1]) * 1000

    def _machine_now(self, now_s: float) -> MachineFigures:
        if now_s - self._machine_s >= MACHINE_EVERY_S:
            self._machine, self._machine_s = self.machine(), now_s
        return self._machine


def _untradable(context: StrategyContext, venue: Venue) -> str:
    """By the venue's lists: an order that it refused just now has an alert of its own."""
    instrument = context.market.instruments.get(venue)
    if instrument is None or instrument.tradable or not has_at_stake(context):
        return ""
    return instrument.not_tradable_because or "not tradable"


def _queues_pct(bot: Bot) -> dict[str, float]:
    channels = bot.channels
    pipes = {"inbox": channels.inbox.receive.statistics(), "records": channels.records.receive.statistics()}
    pipes |= {f"orders:{venue.value}": pipe.receive.statistics() for venue, pipe in channels.orders.items()}
    return {name: one.current_buffer_used * 100 / one.max_buffer_size for name, one in pipes.items()}


def _tick_to_order_ms(context: StrategyContext) -> float | None:
    newest = context.counters.tick_to_order_us[-ORDERS_JUDGED:]
    return median(newest) / 1000 if len(newest) == ORDERS_JUDGED else None


def _naked_ms(context: StrategyContext) -> int:
    since_s = context.naked.since_s
    return round((context.now_s - since_s) * 1000) if since_s is not None else 0


def _inventory_pct(inputs: RiskInputs, ratio: Decimal) -> Decimal | None:
    """On the fuller venue; None where all of it belongs on one, or there is none."""
    if ratio == 1:
        return None
    held = [inputs.spot_base[venue] for venue in SPOT_VENUES if venue in inputs.spot_base]
    total = sum(held, ZERO)
    return divide(max(held) * HUNDRED, total) if total > 0 else None
