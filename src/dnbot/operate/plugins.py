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

PROTOCOLS: Mapping[str, tuple[int, ...]] = {"alerts": (1,), "analytics": (1,)}
"""The versions that this dnbot speaks, by kind. A change that a plugin would notice makes a new version."""
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
