"""The words of a scripted market, and the file format that is made of them: one JSON object a line.

Every line names its ``op`` and, with ``at_s``, when it happens: seconds after the script begins, never falling. Money
and quantities are decimal text. Venues are ``gate_spot``, ``gate_futures`` and ``mexc_spot``; a line without ``symbol``
means the first symbol of the world. Quantities are base units on spot and contracts on the perpetual. Blank lines and
lines that begin with ``#`` say nothing. A whole file:

    {"op": "book", "venue": "mexc_spot", "bids": [["59999", "0.5"]], "asks": [["60001", "0.4"], ["60002", "1"]]}
    {"op": "levels", "at_s": 0.25, "venue": "mexc_spot", "asks": [["60001", "0"], ["60003", "2"]]}
    {"op": "trade", "at_s": 0.5, "venue": "mexc_spot", "side": "buy", "quantity": "0.1"}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from .records import Side, Venue

Level = tuple[Decimal, Decimal]
"""A price in quote, and the whole quantity that outsiders offer there; 0 means nobody does any more."""


class ScriptRefused(ValueError):
    """A command that cannot be carried out; nothing of it was. The text says what is wrong, and where."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="op"):
    at_s: float = 0.0
    symbol: str = ""


class SetMid(_Line, frozen=True, tag="mid"):
    """The middle of the ladder: of one venue, or of all, each at its offset."""

    price: Decimal
    venue: Venue | None = None


class SetSpread(_Line, frozen=True, tag="spread"):
    """Distance between best bid and best ask, in bps of the middle, rounded outwards to whole ticks."""

    venue: Venue
    bps: Decimal


class SetOffset(_Line, frozen=True, tag="offset"):
    """How far a venue's middle is above the common one, in bps."""

    venue: Venue
    bps: Decimal


class SetDepth(_Line, frozen=True, tag="depth"):
    """Shape of the ladder; what is left out stays. ``base_per_level`` is base units on the perpetual too."""

    venue: Venue | None = None
    levels: int | None = None
    base_per_level: Decimal | None = None
    step_bps: Decimal | None = None


class SetBook(_Line, frozen=True, tag="book"):
    """A whole book instead of the ladder: these levels and no others, in any order."""

    venue: Venue
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class SetLevels(_Line, frozen=True, tag="levels"):
    """An L2 update: absolute quantities at these prices; other levels stay, but for those that it would cross."""

    venue: Venue
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class Trade(_Line, frozen=True, tag="trade"):
    """An outsider takes from the book, no worse than ``price``; what it does not get is forgotten."""

    venue: Venue
    side: Side
    quantity: Decimal
    price: Decimal | None = None


class SetFunding(_Line, frozen=True, tag="funding"):
    """The funding rate as a fraction (0.0001 = 1 bps), and when the next settlement is due, in seconds from now."""

    rate: Decimal
    next_after_s: int | None = None


class SettleFunding(_Line, frozen=True, tag="settle"):
    """Charge funding now."""


class SetMark(_Line, frozen=True, tag="mark"):
    """Mark and index that no longer follow the books; a missing one follows (again): mark the perp's, index Gate's."""

    mark: Decimal | None = None
    index: Decimal | None = None


class Refill(_Line, frozen=True, tag="refill"):
    """What was taken from the outsiders' levels comes back, on one venue or on all."""

    venue: Venue | None = None


class SetPulse(_Line, frozen=True, tag="pulse"):
    """Every so many seconds, at the best level of every book, a lot comes and goes at once: nothing changes, but the
    venues' streams have something to say, as they always have in a real market. 0 stops it.
    """

    every_s: float


Command = (
    SetMid
    | SetSpread
    | SetOffset
    | SetDepth
    | SetBook
    | SetLevels
    | Trade
    | SetFunding
    | SettleFunding
    | SetMark
    | Refill
    | SetPulse
)
_DECODER = msgspec.json.Decoder(Command)


def read_commands(lines: Iterable[str], name: str = "script") -> Iterator[tuple[str, Command]]:
    """Every command with the place it stands at, ``name:line``. Raises ScriptRefused for a line that is none."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            place = f"{name}:{number}"
            try:
                yield place, _DECODER.decode(text)
            except msgspec.DecodeError as why:
                raise ScriptRefused(f"{place}: {why}") from None


def read_script(path: Path) -> list[Command]:
    """A whole file. Raises ScriptRefused for a bad line or a time that falls, OSError when it cannot be read."""
    commands: list[Command] = []
    last_s = 0.0
    with path.open(encoding="utf-8") as lines:
        for place, command in read_commands(lines, path.name):
            if not last_s <= command.at_s < float("inf"):
                raise ScriptRefused(f"{place}: at_s is {command.at_s}, after {last_s}; times never fall")
            last_s = command.at_s
            commands.append(command)
    return commands


def encode_commands(commands: Iterable[Command]) -> bytes:
    """One JSON line per command, as ``read_commands`` reads them."""
    return b"".join(msgspec.json.encode(command) + b"\n" for command in commands)
