"""Puts a fake world together: clock, exchange, market, journal, accounts and the fronts that serve them."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import msgspec
import trio

from .accounts import Account
from .audit import balances, positions
from .clock import FakeClock
from .config import AccountConfig, FakesConfig
from .exchange import Exchange
from .gateio_app import GateApp
from .gateio_context import GateSettings
from .instruments import Character, FeePolicy, FeeRates, Instrument, SymbolParams, instruments_for
from .listings import ListingSchedule
from .market import MarketModel, ModelPosition, common_factor
from .market_params import Commotion, MarketParams, market_params
from .matching import RestingOrder
from .mexc_app import MexcApp
from .mirror_terms import on_terms, refuse_another_unit
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES
from .replay import PREFIX, Recording, recording
from .running import World
from .state import Journal
from .universe import symbol_names, symbol_params

SIMULATION_EPOCH_NS = 1_800_000_000_000_000_000
BOOK_ID_STRIDE = 1_000_000  # what a restart adds to the book ids, which are not journaled change by change
PRIMING_STEPS = 3  # one turn of every venue: all books are full before anybody can look
REPLAY_STEPS_PER_S = 60.0  # each venue follows its recording 20 times a second
FEE_POLICIES: dict[str, FeePolicy] = {"quote": "quote", "base": "received", "MX": "MX"}

__all__ = ["SIMULATION_EPOCH_NS", "World", "build_core", "build_world", "running_world"]


def build_world(config: FakesConfig, clock: FakeClock) -> World:
    """A world ready to serve, with its fronts. Raises as ``build_core`` does."""
    world = build_core(config, clock)
    gate = GateSettings(enforce_limits=config.enforce_limits)
    world.attach_fronts(
        GateApp(world.exchange, world.requests, gate, rng=random.Random(f"{config.seed}:gate")),
        MexcApp(world.exchange, world.requests),
    )
    world.mexc_app.venue.limits.enabled = config.enforce_limits
    world.faults.attach(world, config.faults)
    return world


def build_core(config: FakesConfig, clock: FakeClock) -> World:
    """A world without fronts: books are full, accounts exist, state was read back when the directory holds any.

    Raises ValueError for an unknown market, symbol, listing or fee asset and for a recording that cannot be played,
    StateCorrupt for a damaged state directory, OSError for a file that cannot be read.
    """
    names = symbol_names(config.symbols)
    played = recording(config.market, config.replay) if config.market.startswith(PREFIX) else None
    if played is not None:
        played.begin(names)
    symbols = [symbol_params(name, config.seed, played.price(name) if played is not None else None) for name in names]
    if config.terms is not None:
        symbols = [attrs.evolve(one, price=config.terms.price, venues=VENUES) for one in symbols]
    exchange = Exchange(clock)
    clock.skew_ns.update({venue: ms * 1_000_000 for venue, ms in config.skew_ms.items()})
    _configure_fees(exchange, config)
    for symbol in symbols:
        standard = instruments_for(symbol, decimal_sizes=config.decimal_sizes)
        for instrument in standard if config.terms is None else on_terms(standard, config.terms):
            if instrument.venue in symbol.venues:
                exchange.state.add_instrument(instrument)
    world = World(config, clock, exchange, _market_params(config, played))
    kept = _restore(world)
    if config.terms is not None:
        refuse_another_unit(exchange.state, config.terms)
    for account in config.accounts:
        _admit_account(world, account, kept)
    _start_markets(world, symbols, played, kept)
    if world.script is not None:
        world.script.begin()
    if world.journal is not None:
        world.journal.snapshot(world.position())
        exchange.journal = world.journal
    _note_openings(world)
    return world


@asynccontextmanager
async def running_world(config: FakesConfig) -> AsyncIterator[World]:
    """A world in memory that runs while the block does, on the loop's clock (a MockClock in tests)."""
    world = build_world(config, FakeClock(SIMULATION_EPOCH_NS))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        yield world
        nursery.cancel_scope.cancel()


def _configure_fees(exchange: Exchange, config: FakesConfig) -> None:
    rates = exchange.state.default_fees
    rates[GATE_SPOT] = FeeRates(*config.gate_spot_fees)
    rates[GATE_FUTURES] = FeeRates(*config.gate_futures_fees)
    rates[MEXC_SPOT] = FeeRates(*config.mexc_fees)
    if config.mexc_fee_asset not in FEE_POLICIES:
        raise ValueError(f"mexc_fee_asset {config.mexc_fee_asset!r} is unknown; known: {', '.join(FEE_POLICIES)}")
    exchange.state.fee_policy[MEXC_SPOT] = FEE_POLICIES[config.mexc_fee_asset]


def _restore(world: World) -> dict[str, Any] | None:
    """Read the state directory: balances, orders and history as they were; open orders go back into the books."""
    directory = world.config.state_dir
    if directory is None:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    state = world.exchange.state
    world.journal = Journal(directory, state)
    kept = world.journal.load()
    if kept is None:
        return None
    state.ids.skip_ahead()
    for (venue, symbol), market in state.markets.items():
        market.book_id = int(kept["books"].get(f"{venue} {symbol}", 0)) + BOOK_ID_STRIDE
    for order in list(state.orders.values()):
        market_here = state.markets.get((order.venue, order.symbol))
        if not order.is_open or market_here is None:
            continue
        left = world.exchange._executable(order)  # what there is to reduce is promised oldest first, as it was before
        if left <= 0 or order.price % market_here.price_tick:  # the tick was another while a fault lasted
            world.exchange.cancel_order(order.venue, order.uid, order.order_id)
        else:
            market_here.place(RestingOrder(order.order_id, order.uid, order.side, order.price, left), "gtc")
    return kept


def _market_params(config: FakesConfig, played: Recording | None) -> MarketParams:
    """The preset; around recorded prices, quotes like the realistic preset's, without moods or jumps of their own."""
    if played is None:
        return market_params(config.market, config.deviation_bps, config.half_life_s)
    quotes = market_params("realistic", config.deviation_bps, config.half_life_s)
    return attrs.evolve(quotes, name="replay", commotion=Commotion(), note=played.describe())


def _start_markets(
    world: World, symbols: list[SymbolParams], played: Recording | None, kept: dict[str, Any] | None
) -> None:
    models = {} if kept is None else kept["models"]
    positions = {symbol: msgspec.convert(model, ModelPosition) for symbol, model in models.items()}
    factor = common_factor(world.config.seed, world.params)
    begun = [_model(world, symbol, played, positions.get(symbol.symbol)) for symbol in symbols]
    now_s = max((model.elapsed_s for model in begun), default=0.0)
    for params, model in zip(symbols, begun, strict=True):
        symbol = params.symbol
        model.factor = factor
        if symbol not in positions:  # a symbol that is new in an old world begins now
            model.position.step += math.floor(max(0.0, now_s - model.elapsed_s) * model.character.steps_per_s)
        world.models[symbol] = model
        if GATE_FUTURES not in params.venues:
            continue
        if kept is not None and symbol in kept["funding_next_s"]:
            world.funding.next_s[symbol] = int(kept["funding_next_s"][symbol])
        elif world.config.terms is not None:
            world.funding.next_s[symbol] = world.config.terms.rates.next_s
        else:
            world.funding.start(symbol, world.config.funding_first_after_s)
        world.funding.update_mark(symbol)
    begin_s = world.clock.seconds() if kept is None else int(kept.get("begin_s", world.clock.seconds()))
    world.listings = ListingSchedule(world.exchange, world.models, world.config.listings, begin_s)
    world.listings.announce()
    for symbol in world.models:
        for _ in range(PRIMING_STEPS):
            world.step_market(symbol)


def _model(
    world: World, params: SymbolParams, played: Recording | None, position: ModelPosition | None
) -> MarketModel:
    """One symbol's market where it was, or at its beginning: priming takes it to the world's second 0."""
    config, character = world.config, params.character
    instruments: tuple[Instrument, ...] = tuple(
        world.exchange.state.instruments[venue, params.symbol] for venue in params.venues
    )
    source, price = None, float(params.price)
    if played is not None:
        character = Character(steps_per_s=REPLAY_STEPS_PER_S)
        source = played.source(params.symbol, instruments, config.seed)
        price = source.index(0.0)
    return MarketModel(
        config.seed, world.params, instruments, price, position or ModelPosition(), character, source,
        start_s=-PRIMING_STEPS / character.steps_per_s,
    )  # fmt: skip


def _admit_account(world: World, wanted: AccountConfig, kept: dict[str, Any] | None) -> None:
    accounts = world.exchange.state.accounts
    known = kept is not None and wanted.uid in kept["opening"]
    if not known or kept is None:
        accounts.create(wanted.uid, wanted.key, wanted.secret, {v: dict(a) for v, a in wanted.balances.items()})
        return
    account = accounts.by_uid.setdefault(wanted.uid, Account(wanted.uid))
    account.key, account.secret = wanted.key, wanted.secret
    account.opening = {(venue, asset): Decimal(amount) for venue, asset, amount in kept["opening"][wanted.uid]}


def _note_openings(world: World) -> None:
    for account in world.config.accounts:
        opening = world.exchange.account(account.uid).opening_positions
        world.opening_this_start[account.uid] = {
            "balances": balances(world.exchange, account.uid),
            "positions": positions(world.exchange, account.uid, opening),
            "time_ms": world.clock.ms(),
        }
