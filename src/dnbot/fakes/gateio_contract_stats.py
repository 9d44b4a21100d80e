"""Statistics of one contract per interval: takers, accounts, liquidations and open interest, from this run alone.

Source: Gate API v4 docs, "Futures stats"; futures WS docs, futures.contract_stats. With so few accounts, every one of
them is a top trader: `top_lsr_account` repeats `lsr_account`, and contracts held long equal those held short.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from .gateio_bars import Bar, end_of
from .gateio_context import GateContext
from .gateio_http import contracts
from .gateio_json import number
from .gateio_marks import ratio
from .instruments import Instrument
from .records import ZERO

STATS_INTERVALS = ("1s", "10s", "1m", "5m", "15m", "30m", "1h", "4h", "8h", "1d", "7d")


@attrs.define
class Liquidated:
    """What was liquidated of one side in one interval: contracts, base coins and quote."""

    size: Decimal = ZERO
    base: Decimal = ZERO
    quote: Decimal = ZERO


def _liquidated(context: GateContext, market: Instrument, from_s: int, to_s: int) -> tuple[Liquidated, Liquidated]:
    """Of long and of short positions."""
    sides = (Liquidated(), Liquidated())
    for ended in context.history.liquidations:
        order = ended.order
        if order.symbol == market.symbol and from_s * 1000 <= order.finish_ms < to_s * 1000:
            side = sides[0 if order.side == "sell" else 1]
            side.size += order.filled
            side.base += order.filled * market.multiplier
            side.quote += order.filled_quote
    return sides


def contract_stats(
    context: GateContext, market: Instrument, interval: str, from_s: int, to_s: int, decimal_sizes: bool
) -> list[dict[str, Any]]:
    """One row per interval that begins in `from_s`..`to_s`, oldest first; intervals below 10 s use those of 10 s."""
    history, tape = context.marks.of(market.symbol), context.tape(market)
    stored = "10s" if interval == "1s" else interval
    traded = {bar.start_s: bar for bar in tape.bars.candles(stored, from_s, to_s)}
    held = {bar.start_s: bar.close for bar in history.interest.candles(stored, from_s, to_s)}
    accounts = {bar.start_s: bar.close for bar in history.account_ratio.candles(stored, from_s, to_s)}
    return [
        _row(context, market, stored, mark, traded.get(mark.start_s), decimal_sizes)
        | _held(market, held.get(mark.start_s, ZERO), accounts.get(mark.start_s, ZERO), mark.close, decimal_sizes)
        for mark in history.mark.candles(stored, from_s, to_s)
    ]


def _row(
    context: GateContext, market: Instrument, interval: str, mark: Bar, traded: Bar | None, decimal_sizes: bool
) -> dict[str, Any]:
    bought, volume = (traded.bought, traded.volume) if traded is not None else (ZERO, ZERO)
    long, short = _liquidated(context, market, mark.start_s, end_of(interval, mark.start_s))
    return {
        "time": mark.start_s,
        "lsr_taker": number(ratio(bought, volume - bought)),
        "long_liq_size": contracts(long.size, decimal_sizes),
        "long_liq_amount": number(long.base),
        "long_liq_usd": number(long.quote),
        "short_liq_size": contracts(short.size, decimal_sizes),
        "short_liq_amount": number(short.base),
        "short_liq_usd": number(short.quote),
        "mark_price": number(mark.close),
    }


def _held(
    market: Instrument, interest: Decimal, accounts: Decimal, mark: Decimal, decimal_sizes: bool
) -> dict[str, Any]:
    return {
        "lsr_account": number(accounts),
        "open_interest": contracts(interest, decimal_sizes),
        "open_interest_usd": number(interest * market.multiplier * mark),
        "top_lsr_account": number(accounts),
        "top_lsr_size": 1 if interest else 0,
    }
