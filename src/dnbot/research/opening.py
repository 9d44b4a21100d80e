"""Which kind of recording is at a path."""

from __future__ import annotations

from pathlib import Path

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import ReplayConfig
from dnbot.fakes.replay import PREFIX, recording
from dnbot.fakes.replay_bars import Rates, read_rates
from dnbot.fakes.replay_files import ReplayError
from dnbot.research.bars import BarData
from dnbot.research.captures import BEATS_PER_S, CaptureData
from dnbot.research.mapping import DEFAULT, Mapped
from dnbot.research.source import Source


def source_at(
    path: Path,
    symbol: str,
    *,
    mapping: Mapped = DEFAULT,
    replay: ReplayConfig | None = None,
    beats_per_s: int = BEATS_PER_S,
) -> Source:
    """The source for that symbol.

    Raises:
        ConfigError: nothing there can be played, or not so; the text names file, line and what is wrong.
    """
    replay = replay or ReplayConfig()
    try:
        found = recording(f"{PREFIX}{path}", replay)
        if not found.captures:
            if mapping != DEFAULT:
                raise ConfigError("--map", str(path), "bars", "no mapping: bars hold no book that a venue could show")
            return BarData.of(found, symbol)
        if replay.speed != 1:
            raise ConfigError("--speed", str(path), f"{replay.speed:g}", "1: recorded books are played as they were")
        rates = Rates() if replay.funding is None else read_rates(replay.funding)
        return CaptureData.of(found, symbol, mapping, rates, beats_per_s)
    except ReplayError as error:
        raise ConfigError("--data", str(path), str(error), "captures or bars as docs/backtest.md describes") from None
    except OSError as error:
        raise ConfigError("--data", str(path), f"{error}", "files that can be read") from None
