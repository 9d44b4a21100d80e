"""What the venue, or somebody else with the same key, does to accounts and contracts while a client trades."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import attrs

from .faults import FaultRefused
from .faults_clocks import drift_clock, skew_clock
from .faults_forced import liquidate_part, part_of
from .faults_kinds import GATE, FaultKind, Undo, WorldStrike
from .faults_market import markets_of
from .faults_requests import be_down
from .instruments import FeePolicy, FeeRates, Instrument, Phase
from .records import (
    GATE_FUTURES,
    GATE_SPOT,
    MEXC_SPOT,
    VENUES,
    OrderRequest,
    OrderState,
    PositionState,
    Refusal,
    Side,
    Venue,
)

POLICIES: dict[str, FeePolicy] = {"quote": "quote", "received": "received", "MX": "MX"}
CHANGEABLE = ("price_tick", "lot", "quantity_min", "notional_min", "price_band", "multiplier")
BPS = Decimal(10_000)
SUSPENDED: Phase = "prelaunch"
SLIP = Decimal("0.05")
"""How far through the market a spot order by hand may trade."""


def _decimal(strike: WorldStrike, name: str) -> Decimal:
    return Decimal(strike.text(name))


# -- fees and funding


def change_fee_coin(strike: WorldStrike) -> Undo:
    """Fees are taken in another coin, of orders that are placed from then on."""
    strike.struck()
    policies = strike.exchange.state.fee_policy
    before = dict(policies)
    policies.update(dict.fromkeys(strike.armed.venues, POLICIES[strike.text("coin")]))
    return lambda: policies.update(before)


def change_fee_rates(strike: WorldStrike) -> Undo:
    """Fees have other rates, on spot those of orders that are placed from then on; a negative one is a rebate."""
    strike.struck()
    rates = strike.exchange.state.default_fees
    before = dict(rates)
    changed = FeeRates(_decimal(strike, "maker_bps") / BPS, _decimal(strike, "taker_bps") / BPS)
    rates.update(dict.fromkeys(strike.armed.venues, changed))
    return lambda: rates.update(before)


def settle_funding(strike: WorldStrike) -> None:
    """Funding is charged now, out of turn."""
    strike.struck()
    for symbol in strike.world.funding.next_s:
        strike.exchange.settle_funding(symbol)


def change_funding(strike: WorldStrike) -> None:
    """Another interval, and a rate of another size or sign, which no longer follows the basis."""
    strike.struck()
    funding = strike.world.funding
    funding.interval_s = int(strike.number("interval_s"))
    for symbol in list(funding.next_s):
        model = strike.world.models[symbol]
        carry = attrs.evolve(model.params.carry, follows=False)
        model.params = attrs.evolve(model.params, funding_rate=_decimal(strike, "rate"), carry=carry)
        now_s = strike.engine.clock.seconds()
        funding.estimates.pop(symbol, None)
        funding.next_s[symbol] = min(funding.next_s[symbol], (now_s // funding.interval_s + 1) * funding.interval_s)
        funding.update_mark(symbol)


# -- contracts and markets


def change_instruments(strike: WorldStrike) -> None:
    """Steps, minima, bands or the multiplier change; options that are not given stay as they were.

    A contract has no least worth: the venue could refuse for it and tell nobody of it.
    """
    given: dict[str, Any] = {name: _decimal(strike, name) for name in CHANGEABLE if strike.text(name)}
    of_contracts = {name: value for name, value in given.items() if name != "notional_min"}
    markets = markets_of(strike)
    if "price_tick" in given:
        _check_tick(strike, given["price_tick"], markets)
    strike.struck()
    for market in markets:
        _change_terms(strike, market, attrs.evolve(market, **(of_contracts if market.is_perp else given)))


def _check_tick(strike: WorldStrike, tick: Decimal, markets: list[Instrument]) -> None:
    """Raises FaultRefused for what is no tick, and where outsiders' prices come from elsewhere and keep theirs."""
    if not tick.is_finite() or tick <= 0:
        raise FaultRefused(f"price_tick is a positive number, not {tick}")
    world = strike.world
    for market in markets:
        source = world.models[market.symbol].source
        played = source is not None and market.venue in source.tapes
        if played or world.script is not None or world.mirror is not None:
            raise FaultRefused(f"the book of {market.venue} is scripted, recorded or told: it keeps its price tick")


def _change_terms(strike: WorldStrike, market: Instrument, changed: Instrument) -> None:
    if changed.multiplier != market.multiplier:
        strike.exchange.resize_contract(changed)
    else:
        strike.exchange.relist(changed)
    if changed.price_tick != market.price_tick:
        strike.world.models[market.symbol].relist(changed)
        strike.world.quote_anew(market.venue, market.symbol)


def suspend(strike: WorldStrike) -> Undo:
    """Markets that are open are shown and take no orders of anybody, as before their first trade."""
    listings, suspended = strike.world.listings, [market for market in markets_of(strike) if market.tradable]
    if not suspended:
        raise FaultRefused(f"{strike.armed.fault.key}: every market that it means is closed already")
    strike.struck()
    for market in suspended:
        listings.suspended.add((market.venue, market.symbol))
        strike.exchange.relist(attrs.evolve(market, phase=SUSPENDED))

    def undo() -> None:
        for before in suspended:
            key = before.venue, before.symbol
            listings.suspended.discard(key)
            market = strike.exchange.state.instruments[key]
            if market.phase == SUSPENDED:  # else its script has ended it meanwhile
                strike.exchange.relist(attrs.evolve(market, phase=before.phase))
        listings.apply_due()
        for market in suspended:
            strike.world.quote_anew(market.venue, market.symbol)

    return undo


def switch_market_orders_off(strike: WorldStrike) -> Undo:
    """The API takes no market orders (30019)."""
    strike.struck()
    settings = strike.world.mexc_app.settings
    settings.market_orders_allowed = False

    def undo() -> None:
        settings.market_orders_allowed = True

    return undo


def close_to_api(strike: WorldStrike) -> Undo:
    """Symbols stream and show data, and refuse orders (10007)."""
    strike.struck()
    closed = strike.world.mexc_app.settings.closed_to_api
    names = [market.name for market in strike.exchange.instruments(MEXC_SPOT)]
    closed.update(dict.fromkeys(names, True))
    return lambda: closed.update(dict.fromkeys(names, False))


# -- accounts


def reduce_position(strike: WorldStrike) -> None:
    """A part of every position is closed against another's bankrupt one."""
    for position in _positions(strike):
        contracts = part_of(strike.exchange, position, _decimal(strike, "fraction"))
        strike.exchange.deleverage(position.uid, position.symbol, contracts)


def liquidate(strike: WorldStrike) -> None:
    """A part of every position is liquidated in the book."""
    for position in _positions(strike):
        contracts = part_of(strike.exchange, position, _decimal(strike, "fraction"))
        liquidate_part(strike.exchange, position, contracts)


def _positions(strike: WorldStrike) -> list[PositionState]:
    found = [p for uid in strike.uids() for p in strike.exchange.account(uid).positions.values() if p.contracts]
    if found:
        strike.struck()
    return found


def change_leverage(strike: WorldStrike) -> None:
    """Somebody sets another leverage (0: cross), wherever the venue admits it; refused when it does so nowhere."""
    leverage, exchange = _decimal(strike, "leverage"), strike.exchange
    _as_far_as_admitted(strike, (
        (GATE_FUTURES, exchange.set_leverage(uid, market.symbol, leverage))
        for uid in strike.uids() for market in exchange.instruments(GATE_FUTURES)
    ))  # fmt: skip


def _as_far_as_admitted(
    strike: WorldStrike, answers: Iterable[tuple[Venue, OrderState | PositionState | Refusal]]
) -> None:
    """Write one strike down as soon as a venue admits something. Raises FaultRefused when none admits anything."""
    done, refused = False, list[str]()
    for venue, answer in answers:
        if isinstance(answer, Refusal):
            refused.append(f"{venue} says {answer.kind.value} {answer.detail}")
        elif not done:
            done = True
            strike.struck()
    if not done:
        raise FaultRefused(f"{strike.armed.fault.key}: {'; '.join(refused) or 'there is no such account'}")


def switch_dual_mode_on(strike: WorldStrike) -> Undo:
    """Somebody switches to dual mode, which one-way clients cannot trade in."""
    strike.struck()
    modes, uids = strike.world.gate_app.context.position_mode, strike.uids()
    modes.update(dict.fromkeys(uids, "dual"))
    return lambda: modes.update(dict.fromkeys(uids, "single"))


def unify_account(strike: WorldStrike) -> Undo:
    """The account becomes a unified one: balances and margin mean something else."""
    strike.struck()
    settings = strike.world.gate_app.settings
    settings.account_mode = "unified"

    def undo() -> None:
        settings.account_mode = "classic"

    return undo


def cancel_everything(strike: WorldStrike) -> None:
    """Every open order of the accounts is gone."""
    strike.struck()
    for venue in strike.armed.venues:
        for uid in strike.uids():
            strike.exchange.cancel_all(venue, uid)


def maintain(strike: WorldStrike) -> Undo:
    """While REST answers 503, nothing; at the end, every open order is gone."""
    return lambda: cancel_everything(strike)


def move_money(strike: WorldStrike) -> None:
    """Money comes from, or (negative) goes to, the outside world: all that is meant or nothing.

    A spot wallet gives no more than is free in it; the perpetual's may owe.
    """
    asset, amount = strike.text("asset"), _decimal(strike, "amount")
    wallets = [(venue, uid) for venue in strike.armed.venues for uid in strike.uids()]
    for venue, uid in wallets:
        free = strike.exchange.state.accounts.available(uid, venue, asset)
        if venue != GATE_FUTURES and free + amount < 0:
            raise FaultRefused(f"{strike.armed.fault.key}: {venue} of {uid} has {free:f} {asset} free, not {-amount:f}")
    strike.struck()
    for venue, uid in wallets:
        strike.exchange.deposit(uid, venue, asset, amount)


def trade_by_hand(strike: WorldStrike) -> None:
    """Somebody places an order with the account: at the market, or, with a price, one that may rest.

    Some venues may refuse it; it is refused altogether when all do.
    """
    _as_far_as_admitted(strike, (
        (venue, strike.exchange.place_order(venue, uid, _order_by_hand(strike, venue)))
        for venue in strike.armed.venues for uid in strike.uids()
    ))  # fmt: skip


def _order_by_hand(strike: WorldStrike, venue: Venue) -> OrderRequest:
    price, symbol = _decimal(strike, "price"), strike.text("symbol")
    side: Side = "sell" if strike.text("side") == "sell" else "buy"
    quantity, client_id = _decimal(strike, "quantity"), strike.text("client")
    if price:
        return OrderRequest(symbol, side, "limit", "gtc", quantity, price, client_id=client_id)
    market, bound = strike.exchange.instrument(venue, symbol), None
    if venue != GATE_FUTURES and market is not None:
        reference = strike.exchange.state.reference_price(venue, symbol)
        if reference is not None:
            bound = reference * (1 + (SLIP if side == "buy" else -SLIP)) // market.price_tick * market.price_tick
    return OrderRequest(symbol, side, "market", "ioc", quantity, bound, client_id=client_id)


SPOT = (GATE_SPOT, MEXC_SPOT)
PERP = (GATE_FUTURES,)
MEXC = (MEXC_SPOT,)
KINDS = (
    FaultKind(
        "fee_coin_changes", "X07", "fees of new spot orders are taken in another `coin`: quote, received, or MX (MEXC)",
        "account", SPOT, options={"coin": "received"}, in_world=change_fee_coin,
    ),
    FaultKind(
        "fee_rates_change", "X07", "fees (on spot: of new orders) have other rates; negative ones are rebates",
        "account", VENUES, options={"maker_bps": "-1", "taker_bps": "5"}, in_world=change_fee_rates,
    ),
    FaultKind(
        "funding_settles", "X08", "funding is charged now, out of turn", "account", PERP, in_world=settle_funding,
    ),
    FaultKind(
        "funding_changes", "X08", "funding has another interval, and a rate of another size or sign", "market", PERP,
        options={"interval_s": 14_400, "rate": "-0.0002"}, in_world=change_funding,
    ),
    FaultKind(
        "instruments_change", "X09",
        "ticks, lots, minima, bands or the multiplier (X25) change while in use; positions keep their contracts",
        "market", VENUES, options=dict.fromkeys(("symbol", *CHANGEABLE), ""), in_world=change_instruments,
    ),
    FaultKind(
        "position_liquidated", "X11", "a `fraction` of each position is liquidated in the book", "account", PERP,
        options={"uid": "", "fraction": "0.5"}, in_world=liquidate,
    ),
    FaultKind(
        "position_deleveraged", "X12", "a `fraction` of each position is auto-deleveraged at the mark price", "account",
        PERP, options={"uid": "", "fraction": "0.5"}, in_world=reduce_position,
    ),
    FaultKind(
        "leverage_changes", "X13", "somebody sets another leverage (0: cross)", "account", PERP,
        options={"uid": "", "leverage": "3"}, in_world=change_leverage,
    ),
    FaultKind(
        "dual_mode_on", "X13", "somebody switches positions to dual mode", "account", PERP, options={"uid": ""},
        in_world=switch_dual_mode_on,
    ),
    FaultKind(
        "symbol_suspended", "X14", "markets are shown and take no orders; books stand still", "market", VENUES,
        options={"symbol": ""},
        in_world=suspend,
    ),
    FaultKind(
        "maintenance", "X15", "REST answers 503 for a while; after it every open order is gone", "venue", VENUES,
        options={"uid": "", "manner": "503"}, on_request=be_down, in_world=maintain, targets="requests",
    ),
    FaultKind(
        "orders_vanish", "X16", "every open order is cancelled, as by a dead-man timer", "account", VENUES,
        options={"uid": ""}, in_world=cancel_everything,
    ),
    FaultKind(
        "money_moves", "X22",
        "money comes from, or (negative `amount`; on spot only what is free) goes to, the outside world", "account",
        VENUES, options={"uid": "", "asset": "USDT", "amount": "-100"}, in_world=move_money,
    ),
    FaultKind(
        "traded_by_hand", "O04", "somebody trades with the account, at the market or at a `price`", "account", VENUES,
        options={
            "uid": "", "symbol": "BTC/USDT", "side": "buy", "quantity": "0.001", "price": "0", "client": "by-hand",
        },
        in_world=trade_by_hand,
    ),
    FaultKind(
        "market_orders_off", "X23", "market orders are refused over the API (30019)", "account", MEXC,
        in_world=switch_market_orders_off,
    ),
    FaultKind(
        "symbols_closed_to_api", "X23", "symbols stream and refuse orders over the API (10007)", "market", MEXC,
        in_world=close_to_api,
    ),
    FaultKind(
        "account_unified", "X30", "the account becomes a unified one", "account", GATE, in_world=unify_account,
    ),
    FaultKind(
        "clock_skewed", "T02", "a venue's own clock is ahead (negative: behind)", "venue", VENUES,
        options={"ahead_ms": 900.0}, in_world=skew_clock,
    ),
    FaultKind(
        "clock_drifts", "T01", "a venue's own clock runs fast (negative: slow)", "venue", VENUES,
        options={"ms_per_s": 10.0}, in_world=drift_clock,
    ),
)  # fmt: skip
