"""Book frames as the venues send them: six levels changed per frame, three a side, around prices that do not drift."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

GATE_PAIR, MEXC_SYMBOL = "BTC_USDT", "BTCUSDT"
FIRST_ID = 48_733_182
LEVELS_A_SIDE = 3
LEVELS_KEPT = 100
"""Levels a side of the book that the increments change."""
LEVELS_CHANGED = 20
_MID_TENTHS = 600_000
_AT_MS = 1_800_000_000_000

Rows = list[tuple[str, str]]


def snapshot(levels: int = LEVELS_KEPT) -> tuple[Rows, Rows]:
    """Bids and asks, best first, of the book with id `FIRST_ID`: so many levels a side, a tenth apart."""
    return (
        [(_price(-step), _size(step)) for step in range(1, levels + 1)],
        [(_price(step), _size(step)) for step in range(1, levels + 1)],
    )


def changes(number: int, reach: int = LEVELS_CHANGED) -> tuple[Rows, Rows]:
    """What increment `number` changes among the best `reach` levels of a side, a multiple of five: of three one is
    removed or put back, two get another size.
    """
    sides: list[Rows] = []
    for sign in (-1, 1):
        steps = [1 + (number * 7 + place * reach // 4) % reach for place in range(LEVELS_A_SIDE)]
        sizes = ["0" if number % 2 and place == 0 else _size(number + place) for place in range(LEVELS_A_SIDE)]
        sides.append([(_price(sign * step), size) for step, size in zip(steps, sizes, strict=True)])
    return sides[0], sides[1]


def gate_frames(count: int, reach: int = LEVELS_CHANGED) -> list[str]:
    """`spot.order_book_update`, contiguous from `FIRST_ID`."""
    return [_gate(number, reach) for number in range(1, count + 1)]


def gate_futures_frames(count: int) -> list[str]:
    """`futures.order_book_update`, contiguous from `FIRST_ID`; sizes are contracts."""
    return [_gate_futures(number) for number in range(1, count + 1)]


def mexc_frames(count: int) -> list[bytes]:
    """`PushDataV3ApiWrapper` with `publicAggreDepths` (source: MEXC websocket-proto), contiguous from `FIRST_ID`."""
    return [_mexc(number) for number in range(1, count + 1)]


def _gate(number: int, reach: int) -> str:
    bids, asks = changes(number, reach)
    result = {
        "t": _AT_MS + number, "e": "depthUpdate", "E": _AT_MS // 1000, "s": GATE_PAIR, "U": FIRST_ID + number,
        "u": FIRST_ID + number, "b": bids, "a": asks,
    }
    frame = {
        "time": _AT_MS // 1000, "time_ms": _AT_MS + number, "channel": "spot.order_book_update", "event": "update",
        "result": result,
    }
    return json.dumps(frame, separators=(",", ":"))


def _gate_futures(number: int) -> str:
    bids, asks = (
        [{"p": price, "s": size.replace(".", "")} for price, size in side] for side in changes(number)
    )  # fmt: skip
    result = {
        "t": _AT_MS + number, "s": GATE_PAIR, "U": FIRST_ID + number, "u": FIRST_ID + number, "b": bids, "a": asks,
        "l": str(LEVELS_KEPT),
    }
    frame = {
        "time": _AT_MS // 1000, "time_ms": _AT_MS + number, "channel": "futures.order_book_update", "event": "update",
        "result": result,
    }
    return json.dumps(frame, separators=(",", ":"))


def _mexc(number: int) -> bytes:
    bids, asks = changes(number)
    version = str(FIRST_ID + number)
    levels = [(1, _message([(1, price), (2, size)])) for price, size in asks]
    levels += [(2, _message([(1, price), (2, size)])) for price, size in bids]
    depths = _message([*levels, (3, "spot@public.aggre.depth.v3.api.pb@100ms"), (4, version), (5, version)])
    channel = f"spot@public.aggre.depth.v3.api.pb@100ms@{MEXC_SYMBOL}"
    return _message([(1, channel), (3, MEXC_SYMBOL), (6, _AT_MS + number), (313, depths)])


def _message(fields: Sequence[tuple[int, str | bytes | int]]) -> bytes:
    return b"".join(_fields(fields))


def _fields(fields: Iterable[tuple[int, str | bytes | int]]) -> Iterator[bytes]:
    for number, value in fields:
        if isinstance(value, int):
            yield _varint(number * 8) + _varint(value)
        else:
            payload = value.encode() if isinstance(value, str) else value
            yield _varint(number * 8 + 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def _price(step: int) -> str:
    tenths = _MID_TENTHS + step
    return f"{tenths // 10}.{tenths % 10}"


def _size(number: int) -> str:
    return f"{1 + number % 9}.{number % 1000:03d}"
