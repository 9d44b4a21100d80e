"""The judge of a container passes a sound one and speaks up at exactly what is wrong; without an engine it refuses."""

from __future__ import annotations

import signal
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from drill_evidence import AFTER, BEFORE, REST, T, intent, sound

from dnbot.cli import EXIT_CONFIG, commands
from dnbot.lab.drills_container import CLOSED
from dnbot.lab.drills_container_checks import (
    Left,
    closed_in,
    creates_of,
    judge,
    no_risk_after_stop,
    state_at_stop,
    unbooked_funding,
)
from dnbot.lab.drills_engine import TOOLS
from dnbot.lab.drills_evidence import Wire

STOPPED = {"trigger": "STOP", "from_state": "EXECUTING_ARBITRAGE", "at_ms": T + 1_500, "sequence": 3, "why": "SIGTERM"}
STATUS = """\
Name:\tpython
Uid:\t10001\t10001\t10001\t10001
CapBnd:\t0000000000000000
CapEff:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
"""


def left() -> Left:
    """Of a container that traded, was told to stop, and left nothing behind."""
    evidence = sound()
    evidence.transitions.append(dict(STOPPED))
    evidence.audit["forgotten"] = {"orders": 0}
    evidence.audit["open_orders"] = []
    evidence.audit["orders"][1]["create_ms"] = T - 100
    evidence = attrs.evolve(evidence, wire=Wire(creates_of(evidence.audit)))
    return Left(evidence, {"GATEIO_SPOT": {"BTC": "0"}}, [], 0)


def spoken(found: Left) -> set[str]:
    """The checks that speak up."""
    return {name for name, text in judge(found).items() if text}


def test_a_sound_container_passes() -> None:
    """Nothing is wrong with it, and its end met an execution."""
    assert spoken(left()) == set()
    assert state_at_stop(left().evidence) == "EXECUTING_ARBITRAGE"


@pytest.mark.parametrize(("spoil", "check"), [
    (lambda it: it.evidence.audit["open_orders"].append({"client_id": f"t-{REST}", "venue": "gate_spot"}), "own_gone"),
    (lambda it: it.evidence.intents.pop(BEFORE), "intent_first"),
    (lambda it: it.evidence.audit["forgotten"].update(orders=1), "orders_seen"),
    (lambda it: it.evidence.audit["orders"].clear(), "orders_seen"),
    (lambda it: it.residual["GATEIO_SPOT"].update(BTC="0.00000001"), "residual"),
    (lambda it: it.unbooked.append("GATE_SPOT:7"), "fills_booked"),
    (lambda it: it.evidence.transitions.pop(), "no_risk_after_stop"),
    (lambda it: it.evidence.intents.update({"dnb-2-3-b": intent("dnb-2-3-b", T + 1_501)}), "no_risk_after_stop"),
])  # fmt: skip
def test_each_check_speaks_up(spoil: Callable[[Left], Any], check: str) -> None:
    """When exactly its own promise is broken."""
    found = left()
    spoil(found)
    assert spoken(found) == {check}


def test_what_finishes_a_pair_may_come_after_the_stop() -> None:
    """A hedge takes no risk."""
    found = left()
    found.evidence.intents["dnb-2-3-b"] = intent("dnb-2-3-b", T + 1_501, purpose="hedge")
    assert no_risk_after_stop(found.evidence) == ""


def test_adjustments_and_modes_are_told() -> None:
    """A ledger that was mended, and a bot that was lowered."""
    found = attrs.evolve(left(), adjustments=1)
    assert spoken(found) == {"adjustments"}
    found = left()
    assert spoken(attrs.evolve(found, evidence=attrs.evolve(found.evidence, mode=("REDUCING", "loss")))) == {"mode"}


def test_creates_are_made_of_orders() -> None:
    """In the order of their times, each at its venue's."""
    creates = Wire(creates_of(left().evidence.audit)).creates()
    assert [(one["client_id"], one["time_ms"]) for one in creates] == [
        (REST, T - 200), (BEFORE, T - 100), (AFTER, T + 1_000),
    ]


def test_funding_after_the_last_read_is_nobodys() -> None:
    """A row that is not booked, and is younger than every booked one of its venue; an older one is missing."""
    rows = [
        {"id": number, "time_ms": T + number, "venue": "gate_futures", "asset": "USDT", "change": "1.5", "type": "fund"}
        for number in (1, 2, 3)
    ]
    assert unbooked_funding({"ledger": rows}, {"GATEIO_FUTURES:row:2"}) == {("GATEIO_FUTURES", "USDT"): Decimal("1.5")}
    assert unbooked_funding({"ledger": rows}, {"GATEIO_FUTURES:row:3"}) == {}


@pytest.mark.parametrize(("line", "spoiled"), [
    ("Uid:\t10001", "Uid:\t0"), ("CapEff:\t0000000000000000", "CapEff:\t0000000000000400"),
    ("NoNewPrivs:\t1", "NoNewPrivs:\t0"), ("Seccomp:\t2\n", ""),
])  # fmt: skip
def test_a_process_that_is_not_closed_in(line: str, spoiled: str) -> None:
    """Another user, a capability, a way to more, and no filter of calls are each found."""
    assert closed_in(STATUS, CLOSED) == ""
    assert closed_in(STATUS.replace(line, spoiled), CLOSED) != ""


def test_without_an_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Exit code 2, the tools by name, and the command that brings them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    before = signal.getsignal(signal.SIGTERM)
    done = CliRunner().invoke(commands, ["drill", "container"])
    assert done.exit_code == EXIT_CONFIG
    assert all(tool in done.output for tool in TOOLS)
    assert "apt-get install" in done.output
    assert signal.getsignal(signal.SIGTERM) is before
