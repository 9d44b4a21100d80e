"""Figures of what we hold, owe and earned. Base and quote are the coins of the symbol; a rate or share is a ratio."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dnbot.domain.instrument import Venue
from dnbot.metrics.exposition import Family, Value, gauge, gauges
from dnbot.operate.metrics_moment import Moment
from dnbot.operate.status import Profit
from dnbot.strategy.standing import liquidation_distance_pct, margin_ratio_pct
from dnbot.strategy.view import View

BPS = 10_000
PERCENT = 100


def _share(percent: Decimal | None) -> Decimal | None:
    return None if percent is None else percent / PERCENT


def _ratio(bps: float | None) -> float | None:
    return None if bps is None else bps / BPS


def _parts(profit: Profit | View) -> dict[str, Value]:
    return {"spread": profit.spread_quote, "fees": profit.fees_quote, "funding": profit.funding_quote}


def _adl_rank(moment: Moment) -> int | None:
    position = moment.context.accounts[Venue.GATE_FUTURES].position
    return position.adl_rank if position else None


def _naked_worst(moment: Moment) -> Mapping[str, Value]:
    view = moment.status.view
    return {"definite": view.naked_worst_ms / 1000, "ambiguous": view.naked_worst_ambiguous_ms / 1000}


MONEY: tuple[Family[Moment], ...] = (
    gauge(
        "dnbot_delta_base", "Spot inventory plus perpetual position, base units.", lambda m: m.status.view.delta_base
    ),
    gauge(
        "dnbot_delta_tolerance_base", "Delta up to which nothing is repaired, base units.",
        lambda m: m.status.view.tolerance_base,
    ),
    gauge(
        "dnbot_delta_hard_limit_base", "Delta above which no new risk is taken, base units.",
        lambda m: m.status.view.hard_limit_base,
    ),
    gauge(
        "dnbot_delta_worst_base", "Largest size of delta in this run, base units.",
        lambda m: m.status.view.delta_worst_base,
    ),
    gauge(
        "dnbot_delta_worst_case_base", "Size of delta if every unsettled order turned out the worst way, base units.",
        lambda m: m.context.delta_worst_case,
    ),
    gauge(
        "dnbot_naked_seconds", "For how long delta has been outside its tolerance by now; 0 while it is inside.",
        lambda m: m.status.view.naked_ms / 1000,
    ),
    gauges(
        "dnbot_naked_worst_seconds", "Longest such time of this run, apart for times with an order in doubt.", "kind",
        _naked_worst,
    ),
    gauge(
        "dnbot_inventory_target_base", "Inventory to hold over both spot venues, base units.",
        lambda m: m.status.view.target_base,
    ),
    gauges(
        "dnbot_inventory_base", "Base held on a spot venue by our ledger, base units.", "venue",
        lambda m: m.status.view.inventory_base,
    ),
    gauge("dnbot_perpetual_base", "Perpetual position, signed base units.", lambda m: m.status.view.perp_base),
    gauges(
        "dnbot_wallet_quote", "Quote held by our ledger; on the perpetual the wallet that margins it, quote units.",
        "venue", lambda m: {venue.venue: venue.quote for venue in m.status.view.venues},
    ),
    gauge("dnbot_mark_price_quote", "Mark price of the perpetual, quote units.", lambda m: m.status.view.mark),
    gauge(
        "dnbot_funding_rate_ratio", "Estimated funding per interval; positive is received by the short.",
        lambda m: _ratio(m.status.view.funding_bps),
    ),
    gauge("dnbot_funding_due_seconds", "Time until the next funding.", lambda m: m.status.view.funding_in_s),
    gauge(
        "dnbot_profit_realised_quote", "Spread less fees plus funding over the whole ledger, quote units.",
        lambda m: m.status.view.realised_quote,
    ),
    gauges(
        "dnbot_profit_part_quote", "Its parts; fees are a cost, quote units.", "part",
        lambda m: _parts(m.status.view),
    ),
    gauge(
        "dnbot_run_profit_realised_quote", "The same of this run alone, quote units.",
        lambda m: m.status.this_run.realised_quote,
    ),
    gauges(
        "dnbot_run_profit_part_quote", "Its parts of this run alone; fees are a cost, quote units.", "part",
        lambda m: _parts(m.status.this_run),
    ),
    gauge(
        "dnbot_equity_quote", "All we have at each venue's mid, quote units; none while a price is missing for long.",
        lambda m: m.status.view.equity_quote,
    ),
    gauge(
        "dnbot_equity_day_quote", "Equity less that of 00:00 UTC, quote units; none before it was known today.",
        lambda m: m.status.view.equity_day_quote,
    ),
    gauge(
        "dnbot_daily_loss_limit_quote", "Loss of a day that halts trading, quote units: setting max_daily_loss_quote.",
        lambda m: m.context.params.max_daily_loss_quote,
    ),
    gauge(
        "dnbot_margin_free_ratio", "Free margin over the perpetual account's equity.",
        lambda m: _share(margin_ratio_pct(m.context)),
    ),
    gauge(
        "dnbot_margin_floor_ratio", "Free margin below which both legs shrink: setting margin_floor_pct.",
        lambda m: _share(m.context.params.margin_floor_pct),
    ),
    gauge(
        "dnbot_liquidation_distance_ratio", "From mark to liquidation over mark; 1 without a position.",
        lambda m: _share(liquidation_distance_pct(m.context)),
    ),
    gauge(
        "dnbot_liquidation_distance_min_ratio", "Distance below which both legs shrink: liquidation_distance_min_pct.",
        lambda m: _share(m.context.params.liquidation_distance_min_pct),
    ),
    gauge("dnbot_adl_rank", "Gate's rank for auto-deleveraging; 1 is first in line.", _adl_rank),
    gauges(
        "dnbot_pair_edge_ratio", "What a directed pair would earn now, net of both fees.", "pair",
        lambda m: {pair.pair_name: _ratio(pair.edge_bps) for pair in m.status.view.pairs},
    ),
    gauges(
        "dnbot_pair_required_ratio", "What it must earn to be traded; absent while it may not be.", "pair",
        lambda m: {pair.pair_name: _ratio(pair.required_bps) for pair in m.status.view.pairs},
    ),
    gauge(
        "dnbot_losses_in_a_row", "Executions that lost since the last that earned.",
        lambda m: m.context.risk.losses_in_a_row,
    ),
)
