"""Recorded market data as events: lines of a raw capture, and the files that belong together.

A capture is text (gzip when its name ends in .gz), one message a line: ``<local time in ns> <JSON>``. The JSON is a
combined-stream message of the Binance WebSocket (``{"stream": .., "data": ..}``, streams ``@depth..``,
``@bookTicker`` and ``@trade``) or a REST depth snapshot (``lastUpdateId``, ``bids``, ``asks``), spot or USD-M: the
format of the examples of nkaz001/hftbacktest.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TextIO

import attrs
import msgspec

Rows = tuple[tuple[Decimal, Decimal], ...]


class ReplayError(ValueError):
    """A recorded file cannot be used; the text names file, line and what is wrong."""


@attrs.frozen
class Depth:
    """Absolute quantities of changed levels, 0 for none left; a ``whole`` one is the entire book."""

    last_id: int
    bids: Rows
    asks: Rows
    whole: bool = False


@attrs.frozen
class Top:
    """Best price and quantity of both sides."""

    update_id: int
    bid: tuple[Decimal, Decimal]
    ask: tuple[Decimal, Decimal]


@attrs.frozen
class Trade:
    """One public trade."""

    price: Decimal
    quantity: Decimal
    taker_sold: bool


Event = Depth | Top | Trade


class _Data(msgspec.Struct):
    """Any ``data``; `b` and `a` are prices in a ticker and lists of levels in a depth update."""

    u: int = 0
    b: str | Rows = ""
    a: str | Rows = ""
    bid_quantity: str = msgspec.field(default="", name="B")
    ask_quantity: str = msgspec.field(default="", name="A")
    p: str = ""
    q: str = ""
    m: bool = False


class _Message(msgspec.Struct):
    stream: str = ""
    data: _Data | None = None
    last_update_id: int = msgspec.field(default=0, name="lastUpdateId")
    bids: Rows = ()
    asks: Rows = ()


def events(paths: tuple[Path, ...]) -> Iterator[tuple[int, Event]]:
    """Events of a capture in several files, in order, each with its local time in ns.

    Raises ReplayError for a line that is none of the known ones, OSError when a file cannot be read.
    """
    decoder = msgspec.json.Decoder(_Message)
    for path in paths:
        with opened(path) as file:
            for number, line in enumerate(_lines(file, path), 1):
                try:
                    time, _, text = line.partition(" ")
                    event = _event(decoder.decode(text))
                    at_ns = int(time)
                except (ValueError, InvalidOperation, msgspec.MsgspecError) as problem:
                    raise ReplayError(f"{path} line {number}: {problem}") from None
                if event is not None:
                    yield at_ns, event


def span_ns(paths: tuple[Path, ...]) -> tuple[int, int]:
    """Local times of the first and the last line of a capture. Raises as ``events`` does, and for an empty file."""
    first, last = "", ""
    for path in paths:
        with opened(path) as file:
            for line in _lines(file, path):
                first = first or line
                last = line
    try:
        return int(first.partition(" ")[0]), int(last.partition(" ")[0])
    except ValueError:
        raise ReplayError(f"{paths[0]}: lines must begin with a time in ns") from None


def opened(path: Path) -> TextIO:
    """A text file that may be compressed."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    try:
        yield from file
    except (EOFError, OSError, UnicodeDecodeError) as problem:
        raise ReplayError(f"{path}: {problem}") from None


def _event(message: _Message) -> Event | None:
    """None for a stream of another kind."""
    data = message.data
    if data is None:
        if not message.last_update_id:
            raise ValueError("neither a stream message nor a depth snapshot")
        return Depth(message.last_update_id, message.bids, message.asks, whole=True)
    kind = message.stream.partition("@")[2]
    if kind.startswith("depth"):
        if isinstance(data.b, str) or isinstance(data.a, str):
            raise ValueError("a depth update without levels")
        return Depth(data.u, data.b, data.a)
    if kind == "bookTicker":
        if not isinstance(data.b, str) or not isinstance(data.a, str):
            raise ValueError("a book ticker without prices")
        bid, ask = (Decimal(data.b), Decimal(data.bid_quantity)), (Decimal(data.a), Decimal(data.ask_quantity))
        return Top(data.u, bid, ask)
    return Trade(Decimal(data.p), Decimal(data.q), data.m) if kind == "trade" else None
