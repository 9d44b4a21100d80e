"""The summary's ledger figures, computed from the fakes' audit and the stored ledger; the bot takes no part in it."""

from __future__ import annotations

from typing import Any

from dnbot.domain.instrument import Venue
from dnbot.domain.units import ZERO, plain
from dnbot.lab.ledger_check import position_residual, residuals, round_trips, unread_funding
from dnbot.ports.store import Store
from dnbot.strategy.context import StrategyContext


async def check_audit(
    audit: dict[str, Any], store: Store, context: StrategyContext, before: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Residuals per venue and asset (and of the perpetual, in contracts), adjustments, round trips, open orders.

    Residuals are all-time: they hold whatever ran before. Round trips are this run's: less those `before` it.
    """
    symbol = context.params.symbol
    totals = await store.ledger_totals(symbol)
    unread = unread_funding(audit, _read_ms(context))
    found: dict[str, Any] = {
        "ledger_residual": residuals(audit, totals, unread),
        "funding_after_last_read_quote": plain(sum(unread.values(), ZERO)),
        "adjustments": sum(total.adjustments for total in totals),
        "round_trips": round_trips(audit) - (round_trips(before) if before else 0),
        "round_trips_all_time": round_trips(audit),
        "open_orders_final": len(audit["open_orders"]),
    }
    instrument = context.instruments.get(Venue.GATE_FUTURES)
    if instrument is not None:
        left = position_residual(audit, await store.fills_of(symbol), instrument.multiplier)
        found["ledger_residual"][Venue.GATE_FUTURES.value][f"{symbol.base} contracts"] = plain(left)
    return found


def _read_ms(context: StrategyContext) -> dict[str, float]:
    """When our last read of each venue began, on the venue's clock; venues that were never read are left out."""
    return {
        venue.value: context.now_ns / 1e6 - (context.now_s - account.read_s) * 1000 + (account.clock_offset_ms or 0.0)
        for venue, account in context.accounts.items()
        if account.read_s > 0
    }
