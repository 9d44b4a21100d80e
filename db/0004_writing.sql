-- Every write of the bot is one call of one of these: one round trip, one transaction, nothing half done.
-- A document is JSON whose keys are columns; numbers that are money travel as strings, so no digit is lost.
-- Error DN001: a newer incarnation has begun. DN002: records are not numbered where the book stands.
-- DN003: an intent was committed before.

create function begin_run(
    p_base text, p_quote text, p_version text, p_settings text, p_started_at timestamptz, p_started_at_ns bigint,
    out o_epoch bigint, out o_sequence bigint
) language plpgsql as $$
declare
    v_symbol text := p_base || '/' || p_quote;
begin
    insert into books (symbol, base, quote) values (v_symbol, p_base, p_quote) on conflict do nothing;
    insert into symbols (venue, symbol) select venue, v_symbol from exchanges on conflict do nothing;
    -- Waits for a running append or commit of the incarnation before, which is then fenced off.
    select sequence into o_sequence from books where symbol = v_symbol for update;
    lock table runs in share row exclusive mode;
    -- Never below the start's own second: a fresh database on a used account must not make old client ids again.
    select greatest(coalesce(max(epoch), 0) + 1, p_started_at_ns / 1000000000 - 1700000000) into o_epoch from runs;
    insert into runs values (o_epoch, v_symbol, p_version, p_settings, p_started_at, p_started_at_ns);
    update books set epoch = o_epoch where symbol = v_symbol;
    perform make_partitions(name, p_started_at, 3) from time_series;
end $$;

create function add_executions(p_symbol text, p_epoch bigint, p_ids jsonb) returns void language sql as $$
    insert into trade_executions (execution_id, symbol, epoch)
    select id, p_symbol, p_epoch from jsonb_array_elements_text(p_ids) as id
    order by id on conflict do nothing
$$;

create function add_opportunities(p_symbol text, p_epoch bigint, p_rows jsonb) returns void language sql as $$
    insert into opportunities_taken (
        opportunity_id, symbol, epoch, execution_id, outcome, pair_name, purpose, buy_quantity, sell_quantity,
        buy_price_cap, sell_price_cap, edge_bps, required_bps, inventory_price_bps, gross_quote, fees_quote,
        slippage_quote, funding_quote, exit_quote, net_quote, confidence, adverse_move_bps, depth_risk, venue_risk,
        edge, book_ids, book_ages_ms, found_at, found_at_ns, taken_at
    )
    select
        opportunity_id, p_symbol, p_epoch, execution_id, outcome, pair_name, purpose, buy_quantity, sell_quantity,
        buy_price_cap, sell_price_cap, edge_bps, required_bps, inventory_price_bps, gross_quote, fees_quote,
        slippage_quote, funding_quote, exit_quote, net_quote, confidence, adverse_move_bps, depth_risk, venue_risk,
        edge, book_ids, book_ages_ms, found_at, found_at_ns, taken_at
    from jsonb_populate_recordset(null::opportunities_taken, p_rows)
    on conflict (opportunity_id) do update set outcome = 'taken', taken_at = excluded.taken_at
        where excluded.outcome = 'taken' and opportunities_taken.outcome = 'committed'
$$;

create function commit_intents(
    p_symbol text, p_epoch bigint, p_number bigint, p_document jsonb
) returns void language plpgsql as $$
declare
    v_epoch bigint;
    v_now timestamptz := clock_timestamp();
    v_count int;
begin
    -- Compatible with a running append, not with begin_run.
    select epoch into v_epoch from books where symbol = p_symbol for key share;
    if v_epoch is distinct from p_epoch then
        raise exception using errcode = 'DN001',
            message = format('%s: epoch %s may not write, %s has begun', p_symbol, p_epoch, v_epoch);
    end if;
    perform add_executions(p_symbol, p_epoch, p_document -> 'executions');
    insert into order_intents (
        client_order_id, symbol, venue, epoch, side, quantity, price, purpose, time_in_force, reduce_only,
        execution_id, created_at, created_at_ns, expires_at_ns, committed_at, commit_number
    )
    select
        client_order_id, symbol, venue, epoch, side, quantity, price, purpose, time_in_force, reduce_only,
        execution_id, created_at, created_at_ns, expires_at_ns, v_now, p_number
    from jsonb_populate_recordset(null::order_intents, p_document -> 'intents')
    order by client_order_id
    on conflict (client_order_id) do update set committed_at = v_now, commit_number = p_number
        where order_intents.committed_at is null;
    get diagnostics v_count = row_count;
    if v_count <> jsonb_array_length(p_document -> 'intents') then
        raise exception using errcode = 'DN003', message = 'an intent of this call was committed before';
    end if;
    insert into orders (client_order_id)
    select client_order_id from jsonb_populate_recordset(null::order_intents, p_document -> 'intents')
    order by client_order_id on conflict do nothing;
    if p_document ? 'opportunities' then
        perform add_opportunities(p_symbol, p_epoch, p_document -> 'opportunities');
    end if;
end $$;

create function append_orders(p_symbol text, p_epoch bigint, p_document jsonb) returns void language plpgsql as $$
begin
    insert into order_intents (
        client_order_id, symbol, venue, epoch, side, quantity, price, purpose, time_in_force, reduce_only,
        execution_id, created_at, created_at_ns, expires_at_ns
    )
    select
        client_order_id, symbol, venue, epoch, side, quantity, price, purpose, time_in_force, reduce_only,
        execution_id, created_at, created_at_ns, expires_at_ns
    from jsonb_populate_recordset(null::order_intents, p_document -> 'intents')
    order by client_order_id on conflict do nothing;
    insert into orders (
        client_order_id, status, venue_order_id, filled, reported_filled, reason, sent_at_ns, changed_at_ns, sequence
    )
    select
        client_order_id, status, venue_order_id, filled, reported_filled, reason, sent_at_ns, changed_at_ns, sequence
    from jsonb_populate_recordset(null::orders, p_document -> 'orders')
    order by client_order_id
    on conflict (client_order_id) do update set
        status = excluded.status, venue_order_id = excluded.venue_order_id, filled = excluded.filled,
        reported_filled = excluded.reported_filled, reason = excluded.reason, sent_at_ns = excluded.sent_at_ns,
        changed_at_ns = excluded.changed_at_ns, sequence = excluded.sequence;
end $$;

create function append_ledger(p_symbol text, p_epoch bigint, p_document jsonb) returns void language plpgsql as $$
begin
    insert into fills (
        venue, symbol, trade_id, venue_order_id, client_order_id, order_id, side, price, quantity, fee, fee_asset,
        is_maker, traded_at, traded_at_ns, execution_id, epoch, sequence, booked_at
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
        f.side, f.price, f.quantity, f.fee, f.fee_asset, f.is_maker, f.traded_at, f.traded_at_ns, f.execution_id,
        p_epoch, f.sequence, f.booked_at
    from jsonb_populate_recordset(null::fills, p_document -> 'fills') as f
    on conflict do nothing;
    insert into ledger_entries (
        symbol, entry_id, venue, asset, amount, kind, at, at_ns, note, trade_id, epoch, sequence
    )
    select p_symbol, entry_id, venue, asset, amount, kind, at, at_ns, note, trade_id, p_epoch, sequence
    from jsonb_populate_recordset(null::ledger_entries, p_document -> 'ledger_entries')
    on conflict do nothing;
end $$;

create function append_events(p_symbol text, p_epoch bigint, p_document jsonb) returns void language sql as $$
    insert into state_transitions
        (symbol, sequence, epoch, number, from_state, to_state, trigger, why, at, at_ns)
    select p_symbol, sequence, p_epoch, number, from_state, to_state, trigger, why, at, at_ns
    from jsonb_populate_recordset(null::state_transitions, p_document -> 'state_transitions');
    insert into trading_modes (symbol, sequence, epoch, from_mode, to_mode, why, changed_by, at, at_ns)
    select p_symbol, sequence, p_epoch, from_mode, to_mode, why, changed_by, at, at_ns
    from jsonb_populate_recordset(null::trading_modes, p_document -> 'trading_modes');
    insert into alerts (symbol, sequence, epoch, level, key, text, at, at_ns)
    select p_symbol, sequence, p_epoch, level, key, text, at, at_ns
    from jsonb_populate_recordset(null::alerts, p_document -> 'alerts');
$$;

create function close_executions(p_symbol text, p_epoch bigint, p_rows jsonb) returns void language sql as $$
    update trade_executions t set
        status = r.status, pair_name = r.pair_name, purpose = r.purpose, bought = r.bought, sold = r.sold,
        gross_quote = r.gross_quote, fees_quote = r.fees_quote, net_quote = r.net_quote,
        estimate_net_quote = r.estimate_net_quote, residual_base = r.residual_base, naked_ms = r.naked_ms,
        ambiguous = r.ambiguous, started_at = r.started_at, started_at_ns = r.started_at_ns, ended_at = r.ended_at,
        ended_at_ns = r.ended_at_ns
    from jsonb_populate_recordset(null::trade_executions, p_rows) as r
    where t.execution_id = r.execution_id
$$;

create function append_samples(p_symbol text, p_epoch bigint, p_document jsonb) returns void language sql as $$
    insert into position_snapshots (
        at, symbol, epoch, execution_id, spot_base, spot_gate, spot_mexc, perp_base, delta_base, mark,
        liquidation_price, equity_quote, realised_quote
    )
    select at, p_symbol, p_epoch, execution_id, spot_base, spot_gate, spot_mexc, perp_base, delta_base, mark,
           liquidation_price, equity_quote, realised_quote
    from jsonb_populate_recordset(null::position_snapshots, p_document -> 'position_snapshots');
    insert into performance_metrics (at, symbol, epoch, execution_id, name, value)
    select at, p_symbol, p_epoch, execution_id, name, value
    from jsonb_populate_recordset(null::performance_metrics, p_document -> 'performance_metrics');
    insert into balance_snapshots (at, symbol, venue, epoch, asset, reported, ledger)
    select at, p_symbol, venue, p_epoch, asset, reported, ledger
    from jsonb_populate_recordset(null::balance_snapshots, p_document -> 'balance_snapshots');
    insert into funding_rate_snapshots (at, symbol, venue, epoch, rate, interval_s, next_at, mark, index_price)
    select at, p_symbol, venue, p_epoch, rate, interval_s, next_at, mark, index_price
    from jsonb_populate_recordset(null::funding_rate_snapshots, p_document -> 'funding_rate_snapshots');
    insert into book_ticker_snapshots (at, symbol, venue, epoch, bid, bid_quantity, ask, ask_quantity, update_id)
    select at, p_symbol, venue, p_epoch, bid, bid_quantity, ask, ask_quantity, update_id
    from jsonb_populate_recordset(null::book_ticker_snapshots, p_document -> 'book_ticker_snapshots');
    insert into opportunities_declined (
        at, symbol, epoch, pair_name, reason, text, count, edge_bps, gross_quote, fees_quote, slippage_quote,
        funding_quote, exit_quote, net_quote
    )
    select at, p_symbol, p_epoch, pair_name, reason, text, count, edge_bps, gross_quote, fees_quote,
           slippage_quote, funding_quote, exit_quote, net_quote
    from jsonb_populate_recordset(null::opportunities_declined, p_document -> 'opportunities_declined');
$$;

create function set_listings(p_symbol text, p_rows jsonb) returns void language sql as $$
    update symbols s set
        tick_size = r.tick_size, lot_size = r.lot_size, min_quantity = r.min_quantity,
        max_quantity = r.max_quantity, min_notional = r.min_notional, max_notional = r.max_notional,
        multiplier = r.multiplier, price_deviation_max = r.price_deviation_max,
        maintenance_rate = r.maintenance_rate, tradable = r.tradable,
        not_tradable_because = r.not_tradable_because, read_at = clock_timestamp()
    from jsonb_populate_recordset(null::symbols, p_rows) as r
    where s.symbol = p_symbol and s.venue = r.venue
$$;

-- Numbers `p_count` records of the book, starting after `p_after`, and writes what they say.
create function append_records(
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

create function keep_newest_portfolios(p_symbol text, p_kept int) returns void language sql as $$
    delete from portfolio_snapshots where symbol = p_symbol and sequence < (
        select min(sequence) from (
            select sequence from portfolio_snapshots where symbol = p_symbol order by sequence desc limit p_kept
        ) as newest
    )
$$;
