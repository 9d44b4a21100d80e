-- Samples: one partition per day with a block-range index, dropped when past retention.
-- With TimescaleDB, loaded and available, they are hypertables instead; nothing else differs.

create function has_timescaledb() returns boolean language sql stable as $$
    select exists (select from pg_available_extensions where name = 'timescaledb')
       and 'timescaledb' = any (
           select trim(both ' "' from unnest(string_to_array(current_setting('shared_preload_libraries', true), ',')))
       )
$$;

do $$ begin
    if has_timescaledb() then
        create extension if not exists timescaledb;
    end if;
end $$;

create table time_series (
    name text primary key,
    kind text not null check (kind in ('partitions', 'hypertable'))
);
comment on table time_series is 'The tables that lose their oldest days, and how they are cut into days.';

create function create_time_series(name text, columns text) returns void language plpgsql as $$
begin
    if has_timescaledb() then
        execute format('create table %I (at timestamptz not null, %s)', name, columns);
        execute format('select create_hypertable(%L::regclass, by_range(''at'', interval ''1 day''))', name);
        insert into time_series values (name, 'hypertable');
    else
        execute format('create table %I (at timestamptz not null, %s) partition by range (at)', name, columns);
        -- What no day covers lands here, so that an insert never fails; ensure_partition moves it to its day.
        execute format('create table %I partition of %I default', name || '_default', name);
        insert into time_series values (name, 'partitions');
    end if;
    execute format('create index on %I using brin (at) with (pages_per_range = 32, autosummarize = on)', name);  -- codespell:ignore brin
    execute format('create index on %I (symbol, at desc)', name);
end $$;

create function ensure_partition(series text, day date) returns void language plpgsql as $$
declare
    part text := series || to_char(day, '_YYYYMMDD');
    since timestamptz := day::timestamp at time zone 'UTC';
    until timestamptz := (day + 1)::timestamp at time zone 'UTC';
begin
    if to_regclass(format('%I', part)) is not null then
        return;
    end if;
    execute format('create table %I (like %I including defaults including constraints)', part, series);
    -- The default partition may not hold rows of a day that gets its own.
    execute format(
        'with moved as (delete from %I where at >= %L and at < %L returning *) insert into %I select * from moved',
        series || '_default', since, until, part
    );
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', series, part, since, until);
end $$;

create function drop_old_partitions(series text, cutoff timestamptz) returns void language plpgsql as $$
declare
    part text;
begin
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = format('%I', series)::regclass and c.relname ~ ('^' || series || '_[0-9]{8}$')
    loop
        if ((right(part, 8)::date + 1)::timestamp at time zone 'UTC') <= cutoff then
            execute format('drop table %I', part);
        end if;
    end loop;
    execute format('delete from %I where at < %L', series || '_default', cutoff);
end $$;

-- Days from yesterday to `ahead` days after `now`.
create function make_partitions(series text, now timestamptz, ahead int) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('dnbot partitions'));  -- two bots may tidy at once
    if (select kind from time_series where name = series) = 'partitions' then
        perform ensure_partition(series, ((now at time zone 'UTC')::date + offset_days))
        from generate_series(-1, ahead) as offset_days;
    end if;
end $$;

create function tidy_time_series(series text, now timestamptz, retention_days int) returns void
language plpgsql as $$
declare
    cutoff timestamptz := now - make_interval(days => retention_days);
begin
    if (select kind from time_series where name = series) = 'hypertable' then
        execute format('select drop_chunks(%L::regclass, older_than => %L::timestamptz)', series, cutoff);
    else
        perform make_partitions(series, now, 3);
        perform drop_old_partitions(series, cutoff);
    end if;
end $$;

-- No foreign keys here: making or dropping a day would lock the tables referred to, and with them the commit of an
-- intent. The functions that write (0004) take symbol and epoch from the book itself.
select create_time_series('funding_rate_snapshots', $$
    symbol text not null, venue text not null, epoch bigint not null,
    rate exact not null, interval_s int not null, next_at timestamptz not null, mark exact, index_price exact
$$);
select create_time_series('position_snapshots', $$
    symbol text not null, epoch bigint not null,
    execution_id text,
    spot_base exact not null, spot_gate exact, spot_mexc exact, perp_base exact not null, delta_base exact not null,
    mark exact, liquidation_price exact, equity_quote exact, realised_quote exact
$$);
select create_time_series('balance_snapshots', $$
    symbol text not null, venue text not null,
    epoch bigint not null, asset text not null, reported exact not null, ledger exact not null
$$);
select create_time_series('book_ticker_snapshots', $$
    symbol text not null, venue text not null, epoch bigint not null,
    bid exact not null, bid_quantity exact not null, ask exact not null, ask_quantity exact not null,
    update_id bigint not null
$$);
select create_time_series('performance_metrics', $$
    symbol text not null, epoch bigint not null,
    execution_id text, name text not null, value numeric not null
$$);
select create_time_series('opportunities_declined', $$
    symbol text not null, epoch bigint not null,
    pair_name text not null, reason text not null, text text not null, count int not null,
    edge_bps double precision not null, gross_quote exact, fees_quote exact, slippage_quote exact,
    funding_quote exact, exit_quote exact, net_quote exact
$$);

create view arbitrage_opportunities as
    select found_at as at, symbol, epoch, outcome, '' as reason, pair_name, 1 as count, edge_bps::double precision,
           opportunity_id, execution_id, gross_quote, fees_quote, slippage_quote, funding_quote, exit_quote, net_quote
    from opportunities_taken
    union all
    select at, symbol, epoch, 'declined', reason, pair_name, count, edge_bps,
           null, null, gross_quote, fees_quote, slippage_quote, funding_quote, exit_quote, net_quote
    from opportunities_declined;
comment on view arbitrage_opportunities is
    'Every edge above its requirement: taken ones for ever, declined ones for as long as samples are kept.';
