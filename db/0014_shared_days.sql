-- Days belong to every symbol of a database: a clock that is ahead, or a shorter setting, of one task drops nobody
-- else's samples. And a day that is made while samples are written ends no bot.

-- The longest that the newest run of any symbol asked for; null when none recorded its settings. Who neither began nor
-- sampled a book for as long as it asked for has nothing left to keep, and does not count.
create function longest_retention_days(now timestamptz) returns int language sql stable as $$
    select max(days)
    from (
        select distinct on (symbol) symbol, started_at,
               substring(settings from '"database":\{[^{}]*"retention_days":([0-9]{1,6})')::int as days
        from runs order by symbol, epoch desc
    ) as newest
    where started_at >= now - make_interval(days => days)
       or exists (
           select from book_ticker_snapshots as b
           where b.symbol = newest.symbol and b.at >= now - make_interval(days => days)
       )
$$;

create or replace function ensure_partition(series text, day date) returns void language plpgsql as $$
declare
    part text := series || to_char(day, '_YYYYMMDD');
    since timestamptz := day::timestamp at time zone 'UTC';
    until timestamptz := (day + 1)::timestamp at time zone 'UTC';
    waits text := current_setting('lock_timeout');
begin
    if to_regclass(format('%I', part)) is not null then
        return;
    end if;
    -- Nobody writes meanwhile: a sample that comes to the default partition after its rows of the day were moved has no
    -- place there once the day is attached. The tables themselves, so that who waits is routed anew; all, because
    -- begin_run makes the days of each in one transaction, and in the order of append_samples, against deadlocks.
    lock table only position_snapshots, only performance_metrics, only balance_snapshots, only funding_rate_snapshots,
        only book_ticker_snapshots, only opportunities_declined in share row exclusive mode;
    -- Whoever reads the default partition, as a dump does for its whole length, is not waited for while nobody writes.
    perform set_config('lock_timeout', '200ms', true);
    execute format('lock table only %I in access exclusive mode', series || '_default');
    perform set_config('lock_timeout', waits, true);
    execute format('create table %I (like %I including defaults including constraints)', part, series);
    -- The default partition may not hold rows of a day that gets its own.
    execute format(
        'with moved as (delete from %I where at >= %L and at < %L returning *) insert into %I select * from moved',
        series || '_default', since, until, part
    );
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', series, part, since, until);
end $$;

-- A day that is dropped has its table to itself, and who waits for that is waited for by every append.
alter function drop_old_partitions(text, timestamptz) set lock_timeout = '200ms';

-- Days are made by the clock of who asks, whose samples bear it, and dropped by this server's where that one is ahead.
create or replace function tidy_time_series(series text, now timestamptz, retention_days int) returns void
language plpgsql as $$
declare
    past timestamptz := least(now, clock_timestamp());
    cutoff timestamptz;
begin
    -- First, and with it the lock of all who tidy: nobody waits for that who has looked at samples in this transaction.
    perform make_partitions(series, now, 3);
    cutoff := past - make_interval(days => greatest(retention_days, longest_retention_days(past)));
    if (select kind from time_series where name = series) = 'hypertable' then
        execute format('select drop_chunks(%L::regclass, older_than => %L::timestamptz)', series, cutoff);
    else
        perform drop_old_partitions(series, cutoff);
    end if;
end $$;
