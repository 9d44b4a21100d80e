"""What a plugin is: the whole of what code of others may stand on. docs/extending.md walks through it.

A plugin is a class or function that an entry point of the group `dnbot.KIND` names. In a process of its own it is
called with a `PluginContext`, and what it returns is asked one question at a time. Text and values go in, text and
values come out: nothing of the bot is there to be touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

import attrs
import msgspec

from dnbot.venues import plugin as venues

PROTOCOLS: Mapping[str, tuple[int, ...]] = {
    "alerts": (1,), "analytics": (1,), "execution": (1,), "strategies": (1,), "venues": venues.PROTOCOLS,
}
"""The versions that this dnbot speaks, by kind. A change that a plugin would notice makes a new version. A plugin of
the kind venues is another thing altogether: `dnbot.venues.plugin`."""
EXTRA_BPS_MAX = Decimal(5_000)
COLUMNS_MAX = 8
"""Of one plugin."""
TITLE_CHARACTERS_MAX = 40
CELL_CHARACTERS_MAX = 80
Option = str | int | bool


def group_of(kind: str) -> str:
    """The group of entry points of this kind."""
    return f"dnbot.{kind}"


@attrs.frozen
class PluginContext:
    """What a plugin is called with, once, when it is loaded."""

    options: Mapping[str, Option]
    """Of its row in the configuration. Whatever it raises about them is told to the person who wrote them."""
    secret: str = attrs.field(repr=False)
    """The value of the variable that its row names; empty where it names none."""
    symbol: str
    """As `BTC/USDT`."""
    mode: str
    """`sim`, `paper` or `live`."""


class AlertNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that people are to hear of."""

    level: str
    """`info`, `warning` or `critical`."""
    title: str
    body: str
    """One line per alert."""


class AlertsPlugin(Protocol):
    """Kind `alerts`, version 1: a channel."""

    protocol: int

    def tell(self, notice: AlertNotice) -> bool:
        """Bring it to people. False: it was not taken now, and is tried again later; that is no fault."""
        ...


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of the dashboard's list of trades."""

    key: str
    """Small letters, digits and _; once per plugin."""
    title: str
    """At most 40 characters, the unit last."""
    is_number: bool = True
    """Numbers stand to the right."""


class TradeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One execution, as the list of trades has it; None: not known. Times are in UTC."""

    execution_id: str
    pair: str | None = msgspec.field(name="pair_name")
    """A directed pair; None for what builds and closes the position."""
    purpose: str | None
    status: str
    """`complete`, `partial`, `repaired` or `failed`."""
    started_at: datetime | None
    ended_at: datetime | None
    bought_base: Decimal | None = msgspec.field(name="bought")
    sold_base: Decimal | None = msgspec.field(name="sold")
    residual_base: Decimal | None
    """What one leg filled more than the other."""
    bought_quote: Decimal | None
    """Value of the buys."""
    gross_quote: Decimal | None
    """Before fees."""
    fees_quote: Decimal | None
    """Above zero: paid."""
    net_quote: Decimal | None
    expected_quote: Decimal | None
    """Of the legs, at the books that the decision saw."""
    edge_bps: Decimal | None
    """Of the decision."""
    naked_ms: int | None
    """How long one leg stood without the other."""
    ambiguous: bool | None
    """An order's outcome was unknown for a while."""


Cell = str | None
"""Text of at most 80 characters; None: nothing to say."""


class AnalyticsPlugin(Protocol):
    """Kind `analytics`, version 1: columns beside every trade."""

    protocol: int
    columns: Sequence[Column]

    def cells(self, rows: Sequence[TradeRow]) -> Sequence[Sequence[Cell]]:
        """For each row a cell for each column, in their orders."""
        ...


class PairPicture(msgspec.Struct, frozen=True, kw_only=True):
    """One directed pair at the probe quantity. Floats: they rank, and are never booked."""

    pair: str
    """Such as `GATE_TO_MEXC` or `OPEN_MEXC`."""
    edge_bps: float
    """Net of both fees."""
    mean_bps: float
    sd_bps: float
    z_score: float
    half_life_s: float | None
    """None until the history shows reversion."""
    samples: int
    """Of the history."""


class MarketPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What the bot sees of the market and of itself, as of now."""

    at_ns: int
    """By our wall clock, since 1970."""
    mode: str
    state: str
    delta_base: Decimal
    inventory_base: dict[str, Decimal]
    """By spot venue."""
    perp_base: Decimal
    mids: dict[str, Decimal]
    """Quote units, by venue; of the books that are there."""
    funding_bps: float | None
    """Estimate per interval; positive is received by the short."""
    pairs: tuple[PairPicture, ...]


class EntryRule(msgspec.Struct, frozen=True, kw_only=True):
    """What entries of one pair must have more, as long as it is not said otherwise."""

    pair: str
    extra_bps: Decimal = Decimal(0)
    """Edge beyond what the bot requires of itself; 0 to 5000."""
    refuse: bool = False
    """No entry of this pair."""
    why: str = ""
    """Told with what is declined; at most 80 characters."""


class StrategyPlugin(Protocol):
    """Kind `strategies`, version 1: a further condition on entries. It can only narrow what the bot enters."""

    protocol: int

    def advise(self, picture: MarketPicture) -> Sequence[EntryRule]:
        """Rules that hold for two seconds, or until the next ones; pairs without one are as without the plugin."""
        ...


class TopPicture(msgspec.Struct, frozen=True, kw_only=True):
    """Best prices of one venue, quote units."""

    bid: Decimal
    ask: Decimal
    tick: Decimal
    """The step of prices."""
    maker_bps: Decimal
    taker_bps: Decimal
    """The account's own fees; below zero: paid to us."""


class ExecutionPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution plugin is shown: the market, and what a leg that waits would meet."""

    market: MarketPicture
    tops: dict[str, TopPicture]
    """By venue; of the books that are there."""
    rest_ms_max: int
    """`maker_rest_ms`: no leg waits longer."""


class RestRule(msgspec.Struct, frozen=True, kw_only=True):
    """One directed pair is to wait on MEXC where it does not pay at once."""

    pair: str
    """One with a leg on MEXC."""
    ticks_inside: int = 1
    """Steps of the price by which it betters the best one; 0 to 1000. It never reaches the other side of the book."""
    rest_ms: int = 5_000
    """500 to 20000; no longer than `rest_ms_max` whatever is said here."""


class ExecutionPlugin(Protocol):
    """Kind `execution`, version 1: which pairs wait, where, for how long. The bot decides whether that pays."""

    protocol: int

    def choose(self, picture: ExecutionPicture) -> Sequence[RestRule]:
        """Rules that hold for two seconds, or until the next ones; pairs without one never wait."""
        ...
