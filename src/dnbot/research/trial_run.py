"""Makes a trial: a backtest of one job's settings on its window, and nothing of it kept but the figures."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence

import attrs
import msgspec

from dnbot.domain.errors import ConfigError, OperatingError
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.replay_files import ReplayError
from dnbot.lab.simulation import SOURCE_DIGITS
from dnbot.lab.source import source_digest
from dnbot.research.apart import LAST_WORDS
from dnbot.research.backtest import ROOTS, BacktestOptions, backtest
from dnbot.research.market_options import MarketOptions
from dnbot.research.recorded import DataFile
from dnbot.research.source import Source
from dnbot.research.trial import Job, Trial, figures_of
from dnbot.research.windows import Window, cut
from dnbot.strategy.parameters import StrategyParameters

SECONDS_PER_VIRTUAL = 10.0
HANG_S_MIN = 600.0


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """A job for another process or machine, with what makes sure that it plays the same with the same code."""

    market: MarketOptions
    source: str
    data: tuple[DataFile, ...]
    funding_sha256: str
    job: Job


@attrs.frozen(eq=False)
class Player:
    """Plays jobs on a recording that was looked at once."""

    market: MarketOptions
    source: Source
    world: FakesConfig
    _parts: dict[Window, Source] = attrs.field(factory=dict, init=False)
    """What was looked at before, here or in the process that this one was forked from."""

    @classmethod
    def of(cls, market: MarketOptions) -> Player:
        """Looks at the recording. Raises ConfigError for what cannot be played."""
        world = market.world()
        return cls(market, market.source(), world)

    def part(self, window: Window) -> Source:
        """That stretch of the recording, looked at once. Raises ConfigError when it cannot be played."""
        if window not in self._parts:
            self._parts[window] = cut(self.source, window, self.market.data)
        return self._parts[window]

    def play(self, job: Job) -> Trial:
        """One backtest. What goes wrong in it, a bug too, is a trial without figures that says so."""
        began_s = time.process_time()
        try:
            params = msgspec.convert(job.params, StrategyParameters)
            options = BacktestOptions(
                self.part(job.window), params, self.market.latency, self.world, order_path=self.market.order_path,
            )
            return job.done(figures_of(backtest(options)), round(time.process_time() - began_s, 2))
        except (ConfigError, OperatingError, ReplayError, ValueError) as error:
            return job.failed(f"{error}")
        except Exception:  # noqa: BLE001 (told in the evidence; the other trials go on)
            return job.failed(traceback.format_exc()[-LAST_WORDS:])


def source_now() -> str:
    """The first digits of the digest of all code that decides a trial."""
    return source_digest(ROOTS).hex()[:SOURCE_DIGITS]


def run_errand(errand: Errand) -> Trial:
    """Plays it here, if code and data here are those that it was sent with."""
    here = source_now()
    if here != errand.source:
        return errand.job.failed(f"the code of the machine that was asked is {here}, that of the study {errand.source}")
    market, asked = errand.market, "on the machine that was asked are not those here"
    try:
        if market.funding_sha256() != errand.funding_sha256:
            return errand.job.failed(f"the funding rates at {market.funding} {asked}")
        player = Player.of(market)
    except ConfigError as error:
        return errand.job.failed(f"{error}")
    if tuple(player.source.files) != errand.data:
        return errand.job.failed(f"the data at {market.data} {asked}")
    return player.play(errand.job)


def hang_s(jobs: Sequence[Job]) -> float:
    """A trial of these that needs more real seconds than this hangs."""
    return max(HANG_S_MIN, SECONDS_PER_VIRTUAL * max((job.window.seconds for job in jobs), default=0.0))
