"""Figures of how long things take, and of the process that they happen in."""

from __future__ import annotations

from collections.abc import Mapping

from dnbot.domain.instrument import Venue
from dnbot.metrics.exposition import Family, Value, counter, gauge, histogram, histograms
from dnbot.metrics.histogram import Histogram
from dnbot.operate.metrics_moment import Moment


def _by_name(told: Mapping[Venue, Histogram]) -> dict[str, Value]:
    return {venue.value: one for venue, one in told.items()}


TIMES: tuple[Family[Moment], ...] = (
    histograms(
        "dnbot_burst_handling_seconds",
        "From the bytes of a burst of public frames to all that is decided about it, one observation a burst.",
        "venue", lambda m: _by_name(m.bot.parts.measures.stages.bursts),
    ),
    histograms(
        "dnbot_arbitrage_stage_seconds",
        "A stage of an arbitrage: from the bytes of its newest book to both of its orders being sent.",
        "stage", lambda m: dict(m.bot.parts.measures.stages.stages),
    ),
    histograms(
        "dnbot_arbitrage_seconds",
        "From the bytes of its newest book until both orders are sent, and until both are filled and booked.",
        "until", lambda m: dict(m.bot.parts.measures.stages.until),
    ),
    histograms(
        "dnbot_order_answer_seconds", "From an order that leaves to its being accepted or refused.", "venue",
        lambda m: _by_name(m.bot.parts.measures.stages.answers),
    ),
    histograms(
        "dnbot_order_fill_seconds", "From an order that leaves to the last of its fills being booked.", "venue",
        lambda m: _by_name(m.bot.parts.measures.stages.fills),
    ),
    histogram(
        "dnbot_database_append_seconds", "One batch of records that the database took.",
        lambda m: m.bot.parts.measures.appends,
    ),
    histogram(
        "dnbot_event_loop_lag_seconds",
        "How late a task is that is due, the system's timer included; looked at every 50 ms.",
        lambda m: m.runtime.lag,
    ),
    histograms(
        "dnbot_gc_pause_seconds", "A garbage collection, which stops everything.", "generation",
        lambda m: dict(m.runtime.pauses),
    ),
    histogram(
        "dnbot_exposition_piece_seconds",
        "Making a piece of this very text, which stops everything too; others have their turn between pieces.",
        lambda m: m.runtime.pieces,
    ),
)

PROCESS: tuple[Family[Moment], ...] = (
    counter("process_cpu_seconds_total", "User and system time of the process.", lambda m: m.process.cpu_s),
    gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.", lambda m: m.process.resident_bytes),
    gauge("process_virtual_memory_bytes", "Memory that it asked for.", lambda m: m.process.virtual_bytes),
    gauge("process_open_fds", "Open file descriptors.", lambda m: m.process.open_fds),
    gauge("process_max_fds", "How many it may open.", lambda m: m.process.max_fds),
)
