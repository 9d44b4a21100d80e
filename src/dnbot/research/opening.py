"""Which kind of recording is at a path."""

from __future__ import annotations

from collections.abc import Mapping
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
    keep: Path | None = None,
) -> Source:
    """The source for that symbol. In the folder `keep`, what captures make the venues do is kept for the next run.

    Raises:
        ConfigError: nothing there can be played, or not so; the text names file, line and what is wrong.
    """
    replay = replay or ReplayConfig()
    try:
        if (path / FILE).is_file():
            _refuse(path, "a recording of the venues", "it is played as it was", {
                "--map": mapping != DEFAULT, "--beats": beats_per_s is not None,
                "--funding": replay.funding is not None, "--speed": replay.speed != 1,
                "--exchange": replay.exchange is not None,
            })
            return RecordingData.of(path, symbol, replay.begin)
        found = recording(f"{PREFIX}{path}", replay)
        if not found.captures:
            _refuse(path, "bars", "they hold no book that a venue could show", {
                "--map": mapping != DEFAULT, "--beats": beats_per_s is not None,
            })
            return BarData.of(found, symbol)
        _refuse(path, "captures", "recorded books are played as they were, from their beginning", {
            "--speed": replay.speed != 1, "--from": replay.begin is not None, "--exchange": replay.exchange is not None,
        })
        rates = Rates() if replay.funding is None else read_rates(replay.funding)
        return CaptureData.of(found, symbol, mapping, rates, beats_per_s or BEATS_PER_S, keep)
    except ReplayError as error:
        allowed = "a recording, captures or bars as docs/backtest.md describes"
        raise ConfigError("--data", str(path), str(error), allowed) from None
    except OSError as error:
        raise ConfigError("--data", str(path), f"{error}", "files that can be read") from None


def _refuse(path: Path, found: str, why: str, given: Mapping[str, bool]) -> None:
    """Options that these data leave no choice for, so that none is silently without effect."""
    for option, is_given in given.items():
        if is_given:
            raise ConfigError(option, str(path), found, f"no such option: {why}")
