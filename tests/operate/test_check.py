"""`dnbot check`: what it asks, what it refuses, and that its figures are the venues' own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from trio.testing import MockClock

from dnbot.bot import Place
from dnbot.config import Settings
from dnbot.domain.account import AccountFacts
from dnbot.domain.errors import ConfigError, InvariantBroken
from dnbot.domain.instrument import VENUES, FeeSchedule, Instrument, Symbol, Venue
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.running import GATE_HOST, MEXC_HOST
from dnbot.lab.world import stage
from dnbot.operate import check
from dnbot.operate.places import Surroundings
from dnbot.operate.venue_reads import VenueFacts, only_get, read_venues
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.net import Endpoint
from dnbot.ports.signer import CredentialSigner
from dnbot.strategy.parameters import StrategyParameters
from dnbot.venues.wire import Request

D = Decimal
SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(symbol=SYMBOL, base_position_size=D("0.06"), max_order_notional_quote=D(400))
FEES = {Venue.GATE_SPOT: ("0.002", "0.002"), Venue.GATE_FUTURES: ("0.0002", "0.0005"), Venue.MEXC_SPOT: ("0", "0.0005")}
LOTS = {Venue.GATE_SPOT: "0.000001", Venue.GATE_FUTURES: "0.0001", Venue.MEXC_SPOT: "0.000001"}


def facts(venue: Venue) -> VenueFacts:
    """What an ordinary account of that venue hears."""
    maker, taker = FEES[venue]
    lot = D(LOTS[venue])
    return VenueFacts(
        instrument=Instrument(
            venue=venue, symbol=SYMBOL, tick_size=D("0.1"), lot_size=lot, multiplier=D(1) if venue.is_spot else lot
        ),
        mid=D(60_000),
        account=AccountFacts(venue=venue, user_id="1", mode="classic", problem=None),
        fees=FeeSchedule(venue=venue, maker=D(maker), taker=D(taker), buy_fee_in_base=venue is Venue.GATE_SPOT),
    )


def report(params: StrategyParameters = PARAMS, profile: str = "full", **changes: VenueFacts) -> str:
    """The report on such accounts, with some of them replaced."""
    found = {venue: changes.get(venue.name, facts(venue)) for venue in VENUES}
    settings = Settings(strategy=params, profile=profile)
    check.refuse(settings, found)
    return "\n".join(check._report(settings, "a test", found))


def test_a_canary_is_measured_at_todays_price() -> None:
    """At 60,000 a position of up to 0.0083 is allowed and its caps are told; a thousandth more is refused by worth."""
    small = msgspec.structs.replace(PARAMS, base_position_size=D("0.0083"), max_position_multiplier=D(1))
    assert "profile canary: orders up to 100, a position up to 500 quote; after 10" in report(small, "canary")
    assert "canary" not in report(small)
    large = msgspec.structs.replace(small, base_position_size=D("0.0042"), max_position_multiplier=D(2))
    with pytest.raises(ConfigError, match=r"0\.0084 BTC, worth 504 USDT.*at most 500"):
        report(large, "canary")
    report(large)


def row(text: str, name: str) -> list[str]:
    """The words of the line that begins with `name`."""
    return next(line.split() for line in text.splitlines() if line.startswith(name))


def test_the_report_reckons_with_the_accounts_own_fees() -> None:
    """Gate spot at 20 bps makes a spot-spot trade need 29 bps gross, a MEXC carry 14; the bound is in quote units."""
    text = report()
    assert row(text, "GATE_TO_MEXC") == ["GATE_TO_MEXC", "SPOT_SPOT", "20.00", "5.00", "25.02", "29.02", "23.02"]
    assert row(text, "OPEN_MEXC") == ["OPEN_MEXC", "CARRY_OPEN", "5.00", "5.00", "10.00", "14.00", "8.00"]
    assert row(text, "CLOSE_MEXC") == ["CLOSE_MEXC", "CARRY_CLOSE", "5.00", "5.00", "10.00", "-", "8.00"]
    assert "building 0.06 BTC (about 3600.00 USDT) may cost at most 40 bps = 14.40 USDT" in text
    assert row(text, "GATEIO_FUTURES")[2:7] == ["0.1", "0.0001", "0.0001", "2", "5"]


def test_the_figures_are_those_of_the_report() -> None:
    """As JSON every digit is there, as text; what is warned of is there without the word."""
    found = check._figures(Settings(strategy=PARAMS), "a test", {venue: facts(venue) for venue in VENUES})
    msgspec.json.encode(found)
    pairs = {pair["pair_name"]: pair for pair in found["pairs"]}
    assert round(D(pairs["GATE_TO_MEXC"]["break_even_gross_bps"]), 2) == D("25.02")
    assert (pairs["OPEN_MEXC"]["buy_fee_bps"], pairs["OPEN_MEXC"]["sell_fee_bps"]) == ("5", "5")
    assert found["establish_cost_quote_max"] == "14.4"
    assert found["venues"][0] == {
        "venue": "GATEIO_SPOT", "mid": "60000", "tick_size": "0.1", "lot_size": "0.000001", "multiplier": "1",
        "maker_bps": "20", "taker_bps": "20", "account": "classic",
    }
    [warning] = found["warnings"]
    assert warning.startswith("at these fees")


def test_the_break_even_is_where_the_edge_is_nothing() -> None:
    """At the reported gross spread around a mid, what is sold brings exactly what is bought costs, to 0.01 bps."""
    gross = D(row(report(), "MEXC_TO_GATE")[4])
    buy, sell = D(60_000) * (1 - gross / 20_000), D(60_000) * (1 + gross / 20_000)
    edge_bps = (sell * (1 - D("0.002")) - buy * (1 + D("0.0005"))) / D(60_000) * 10_000
    assert abs(edge_bps) < D("0.01")


def test_thresholds_that_liquid_pairs_rarely_meet_are_named() -> None:
    """The warning comes with entry-level fees, and not with an account that trades for nothing."""
    assert "needs 29.02 bps gross: liquid pairs will rarely or never trade" in report()
    free = {v.name: _replaced(v, fees=FeeSchedule(venue=v, maker=D(0), taker=D(0))) for v in VENUES}
    assert "rarely" not in report(**free)


def test_what_is_odd_is_warned_of() -> None:
    """Warnings of the account, a rebate and thresholds that may lose each have their line."""
    account = AccountFacts(
        venue=Venue.MEXC_SPOT, user_id="1", mode="SPOT", problem=None, warnings=("the key may withdraw",)
    )
    rebate = FeeSchedule(venue=Venue.MEXC_SPOT, maker=D("-0.0001"), taker=D("0.0005"))
    losing = msgspec.structs.replace(PARAMS, allow_losing_thresholds=True)
    text = report(losing, MEXC_SPOT=_replaced(Venue.MEXC_SPOT, account=account, fees=rebate))
    assert "warning: MEXC_SPOT: the key may withdraw" in text
    assert "warning: a fee is negative" in text
    assert "warning: allow_losing_thresholds is set" in text


@pytest.mark.parametrize(
    ("venue", "changes", "words"),
    [
        (Venue.GATE_SPOT, {"account": "unified account"}, "GATEIO_SPOT: account: found 'unified account'"),
        (Venue.MEXC_SPOT, {"closed": "paused by the venue"}, "MEXC_SPOT: BTC/USDT: found 'paused by the venue'"),
        (Venue.GATE_FUTURES, {"lot": "0.05"}, "0.03 of it goes to one venue, below the smallest order of GATEIO_FUT"),
        (Venue.GATE_SPOT, {"min_notional": "401"}, "max_order_notional_quote is 400, below the smallest order"),
        (Venue.MEXC_SPOT, {"min_quantity": "0.05"}, "0.03 of it goes to one venue, below the smallest order of MEXC"),
    ],
)
def test_what_cannot_work_is_refused(venue: Venue, changes: dict[str, str], words: str) -> None:
    """An account that must not be used, a closed market, and parameters that do not fit end the check."""
    fact = facts(venue)
    account, instrument = fact.account, fact.instrument
    if "account" in changes:
        account = msgspec.structs.replace(account, problem=changes["account"])
    if "closed" in changes:
        instrument = msgspec.structs.replace(instrument, tradable=False, not_tradable_because=changes["closed"])
    if "lot" in changes:
        instrument = msgspec.structs.replace(instrument, lot_size=D(changes["lot"]))
    for name in ("min_notional", "min_quantity"):
        if name in changes:
            instrument = msgspec.structs.replace(instrument, **{name: D(changes[name])})
    with pytest.raises(ConfigError) as refused:
        report(**{venue.name: VenueFacts(instrument, fact.mid, account, fact.fees)})
    assert words in str(refused.value)


def test_a_tolerance_below_half_a_lot_is_refused() -> None:
    """What cannot be hedged is not asked for."""
    tight = msgspec.structs.replace(PARAMS, delta_tolerance_base=D("0.00004"))
    with pytest.raises(ConfigError, match="below half a contract lot"):
        report(tight)


async def test_the_venues_are_asked_by_get_alone(autojump_clock: MockClock) -> None:
    """On the whole fake world: every private request is a GET, nothing changed, and the facts are the venues' own."""
    async with stage(FakesConfig()) as world:
        account = world.world.config.accounts[0]
        signer = CredentialSigner(Credentials(Secret(account.key), Secret(account.secret), account.uid))
        gate = Place(Endpoint(GATE_HOST, 443), f"wss://{GATE_HOST}:443")
        mexc = Place(Endpoint(MEXC_HOST, 443), f"wss://{MEXC_HOST}:443")
        places = {Venue.GATE_SPOT: gate, Venue.GATE_FUTURES: gate, Venue.MEXC_SPOT: mexc}
        opener = cast("Any", world.network.open_stream)
        before = world.audit()
        found = await read_venues(Surroundings(places, dict.fromkeys(Venue, signer), opener), SYMBOL, world.clock)
        after = world.audit()
    asked = after["requests"]["tail"]
    assert {entry["method"] for entry in asked} == {"GET"}
    assert {entry["status"] for entry in asked} <= {200}
    assert after["balances"] == before["balances"]
    assert after["open_orders"] == before["open_orders"] == []
    taker = {venue: fact.fees.taker for venue, fact in found.items() if fact.fees is not None}
    config = FakesConfig()
    assert taker == {
        Venue.GATE_SPOT: config.gate_spot_fees[1], Venue.GATE_FUTURES: config.gate_futures_fees[1],
        Venue.MEXC_SPOT: config.mexc_fees[1],
    }
    assert all(D(55_000) < fact.mid < D(65_000) for fact in found.values())
    assert [fact.account.problem for fact in found.values()] == [None, None, None]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_request_that_could_change_something_is_a_bug(method: str) -> None:
    """The reader of a check refuses every method but GET."""
    with pytest.raises(InvariantBroken, match=method):
        only_get(Request(method=method, target="/api/v3/order"))


def _replaced(venue: Venue, **changes: object) -> VenueFacts:
    fact = facts(venue)
    fields: dict[str, Any] = {
        "instrument": fact.instrument, "mid": fact.mid, "account": fact.account, "fees": fact.fees, **changes
    }
    return VenueFacts(**fields)
