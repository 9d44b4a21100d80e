"""The two tables: every edge, every cell of the gate, and the page that is drawn from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.order import Purpose
from dnbot.strategy.states import (
    GATE,
    TRANSITIONS,
    StrategyState,
    TradingMode,
    Trigger,
    allows,
    draw,
    target,
)

EDGES = """
INITIALIZING               RECONCILED             ESTABLISHING_DELTA_NEUTRAL
INITIALIZING               FAULT                  ERROR_RECOVERY
INITIALIZING               STOP                   SHUTDOWN
ESTABLISHING_DELTA_NEUTRAL HEDGED                 DELTA_NEUTRAL_ACTIVE
ESTABLISHING_DELTA_NEUTRAL REPAIR_FAILED          ERROR_RECOVERY
ESTABLISHING_DELTA_NEUTRAL FAULT                  ERROR_RECOVERY
ESTABLISHING_DELTA_NEUTRAL STOP                   SHUTDOWN
DELTA_NEUTRAL_ACTIVE       MARKET_FRESH           MONITORING_SPREADS
DELTA_NEUTRAL_ACTIVE       MARGIN_LOW             ESTABLISHING_DELTA_NEUTRAL
DELTA_NEUTRAL_ACTIVE       DELTA_DRIFTED          REBALANCING_DELTA
DELTA_NEUTRAL_ACTIVE       HARD_LIMIT             REBALANCING_DELTA
DELTA_NEUTRAL_ACTIVE       FAULT                  ERROR_RECOVERY
DELTA_NEUTRAL_ACTIVE       STOP                   SHUTDOWN
MONITORING_SPREADS         OPPORTUNITY_FOUND      PREPARING_ARBITRAGE
MONITORING_SPREADS         DELTA_DRIFTED          REBALANCING_DELTA
MONITORING_SPREADS         HARD_LIMIT             REBALANCING_DELTA
MONITORING_SPREADS         MARKET_STALE           DELTA_NEUTRAL_ACTIVE
MONITORING_SPREADS         MARGIN_LOW             DELTA_NEUTRAL_ACTIVE
MONITORING_SPREADS         FAULT                  ERROR_RECOVERY
MONITORING_SPREADS         STOP                   SHUTDOWN
PREPARING_ARBITRAGE        COMMITTED              EXECUTING_ARBITRAGE
PREPARING_ARBITRAGE        REFUSED                MONITORING_SPREADS
PREPARING_ARBITRAGE        MODE_CHANGED           MONITORING_SPREADS
PREPARING_ARBITRAGE        MARKET_STALE           DELTA_NEUTRAL_ACTIVE
PREPARING_ARBITRAGE        MARGIN_LOW             DELTA_NEUTRAL_ACTIVE
PREPARING_ARBITRAGE        DELTA_DRIFTED          REBALANCING_DELTA
PREPARING_ARBITRAGE        HARD_LIMIT             REBALANCING_DELTA
PREPARING_ARBITRAGE        FAULT                  ERROR_RECOVERY
PREPARING_ARBITRAGE        STOP                   SHUTDOWN
EXECUTING_ARBITRAGE        LEGS_DONE              MONITORING_SPREADS
EXECUTING_ARBITRAGE        RESIDUAL_LEFT          REBALANCING_DELTA
EXECUTING_ARBITRAGE        FAULT                  ERROR_RECOVERY
EXECUTING_ARBITRAGE        STOP                   SHUTDOWN
REBALANCING_DELTA          DELTA_RESTORED         DELTA_NEUTRAL_ACTIVE
REBALANCING_DELTA          REPAIR_FAILED          ERROR_RECOVERY
REBALANCING_DELTA          FAULT                  ERROR_RECOVERY
REBALANCING_DELTA          STOP                   SHUTDOWN
ERROR_RECOVERY             RECONCILED             DELTA_NEUTRAL_ACTIVE
ERROR_RECOVERY             INVENTORY_OUT_OF_BAND  ESTABLISHING_DELTA_NEUTRAL
ERROR_RECOVERY             RECOVERY_SPENT         SHUTDOWN
ERROR_RECOVERY             FAULT                  ERROR_RECOVERY
ERROR_RECOVERY             STOP                   SHUTDOWN
"""

CELLS = """
state                       ENTRY EXIT ESTABLISH HEDGE UNWIND FLATTEN CANCEL
INITIALIZING                -     -    -         -     -      -       ARH
ESTABLISHING_DELTA_NEUTRAL  -     -    A         ARH   ARH    R       ARH
DELTA_NEUTRAL_ACTIVE        -     -    -         -     -      -       ARH
MONITORING_SPREADS          -     -    -         -     -      -       ARH
PREPARING_ARBITRAGE         A     AR   -         -     -      -       ARH
EXECUTING_ARBITRAGE         A     AR   -         ARH   -      -       ARH
REBALANCING_DELTA           -     -    -         ARH   ARH    -       ARH
ERROR_RECOVERY              -     -    -         ARH   ARH    -       ARH
SHUTDOWN                    -     -    -         ARH   ARH    ARH     ARH
"""


def rows(table: str) -> list[list[str]]:
    """The words of a table, line by line."""
    return [line.split() for line in table.strip().splitlines()]


def test_the_edges_are_exactly_these() -> None:
    """No edge is missing and none is there that the table above does not name."""
    found = [[a.name, trigger.name, b.name] for a, edges in TRANSITIONS.items() for trigger, b in edges.items()]
    assert sorted(found) == sorted(rows(EDGES))


def test_every_state_has_a_row_and_can_be_reached() -> None:
    """From INITIALIZING each of the nine states is reached, and each but SHUTDOWN can reach SHUTDOWN."""
    assert set(TRANSITIONS) == set(StrategyState)
    for start in StrategyState:
        seen, new = {start}, [start]
        while new:
            after = set(TRANSITIONS[new.pop()].values()) - seen
            seen |= after
            new.extend(after)
        assert start is StrategyState.SHUTDOWN or StrategyState.SHUTDOWN in seen
        assert start is not StrategyState.INITIALIZING or seen == set(StrategyState)


def test_shutdown_is_terminal() -> None:
    """SHUTDOWN stands in the table, with no edge."""
    assert TRANSITIONS[StrategyState.SHUTDOWN] == {}


def test_fault_and_stop_leave_every_other_state() -> None:
    """A Fault leads to ERROR_RECOVERY and a Stop to SHUTDOWN from everywhere but SHUTDOWN."""
    for state in set(StrategyState) - {StrategyState.SHUTDOWN}:
        assert target(state, Trigger.FAULT) is StrategyState.ERROR_RECOVERY
        assert target(state, Trigger.STOP) is StrategyState.SHUTDOWN


@pytest.mark.parametrize("state", StrategyState)
def test_illegal_triggers_raise(state: StrategyState) -> None:
    """A trigger that the state does not list raises, naming both; the tables stay as they are."""
    before = draw()
    for trigger in set(Trigger) - set(TRANSITIONS[state]):
        with pytest.raises(InvariantBroken, match=f"{state.name} has no edge for {trigger.name}"):
            target(state, trigger)
    assert draw() == before


def test_the_gate_cell_by_cell() -> None:
    """State x mode x purpose: all 189 answers are those of the table above."""
    head, *lines = rows(CELLS)
    assert len(lines) == len(StrategyState)
    asked = 0
    for name, *cells in lines:
        for purpose, cell in zip(head[1:], cells, strict=True):
            for mode in TradingMode:
                expected = mode.name[0] in cell
                assert allows(StrategyState[name], mode, Purpose[purpose]) is expected, (name, purpose, mode)
                asked += 1
    assert asked == len(StrategyState) * len(TradingMode) * len(Purpose)


def test_nothing_new_leaves_outside_prepared_states() -> None:
    """Entries leave only from PREPARING and EXECUTING, only when ACTIVE; building only from ESTABLISHING."""
    entries = {state for state, purpose in GATE if purpose is Purpose.ENTRY}
    assert entries == {StrategyState.PREPARING_ARBITRAGE, StrategyState.EXECUTING_ARBITRAGE}
    for (_, purpose), modes in GATE.items():
        if purpose in {Purpose.ENTRY, Purpose.ESTABLISH}:
            assert modes == {TradingMode.ACTIVE}


def test_the_page_is_drawn_from_the_tables() -> None:
    """docs/states.md equals draw(): it names every edge and every row of the gate."""
    page = Path(__file__).parents[2] / "docs" / "states.md"
    assert page.read_text(encoding="utf-8") == draw()
    for start, trigger, end in rows(EDGES):
        assert f"| {start} | {trigger} | {end} |" in draw()
        assert f"    {start} --> {end}: {trigger}" in draw()
