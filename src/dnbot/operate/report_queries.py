"""The SQL of the report. $1 is the symbol; a period is half open: later than $2, at or before $3.

Executions are in the period in which they ended, fills in the one in which they were booked, account-book rows in the
one that the venue says.
"""

from __future__ import annotations

PAGE_ROWS = 10_000
"""Rows asked for at once: far below what the server's statement limit of seconds allows."""

SOME_SYMBOLS = "select symbol from books order by symbol limit $1"
SYMBOL = "select base, quote, epoch, sequence from books where symbol = $1"
RUNS = """
select epoch, version, settings, started_at, exists (
    select from state_transitions t where t.symbol = r.symbol and t.epoch = r.epoch and t.to_state = 'SHUTDOWN'
) as ended from runs r where symbol = $1 and started_at <= $2 order by epoch
"""
SNAPSHOT = """
select sequence, portfolio::text from portfolio_snapshots where symbol = $1 and sequence <= $2
order by sequence desc limit 1
"""
FILLS_BETWEEN = "select * from fills where symbol = $1 and sequence > $2 and sequence <= $3 order by sequence"
ENTRIES_BETWEEN = """
select * from ledger_entries where symbol = $1 and sequence > $2 and sequence <= $3 and trade_id is null
order by sequence, entry_id
"""

# The fee of a fill in quote units, as the bot's own fold values it: a third coin may have had no price.
FEE_QUOTE = """
case f.fee_asset when split_part(f.symbol, '/', 2) then f.fee
                 when split_part(f.symbol, '/', 1) then f.fee * f.price else f.fee * coalesce(f.fee_price, 0) end
"""
_MOVED = """
f.quantity - case when f.venue <> 'GATEIO_FUTURES' and f.fee_asset = split_part(f.symbol, '/', 1)
             then f.fee * case f.side when 'buy' then 1 else -1 end else 0 end
"""

# A funding row is booked some seconds after its own time: a sample soon after one may not contain it yet. It does when
# a record that was numbered after the row is not younger than the sample.
START_SAMPLE = """
select at, realised_quote from position_snapshots p
where symbol = $1 and at <= $2 and realised_quote is not null and not exists (
    select from ledger_entries l where l.symbol = $1 and l.kind = 'funding'
        and l.at <= p.at and l.at > p.at - interval '120 seconds'
        and p.at < all (array[
            coalesce((select booked_at from fills f
                where f.symbol = $1 and f.sequence > l.sequence order by f.sequence limit 1), 'infinity'),
            coalesce((select s.at from state_transitions s
                where s.symbol = $1 and s.sequence > l.sequence order by s.sequence limit 1), 'infinity'),
            coalesce((select o.at from portfolio_snapshots o
                where o.symbol = $1 and o.sequence > l.sequence order by o.sequence limit 1), 'infinity')
        ])
) order by at desc limit 1
"""
FIRST_SAMPLE_AFTER = """
select at, realised_quote from position_snapshots
where symbol = $1 and at > $2 and realised_quote is not null order by at limit 1
"""
ANYTHING_BOOKED = """
select exists (select from fills where symbol = $1 and booked_at <= $2)
    or exists (select from ledger_entries where symbol = $1 and kind = 'funding' and at <= $2) as booked
"""
FEES = f"""
select f.venue, f.fee_asset as asset, count(*) as fills, sum(f.fee) as amount, sum({FEE_QUOTE}) as quote,
    count(*) filter (where f.fee <> 0 and f.fee_price is null
        and f.fee_asset not in (split_part(f.symbol, '/', 1), split_part(f.symbol, '/', 2))) as unpriced,
    sum(f.price * f.quantity) as turnover_quote
from fills f where f.symbol = $1 and f.booked_at > $2 and f.booked_at <= $3 and f.sequence <= $4
group by f.venue, f.fee_asset order by f.venue, f.fee_asset
"""  # noqa: S608 (put together from constants of this file)
FUNDING = """
select at, venue, asset, amount, entry_id, note from ledger_entries
where symbol = $1 and kind = 'funding' and at > $2 and at <= $3 and sequence <= $4 order by at, entry_id
"""

EXECUTIONS = f"""
select t.execution_id, t.epoch, t.pair_name, t.purpose, t.status, t.started_at, t.ended_at, t.naked_ms, t.ambiguous,
    t.estimate_net_quote, t.residual_base, t.bought, t.sold, t.gross_quote, t.fees_quote, t.net_quote,
    s.fills, s.traded, s.buy_moved, s.sell_moved, s.buy_value, s.sell_value, s.fill_fees, s.bought_quote, e.edge_bps
from (
    select * from trade_executions
    where symbol = $1 and status <> 'open' and ended_at > $2 and ended_at <= $3
    order by ended_at, execution_id limit $4 offset $5
) t cross join lateral (
    select count(*) as fills, coalesce(sum(f.quantity), 0) as traded,
        coalesce(sum({_MOVED}) filter (where f.side = 'buy'), 0) as buy_moved,
        coalesce(sum({_MOVED}) filter (where f.side = 'sell'), 0) as sell_moved,
        coalesce(sum(({_MOVED}) * f.price) filter (where f.side = 'buy'), 0) as buy_value,
        coalesce(sum(({_MOVED}) * f.price) filter (where f.side = 'sell'), 0) as sell_value,
        coalesce(sum({FEE_QUOTE}), 0) as fill_fees,
        coalesce(sum(f.price * f.quantity) filter (where f.side = 'buy'), 0) as bought_quote
    from fills f where f.execution_id = t.execution_id
) s cross join lateral (
    select max(o.edge_bps) as edge_bps from opportunities_taken o where o.execution_id = t.execution_id
) e
order by t.ended_at, t.execution_id
"""  # noqa: S608 (put together from constants of this file)
UNCLOSED = """
select count(distinct t.execution_id) as executions,
    count(distinct t.execution_id) filter (
        where o.status is null or o.status not in ('not_sent', 'rejected', 'no_effect') or o.filled > 0
    ) as live
from trade_executions t join order_intents i using (execution_id) left join orders o using (client_order_id)
where t.symbol = $1 and t.status = 'open' and i.created_at > $2 and i.created_at <= $3
"""
NAKED = """
select coalesce(ambiguous, false) as ambiguous, max(naked_ms) as worst_ms from trade_executions
where symbol = $1 and status <> 'open' and ended_at > $2 and ended_at <= $3 group by 1
"""

NEWEST_SAMPLE = """
select at, mark, liquidation_price, equity_quote from position_snapshots
where symbol = $1 and at <= $2 and spot_gate is not null order by at desc limit 1
"""
DELTA_SAMPLED = """
select at, delta_base from position_snapshots
where symbol = $1 and at > $2 and at <= $3 and spot_gate is not null order by abs(delta_base) desc, at limit 1
"""
# Every change of base in the order of booking, from the delta now backwards: what it was after each record.
# Openings are where a book begins, not moves; before the last of them nothing was hedged yet. What is under way between
# exchanges is in delta and in no balance: $6 and $7 are the sequences and amounts of what shipments changed of delta.
DELTA_AFTER_FILLS = """
with first as (
    select greatest(
        (select max(sequence) from ledger_entries where symbol = $1 and kind = 'opening' and sequence <= $4),
        (select sequence from fills where symbol = $1 and booked_at <= $2 order by sequence desc limit 1),
        0
    ) as sequence
), moves as (
    select f.sequence, f.booked_at as at, case f.side when 'buy' then f.quantity else -f.quantity end
        - case when f.venue <> 'GATEIO_FUTURES' and f.fee_asset = split_part($1, '/', 1) then f.fee else 0 end as amount
    from fills f where f.symbol = $1 and f.sequence <= $4 and f.sequence > (select sequence from first)
    union all
    select sequence, null, amount from ledger_entries
    where symbol = $1 and trade_id is null and kind <> 'shipment' and asset = split_part($1, '/', 1)
        and sequence <= $4 and sequence > (select sequence from first)
    union all
    select sequence, null, amount from unnest($6::bigint[], $7::numeric[]) as shipped (sequence, amount)
    where sequence > (select sequence from first)
), after as (
    select at, $5::numeric - (sum(amount) over (order by sequence desc) - amount) as delta from moves
)
select at, delta from after where at > $2 and at <= $3
"""
DELTA_PEAKS = f"""
select distinct on (date_bin(make_interval(secs => $8), at, $2)) at, delta from ({DELTA_AFTER_FILLS}) as d
order by date_bin(make_interval(secs => $8), at, $2), abs(delta) desc, at
"""  # noqa: S608 (put together from constants of this file)
SHIPPED = """
select sequence, amount, note, entry_id from ledger_entries
where symbol = $1 and trade_id is null and kind = 'shipment' and asset = $2 and sequence <= $3
order by sequence, entry_id
"""
TOLERANCE = "select lot_size from symbols where symbol = $1 and venue = 'GATEIO_FUTURES'"

DECLINED = """
select reason, pair_name, sum(count) as times, max(edge_bps) as edge_bps_best from opportunities_declined
where symbol = $1 and at > $2 and at <= $3 group by reason, pair_name order by sum(count) desc, reason, pair_name
"""
TAKEN = """
select outcome, count(*) as times from opportunities_taken
where symbol = $1 and found_at > $2 and found_at <= $3 group by outcome order by outcome
"""
INCIDENTS = """
select at, from_state, to_state, trigger, why from state_transitions
where symbol = $1 and at > $2 and at <= $3 and to_state in ('ERROR_RECOVERY', 'REBALANCING_DELTA')
order by at desc, sequence desc limit $4
"""
INCIDENT_COUNTS = """
select to_state, trigger, count(*) as times from state_transitions
where symbol = $1 and at > $2 and at <= $3 and to_state in ('ERROR_RECOVERY', 'REBALANCING_DELTA')
group by to_state, trigger order by to_state, trigger
"""
MODES = """
select at, from_mode, to_mode, why, changed_by from trading_modes
where symbol = $1 and at > $2 and at <= $3 order by at desc, sequence desc limit $4
"""
ALERTS = """
select at, level, key, text from alerts where symbol = $1 and at > $2 and at <= $3
order by at desc, sequence desc limit $4
"""
FAULTS = """
select count(*) as times from alerts
where symbol = $1 and at > $2 and at <= $3 and key like 'fault:%' and level <> 'info'
"""
ALERT_COUNTS = """
select level, count(*) as times from alerts where symbol = $1 and at > $2 and at <= $3 group by level order by level
"""

LEDGER = """
select venue, asset,
    coalesce(sum(amount) filter (where kind = 'opening'), 0) as opening,
    coalesce(sum(amount) filter (where kind in ('base', 'quote')), 0) as trades,
    coalesce(sum(amount) filter (where kind = 'fee'), 0) as fees,
    coalesce(sum(amount) filter (where kind = 'pnl'), 0) as pnl,
    coalesce(sum(amount) filter (where kind = 'funding'), 0) as funding,
    coalesce(sum(amount) filter (where kind in ('transfer', 'shipment')), 0) as transfers,
    coalesce(sum(amount) filter (where kind = 'adjustment'), 0) as adjusted,
    count(*) filter (where kind = 'adjustment') as adjustments,
    sum(amount) as balance
from ledger_entries where symbol = $1 and sequence <= $2 group by venue, asset order by venue, asset
"""
REPORTED = """
select distinct on (venue, asset) venue, asset, at, reported, ledger from balance_snapshots
where symbol = $1 and at <= $2 order by venue, asset, at desc
"""
# What fills say against what was entered for them, all-time: base and quote of spot, and fees everywhere.
FILLS_AGAINST_ENTRIES = """
with said as (
    select venue, split_part(symbol, '/', 1) as asset,
        case side when 'buy' then quantity else -quantity end as amount
    from fills where symbol = $1 and venue <> 'GATEIO_FUTURES' and sequence <= $2
    union all
    select venue, split_part(symbol, '/', 2), case side when 'buy' then -1 else 1 end * quantity * price
    from fills where symbol = $1 and venue <> 'GATEIO_FUTURES' and sequence <= $2
    union all
    select venue, fee_asset, -fee from fills where symbol = $1 and sequence <= $2
    union all
    select venue, asset, -amount from ledger_entries
    where symbol = $1 and sequence <= $2 and kind in ('base', 'quote', 'fee')
)
select venue, asset, sum(amount) as unexplained from said group by venue, asset having sum(amount) <> 0
"""

# Realised profit at the last sample of each stretch of time (one look into the index each), with all fees and funding
# up to the same moment.
_PROFIT = """
with extent as (
    select min(at) as first, max(at) as last from position_snapshots
    where symbol = $1 and at > $2 and at <= $3 and realised_quote is not null
), points as (
    select p.at, p.realised from extent, {stretches} cross join lateral (
        select at, realised_quote as realised from position_snapshots
        where symbol = $1 and at > $2 and at <= $3 and {within} and realised_quote is not null order by at desc limit 1
    ) p
), happened as (
    select f.booked_at as at, ({fee}) as fee, 0::numeric as funding, null::numeric as realised
    from fills f where f.symbol = $1 and f.booked_at > $2 and f.booked_at <= $3
    union all
    select at, 0, amount, null from ledger_entries
    where symbol = $1 and kind = 'funding' and at > $2 and at <= $3
    union all
    select at, 0, 0, realised from points
), summed as (
    select at, realised, sum(fee) over (order by at) as fees, sum(funding) over (order by at) as funding from happened
)
select to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day, at, realised, fees, funding from summed
where realised is not null order by at
"""
PROFIT_SERIES = _PROFIT.format(
    fee=FEE_QUOTE, stretches="generate_series(first, last, make_interval(secs => $4)) as since",
    within="at >= since and at < since + make_interval(secs => $4)",
)
PROFIT_DAYS = _PROFIT.format(
    fee=FEE_QUOTE, stretches="generate_series(date_trunc('day', first, 'UTC'), last, interval '24 hours') as since",
    within="at >= since and at < since + interval '24 hours'",
)
INVENTORY_SERIES = """
select distinct on (date_bin(make_interval(secs => $4), at, $2)) at, spot_gate, spot_mexc, perp_base
from position_snapshots where symbol = $1 and at > $2 and at <= $3 and spot_gate is not null
order by date_bin(make_interval(secs => $4), at, $2), at desc
"""
DELTA_SERIES = """
select date_bin(make_interval(secs => $4), at, $2) as at, min(delta_base) as low, max(delta_base) as high
from position_snapshots where symbol = $1 and at > $2 and at <= $3 and spot_gate is not null group by 1 order by 1
"""
EXTENT = """
select min(at) as first, max(at) as last from (
    select min(started_at) as at from runs where symbol = $1 and started_at > $2 and started_at <= $3
    union all select min(at) from position_snapshots where symbol = $1 and at > $2 and at <= $3
    union all select max(at) from position_snapshots where symbol = $1 and at > $2 and at <= $3
    union all select max(ended_at) from trade_executions where symbol = $1 and ended_at > $2 and ended_at <= $3
    union all select max(at) from ledger_entries
        where symbol = $1 and kind = 'funding' and at > $2 and at <= $3
) as seen
"""
PERP_QUANTITIES = """
select distinct quantity from fills where symbol = $1 and venue = 'GATEIO_FUTURES' and sequence <= $2 limit 10000
"""

CSV_TABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "executions": (
        (
            "execution_id", "epoch", "pair_name", "purpose", "status", "started_at", "ended_at", "bought", "sold",
            "residual_base", "gross_quote", "fees_quote", "net_quote",
            "case when purpose in ('entry', 'exit') then estimate_net_quote end as estimate_net_quote",
            "naked_ms", "ambiguous",
        ),
        """from trade_executions where symbol = $1 and status <> 'open' and ended_at > $2 and ended_at <= $3
        order by ended_at, execution_id""",
    ),
    "fills": (
        (
            "venue", "trade_id", "venue_order_id", "client_order_id", "execution_id", "side", "price", "quantity",
            "fee", "fee_asset", "fee_price", "is_maker", "traded_at", "booked_at", "epoch", "sequence",
        ),
        "from fills where symbol = $1 and booked_at > $2 and booked_at <= $3 order by sequence, venue, trade_id",
    ),
    "funding": (
        ("venue", "entry_id", "asset", "amount", "at", "note"),
        "from funding_payments where symbol = $1 and at > $2 and at <= $3 order by at, entry_id",
    ),
    "opportunities": (
        (
            "at", "outcome", "reason", "pair_name", "count", "edge_bps", "opportunity_id", "execution_id",
            *(f"{name} as estimate_{name}" for name in (
                "gross_quote", "fees_quote", "slippage_quote", "funding_quote", "exit_quote", "net_quote",
            )),
        ),
        """from arbitrage_opportunities where symbol = $1 and at > $2 and at <= $3
        order by at, outcome, pair_name, reason, opportunity_id, edge_bps, count""",
    ),
    "ledger": (
        ("venue", "asset", "amount", "kind", "at", "entry_id", "trade_id", "note", "epoch", "sequence"),
        "from ledger_entries where symbol = $1 and at > $2 and at <= $3 order by sequence, entry_id",
    ),
    "balances": (
        ("at", "venue", "asset", "reported", "ledger", "epoch"),
        "from balance_snapshots where symbol = $1 and at > $2 and at <= $3 order by at, venue, asset, reported, ledger",
    ),
    "alerts": (
        ("at", "level", "key", "text", "epoch", "sequence"),
        "from alerts where symbol = $1 and at > $2 and at <= $3 order by sequence",
    ),
}
"""By file: the columns (`x as y` is headed y), and what follows them. Every order is total: pages do not overlap."""
