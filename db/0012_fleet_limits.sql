-- Limits over all tasks of the fleet, as people set them: the newest row counts.

create table fleet_limits (
    id bigint generated always as identity primary key,
    gross_quote_max exact check (gross_quote_max > 0),
    margin_quote_max exact check (margin_quote_max > 0),
    day_loss_quote_max exact check (day_loss_quote_max > 0),
    who text not null,
    why text not null,
    at timestamptz not null default clock_timestamp()
);
comment on column fleet_limits.gross_quote_max is 'null: no limit';
