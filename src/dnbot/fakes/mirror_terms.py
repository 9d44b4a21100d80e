"""A world on the terms of real venues: their instruments, the fees and balances of an account, the way to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from .config import FakesConfig
from .instruments import Instrument
from .ledger_state import ExchangeState
from .market_params import MIRRORED
from .mirror_words import MirrorRefused, Terms
from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue

_NAMES = {"price_tick", "quantity_min", "quantity_max", "notional_min", "notional_max", "price_band", "multiplier",
          "maintenance_rate", "leverage_max"}  # fmt: skip
_IN_CONTRACTS = {"quantity_min", "quantity_max"}


def mirrored(config: FakesConfig, terms: Terms) -> FakesConfig:
    """That config for a market that is kept elsewhere.

    Each venue's clock is half its latency behind. A request waits for the whole way there and back, because what it
    meets is the newest book that is known here, and that one is as old as the way back. So it meets the book that the
    venue had when the request would have come there, and the venue's clock says the time of that.
    """
    fees = {venue: (terms.account(venue).maker, terms.account(venue).taker) for venue in VENUES}
    account = attrs.evolve(config.accounts[0], balances={venue: terms.account(venue).balances for venue in VENUES})
    return attrs.evolve(
        config,
        symbols=(terms.symbol,),
        market=MIRRORED,
        terms=terms,
        accounts=(account,),
        gate_spot_fees=fees[GATE_SPOT],
        gate_futures_fees=fees[GATE_FUTURES],
        mexc_fees=fees[MEXC_SPOT],
        skew_ms={venue: -terms.account(venue).latency_ms // 2 for venue in VENUES},
    )


def on_terms(standard: Iterable[Instrument], terms: Terms) -> Iterator[Instrument]:
    """These instruments with everything that their venues publish of them."""
    told = {one.venue: one for one in terms.instruments}
    for instrument in standard:
        published = told[instrument.venue]
        changed: dict[str, Any] = {name: getattr(published, name) for name in _NAMES}
        found = {name: value for name, value in changed.items() if value is not None}
        contracts = {name: found[name] / published.multiplier for name in _IN_CONTRACTS & found.keys()}
        yield attrs.evolve(instrument, lot=published.lot / published.multiplier, **(found | contracts))


def refuse_another_unit(state: ExchangeState, terms: Terms) -> None:
    """Raise MirrorRefused when a position that is kept counts in contracts of another size than the venue's now."""
    multiplier = state.instruments[GATE_FUTURES, terms.symbol].multiplier
    for account in state.accounts.by_uid.values():
        held = account.positions.get(terms.symbol)
        if held is not None and held.contracts and held.multiplier != multiplier:
            raise MirrorRefused(
                f"the kept position is of contracts of {held.multiplier}, and the venue's are now of {multiplier}: "
                "begin with a new state folder"
            )


def latency_s(terms: Terms | None, venue: Venue) -> float:
    """How long a request takes to that venue and back; nothing where the market is not kept elsewhere."""
    return 0.0 if terms is None else terms.account(venue).latency_ms / 1000
