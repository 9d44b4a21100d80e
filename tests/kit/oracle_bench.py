"""A well-behaved bot played by hand on a real, still world: what the judge hears is right until a test breaks it."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

import msgspec
import trio

from dnbot.domain.instrument import VENUES, Symbol, Venue
from dnbot.domain.messages import (
    FillBooked,
    ModeChanged,
    OpportunityTaken,
    OrderChanged,
    PortfolioSaved,
    PositionSampled,
    Record,
    StateChanged,
)
from dnbot.domain.order import Fill, Order, OrderIntent, OrderStatus, Purpose, Side, TimeInForce, client_order_id
from dnbot.domain.pair import Opportunity, OpportunityRisk, PnlEstimate
from dnbot.domain.position import Portfolio, entries_of
from dnbot.domain.units import ZERO, Money, Price, Quantity
from dnbot.fakes.clock import FakeClock
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.records import OrderRequest, OrderState, UserTrade
from dnbot.fakes.world import SIMULATION_EPOCH_NS, build_world
from dnbot.lab.disk import Disk
from dnbot.lab.oracle import Oracle
from dnbot.lab.oracle_reads import READS
from dnbot.lab.oracle_words import FAKE_OF
from dnbot.lab.tap import Tap
from dnbot.lab.tapped_store import TappedStore
from dnbot.lab.wire_reader import Said
from dnbot.strategy.parameters import StrategyParameters

SYMBOL = Symbol("BTC", "USDT")
PARAMS = StrategyParameters(
    symbol=SYMBOL, base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(1500),
    max_daily_loss_quote=Decimal(500),
)
HOSTS = {Venue.GATE_SPOT: "gate.fake", Venue.GATE_FUTURES: "gate.fake", Venue.MEXC_SPOT: "mexc.fake"}
MEXC_TYPES = {
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL", TimeInForce.GTC: "LIMIT", TimeInForce.POST_ONLY: "LIMIT_MAKER",
}
WAY_TO_WORK = (
    ("INITIALIZING", "RECONCILED", "ESTABLISHING_DELTA_NEUTRAL"),
    ("ESTABLISHING_DELTA_NEUTRAL", "HEDGED", "DELTA_NEUTRAL_ACTIVE"),
    ("DELTA_NEUTRAL_ACTIVE", "MARKET_FRESH", "MONITORING_SPREADS"),
)


class Bench:
    """One bot, its disk and its judge. Methods do what a sound bot would, unless they are told otherwise."""

    def __init__(self, params: StrategyParameters = PARAMS, config: FakesConfig | None = None) -> None:
        self.params = params
        self.world = build_world(config or FakesConfig(seed=1), FakeClock(SIMULATION_EPOCH_NS))
        self.exchange, self.uid = self.world.exchange, self.world.config.accounts[0].uid
        self.tap, self.disk = Tap(), Disk()
        self.oracle = Oracle(self.world, self.tap, params, self.disk)
        self.oracle.attach()
        self.actor, self.epoch = "bot.1", 0
        self.store = TappedStore(self.tap, self.actor, self.disk.store)
        self.numbers = itertools.count(1)
        self.sequence = 0
        self.portfolio = Portfolio(symbol=SYMBOL)
        self.trades: list[UserTrade] = []
        self.exchange.subscribe_private(self._keep, uid=self.uid)

    def _keep(self, event: Any) -> None:
        if isinstance(event, UserTrade):
            self.trades.append(event)

    @property
    def found(self) -> set[str]:
        """Which invariants were found broken."""
        return {violation.invariant for violation in self.oracle.violations}

    # -- life

    async def start(self, number: int = 1, *, unread: Venue | None = None) -> None:
        """Begin a life: epoch, stored state, and every account read, but the one that is left out."""
        self.actor, self.sequence = f"bot.{number}", 0
        self.store = TappedStore(self.tap, self.actor, self.disk.store)
        await trio.sleep(0.01)  # what happened before is in the past of every clock that counts milliseconds
        self.tap.tell(self.actor, "life", "started")
        self.epoch = await self.store.begin_run(SYMBOL, version="", settings="", started_at_ns=SIMULATION_EPOCH_NS)
        await self.store.load(SYMBOL)
        self.subscribe()
        for venue in VENUES:
            if venue is not unread:
                self.read(venue)
        for before, trigger, after in WAY_TO_WORK:
            self.state(before, trigger, after)

    def subscribe(self, channel: str = "spot.usertrades") -> None:
        """Open a private stream."""
        self.say(Venue.GATE_SPOT, "WS", "", {"channel": channel, "event": "subscribe"})

    def read(self, venue: Venue) -> None:
        """Read a whole account."""
        for path in READS[venue]:
            self.say(venue, "GET", path + ("?status=open" if path.endswith("/orders") else ""))
            self.world.requests.note(self.uid, FAKE_OF[venue], "GET", path, status=200)

    def say(self, venue: Venue, verb: str, target: str, body: Any = None) -> None:
        """Something leaves."""
        text = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        self.tap.tell(self.actor, "wire", "said", HOSTS[venue], Said(verb, target, text))

    def record(self, record: Record) -> None:
        """Something is recorded."""
        fields = msgspec.to_builtins(record, str_keys=True)
        self.tap.tell(self.actor, "record", type(record).__name__, fields)

    def state(self, before: str, trigger: str, after: str, *, step: int = 1) -> None:
        """Take an edge."""
        self.sequence += step
        self.record(StateChanged(
            sequence=self.sequence, from_state=before, to_state=after, trigger=trigger, why="", at_ns=self.wall_ns,
        ))  # fmt: skip

    def prepare(self) -> None:
        """Find an opportunity."""
        self.state("MONITORING_SPREADS", "OPPORTUNITY_FOUND", "PREPARING_ARBITRAGE")

    def mode(self, before: str, after: str, by: str = "latch") -> None:
        """Change the trading mode."""
        self.record(ModeChanged(from_mode=before, to_mode=after, why="", by=by, at_ns=self.wall_ns))

    @property
    def wall_ns(self) -> int:
        """The time of day, ns."""
        return self.world.clock.wall_ns()

    async def later(self, seconds: float) -> None:
        """Time passes, and something is heard at the end of it."""
        await trio.sleep(seconds)
        self.tap.tell(self.actor, "wire", "opened", "gate.fake")

    # -- orders

    def intent(
        self, venue: Venue = Venue.GATE_SPOT, side: Side = Side.BUY, quantity: str = "0.001",
        purpose: Purpose = Purpose.ENTRY, *, price: str = "", **more: Any,
    ) -> OrderIntent:
        """An order that trades at once."""
        depth = self.exchange.depth(FAKE_OF[venue], str(SYMBOL), 5)
        worst = depth.asks[-1][0] if side is Side.BUY else depth.bids[-1][0]
        return OrderIntent(
            client_order_id=client_order_id(self.epoch, next(self.numbers)), epoch=self.epoch, venue=venue,
            symbol=SYMBOL, side=side, quantity=Quantity(Decimal(quantity)), price=Price(Decimal(price or worst)),
            purpose=purpose, created_at_ns=self.wall_ns, expires_at_ns=self.wall_ns + 800_000_000, **more,
        )  # fmt: skip

    async def commit(self, *intents: OrderIntent) -> None:
        """Make intents durable."""
        await self.store.commit_intents(intents, execution_id="x", opportunity=None)

    def order(self, intent: OrderIntent, status: OrderStatus, filled: str = "0") -> None:
        """Record an order as it is."""
        done = Quantity(Decimal(filled))
        self.record(OrderChanged(Order(intent=intent, status=status, filled=done, reported_filled=done), self.wall_ns))

    def send(self, intent: OrderIntent, *, price: str = "", quantity: str = "") -> None:
        """Let a create leave, as the venue wants it."""
        price, quantity = price or f"{intent.price:f}", quantity or f"{intent.quantity:f}"
        text, tif = f"t-{intent.client_order_id}", intent.time_in_force.value
        if intent.venue is Venue.GATE_SPOT:
            self.say(intent.venue, "POST", "/api/v4/spot/orders", {
                "text": text, "currency_pair": "BTC_USDT", "side": intent.side.value, "amount": quantity,
                "price": price, "time_in_force": tif,
            })  # fmt: skip
        elif intent.venue is Venue.GATE_FUTURES:
            size = int(intent.quantity / Decimal("0.0001")) * intent.side.sign
            self.say(intent.venue, "POST", "/api/v4/futures/usdt/orders", {
                "text": text, "contract": "BTC_USDT", "size": size, "price": price, "tif": tif,
                "reduce_only": intent.reduce_only,
            })  # fmt: skip
        else:
            self.say(intent.venue, "POST", (
                f"/api/v3/order?symbol=BTCUSDT&side={intent.side.name}&type={MEXC_TYPES[intent.time_in_force]}"
                f"&quantity={quantity}&price={price}&newClientOrderId={intent.client_order_id}"
                f"&recvWindow=800&timestamp={self.world.clock.ms()}"
            ))  # fmt: skip

    def arrive(self, intent: OrderIntent) -> list[UserTrade]:
        """The venue takes it; returns its fills."""
        unit = Decimal("0.0001") if intent.venue is Venue.GATE_FUTURES else Decimal(1)
        prefix = "" if intent.venue is Venue.MEXC_SPOT else "t-"
        before = len(self.trades)
        order = self.exchange.place_order(FAKE_OF[intent.venue], self.uid, OrderRequest(
            str(SYMBOL), "buy" if intent.side is Side.BUY else "sell", tif=intent.time_in_force.value,
            quantity=intent.quantity / unit, price=intent.price, client_id=prefix + intent.client_order_id,
            reduce_only=intent.reduce_only,
        ))  # fmt: skip
        assert isinstance(order, OrderState), order
        return self.trades[before:]

    def fill_of(self, intent: OrderIntent, trade: UserTrade) -> Fill:
        """The bot's word for a fill."""
        unit = Decimal("0.0001") if intent.venue is Venue.GATE_FUTURES else Decimal(1)
        return Fill(
            venue=intent.venue, symbol=SYMBOL, trade_id=trade.trade_id, venue_order_id=trade.order_id,
            client_order_id=intent.client_order_id, side=intent.side, price=Price(trade.price),
            quantity=Quantity(trade.quantity * unit), fee=trade.fee, fee_asset=trade.fee_asset,
            traded_at_ns=self.wall_ns,
        )  # fmt: skip

    def book(self, intent: OrderIntent, trade: UserTrade) -> FillBooked:
        """Book a fill; returns the record, for the store."""
        fill = self.fill_of(intent, trade)
        record = FillBooked(fill, entries_of(fill), intent.execution_id, self.wall_ns)
        self.record(record)
        return record

    async def trade(self, intent: OrderIntent) -> list[FillBooked]:
        """The whole way of an order: committed, sent, filled, booked and stored."""
        await self.commit(intent)
        self.order(intent, OrderStatus.PENDING)
        self.send(intent)
        records = [self.book(intent, trade) for trade in self.arrive(intent)]
        self.order(intent, OrderStatus.FILLED, f"{intent.quantity:f}")
        await self.store.append(records)
        return records

    async def carry(self) -> None:
        """Buy on Gate, and sell as much on the perpetual, within the tolerance."""
        await self.trade(self.intent(Venue.GATE_FUTURES, Side.SELL))
        await self.trade(self.intent())

    # -- evidence and samples

    def take(self, ages: tuple[int, int] = (50, 60), ids: int | None = None) -> None:
        """Take an opportunity from Gate to MEXC, with the evidence of both books."""
        pair = (Venue.GATE_SPOT, Venue.MEXC_SPOT)
        newest = {v: self.exchange.depth(FAKE_OF[v], str(SYMBOL), 1).book_id if ids is None else ids for v in pair}
        nothing, one, cap = Money(ZERO), Quantity(Decimal("0.001")), Price(Decimal(60_000))
        self.record(OpportunityTaken(execution_id="x", at_ns=self.wall_ns, opportunity=Opportunity(
            opportunity_id="o1", pair_name="GATE_TO_MEXC", purpose=Purpose.ENTRY, buy_quantity=one, sell_quantity=one,
            buy_price_cap=cap, sell_price_cap=cap, edge_bps=ZERO, required_bps=ZERO, inventory_price_bps=ZERO,
            estimate=PnlEstimate(
                gross_quote=nothing, fees_quote=nothing, slippage_quote=nothing, funding_quote=nothing,
                exit_quote=nothing, net_quote=nothing,
            ),
            risk=OpportunityRisk(confidence=0.5, adverse_move_bps=0.0, depth_risk=0.0, venue_risk=0.0),
            edge=None, book_ids=newest, book_ages_ms=dict(zip(pair, ages, strict=True)), found_at_ns=self.wall_ns,
        )))  # fmt: skip

    def sample(self, spot_gate: str = "0") -> None:
        """Tell the position."""
        held = Decimal(spot_gate)
        self.record(PositionSampled(
            spot_gate=held, spot_mexc=ZERO, perp_base=ZERO, delta_base=held, mark=None, liquidation_price=None,
            equity_quote=None, realised_quote=ZERO, at_ns=self.wall_ns,
        ))  # fmt: skip

    def save(self, **changes: Any) -> PortfolioSaved:
        """Save a portfolio with these figures; returns the record, for the store."""
        record = PortfolioSaved(msgspec.structs.replace(self.portfolio, **changes), self.wall_ns)
        self.record(record)
        return record
