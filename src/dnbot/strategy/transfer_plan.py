"""What a person may move between the venues so that inventory, quote and margin lie where the parameters want them.

Nothing here is ever sent: the bot cannot withdraw. The targets:

- base: `inventory_ratio` of the spot inventory on Gate, the rest on MEXC
- quote: as much of it on a venue as base lies on the other, because one is traded for the other: 1 - `inventory_ratio`
  of the spot venues' quote on Gate
- margin: the perpetual's equity stands a cushion above floor and least distance (as `topping_up` reckons) for the short
  that is held, or the one of `base_position_size`; what it has beyond the needs of the largest short may leave
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.domain.units import ZERO, ceil_to, divide, floor_to
from dnbot.strategy.parameters import MARGIN_CUSHION_PCT, StrategyParameters
from dnbot.strategy.topping_up import CENT, LEAST_QUOTE

HUNDRED = Decimal(100)
BASE_STEP = Decimal("0.00000001")
GATE, PERP, MEXC = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
INSIDE_GATE = "inside Gate"
LOW = "margin is below what its limits and a cushion ask"


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way for one asset from one venue to another, as the operator declares it. Native units of the asset."""

    asset: str
    source: Venue
    target: Venue
    network: str
    fee: Decimal
    """Taken out of what is sent: so much less arrives."""
    minimum: Decimal
    """The least that may be sent."""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What is where. `balances`: native units by venue and asset; the perpetual's wallet is its quote."""

    balances: dict[tuple[Venue, str], Decimal]
    perp_base: Decimal
    """Signed base units."""
    unrealised_quote: Decimal | None
    """Of the perpetual at mark; None: no mark is known."""
    price: Decimal | None
    """Quote units per base unit; None: none is known."""
    maintenance_rate: Decimal = ZERO

    def of(self, venue: Venue, asset: str) -> Decimal:
        """What lies there."""
        return self.balances.get((venue, asset), ZERO)

    def moved(self, move: Move) -> Holdings:
        """What lies where once the move has arrived."""
        changed = dict(self.balances)
        source, target = (move.source, move.asset), (move.target, move.asset)
        changed[source] = changed.get(source, ZERO) - move.amount
        changed[target] = changed.get(target, ZERO) + move.arrives
        return msgspec.structs.replace(self, balances=changed)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer for a person to make. Native units of the asset; the moves of a plan follow one another."""

    asset: str
    source: Venue
    target: Venue
    network: str
    amount: Decimal
    """Leaves the source, fee included."""
    fee: Decimal
    cost_quote: Decimal | None
    """The fee in quote units; None: no price is known."""
    why: str

    @property
    def arrives(self) -> Decimal:
        """What the target gets."""
        return self.amount - self.fee


class Unplanned(msgspec.Struct, frozen=True, kw_only=True):
    """Something is off its target and nothing is planned for it."""

    asset: str
    source: Venue
    target: Venue
    amount: Decimal
    """About so much is on the wrong side."""
    why: str


class TransferPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to move, one after the other, and what it changes."""

    moves: tuple[Move, ...]
    unplanned: tuple[Unplanned, ...]
    before: Holdings
    after: Holdings
    margin_low_quote: Decimal | None
    """The perpetual's equity should be this at least, and `margin_high_quote` at most; None: no price is known."""
    margin_high_quote: Decimal | None

    @property
    def cost_quote(self) -> Decimal | None:
        """All fees, quote units; None where one of them has no price."""
        costs = [move.cost_quote for move in self.moves]
        return None if None in costs else sum((cost for cost in costs if cost is not None), ZERO)


class _Draft:
    """A plan while it is being made: every move is taken from what the moves before it left."""

    def __init__(self, before: Holdings, params: StrategyParameters, networks: Iterable[Network]) -> None:
        self.holdings, self.params, self.symbol = before, params, params.symbol
        self.networks = sorted(networks, key=lambda one: (one.fee, one.network))
        self.moves: list[Move] = []
        self.unplanned: list[Unplanned] = []

    def ways(self, asset: str, source: Venue, target: Venue) -> list[Network]:
        """Declared ones, the cheapest first; between Gate's own wallets there is one without a fee, as the bot uses."""
        declared = [n for n in self.networks if (n.asset, n.source, n.target) == (asset, source, target)]
        if declared or MEXC in (source, target):
            return declared
        return [
            Network(asset=asset, source=source, target=target, network=INSIDE_GATE, fee=ZERO, minimum=LEAST_QUOTE)
        ]

    def split(self, asset: str, gate_share: Decimal, least_pct: Decimal, why: str, reserve: Decimal = ZERO) -> None:
        """Bring Gate spot's part of what both spot venues hold to its share, unless less than `least_pct` is off.

        `reserve` lies on Gate spot besides: it goes on from there.
        """
        held = {venue: self.holdings.of(venue, asset) for venue in SPOT_VENUES}
        total = held[GATE] + held[MEXC]
        beyond = held[GATE] - reserve - gate_share * max(ZERO, total - reserve)
        if abs(beyond) <= total * least_pct / HUNDRED or total <= 0:
            return
        source, target = (GATE, MEXC) if beyond > 0 else (MEXC, GATE)
        share, kept = (gate_share, reserve) if source is GATE else (1 - gate_share, ZERO)
        ways = self.ways(asset, source, target)
        refusals = []
        for way in ways:
            wanted = held[source] - kept - share * max(ZERO, total - reserve - way.fee)
            if self.move(way, wanted, why):
                return
            refusals.append(f"{way.network} sends no less than {way.minimum:f} and takes {way.fee:f}")
        known = "; ".join(refusals) or "no network is declared for it under [transfers], and no fee is guessed"
        self.unplanned.append(Unplanned(asset=asset, source=source, target=target, amount=abs(beyond), why=known))

    def move(self, way: Network, wanted: Decimal, why: str) -> bool:
        """Whether so much can go this way; then it is part of the plan."""
        step = CENT if way.asset == self.symbol.quote else BASE_STEP
        amount = floor_to(max(ZERO, wanted), step)
        if amount < max(way.minimum, step) or amount <= way.fee:
            return False
        price = Decimal(1) if way.asset == self.symbol.quote else self.holdings.price
        cost = ZERO if way.fee == 0 else None if price is None else way.fee * price
        move = Move(
            asset=way.asset, source=way.source, target=way.target, network=way.network, amount=amount, fee=way.fee,
            cost_quote=cost, why=why,
        )
        self.moves.append(move)
        self.holdings = self.holdings.moved(move)
        return True

    def lacks(self, amount: Decimal, why: str) -> None:
        """Margin stays short of so much."""
        asset, text = self.symbol.quote, f"margin lacks it: {why}"
        self.unplanned.append(Unplanned(asset=asset, source=GATE, target=PERP, amount=amount, why=text))

    def wallet(self, source: Venue, target: Venue, wanted: Decimal, why: str) -> Decimal:
        """Move quote between Gate's wallets; what was moved."""
        way = self.ways(self.symbol.quote, source, target)[0]
        amount = min(wanted, self.holdings.of(source, self.symbol.quote))
        return self.moves[-1].arrives if self.move(way, amount, why) else ZERO


def plan_transfers(
    holdings: Holdings, params: StrategyParameters, networks: Iterable[Network], least_pct: Decimal
) -> TransferPlan:
    """The moves that bring everything to its target; what is off by less than `least_pct` of its sum is left alone.

    Margin comes first, out of Gate spot; then quote is split anew, and margin gets what Gate spot lacked for it.
    """
    draft, symbol = _Draft(holdings, params, networks), params.symbol
    low, high = margin_bounds(holdings, params)
    missing = _margin(draft, low, high, least_pct)
    _split_quote(draft, missing, least_pct)
    draft.split(symbol.base, params.inventory_ratio, least_pct, "inventory_ratio")
    return TransferPlan(
        moves=tuple(draft.moves), unplanned=tuple(draft.unplanned), before=holdings, after=draft.holdings,
        margin_low_quote=low, margin_high_quote=high,
    )


def margin_bounds(holdings: Holdings, params: StrategyParameters) -> tuple[Decimal | None, Decimal | None]:
    """What the perpetual's equity should be at least and at most, quote units; None while no price is known."""
    if holdings.price is None:
        return None, None
    low = max(abs(holdings.perp_base), params.base_position_size)
    high = max(low, params.base_position_size * params.max_position_multiplier)
    return _margin_for(low * holdings.price, holdings, params), _margin_for(high * holdings.price, holdings, params)


def _margin_for(value: Decimal, holdings: Holdings, params: StrategyParameters) -> Decimal:
    """Equity with which a short of this value stands a cushion above both limits; see `topping_up.missing_margin`."""
    used = divide(value, Decimal(params.leverage))
    floor = min(params.margin_floor_pct + MARGIN_CUSHION_PCT, HUNDRED - 1)
    by_floor = divide(used * HUNDRED, HUNDRED - floor)
    distance = divide(params.liquidation_distance_min_pct + MARGIN_CUSHION_PCT, HUNDRED)
    return ceil_to(max(by_floor, value * (distance + holdings.maintenance_rate)), CENT)


def _margin(draft: _Draft, low: Decimal | None, high: Decimal | None, least_pct: Decimal) -> Decimal:
    """Move what can be moved now between Gate's wallets; returns what margin still lacks."""
    holdings, params, quote = draft.holdings, draft.params, draft.symbol.quote
    if low is None or high is None or holdings.unrealised_quote is None:
        return ZERO
    wallet = holdings.of(PERP, quote)
    equity = wallet + holdings.unrealised_quote
    if equity < low:
        missing = ceil_to(low - equity, CENT)
        return missing - draft.wallet(GATE, PERP, missing, LOW)
    assert holdings.price is not None
    used = divide(abs(holdings.perp_base) * holdings.price, Decimal(params.leverage))
    free = wallet + min(ZERO, holdings.unrealised_quote) - used  # profit that is not realised cannot leave
    surplus = min(equity - high, free)
    if surplus > high * least_pct / HUNDRED:
        draft.wallet(PERP, GATE, surplus, "margin is above what the largest short needs")
    return ZERO


def _split_quote(draft: _Draft, missing: Decimal, least_pct: Decimal) -> None:
    """Split the spot venues' quote; what margin lacks is put to Gate's part first, and goes on from there."""
    quote, share = draft.symbol.quote, 1 - draft.params.inventory_ratio
    why = "1 - inventory_ratio, so that quote lies where base does not"
    there = draft.holdings.of(GATE, quote)
    if missing < LEAST_QUOTE or there >= missing:
        if missing >= LEAST_QUOTE:
            least_sent = draft.ways(quote, GATE, PERP)[0].minimum
            draft.lacks(missing, f"no less than {least_sent:f} may be sent")
        draft.split(quote, share, least_pct, why)
        return
    if sum((draft.holdings.of(venue, quote) for venue in SPOT_VENUES), ZERO) <= 0:
        draft.lacks(missing, "no venue has any")
        return
    draft.split(quote, share, ZERO, f"margin lacks {missing:f} more; {why}", reserve=missing)
    missing -= draft.wallet(GATE, PERP, missing, LOW)
    if missing >= LEAST_QUOTE:
        draft.lacks(missing, "no more comes to Gate spot")
