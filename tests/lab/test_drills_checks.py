"""Each check of the drills passes on sound evidence and speaks up when exactly its own promise is broken."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest
from drill_evidence import AFTER, BEFORE, REST, T, sound

from dnbot.domain.instrument import Venue
from dnbot.lab import drills_checks as checks
from dnbot.lab.drills_evidence import Evidence, naked_ms, own_open


def verdicts(evidence: Evidence) -> dict[str, str]:
    """Every check that speaks up, after a fault and as after a restart."""
    found = {
        "intent_first": checks.intent_first(evidence, 0),
        "one_shot": checks.one_shot(evidence),
        "own_gone": checks.own_gone(evidence),
        "foreign_alive": checks.foreign_alive(evidence, {"hand-made-1": Venue.GATE_SPOT}),
        "reads_first": checks.reads_after_faults(evidence, T, [REST]),
    }
    return {name: text for name, text in found.items() if text}


def test_sound_evidence_passes() -> None:
    """Nothing is wrong, and what rested is known to have lived when the fault struck."""
    assert verdicts(sound()) == {}
    assert checks.rested(sound(), [REST], T)[Venue.GATE_SPOT] == 1
    assert own_open(sound().audit) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"committed_ms": None}, "never committed"), ({"committed_ms": T + 1_100}, "its intent committed at"),
        ({"quantity": Decimal("0.02")}, "on the wire"), ({"price": Decimal(60_001)}, "on the wire"),
        ({"side": "sell"}, "on the wire"), ({"venue": Venue.MEXC_SPOT}, "on the wire"),
    ],
)
def test_an_order_that_is_not_its_intent(changes: dict[str, Any], says: str) -> None:
    """Committed late, never, or as something else."""
    evidence = sound()
    evidence.intents[AFTER] = attrs.evolve(evidence.intents[AFTER], **changes)
    assert says in verdicts(evidence)["intent_first"]


def test_an_order_without_an_intent() -> None:
    """Our prefix on the wire, and nothing in the database."""
    evidence = sound()
    del evidence.intents[BEFORE]
    assert "has no intent" in checks.intent_first(evidence, 0)


def test_an_intent_in_the_spill_file_counts_as_committed() -> None:
    """While the database was away, the file was read instead."""
    evidence = sound()
    evidence.intents[AFTER] = attrs.evolve(evidence.intents[AFTER], committed_ms=None)
    spilled: Any = {AFTER: object()}
    assert checks.intent_first(attrs.evolve(evidence, spilled=spilled), 0) == ""


def test_an_id_twice_on_the_wire() -> None:
    """The same create again."""
    evidence = sound()
    evidence.wire.requests.append(evidence.wire.requests[1] | {"number": 99})
    assert BEFORE in verdicts(evidence)["one_shot"]


def test_an_order_of_ours_that_stayed_and_a_foreign_one_that_went() -> None:
    """The first must go, the second must not."""
    evidence = sound()
    evidence.audit["open_orders"] = [{"client_id": f"t-{REST}", "venue": "gate_spot"}]
    assert set(verdicts(evidence)) == {"own_gone", "foreign_alive"}


@pytest.mark.parametrize("path", [path for paths in checks.READS.values() for path in paths])
def test_a_list_that_was_not_read_before_the_next_order(path: str) -> None:
    """Any one missing read is named."""
    evidence = sound()
    evidence.wire.requests[:] = [r for r in evidence.wire.requests if r["path"] != path or r["method"] != "GET"]
    assert path in verdicts(evidence)["reads_first"]


def test_a_new_order_before_the_resting_one_was_gone() -> None:
    """The cancel came after the create."""
    evidence = sound()
    evidence.audit["orders"][0]["update_ms"] = T + 1_500
    assert REST in verdicts(evidence)["reads_first"]


def test_an_order_that_was_decided_before_the_machine_had_reconciled() -> None:
    """RECONCILED is missing, or later."""
    for edges in ([], [{"sequence": 2, "trigger": "RECONCILED", "why": "", "at_ms": T + 950}]):
        evidence = sound()
        evidence.transitions[1:] = edges
        assert "before the machine had reconciled" in verdicts(evidence)["reads_first"]


def test_a_restart_reads_first_and_its_predecessor_is_silent() -> None:
    """A create of the old epoch after the new one began is a fence that does not hold."""
    evidence = sound()
    evidence.intents[BEFORE] = attrs.evolve(evidence.intents[BEFORE], epoch=1)
    assert checks.reads_after_restart(evidence, 2, T, [REST]) == ""
    evidence.wire.requests[1]["time_ms"] = T + 20
    assert "earlier epoch" in checks.reads_after_restart(evidence, 2, T, [REST])
    assert "sent nothing" in checks.reads_after_restart(sound(), 3, T + 5_000, [REST])


def test_a_stop_after_which_something_new_is_decided() -> None:
    """Only what finishes what is open may follow; the last reads must be there."""
    evidence = sound()
    evidence.transitions[:] = [{"sequence": 1, "trigger": "STOP", "why": "", "at_ms": T + 10}]
    assert AFTER in checks.quiet_after_stop(evidence, T)
    evidence.intents[AFTER] = attrs.evolve(evidence.intents[AFTER], purpose="hedge")
    assert checks.quiet_after_stop(evidence, T) == ""
    evidence.wire.requests[:] = evidence.wire.requests[:4]
    assert "was read" in checks.quiet_after_stop(evidence, T)


def test_naked_time_is_counted_from_fills() -> None:
    """From the first leg to the second; a leg that is still alone counts until the audit."""
    common = {"fee": "0", "fee_asset": "USDT"}
    legs = [
        common | {"venue": "gate_spot", "side": "buy", "quantity": "0.01", "time_ms": T},
        common | {"venue": "gate_futures", "side": "sell", "quantity": "100", "time_ms": T + 70},
    ]
    assert naked_ms({"fills": legs, "time": T + 900}, T) == 70
    assert naked_ms({"fills": legs[:1], "time": T + 900}, T) == 900
