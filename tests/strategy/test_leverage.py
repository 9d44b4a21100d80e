"""Leverage that somebody changed: it is seen in the next report, told, set again, and nothing is added meanwhile."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from machine_kit import GF, Bench, S

from dnbot.domain.messages import Alert, PositionChanged, SetLeverage, SetMode
from dnbot.strategy.leverage import AGAIN_S, leverage_in_force, strange_leverage
from dnbot.strategy.standing import margin_ratio_pct, risk_inputs


def reported(bench: Bench, **changes: Any) -> None:
    """The stream tells of the position."""
    bench.give(PositionChanged(bench.position(**changes), bench.now_s))


def alerts(bench: Bench) -> list[str]:
    """What was told of leverage."""
    return [alert.text for alert in bench.all(Alert) if alert.key == "leverage:GATEIO_FUTURES"]


@pytest.mark.parametrize(
    ("changes", "strange", "in_force"),
    [
        ({}, "", 2), ({"leverage": None}, "", 2), ({"is_cross": None}, "", 2),
        ({"leverage": Decimal(0)}, "", 2),
        ({"leverage": Decimal(1)}, "1 cross", 1), ({"leverage": Decimal(3)}, "3 cross", 2),
        ({"is_cross": False}, "2 isolated", 2), ({"leverage": Decimal(1), "is_cross": False}, "1 isolated", 1),
    ],
)
def test_what_is_not_ours_is_named(changes: dict[str, Any], strange: str, in_force: int) -> None:
    """What a report does not say is no difference; margin is counted with the lower leverage."""
    bench = Bench().boot()
    reported(bench, **changes)
    assert strange_leverage(bench.context) == strange
    assert leverage_in_force(bench.context) == in_force
    bench.tick(100)
    assert bench.all(SetLeverage) == ([SetLeverage(GF, 2, "cross")] if strange else [])
    assert len(alerts(bench)) == bool(strange)
    assert (risk_inputs(bench.context).strange_leverage, bench.state) == (strange, S.MONITORING_SPREADS)


def test_margin_is_what_the_venue_leaves() -> None:
    """At half the leverage the same position needs twice the margin."""
    bench = Bench().boot()
    reported(bench)
    before = margin_ratio_pct(bench.context)
    reported(bench, leverage=Decimal(1), is_cross=False)
    after = margin_ratio_pct(bench.context)
    assert before is not None
    assert after is not None
    assert 100 - after == pytest.approx(2 * (100 - before))


def test_it_is_asked_for_again_until_it_is_ours() -> None:
    """Not more often than each half a minute, with a word to a person; never once it is."""
    bench = Bench().boot()
    for after_s, asked in ((1, 1), (AGAIN_S - 3, 1), (3, 2)):
        bench.quiet(after_s)  # reads tell of ours
        reported(bench, leverage=Decimal(1))
        bench.tick(100)
        assert len(bench.all(SetLeverage)) == asked
    assert "leverage is 1 cross, configured is 2 cross" in alerts(bench)[0]
    bench.quiet(AGAIN_S + 1)
    assert len(bench.all(SetLeverage)) == 2


def test_while_halted_it_is_only_told() -> None:
    """Whoever halted the bot may be changing it."""
    bench = Bench().boot()
    bench.give(SetMode("HALTED", "my hands are on it", by="a person"))
    reported(bench, leverage=Decimal(1))
    bench.tick(100)
    assert len(alerts(bench)) == 1
    assert bench.all(SetLeverage) == []
