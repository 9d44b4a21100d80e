"""Executions of a period, from their own fills; what the bot wrote when it closed them is compared, not trusted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC
from decimal import Decimal
from typing import Any

import attrs
import msgspec

from dnbot.domain.pair import Pair
from dnbot.domain.units import ZERO, bps, divide
from dnbot.operate import report_queries as queries
from dnbot.operate.progress import Tell, nothing
from dnbot.operate.report_data import ExecutionPoint, PairTotal
from dnbot.operate.report_quality_data import BPS_PLACES, EdgeTotal

Ask = Callable[..., Awaitable[list[dict[str, Any]]]]
"""Runs a query of the period with the arguments after the period's."""

_Edges = tuple[int, Decimal, Decimal, Decimal]
"""Complete executions of a pair: how many, value bought, Σ of it times the estimated edge, net."""

SHOWN_MAX = 2000
"""Executions that are listed one by one (and drawn); the sums hold all."""
_PAIRS = frozenset(pair.name for pair in Pair)


@attrs.frozen
class Executions:
    """What was executed in a period."""

    pairs: tuple[PairTotal, ...]
    newest: tuple[ExecutionPoint, ...]
    count: int
    differing: tuple[str, ...]
    """Ids whose stored figures are not those of their fills."""
    unclosed: int
    unclosed_live: int
    naked_ms_worst_definite: int
    naked_ms_worst_ambiguous: int
    by_day: dict[str, int]
    """How many ended on each day, UTC."""
    edges: tuple[EdgeTotal, ...]


async def read_executions(ask: Ask, tell: Tell = nothing) -> Executions:
    """Sum them page by page."""
    totals: dict[str, PairTotal] = {}
    newest: list[ExecutionPoint] = []
    differing: list[str] = []
    by_day: dict[str, int] = {}
    edges: dict[str, _Edges] = {}
    count = 0
    while rows := await ask(queries.EXECUTIONS, queries.PAGE_ROWS, count):
        count += len(rows)
        for row in rows:
            point = point_of(row)
            before = totals.get(point.pair_name, PairTotal(pair_name=point.pair_name))
            totals[point.pair_name] = with_execution(before, point)
            newest.append(point)
            _add_edge(edges, row, point)
            day = f"{point.at.astimezone(UTC):%Y-%m-%d}"
            by_day[day] = by_day.get(day, 0) + 1
            if (point.gross_quote, point.fees_quote) != (row["gross_quote"], row["fees_quote"]):
                differing.append(row["execution_id"])
        newest = newest[-SHOWN_MAX:]
        tell(f"{count:,} executions read")
        if len(rows) < queries.PAGE_ROWS:
            break
    unclosed = (await ask(queries.UNCLOSED))[0]
    naked = {row["ambiguous"]: row["worst_ms"] for row in await ask(queries.NAKED)}
    return Executions(
        pairs=tuple(totals[name] for name in sorted(totals, key=lambda name: (name not in _PAIRS, name))),
        newest=tuple(newest),
        count=count,
        differing=tuple(differing),
        unclosed=unclosed["executions"] - unclosed["live"],
        unclosed_live=unclosed["live"],
        naked_ms_worst_definite=naked.get(False) or 0,
        naked_ms_worst_ambiguous=naked.get(True) or 0,
        by_day=by_day,
        edges=tuple(_edge(name, *edges[name]) for name in sorted(edges)),
    )


def point_of(row: dict[str, Any]) -> ExecutionPoint:
    """One row of `EXECUTIONS`: gross is Σ sells - Σ buys, an unmatched rest valued at its own side's average."""
    gross, fees = _gross(row), row["fill_fees"]
    return ExecutionPoint(
        at=row["ended_at"], execution_id=row["execution_id"], pair_name=row["pair_name"], purpose=row["purpose"],
        status=row["status"], traded_base=row["traded"], gross_quote=gross, fees_quote=fees, net_quote=gross - fees,
        estimate_net_quote=row["estimate_net_quote"] if row["pair_name"] in _PAIRS else None,
        naked_ms=row["naked_ms"], ambiguous=row["ambiguous"],
    )


def _add_edge(edges: dict[str, _Edges], row: dict[str, Any], point: ExecutionPoint) -> None:
    """Count a complete execution that had an estimate."""
    if point.status != "complete" or row["edge_bps"] is None or not row["bought_quote"]:
        return
    bought = row["bought_quote"]
    count, values, weighted, net = edges.get(point.pair_name, (0, ZERO, ZERO, ZERO))
    edges[point.pair_name] = (
        count + 1, values + bought, weighted + row["edge_bps"] * bought, net + point.net_quote,
    )


def _edge(pair_name: str, count: int, bought: Decimal, weighted: Decimal, net: Decimal) -> EdgeTotal:
    return EdgeTotal(
        pair_name=pair_name, count=count, bought_quote=bought, realised_bps=round(bps(net, bought), BPS_PLACES),
        estimated_bps=round(divide(weighted, bought), BPS_PLACES),
    )


def _gross(row: dict[str, Any]) -> Decimal:
    bought, sold = row["buy_moved"], row["sell_moved"]
    residual = bought - sold
    at = ZERO
    if residual > 0:
        at = divide(row["buy_value"], bought)
    elif residual < 0:
        at = divide(row["sell_value"], sold)
    gross: Decimal = row["sell_value"] - row["buy_value"] + residual * at
    return gross


def with_execution(total: PairTotal, point: ExecutionPoint) -> PairTotal:
    """The pair's sums with one more execution."""
    estimate = total.estimate_net_quote
    if point.estimate_net_quote is not None:
        estimate = (estimate or ZERO) + point.estimate_net_quote
    return msgspec.structs.replace(
        total,
        count=total.count + 1,
        traded_base=total.traded_base + point.traded_base,
        gross_quote=total.gross_quote + point.gross_quote,
        fees_quote=total.fees_quote + point.fees_quote,
        net_quote=total.net_quote + point.net_quote,
        winning=total.winning + (point.net_quote > 0),
        estimate_net_quote=estimate,
        **{point.status: getattr(total, point.status) + 1},
    )


def total_of(pairs: tuple[PairTotal, ...]) -> PairTotal:
    """All pairs together. The estimate is of those that had one."""
    figures = (
        "count", "complete", "partial", "repaired", "failed", "winning", "traded_base", "gross_quote", "fees_quote",
        "net_quote",
    )
    sums: dict[str, Any] = {name: sum((getattr(pair, name) for pair in pairs), ZERO) for name in figures}
    for name in figures[:6]:
        sums[name] = int(sums[name])
    return PairTotal(pair_name="all", **sums)
