-- Rate budgets of venues that workers share. Time is clock_timestamp() of this server and nobody else's.

create table budgets (
    budget text primary key,
    capacity int not null check (capacity > 0),
    paused_until timestamptz not null default '-infinity'
);
comment on table budgets is 'What a venue allows one address, or one account, within a window.';

create table budget_holders (
    budget text not null references budgets,
    worker_id text not null,
    number bigint not null default 0,
    wanted int not null default 0,
    wants_until timestamptz not null default '-infinity',
    primary key (budget, worker_id)
);
comment on column budget_holders.wants_until is 'who does not ask again wants nothing more';
comment on column budget_holders.number is 'of the newest ask: an older one that arrives later changes nothing';

create table budget_grants (
    budget text not null,
    worker_id text not null,
    tokens int not null check (tokens > 0),
    ends_at timestamptz not null,
    primary key (budget, worker_id, tokens),
    foreign key (budget, worker_id) references budget_holders on delete cascade
);
comment on table budget_grants is
    'So many tokens may be spent in any window until the end; of several the greatest. It counts a window longer.';

create function floor_of_budget(p_capacity int) returns int language sql immutable as $$
    select greatest(1, p_capacity / 16)
$$;

-- One ask of one worker, as `fleet/budgets.py` settles it; null: it came after a later one.
create function lease_budget(p_worker text, p_ask jsonb) returns jsonb language plpgsql as $$
declare
    v_budget text := p_ask ->> 'budget';
    v_window interval := (p_ask ->> 'window_ms')::bigint * interval '1 millisecond';
    v_wanted int := (p_ask ->> 'wanted')::int;
    v_held int := (p_ask ->> 'held')::int;
    v_now timestamptz;
    v_capacity int;
    v_paused timestamptz;
    v_count int;
    v_even int;
    v_left int;
    v_fair int;
    v_tokens int := 0;
    v_floor int;
begin
    insert into budgets (budget, capacity) values (v_budget, (p_ask ->> 'capacity')::int) on conflict do nothing;
    select capacity into v_capacity from budgets where budget = v_budget for update;
    v_now := clock_timestamp();  -- after the wait for whoever asked before
    delete from budget_grants where budget = v_budget and ends_at + v_window <= v_now;
    delete from budget_holders h where h.budget = v_budget and h.worker_id <> p_worker and h.wants_until <= v_now
        and not exists (select from budget_grants g where g.budget = v_budget and g.worker_id = h.worker_id);
    insert into budget_holders (budget, worker_id) values (v_budget, p_worker) on conflict do nothing;
    update budget_holders set number = (p_ask ->> 'number')::bigint, wanted = v_wanted,
        wants_until = v_now + (p_ask ->> 'keep_ms')::bigint * interval '1 millisecond'
    where budget = v_budget and worker_id = p_worker and number < (p_ask ->> 'number')::bigint;
    if not found then
        return null;
    end if;
    select count(*) into v_count from budget_holders where budget = v_budget;
    update budgets set
        capacity = case when v_count = 1 then (p_ask ->> 'capacity')::int
            else least(capacity, (p_ask ->> 'capacity')::int) end,
        paused_until = greatest(paused_until, v_now + (p_ask ->> 'pause_ms')::bigint * interval '1 millisecond')
    where budget = v_budget returning capacity, paused_until into v_capacity, v_paused;
    -- What it gives up: no more than `held` is spent from now on, and `spent` was in the window that ends now.
    with gone as (
        delete from budget_grants where budget = v_budget and worker_id = p_worker and tokens > v_held
        returning tokens, ends_at
    ), kept as (
        select max(ends_at) as until, max(tokens) as most from gone
    )
    insert into budget_grants (budget, worker_id, tokens, ends_at)
    select v_budget, p_worker, k.tokens, max(k.ends_at)
    from kept, lateral (values (v_held, kept.until), (least((p_ask ->> 'spent')::int, kept.most), v_now)) as k (tokens, ends_at)
    where kept.until is not null and k.tokens > 0 and k.tokens >= v_held group by k.tokens
    on conflict (budget, worker_id, tokens) do update set ends_at = greatest(budget_grants.ends_at, excluded.ends_at);
    v_floor := floor_of_budget(v_capacity);
    v_even := (v_capacity - v_floor) / v_count;
    select v_capacity - coalesce(sum(o.counts), 0),
        v_capacity - v_floor - coalesce(sum(greatest(o.counts, least(o.wanted, v_even))), 0)
    into v_left, v_fair
    from (
        select case when h.wants_until > v_now then h.wanted else 0 end as wanted, coalesce(max(g.tokens), 0) as counts
        from budget_holders h left join budget_grants g on g.budget = h.budget and g.worker_id = h.worker_id
        where h.budget = v_budget and h.worker_id <> p_worker group by h.budget, h.worker_id
    ) o;
    if v_wanted > 0 then
        v_tokens := greatest(0, least(v_left, greatest(v_floor, least(v_wanted, v_fair))));
    end if;
    v_floor := least(v_floor, v_tokens);
    insert into budget_grants (budget, worker_id, tokens, ends_at)
    select v_budget, p_worker, granted, max(v_now + ms * interval '1 millisecond')
    from (values (v_tokens, (p_ask ->> 'keep_ms')::bigint), (v_floor, (p_ask ->> 'floor_ms')::bigint)) as g (granted, ms)
    where granted > 0 group by granted
    on conflict (budget, worker_id, tokens) do update set ends_at = greatest(budget_grants.ends_at, excluded.ends_at);
    return jsonb_build_object(
        'budget', v_budget, 'tokens', v_tokens, 'floor', v_floor,
        'pause_ms', case when v_paused > v_now then ceil(extract(epoch from v_paused - v_now) * 1000)::bigint else 0 end
    );
end $$;

-- All asks of a worker. In one order, so that two workers never wait for each other.
create function lease_budgets(p_worker text, p_asks jsonb) returns jsonb language plpgsql as $$
declare
    v_ask jsonb;
    v_grant jsonb;
    v_grants jsonb := '[]';
begin
    for v_ask in select a from jsonb_array_elements(p_asks) as a order by a ->> 'budget' loop
        v_grant := lease_budget(p_worker, v_ask);
        if v_grant is not null then
            v_grants := v_grants || v_grant;
        end if;
    end loop;
    return v_grants;
end $$;
