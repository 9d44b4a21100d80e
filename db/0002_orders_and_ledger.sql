-- Decisions, orders, fills and the ledger. Nothing here is ever dropped.

create table trade_executions (
    execution_id text primary key,
    symbol text not null references books,
    epoch bigint not null references runs,
    status text not null default 'open' check (status in ('open', 'complete', 'partial', 'repaired', 'failed')),
    pair_name text,
    purpose text,
    bought exact,
    sold exact,
    gross_quote exact,
    fees_quote exact,
    net_quote exact,
    estimate_net_quote exact,
    residual_base exact,
    naked_ms bigint,
    ambiguous boolean,
    started_at timestamptz,
    started_at_ns bigint,
    ended_at timestamptz,
    ended_at_ns bigint,
    check (status = 'open' or (net_quote is not null and ended_at is not null))
);
comment on table trade_executions is
    'One pair, or one step of building or leaving the position. Open from its commit until its record is closed.';
comment on column trade_executions.estimate_net_quote is 'what the decision expected; never booked';
create index trade_executions_ended on trade_executions (symbol, ended_at desc);

create table opportunities_taken (
    opportunity_id text primary key,
    symbol text not null references books,
    epoch bigint not null references runs,
    execution_id text not null references trade_executions,
    outcome text not null check (outcome in ('committed', 'taken')),
    pair_name text not null,
    purpose text not null,
    buy_quantity exact not null,
    sell_quantity exact not null,
    buy_price_cap exact not null,
    sell_price_cap exact not null,
    edge_bps exact not null,
    required_bps exact not null,
    inventory_price_bps exact not null,
    gross_quote exact not null,
    fees_quote exact not null,
    slippage_quote exact not null,
    funding_quote exact not null,
    exit_quote exact not null,
    net_quote exact not null,
    confidence double precision not null,
    adverse_move_bps double precision not null,
    depth_risk double precision not null,
    venue_risk double precision not null,
    edge jsonb,
    book_ids jsonb not null,
    book_ages_ms jsonb not null,
    found_at timestamptz not null,
    found_at_ns bigint not null,
    taken_at timestamptz
);
comment on column opportunities_taken.outcome is
    'committed: intents and evidence are durable; taken: both legs were handed to their desks';
comment on column opportunities_taken.edge is 'the pair''s statistics at that moment';
create index opportunities_taken_execution on opportunities_taken (execution_id);
create index opportunities_taken_found on opportunities_taken (symbol, found_at desc);

create table order_intents (
    client_order_id text primary key,
    symbol text not null,
    venue text not null,
    epoch bigint not null references runs,
    side text not null check (side in ('buy', 'sell')),
    quantity exact not null check (quantity > 0),
    price exact not null check (price > 0),
    purpose text not null
        check (purpose in ('entry', 'exit', 'establish', 'hedge', 'unwind', 'flatten', 'cancel')),
    time_in_force text not null check (time_in_force in ('ioc', 'gtc', 'fok', 'poc')),
    reduce_only boolean not null,
    execution_id text references trade_executions,
    created_at timestamptz not null,
    created_at_ns bigint not null,
    expires_at_ns bigint not null,
    committed_at timestamptz,
    commit_number bigint,
    foreign key (venue, symbol) references symbols
);
comment on column order_intents.committed_at is
    'database time of the commit that allows the order to be sent; null while only the journal has told of it';
comment on column order_intents.commit_number is
    'which call of its incarnation committed it: how a lost answer is looked up';
create index order_intents_execution on order_intents (execution_id);
create index order_intents_symbol on order_intents (symbol, created_at desc);

create table orders (
    client_order_id text primary key references order_intents,
    status text not null default 'pending' check (status in (
        'pending', 'sent', 'open', 'ambiguous', 'filled', 'cancelled', 'rejected', 'not_sent', 'no_effect'
    )),
    venue_order_id text not null default '',
    filled exact not null default 0 check (filled >= 0),
    reported_filled exact not null default 0 check (reported_filled >= 0),
    reason text not null default '',
    sent_at_ns bigint not null default 0,
    changed_at_ns bigint not null default 0,
    sequence bigint not null default 0,
    settled boolean not null generated always as (
        status in ('filled', 'cancelled', 'rejected', 'not_sent', 'no_effect') and filled >= reported_filled
    ) stored
);
comment on column orders.settled is 'final, and every unit that the venue claims as filled has been booked';
create index orders_unsettled on orders (client_order_id) where not settled;
create index orders_venue_order_id on orders (venue_order_id) where venue_order_id <> '';

create table fills (
    venue text not null,
    symbol text not null,
    trade_id text not null,
    venue_order_id text not null,
    client_order_id text not null,
    order_id text references orders,
    side text not null check (side in ('buy', 'sell')),
    price exact not null,
    quantity exact not null,
    fee exact not null,
    fee_asset text not null,
    is_maker boolean not null,
    traded_at timestamptz not null,
    traded_at_ns bigint not null,
    execution_id text references trade_executions,
    epoch bigint not null references runs,
    sequence bigint not null,
    booked_at timestamptz not null,
    primary key (venue, symbol, trade_id),
    foreign key (venue, symbol) references symbols
);
comment on table fills is 'Trades of ours. A venue numbers them per market, hence the symbol in the key.';
comment on column fills.client_order_id is 'as the venue says, empty when it does not';
comment on column fills.order_id is 'our order, when it is one of ours';
create index fills_sequence on fills (symbol, sequence desc);
create index fills_traded on fills (symbol, venue, traded_at_ns desc);
create index fills_execution on fills (execution_id) where execution_id is not null;

create table ledger_entries (
    symbol text not null references books,
    entry_id text not null,
    venue text not null references exchanges,
    asset text not null,
    amount exact not null,
    kind text not null
        check (kind in ('opening', 'base', 'quote', 'fee', 'pnl', 'funding', 'transfer', 'adjustment')),
    at timestamptz not null,
    at_ns bigint not null,
    note text not null default '',
    trade_id text,
    epoch bigint not null references runs,
    sequence bigint not null,
    primary key (symbol, entry_id),
    foreign key (venue, symbol, trade_id) references fills
);
comment on column ledger_entries.entry_id is 'made of the venue''s own ids, so that a replay cannot book twice';
comment on column ledger_entries.trade_id is 'the fill that caused it; null for account-book rows and openings';
create index ledger_entries_account on ledger_entries (symbol, venue, asset);
create index ledger_entries_sequence on ledger_entries (symbol, sequence desc) where trade_id is null;
create index ledger_entries_funding on ledger_entries (symbol, at desc) where kind = 'funding';

create view funding_payments as
    select symbol, venue, entry_id, asset, amount, at, at_ns, note from ledger_entries where kind = 'funding';
comment on view funding_payments is 'What was really paid (negative) or received, row by row of the venue''s own book.';

create table portfolio_snapshots (
    symbol text not null references books,
    sequence bigint not null,
    epoch bigint not null references runs,
    portfolio jsonb not null,
    at timestamptz not null,
    primary key (symbol, sequence)
);
comment on table portfolio_snapshots is
    'The fold of everything with a lower sequence. Later fills and entries are folded on top when it is read.';

create table state_transitions (
    symbol text not null references books,
    sequence bigint not null,
    epoch bigint not null references runs,
    number bigint not null,
    from_state text not null,
    to_state text not null,
    trigger text not null,
    why text not null,
    at timestamptz not null,
    at_ns bigint not null,
    primary key (symbol, sequence)
);
create index state_transitions_at on state_transitions (symbol, at desc);

create table trading_modes (
    symbol text not null references books,
    sequence bigint not null,
    epoch bigint not null references runs,
    from_mode text not null,
    to_mode text not null,
    why text not null,
    changed_by text not null,
    at timestamptz not null,
    at_ns bigint not null,
    primary key (symbol, sequence)
);
comment on table trading_modes is 'Every change of the trading mode. The newest row is in force, also after a restart.';

create table alerts (
    symbol text not null references books,
    sequence bigint not null,
    epoch bigint not null references runs,
    level text not null check (level in ('info', 'warning', 'critical')),
    key text not null,
    text text not null,
    at timestamptz not null,
    at_ns bigint not null,
    primary key (symbol, sequence)
);
create index alerts_at on alerts (symbol, at desc);
