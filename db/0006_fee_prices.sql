-- A fee in a coin that is neither base nor quote is worth what the coin was worth when the fill was booked.

alter table fills add column fee_price exact check (fee_price > 0);
comment on column fills.fee_price is
    'quote units per unit of fee_asset, where that is neither base nor quote and its price was known';

create or replace function append_ledger(
    p_symbol text, p_epoch bigint, p_document jsonb
) returns void language plpgsql as $$
begin
    insert into fills (
        venue, symbol, trade_id, venue_order_id, client_order_id, order_id, side, price, quantity, fee, fee_asset,
        fee_price, is_maker, traded_at, traded_at_ns, execution_id, epoch, sequence, booked_at
    )
    select
        f.venue, f.symbol, f.trade_id, f.venue_order_id, f.client_order_id,
        coalesce(
            (select o.client_order_id from orders o where o.client_order_id = f.client_order_id),
            (select o.client_order_id from orders o join order_intents i using (client_order_id)
             where f.venue_order_id <> '' and o.venue_order_id = f.venue_order_id
               and i.venue = f.venue and i.symbol = f.symbol
             limit 1)
        ),
        f.side, f.price, f.quantity, f.fee, f.fee_asset, f.fee_price, f.is_maker, f.traded_at, f.traded_at_ns,
        f.execution_id, p_epoch, f.sequence, f.booked_at
    from jsonb_populate_recordset(null::fills, p_document -> 'fills') as f
    on conflict do nothing;
    insert into ledger_entries (
        symbol, entry_id, venue, asset, amount, kind, at, at_ns, note, trade_id, epoch, sequence
    )
    select p_symbol, entry_id, venue, asset, amount, kind, at, at_ns, note, trade_id, p_epoch, sequence
    from jsonb_populate_recordset(null::ledger_entries, p_document -> 'ledger_entries')
    on conflict do nothing;
end $$;
