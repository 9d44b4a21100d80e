"""How near each limit is: the very figures that the risk controls read, beside what they are held against."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from dnbot.domain.units import ZERO, plain
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.risk_inputs import RiskInputs
from dnbot.strategy.risk_standing import drawdown_pct
from dnbot.strategy.standing import identical_pairs_last_minute, risk_inputs


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. `used` is the share of it that is taken, 1 at the limit; None while a figure is unknown."""

    name: str
    unit: str
    now: Decimal | None
    limit: Decimal | None
    """None: there is none."""
    used: float | None
    does: str
    """What happens at the limit."""
    is_floor: bool = False
    """The figure must stay above it."""


def limits_of(context: StrategyContext) -> tuple[Limit, ...]:
    """All of them, in the order of a page."""
    inputs = risk_inputs(context)
    return (*_delta(context), *_losses(inputs), *_margin(inputs), *_rates(context, inputs), *_shares(inputs))


def _delta(context: StrategyContext) -> Iterator[Limit]:
    base, delta = context.params.symbol.base, abs(context.portfolio.delta)
    yield _ceiling("delta_tolerance_base", base, delta, context.tolerance, "delta is repaired on the perpetual")
    yield _ceiling(
        "delta_hard_limit_base", base, delta, context.hard_limit, "no new risk, an alert, and repaired at once",
    )


def _losses(inputs: RiskInputs) -> Iterator[Limit]:
    params, quote = inputs.params, inputs.params.symbol.quote
    today = inputs.daily_pnl_quote
    loss = None if today is None else max(ZERO, -today)
    yield _ceiling("max_daily_loss_quote", quote, loss, params.max_daily_loss_quote, "HALTED")
    drawdown = drawdown_pct(inputs)
    missing = None if drawdown is None else max(ZERO, drawdown)
    yield _ceiling("max_drawdown_pct", "% of equity at 00:00 UTC", missing, params.max_drawdown_pct, "HALTED")
    yield _ceiling(
        "consecutive_loss_limit", "losses in a row", _count(inputs.losses_in_a_row),
        Decimal(params.consecutive_loss_limit), "REDUCING",
    )


def _margin(inputs: RiskInputs) -> Iterator[Limit]:
    params, stops, restores = inputs.params, "the short may not grow", "margin is restored"
    free, unit, floor = inputs.margin_ratio_pct, "% of the perpetual's equity is free", params.margin_floor_pct
    cushion = plain(params.margin_entry_floor_pct - floor)
    yield _floor(f"margin_floor_pct + {cushion}", unit, free, params.margin_entry_floor_pct, stops)
    yield _floor("margin_floor_pct", unit, free, floor, restores)
    yield _floor(
        "liquidation_distance_min_pct", "% from mark to liquidation", inputs.liquidation_distance_pct,
        params.liquidation_distance_min_pct, f"{stops}, and {restores}",
    )


def _rates(context: StrategyContext, inputs: RiskInputs) -> Iterator[Limit]:
    params = inputs.params
    counts = (
        ("round_trips_per_minute_max", "executions in a minute", inputs.round_trips_last_minute),
        ("identical_orders_per_minute_max", "times the same order", identical_pairs_last_minute(context)),
        ("api_error_limit_per_minute", "refusals in a minute", inputs.api_errors_last_minute),
    )
    for name, unit, now in counts:
        yield _ceiling(name, unit, _count(now), Decimal(getattr(params, name)), "REDUCING")
    yield _ceiling(
        "hedge_quantity_per_minute_max", f"{params.symbol.base} in a minute", inputs.hedge_quantity_last_minute,
        params.hedge_budget_base, "no further hedge in this minute",
    )


def _shares(inputs: RiskInputs) -> Iterator[Limit]:
    for venue, name in (("GATEIO_FUTURES", "Gate"), ("MEXC_SPOT", "MEXC spot")):
        share = next((part for key, part in inputs.equity_share.items() if key.value == venue), None)
        yield _ceiling(
            "venue_equity_share_max", f"of all equity lies with {name}", share, inputs.params.venue_equity_share_max,
            f"no entry on {name}",
        )


def _count(value: int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _ceiling(name: str, unit: str, now: Decimal | None, limit: Decimal | None, does: str) -> Limit:
    used = None if now is None or limit is None or limit <= 0 else float(now / limit)
    return Limit(name=name, unit=unit, now=now, limit=limit, used=used, does=does)


def _floor(name: str, unit: str, now: Decimal | None, limit: Decimal, does: str) -> Limit:
    used = None if now is None else 1.0 if now <= 0 else float(limit / now)
    return Limit(name=name, unit=unit, now=now, limit=limit, used=used, does=does, is_floor=True)
