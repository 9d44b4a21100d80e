"""What `dnbot transfers plan` says of a plan: figures, warnings, and that nothing is moved."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.config import TransferSettings, load_settings
from dnbot.domain.instrument import Venue
from dnbot.operate.control_words import Request, Ship
from dnbot.operate.transfers import TransfersPlanned, json_of_plan, room_of, shares_of, warnings_of
from dnbot.operate.transfers_text import plan_text
from dnbot.resources import config_dir
from dnbot.strategy.transfer_plan import Holdings, Network, plan_transfers

D = Decimal
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
GATE, PERP, MEXC = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
WAY = Network(asset="BTC", source=GATE, target=MEXC, network="BTC", fee=D("0.0002"), minimum=D("0.001"))
HOLDINGS = Holdings(
    balances={
        (GATE, "BTC"): D("0.06"), (MEXC, "BTC"): D(0), (GATE, "USDT"): D(2000), (PERP, "USDT"): D(6000),
        (MEXC, "USDT"): D(2000),
    },
    perp_base=D("-0.06"), unrealised_quote=D(-100), price=D(50_000),
)


def planned(
    *networks: Network, age: timedelta | None = timedelta(0), unsettled: int = 0, holdings: Holdings = HOLDINGS,
) -> TransfersPlanned:
    """A plan for these holdings and the demo's parameters."""
    demo = load_settings(config_dir() / "demo.toml")
    settings = msgspec.structs.replace(demo, transfers=TransferSettings(networks=networks))
    plan = plan_transfers(holdings, settings.strategy, networks, D(5))
    return TransfersPlanned(settings, plan, NOW, None if age is None else NOW - age, unsettled)


def test_room_and_shares_are_of_what_lies_where() -> None:
    """2000 USDT buy 0.04 BTC; equity is 10900 with Gate and 2000 with MEXC."""
    assert room_of(HOLDINGS, "BTC", "USDT") == {"GATE_TO_MEXC": 0, "MEXC_TO_GATE": D("0.04")}
    assert shares_of(HOLDINGS, "BTC", "USDT") == {"Gate": D("0.8450"), "MEXC": D("0.1550")}
    unknown = msgspec.structs.replace(HOLDINGS, price=None)
    assert room_of(unknown, "BTC", "USDT") == shares_of(unknown, "BTC", "USDT") == {}


def test_the_plan_as_json() -> None:
    """0.0301 BTC leave Gate, 0.0299 arrive at a cost of 10 USDT, and both ways can be traded again."""
    found = json_of_plan(planned(WAY))
    msgspec.json.encode(found)
    assert found["moves"] == [{
        "step": 1, "asset": "BTC", "source": "GATEIO_SPOT", "target": "MEXC_SPOT", "network": "BTC",
        "amount": "0.0301", "fee": "0.0002", "arrives": "0.0299", "cost_quote": "10", "why": "inventory_ratio",
    }]
    assert (found["cost_quote"], found["unplanned"], found["is_carried_out"]) == ("10", [], False)
    assert found["after"]["balances"]["MEXC_SPOT:BTC"] == "0.0299"
    assert found["after"]["room_base"] == {"GATE_TO_MEXC": "0.0299", "MEXC_TO_GATE": "0.0299"}


def test_the_text_says_that_nothing_is_moved() -> None:
    """With a plan also how to carry it out; without a network why there is none."""
    text = plan_text(planned(WAY))
    assert "dnbot cannot withdraw" in text
    alone = plan_text(planned())
    assert "no fee is guessed" in alone
    assert "dnbot cannot withdraw" in alone
    assert "near its target" not in alone
    assert "Before each step" not in alone


def test_a_move_between_spot_venues_is_declared_and_the_bot_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that the command takes: what leaves, and what arrives after the fee, of this configuration."""
    text = plan_text(planned(WAY), Path("my bot.toml"))
    assert "dnbot stop" not in text
    [line] = [line for line in text.splitlines() if "transfers declare" in line]
    number, program, *arguments = shlex.split(line)
    assert (number, program) == ("1", "dnbot")
    told: list[tuple[Path | None, Request]] = []
    monkeypatch.setattr(
        "dnbot.operate.transfers_command.tell_bot", lambda config, request, as_json: told.append((config, request))
    )
    done = CliRunner().invoke(commands, arguments)
    assert done.exit_code == 0, done.output
    assert told == [(Path("my bot.toml"), Ship(
        source=GATE, target=MEXC, asset="BTC", leaves=D("0.0301"), arrives=D("0.0299"), why="step 1 of transfers plan",
    ))]
    assert "--config" not in plan_text(planned(WAY))


def test_the_bot_is_stopped_for_the_perpetuals_wallet_alone() -> None:
    """Such a move cannot be declared; the step after it can."""
    poor = {**HOLDINGS.balances, (PERP, "USDT"): D(500)}
    text = plan_text(planned(WAY, holdings=msgspec.structs.replace(HOLDINGS, balances=poor)), Path("b.toml"))
    steps = text[text.index("Before each step"):].splitlines()[1:3]
    assert steps[0].split() == "1 dnbot stop --config b.toml (and start it when this has arrived)".split()
    assert steps[1].split()[:4] == ["2", "dnbot", "transfers", "declare"]
    assert "cannot be declared" in text


@pytest.mark.parametrize(("found", "words"), [
    (planned(WAY), "0.0002 BTC of fees leave the hedged inventory"),
    (planned(), "Gate holds 0.845 of all equity then, above venue_equity_share_max, 0.8"),
    (planned(WAY, age=timedelta(hours=2)), "2 h old"),
    (planned(WAY, age=None), "no price was ever sampled"),
    (planned(WAY, unsettled=2), "2 orders not settled"),
])
def test_what_must_be_known_is_warned_of(found: TransfersPlanned, words: str) -> None:
    """A plan that is right on paper only."""
    assert [text for text in warnings_of(found) if words in text]
    assert f"warning: {next(text for text in warnings_of(found) if words in text)}" in plan_text(found)


def test_a_fresh_plan_without_a_fee_in_base_warns_of_nothing_but_shares() -> None:
    """No warning without a cause."""
    assert [text for text in warnings_of(planned()) if "equity" not in text] == []
