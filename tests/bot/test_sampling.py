"""What monitors judge, taken from a bot that runs."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dnbot.monitor.snapshot import TradeFigures
from dnbot.monitor.thresholds import MonitorSettings
from dnbot.operate.sampling import MachineFigures, Sampler
from dnbot.tasks import accounts


@pytest.mark.slow
@pytest.mark.parametrize("is_told", [True, False])
async def test_funding_that_is_not_booked_is_missed(
    autojump_clock: Any, lab: Any, monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    """Half a minute in the market settles: its row is there within seconds, or the account book tells of none."""
    async def no_rows(*_: object) -> tuple[()]:
        return ()

    if not is_told:
        monkeypatch.setattr(accounts, "_read_rows", no_rows)
    async with lab.trading() as trial:
        sampler, late_s = Sampler(trial.bot, trial.stage.log, MachineFigures, MonitorSettings(), 60.0), []
        while trio.current_time() < 45.0:
            await trio.sleep(1.0)
            late_s.append(sampler.snapshot(TradeFigures()).funding_late_s)
        assert trial.bot.context.portfolio.perp_base < 0
        assert (trial.bot.context.portfolio.funding_quote != 0) is is_told
        assert not any(late_s[:20])
        assert (late_s[-1] == 0) is is_told
        assert (max(late_s) > 10) is not is_told
