-- Money that the bot moves between its own wallets: written down before it is asked for, as orders are.

create table transfers (
    transfer_id text primary key,
    symbol text not null references books,
    epoch bigint not null references runs,
    source text not null references exchanges,
    target text not null references exchanges,
    asset text not null,
    amount exact not null check (amount > 0),
    why text not null,
    created_at timestamptz not null,
    created_at_ns bigint not null,
    expires_at_ns bigint not null,
    status text not null default 'pending' check (status in (
        'pending', 'ambiguous', 'accepted', 'arrived', 'refused', 'not_sent', 'no_effect'
    )),
    venue_id text not null default '',
    reason text not null default '',
    changed_at_ns bigint not null default 0,
    check (source <> target)
);
comment on table transfers is 'Between wallets of ours at one exchange. The money itself is in ledger_entries, both ends.';
create index transfers_created on transfers (symbol, created_at_ns desc);

create function commit_transfer(p_symbol text, p_epoch bigint, p_row jsonb) returns void language plpgsql as $$
declare
    v_epoch bigint;
begin
    -- Compatible with a running append, not with begin_run.
    select epoch into v_epoch from books where symbol = p_symbol for key share;
    if v_epoch is distinct from p_epoch then
        raise exception using errcode = 'DN001',
            message = format('%s: epoch %s may not write, %s has begun', p_symbol, p_epoch, v_epoch);
    end if;
    insert into transfers (
        transfer_id, symbol, epoch, source, target, asset, amount, why, created_at, created_at_ns, expires_at_ns
    )
    select transfer_id, p_symbol, epoch, source, target, asset, amount, why, created_at, created_at_ns, expires_at_ns
    from jsonb_populate_record(null::transfers, p_row);
exception when unique_violation then
    raise exception using errcode = 'DN003', message = 'this transfer was committed before';
end $$;

create function append_transfers(p_symbol text, p_rows jsonb) returns void language sql as $$
    update transfers t set
        status = r.status, venue_id = r.venue_id, reason = r.reason, changed_at_ns = r.changed_at_ns
    from jsonb_populate_recordset(null::transfers, p_rows) as r
    where t.symbol = p_symbol and t.transfer_id = r.transfer_id
$$;

-- As before, and transfers.
create or replace function append_records(
    p_symbol text, p_epoch bigint, p_after bigint, p_count int, p_document jsonb
) returns void language plpgsql as $$
declare
    v_epoch bigint;
    v_sequence bigint;
begin
    select epoch, sequence into v_epoch, v_sequence from books where symbol = p_symbol for no key update;
    if v_epoch is distinct from p_epoch then
        raise exception using errcode = 'DN001',
            message = format('%s: epoch %s may not write, %s has begun', p_symbol, p_epoch, v_epoch);
    end if;
    if v_sequence <> p_after then
        raise exception using errcode = 'DN002',
            message = format('%s: records after %s expected, %s found', p_symbol, v_sequence, p_after);
    end if;
    update books set sequence = p_after + p_count where symbol = p_symbol;
    if p_document ? 'executions' then
        perform add_executions(p_symbol, p_epoch, p_document -> 'executions');
    end if;
    if p_document ? 'orders' then
        perform append_orders(p_symbol, p_epoch, p_document);
    end if;
    if p_document ? 'fills' or p_document ? 'ledger_entries' then
        perform append_ledger(p_symbol, p_epoch, p_document);
    end if;
    if p_document ? 'transfers' then
        perform append_transfers(p_symbol, p_document -> 'transfers');
    end if;
    if p_document ? 'opportunities' then
        perform add_opportunities(p_symbol, p_epoch, p_document -> 'opportunities');
    end if;
    if p_document ? 'trade_executions' then
        perform close_executions(p_symbol, p_epoch, p_document -> 'trade_executions');
    end if;
    if p_document ?| array['state_transitions', 'trading_modes', 'alerts'] then
        perform append_events(p_symbol, p_epoch, p_document);
    end if;
    if p_document ?| array[
        'position_snapshots', 'performance_metrics', 'balance_snapshots', 'funding_rate_snapshots',
        'book_ticker_snapshots', 'opportunities_declined'
    ] then
        perform append_samples(p_symbol, p_epoch, p_document);
    end if;
    if p_document ? 'symbols' then
        perform set_listings(p_symbol, p_document -> 'symbols');
    end if;
    if p_document ? 'portfolio_snapshots' then
        insert into portfolio_snapshots (symbol, sequence, epoch, portfolio, at)
        select p_symbol, sequence, p_epoch, portfolio, at
        from jsonb_populate_recordset(null::portfolio_snapshots, p_document -> 'portfolio_snapshots');
    end if;
end $$;
