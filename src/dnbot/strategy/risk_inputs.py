"""What the risk checks look at, and what they answer. A figure that is missing (None) refuses; it is never assumed."""

from __future__ import annotations

import math
from decimal import Decimal
from operator import attrgetter

import msgspec

from dnbot.domain.derived import is_finite
from dnbot.domain.instrument import FeeSchedule, Instrument, Venue
from dnbot.domain.market import MarketView
from dnbot.domain.order import Order, OrderIntent
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.states import StrategyState, TradingMode


class RiskInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The whole standing at the moment of a check. None always means: not known."""

    params: StrategyParameters
    state: StrategyState
    mode: TradingMode
    now_s: float
    market: MarketView = MarketView()
    instruments: dict[Venue, Instrument] = {}
    fees: dict[Venue, FeeSchedule] = {}
    orders: tuple[Order, ...] | None = None
    """Open or in flight, on any venue; the orders under check may be among them."""
    recent: tuple[OrderIntent, ...] | None = None
    """Orders decided within the last `DUPLICATE_MS`, whatever became of them; those under check may be among them."""
    ambiguous_pending: int | None = None
    """Orders whose outcome is unknown."""
    reconciled: bool | None = None
    """Every account was read since its last gap and agrees with the ledger."""
    streams_live: dict[Venue, bool] = {}
    balance_ages_ms: dict[Venue, int] = {}
    clock_offset_ms: dict[Venue, float] = {}
    """Our clock against the venue's, where measured."""
    clock_error_ms: dict[Venue, float] = {}
    """How far the measured offset may be wrong: half of the shortest round trip, and the venue's resolution."""
    countdowns_lapsed: tuple[Venue, ...] | None = None
    """Venues that may have begun to cancel our orders by themselves."""
    store_available: bool | None = None
    delta_worst: Decimal | None = None
    """|delta| in base units with every unknown outcome counted the worst way."""
    spot_base: dict[Venue, Decimal] = {}
    """Free base per spot venue."""
    bound_base: Decimal | None = None
    """Base that is ours and locked, or between the exchanges."""
    quote: dict[Venue, Decimal] = {}
    """Free quote per spot venue."""
    perp_base: Decimal | None = None
    """Signed base units on the perpetual."""
    margin_free_quote: Decimal | None = None
    margin_ratio_pct: Decimal | None = None
    """Free margin as a percentage of the perpetual account's equity."""
    liquidation_distance_pct: Decimal | None = None
    """From mark to the liquidation price; not asked for while there is no position."""
    adl_rank: int | None = None
    """The venue's rank for auto-deleveraging: 1 is first in line, 5 last, 6 holds nothing; None: it does not say."""
    strange_leverage: str | None = None
    """What the venue has of the position's leverage and margin mode, where that is not ours; empty when it is."""
    equity_quote: Decimal | None = None
    equity_day_start_quote: Decimal | None = None
    daily_pnl_quote: Decimal | None = None
    equity_share: dict[Venue, Decimal] = {}
    """Share of all equity that lies with the venue's exchange, 0..1."""
    losses_in_a_row: int | None = None
    round_trips_last_minute: int | None = None
    api_errors_last_minute: int | None = None
    identical_pairs_last_minute: int | None = None
    """How often the most repeated order of a pair was decided: same venue, side, quantity and price."""
    fleet_denial: str | None = None
    """Why the fleet lets none of its bots take new risk; empty: it does, or there is no fleet."""
    hedge_quantity_last_minute: Decimal | None = None
    """Base units of hedges and unwinds sent in the last minute, from our own orders."""


class Approved(msgspec.Struct, frozen=True):
    """Every control that applies was passed."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The first control that was not passed."""

    code: str
    was: str
    allowed: str
    text: str


class Latch(msgspec.Struct, frozen=True, kw_only=True):
    """A limit that lowers the trading mode until a person raises it."""

    code: str
    mode: TradingMode
    text: str


def refused(code: str, was: object, allowed: object, what: str) -> Refused:
    """A refusal with its sentence."""
    return Refused(code=code, was=str(was), allowed=str(allowed), text=f"{what}: {was}, allowed {allowed}")


def unknown(code: str, what: str) -> Refused:
    """A refusal because an input is missing."""
    return refused(code, "unknown", "known", what)


def known(inputs: RiskInputs) -> RiskInputs:
    """The same standing without figures that are no finite number: such a figure is not known.

    Of the market, a book with an empty side or such a number is no book, and such a mark no mark. Without a time, all
    books are gone, because none has an age.
    """
    if _is_known(inputs):
        return inputs
    changes: dict[str, object] = {"market": _believable(inputs)}
    for name in _FIGURES:
        value = getattr(inputs, name)
        if isinstance(value, dict):
            changes[name] = {key: part for key, part in value.items() if is_finite(part)}
        elif not is_finite(value):
            changes[name] = None
    return msgspec.structs.replace(inputs, **changes)


def _is_known(inputs: RiskInputs) -> bool:
    """Whether nothing has to be left out, as nearly always."""
    market = inputs.market
    return (
        math.isfinite(inputs.now_s)
        and math.isfinite(market.mark_received_s)
        and is_finite(market.mark)
        and all(map(_is_sound, market.books.values()))
        and all(map(_figure_is_finite, _figures_of(inputs)))
    )


def _figure_is_finite(figure: object) -> bool:
    return all(map(is_finite, figure.values())) if type(figure) is dict else is_finite(figure)


def _believable(inputs: RiskInputs) -> MarketView:
    market = inputs.market
    timed = math.isfinite(inputs.now_s)
    books = {venue: book for venue, book in market.books.items() if timed and book.is_sound}
    mark = market.mark if is_finite(market.mark) and math.isfinite(market.mark_received_s) else None
    return msgspec.structs.replace(market, books=books, mark=mark)


_FIGURES = tuple(
    name for name in RiskInputs.__struct_fields__ if name not in {"params", "state", "mode", "now_s", "market"}
)
_figures_of, _is_sound = attrgetter(*_FIGURES), attrgetter("is_sound")
