"""The SQL of the analyses. $1 is the symbol, $2 and $3 a piece of the period: later than, at or before.

Samples are asked for by the hour or by the day, so that no question takes long however long the period is, and a
moment's sample stands for the time until the next one, or for two seconds when that is later: what was not sampled
stands for nothing.
"""

from __future__ import annotations

from dnbot.operate.report_queries import FEE_QUOTE

EPISODE_GAP_S = 5
"""Refusals of one pair that follow one another within this time are one opportunity that stayed."""

FIRST_RUN = "select min(started_at) as at from runs where symbol = $1"
NEWEST_SETTINGS = "select settings from runs where symbol = $1 and started_at <= $2 order by epoch desc limit 1"

_HOUR = "date_trunc('hour', {at} - interval '1 microsecond', 'UTC')"
"""An hour is later than its beginning, at or before its end, as periods are."""
_HELD = "extract(epoch from least(coalesce(lead(at) over ({window}), $3) - at, interval '2 seconds'))"

EXTENT = """
select min(at) as first, max(at) as last from position_snapshots
where symbol = $1 and at > $2 and at <= $3 and spot_gate is not null
"""
COVERED = f"""
with held as (
    select at, {_HELD.format(window="order by at")} as held_s from position_snapshots
    where symbol = $1 and at > $2 and at <= $3 and spot_gate is not null
)
select {_HOUR.format(at="at")} as hour, count(*) as samples, sum(held_s) as observed_s
from held group by 1 order by 1
"""  # noqa: S608 (put together from constants of this file)

# --- spread
BOOKS_EXTENT = """
select min(at) as first, max(at) as last from book_ticker_snapshots where symbol = $1 and at > $2 and at <= $3
"""
# $4 pairs, $5 where they buy, $6 where they sell, $7 and $8 factors of the two prices for their fees, $9 threshold.
# All venues are sampled in one turn, so both sides of a pair have one time.
EDGES = f"""
with tops as materialized (
    select at, venue, bid, ask from book_ticker_snapshots where symbol = $1 and at > $2 and at <= $3
), edges as (
    select p.pair_name, b.at,
        round((s.bid * p.sell_factor - b.ask * p.buy_factor) * 40000 / (b.bid + b.ask + s.bid + s.ask), 6) as edge_bps,
        round((s.bid - b.ask) * 40000 / (b.bid + b.ask + s.bid + s.ask), 6) as gross_bps
    from unnest($4::text[], $5::text[], $6::text[], $7::numeric[], $8::numeric[])
        as p (pair_name, buy_venue, sell_venue, buy_factor, sell_factor)
    join tops b on b.venue = p.buy_venue join tops s on s.venue = p.sell_venue and s.at = b.at
), steps as (
    select *, {_HELD.format(window="partition by pair_name order by at")} as held_s, edge_bps::float8 as now,
        case when at - lag(at) over w <= interval '2 seconds' then lag(edge_bps) over w end::float8 as before,
        extract(epoch from at - lag(at) over w) as step_s
    from edges window w as (partition by pair_name order by at)
)
select pair_name, round(edge_bps, 1) as rounded_bps, count(*) as samples, sum(held_s) as observed_s,
    coalesce(sum(held_s) filter (where edge_bps >= $9::numeric), 0) as above_s, sum(edge_bps) as edges_bps,
    sum(gross_bps) as grosses_bps, min(edge_bps) as low_bps, max(edge_bps) as high_bps,
    min(at) as first, max(at) as last, sum(now * now) as now_squared, count(before) as steps,
    coalesce(sum(step_s) filter (where before is not null), 0)::float8 as steps_s,
    coalesce(sum(before), 0) as step_before, coalesce(sum(now) filter (where before is not null), 0) as step_now,
    coalesce(sum(before * before), 0) as step_before_squared,
    coalesce(sum(now * now) filter (where before is not null), 0) as step_now_squared,
    coalesce(sum(before * now), 0) as step_product
from steps group by pair_name, rounded_bps order by pair_name, rounded_bps
"""  # noqa: S608 (put together from constants of this file)
# The newest takers of each venue: what the account really pays. $2 is the end, $3 how many fills are looked at.
TAKER_FEES = f"""
select e.venue, count(*) as fills, sum({FEE_QUOTE}) as fees_quote, sum(f.price * f.quantity) as value_quote,
    bool_or(f.side = 'buy' and f.fee_asset = split_part(f.symbol, '/', 1)) as buys_pay_base
from exchanges e cross join lateral (
    select * from fills f where f.symbol = $1 and f.venue = e.venue
        and f.traded_at_ns <= (extract(epoch from $2::timestamptz) * 1000000000)::bigint
    order by f.traded_at_ns desc limit $3
) f
where not f.is_maker and (f.fee = 0 or f.fee_price is not null
    or f.fee_asset in (split_part(f.symbol, '/', 1), split_part(f.symbol, '/', 2)))
group by e.venue order by e.venue
"""  # noqa: S608 (put together from constants of this file)

# --- performance
NEWEST_BOOKED = """
select greatest(
    (select booked_at from fills where symbol = $1 order by sequence desc limit 1),
    (select max(at) from ledger_entries where symbol = $1 and kind = 'funding')
) as at
"""
# $4 is the highest value before the piece, or null.
_FALL = """
with seen as (
    select at, {value} as value from position_snapshots
    where symbol = $1 and at > $2 and at <= $3 and spot_gate is not null and {value} is not null
), falls as (
    select at, value, greatest(max(value) over (order by at), $4::numeric) as peak from seen
)
select at, value, peak, (select max(peak) from falls) as peak_after from falls order by peak - value desc, at limit 1
"""
FALL_OF_EQUITY = _FALL.format(value="equity_quote")
FALL_OF_REALISED = _FALL.format(value="realised_quote")
PAIR_TIMES = """
select pair_name, count(*) filter (where naked_ms > 0) as naked_executions, sum(naked_ms) as naked_ms,
    percentile_disc(array[0.5, 0.9, 0.99]) within group (order by ended_at_ns - started_at_ns) as lasted_ns,
    max(ended_at_ns - started_at_ns) as lasted_ns_most,
    percentile_disc(array[0.5, 0.9, 0.99]) within group (order by naked_ms) as naked_ms_percentiles,
    coalesce(max(naked_ms) filter (where not coalesce(ambiguous, false)), 0) as naked_ms_worst_definite,
    coalesce(max(naked_ms) filter (where ambiguous), 0) as naked_ms_worst_ambiguous
from trade_executions where symbol = $1 and status <> 'open' and ended_at > $2 and ended_at <= $3
group by pair_name order by pair_name
"""

# --- opportunities
TAKEN_BY_HOUR = f"""
select {_HOUR.format(at="found_at")} as hour, pair_name, count(*) filter (where outcome = 'taken') as taken,
    count(*) filter (where outcome <> 'taken') as given_up,
    coalesce(sum(net_quote) filter (where outcome = 'taken'), 0) as estimate_quote
from opportunities_taken where symbol = $1 and found_at > $2 and found_at <= $3
group by hour, pair_name order by hour, pair_name
"""  # noqa: S608 (put together from constants of this file)
# $4 pairs. An episode stands for its best moment: of that are its reason and its estimate.
DECLINED_EPISODES = f"""
with rows as (
    select at, pair_name, reason, count, edge_bps, net_quote,
        case when at - lag(at) over w <= interval '{EPISODE_GAP_S} seconds' then 0 else 1 end as begins
    from opportunities_declined where symbol = $1 and at > $2 and at <= $3 and pair_name = any($4::text[])
    window w as (partition by pair_name order by at)
), numbered as (
    select *, sum(begins) over (partition by pair_name order by at) as episode from rows
), best as (
    select distinct on (pair_name, episode) pair_name, reason, net_quote, edge_bps, sum(count) over e as times,
        min(at) over e as began, max(at) over e as ended
    from numbered window e as (partition by pair_name, episode)
    order by pair_name, episode, net_quote desc nulls last, edge_bps desc, reason
), followed as (
    select *, extract(epoch from ended - began) as lasted_s, exists (
        select from opportunities_taken t where t.symbol = $1 and t.pair_name = best.pair_name and t.outcome = 'taken'
            and t.found_at >= best.began and t.found_at <= best.ended + interval '{EPISODE_GAP_S} seconds'
    ) as then_taken from best
)
select {_HOUR.format(at="began")} as hour, pair_name, reason, count(*) as episodes, sum(times) as times,
    count(*) filter (where then_taken) as then_taken,
    count(*) filter (where net_quote is null and not then_taken) as without_estimate,
    coalesce(sum(net_quote) filter (where not then_taken), 0) as estimate_quote, max(edge_bps) as edge_bps_best,
    sum(lasted_s) as lasted_s, max(lasted_s) as longest_s
from followed group by hour, pair_name, reason order by hour, pair_name, reason
"""  # noqa: S608 (put together from constants of this file)

# --- funding
# The last estimate before each settlement that lies in the piece, and what was held then. $4 since when estimates
# count: said of each table, so that planning leaves all other days of it out, which takes longer than the rest.
SETTLEMENTS = """
with ahead as (
    select next_at, max(at) as at from funding_rate_snapshots
    where symbol = $1 and at > $4 and at <= $3 and at < next_at and next_at > $2 and next_at <= $3
    group by next_at
)
select a.next_at as at, a.at as sampled_at, f.rate, f.interval_s, f.mark, p.perp_base
from ahead a cross join lateral (
    select rate, interval_s, mark from funding_rate_snapshots
    where symbol = $1 and at = a.at and at > $4 and at <= $3 limit 1
) f left join lateral (
    select perp_base from position_snapshots
    where symbol = $1 and at <= a.next_at and at > a.next_at - interval '60 seconds' and at > $4 and at <= $3
        and spot_gate is not null
    order by at desc limit 1
) p on true
order by a.next_at
"""
