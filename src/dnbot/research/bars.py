"""Bars and funding rates as a source: a path made through the bars, as `dnbot.fakes.replay` makes it.

Coarse by nature: inside a bar the path is chance, and every book is a model's quotes around it. It tells how carries
and funding would have gone over days, and nothing of spreads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import attrs

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import FakesConfig, ReplayConfig
from dnbot.fakes.records import VENUES
from dnbot.fakes.replay import PREFIX, Recording
from dnbot.fakes.replay_bars import Bar, read_exchange_bars
from dnbot.fakes.replay_files import ReplayError, opened
from dnbot.fakes.running import World
from dnbot.research.recorded import DataFile
from dnbot.research.source import Span
from dnbot.research.tapes import IN_FRONT

FUNDING_S = 28_800
END_S = 1.0


@attrs.define(eq=False)
class BarData:
    """Bars of one symbol, `replay.speed` recorded seconds per virtual one.

    Raises ReplayError and ConfigError when it is made, for what cannot be played.
    """

    symbol: str
    path: Path
    replay: ReplayConfig
    files: tuple[DataFile, ...]
    span: Span
    """In virtual time: as long as the run is, from the recording's own beginning on."""
    exchange: str = ""
    """Whose rows these are; empty where no file names exchanges."""

    @classmethod
    def of(cls, found: Recording, symbol: str) -> BarData:
        """Those of a file or folder."""
        found.begin((symbol,))
        known = found.bars[symbol]
        series = [bars for bars in (known.spot, known.perp) if bars is not None]
        begin_s = max(bars[0].start_s for bars in series)
        if found.config.begin is not None:
            begin_s = max(begin_s, found.config.begin.timestamp())
        end_s = begin_s + (min(bars[-1].start_s for bars in series) - begin_s) / found.config.speed - END_S
        if end_s <= begin_s:
            raise ReplayError(f"{found.path}: the bars of {symbol} are over within a second at this speed")
        span = Span(round(begin_s * 1e9), round(end_s * 1e9))
        files = tuple(_files(found.path, symbol, series))
        return cls(symbol, found.path, found.config, files, span, _exchange(found))

    def within(self, begin_ns: int, end_ns: int) -> BarData:
        """The same bars from one moment of the span to another; what lies between is as long in virtual time."""
        first_ns = self.span.begin_ns + round((begin_ns - self.span.begin_ns) * self.replay.speed)
        replay = attrs.evolve(self.replay, begin=datetime.fromtimestamp(first_ns / 1e9, tz=UTC))
        return attrs.evolve(self, replay=replay, span=Span(first_ns, first_ns + end_ns - begin_ns))

    @property
    def resting(self) -> str:
        """As everywhere where outside orders are replaced."""
        return IN_FRONT

    def settings(self, config: FakesConfig) -> FakesConfig:
        """Played by the fakes themselves; funding falls due as often as it did, in recorded time."""
        interval_s = max(1, round(FUNDING_S / self.replay.speed))
        return attrs.evolve(
            config, symbols=(self.symbol,), market=f"{PREFIX}{self.path}", replay=self.replay,
            funding_interval_s=interval_s, funding_first_after_s=None,
        )

    def enter(self, world: World) -> None:
        """It is in its place already."""

    def leave(self) -> None:
        """Nothing is left to do."""

    @property
    def from_disk(self) -> bool:
        """Nothing is made beforehand."""
        return False

    def described(self) -> Mapping[str, str]:
        """What each venue shows."""
        told: dict[str, str] = dict.fromkeys(VENUES, "quotes of a model around a path through the bars")
        told["speed"] = self._speed_text()
        if self.exchange:
            told["exchange"] = f"the rows of {self.exchange}"
        told["funding"] = "recorded rates; the one that is announced is the one that will be charged"
        return told

    def _speed_text(self) -> str:
        """With the beginning, where that decides which recorded hour a virtual one is."""
        begin = datetime.fromtimestamp(self.span.begin_ns / 1e9, tz=UTC)
        since = "" if self.replay.speed == 1 else f" since {begin:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.replay.speed:g} recorded seconds in each virtual one{since}: waits and rates are not scaled"


def _exchange(found: Recording) -> str:
    """Whose rows are taken, as `dnbot.fakes.replay` chooses them: the one that is asked for, else the first by name."""
    files, asked = _files_of_exchanges(found.path), found.config.exchange
    if asked is None:
        firsts = (min(exchange for exchange, _, _ in read_exchange_bars(file)) for file in files)
        return ", ".join(dict.fromkeys(firsts))
    if not files:
        raise ConfigError("--exchange", str(found.path), asked, "no such option: these bars name no exchange")
    return asked


def _files_of_exchanges(path: Path) -> list[Path]:
    """Those whose rows name exchanges: the file, or of a folder those with such columns."""
    if path.is_file():
        return [path]
    return [file for file in sorted(path.glob("*.csv*")) if file.name.endswith((".csv", ".csv.gz")) and _is_many(file)]


def _is_many(file: Path) -> bool:
    with opened(file) as lines:
        return lines.readline().startswith("time,exchange")


def _files(path: Path, symbol: str, series: Iterable[list[Bar]]) -> Iterable[DataFile]:
    base = symbol.partition("/")[0]
    times = [round(bar.start_s * 1e9) for bars in series for bar in (bars[0], bars[-1])]
    many = _files_of_exchanges(path)
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file() and (file in many or file.name.startswith(base)):
            content = file.read_bytes()
            with opened(file) as lines:
                count = sum(1 for _ in lines)
            yield DataFile(
                name=file.name, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), lines=count,
                first_ns=min(times), last_ns=max(times),
            )
