"""What an order must satisfy before it exists: symbol, precision, sizes, bands, money."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import attrs

from .instruments import RULES, Instrument
from .ledger_state import ExchangeState
from .records import GATE_FUTURES, ZERO, FeeTerms, OrderRequest, PositionState, Refusal, RefusalKind, Side, Venue
from .risk import tier_for_leverage


@attrs.frozen
class Checked:
    """An order request with everything implied made explicit, and the money it needs locked."""

    request: OrderRequest
    instrument: Instrument
    limit: Decimal | None  # None: no price limit at all
    lock_asset: str
    lock: Decimal


def check(state: ExchangeState, venue: Venue, uid: str, request: OrderRequest) -> Checked | Refusal:
    """Refuse an impossible request, or say what it locks (Gate and MEXC order documents; error tables of each)."""
    instrument = state.instruments.get((venue, request.symbol))
    if instrument is None:
        return Refusal(RefusalKind.UNKNOWN_SYMBOL, {"symbol": request.symbol})
    if not instrument.tradable or (instrument.phase == "delisting" and not (request.reduce_only or request.close)):
        return Refusal(RefusalKind.SYMBOL_CLOSED, {"symbol": request.symbol})
    if state.client_id_taken(venue, uid, request.client_id):
        return Refusal(RefusalKind.DUPLICATE_CLIENT_ID, {"client_id": request.client_id})
    counted = state.open_of(venue, uid, request.symbol if instrument.is_perp else None)  # `orders_limit` of a contract
    if len(counted) >= RULES[venue].orders_open_max:
        return Refusal(RefusalKind.TOO_MANY_ORDERS, {"allowed": str(RULES[venue].orders_open_max)})
    if venue == GATE_FUTURES:
        reduced = _reduce_only(state, uid, request, instrument)
        if isinstance(reduced, Refusal):
            return reduced
        request = reduced
    refusal = (
        _check_shape(request, instrument)
        or _check_sizes(state, request, instrument)
        or _check_band(state, request, instrument)
        or _check_counter(state, request, instrument)
    )
    if refusal is not None:
        return refusal
    limit = request.price
    if limit is None and venue == GATE_FUTURES:
        limit = _market_limit(state, request, instrument)
    if venue == GATE_FUTURES:
        return _check_margin(state, uid, request, instrument, limit)
    return _check_funds(state, uid, request, instrument, limit)


def required_lock(state: ExchangeState, uid: str, request: OrderRequest, instrument: Instrument) -> tuple[str, Decimal]:
    """Asset and amount that an unfilled spot order holds: base to sell; to buy, quote and any fee charged in it."""
    if request.side == "sell":
        return instrument.base, request.quantity or ZERO
    value = request.quote_amount
    if value is None:
        value = (request.price or ZERO) * (request.quantity or ZERO)
    return instrument.quote, value * (1 + fee_share_in_quote(state.fee_terms(instrument.venue, uid)))


def fee_share_in_quote(terms: FeeTerms) -> Decimal:
    """The largest rate when buys pay their fee in quote on these terms (an MX fee may fall back to quote), else 0."""
    if terms.policy == "received":
        return ZERO
    return max(terms.rates.taker, terms.rates.maker, ZERO)


def _reduce_only(
    state: ExchangeState, uid: str, request: OrderRequest, instrument: Instrument
) -> OrderRequest | Refusal:
    held = state.accounts.held(uid, request.symbol, instrument.multiplier).contracts
    if request.close:
        if not held:
            return Refusal(RefusalKind.REDUCE_ONLY, {"reason": "empty position"})
        side: Side = "sell" if held > 0 else "buy"
        return attrs.evolve(request, side=side, quantity=abs(held), reduce_only=True)
    if not request.reduce_only:
        return request
    if not held:
        return Refusal(RefusalKind.REDUCE_ONLY, {"reason": "empty position"})
    if (held > 0) == (request.side == "buy"):
        return Refusal(RefusalKind.REDUCE_ONLY, {"reason": "would increase the position"})
    if request.tif in ("ioc", "fok"):
        return request
    promised = sum(
        (o.left for o in state.open_of(GATE_FUTURES, uid, request.symbol) if o.reduce_only and o.side == request.side),
        ZERO,
    )
    if promised >= abs(held):
        return Refusal(RefusalKind.REDUCE_ONLY, {"reason": "already being closed"})
    return request


def _check_shape(request: OrderRequest, instrument: Instrument) -> Refusal | None:
    if request.quote_amount is not None:
        if request.kind != "market" or request.side != "buy" or instrument.is_perp or request.quantity is not None:
            return Refusal(RefusalKind.BAD_REQUEST, {"reason": "quote amount is for spot market buys"})
    elif request.quantity is None:
        return Refusal(RefusalKind.BAD_REQUEST, {"reason": "quantity is missing"})
    if request.kind == "limit" and request.price is None:
        return Refusal(RefusalKind.BAD_REQUEST, {"reason": "price is missing"})
    if request.kind == "market" and request.tif not in ("ioc", "fok"):
        return Refusal(RefusalKind.BAD_REQUEST, {"reason": f"a market order cannot be {request.tif}"})
    if request.price is not None and (not request.price.is_finite() or request.price <= 0):
        return Refusal(RefusalKind.BAD_REQUEST, {"reason": "price must be positive"})
    for amount in (request.quantity, request.quote_amount):
        if amount is not None and (not amount.is_finite() or amount <= 0):
            return Refusal(RefusalKind.BAD_REQUEST, {"reason": "quantity must be positive"})
    return None


def _check_sizes(state: ExchangeState, request: OrderRequest, instrument: Instrument) -> Refusal | None:
    if request.price is not None and request.price % instrument.price_tick:
        return Refusal(RefusalKind.PRECISION, {"field": "price", "was": f"{request.price:f}"})
    quantity = request.quantity
    if quantity is not None:
        if quantity % instrument.lot:
            return Refusal(RefusalKind.PRECISION, {"field": "quantity", "was": f"{quantity:f}"})
        if quantity < instrument.quantity_min:
            return Refusal(RefusalKind.MIN_SIZE, _limits(quantity, instrument.quantity_min, instrument.base))
        if quantity > instrument.quantity_max:
            return Refusal(RefusalKind.MAX_SIZE, _limits(quantity, instrument.quantity_max, instrument.base))
    price = request.price or state.reference_price(instrument.venue, instrument.symbol)
    value = request.quote_amount
    if value is None and price is not None and quantity is not None:
        value = instrument.notional(price, quantity)
    if value is not None and value < instrument.notional_min:
        return Refusal(RefusalKind.MIN_NOTIONAL, _limits(value, instrument.notional_min, instrument.quote))
    if value is not None and value > instrument.notional_max:
        return Refusal(RefusalKind.MAX_NOTIONAL, _limits(value, instrument.notional_max, instrument.quote))
    return None


def _limits(was: Decimal, allowed: Decimal, asset: str) -> dict[str, str]:
    return {"was": f"{was:f}", "allowed": f"{allowed:f}", "asset": asset}


def _check_band(state: ExchangeState, request: OrderRequest, instrument: Instrument) -> Refusal | None:
    reference = state.reference_price(instrument.venue, instrument.symbol)
    if request.kind != "limit" or request.price is None or reference is None:
        return None
    distance = request.price - reference
    if not instrument.is_perp:  # spot bands bound only the side that would pay too much
        distance = distance if request.side == "buy" else -distance
    if (abs(distance) if instrument.is_perp else distance) > reference * instrument.price_band:
        return Refusal(
            RefusalKind.PRICE_BAND,
            {"was": f"{request.price:f}", "reference": f"{reference:f}", "allowed": f"{instrument.price_band:f}"},
        )
    return None


def _check_counter(state: ExchangeState, request: OrderRequest, instrument: Instrument) -> Refusal | None:
    """An order that can never rest needs somebody on the other side; a post-only needs nobody there."""
    market = state.markets[(instrument.venue, instrument.symbol)]
    if request.kind == "market" and market.best("sell" if request.side == "buy" else "buy") is None:
        return Refusal(RefusalKind.NO_COUNTER, {"symbol": instrument.name})
    rules = RULES[instrument.venue]
    if request.tif == "poc" and rules.refuse_poc and request.price is not None:
        counter = market.would_take(request.side, request.price)
        if counter is not None:
            return Refusal(RefusalKind.POC_WOULD_TAKE, {"was": f"{request.price:f}", "counter": f"{counter:f}"})
    if request.tif == "fok" and rules.refuse_fok and request.quantity is not None:
        limit = request.price if request.price is not None else _market_limit(state, request, instrument)
        if market.fillable(request.side, limit, request.quantity) < request.quantity:
            return Refusal(RefusalKind.FOK_NOT_FILLED, {"was": f"{request.quantity:f}"})
    return None


def _market_limit(state: ExchangeState, request: OrderRequest, instrument: Instrument) -> Decimal | None:
    """The worst price of a perp market order: the mark, worsened by the contract's slip ratio, on a whole tick."""
    mark = state.reference_price(instrument.venue, instrument.symbol)
    if mark is None or not instrument.is_perp:
        return None
    slip = instrument.market_slip if request.side == "buy" else -instrument.market_slip
    return (mark * (1 + slip) / instrument.price_tick).to_integral_value(ROUND_FLOOR) * instrument.price_tick


def _check_funds(
    state: ExchangeState, uid: str, request: OrderRequest, instrument: Instrument, limit: Decimal | None
) -> Checked | Refusal:
    asset, lock = required_lock(state, uid, request, instrument)
    if request.side == "buy" and request.price is None and request.quote_amount is None:
        return Refusal(RefusalKind.BAD_REQUEST, {"reason": "a market buy needs a quote amount or a protection price"})
    free = state.accounts.available(uid, instrument.venue, asset)
    if free < lock:
        return Refusal(RefusalKind.BALANCE, {"asset": asset, "was": f"{free:f}", "needed": f"{lock:f}"})
    return Checked(request, instrument, limit, asset, lock)


def _check_margin(
    state: ExchangeState, uid: str, request: OrderRequest, instrument: Instrument, limit: Decimal | None
) -> Checked | Refusal:
    """Margin is needed for the part that opens or grows the position, at the worst price, and for the taker fee."""
    position = state.accounts.held(uid, request.symbol, instrument.multiplier)
    signed = (request.quantity or ZERO) * (1 if request.side == "buy" else -1)
    reducing = min(abs(position.contracts), abs(signed)) if position.contracts * signed < 0 else ZERO
    price = limit or state.reference_price(GATE_FUTURES, request.symbol) or ZERO
    opening_value = (abs(signed) - reducing) * instrument.multiplier * price
    leverage = position.leverage_in_force
    refusal = _check_risk_limit(state, position, position.contracts + signed, price) if opening_value else None
    if refusal is not None:
        return refusal
    fee = opening_value * max(state.fee_rates(GATE_FUTURES, uid).taker, ZERO)
    needed = opening_value / leverage + fee
    available = state.margin(uid).available
    if needed > 0 and available < needed:
        return Refusal(
            RefusalKind.MARGIN, {"asset": instrument.quote, "was": f"{available:f}", "needed": f"{needed:f}"}
        )
    return Checked(request, instrument, limit, instrument.quote, ZERO)


def _check_risk_limit(
    state: ExchangeState, position: PositionState, contracts: Decimal, price: Decimal
) -> Refusal | None:
    """The position may not outgrow the largest tier that admits its leverage."""
    tier = tier_for_leverage(state.tiers[position.symbol], position.leverage_in_force)
    allowed = tier.limit if tier is not None else ZERO
    value = abs(contracts) * position.multiplier * price
    if value <= allowed:
        return None
    return Refusal(RefusalKind.RISK_LIMIT, {"was": f"{value:f}", "allowed": f"{allowed:f}"})
