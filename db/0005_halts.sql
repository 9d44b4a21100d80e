-- A halt that a person ordered while the incarnation that has the book did not answer, or none ran. It takes no number
-- of the book's records, so whoever has the book may go on writing; a start reads it before anything is traded.

create table halts (
    id bigint generated always as identity primary key,
    symbol text not null references books,
    after_sequence bigint not null,
    who text not null,
    why text not null,
    at timestamptz not null,
    at_ns bigint not null
);
comment on column halts.after_sequence is 'what was written until then: a mode raised by a later record lifts the halt';
create index halts_symbol on halts (symbol, id desc);

create function halt_book(
    p_base text, p_quote text, p_who text, p_why text, p_at timestamptz, p_at_ns bigint
) returns void language plpgsql as $$
declare
    v_symbol text := p_base || '/' || p_quote;
    v_sequence bigint;
begin
    insert into books (symbol, base, quote) values (v_symbol, p_base, p_quote) on conflict do nothing;
    -- Waits for an append that is under way: what it raises was raised before.
    select sequence into v_sequence from books where symbol = v_symbol for share;
    insert into halts (symbol, after_sequence, who, why, at, at_ns)
    values (v_symbol, v_sequence, p_who, p_why, p_at, p_at_ns);
end $$;
