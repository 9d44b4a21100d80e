"""Puts a fake world together: clock, exchange, market, journal, accounts and the fronts that serve them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import msgspec
import trio

from .accounts import Account
from .audit import balances, positions
from .clock import FakeClock
from .config import AccountConfig, FakesConfig
from .exchange import Exchange
from .gateio_app import GateApp
from .gateio_context import GateSettings
from .instruments import SYMBOLS, FeePolicy, FeeRates, instruments_for
from .market import MarketModel, ModelPosition
from .market_params import market_params
from .matching import RestingOrder
from .mexc_app import MexcApp
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT
from .running import World
from .state import Journal

SIMULATION_EPOCH_NS = 1_800_000_000_000_000_000
BOOK_ID_STRIDE = 1_000_000  # what a restart adds to the book ids, which are not journaled change by change
PRIMING_STEPS = 3  # one turn of every venue: all books are full before anybody can look
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
    return world


def build_core(config: FakesConfig, clock: FakeClock) -> World:
    """A world without fronts: books are full, accounts exist, state was read back when the directory holds any.

    Raises ValueError for an unknown market, symbol or fee asset, StateCorrupt for a damaged state directory.
    """
    params = market_params(config.market, config.deviation_bps, config.half_life_s)
    exchange = Exchange(clock)
    clock.skew_ns.update({venue: ms * 1_000_000 for venue, ms in config.skew_ms.items()})
    _configure_fees(exchange, config)
    for symbol in config.symbols:
        if symbol not in SYMBOLS:
            raise ValueError(f"symbol {symbol!r} is unknown; known: {', '.join(SYMBOLS)}")
        for instrument in instruments_for(SYMBOLS[symbol], decimal_sizes=config.decimal_sizes):
            exchange.state.add_instrument(instrument)
    world = World(config, clock, exchange, params)
    kept = _restore(world)
    for account in config.accounts:
        _admit_account(world, account, kept)
    _start_markets(world, kept)
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
        if order.is_open and market_here is not None:
            market_here.place(RestingOrder(order.order_id, order.uid, order.side, order.price, order.left), "gtc")
    return kept


def _start_markets(world: World, kept: dict[str, Any] | None) -> None:
    for symbol in world.config.symbols:
        position = ModelPosition()
        if kept is not None and symbol in kept["models"]:
            position = msgspec.convert(kept["models"][symbol], ModelPosition)
        instruments = tuple(i for i in world.exchange.state.instruments.values() if i.symbol == symbol)
        price = float(SYMBOLS[symbol].price)
        world.models[symbol] = MarketModel(world.config.seed, world.params, instruments, price, position)
        if kept is not None and symbol in kept["funding_next_s"]:
            world.funding.next_s[symbol] = int(kept["funding_next_s"][symbol])
        else:
            world.funding.start(symbol, world.config.funding_first_after_s)
        world.funding.update_mark(symbol)
        for _ in range(PRIMING_STEPS):
            world.step_market(symbol)


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
