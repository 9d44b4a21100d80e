"""The checks of chaos pass on sound evidence, and each speaks up when exactly its own promise is broken."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from drill_evidence import AFTER, BEFORE, REST, T, order, request, sound

from dnbot.domain.order import Purpose
from dnbot.lab import drills_verdicts as verdicts
from dnbot.lab.drills_checks import READS
from dnbot.lab.drills_evidence import Evidence

KILLED = {"kill_exit": 0, "kill_s": 1.9, "own_open": [], "mode": "HALTED", "kill_said": "{}"}


def spoken(evidence: Evidence) -> dict[str, str]:
    """Every check that speaks up."""
    found = {
        "none_expired": verdicts.none_expired(evidence),
        "one_order_each": verdicts.one_order_each(evidence),
        "reads_after": verdicts.reads_after(evidence, T, [REST]),
        "silent_between": verdicts.silent_between(evidence, T, T + 900),
        "no_risk_between": verdicts.no_risk_between(evidence, T, T + 900),
        "spill_arrived": verdicts.spill_arrived(evidence),
        "delta_neutral": verdicts.delta_neutral(evidence),
        "mode_sound": verdicts.mode_sound(evidence, "ACTIVE"),
    }
    return {name: text for name, text in found.items() if text}


def fill(venue: str, side: str, quantity: str) -> dict[str, Any]:
    """One fill without a fee in base."""
    return {"venue": venue, "side": side, "quantity": quantity, "fee": "0", "fee_asset": "USDT", "time_ms": T}


def test_sound_evidence_passes() -> None:
    """Nothing is wrong with it."""
    assert spoken(sound()) == {}


def test_an_order_that_was_accepted_after_its_expiry() -> None:
    """By the venue's own time, less what its clock is ahead."""
    evidence = sound()
    evidence.audit["orders"][2]["create_ms"] = T + 900 + 1_500 + 3
    assert set(spoken(evidence)) == {"none_expired"}
    venue = evidence.intents[AFTER].venue
    assert verdicts.none_expired(attrs.evolve(evidence, skews={venue: 900})) == ""


def test_two_orders_for_one_intent() -> None:
    """The venue has both, whatever its request log has forgotten."""
    evidence = sound()
    evidence.audit["orders"].append(order(BEFORE, order_id="2", update_ms=T - 99))
    assert set(spoken(evidence)) == {"one_order_each"}
    evidence = sound()
    evidence.audit["orders"] += [order("x") | {"client_id": "t-hand-made-1"}] * 2
    assert spoken(evidence) == {}, "what strangers do is theirs"


@pytest.mark.parametrize("path", [path for paths in READS.values() for path in paths])
def test_a_venue_that_was_not_read_before_risk_was_taken_again(path: str) -> None:
    """Any one missing read is named; a way out needs none."""
    evidence = sound()
    evidence.wire.requests[:] = [r for r in evidence.wire.requests if r["path"] != path or r["method"] != "GET"]
    assert path in spoken(evidence)["reads_after"]
    evidence.intents[AFTER] = attrs.evolve(evidence.intents[AFTER], purpose="hedge")
    assert "reads_after" not in spoken(evidence)


def test_a_create_while_the_bot_stood_still() -> None:
    """What was in the kernel already may arrive; a hedge is no excuse for a process that is stopped."""
    evidence = sound()
    evidence.wire.requests.append(request(98, T + 200, "gate_spot", "POST", "/api/v4/spot/orders", BEFORE))
    assert verdicts.silent_between(evidence, T, T + 900) == ""
    evidence.wire.requests.append(request(99, T + 300, "gate_spot", "POST", "/api/v4/spot/orders", BEFORE))
    evidence.intents[BEFORE] = attrs.evolve(evidence.intents[BEFORE], purpose="hedge")
    assert BEFORE in verdicts.silent_between(evidence, T, T + 900)
    assert verdicts.no_risk_between(evidence, T, T + 900) == "", "under a halt it may hedge"


def test_risk_under_a_halt() -> None:
    """An entry, or an order that nobody can vouch for."""
    evidence = sound()
    assert AFTER in verdicts.no_risk_between(evidence, T, T + 1_500)
    evidence.intents[AFTER] = attrs.evolve(evidence.intents[AFTER], purpose="flatten")
    assert verdicts.no_risk_between(evidence, T, T + 1_500) == ""
    del evidence.intents[AFTER]
    assert AFTER in verdicts.no_risk_between(evidence, T, T + 1_500)


@attrs.frozen
class _Spilled:
    purpose: Purpose


@pytest.mark.parametrize("purpose", list(Purpose))
def test_risk_on_the_word_of_a_file(purpose: Purpose) -> None:
    """Ways out alone may be committed there."""
    spilled: Any = {AFTER: _Spilled(purpose)}
    risky = purpose in {Purpose.ENTRY, Purpose.EXIT, Purpose.ESTABLISH}
    assert (AFTER in verdicts.no_risk_spilled(spilled)) is risky


def test_a_spilled_intent_that_was_lost() -> None:
    """Not in the database, or there by hearsay only."""
    spilled: Any = {AFTER: _Spilled(Purpose.HEDGE)}
    evidence = attrs.evolve(sound(), spilled=spilled)
    assert spoken(evidence) == {}
    evidence.intents[AFTER] = attrs.evolve(evidence.intents[AFTER], committed_ms=None)
    assert set(spoken(evidence)) == {"spill_arrived"}
    evidence = attrs.evolve(sound(), spilled=spilled)
    del evidence.intents[AFTER]
    assert set(spoken(evidence)) == {"spill_arrived"}


def test_one_leg_alone() -> None:
    """More than a lot on either side; a lot may be left, and a pair is whole."""
    evidence = sound()
    evidence.audit["fills"] = [fill("gate_spot", "buy", "0.01")]
    assert set(spoken(evidence)) == {"delta_neutral"}
    evidence.audit["fills"].append(fill("gate_futures", "sell", "99"))
    assert spoken(evidence) == {}
    evidence.audit["fills"].append(fill("gate_futures", "sell", "3"))
    assert "-0.0002" in spoken(evidence)["delta_neutral"]


def test_a_mode_that_nobody_asked_for() -> None:
    """Lowered, with its reason told; or lowered as expected, but without one."""
    evidence = attrs.evolve(sound(), mode=("REDUCING", "too many losses"))
    assert "too many losses" in spoken(evidence)["mode_sound"]
    assert verdicts.mode_sound(evidence, "REDUCING") == ""
    assert "without a reason" in verdicts.mode_sound(attrs.evolve(sound(), mode=("HALTED", "")), "HALTED")


def test_an_absence_of_the_database_that_nobody_was_told_of() -> None:
    """An alert of it, or one so shortly before that a second would have been quiet; an older one is another story."""
    assert verdicts.loss_recorded([T + 500], T) == ""
    assert verdicts.loss_recorded([T - 59_000], T) == ""
    for alerts in ([], [T - 60_300]):
        assert "no alert" in verdicts.loss_recorded(alerts, T)


def test_naked_too_long_and_a_fault_that_missed() -> None:
    """To the millisecond; and nothing follows from what hurt nothing."""
    assert verdicts.naked_within(10_000, 10.0) == ""
    assert "10001 ms" in verdicts.naked_within(10_001, 10.0)
    assert verdicts.struck({"cut": 1}, "cut") == ""
    assert "cut is 0" in verdicts.struck({"cut": 0}, "cut")
    assert "unknown" in verdicts.struck({}, "cut")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"kill_exit": 75}, "kill_exit"), ({"kill_exit": None}, "kill_exit"), ({"kill_s": 5.1}, "kill_in_time"),
        ({"own_open": [REST]}, "swept_while_stopped"), ({"mode": "ACTIVE"}, "halted"), ({}, None),
    ],
)
def test_a_kill_that_did_not_keep_its_word(change: dict[str, Any], check: str | None) -> None:
    """Its exit code, its time, what it left, and the halt."""
    found = {name for name, text in verdicts.kill_kept_its_word(KILLED | change).items() if text}
    assert found == ({check} if check else set())
