"""The SQL that reads: what a new incarnation starts from, and what reports are made of. Writes are SQL functions."""

from __future__ import annotations

APPLIED = "select version, name, checksum from schema_migrations order by version"

BEGIN_RUN = "select o_epoch, o_sequence from begin_run($1, $2, $3, $4, $5, $6)"
BEGIN_TASK_RUN = "select o_epoch, o_sequence from begin_task_run($1, $2, $3, $4, $5, $6, $7, $8, $9)"
NOW = "select (extract(epoch from clock_timestamp()) * 1000000000)::bigint as ns"
COMMIT_INTENTS = "select commit_intents($1, $2, $3, $4)"
COMMIT_TRANSFER = "select commit_transfer($1, $2, $3)"
APPEND_RECORDS = "select append_records($1, $2, $3, $4, $5)"
HALT = "select halt_book($1, $2, $3, $4, $5, $6)"
PING = "insert into pings values (1, clock_timestamp()) on conflict (id) do update set at = excluded.at"
TIDY = "select tidy_time_series($1, $2, $3)"
KEEP_PORTFOLIOS = "select keep_newest_portfolios(symbol, $1) from books"
SERIES = "select name from time_series order by name"

EXCHANGES = "select venue from exchanges order by venue"
RENAME_SECOND_SPOT = """
update exchanges set venue = $2, exchange = $3 where venue = $1 and not exists (select from books) returning venue
"""

WAS_COMMITTED = """
select count(*) from order_intents where client_order_id = any($1) and commit_number = $2
"""
EPOCH = "select epoch from books where symbol = $1"
SEQUENCE = "select sequence from books where symbol = $1"

PORTFOLIO = """
select sequence, portfolio::text from portfolio_snapshots where symbol = $1 order by sequence desc limit 1
"""
FILLS_AFTER = "select * from fills where symbol = $1 and sequence > $2 order by sequence"
ENTRIES_AFTER = """
select * from ledger_entries where symbol = $1 and sequence > $2 and trade_id is null order by sequence, entry_id
"""
MODE = """
select to_mode, why from (
    (select to_mode, why, 1 as place from trading_modes where symbol = $1 order by sequence desc limit 1)
    union all
    (select 'HALTED', why, 2 from halts h where symbol = $1 and not exists (
        select from trading_modes m where m.symbol = $1 and m.sequence > h.after_sequence
            and m.from_mode = 'HALTED' and m.to_mode <> 'HALTED'
    ) order by id desc limit 1)
) as known order by to_mode = 'HALTED' desc, place limit 1
"""
CRASHES = """
select count(*) as crashes from runs r, (select * from runs where symbol = $1 order by epoch desc limit 1) newest
where r.symbol = $1 and r.epoch < newest.epoch and r.started_at_ns >= newest.started_at_ns - $2::bigint
    and not exists (
        select from state_transitions t where t.symbol = $1 and t.epoch = r.epoch and t.to_state = 'SHUTDOWN'
    )
"""
REPAIRS = """
select * from orders join order_intents using (client_order_id)
where settled and symbol = $1 and purpose in ('hedge', 'unwind') and created_at >= to_timestamp(
    ((select started_at_ns from runs where symbol = $1 order by epoch desc limit 1) - $2::bigint) / 1e9
)
order by created_at_ns, client_order_id
"""
UNSETTLED = """
select * from orders join order_intents using (client_order_id)
where not settled and symbol = $1 order by created_at_ns, client_order_id
"""
TRANSFERS = """
select * from transfers where symbol = $1 and (status in ('pending', 'ambiguous') or created_at_ns >= (
    select started_at_ns from runs where symbol = $1 order by epoch desc limit 1
) - $2::bigint) order by created_at_ns, transfer_id
"""
SEEN = """
select key from (
    (select venue || ':' || trade_id as key, sequence from fills
     where symbol = $1 order by sequence desc limit $2)
    union all
    (select entry_id, sequence from ledger_entries
     where symbol = $1 and trade_id is null order by sequence desc limit $2)
) as known order by sequence desc, key desc limit $2
"""
NEWEST = """
select venue,
    (select max(traded_at_ns) from fills f where f.symbol = $1 and f.venue = e.venue) / 1000000 as fill_ms,
    (select max(at_ns) from ledger_entries l where l.symbol = $1 and l.venue = e.venue and l.trade_id is null
        and l.entry_id like '%:row:%') / 1000000 as row_ms,
    exists (select from ledger_entries l where l.symbol = $1 and l.venue = e.venue and l.kind = 'opening') as opened
from exchanges e order by venue
"""

LEDGER_TOTALS = """
select venue, asset,
    coalesce(sum(amount) filter (where kind = 'opening'), 0) as opening,
    coalesce(sum(amount) filter (where kind <> 'opening'), 0) as entries,
    count(*) filter (where kind = 'adjustment') as adjustments
from ledger_entries where symbol = $1 group by venue, asset order by venue, asset
"""
FILLS = "select * from fills where symbol = $1 order by sequence"
FILLS_OF_ORDERS = """
select * from fills where symbol = $1 and client_order_id <> '' and client_order_id = any($2::text[])
union
select * from fills where symbol = $1 and venue_order_id <> '' and venue_order_id = any($3::text[])
order by sequence
"""
ENTRIES = "select * from ledger_entries where symbol = $1 order by sequence, entry_id"
ORDERS = """
select * from orders join order_intents using (client_order_id)
where symbol = $1 order by created_at_ns, client_order_id
"""
ORDERS_NAMED = """
select * from orders join order_intents using (client_order_id)
where symbol = $1 and client_order_id = any($2::text[]) order by created_at_ns, client_order_id
"""
