"""The summary of one run: what it did, from fills, fees, funding, clocks and the venue's own audit."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dnbot import __version__
from dnbot.config import Settings
from dnbot.config.rules_canary import CANARY
from dnbot.domain.errors import ConfigError
from dnbot.domain.units import plain
from dnbot.operate.face import Face, PlainFace
from dnbot.operate.output_files import write_file
from dnbot.operate.paper_words import marked
from dnbot.operate.status import market_line
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.states import StrategyState


def summary_of(
    context: StrategyContext,
    *,
    exit_reason: str,
    exit_code: int,
    duration_s: float,
    reconnects: int,
    market: Mapping[str, object],
    portfolio_before: tuple[Any, ...],
) -> dict[str, Any]:
    """Everything that the bot itself knows; what only the venues' audit says is added by whoever holds that, and is
    None where nobody does: `round_trips` and `ledger_residual`.

    Profit is that of this run: the fold at the end less the fold at the start.
    """
    spread, fees, funding = (
        now - before
        for now, before in zip(
            (context.portfolio.spread_quote, context.portfolio.fees_quote, context.portfolio.funding_quote),
            portfolio_before,
            strict=True,
        )
    )
    counters, naked = context.counters, context.naked
    samples = sorted(counters.tick_to_order_us)
    return {
        "exit_reason": exit_reason,
        "exit_code": exit_code,
        "duration_s": round(duration_s, 3),
        "states_visited": [_short(name) for name in counters.states],
        "final_state": context.current_state.name,
        "mode": context.mode.name,
        "orders_sent": counters.orders_sent,
        "fills": counters.fills,
        "executions": counters.executions,
        "round_trips": None,
        "opportunities_seen": counters.opportunities_seen,
        "opportunities_declined": dict(sorted(counters.declined.items())),
        "realised_pnl_quote": plain(spread - fees + funding),
        "spread_pnl_quote": plain(spread),
        "fees_quote": plain(fees),
        "funding_quote": plain(funding),
        "ledger_residual": None,
        "adjustments": context.portfolio.adjustments,
        "delta_base_worst": plain(counters.delta_worst),
        "delta_base_final": plain(context.portfolio.delta),
        "delta_tolerance_base": plain(context.tolerance) if context.tolerance is not None else None,
        "naked_ms_worst": {"definite": naked.worst_definite_ms, "ambiguous": naked.worst_ambiguous_ms},
        "open_orders_final": len(context.unsettled),
        "faults": counters.faults,
        "reconnects": reconnects,
        "tick_to_order_us": {"p50": _quantile(samples, 0.50), "p99": _quantile(samples, 0.99)},
        "market": dict(market),
    }


def ended_text(summary: dict[str, Any]) -> str:
    """What it came to, in a line; what only an audit of the venues says, where there was one."""
    words = [
        f"{summary['executions']} executions", f"realised {summary['realised_pnl_quote']} quote",
        f"delta {summary['delta_base_final']}",
    ]
    if summary["round_trips"] is not None:
        words.insert(1, f"{summary['round_trips']} round trips")
    if summary["ledger_residual"] is not None:
        words.append(f"residual {summary['ledger_residual']}")
    else:
        words.append("dnbot report holds the ledger against the venues' last word")
    return f"ended: {summary['exit_reason']} after {summary['duration_s']} s; {', '.join(words)}"


_SHORT_NAMES = {
    StrategyState.ESTABLISHING_DELTA_NEUTRAL.name: "ESTABLISHING",
    StrategyState.MONITORING_SPREADS.name: "MONITORING",
    StrategyState.PREPARING_ARBITRAGE.name: "PREPARING",
    StrategyState.EXECUTING_ARBITRAGE.name: "EXECUTING",
    StrategyState.REBALANCING_DELTA.name: "REBALANCING",
}


def _short(name: str) -> str:
    return _SHORT_NAMES.get(name, name)


def _quantile(ordered: list[int], share: float) -> int | None:
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def banner(settings: Settings, home: Path, market: Mapping[str, object]) -> str:
    """The first lines of a run: what runs, for whom it waits, and whether its market is invented."""
    lines = [f"dnbot {__version__}  mode {settings.mode}  {settings.strategy.symbol}  state in {home}"]
    if settings.profile == CANARY:
        lines.append(f"profile canary: a person must resume after {settings.canary.pairs_max} pairs")
    simulated = market_line(settings.mode, market)
    return "\n".join([*lines, simulated] if simulated else lines)


def tell_summary(summary: dict[str, Any], path: Path | None, face: Face | None) -> None:
    """Write it to the file that was asked for, and say its last line: on `face`, or on standard output.

    A file that cannot be written after all is told on standard error: how the run ended is still to be said.
    """
    if path is not None:
        text = msgspec.json.format(msgspec.json.encode(summary), indent=2).decode()
        try:
            write_file(path, text + "\n", "--summary")
        except ConfigError as error:
            (face or PlainFace(sys.stderr)).say(f"dnbot: {error}")
    short = marked(summary["market"]["name"]) + ended_text(summary)
    if face is None:
        _say(short)
    else:
        face.say(short)


def _say(text: str) -> None:
    """Print for a person; a closed pipe, or a terminal that went away, is nobody's emergency."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (kept open on purpose)
