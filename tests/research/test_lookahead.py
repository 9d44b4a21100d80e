"""Nothing of a recording reaches the bot before its time; and who shows it earlier is caught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from dnbot.config import load_settings
from dnbot.fakes.market_ladder import Command
from dnbot.fakes.running import World
from dnbot.research.backtest import BacktestOptions, LookAhead, backtest
from dnbot.research.captures import CaptureData
from dnbot.research.latency import MODELS
from dnbot.research.lookahead import LookAheadCheck
from dnbot.research.opening import source_at
from dnbot.resources import config_dir

pytestmark = pytest.mark.slow
PARAMS = load_settings(config_dir() / "demo.toml").strategy
SHARED = Path(__file__).resolve().parents[2] / "../shared/data/market/binance_l2"
VENUES = ("gate_spot", "gate_futures", "mexc_spot")


@attrs.define(eq=False)
class Foreseen(CaptureData):
    """A source that is wrong on purpose: one venue shows the book of the next frame."""

    ahead: str = "gate_spot"
    ahead_s: float = 0.1

    def enter(self, world: World) -> None:
        """As it should be, but for one venue's tape."""
        super().enter(world)
        source = world.models[self.symbol].source
        assert source is not None
        tape: Any = source.tapes[self.ahead]  # type: ignore[index]
        right = tape.turn

        class Early:
            """That tape, asked for what comes later."""

            def turn(_, at_s: float) -> list[Command]:  # noqa: N805
                return list(right(at_s + self.ahead_s))

            def __getattr__(_, name: str) -> Any:  # noqa: N805
                return getattr(tape, name)

        source.tapes[self.ahead] = Early()  # type: ignore[index]


def run(source: CaptureData, until_s: float) -> int:
    """How many levels were looked at."""
    check = LookAheadCheck.of(source)
    backtest(BacktestOptions(source, PARAMS, MODELS["loopback"], until_s=until_s, check=check))
    return check.levels


@pytest.fixture
def right(recording: Path) -> CaptureData:
    """The source as it is."""
    found = source_at(recording, "BTC/USDT")
    assert isinstance(found, CaptureData)
    return found


@pytest.mark.parametrize("venue", VENUES)
def test_a_source_that_shows_the_next_frame_is_caught(right: CaptureData, venue: str) -> None:
    """On each venue, at once."""
    wrong = Foreseen(**attrs.asdict(right, recurse=False, filter=lambda field, _: field.init), ahead=venue)
    with pytest.raises(LookAhead, match=rf"^{venue}: at \d+ ns the "):
        run(wrong, 1.0)


def test_at_the_port_of_the_bot_it_is_caught_as_well(
    right: CaptureData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nobody looks at the exchange, from what the streams tell."""
    monkeypatch.setattr(LookAheadCheck, "attach", lambda _self, _world: None)
    wrong = Foreseen(**attrs.asdict(right, recurse=False, filter=lambda field, _: field.init), ahead_s=0.5)
    with pytest.raises(LookAhead, match="ns the bot was told of"):
        run(wrong, 1.0)


def test_what_was_kept_keeps_to_time_as_well(right: CaptureData, tmp_path: Path) -> None:
    """Turns from the disk are held against the recording like those that read it."""
    right.keep = tmp_path
    backtest(BacktestOptions(right, PARAMS, MODELS["loopback"], until_s=2.0))
    assert run(right, 2.0) > 100
    assert right.from_disk
    check = LookAheadCheck.of(right)
    check.begin_ns -= 1_000_000_000
    with pytest.raises(LookAhead):
        backtest(BacktestOptions(right, PARAMS, MODELS["loopback"], until_s=2.0, check=check))


def test_a_source_that_keeps_to_time_is_not(right: CaptureData) -> None:
    """And the check has looked at something."""
    assert run(right, 1.0) > 300


@pytest.mark.skipif(not SHARED.is_dir(), reason="shared data absent")
def test_real_books_keep_to_time_and_a_source_that_does_not_is_caught() -> None:
    """Two seconds of raw books of BTC."""
    found = source_at(SHARED, "BTC/USDT")
    assert isinstance(found, CaptureData)
    assert run(found, 2.0) > 1_000
    settings = attrs.asdict(found, recurse=False, filter=lambda field, _: field.init)
    with pytest.raises(LookAhead):
        run(Foreseen(**settings, ahead="gate_futures"), 1.0)
