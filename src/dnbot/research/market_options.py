"""What is played to the bot, as the command line says it: data and how each venue shows them, delays, fees, chance.

It is a struct of plain values, so that another process or machine can be told to play the same.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import FakesConfig, ReplayConfig
from dnbot.research.fees import with_fees
from dnbot.research.kept_tapes import usual_folder
from dnbot.research.latency import LatencyModel
from dnbot.research.mapping import mapping_of
from dnbot.research.opening import source_at
from dnbot.research.source import Source


class MarketOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Texts are as the options of `dnbot backtest` take them; paths are those of the machine that plays."""

    data: str
    symbol: str
    latency: LatencyModel
    mapped: tuple[str, ...] = ()
    fees: tuple[str, ...] = ()
    seed: int = 1
    beats_per_s: int | None = None
    """Of captures; None: as often as their default says."""
    funding: str | None = None
    speed: float = 1.0
    begin: datetime | None = None
    exchange: str | None = None
    order_path: str = "rest"

    def source(self, *, fresh: bool = False) -> Source:
        """The recording, looked at; `fresh` reads it even where what it does is kept.

        Raises:
            ConfigError: it cannot be played.
        """
        replay = ReplayConfig(
            speed=self.speed, begin=self.begin, exchange=self.exchange,
            funding=None if self.funding is None else Path(self.funding),
        )
        return source_at(
            Path(self.data), self.symbol, mapping=mapping_of(self.mapped), replay=replay, beats_per_s=self.beats_per_s,
            keep=None if fresh else usual_folder(),
        )

    def world(self) -> FakesConfig:
        """The fake world's fees and seed. Raises ConfigError."""
        return with_fees(self.fees, self.seed)

    def funding_sha256(self) -> str:
        """Of the file of funding rates; empty when none is named. Raises ConfigError when it cannot be read."""
        if self.funding is None:
            return ""
        try:
            return hashlib.sha256(Path(self.funding).read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError("--funding", self.funding, error.strerror, "a file that can be read") from None
