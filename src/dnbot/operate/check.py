"""`dnbot check`: what the settings mean at these venues, for this account, before anything is risked."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import msgspec

from dnbot.config import Settings
from dnbot.config.rules_canary import CANARY, ORDER_QUOTE_MAX, POSITION_QUOTE_MAX, position_problem
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.pair import Pair, PairKind
from dnbot.domain.units import of_bps, plain
from dnbot.operate.fakes_process import fakes_process, read_address
from dnbot.operate.paper import paper_account
from dnbot.operate.places import Surroundings, of_fakes, of_live
from dnbot.operate.second_spot import names_of, second_spot_of
from dnbot.operate.venue_reads import VenueFacts, read_venues
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.strategy.costs import BreakEven, break_even_table
from dnbot.strategy.fitting import order_problem, size_problem, spot_mid, tolerance_problem
from dnbot.strategy.parameters import StrategyParameters

RARE_BPS = Decimal(10)
"""Two books of one liquid pair differ by a few basis points; an entry that needs more will seldom be met."""


async def check_report(settings: Settings, registry: SecretRegistry) -> str:
    """Ask the venues by GET alone and reckon; the report of `docs/operations.md`, "Before the first run".

    Raises:
        ConfigError: no keys, an account that the bot must refuse, or parameters that do not fit the instruments.
        OperatingError: a venue could not be asked.
    """
    where, facts = await _asked(settings, registry)
    return names_of(settings).text("\n".join(_report(settings, where, facts)))


async def check_json(settings: Settings, registry: SecretRegistry) -> dict[str, Any]:
    """The same as figures, money and rates as text with every digit; errors as `check_report`."""
    figures = msgspec.json.encode(_figures(settings, *await _asked(settings, registry)))
    named: dict[str, Any] = msgspec.json.decode(names_of(settings).data(figures))
    return named


def _figures(settings: Settings, where: str, facts: Mapping[Venue, VenueFacts]) -> dict[str, Any]:
    params, mid = settings.strategy, spot_mid({venue: fact.mid for venue, fact in facts.items()})
    fees = {venue: fact.fees for venue, fact in facts.items() if fact.fees is not None}
    table = break_even_table(fees, params)
    return {
        "mode": settings.mode, "symbol": str(params.symbol), "asked_of": where,
        "venues": [_venue_json(venue, fact) for venue, fact in facts.items()],
        "pairs": [{name: _figure(getattr(row, name)) for name in row.__struct_fields__} for row in table],
        "establish_cost_quote_max": plain(of_bps(params.base_position_size * mid, params.establish_cost_bps_max)),
        "warnings": [line.removeprefix("warning: ") for line in _warning_lines(params, table, fees, facts) if line],
    }


def _venue_json(venue: Venue, fact: VenueFacts) -> dict[str, Any]:
    instrument, fees = fact.instrument, fact.fees
    return {
        "venue": venue.value, "mid": plain(fact.mid), "tick_size": plain(instrument.tick_size),
        "lot_size": plain(instrument.lot_size), "multiplier": plain(instrument.multiplier),
        "maker_bps": _bps(fees.maker) if fees else None, "taker_bps": _bps(fees.taker) if fees else None,
        "account": fact.account.mode,
    }


def _figure(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


async def _asked(settings: Settings, registry: SecretRegistry) -> tuple[str, Mapping[Venue, VenueFacts]]:
    """Who answered, and what; refused when the account or the instruments cannot be used."""
    codecs = second_spot_of(settings).codecs
    async with _surroundings(settings, registry) as (around, where):
        facts = await read_venues(attrs.evolve(around, codecs=codecs), settings.strategy.symbol, SystemClock())
    refuse(settings, facts)
    return where, facts


@asynccontextmanager
async def _surroundings(settings: Settings, registry: SecretRegistry) -> AsyncIterator[tuple[Surroundings, str]]:
    """The real venues, or fakes of our own with a state of their own: a running bot's are left alone."""
    if settings.mode == "live":
        yield of_live(settings, registry), "the venues"
        return
    if settings.mode == "paper":
        with tempfile.TemporaryDirectory(prefix="dnbot-check-") as folder:
            async with paper_account(settings, Path(folder), registry, SystemClock()) as paper:
                yield paper.around, "the venues, without a key; the account is pretended, its fees are [paper]'s"
        return
    if settings.fakes.address_file:
        yield of_fakes(read_address(Path(settings.fakes.address_file)), registry), "the fake exchanges of address_file"
        return
    with tempfile.TemporaryDirectory(prefix="dnbot-check-") as folder:
        async with fakes_process(settings.fakes, Path(folder), settings.second_spot.venue) as fakes:
            yield of_fakes(fakes.address, registry), "fake exchanges: invented prices, entry-level fees"


def refuse(settings: Settings, facts: Mapping[Venue, VenueFacts]) -> None:
    """Raise ConfigError for an account, an instrument or parameters that must not be traded with."""
    params = settings.strategy
    refuse_accounts(facts)
    instruments = {venue: fact.instrument for venue, fact in facts.items()}
    mid = spot_mid({venue: fact.mid for venue, fact in facts.items()})
    problems = (
        tolerance_problem(params, instruments[Venue.GATE_FUTURES].lot_size),
        size_problem(params, instruments, mid),
        order_problem(params, instruments, mid),
        position_problem(params, mid) if settings.profile == CANARY else None,
    )
    for problem in problems:
        if problem is not None:
            raise ConfigError("settings", "strategy", problem, "parameters that fit the instruments")


def refuse_accounts(facts: Mapping[Venue, VenueFacts]) -> None:
    """Raise ConfigError for an account or an instrument that nobody could trade with."""
    for venue, fact in facts.items():
        if fact.account.problem is not None:
            raise ConfigError(venue.value, "account", fact.account.problem, "an account and key that may trade here")
        if not fact.instrument.tradable:
            because = fact.instrument.not_tradable_because or "not tradable"
            symbol = str(fact.instrument.symbol)
            raise ConfigError(venue.value, symbol, because, "an instrument that is open for trading")


# --- the report -------------------------------------------------------------------------------------------------------
def _report(settings: Settings, where: str, facts: Mapping[Venue, VenueFacts]) -> list[str]:
    params = settings.strategy
    fees = {venue: fact.fees for venue, fact in facts.items() if fact.fees is not None}
    table = break_even_table(fees, params)
    mid = spot_mid({venue: fact.mid for venue, fact in facts.items()})
    return [
        f"settings are valid: mode {settings.mode}, {params.symbol}, asked of {where}",
        *_profile_lines(settings),
        "",
        *_instrument_lines(facts),
        "",
        *_pair_lines(table),
        "",
        _establish_line(params, mid),
        *_warning_lines(params, table, fees, facts),
    ]


def _profile_lines(settings: Settings) -> list[str]:
    if settings.profile != CANARY:
        return []
    caps = f"orders up to {plain(ORDER_QUOTE_MAX)}, a position up to {plain(POSITION_QUOTE_MAX)} quote"
    return [f"profile canary: {caps}; after {settings.canary.pairs_max} pairs a person must resume"]


def _instrument_lines(facts: Mapping[Venue, VenueFacts]) -> list[str]:
    lines = [f"{'venue':<15} {'mid':>12} {'tick':>10} {'lot':>10} {'contract':>10} {'maker':>7} {'taker':>7}  account"]
    for venue, fact in facts.items():
        instrument, fees = fact.instrument, fact.fees
        maker, taker = (_bps(fees.maker), _bps(fees.taker)) if fees is not None else ("-", "-")
        contract = "-" if venue.is_spot else plain(instrument.multiplier)
        lines.append(
            f"{venue.value:<15} {plain(round(fact.mid, 8)):>12} {plain(instrument.tick_size):>10} "
            f"{plain(instrument.lot_size):>10} {contract:>10} {maker:>7} {taker:>7}  {fact.account.mode}"
        )
    return [*lines, "fees in bps; lot and contract in base units"]


def _pair_lines(table: tuple[BreakEven, ...]) -> list[str]:
    lines = [f"{'pair':<13} {'kind':<11} {'buy fee':>8} {'sell fee':>9} {'break-even':>11} {'entry':>8} {'undo':>8}"]
    for row in table:
        kind = Pair[row.pair_name].kind
        entry = "-" if kind is PairKind.CARRY_CLOSE else _two(row.entry_gross_bps)
        lines.append(
            f"{row.pair_name:<13} {kind.name:<11} {_two(row.buy_fee_bps):>8} {_two(row.sell_fee_bps):>9} "
            f"{_two(row.break_even_gross_bps):>11} {entry:>8} {_two(row.undo_gross_bps):>8}"
        )
    return [*lines, "gross bps between the two prices, before fees; a carry's entry also counts funding and its exit"]


def _establish_line(params: StrategyParameters, mid: Decimal) -> str:
    notional = params.base_position_size * mid
    cost = of_bps(notional, params.establish_cost_bps_max)
    base, quote = params.symbol.base, params.symbol.quote
    return (
        f"building {plain(params.base_position_size)} {base} (about {_two(notional)} {quote}) may cost at most "
        f"{plain(params.establish_cost_bps_max)} bps = {_two(cost)} {quote}, fees included"
    )


def _warning_lines(
    params: StrategyParameters, table: tuple[BreakEven, ...], fees: Mapping[Venue, FeeSchedule],
    facts: Mapping[Venue, VenueFacts],
) -> list[str]:
    spot = [row for row in table if Pair[row.pair_name].kind is PairKind.SPOT_SPOT]
    needed = min((row.entry_gross_bps for row in spot), default=None)
    found = [f"{venue.value}: {text}" for venue, fact in facts.items() for text in fact.account.warnings]
    if needed is not None and needed > RARE_BPS:
        found.append(
            f"at these fees a spot-spot trade needs {_two(needed)} bps gross: liquid pairs will rarely or never trade"
        )
    if params.allow_losing_thresholds:
        found.append("allow_losing_thresholds is set: these thresholds may lose money on every round trip")
    if any(fee.maker < 0 or fee.taker < 0 for fee in fees.values()):
        found.append("a fee is negative (a rebate): it can end, and the break-even with it")
    return ["", *(f"warning: {text}" for text in found)] if found else []


def _bps(rate: Decimal) -> str:
    return plain(rate * 10_000)


def _two(value: Decimal) -> str:
    return f"{value:.2f}"
