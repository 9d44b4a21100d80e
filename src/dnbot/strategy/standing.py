"""Where we stand, in the terms of sizing and risk: derived from the context, stored nowhere."""

from __future__ import annotations

from decimal import Decimal
from itertools import takewhile

from dnbot.domain.instrument import SPOT_VENUES, VENUES, Venue
from dnbot.domain.order import Order, OrderIntent, OrderStatus, Purpose
from dnbot.domain.records import REPAIR_WINDOW_S
from dnbot.domain.transfer import TransferStatus
from dnbot.domain.units import ZERO, divide
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.countdowns import lapsed
from dnbot.strategy.inventory import Inventory
from dnbot.strategy.leverage import leverage_in_force, strange_leverage
from dnbot.strategy.reference import MARK_AGE_S_MAX
from dnbot.strategy.risk_inputs import RiskInputs
from dnbot.strategy.risk_orders import DUPLICATE_MS
from dnbot.strategy.settling import settling

HUNDRED = Decimal(100)
MINUTE_S = float(REPAIR_WINDOW_S)
PNL_UNKNOWN_S = 60.0
"""So long profit may be unknown: then nothing new is entered, and trading halts if prices are there all the same."""
_PAIRS = (Purpose.ENTRY, Purpose.EXIT)
GATE_VENUES = (Venue.GATE_SPOT, Venue.GATE_FUTURES)


def inventory_of(context: StrategyContext) -> Inventory:
    """What is free to trade with: our ledger less what the venues report as locked."""
    symbol, portfolio = context.params.symbol, context.portfolio
    accounts = context.accounts
    equity, margin = perp_equity(context), margin_free(context)
    free = {v: accounts[v].free(symbol.base, portfolio.balance(v, symbol.base)) for v in SPOT_VENUES}
    quote = {v: accounts[v].free(symbol.quote, portfolio.balance(v, symbol.quote)) for v in SPOT_VENUES}
    for transfer in context.transfers:
        if transfer.status.is_open:  # it may have left
            quote[transfer.source] = max(ZERO, quote[transfer.source] - transfer.amount)
    return Inventory(
        spot_base=free,
        quote=quote,
        perp_base=portfolio.perp_base,
        margin_free_quote=margin if margin is not None else ZERO,
        perp_equity_quote=equity if equity is not None else ZERO,
        hedge_room_base=hedge_room(context),
        portfolio=portfolio,
        bound_base=portfolio.delta - portfolio.perp_base - sum(free.values(), ZERO),
    )


def has_at_stake(context: StrategyContext) -> bool:
    """Whether there is something to guard: a perpetual position, a lot of it or more of base, an order without end."""
    book, least = context.portfolio, context.perp_lot or ZERO
    held = book.delta - book.perp_base
    return book.perp_base != ZERO or (held > ZERO and held >= least) or bool(context.unsettled)


def mark_price(context: StrategyContext) -> Decimal | None:
    """What margin is judged by: mark, else the one that a young read of the position told, else the perpetual's mid."""
    if context.market.mark is not None:
        return context.market.mark.mark
    account, book = context.accounts[Venue.GATE_FUTURES], context.book(Venue.GATE_FUTURES)
    position = account.position
    if position is not None and position.mark_price and context.now_s - account.read_s <= MARK_AGE_S_MAX:
        return position.mark_price
    return book.mid if book is not None else None


def perp_equity(context: StrategyContext) -> Decimal | None:
    """The perpetual wallet plus unrealised profit at mark, and what settles; None while mark or wallet is unknown."""
    mark = mark_price(context)
    if mark is None or not context.accounts[Venue.GATE_FUTURES].opened:
        return None
    wallet = context.portfolio.balance(Venue.GATE_FUTURES, context.params.symbol.quote)
    return wallet + context.portfolio.perp_unrealised(mark) + settling(context)


def margin_free(context: StrategyContext) -> Decimal | None:
    """What a new position may still be margined with; None while unknown."""
    return _free_of(context, perp_equity(context))


def _free_of(context: StrategyContext, equity: Decimal | None) -> Decimal | None:
    used = margin_used(context) if equity is not None else None
    return None if equity is None or used is None else max(ZERO, equity - used)


def margin_used(context: StrategyContext) -> Decimal | None:
    """What margins the position; None while its mark is unknown."""
    mark = mark_price(context)
    if mark is None:
        return None
    return divide(abs(context.portfolio.perp_base) * mark, leverage_in_force(context))


def margin_ratio_pct(context: StrategyContext) -> Decimal | None:
    """Free margin as a percentage of the perpetual account's equity."""
    equity = perp_equity(context)
    return _ratio_pct(equity, _free_of(context, equity))


def _ratio_pct(equity: Decimal | None, free: Decimal | None) -> Decimal | None:
    if equity is None or free is None:
        return None
    return divide(free * HUNDRED, equity) if equity > ZERO else ZERO


def liquidation_distance_pct(context: StrategyContext) -> Decimal | None:
    """From mark to liquidation, percent: the venue's price where it gives one, and our own estimate; the nearer one."""
    return _distance_pct(context, perp_equity(context))


def _distance_pct(context: StrategyContext, equity: Decimal | None) -> Decimal | None:
    mark, base = mark_price(context), context.portfolio.perp_base
    if equity is None or mark is None:
        return None
    if base == 0:
        return HUNDRED
    instrument = context.market.instruments.get(Venue.GATE_FUTURES)
    maintenance = instrument.maintenance_rate if instrument else ZERO
    value = abs(base) * mark
    own = divide((equity - value * maintenance) * HUNDRED, value)
    position = context.accounts[Venue.GATE_FUTURES].position
    if position is None or not position.liquidation_price:
        return own
    return min(own, divide(abs(position.liquidation_price - mark) * HUNDRED, mark))


def equity_shares(context: StrategyContext, perp: Decimal | None) -> dict[Venue, Decimal]:
    """Share of all equity that lies with each venue's exchange; empty while a price is unknown."""
    symbol, portfolio = context.params.symbol, context.portfolio
    mids = {venue: context.market.mid(venue) for venue in SPOT_VENUES}
    if perp is None:
        return {}
    parts: dict[Venue, Decimal] = {Venue.GATE_FUTURES: perp}
    for venue, mid in mids.items():
        if mid is None:
            return {}
        parts[venue] = portfolio.balance(venue, symbol.quote) + portfolio.balance(venue, symbol.base) * mid
    total = sum(parts.values(), ZERO)
    if total <= 0:
        return {}
    gate = divide(sum((parts[v] for v in GATE_VENUES), ZERO), total)
    return {**dict.fromkeys(GATE_VENUES, gate), Venue.MEXC_SPOT: divide(parts[Venue.MEXC_SPOT], total)}


def within_last_minute(context: StrategyContext, times_s: tuple[float, ...]) -> int:
    """How many of these moments are younger than a minute."""
    return sum(context.now_s - at_s < MINUTE_S for at_s in times_s)


def hedged_last_minute(context: StrategyContext) -> Decimal:
    """Base units of hedges and unwinds of the last minute, from our own orders: what traded, and what still may; less
    what the venue closed in that minute by trades of its own, which is to be hedged again whatever the budget.

    Orders stand in the order in which they were decided.
    """
    repairs, closed = context.orders.repairs, context.risk.closed_by_venue
    if not repairs:
        return ZERO
    young = takewhile(lambda order: _age_s(context, order) < MINUTE_S, reversed(repairs))
    repaired = sum((order.filled if order.is_settled else order.intent.quantity for order in young), ZERO)
    if not closed:
        return repaired
    return max(ZERO, repaired - sum((base for at_s, base in closed if context.now_s - at_s < MINUTE_S), ZERO))


def _age_s(context: StrategyContext, order: Order) -> float:
    return context.now_s - context.age(order.intent.client_order_id).created_s


def _decided_within(context: StrategyContext, seconds: float) -> tuple[OrderIntent, ...]:
    """Intents no older than this, the newest first."""
    young = takewhile(lambda order: _age_s(context, order) <= seconds, context.orders.newest_first())
    return tuple(order.intent for order in young)


def identical_pairs_last_minute(context: StrategyContext) -> int:
    """How often the most repeated order of the last minute's pairs was decided."""
    counts: dict[tuple[object, ...], int] = {}
    for intent in _decided_within(context, MINUTE_S):
        if intent.purpose in _PAIRS:
            key = (intent.venue, intent.side, intent.quantity, intent.price)
            counts[key] = counts.get(key, 0) + 1
    return max(counts.values(), default=0)


def pairs_last_minute(context: StrategyContext) -> int:
    """How many pairs were decided in the last minute, whatever became of them."""
    return len({i.execution_id for i in _decided_within(context, MINUTE_S) if i.purpose in _PAIRS})


def hedge_room(context: StrategyContext) -> Decimal:
    """Base units that the hedge budget of this minute still allows."""
    return max(ZERO, context.params.hedge_budget_base - hedged_last_minute(context))


def low_margin(context: StrategyContext) -> str | None:
    """Why the perpetual position needs a person: free margin or distance to liquidation below its floor."""
    if context.portfolio.perp_base == 0:
        return None
    equity, params = perp_equity(context), context.params
    ratio, distance = _ratio_pct(equity, _free_of(context, equity)), _distance_pct(context, equity)
    if ratio is None or distance is None:
        return None
    if ratio < params.margin_floor_pct:
        return f"free margin is {ratio:.1f} % of equity; margin_floor_pct is {params.margin_floor_pct}"
    if distance < params.liquidation_distance_min_pct:
        least = params.liquidation_distance_min_pct
        return f"liquidation is {distance:.1f} % away; liquidation_distance_min_pct is {least}"
    return None


def _equity(context: StrategyContext) -> Decimal | None:
    """The equity last computed, while that is recent enough to judge losses by."""
    risk = context.risk
    recent = risk.equity_s is not None and context.now_s - risk.equity_s <= PNL_UNKNOWN_S
    return risk.equity_quote if recent else None


def fleet_denial(context: StrategyContext) -> str:
    """Why the fleet lets no bot take new risk; empty: it does, or this one belongs to none."""
    told = context.fleet
    if told is None:
        return ""
    if not context.now_s <= told.valid_until_s:
        return told.denial or "what the fleet has is not known any more"
    return told.denial


def risk_inputs(context: StrategyContext) -> RiskInputs:
    """Everything that a risk check reads; what is unknown stays unknown."""
    inventory, risk, accounts = inventory_of(context), context.risk, context.accounts
    position, now_s = accounts[Venue.GATE_FUTURES].position, context.now_s
    unsettled, equity, perp = context.unsettled, _equity(context), perp_equity(context)
    start, free = context.portfolio.day_equity, _free_of(context, perp)
    return RiskInputs(
        params=context.params,
        state=context.current_state,
        mode=context.mode,
        now_s=now_s,
        market=context.market,
        instruments=context.instruments,
        fees=context.fees,
        orders=unsettled,
        recent=_decided_within(context, DUPLICATE_MS / 1000),
        ambiguous_pending=sum([order.status is OrderStatus.AMBIGUOUS for order in unsettled])
        + sum([transfer.status is TransferStatus.AMBIGUOUS for transfer in context.transfers]),
        reconciled=all(map(context.account_ready, VENUES)),
        streams_live={venue: accounts[venue].stream_up for venue in VENUES},
        balance_ages_ms={v: int((now_s - accounts[v].read_s) * 1000) for v in VENUES if accounts[v].read_s},
        clock_offset_ms={
            v: offset for v in VENUES if (offset := accounts[v].clock_offset_ms) is not None
        },
        clock_error_ms={v: error for v in VENUES if (error := accounts[v].clock_error_ms) is not None},
        countdowns_lapsed=lapsed(context, now_s),
        store_available=context.store_up,
        delta_worst=context.delta_worst_case,
        spot_base=inventory.spot_base,
        bound_base=inventory.bound_base,
        quote=inventory.quote,
        perp_base=inventory.perp_base,
        margin_free_quote=free,
        margin_ratio_pct=_ratio_pct(perp, free),
        liquidation_distance_pct=_distance_pct(context, perp),
        adl_rank=position.adl_rank if position else None,
        strange_leverage=strange_leverage(context),
        equity_quote=equity,
        equity_day_start_quote=start,
        daily_pnl_quote=None if equity is None or start is None else equity - start,
        equity_share=equity_shares(context, perp),
        losses_in_a_row=risk.losses_in_a_row,
        round_trips_last_minute=within_last_minute(context, risk.execution_times_s),
        api_errors_last_minute=within_last_minute(context, risk.api_error_times_s),
        fleet_denial=fleet_denial(context),
        hedge_quantity_last_minute=hedged_last_minute(context),
    )
