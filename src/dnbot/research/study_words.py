"""What a study on bars is about: moments of a market, series of them, and how each is judged.

Money is quote units and prices are `Decimal`; shares, quantiles and percentages of the judgement are floats.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.instrument import FeeSchedule, Venue
from dnbot.domain.units import divide

YEAR_S = 365.25 * 86_400
FUNDING_S = 28_800
"""Each contract of these data is charged every eight hours."""
BPS = Decimal(10_000)


class StudyDataError(ValueError):
    """Data that cannot be studied; the text names the file and what is wrong."""


class Charge(msgspec.Struct, frozen=True):
    """One funding settlement."""

    at_s: int
    """UTC."""
    rate: Decimal
    """Fraction of the position's value; positive is received by the short."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The boundary between two bars. What is in `seen` is known at `at_s`; what is in `next_open` is not yet."""

    at_s: int
    """UTC seconds at which the bars closed whose closes are `seen`."""
    seen: Mapping[Venue, Decimal]
    """Closes, quote per base."""
    next_open: Mapping[Venue, Decimal]
    """First prices of the bars that begin here: where orders that are decided now are filled."""
    high: Decimal
    """The most that the perpetual was traded at in the bar that ends here."""
    charges: tuple[Charge, ...] = ()
    """Settlements since the moment before, this one included: what was held until now pays or receives them."""
    next_rate: Decimal | None = None
    """What will be charged next. Nobody knew it: only the bound that asks what knowing it would be worth reads it."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol on three venues, as a set of data has it."""

    name: str
    source: str
    """Which set, and which exchange stands for which venue."""
    base: str
    moments: tuple[Moment, ...]
    step_s: int
    one_spot: bool
    """Whether both spot venues show one price: then nothing can be said of SPOT_SPOT."""

    @property
    def years(self) -> float:
        """Length."""
        return (self.moments[-1].at_s - self.moments[0].at_s) / YEAR_S

    @property
    def price(self) -> Decimal:
        """Of spot, at the beginning."""
        return self.moments[0].seen[Venue.GATE_SPOT]


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """An account's fees, basis points. On Gate only takers' matter: nothing of ours rests there."""

    name: str
    gate_spot_taker_bps: Decimal
    gate_futures_taker_bps: Decimal
    mexc_taker_bps: Decimal
    mexc_maker_bps: Decimal = Decimal(0)

    def schedules(self) -> dict[Venue, FeeSchedule]:
        """As the bot reads them from the venues; fees of spot buys are charged in quote."""
        rates = {
            Venue.GATE_SPOT: (self.gate_spot_taker_bps, self.gate_spot_taker_bps),
            Venue.GATE_FUTURES: (self.gate_futures_taker_bps, self.gate_futures_taker_bps),
            Venue.MEXC_SPOT: (self.mexc_maker_bps, self.mexc_taker_bps),
        }
        return {
            venue: FeeSchedule(venue=venue, maker=divide(maker, BPS), taker=divide(taker, BPS))
            for venue, (maker, taker) in rates.items()
        }

    @property
    def round_trip_bps(self) -> tuple[Decimal, Decimal]:
        """What opening and closing a carry costs in fees, both legs taking: from MEXC, and from Gate."""
        perp = 2 * self.gate_futures_taker_bps
        return perp + 2 * self.mexc_taker_bps, perp + 2 * self.gate_spot_taker_bps


class MakerFirst(msgspec.Struct, frozen=True, kw_only=True):
    """How a resting first leg on MEXC is taken to do; the other leg then takes.

    Pairs without a leg on MEXC stay as they are.
    """

    name: str
    fill_probability: float
    """Of each attempt; what is not filled is cancelled, and nothing was traded."""
    loss_bps: Decimal
    """What the pair brings less than two takers at the moment of posting would have, before fees: half the time that it
    rests the market moves away, and it is filled when the market moves against it. Negative: more."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One way of trading a series."""

    name: str
    tier: Tier
    maker: MakerFirst | None = None
    """None: both legs take."""
    settings: Mapping[str, Decimal] = {}
    """Parameters of the strategy that differ from their defaults."""
    half_spread_bps: Decimal = Decimal("0.5")
    """From a bar's price to the best bid or ask: bars have no books."""
    fees_ignored_in_decisions: bool = False
    """Thresholds are then held against edges before fees, those of lots too; fees are paid all the same."""
    knows_next_rate: bool = False
    moments_late: int = 0
    """So many bars after its decision is an order filled."""


class Step(msgspec.Struct, frozen=True):
    """How a moment ended."""

    at_s: int
    equity_quote: Decimal
    """What was gained since the beginning, everything valued at this moment's closes, before the way out."""
    held_base: Decimal
    """Spot inventory over both venues."""
    price: Decimal


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one case of one series came to, by the ledger; quote units."""

    series: str
    case: str
    spread_quote: Decimal
    fees_quote: Decimal
    funding_quote: Decimal
    opened: int
    """Executions of CARRY_OPEN."""
    closed: int
    shifted: int
    """Executions of SPOT_SPOT."""
    missed: int
    """Attempts of a resting leg that nobody took."""
    slippage_bps: tuple[Decimal, ...]
    """Of each entry: estimated edge less what its fills brought."""
    steps: tuple[Step, ...]
    band_base: Decimal
    """The most inventory that the settings allow."""
    capital_quote: Decimal
    """Mean over time of what must stand ready for the whole band: inventory and margin."""
    years: float

    @property
    def profit_quote(self) -> Decimal:
        """Everything, with the way in and the way out."""
        return self.spread_quote + self.funding_quote - self.fees_quote


@attrs.frozen
class StudiedFile:
    """One file that figures depend on."""

    name: str
    bytes: int
    sha256: str
