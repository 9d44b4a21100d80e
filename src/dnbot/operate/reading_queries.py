"""The SQL of the dashboard's pages and of `dnbot trades` and `dnbot orders`.

$1 is the symbol; every query is bounded in rows, and walks an index from its newest end.
"""

from __future__ import annotations

PAGE_ROWS = 50
ORDERS_ROWS = 100
POINTS = 300
"""Of a curve at most."""

# What the decision expected of the legs alone: the way back and the funding of a carry are not in its execution.
_EXPECTED = """
cross join lateral (
    select sum(o.net_quote - o.funding_quote - o.exit_quote) as expected_quote, max(o.edge_bps) as edge_bps,
        max(o.pair_name) as pair_name, max(o.purpose) as purpose
    from opportunities_taken o where o.execution_id = t.execution_id
) e
"""
_TRADE = f"""
select t.execution_id, t.epoch, t.pair_name, t.purpose, t.status, t.started_at, t.ended_at, t.bought, t.sold,
    t.residual_base, t.gross_quote, t.fees_quote, t.net_quote, e.expected_quote, t.naked_ms, t.ambiguous, e.edge_bps,
    v.bought_quote
from trade_executions t {_EXPECTED} cross join lateral (
    select sum(f.price * f.quantity) filter (where f.side = 'buy') as bought_quote
    from fills f where f.execution_id = t.execution_id
) v
"""  # noqa: S608 (put together from constants of this file)
TRADES = f"""
{_TRADE} where t.symbol = $1 and t.status <> 'open' and t.ended_at is not null
    and (t.ended_at, t.execution_id) < ($2::timestamptz, $3::text) and ($4::text = '' or t.status = $4)
    and t.ended_at >= $6::timestamptz and ($7::text = '' or t.pair_name = $7)
order by t.ended_at desc, t.execution_id desc limit $5
"""
# What was committed and never closed: `open` while an order of it may live or has traded, else `refused`.
UNCLOSED = f"""
select t.execution_id, t.epoch, coalesce(e.pair_name, upper(min(i.purpose))) as pair_name,
    coalesce(e.purpose, min(i.purpose)) as purpose, min(i.created_at) as started_at,
    case when bool_or(o.status is null or o.status not in ('not_sent', 'rejected', 'no_effect') or o.filled > 0)
         then 'open' else 'refused' end as status
from trade_executions t join order_intents i using (execution_id) left join orders o using (client_order_id) {_EXPECTED}
where t.symbol = $1 and t.status = 'open' and i.symbol = $1 and i.created_at < $2 and i.created_at >= $4
group by t.execution_id, t.epoch, e.pair_name, e.purpose
having $5::text = '' or coalesce(e.pair_name, upper(min(i.purpose))) = $5
order by min(i.created_at) desc, t.execution_id desc limit $3
"""  # noqa: S608 (put together from constants of this file)
TRADE = f"""
{_TRADE} where t.symbol = $1 and t.execution_id = $2
"""
EVIDENCE = """
select opportunity_id, outcome, purpose, buy_quantity, sell_quantity, buy_price_cap, sell_price_cap, edge_bps,
    required_bps, inventory_price_bps, gross_quote, fees_quote, slippage_quote, funding_quote, exit_quote, net_quote,
    confidence, adverse_move_bps, depth_risk, venue_risk, edge::text as edge, book_ids::text as book_ids,
    book_ages_ms::text as book_ages_ms, found_at, taken_at
from opportunities_taken where symbol = $1 and execution_id = $2 order by found_at limit 10
"""
_ORDER = """
i.client_order_id, i.execution_id, i.venue, i.side, i.quantity, i.price, i.purpose, i.time_in_force, i.reduce_only,
    i.epoch, i.created_at, i.created_at_ns, i.expires_at_ns, i.committed_at, o.status, o.venue_order_id, o.filled,
    o.reason, o.sent_at_ns, o.changed_at_ns, o.settled
from order_intents i left join orders o using (client_order_id)
"""
TRADE_ORDERS = f"""
select {_ORDER} where i.symbol = $1 and i.execution_id = $2 order by i.created_at_ns, i.client_order_id limit 100
"""
TRADE_FILLS = """
select venue, trade_id, client_order_id, venue_order_id, side, price, quantity, fee, fee_asset, is_maker, traded_at,
    booked_at
from fills where symbol = $1 and execution_id = $2 order by traded_at, trade_id limit 200
"""
ORDERS = f"""
select {_ORDER} where i.symbol = $1 and (i.created_at, i.client_order_id) < ($2::timestamptz, $3::text)
    and ($4::text = '' or i.venue = $4) and i.created_at >= $6::timestamptz
order by i.created_at desc, i.client_order_id desc limit $5
"""
UNSETTLED = f"""
select {_ORDER} where i.symbol = $1 and not o.settled and ($3::text = '' or i.venue = $3)
    and i.created_at < $4 and i.created_at >= $5 order by i.created_at desc limit $2
"""

FIRST_SAMPLE = """
select at from position_snapshots where symbol = $1 and at > $2 and equity_quote is not null order by at limit 1
"""
# One look into the index per point, however much was sampled.
EQUITY = """
select p.at, p.equity_quote, p.realised_quote
from generate_series($2::timestamptz, $3::timestamptz, make_interval(secs => $4)) as since cross join lateral (
    select at, equity_quote, realised_quote from position_snapshots
    where symbol = $1 and at > since and at <= since + make_interval(secs => $4) and equity_quote is not null
    order by at desc limit 1
) p order by p.at
"""
PAIRS = f"""
select t.pair_name, count(*) as executions, count(*) filter (where t.net_quote < 0) as losing,
    sum(t.gross_quote) as gross_quote, sum(t.fees_quote) as fees_quote, sum(t.net_quote) as net_quote,
    sum(t.net_quote) filter (where e.expected_quote is not null) as judged_net_quote,
    sum(e.expected_quote) as expected_quote, max(t.naked_ms) as naked_ms
from trade_executions t {_EXPECTED}
where t.symbol = $1 and t.status <> 'open' and t.ended_at > $2 and t.ended_at <= $3
group by t.pair_name order by t.pair_name
"""  # noqa: S608 (put together from constants of this file)
FEES = """
select venue, fee_asset, count(*) as fills, sum(fee) as fee, sum(price * quantity) as turnover_quote
from fills
where symbol = $1 and venue in ('GATEIO_SPOT', 'GATEIO_FUTURES', 'MEXC_SPOT')
    and traded_at_ns > (extract(epoch from $2::timestamptz) * 1000000000)::bigint
    and traded_at_ns <= (extract(epoch from $3::timestamptz) * 1000000000)::bigint
group by venue, fee_asset order by venue, fee_asset
"""
FUNDING = """
select at, venue, asset, amount from ledger_entries
where symbol = $1 and kind = 'funding' and at > $2 and at <= $3 order by at desc limit 50
"""
ALERTS = """
select sequence, at, level, key, text, epoch from alerts
where symbol = $1 and ($2::bigint = 0 or sequence < $2) and ($3::text = '' or level = $3)
order by sequence desc limit $4
"""
MODES = """
select at, from_mode, to_mode, why, changed_by from trading_modes where symbol = $1 order by sequence desc limit $2
"""

NEWEST_MARK = """
select at, mark from position_snapshots where symbol = $1 and spot_gate is not null order by at desc limit 1
"""
NEWEST_TOPS = """
select t.venue, t.at, (t.bid + t.ask) / 2 as mid from exchanges e cross join lateral (
    select venue, at, bid, ask from book_ticker_snapshots b
    where b.symbol = $1 and b.venue = e.venue and b.at > $2 order by at desc limit 1
) t where e.market = 'spot' order by t.venue
"""
MAINTENANCE = "select maintenance_rate from symbols where symbol = $1 and venue = 'GATEIO_FUTURES'"
