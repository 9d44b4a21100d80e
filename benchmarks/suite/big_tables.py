"""A database as it is after months: the named tables with as many rows as wanted, of several symbols, in their days.

Samples lie over the days that are kept by default; executions, which are kept for ever, over a year. Orders and fills,
which stand beside executions in a few questions, exist for the newest hundredth of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from dnbot.config.settings import DatabaseSettings
from dnbot.ports import postgres_queries as queries

if TYPE_CHECKING:
    import asyncpg

SYMBOLS = tuple(f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "TON"))
UNTIL = datetime(2026, 1, 15, tzinfo=UTC)
SAMPLED = timedelta(days=DatabaseSettings().retention_days)
EXECUTED = timedelta(days=365)
BYTES_A_ROW = 1_600
"""Of disk for one row in each of the tables, their indexes and the log of writing them included; generous."""
CHUNK = 500_000
TIME_SERIES = ("position_snapshots", "opportunities_declined", "funding_rate_snapshots")
BIG = (*TIME_SERIES, "trade_executions")
"""Each gets all the rows."""

# $1 first number, $2 behind the last, $3 the end, $4 seconds between two numbers; number n is of symbol n % 8.
_NUMBERED = """
from (select n, (array[{symbols}])[1 + n % {count}] as symbol, {epoch} as epoch,
             $3::timestamptz - make_interval(secs => n * $4::float8) as at
      from generate_series($1::int, $2::int - 1) as n) as row
"""
_FILL = {
    "position_snapshots": """
insert into position_snapshots (
    at, symbol, epoch, spot_base, spot_gate, spot_mexc, perp_base, delta_base, mark, equity_quote, realised_quote
) select at, symbol, epoch, 1.25, 0.6 + n % 7 * 0.01, 0.65 - n % 7 * 0.01, -1.25, (n % 5 - 2) * 0.0001,
    60000 + n % 1000, 300000 + n % 500, n % 400 * 0.25
""",
    "opportunities_declined": """
insert into opportunities_declined (
    at, symbol, epoch, pair_name, reason, text, count, edge_bps, gross_quote, fees_quote, slippage_quote, funding_quote,
    exit_quote, net_quote
) select at, symbol, epoch, (array['GATE_TO_MEXC', 'MEXC_TO_GATE', 'OPEN_GATE', 'OPEN_MEXC'])[1 + n % 4],
    (array['DEPTH', 'INVENTORY', 'STALE', 'CAP', 'MODE'])[1 + n % 5], 'GATE_TO_MEXC: less than one step pays',
    1 + n % 9, 4 + n % 30 * 0.1, 1.5, 0.5, 0.1, 0, 0, 0.9
""",
    "funding_rate_snapshots": """
insert into funding_rate_snapshots (at, symbol, venue, epoch, rate, interval_s, next_at, mark, index_price)
select at, symbol, 'GATEIO_FUTURES', epoch, (n % 9 - 4) * 0.00001, 28800,
    date_bin('8 hours', at, '2026-01-01 00:00 UTC') + interval '8 hours', 60000 + n % 1000, 60000
""",
    "trade_executions": """
insert into trade_executions (
    execution_id, symbol, epoch, status, pair_name, purpose, bought, sold, gross_quote, fees_quote, net_quote,
    estimate_net_quote, residual_base, naked_ms, ambiguous, started_at, started_at_ns, ended_at, ended_at_ns
) select 'x' || n, symbol, epoch, (array['complete', 'complete', 'complete', 'partial', 'repaired'])[1 + n % 5],
    'GATE_TO_MEXC', 'entry', 0.01, 0.01, 1.5, 0.5, 1.0, 0.9, 0, n % 300, n % 50 = 0, at, 0,
    at + interval '200 milliseconds', 0
""",
}
_BESIDE = (
    """insert into opportunities_taken (
    opportunity_id, symbol, epoch, execution_id, outcome, pair_name, purpose, buy_quantity, sell_quantity,
    buy_price_cap, sell_price_cap, edge_bps, required_bps, inventory_price_bps, gross_quote, fees_quote,
    slippage_quote, funding_quote, exit_quote, net_quote, confidence, adverse_move_bps, depth_risk, venue_risk,
    book_ids, book_ages_ms, found_at, found_at_ns
) select 'o' || n, symbol, epoch, 'x' || n, 'taken', 'GATE_TO_MEXC', 'entry', 0.01, 0.01, 60001, 60009, 5, 4, 0, 1.5,
    0.5, 0.1, 0, 0, 0.9, 0.5, 1, 0.1, 0.1, '{}', '{}', at, 0""",
    """insert into order_intents (
    client_order_id, symbol, venue, epoch, side, quantity, price, purpose, time_in_force, reduce_only, execution_id,
    created_at, created_at_ns, expires_at_ns, committed_at, commit_number
) select 'x' || n || side, symbol, venue, epoch, side, 0.01, 60000, 'entry', 'ioc', false, 'x' || n, at, 0, 0, at, n""",
    "insert into orders (client_order_id, status, filled) select 'x' || n || side, 'filled', 0.01",
    """insert into fills (
    venue, symbol, trade_id, venue_order_id, client_order_id, order_id, side, price, quantity, fee, fee_asset, is_maker,
    traded_at, traded_at_ns, execution_id, epoch, sequence, booked_at
) select venue, symbol, 't' || n, 'v' || n, 'x' || n || side, 'x' || n || side, side, 60000, 0.01, 0.3, 'USDT', false,
    at, 0, 'x' || n, epoch, n, at""",
)
_LEGS = "cross join (values ('buy', 'GATEIO_SPOT'), ('sell', 'MEXC_SPOT')) as leg (side, venue)"


def room_for(rows: int, folder: Path) -> None:
    """Raises OSError where the disk could not take twice that."""
    free, needed = shutil.disk_usage(folder).free, rows * BYTES_A_ROW
    if free < 2 * needed:
        raise OSError(f"{rows:,} rows need up to {needed / 1e9:.1f} GB of {folder}, which has {free / 1e9:.1f} GB")


def spacing_s(table: str, rows: int) -> float:
    """Seconds between two rows of all symbols."""
    return (EXECUTED if table == "trade_executions" else SAMPLED).total_seconds() / rows


async def fill(connection: asyncpg.Connection[asyncpg.Record], rows: int) -> None:
    """All tables, by the server itself; then as autovacuum leaves them."""
    await connection.execute("set statement_timeout = 0; set synchronous_commit = off")
    epoch = 0
    for symbol in SYMBOLS:
        base, _, quote = symbol.partition("/")
        epoch = await connection.fetchval(queries.BEGIN_RUN, base, quote, "bench", "{}", UNTIL - SAMPLED, 0)
    await connection.execute("update symbols set lot_size = 0.001")
    for table in TIME_SERIES:
        for day in range(SAMPLED.days + 1):
            await connection.execute("select ensure_partition($1, $2)", table, (UNTIL - timedelta(days=day)).date())
    listed = ", ".join(f"'{symbol}'" for symbol in SYMBOLS)
    numbered = _NUMBERED.format(symbols=listed, count=len(SYMBOLS), epoch=epoch)
    for table in BIG:
        for first, end in _chunks(rows):
            await connection.execute(_FILL[table] + numbered, first, end, UNTIL, spacing_s(table, rows))
    newest = max(1, rows // 100)
    for sql in _BESIDE:
        for first, end in _chunks(newest):
            legs = _LEGS if "side" in sql else ""
            await connection.execute(sql + numbered + legs, first, end, UNTIL, spacing_s("trade_executions", rows))
    await connection.execute("vacuum analyze")


def _chunks(rows: int) -> Iterator[tuple[int, int]]:
    for first in range(0, rows, CHUNK):
        yield first, min(first + CHUNK, rows)
