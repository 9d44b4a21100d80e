"""Figures of the machine: what it is about, what it did and refused, and the queues, log and database around it."""

from __future__ import annotations

import platform
from collections.abc import Mapping

from dnbot.domain.instrument import VENUES
from dnbot.domain.order import OrderStatus
from dnbot.metrics.exposition import Family, Labels, Value, counter, counters, gauge, gauges
from dnbot.metrics.tallies import capped
from dnbot.operate.metrics_moment import Moment
from dnbot.operate.plugin_words import READY
from dnbot.strategy.states import StrategyState, TradingMode

EXECUTION_ENDS = ("complete", "partial", "repaired", "failed")
OUTCOMES = ("accepted", "refused", "not_sent", "ambiguous", "no_effect")
ALERT_LEVELS = ("info", "warning", "critical")


def _build(moment: Moment) -> Mapping[Labels, Value]:
    return {(moment.status.run.version, platform.python_version()): 1}


def _run(moment: Moment) -> Mapping[Labels, Value]:
    return {(moment.status.run.mode, moment.status.view.symbol): 1}


def _outcomes(moment: Moment) -> Mapping[Labels, Value]:
    """Zeros too: what has not happened yet must not be missed when it first does."""
    told = moment.bot.parts.measures.tallies.answers
    return {(venue.value, outcome): told.get((venue, outcome), 0) for venue in VENUES for outcome in OUTCOMES}


def _of(kinds: tuple[str, ...], counts: Mapping[str, int]) -> Mapping[str, Value]:
    return {**dict.fromkeys(kinds, 0), **counts}


def _in_doubt(moment: Moment) -> int:
    return sum(order.status is OrderStatus.AMBIGUOUS for order in moment.context.unsettled)


STATES = tuple(state.name for state in StrategyState)
MODES = tuple(mode.name for mode in TradingMode)

MACHINE: tuple[Family[Moment], ...] = (
    Family("dnbot_build_info", "gauge", "Always 1; the labels say what runs.", ("version", "python"), _build),
    Family(
        "dnbot_run_info", "gauge", "Always 1; the labels say what it trades, and whether for real.", ("mode", "symbol"),
        _run,
    ),
    gauge("dnbot_epoch", "Number of this incarnation.", lambda m: m.status.view.epoch),
    gauge(
        "dnbot_run_start_time_seconds", "When this run began, seconds since 1970.",
        lambda m: m.status.run.began_ns / 1e9,
    ),
    gauges(
        "dnbot_state", "1 for the machine's state, 0 for the others.", "state",
        lambda m: {state: int(state == m.status.view.state) for state in STATES},
    ),
    gauge("dnbot_state_age_seconds", "For how long it has been in it.", lambda m: m.status.view.state_age_s),
    counters(
        "dnbot_state_entries_total", "How often a state was entered.", "state",
        lambda m: _of(STATES, m.bot.parts.measures.tallies.transitions),
    ),
    gauges(
        "dnbot_trading_mode", "1 for the trading mode, 0 for the others.", "mode",
        lambda m: {mode: int(mode == m.status.view.mode) for mode in MODES},
    ),
    gauge(
        "dnbot_halt_latch", "1 while a halt from outside stands in the state folder.",
        lambda m: int(m.bot.gate.latch.is_set()),
    ),
    counter("dnbot_events_total", "Events that the machine has seen.", lambda m: m.context.events),
    counter(
        "dnbot_faults_total", "Children that failed and started again, as the machine was told.",
        lambda m: m.status.view.faults,
    ),
    counter("dnbot_opportunities_total", "Edges above their requirement.", lambda m: m.status.view.opportunities_seen),
    counters(
        "dnbot_opportunities_declined_total", "Of these and of slices, what was not traded, by reason.", "reason",
        lambda m: capped(m.status.view.declined),
    ),
    counter("dnbot_executions_total", "Executions that were committed.", lambda m: m.status.view.executions),
    counters(
        "dnbot_executions_closed_total", "Executions that came to their end.", "end",
        lambda m: _of(EXECUTION_ENDS, m.bot.parts.measures.tallies.executions),
    ),
    counter("dnbot_orders_sent_total", "Orders handed to a connection.", lambda m: m.status.view.orders_sent),
    Family("dnbot_order_outcomes_total", "counter", "What came of creates.", ("venue", "outcome"), _outcomes),
    counters(
        "dnbot_orders_denied_total", "Orders and pairs that did not leave, by our code of why.", "code",
        lambda m: capped(m.bot.parts.measures.tallies.unsent),
    ),
    counter("dnbot_fills_total", "Trades of ours that were booked.", lambda m: m.status.view.fills),
    gauge("dnbot_orders_unsettled", "Orders whose effect is not fully booked.", lambda m: m.status.view.unsettled),
    gauge("dnbot_orders_in_doubt", "Of these, orders that nobody has told the fate of.", _in_doubt),
    counters(
        "dnbot_alerts_total", "Alerts raised by machine, monitors, plugins and canary; no ends.", "level",
        lambda m: _of(ALERT_LEVELS, m.bot.parts.measures.tallies.alerts),
    ),
    gauges(
        "dnbot_child_running", "1 while a supervised child runs.", "child",
        lambda m: {child.name: int(child.running) for child in m.status.children},
    ),
    counters(
        "dnbot_child_restarts_total", "How often it failed and started again.", "child",
        lambda m: {child.name: child.restarts for child in m.status.children},
    ),
    gauges(
        "dnbot_plugin_ready", "1 while a plugin answers, by its name.", "plugin",
        lambda m: {plugin.name: int(plugin.state == READY) for plugin in m.status.plugins},
    ),
    counters(
        "dnbot_plugin_faults_total", "How often it raised, stalled, ended or answered nonsense.", "plugin",
        lambda m: {plugin.name: plugin.faults for plugin in m.status.plugins},
    ),
    gauges(
        "dnbot_queue_waiting", "Items in a channel.", "queue",
        lambda m: {queue.name: queue.waiting for queue in m.status.statistics.queues},
    ),
    gauges(
        "dnbot_queue_limit", "Items that it holds at most.", "queue",
        lambda m: {queue.name: queue.limit for queue in m.status.statistics.queues},
    ),
    gauge(
        "dnbot_database_up", "1 while the machine believes the database to answer.",
        lambda m: int(m.status.view.store_up),
    ),
    gauge(
        "dnbot_database_lag_seconds", "For how long the oldest record has waited that the database does not have.",
        lambda m: m.bot.journal.lag_s(),
    ),
    counter(
        "dnbot_records_written_total", "Records that the database took.",
        lambda m: m.status.statistics.records_written,
    ),
    counter(
        "dnbot_intents_spilled_total", "Ways out that were committed to the spill file instead.",
        lambda m: m.bot.committer.spilled,
    ),
    gauge(
        "dnbot_spill_pending", "Intents there that the database does not have yet.",
        lambda m: len(m.bot.parts.spill.pending),
    ),
    counter("dnbot_log_lines_total", "Lines written to the log.", lambda m: m.status.statistics.log_lines),
    counter(
        "dnbot_log_lines_lost_total", "Lines dropped by a full ring or a sink that failed.",
        lambda m: m.status.statistics.log_lines_lost,
    ),
)
