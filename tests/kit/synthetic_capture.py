"""A small recording in the format of raw captures: a spot and a perpetual book of BTC that walk up and down."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

BEGIN_NS = 1_723_161_253_000_000_000
STEP_NS = 100_000_000
LEVELS = 12


def line(number: int, message: dict[str, Any]) -> str:
    """One line, `number` steps after the beginning."""
    return f"{BEGIN_NS + number * STEP_NS} {json.dumps(message, separators=(',', ':'))}"


def capture_lines(steps: int, *, shift: float = 0.0) -> list[str]:
    """A snapshot, then every 100 ms the whole window anew: the middle is 2 higher or lower, quantities differ."""
    lines: list[str] = []
    shown: dict[str, set[str]] = {"b": set(), "a": set()}
    for number in range(steps):
        middle = 60_000 + shift + 2 * (abs(number % 40 - 20) + number // 7)
        sides = {
            side: {f"{middle + sign * (0.5 + level):.2f}": f"{0.5 + (number * 7 + level) % 97 / 1000:.3f}"
                   for level in range(LEVELS)}
            for side, sign in (("b", -1), ("a", 1))
        }
        rows = {
            side: [*([price, "0.000"] for price in sorted(shown[side] - held.keys())), *map(list, held.items())]
            for side, held in sides.items()
        }
        shown = {side: set(prices) for side, prices in sides.items()}
        if number == 0:
            lines.append(line(number, {"lastUpdateId": 1, "bids": rows["b"], "asks": rows["a"]}))
            continue
        data = {"e": "depthUpdate", "s": "BTCUSDT", "U": number + 1, "u": number + 1, **rows}
        lines.append(line(number, {"stream": "btcusdt@depth@100ms", "data": data}))
        price, _ = next(iter(sides["b"].items()))
        trade = {"e": "trade", "s": "BTCUSDT", "t": number, "p": price, "q": "0.010", "m": True}
        lines.append(line(number, {"stream": "btcusdt@trade", "data": trade}))
    return lines


def written(folder: Path, steps: int = 200) -> Path:
    """A folder with both captures, compressed; the perpetual is 12 quote above spot. Returns it."""
    for kind, shift in (("spot", 0.0), ("usdm", 12.0)):
        (folder / kind).mkdir(parents=True)
        text = "".join(f"{row}\n" for row in capture_lines(steps, shift=shift))
        (folder / kind / "btcusdt_1.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return folder
