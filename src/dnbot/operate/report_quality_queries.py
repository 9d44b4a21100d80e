"""The SQL of the quality of execution. $1 is the symbol, $2 and $3 the period (later than, at or before)."""

from __future__ import annotations

FILLS_MAX = 5_000
"""The newest fills whose prices are held against samples: one look into an index each."""
ORDERS_MAX = 100_000
"""The newest orders whose times are told."""

VENUES = """
select f.venue, count(*) as fills, sum(f.price * f.quantity) as turnover_quote,
    coalesce(sum(f.quantity) filter (where f.side = 'buy'), 0) as bought_base,
    coalesce(sum(f.price * f.quantity) filter (where f.side = 'buy'), 0) as bought_quote,
    coalesce(sum(f.quantity) filter (where f.side = 'sell'), 0) as sold_base,
    coalesce(sum(f.price * f.quantity) filter (where f.side = 'sell'), 0) as sold_quote
from fills f where f.symbol = $1 and f.booked_at > $2 and f.booked_at <= $3 and f.sequence <= $4
group by f.venue order by f.venue
"""
_NEWEST = """
with f as (
    select f.venue, f.side, f.price, f.quantity, f.booked_at, f.execution_id, f.order_id,
        case f.side when 'buy' then 1 else -1 end as sign
    from fills f where f.symbol = $1 and f.booked_at > $2 and f.booked_at <= $3 and f.sequence <= $4
    order by f.sequence desc limit $5
)
"""
# Positive slippage is a loss: a buy above the best ask, a sell below the best bid of the newest sample.
LEGS = f"""
{_NEWEST}
select f.venue, f.side, count(*) as fills, sum(f.price * f.quantity) as value,
    sum(f.sign * (i.price - f.price) * f.quantity) as inside, count(m.touch) as sampled,
    sum(f.sign * (f.price - m.touch) * f.quantity) as lost,
    sum(f.price * f.quantity) filter (where m.touch is not null) as sampled_value
from f join order_intents i on i.client_order_id = f.order_id left join lateral (
    select case f.side when 'buy' then b.ask else b.bid end as touch from book_ticker_snapshots b
    where b.symbol = $1 and b.venue = f.venue and b.at <= i.created_at and b.at > i.created_at - interval '2 seconds'
    order by b.at desc limit 1
) m on true
group by f.venue, f.side order by f.venue, f.side
"""  # noqa: S608 (put together from constants of this file)
MARKOUTS = f"""
{_NEWEST}
select t.pair_name, f.venue, f.side, h.after_s, count(*) as fills, count(m.mid) as sampled,
    sum(f.sign * (m.mid - f.price) * f.quantity) as moved,
    sum(f.price * f.quantity) filter (where m.mid is not null) as sampled_value
from f join trade_executions t using (execution_id) cross join (values (1), (5), (30)) as h (after_s)
left join lateral (
    select (b.bid + b.ask) / 2 as mid from book_ticker_snapshots b
    where b.symbol = $1 and b.venue = f.venue and b.at >= f.booked_at + make_interval(secs => h.after_s)
        and b.at < f.booked_at + make_interval(secs => h.after_s + 2)
    order by b.at limit 1
) m on true
where t.status <> 'open'
group by t.pair_name, f.venue, f.side, h.after_s order by t.pair_name, f.venue, f.side, h.after_s
"""  # noqa: S608 (put together from constants of this file)
RATIOS = """
select i.venue, i.purpose, count(*) as orders, count(*) filter (where o.filled >= i.quantity) as filled_wholly,
    count(*) filter (where o.filled > 0 and o.filled < i.quantity) as filled_partly,
    sum(i.quantity) as ordered_base, coalesce(sum(o.filled), 0) as filled_base
from order_intents i left join orders o using (client_order_id)
where i.symbol = $1 and i.created_at > $2 and i.created_at <= $3 and i.purpose <> 'cancel'
group by i.venue, i.purpose order by i.venue, i.purpose
"""
STAGES = """
with i as (
    select i.client_order_id, i.execution_id, i.purpose, i.created_at_ns, i.committed_at, o.sent_at_ns,
        o.changed_at_ns, o.status,
        (extract(epoch from i.committed_at) * 1000000000)::bigint as committed_ns
    from order_intents i left join orders o using (client_order_id)
    where i.symbol = $1 and i.created_at > $2 and i.created_at <= $3 order by i.created_at desc limit $4
), first_fills as (
    select order_id, (extract(epoch from min(booked_at)) * 1000000000)::bigint as booked_ns from fills
    where symbol = $1 and booked_at > $2 and order_id is not null group by order_id
), took as (
    select 1 as place, 'found to order' as stage, i.created_at_ns - o.found_at_ns as ns
    from i join opportunities_taken o using (execution_id) where i.purpose in ('entry', 'exit')
    union all
    select 2, 'order to committed (database''s clock)', committed_ns - created_at_ns from i
    where committed_at is not null
    union all
    select 3, 'order to sent', sent_at_ns - created_at_ns from i where sent_at_ns > 0
    union all
    select 4, 'sent to first fill booked', booked_ns - sent_at_ns
    from i join first_fills on order_id = client_order_id where sent_at_ns > 0
    union all
    select 5, 'sent to settled', changed_at_ns - sent_at_ns from i
    where sent_at_ns > 0 and status in ('filled', 'cancelled', 'rejected', 'no_effect')
    union all
    select 6, 'execution, from start to end', ended_at_ns - started_at_ns from trade_executions
    where symbol = $1 and status <> 'open' and ended_at > $2 and ended_at <= $3
    union all
    select 7, 'naked', naked_ms * 1000000 from trade_executions
    where symbol = $1 and status <> 'open' and naked_ms > 0 and ended_at > $2 and ended_at <= $3
)
select stage, count(ns) as count,
    percentile_disc(array[0.5, 0.9, 0.99]) within group (order by ns) as percentiles, max(ns) as most
from took where ns is not null group by place, stage order by place
"""
