"""What a run and the process of a plugin say to each other, a line of JSON each; and what is told of a plugin."""

from __future__ import annotations

import re

import msgspec

from dnbot.domain.pair import PAIRS
from dnbot.domain.resting import PAIRS_THAT_REST, REST_MS_LEAST, REST_MS_MOST, TICKS_MOST
from dnbot.operate.plugins import (
    CELL_CHARACTERS_MAX,
    COLUMNS_MAX,
    EXTRA_BPS_MAX,
    TITLE_CHARACTERS_MAX,
    AlertNotice,
    Cell,
    Column,
    EntryRule,
    ExecutionPicture,
    MarketPicture,
    Option,
    RestRule,
    TradeRow,
)

WHY_CHARACTERS_MAX = 300
STARTING, READY, OFF = "starting", "ready", "off"
"""States of a plugin; off lasts until the next start of the bot."""
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """The first line to the process: whom it is to load, and with what. It is not answered."""

    asker: int
    """The process that asks; without it there is nobody to answer."""
    kind: str
    reference: str
    """`module:name`."""
    path: tuple[str, ...]
    """Where modules are found, as in the process that asks."""
    options: dict[str, Option]
    secret: str
    symbol: str
    mode: str


class Load(msgspec.Struct, frozen=True, tag="load"):
    """Load it. Answered by `Ready` or `Refused`."""


class Tell(msgspec.Struct, frozen=True, tag="tell"):
    """Kind `alerts`. Answered by `Told` or `Raised`."""

    notice: AlertNotice


class Compute(msgspec.Struct, frozen=True, tag="compute"):
    """Kind `analytics`. Answered by `Cells` or `Raised`."""

    rows: tuple[TradeRow, ...]


class Advise(msgspec.Struct, frozen=True, tag="advise"):
    """Kind `strategies`. Answered by `Advised` or `Raised`."""

    picture: MarketPicture


class Choose(msgspec.Struct, frozen=True, tag="choose"):
    """Kind `execution`. Answered by `Chosen` or `Raised`."""

    picture: ExecutionPicture


Question = Load | Tell | Compute | Advise | Choose


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """It is loaded, and speaks a version that we speak."""

    protocol: int
    columns: tuple[Column, ...] = ()


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It cannot be loaded, and trying again would not help."""

    why: str


class Raised(msgspec.Struct, frozen=True, tag="raised"):
    """It raised, or returned what its protocol does not know."""

    why: str


class Told(msgspec.Struct, frozen=True, tag="told"):
    """Whether the notice was taken."""

    taken: bool


class Cells(msgspec.Struct, frozen=True, tag="cells"):
    """A row of cells for each row that was asked about."""

    rows: tuple[tuple[Cell, ...], ...]


class Advised(msgspec.Struct, frozen=True, tag="advised"):
    """Rules for pairs."""

    rules: tuple[EntryRule, ...]


class Chosen(msgspec.Struct, frozen=True, tag="chosen"):
    """Rules for pairs that wait."""

    rules: tuple[RestRule, ...]


Answer = Ready | Refused | Raised | Told | Cells | Advised | Chosen


class PluginStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One plugin of a run, as `dnbot status` tells of it."""

    kind: str
    name: str
    package: str
    """Name and version of the distribution, or that it was registered."""
    state: str
    """STARTING, READY or OFF."""
    calls: int
    faults: int
    """Since the start."""
    last_fault: str
    """Empty: none."""


def columns_problem(columns: tuple[Column, ...]) -> str:
    """What is wrong with a plugin's columns; empty: nothing."""
    keys = [column.key for column in columns]
    if not 1 <= len(columns) <= COLUMNS_MAX:
        return f"{len(columns)} columns; 1 to {COLUMNS_MAX} are allowed"
    if len(set(keys)) < len(keys):
        return f"columns {', '.join(keys)}: each key once"
    for column in columns:
        if not _KEY.match(column.key):
            return f"column key {column.key[:60]!r}: small letters, digits and _, a letter first, at most 40"
        if not 1 <= len(column.title) <= TITLE_CHARACTERS_MAX:
            return f"column {column.key}: a title of {len(column.title)} characters; 1 to {TITLE_CHARACTERS_MAX}"
    return ""


def cells_problem(rows: tuple[tuple[Cell, ...], ...], wanted: int, columns: int) -> str:
    """What is wrong with a plugin's cells for so many rows and columns; empty: nothing."""
    if len(rows) != wanted:
        return f"{len(rows)} rows of cells for {wanted} trades"
    for cells in rows:
        if len(cells) != columns:
            return f"{len(cells)} cells for {columns} columns"
        if any(cell is not None and len(cell) > CELL_CHARACTERS_MAX for cell in cells):
            return f"a cell of more than {CELL_CHARACTERS_MAX} characters"
    return ""


def rules_problem(rules: tuple[EntryRule, ...]) -> str:
    """What is wrong with a plugin's rules; empty: nothing."""
    names = [rule.pair for rule in rules]
    if len(set(names)) < len(names):
        return f"rules for {', '.join(names)[:100]}: each pair once"
    for rule in rules:
        if rule.pair not in PAIRS:
            return f"a rule for {rule.pair[:60]!r}; pairs are {', '.join(PAIRS)}"
        if not (rule.extra_bps.is_finite() and 0 <= rule.extra_bps <= EXTRA_BPS_MAX):
            return f"extra_bps of {rule.extra_bps}; allowed: 0 to {EXTRA_BPS_MAX}: a plugin cannot ask for less"
        if len(rule.why) > CELL_CHARACTERS_MAX:
            return f"a reason of {len(rule.why)} characters; at most {CELL_CHARACTERS_MAX}"
    return ""


def rests_problem(rules: tuple[RestRule, ...]) -> str:
    """What is wrong with a plugin's rules for pairs that wait; empty: nothing."""
    names, known = [rule.pair for rule in rules], [pair.name for pair in PAIRS_THAT_REST]
    if len(set(names)) < len(names):
        return f"rules for {', '.join(names)[:100]}: each pair once"
    for rule in rules:
        if rule.pair not in known:
            return f"a rule for {rule.pair[:60]!r}; pairs with a leg that can wait are {', '.join(known)}"
        if not 0 <= rule.ticks_inside <= TICKS_MOST:
            return f"ticks_inside of {rule.ticks_inside}; allowed: 0 to {TICKS_MOST}"
        if not REST_MS_LEAST <= rule.rest_ms <= REST_MS_MOST:
            return f"rest_ms of {rule.rest_ms}; allowed: {REST_MS_LEAST} to {REST_MS_MOST} milliseconds"
    return ""
