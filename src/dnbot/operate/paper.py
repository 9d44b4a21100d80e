"""Mode `paper`: the venues' public side as it is, and an account that fakes of our own keep.

The fakes get the terms of the venues before they begin, and their books while they run (`tasks/mirror.py`). Nothing
here is ever given a key of a venue, and the opener of the account's side reaches loopback alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import attrs
import msgspec

from dnbot.bot import MarketSide
from dnbot.config import Settings
from dnbot.config.settings import PaperSettings
from dnbot.domain.instrument import VENUES, Instrument, Symbol, Venue
from dnbot.domain.units import of_bps
from dnbot.operate.fakes_process import FakesProcess, paper_process
from dnbot.operate.places import Reach, Surroundings, of_fakes, public_reach
from dnbot.operate.venue_reads import Reader, mid_of
from dnbot.ports.clock import Clock, VenueClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.strategy.fitting import spot_mid
from dnbot.strategy.parameters import StrategyParameters
from dnbot.tasks.budgets import own_budgets
from dnbot.tasks.link import line_of
from dnbot.tasks.mirror import WIRE_NAMES, Mirror
from dnbot.venues.factory import public_codec
from dnbot.venues.gateio.contract_now import ContractNow, contract_now

FOLDER = "paper"
"""Of the state folder: an account of its own."""
ROUND_TO = Decimal(100)
"""Default balances are whole multiples of it."""


@attrs.frozen
class PublicTerms:
    """What the venues say to anybody."""

    instruments: dict[Venue, Instrument]
    mids: dict[Venue, Decimal]
    contract: ContractNow


@attrs.frozen
class Paper:
    """A pretended account that runs, beside the real market."""

    around: Surroundings
    fakes: FakesProcess
    terms: PublicTerms

    def market(self, clock: Clock, log: EventLog) -> MarketSide:
        """The market's side of a bot."""
        public, rest = self.around.public, self.around.places[Venue.GATE_SPOT].rest
        mirror = Mirror(self.around.opener, rest, self.terms.instruments, clock, log)
        return MarketSide(public.places, public.opener, mirror)


@asynccontextmanager
async def paper_account(
    settings: Settings, state_dir: Path, registry: SecretRegistry, clock: Clock
) -> AsyncIterator[Paper]:
    """Read the venues' terms and start the account on them; it ends with the block.

    Raises:
        ConfigError: the fakes did not come up.
        OperatingError: a venue could not be asked.
    """
    public = public_reach(settings)
    terms = await read_terms(public, settings.strategy.symbol, clock)
    told = msgspec.json.format(terms_file(settings, terms), indent=1)
    async with paper_process(state_dir, told) as fakes:
        around = attrs.evolve(of_fakes(fakes.address, registry), market=public)
        yield Paper(around, fakes, terms)


async def read_terms(public: Reach, symbol: Symbol, clock: Clock) -> PublicTerms:
    """By public GET alone.

    Raises:
        VenueUnreachable, VenueRefused, VenueThrottled, FrameUnreadable: a venue did not tell.
    """
    instruments: dict[Venue, Instrument] = {}
    mids: dict[Venue, Decimal] = {}
    contract: ContractNow | None = None
    budgets = own_budgets()
    async with AsyncExitStack() as stack:
        for venue in VENUES:
            line = line_of(
                public.opener, public.places[venue].rest, venue, VenueClock(clock), stack, private=False,
                budgets=budgets,
            )
            reader, codec = Reader(line), public_codec(venue, symbol)
            replies = [await reader.get(codec, request) for request in codec.instrument_requests()]
            instruments[venue] = codec.instrument(replies)
            mids[venue] = await mid_of(reader, codec)
            if not venue.is_spot:
                contract = contract_now(replies[0])
    assert contract is not None
    return PublicTerms(instruments, mids, contract)


def terms_file(settings: Settings, terms: PublicTerms) -> bytes:
    """What the fakes begin with, in their own words (`mirror_words.Terms`)."""
    price, now = spot_mid(terms.mids), terms.contract
    return msgspec.json.encode({
        "symbol": str(settings.strategy.symbol),
        "price": price,
        "instruments": [instrument_terms(terms.instruments[venue], now.leverage_max) for venue in VENUES],
        "accounts": [_account(venue, settings, price) for venue in VENUES],
        "rates": {
            "told": "rates", "mark": now.mark.mark, "index": now.mark.index, "rate": now.funding.rate,
            "interval_s": now.funding.interval_s, "next_s": now.funding.next_at_s,
        },
        "book_age_ms_max": settings.paper.book_age_ms_max,
    })  # fmt: skip


def market_of(settings: Settings) -> dict[str, object]:
    """For the banner and the summary."""
    paper = settings.paper
    return {
        "name": "paper", "real": False, "gate_latency_ms": paper.gate_latency_ms,
        "mexc_latency_ms": paper.mexc_latency_ms,
        "note": f"the venues' own prices, a pretended account; answers after {paper.gate_latency_ms} ms (Gate) and "
                f"{paper.mexc_latency_ms} ms (MEXC)",
    }


def instrument_terms(instrument: Instrument, leverage_max: Decimal | None) -> dict[str, object]:
    """What a venue published of an instrument, in the fakes' words (`mirror_words.InstrumentTerms`)."""
    is_spot = instrument.venue.is_spot
    return {
        "venue": WIRE_NAMES[instrument.venue], "price_tick": instrument.tick_size, "lot": instrument.lot_size,
        "quantity_min": instrument.min_quantity, "quantity_max": instrument.max_quantity,
        "notional_min": instrument.min_notional, "notional_max": instrument.max_notional,
        "price_band": instrument.price_deviation_max, "multiplier": instrument.multiplier,
        "maintenance_rate": None if is_spot else instrument.maintenance_rate,
        "leverage_max": None if is_spot else leverage_max,
    }


def _account(venue: Venue, settings: Settings, price: Decimal) -> dict[str, object]:
    paper, params = settings.paper, settings.strategy
    maker_bps, taker_bps = _fees_bps(venue, paper)
    base, quote = _balances(venue, paper)
    balances = {params.symbol.quote: enough(params, price) if quote is None else quote}
    if base:
        balances[params.symbol.base] = base
    latency_ms = paper.mexc_latency_ms if venue is Venue.MEXC_SPOT else paper.gate_latency_ms
    return {
        "venue": WIRE_NAMES[venue], "maker": of_bps(Decimal(1), maker_bps), "taker": of_bps(Decimal(1), taker_bps),
        "latency_ms": latency_ms, "balances": balances,
    }


def _fees_bps(venue: Venue, paper: PaperSettings) -> tuple[Decimal, Decimal]:
    return {
        Venue.GATE_SPOT: (paper.gate_spot_maker_bps, paper.gate_spot_taker_bps),
        Venue.GATE_FUTURES: (paper.gate_futures_maker_bps, paper.gate_futures_taker_bps),
        Venue.MEXC_SPOT: (paper.mexc_maker_bps, paper.mexc_taker_bps),
    }[venue]


def _balances(venue: Venue, paper: PaperSettings) -> tuple[Decimal, Decimal | None]:
    """Base, and quote or None for what is enough."""
    balances: Mapping[Venue, tuple[Decimal, Decimal | None]] = {
        Venue.GATE_SPOT: (paper.gate_base, paper.gate_spot_quote),
        Venue.GATE_FUTURES: (Decimal(0), paper.gate_futures_quote),
        Venue.MEXC_SPOT: (paper.mexc_base, paper.mexc_quote),
    }
    return balances[venue]


def enough(params: StrategyParameters, price: Decimal) -> Decimal:
    """Quote of one venue with which the largest configured position can be built there, whatever its share is."""
    worth = params.base_position_size * params.max_position_multiplier * price
    return (worth / ROUND_TO).to_integral_value(ROUND_CEILING) * ROUND_TO
