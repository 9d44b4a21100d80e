-- Tasks, who holds them, and what became of them. Time is clock_timestamp() of this server and nobody else's.
-- Error DN005: the lease that a write stands on does not stand.

create table workers (
    worker_id text primary key,
    name text not null,
    version text not null,
    capacity int not null check (capacity > 0),
    draining boolean not null default false,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz
);
comment on column workers.worker_id is 'new with each start of a worker';
create index workers_alive on workers (worker_id) where ended_at is null;

create table tasks (
    task_id text primary key check (task_id ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    kind text not null,
    symbol text not null unique references books,
    settings text not null,
    weight int not null check (weight > 0),
    priority int not null,
    desired text not null default 'running' check (desired in ('running', 'paused', 'stopped')),
    state text not null default 'created' check (state in (
        'created', 'starting', 'running', 'pausing', 'paused', 'stopping', 'stopped', 'failed', 'quarantined'
    )),
    why text not null default '',
    context jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp()
);
comment on column tasks.symbol is 'a book has one writer, so a symbol belongs to one task';
comment on column tasks.settings is 'a configuration file without secrets: it names the variables that hold them';

create table task_accounts (
    account text primary key,
    task_id text not null references tasks on delete cascade
);
comment on table task_accounts is 'A book explains the whole balance of its accounts, so an account belongs to one task.';
create index task_accounts_task on task_accounts (task_id);

create table task_leases (
    task_id text primary key references tasks on delete cascade,
    epoch bigint not null default 0,
    holder text references workers,
    expires_at timestamptz,
    check ((holder is null) = (expires_at is null))
);
comment on column task_leases.epoch is 'grows with every claim';
comment on column task_leases.holder is 'null when released; one whose lease has ended stays here until the next claim';
create index task_leases_holder on task_leases (holder) where holder is not null;

create table task_events (
    id bigint generated always as identity primary key,
    task_id text not null,
    symbol text not null references books,
    kind text not null,
    state text not null default '',
    text text not null default '',
    worker_id text not null default '',
    lease_epoch bigint not null default 0,
    run_epoch bigint not null default 0,
    at timestamptz not null default clock_timestamp()
);
comment on table task_events is 'What happened to a task, by whom; it outlives the task.';
create index task_events_task on task_events (task_id, id desc);

-- --- people ----------------------------------------------------------------------------------------------------------
-- Each answers with nothing, or with why not.

create function add_task(p_row jsonb, p_base text, p_quote text, p_accounts text[], p_who text)
returns text language plpgsql as $$
declare
    v_symbol text := p_base || '/' || p_quote;
    v_found record;
begin
    lock table tasks in share row exclusive mode;
    if exists (select from tasks where task_id = p_row ->> 'task_id') then
        return format('task %s exists already', p_row ->> 'task_id');
    end if;
    select task_id into v_found from tasks where symbol = v_symbol;
    if found then
        return format('%s is traded by task %s', v_symbol, v_found.task_id);
    end if;
    select account, task_id into v_found from task_accounts where account = any (p_accounts) order by account limit 1;
    if found then
        return format('account %s belongs to task %s', v_found.account, v_found.task_id);
    end if;
    insert into books (symbol, base, quote) values (v_symbol, p_base, p_quote) on conflict do nothing;
    insert into tasks (task_id, kind, symbol, settings, weight, priority)
    select task_id, kind, v_symbol, settings, weight, priority from jsonb_populate_record(null::tasks, p_row);
    insert into task_accounts (account, task_id) select account, p_row ->> 'task_id' from unnest(p_accounts) as account;
    insert into task_leases (task_id) values (p_row ->> 'task_id');
    insert into task_events (task_id, symbol, kind, state, text)
    values (p_row ->> 'task_id', v_symbol, 'added', 'created', 'by ' || p_who);
    perform pg_notify('dnbot_tasks', p_row ->> 'task_id');
    return '';
end $$;

create function want_task(p_task text, p_desired text, p_who text, p_why text, p_seen text, p_state text)
returns text language plpgsql as $$
declare
    v_lease task_leases;
    v_task tasks;
begin
    -- The lease first, as a claim does: whether somebody holds the task stays so until we are done.
    select * into v_lease from task_leases where task_id = p_task for update;
    select * into v_task from tasks where task_id = p_task for update;
    if not found then
        return 'none';
    end if;
    if v_lease.holder is not null and v_lease.expires_at > clock_timestamp() then
        p_state := v_task.state;  -- its holder moves it
    elsif v_task.state <> p_seen then
        return 'moved';
    end if;
    update tasks set desired = p_desired, state = p_state, changed_at = clock_timestamp(),
        why = case when p_state <> v_task.state then p_why else why end
    where task_id = p_task;
    insert into task_events (task_id, symbol, kind, state, text)
    values (
        p_task, v_task.symbol, 'wanted_' || p_desired, case when p_state <> v_task.state then p_state else '' end,
        p_who || ': ' || p_why
    );
    perform pg_notify('dnbot_tasks', p_task);
    return '';
end $$;

create function remove_task(p_task text, p_who text) returns text language plpgsql as $$
declare
    v_lease task_leases;
    v_task tasks;
begin
    select * into v_lease from task_leases where task_id = p_task for update;
    select * into v_task from tasks where task_id = p_task for update;
    if not found then
        return 'none';
    end if;
    if v_lease.holder is not null and v_lease.expires_at > clock_timestamp() then
        return format('held by %s', v_lease.holder);
    end if;
    if v_task.state not in ('created', 'stopped', 'quarantined') then
        return v_task.state;
    end if;
    insert into task_events (task_id, symbol, kind, text) values (p_task, v_task.symbol, 'removed', 'by ' || p_who);
    delete from tasks where task_id = p_task;
    perform pg_notify('dnbot_tasks', p_task);
    return '';
end $$;

-- --- workers ---------------------------------------------------------------------------------------------------------

create function register_worker(p_worker text, p_name text, p_version text, p_capacity int)
returns void language plpgsql as $$
begin
    insert into workers (worker_id, name, version, capacity) values (p_worker, p_name, p_version, p_capacity)
    on conflict (worker_id) do update set capacity = p_capacity, seen_at = clock_timestamp();
    perform pg_notify('dnbot_tasks', '');
end $$;

create function leave_fleet(p_worker text, p_ended boolean) returns void language plpgsql as $$
begin
    update workers set draining = true, seen_at = clock_timestamp(),
        ended_at = case when p_ended then clock_timestamp() end
    where worker_id = p_worker;
    if p_ended then
        -- Not released: nobody has said that nothing of it is under way.
        update task_leases set expires_at = clock_timestamp()
        where holder = p_worker and expires_at > clock_timestamp();
    end if;
    perform pg_notify('dnbot_tasks', '');
end $$;

create function milliseconds_until(p_at timestamptz) returns bigint language sql as $$
    select floor(extract(epoch from p_at - clock_timestamp()) * 1000)::bigint
$$;

create function claim_task(
    p_task text, p_worker text, p_ttl_ms bigint,
    out o_granted boolean, out o_why text, out o_holder text, out o_epoch bigint, out o_left_ms bigint
) language plpgsql as $$
declare
    v_old task_leases;
    v_task tasks;
    v_kind text := 'claimed';
begin
    o_granted := false;
    o_why := '';
    select * into v_old from task_leases where task_id = p_task for update;
    if not found then
        o_why := 'no such task';
        return;
    end if;
    select * into v_task from tasks where task_id = p_task for update;
    o_holder := v_old.holder;
    o_epoch := v_old.epoch;
    o_left_ms := milliseconds_until(v_old.expires_at);
    if v_task.state in ('stopped', 'quarantined') then
        o_why := 'is ' || v_task.state;
        return;
    end if;
    update task_leases set
        holder = p_worker, epoch = epoch + 1, expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond'
    where task_id = p_task and (holder is null or holder = p_worker or expires_at <= clock_timestamp())
    returning true, holder, epoch into o_granted, o_holder, o_epoch;
    if o_granted is distinct from true then
        o_granted := false;
        o_holder := v_old.holder;
        o_epoch := v_old.epoch;
        return;
    end if;
    -- Nobody who had the book can write any more: no incarnation has the epoch 0.
    update books set epoch = 0 where symbol = v_task.symbol;
    update tasks set state = 'starting', why = 'claimed by ' || p_worker, changed_at = clock_timestamp()
    where task_id = p_task;
    -- Who came back from an outage of this database is no worker that its task has ended.
    if v_old.holder is not null then
        v_kind := case when v_old.holder = p_worker or exists (
            select from workers where worker_id = v_old.holder
                and seen_at > clock_timestamp() - p_ttl_ms * interval '1 millisecond'
        ) then 'reclaimed' else 'taken_over' end;
    end if;
    insert into task_events (task_id, symbol, kind, state, text, worker_id, lease_epoch)
    values (
        p_task, v_task.symbol, v_kind, 'starting',
        case when v_old.holder is null then '' else format(
            'the lease of %s, epoch %s, ended %s ms before', v_old.holder, v_old.epoch, greatest(0, -o_left_ms)
        ) end,
        p_worker, o_epoch
    );
end $$;

create function renew_leases(p_worker text, p_tasks text[], p_epochs bigint[], p_ttl_ms bigint)
returns table (task_id text, holder text, epoch bigint, left_ms bigint) language plpgsql as $$
begin
    update workers w set seen_at = clock_timestamp() where w.worker_id = p_worker;
    return query
    with asked as (
        select a.task_id, a.epoch from unnest(p_tasks, p_epochs) as a (task_id, epoch)
    ), renewed as (
        update task_leases l set expires_at = clock_timestamp() + p_ttl_ms * interval '1 millisecond'
        from asked a
        where l.task_id = a.task_id and l.epoch = a.epoch and l.holder = p_worker
            and l.expires_at > clock_timestamp()
        returning l.task_id
    )
    select a.task_id, l.holder, coalesce(l.epoch, 0), milliseconds_until(l.expires_at)
    from asked a left join task_leases l on l.task_id = a.task_id
    where a.task_id not in (select r.task_id from renewed r);
end $$;

create function release_lease(
    p_task text, p_worker text, p_epoch bigint,
    out o_released boolean, out o_holder text, out o_epoch bigint, out o_left_ms bigint
) language plpgsql as $$
begin
    update task_leases set holder = null, expires_at = null
    where task_id = p_task and holder = p_worker and epoch = p_epoch
    returning true into o_released;
    if o_released then
        perform pg_notify('dnbot_tasks', p_task);
    else
        o_released := false;
        select holder, epoch, milliseconds_until(expires_at) into o_holder, o_epoch, o_left_ms
        from task_leases where task_id = p_task;
    end if;
end $$;

-- The fence, for use inside of other transactions: until they end, nobody can claim the task.
create function check_lease(p_task text, p_worker text, p_epoch bigint) returns void language plpgsql as $$
declare
    v_lease task_leases;
begin
    select * into v_lease from task_leases where task_id = p_task for share;
    if v_lease.holder is distinct from p_worker or v_lease.epoch is distinct from p_epoch
        or v_lease.expires_at <= clock_timestamp()
    then
        raise exception using errcode = 'DN005', message = format(
            '%s: the lease of %s, epoch %s, does not stand; found %s, epoch %s, which ends in %s ms',
            p_task, p_worker, p_epoch, coalesce(v_lease.holder, 'no holder'), v_lease.epoch,
            milliseconds_until(v_lease.expires_at)
        );
    end if;
end $$;

create function tell_task(
    p_task text, p_worker text, p_epoch bigint, p_kind text, p_state text, p_text text, p_context jsonb
) returns void language plpgsql as $$
declare
    v_symbol text;
begin
    perform check_lease(p_task, p_worker, p_epoch);
    update tasks set
        state = coalesce(p_state, state), why = coalesce(p_text, why), context = coalesce(p_context, context),
        changed_at = clock_timestamp()
    where task_id = p_task returning symbol into v_symbol;
    if p_kind is not null then
        insert into task_events (task_id, symbol, kind, state, text, worker_id, lease_epoch)
        values (p_task, v_symbol, p_kind, coalesce(p_state, ''), coalesce(p_text, ''), p_worker, p_epoch);
    end if;
end $$;

-- Which accounts a task really trades, as its holder found them. Answers with nothing, or with whose one of them is.
create function bind_accounts(p_task text, p_worker text, p_epoch bigint, p_accounts text[])
returns text language plpgsql as $$
declare
    v_found record;
begin
    perform check_lease(p_task, p_worker, p_epoch);
    lock table task_accounts in share row exclusive mode;
    select account, task_id into v_found from task_accounts
    where account = any (p_accounts) and task_id <> p_task order by account limit 1;
    if found then
        return format('%s belongs to task %s', v_found.account, v_found.task_id);
    end if;
    insert into task_accounts (account, task_id) select account, p_task from unnest(p_accounts) as account
    on conflict do nothing;
    return '';
end $$;

-- begin_run for who holds the task: one that slept cannot fence off its successor.
create function begin_task_run(
    p_task text, p_worker text, p_lease_epoch bigint,
    p_base text, p_quote text, p_version text, p_settings text, p_started_at timestamptz, p_started_at_ns bigint,
    out o_epoch bigint, out o_sequence bigint
) language plpgsql as $$
begin
    perform check_lease(p_task, p_worker, p_lease_epoch);
    if not exists (select from tasks where task_id = p_task and symbol = p_base || '/' || p_quote) then
        raise exception using errcode = 'DN006', message = format('%s does not trade %s/%s', p_task, p_base, p_quote);
    end if;
    select b.o_epoch, b.o_sequence into o_epoch, o_sequence
    from begin_run(p_base, p_quote, p_version, p_settings, p_started_at, p_started_at_ns) as b;
    insert into task_events (task_id, symbol, kind, text, worker_id, lease_epoch, run_epoch)
    values (
        p_task, p_base || '/' || p_quote, 'run', format('incarnation %s began', o_epoch), p_worker, p_lease_epoch,
        o_epoch
    );
end $$;
