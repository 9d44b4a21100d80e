"""Which kind of recording is at a path."""

from __future__ import annotations

from pathlib import Path

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import ReplayConfig
from dnbot.fakes.replay import PREFIX, recording
from dnbot.fakes.replay_bars import Rates, read_rates
from dnbot.fakes.replay_files import ReplayError
from dnbot.record.manifest import FILE
from dnbot.research.bars import BarData
from dnbot.research.captures import BEATS_PER_S, CaptureData
from dnbot.research.mapping import DEFAULT, Mapped
from dnbot.research.recordings import RecordingData
from dnbot.research.source import Source


def source_at(
    path: Path,
    symbol: str,
    *,
    mapping: Mapped = DEFAULT,
    replay: ReplayConfig | None = None,
    beats_per_s: int | None = None,
) -> Source:
    """The source for that symbol.

    Raises:
        ConfigError: nothing there can be played, or not so; the text names file, line and what is wrong.
    """
    replay = replay or ReplayConfig()
    try:
        if (path / FILE).is_file():
            _refuse_what_is_recorded(path, mapping, replay, beats_per_s)
            return RecordingData.of(path, symbol, replay.begin)
        found = recording(f"{PREFIX}{path}", replay)
        if not found.captures:
            if mapping != DEFAULT:
                raise ConfigError("--map", str(path), "bars", "no mapping: bars hold no book that a venue could show")
            return BarData.of(found, symbol)
        if replay.speed != 1:
            raise ConfigError("--speed", str(path), f"{replay.speed:g}", "1: recorded books are played as they were")
        rates = Rates() if replay.funding is None else read_rates(replay.funding)
        return CaptureData.of(found, symbol, mapping, rates, beats_per_s or BEATS_PER_S)
    except ReplayError as error:
        allowed = "a recording, captures or bars as docs/backtest.md describes"
        raise ConfigError("--data", str(path), str(error), allowed) from None
    except OSError as error:
        raise ConfigError("--data", str(path), f"{error}", "files that can be read") from None


def _refuse_what_is_recorded(path: Path, mapping: Mapped, replay: ReplayConfig, beats_per_s: int | None) -> None:
    """A recording decides by itself what each venue shows, when, and at which rates."""
    for option, given in (
        ("--map", mapping != DEFAULT), ("--beats", beats_per_s is not None), ("--funding", replay.funding is not None),
        ("--speed", replay.speed != 1), ("--exchange", replay.exchange is not None),
    ):
        if given:
            raise ConfigError(option, str(path), "a recording of the venues", "no such option: it is played as it was")
