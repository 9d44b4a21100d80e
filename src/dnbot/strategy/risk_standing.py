"""Controls on where we stand: gate, knowledge of our own affairs, exposure, margin, losses, throttles."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.order import OrderIntent, Side
from dnbot.domain.units import ZERO, divide
from dnbot.strategy.ladder import moved
from dnbot.strategy.risk_inputs import Refused, RiskInputs, refused, unknown
from dnbot.strategy.states import gate_code

Intents = tuple[OrderIntent, ...]

CLOCK_OFFSET_MS_MAX = 5_000
"""Requests are stamped with the measured venue time, so an offset is harmless; beyond this it is not to be believed.
(MEXC refuses a timestamp one second ahead of its own: spot v3 docs, timing security.)"""
CLOCK_ERROR_MS_MAX = 500
"""A time that may be further off is a guess: MEXC refuses what is 1,000 ms ahead, and an order's expiry is shorter."""
OPEN_ORDERS_MAX = 4
"""A pair has two orders; more than two pairs in flight would mean that one was not settled."""
ADL_RANK_MIN = 3
HUNDRED = Decimal(100)
_VENUES = tuple(Venue)
"""In the order in which they are told; an enumeration itself is slow to go through."""


def gate(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """State x mode x purpose, from the one table."""
    for intent in intents:
        code, purpose = gate_code(inputs.state, inputs.mode, intent.purpose), intent.purpose.name
        if code == "STATE_NOT_TRADING":
            return refused(code, inputs.state.name, f"a state that may send {purpose}", "state")
        if code is not None:
            allowed = f"a mode that allows {purpose} in {inputs.state.name}"
            return refused(code, inputs.mode.name, allowed, "trading mode")
    return None


def reconciled(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Our figures and the venues' agreed since the last gap, and private streams are proven live."""
    if inputs.reconciled is not True:
        return refused("NOT_RECONCILED", inputs.reconciled, True, "reconciled")
    down = [venue.value for venue in _VENUES if not inputs.streams_live.get(venue, False)]
    return refused("NOT_RECONCILED", ", ".join(down), "none", "private streams not live") if down else None


def nothing_ambiguous(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No order's outcome is unknown."""
    if inputs.ambiguous_pending is None:
        return unknown("AMBIGUOUS_PENDING", "orders of unknown outcome")
    if inputs.ambiguous_pending > 0:
        return refused("AMBIGUOUS_PENDING", inputs.ambiguous_pending, 0, "orders of unknown outcome")
    return None


def store(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """The intent can be committed to the database."""
    if inputs.store_available is not True:
        return refused("DB_UNAVAILABLE", inputs.store_available, True, "database available")
    return None


def clock(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """The offset to each venue's clock is measured, small, and certain to within `CLOCK_ERROR_MS_MAX`."""
    for venue in _venues(intents):
        offset = inputs.clock_offset_ms.get(venue)
        if offset is None:
            return unknown("CLOCK", f"clock offset to {venue.value}")
        if abs(offset) > CLOCK_OFFSET_MS_MAX:
            return refused("CLOCK", f"{offset:.0f} ms", f"{CLOCK_OFFSET_MS_MAX} ms", f"clock offset to {venue.value}")
        error = inputs.clock_error_ms.get(venue)
        if error is None:
            return unknown("CLOCK", f"error of the clock offset to {venue.value}")
        if error > CLOCK_ERROR_MS_MAX:
            return refused("CLOCK", f"{error:.0f} ms", f"{CLOCK_ERROR_MS_MAX} ms", f"error of {venue.value}'s clock")
    return None


def countdown(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No venue may be cancelling our orders by itself."""
    if inputs.countdowns_lapsed is None:
        return unknown("COUNTDOWN", "countdowns of the venues")
    if inputs.countdowns_lapsed:
        names = ", ".join(venue.value for venue in inputs.countdowns_lapsed)
        return refused("COUNTDOWN", names, "none", "countdowns that were not renewed")
    return None


def balances_fresh(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Balances of both venues were read recently."""
    for venue in _venues(intents):
        age_ms = inputs.balance_ages_ms.get(venue)
        if age_ms is None:
            return unknown("DATA_STALE", f"age of the balances on {venue.value}")
        if age_ms > inputs.params.balance_age_ms_max:
            allowed = f"{inputs.params.balance_age_ms_max} ms"
            return refused("DATA_STALE", f"{age_ms} ms", allowed, f"age of the balances on {venue.value}")
    return None


def delta(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Delta, in the worst case, is below its hard limit."""
    if inputs.delta_worst is None:
        return unknown("NET", "delta in the worst case")
    perp = inputs.instruments.get(Venue.GATE_FUTURES)
    tolerance = inputs.params.tolerance_base(perp.lot_size) if perp else ZERO
    most = max(inputs.params.hard_limit_base, tolerance)  # what is left alone cannot be too much
    if inputs.delta_worst > most:
        return refused("NET", inputs.delta_worst, most, "delta in the worst case")
    return None


def inventory(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Spot bought stays inside `max_position_multiplier`; what moves between spots adds nothing."""
    if any(venue not in inputs.spot_base for venue in SPOT_VENUES):
        return unknown("INVENTORY", "base on the spot venues")
    if inputs.bound_base is None:
        return unknown("INVENTORY", "base that is locked or between the exchanges")
    now = sum((inputs.spot_base[venue] for venue in SPOT_VENUES), inputs.bound_base)
    added = ZERO
    for intent in (i for i in intents if i.venue.is_spot):
        fee = inputs.fees.get(intent.venue)
        if fee is None:
            return unknown("INVENTORY", f"fees of {intent.venue.value}")
        added += moved(intent, fee)
    most = inputs.params.base_position_size * inputs.params.max_position_multiplier
    lot = max((inputs.instruments[i.venue].lot_size for i in intents if i.venue in inputs.instruments), default=ZERO)
    if added > lot and now + added > most + lot:
        return refused("INVENTORY", now + added, most, "base on spot after the order")
    return None


def balance(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Each spot order is covered by what is free there, its fee included."""
    for intent in intents:
        if not intent.venue.is_spot:
            continue
        free, needed = inputs.spot_base.get(intent.venue), Decimal(intent.quantity)
        if intent.side is Side.BUY:
            fee = inputs.fees.get(intent.venue)
            if fee is None:
                return unknown("BALANCE", f"fees of {intent.venue.value}")
            rate = ZERO if fee.buy_fee_in_base else fee.taker
            free, needed = inputs.quote.get(intent.venue), intent.quantity * intent.price * (1 + rate)
        if free is None:
            return unknown("BALANCE", f"free balance on {intent.venue.value}")
        if needed > free:
            return refused("BALANCE", needed, free, f"{intent.side.value} on {intent.venue.value} needs")
    return None


def margin(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """What adds to the perpetual position is covered by free margin, and leaves its floor and a cushion; liquidation is
    not too near before it.
    """
    added = [i for i in intents if not i.venue.is_spot and not i.reduce_only]
    if not added:
        return None
    params = inputs.params
    if inputs.margin_free_quote is None or inputs.margin_ratio_pct is None or inputs.perp_base is None:
        return unknown("MARGIN", "margin of the perpetual account")
    if inputs.strange_leverage is None:
        return unknown("MARGIN", "leverage of the position")
    if inputs.strange_leverage:
        ours = f"{params.leverage} {params.margin_mode}"
        return refused("MARGIN", inputs.strange_leverage, ours, "leverage of the position")
    needed = sum((divide(i.quantity * i.price, Decimal(params.leverage)) for i in added), ZERO)
    free = inputs.margin_free_quote
    if needed > free:
        return refused("MARGIN", needed, free, "margin needed")
    left_pct = divide(inputs.margin_ratio_pct * (free - needed), free) if free > 0 else ZERO
    if left_pct < params.margin_entry_floor_pct:
        least = f"at least {params.margin_entry_floor_pct}"
        return refused("MARGIN", f"{left_pct:.2f}", least, "free margin in percent after the order")
    return _distance(inputs) if inputs.perp_base != 0 else None


def _distance(inputs: RiskInputs) -> Refused | None:
    least = inputs.params.liquidation_distance_min_pct
    if inputs.liquidation_distance_pct is None:
        return unknown("MARGIN", "distance to the liquidation price")
    if inputs.liquidation_distance_pct < least:
        return refused("MARGIN", inputs.liquidation_distance_pct, least, "percent to liquidation are below")
    if inputs.adl_rank is None:
        return unknown("MARGIN", "rank for auto-deleveraging")
    if inputs.adl_rank < ADL_RANK_MIN:
        return refused("MARGIN", inputs.adl_rank, ADL_RANK_MIN, "rank for auto-deleveraging")
    return None


def counterparty(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """No exchange holds more of our equity than `venue_equity_share_max`."""
    for venue in _venues(intents):
        share = inputs.equity_share.get(venue)
        if share is None:
            return unknown("GROSS", f"share of equity on {venue.value}")
        if share > inputs.params.venue_equity_share_max:
            return refused("GROSS", f"{share:.3f}", inputs.params.venue_equity_share_max, f"equity on {venue.value}")
    return None


def open_orders(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Few orders are in flight."""
    if inputs.orders is None:
        return unknown("OPEN_ORDERS", "orders in flight")
    ids = {intent.client_order_id for intent in intents}
    others = sum(1 for order in inputs.orders if order.intent.client_order_id not in ids)
    if others + len(intents) > OPEN_ORDERS_MAX:
        return refused("OPEN_ORDERS", others + len(intents), OPEN_ORDERS_MAX, "orders in flight")
    return None


def repeats(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Executions per minute, and definitive refusals per minute, are below their limits."""
    params = inputs.params
    if inputs.round_trips_last_minute is None or inputs.api_errors_last_minute is None:
        return unknown("REPEAT_THROTTLE", "round trips and refusals of the last minute")
    if inputs.round_trips_last_minute >= params.round_trips_per_minute_max:
        allowed = f"fewer than {params.round_trips_per_minute_max}"
        return refused("REPEAT_THROTTLE", inputs.round_trips_last_minute, allowed, "round trips in the last minute")
    if inputs.api_errors_last_minute >= params.api_error_limit_per_minute:
        allowed = f"fewer than {params.api_error_limit_per_minute}"
        return refused("REPEAT_THROTTLE", inputs.api_errors_last_minute, allowed, "refusals in the last minute")
    return None


def hedge_budget(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Hedges and unwinds of one minute stay inside their budget, counted from our own orders."""
    if inputs.hedge_quantity_last_minute is None:
        return unknown("HEDGE_BUDGET", "hedged quantity of the last minute")
    total = inputs.hedge_quantity_last_minute + sum((i.quantity for i in intents), ZERO)
    if total > inputs.params.hedge_budget_base:
        return refused("HEDGE_BUDGET", total, inputs.params.hedge_budget_base, "hedged in the last minute")
    return None


def repairable(intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Whichever leg of a pair fails, this minute's hedge budget can still bring the other one's quantity back."""
    if inputs.hedge_quantity_last_minute is None:
        return unknown("HEDGE_BUDGET", "hedged quantity of the last minute")
    total = inputs.hedge_quantity_last_minute + min(intent.quantity for intent in intents)
    if total > inputs.params.hedge_budget_base:
        return refused("HEDGE_BUDGET", total, inputs.params.hedge_budget_base, "hedged in the last minute, and a leg")
    return None


def profit_known(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Equity and today's profit can be computed."""
    known = (inputs.equity_quote, inputs.equity_day_start_quote, inputs.daily_pnl_quote, inputs.losses_in_a_row)
    return unknown("PNL_UNKNOWN", "equity, profit of the day, or losses in a row") if None in known else None


def loss(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """Drawdown, loss of the day and losses in a row are below their limits."""
    drawdown = drawdown_pct(inputs)
    params = inputs.params
    if drawdown is None or drawdown >= params.max_drawdown_pct:
        return refused("LOSS_LIMIT", drawdown, f"less than {params.max_drawdown_pct}", "drawdown in percent")
    today, most = inputs.daily_pnl_quote, params.max_daily_loss_quote
    if most is not None and (today is None or -today >= most):
        return refused("LOSS_LIMIT", today, f"above -{most}", "profit of the day")
    row = inputs.losses_in_a_row
    if row is None or row >= params.consecutive_loss_limit:
        return refused("LOSS_LIMIT", row, f"fewer than {params.consecutive_loss_limit}", "losses in a row")
    return None


def fleet(_intents: Intents, inputs: RiskInputs) -> Refused | None:
    """All bots of the fleet together are below its limits."""
    if inputs.fleet_denial is None:
        return unknown("FLEET_LIMIT", "what the fleet has")
    if inputs.fleet_denial:
        return refused("FLEET_LIMIT", inputs.fleet_denial, "below every limit", "the fleet")
    return None


def drawdown_pct(inputs: RiskInputs) -> Decimal | None:
    """What is missing of the day's first equity, percent; None when it cannot be said."""
    start, now = inputs.equity_day_start_quote, inputs.equity_quote
    if start is None or now is None or start <= 0:
        return None
    return divide((start - now) * HUNDRED, start)


def _venues(intents: Intents) -> tuple[Venue, ...]:
    named = [intent.venue for intent in intents]
    return tuple([venue for venue in _VENUES if venue in named])


