"""What a fleet says of all its bots together: new risk waits for it, and what leads out does not."""

from __future__ import annotations

import msgspec
import pytest
from machine_kit import Bench

from dnbot.domain.messages import ExecutePair, FleetRiskTold, OpportunityDeclined, PlaceOrder, SetMode
from dnbot.domain.order import Purpose
from dnbot.strategy.risk import CONTROLS
from dnbot.strategy.risk_standing import fleet
from dnbot.strategy.standing import fleet_denial

NOT_TOLD = FleetRiskTold(denial="the fleet has told nothing yet", valid_until_s=0.0)


def told(bench: Bench, denial: str = "", *, for_s: float = 60.0) -> Bench:
    """The fleet has spoken."""
    bench.give(FleetRiskTold(denial=denial, valid_until_s=bench.context.now_s + for_s))
    return bench


def reasons(bench: Bench) -> list[tuple[str, str]]:
    """Code and text of each recorded refusal."""
    return [(record.declined.reason, record.declined.text) for record in bench.all(OpportunityDeclined)]


def test_only_new_risk_asks_the_fleet() -> None:
    """Entries and the position's building do; exits, hedges, unwinds and flattening do not."""
    (asked,) = [purposes for control, purposes in CONTROLS if control is fleet]
    assert asked == {Purpose.ENTRY, Purpose.ESTABLISH}


@pytest.mark.parametrize(
    ("said", "now_s", "denied"),
    [
        (None, 100.0, ""),
        (FleetRiskTold(denial="", valid_until_s=100.0), 100.0, ""),
        (FleetRiskTold(denial="", valid_until_s=100.0), 100.1, "what the fleet has is not known any more"),
        (FleetRiskTold(denial="", valid_until_s=float("nan")), 100.0, "what the fleet has is not known any more"),
        (FleetRiskTold(denial="gross", valid_until_s=200.0), 100.0, "gross"),
        (FleetRiskTold(denial="gross", valid_until_s=50.0), 100.0, "gross"),
    ],
)
def test_what_was_told_counts_until_its_end(said: FleetRiskTold | None, now_s: float, denied: str) -> None:
    """Without a fleet nothing denies; what is too old denies."""
    context = msgspec.structs.replace(Bench().boot().context, fleet=said, now_s=now_s)
    assert fleet_denial(context) == denied


def test_without_a_fleet_nothing_changes() -> None:
    """A bot of its own needs no word of anybody."""
    bench = Bench().boot()
    bench.signal(ms=60_200)
    assert len(bench.all(ExecutePair)) == 1


def test_an_entry_waits_for_the_fleet_s_word() -> None:
    """Refused with the reason while a limit is reached, entered when it is not any more."""
    bench = told(Bench(context={"fleet": NOT_TOLD}).boot(), "gross exposure of the fleet is 5, the limit 4")
    bench.signal(ms=60_200)
    assert not bench.all(ExecutePair)
    code, text = reasons(bench)[-1]
    assert code == "FLEET_LIMIT"
    assert "gross exposure of the fleet is 5, the limit 4" in text
    told(bench)
    bench.signal(ms=60_200, after_ms=1100)
    assert len(bench.all(ExecutePair)) == 1


def test_ways_out_do_not_ask() -> None:
    """A fleet beyond its limit stops neither an exit nor a hedge; nor does one that has told nothing."""
    for beyond in (lambda bench: bench, lambda bench: told(bench, "gross exposure of the fleet is 5, the limit 4")):
        bench = beyond(Bench("1", "-2", context={"fleet": NOT_TOLD}).boot())
        bench.give(SetMode("REDUCING", "test"))
        bench.signal(gf=59_700)
        assert bench.last(ExecutePair).intents[0].purpose is Purpose.EXIT
        naked = beyond(Bench("0.5", "-0.8", context={"fleet": NOT_TOLD}).boot())
        naked.signal()
        assert {order.intent.purpose for order in naked.all(PlaceOrder)} == {Purpose.HEDGE}
