"""Trials without any run: cells of a space, windows, and figures that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from dnbot.config import load_settings
from dnbot.research.comparison import Comparison, compared
from dnbot.research.source import Span
from dnbot.research.space import Cell, Cells, Space, cells_of, space_of
from dnbot.research.trial import Figures, Trial
from dnbot.research.windows import Split, Window, walk_forward
from dnbot.resources import config_dir

SETTINGS = load_settings(config_dir() / "demo.toml")
HOUR_NS = 3_600_000_000_000
ENTRY, RATIO = "arbitrage_entry_threshold_bps", "inventory_ratio"
BEGIN_NS = 1_700_000_000_000_000_000


def grid(**values: str) -> Space:
    """A space of these keys, `a,b,c` each."""
    return space_of(None, [f"{key}={texts}" for key, texts in values.items()], None, None)


def cells(**values: str) -> Cells:
    """Of a grid on the demo's configuration."""
    return cells_of(grid(**values), SETTINGS)


def splits(count: int, *, hours: int = 30, train_tests: int = 2) -> tuple[Split, ...]:
    """Over so many hours."""
    return walk_forward(Span(BEGIN_NS, BEGIN_NS + hours * HOUR_NS), count, train_tests, "nowhere")


def figures(total: object = "1", **changes: Any) -> Figures:
    """Figures of a sound window with many trades that all earned about the same."""
    known: dict[str, Any] = {
        "total": None if total is None else Decimal(str(total)), "realised": Decimal(1), "fees": Decimal(1),
        "funding": Decimal(0), "traded": Decimal(50), "traded_squares": Decimal("50.5"), "trades": 50,
        "round_trips": 25, "fills": 100, "opportunities_seen": 60,
        "drawdown": Decimal("0.5"), "naked_ms_worst": 12, "naked_ms": 300,
        "virtual_s": 3600.0, "mode": "ACTIVE ", "partial": "", "trace_hash": "ab" * 32,
    }
    return Figures(**{**known, **changes})


Score = Callable[[Cell, Window], Figures | None]
Found = Mapping[tuple[str, Window], Trial]


def trials(of: Cells, windows: tuple[Split, ...], score: Score) -> dict[tuple[str, Window], Trial]:
    """One per cell and window, with what `score` says; None: a trial that failed."""
    found = {}
    for cell in of.cells:
        for window in dict.fromkeys(window for split in windows for window in split.windows):
            made = score(cell, window)
            trial = Trial(
                digest=cell.digest, values=dict(cell.values), window=window, figures=made,
                failure="" if made else "no figures: the bot did not begin", cpu_s=1.0,
            )
            found[trial.key] = trial
    return found


def comparison(of: Cells, windows: tuple[Split, ...], score: Score, rank_by: str = "total") -> Comparison:
    """Of such trials."""
    return compared(of.cells, windows, trials(of, windows, score), rank_by)
