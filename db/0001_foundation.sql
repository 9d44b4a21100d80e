-- Who trades what, and when: venues, symbols, their listings, and the incarnations of the bot.
-- Money and quantities are numeric without a scale: what a venue sends is stored to its last digit.

create domain exact as numeric check (value > '-Infinity'::numeric and value < 'Infinity'::numeric);
comment on domain exact is 'A finite decimal number of any length; NaN is above Infinity and refused with it.';

create table exchanges (
    venue text primary key,
    exchange text not null,
    market text not null check (market in ('spot', 'perpetual'))
);
insert into exchanges (venue, exchange, market) values
    ('GATEIO_SPOT', 'gateio', 'spot'),
    ('GATEIO_FUTURES', 'gateio', 'perpetual'),
    ('MEXC_SPOT', 'mexc', 'spot');

-- One set of accounts per symbol. `epoch` is the incarnation that may write; `sequence` numbers its records, and
-- its row is the lock that makes appends follow one another.
create table books (
    symbol text primary key,
    base text not null,
    quote text not null,
    epoch bigint not null default 0,
    sequence bigint not null default 0,
    check (symbol = base || '/' || quote)
);

-- One row per listing: a symbol on a venue, with what that venue accepts. Null until the venue was read.
create table symbols (
    venue text not null references exchanges,
    symbol text not null references books,
    tick_size exact,
    lot_size exact,
    min_quantity exact,
    max_quantity exact,
    min_notional exact,
    max_notional exact,
    multiplier exact,
    price_deviation_max exact,
    maintenance_rate exact,
    tradable boolean,
    not_tradable_because text,
    read_at timestamptz,
    primary key (venue, symbol)
);
comment on column symbols.lot_size is 'base units, also on the perpetual';
comment on column symbols.multiplier is 'base units per contract; 1 on spot';

create table runs (
    epoch bigint primary key,
    symbol text not null references books,
    version text not null,
    settings text not null,
    started_at timestamptz not null,
    started_at_ns bigint not null
);
comment on column runs.epoch is 'above any before, over all symbols: client order ids are made of it';
create index runs_symbol on runs (symbol, epoch desc);

create table pings (
    id int primary key check (id = 1),
    at timestamptz not null
);
comment on table pings is 'One row, rewritten to prove that a write is possible.';
