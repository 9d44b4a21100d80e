"""A bench for the machine: three venues' truth in a few dictionaries, and hands to give it events one by one.

Nothing here decides anything: a test says what the world does, the bench writes it as events and remembers everything
that the machine answered.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

from machine_world import (
    FEES,
    GF,
    GS,
    LOTS,
    MS,
    START_S,
    SYMBOL,
    WALL_NS,
    ZERO,
    S,
    Truth,
    instrument,
    params,
)

from dnbot.domain.account import AccountFacts, Balance, PositionReport
from dnbot.domain.instrument import VENUES, FeeSchedule, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice
from dnbot.domain.messages import (
    AccountRead,
    Command,
    ExecutePair,
    Fault,
    FillReported,
    InboxEvent,
    MoveMoney,
    OpportunityDeclined,
    OrderAnswered,
    OrderReported,
    OrderSent,
    PairAborted,
    PairCommitted,
    PlaceOrder,
    Record,
    SessionDown,
    SessionUp,
    Signal,
    StateChanged,
    Stop,
    StreamProven,
    Tick,
    TransferAnswered,
)
from dnbot.domain.order import Fill, OrderIntent, OrderReport, OrderStatus
from dnbot.domain.position import AccountRow, Portfolio
from dnbot.domain.transfer import Transfer, TransferStatus
from dnbot.domain.units import Price, Quantity
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.machine import Step, step
from dnbot.strategy.spread import SpreadAnalyzer
from dnbot.strategy.states import StrategyState

T = TypeVar("T")

class Bench:
    """The machine on a bench. `truth` is what the venues hold; every event, command and record is kept."""

    def __init__(
        self, spot: str = "0.5", perp: str = "-1", quote: str = "100000", *, in_base: bool = False,
        fees: dict[Venue, Decimal] | None = None, context: dict[str, Any] | None = None, **parameters: Any,
    ) -> None:
        self.now_s, self.wall_ns = START_S, WALL_NS
        self.fees = {**FEES, **(fees or {})}
        self.in_base = in_base
        self.truth = {
            venue: Truth(balances={"USDT": Decimal(quote), **({"BTC": Decimal(spot)} if venue.is_spot else {})})
            for venue in VENUES
        }
        self.truth[GF].base, self.truth[GF].entry = Decimal(perp), Decimal(60_000)
        self.instruments = {venue: instrument(venue) for venue in VENUES}
        self.mark: Decimal | None = Decimal(60_000)
        self.funding_rate = Decimal("0.0001")
        self.analyzer = SpreadAnalyzer(Decimal("0.05"))
        self.books: dict[Venue, BookView] = {}
        self.update_id = 0
        self.trades = 0
        self.start = StrategyContext(
            params=params(**parameters), epoch=1, now_s=START_S, now_ns=self.now_ns, portfolio=Portfolio(symbol=SYMBOL),
            **(context or {}),
        )
        self.context = self.start
        self.events: list[InboxEvent] = []
        self.commands: list[Command] = []
        self.records: list[Record] = []

    # --- time and events ----------------------------------------------------------------------------------------------
    @property
    def now_ns(self) -> int:
        """The wall clock."""
        return self.wall_ns + round(self.now_s * 1e9)

    @property
    def state(self) -> StrategyState:
        """Where the machine is."""
        return self.context.current_state

    def give(self, event: InboxEvent) -> Step:
        """One event; what came of it is appended and returned."""
        self.events.append(event)
        result = step(self.context, event)
        self.context = result.context
        self.commands.extend(result.commands)
        self.records.extend(result.records)
        return result

    def tick(self, ms: float = 0) -> Step:
        """Time passes, all at once."""
        self.now_s = round(self.now_s + ms / 1000, 6)
        return self.give(Tick(self.now_ns, self.now_s))

    def wait(self, s: float, every_ms: float = 100, *, answer: bool = False) -> None:
        """Time passes tick by tick, without news from the market; `answer` also answers every account read."""
        for _ in range(round(s * 1000 / every_ms)):
            self.tick(every_ms)
            if answer:
                self.answer_reads()

    def quiet(self, s: float, every_ms: float = 500, **mids: Any) -> None:
        """Time passes with fresh books and answered reads."""
        for _ in range(round(s * 1000 / every_ms)):
            self.signal(after_ms=every_ms, **mids)
            self.answer_reads()

    # --- the market ---------------------------------------------------------------------------------------------------
    def book(self, venue: Venue, mid: object, *, size: object = 1, age_s: float = 0.0) -> BookView:
        """Ten levels of `size` on each side, half a dollar from the mid, a dollar apart."""
        m, q, h = Decimal(str(mid)), Decimal(str(size)), Decimal("0.5")
        self.update_id += 1
        return BookView(
            venue=venue, bids=tuple((m - h - i, q) for i in range(10)), asks=tuple((m + h + i, q) for i in range(10)),
            update_id=self.update_id, venue_ms=0, received_s=self.now_s - age_s,
        )

    def signal(
        self, gs: object = 60_000, gf: object = 60_000, ms: object = 60_000, *, after_ms: float = 100,
        size: object = 1, **changes: Any,
    ) -> Step:
        """New books around these mids; None keeps a venue's old book, a BookView is taken as it is."""
        self.tick(after_ms)
        for venue, mid in ((GS, gs), (GF, gf), (MS, ms)):
            if isinstance(mid, BookView):
                self.books[venue] = mid
            elif mid is not None:
                self.books[venue] = self.book(venue, mid, size=size)
        return self.give(self.market_signal(**changes))

    def market_signal(self, **changes: Any) -> Signal:
        """What analytics would send now."""
        fields: dict[str, Any] = {
            "books": dict(self.books), "instruments": dict(self.instruments),
            "mark": MarkPrice(GF, self.mark, self.mark, 0) if self.mark is not None else None,
            "mark_received_s": self.now_s,
            "funding": FundingRate(GF, self.funding_rate, 8 * 3600, (self.now_ns // 10**9) + 4 * 3600),
        }
        view = MarketView(**{**fields, **changes})
        edges = self.analyzer.observe(view, self.schedules(), self.now_s)
        return Signal(market=view, edges=edges, at_s=self.now_s)

    def drop_book(self, venue: Venue) -> Step:
        """A feed is down: its book may not be used."""
        del self.books[venue]
        return self.give(self.market_signal())

    def schedules(self) -> dict[Venue, FeeSchedule]:
        """Fee schedules as the sessions read them."""
        return {
            venue: FeeSchedule(
                venue=venue, maker=ZERO, taker=self.fees[venue], buy_fee_in_base=self.in_base and venue.is_spot
            )
            for venue in VENUES
        }

    # --- accounts -----------------------------------------------------------------------------------------------------
    def up(self, venue: Venue, problem: str | None = None) -> Step:
        """A private stream is proven live."""
        facts = AccountFacts(venue=venue, user_id="1", mode="classic", problem=problem)
        return self.give(SessionUp(venue=venue, facts=facts, fees=self.schedules()[venue]))

    def down(self, venue: Venue) -> Step:
        """A private stream is gone."""
        return self.give(SessionDown(venue=venue, why="test"))

    def proven(self, venue: Venue) -> Step:
        """The private stream answers a ping that left now."""
        return self.give(StreamProven(venue, self.now_s))

    def read(self, venue: Venue, *, began_s: float | None = None, **changes: Any) -> AccountRead:
        """A complete read of the truth, begun now; given fields replace what it says."""
        truth = self.truth[venue]
        fields: dict[str, Any] = {
            "venue": venue,
            "balances": tuple(Balance(venue, asset, total, total) for asset, total in truth.balances.items()),
            "position": None if venue.is_spot else self.position(),
            "open_orders": tuple(truth.open_orders), "fills": tuple(truth.fills), "rows": tuple(truth.rows),
            "began_s": self.now_s if began_s is None else began_s, "ended_s": self.now_s, "clock_offset_ms": 3.0,
            "clock_error_ms": 11.0, "why": "test",
        }
        return AccountRead(**{**fields, **changes})

    def position(self, base: Decimal | None = None, **changes: Any) -> PositionReport:
        """The perpetual as the venue reports it."""
        truth, params = self.truth[GF], self.context.params
        fields: dict[str, Any] = {
            "venue": GF, "base": truth.base if base is None else base, "entry_price": truth.entry, "mark_price": None,
            "liquidation_price": None, "leverage": Decimal(params.leverage), "is_cross": params.margin_mode == "cross",
            "adl_rank": 5, "at_ms": truth.updated_ms,
        }
        return PositionReport(**{**fields, **changes})

    def read_all(self) -> None:
        """All three venues answer a read that begins a millisecond from now."""
        self.tick(1)
        for venue in VENUES:
            self.give(self.read(venue))

    def answer_reads(self) -> None:
        """Every venue that was asked and has not answered does so now."""
        for venue in VENUES:
            if self.context.accounts[venue].asked_s and self.context.accounts[venue].stream_up:
                self.give(self.read(venue))

    # --- orders -------------------------------------------------------------------------------------------------------
    def intents(self) -> list[OrderIntent]:
        """Every intent that was ever handed over, in order."""
        found: list[OrderIntent] = []
        for command in self.commands:
            if isinstance(command, ExecutePair):
                found.extend(command.intents)
            elif isinstance(command, PlaceOrder):
                found.append(command.intent)
        return found

    def last(self, kind: type[T]) -> T:
        """The newest command or record of a kind."""
        return next(item for item in reversed([*self.records, *self.commands]) if isinstance(item, kind))

    def all(self, kind: type[T]) -> list[T]:
        """Every command or record of a kind."""
        return [item for item in [*self.records, *self.commands] if isinstance(item, kind)]

    def sent(self, intent: OrderIntent) -> Step:
        """The desk hands the bytes over."""
        return self.give(OrderSent(intent.client_order_id, self.now_ns, self.now_s))

    def answered(self, intent: OrderIntent, outcome: str = "accepted", code: str = "", text: str = "") -> Step:
        """What came of a create."""
        return self.give(
            OrderAnswered(
                client_order_id=intent.client_order_id, outcome=outcome, code=code, text=text, at_ns=self.now_ns
            )
        )

    def trade(
        self, intent: OrderIntent, quantity: object | None = None, price: object | None = None, *,
        fee_asset: str = "USDT", **changes: Any,
    ) -> Fill:
        """The venue trades our order: its truth changes, and the fill is returned (not yet told)."""
        amount = intent.quantity if quantity is None else Decimal(str(quantity))
        at = intent.price if price is None else Decimal(str(price))
        in_base = self.in_base and intent.venue.is_spot and intent.side.sign > 0
        fee = amount * self.fees[intent.venue] * (1 if in_base else at)
        self.trades += 1
        fields: dict[str, Any] = {
            "venue": intent.venue, "symbol": SYMBOL, "trade_id": f"t{self.trades}",
            "venue_order_id": f"v-{intent.client_order_id}", "client_order_id": intent.client_order_id,
            "side": intent.side, "price": Price(at), "quantity": Quantity(amount), "fee": fee,
            "fee_asset": "BTC" if in_base else fee_asset, "traded_at_ns": self.now_ns,
        }
        fill = Fill(**{**fields, **changes})
        self._apply(fill)
        return fill

    def _apply(self, fill: Fill) -> None:
        truth = self.truth[fill.venue]
        truth.fills.append(fill)
        truth.balances[fill.fee_asset] = truth.balances.get(fill.fee_asset, ZERO) - fill.fee
        if fill.venue.is_spot:
            truth.balances["BTC"] = truth.balances.get("BTC", ZERO) + fill.signed_quantity
            truth.balances["USDT"] -= fill.value * fill.side.sign
            return
        before, change = truth.base, fill.signed_quantity
        closed = min(abs(before), abs(change)) if before * change < 0 else ZERO
        if closed:
            gain = (fill.price - truth.entry) * closed * (1 if before > 0 else -1)
            self.row("pnl", gain)
        truth.base = before + change
        if abs(truth.base) > abs(before) and not closed:
            truth.entry = (truth.entry * abs(before) + fill.price * abs(change)) / abs(truth.base)
        truth.updated_ms = fill.traded_at_ns // 1_000_000

    def row(self, kind: str, change: object, *, venue: Venue = GF, text: str = "") -> AccountRow:
        """A row of the venue's account book, with its effect on the wallet."""
        truth, amount = self.truth[venue], Decimal(str(change))
        truth.balances["USDT"] += amount
        row = AccountRow(
            venue=venue, row_id=f"r{len(truth.rows) + 1}", asset="USDT", change=amount, balance=truth.balances["USDT"],
            kind=kind, text=text, at_ns=self.now_ns,
        )
        truth.rows.append(row)
        return row

    def report(self, intent: OrderIntent, status: OrderStatus, filled: object = 0, **changes: Any) -> OrderReport:
        """The venue's word on an order (not yet told)."""
        fields: dict[str, Any] = {
            "venue": intent.venue, "venue_order_id": f"v-{intent.client_order_id}",
            "client_order_id": intent.client_order_id, "side": intent.side, "price": intent.price,
            "quantity": intent.quantity, "filled": Quantity(Decimal(str(filled))), "status": status,
        }
        return OrderReport(**{**fields, **changes})

    def told(self, intent: OrderIntent, status: OrderStatus, filled: object = 0, **changes: Any) -> Step:
        """The same, told."""
        return self.give(OrderReported(self.report(intent, status, filled, **changes)))

    def filled(self, intent: OrderIntent, quantity: object | None = None, price: object | None = None) -> None:
        """The usual life of an order: sent, traded, reported, answered. Less than all of it ends as cancelled."""
        amount = intent.quantity if quantity is None else Decimal(str(quantity))
        whole = amount == intent.quantity
        self.sent(intent)
        if amount:
            self.give(FillReported(self.trade(intent, amount, price)))
        self.told(intent, OrderStatus.FILLED if whole else OrderStatus.CANCELLED, amount)
        self.answered(intent)

    def nothing(self, intent: OrderIntent) -> None:
        """An immediate-or-cancel order that found nobody."""
        self.filled(intent, 0)

    # --- transfers ----------------------------------------------------------------------------------------------------
    def made(self, transfer: Transfer) -> AccountRow:
        """The venue moves the money: both wallets change, and its book has a row (none of it is told yet)."""
        self.truth[transfer.source].balances["USDT"] -= transfer.amount
        return self.row("dnw", transfer.amount)

    def answered_transfer(self, transfer: Transfer, outcome: str = "accepted", code: str = "", text: str = "") -> Step:
        """What came of a transfer."""
        return self.give(
            TransferAnswered(
                transfer_id=transfer.transfer_id, outcome=outcome, venue_id="77" if outcome == "accepted" else "",
                code=code, text=text, at_ns=self.now_ns,
            )
        )

    def moved(self) -> Decimal:
        """Make and answer every transfer that still waits; returns what was asked for so far."""
        asked = [command.transfer for command in self.commands if isinstance(command, MoveMoney)]
        waiting = [t.transfer_id for t in self.context.transfers if t.status is TransferStatus.PENDING]
        for transfer in asked:
            if transfer.transfer_id in waiting:
                self.made(transfer)
                self.answered_transfer(transfer)
        return sum((transfer.amount for transfer in asked), ZERO)

    # --- longer ways --------------------------------------------------------------------------------------------------
    def boot(self) -> Bench:
        """Sessions, instruments, books and reads: as far as the machine goes by itself, and until equity is known."""
        self.tick()
        for venue in VENUES:
            self.up(venue)
        self.signal()
        self.read_all()
        self.signal(after_ms=1000)
        return self

    def committed(self) -> ExecutePair:
        """The newest pair is durable and with the desks."""
        pair = self.last(ExecutePair)
        self.give(PairCommitted(pair.execution_id, self.now_ns))
        return pair

    def aborted(self, reason: str = "RATE", text: str = "test") -> Step:
        """The newest pair was not sent."""
        return self.give(PairAborted(self.last(ExecutePair).execution_id, reason, text, self.now_ns))

    def opportunity(self) -> ExecutePair:
        """MEXC is 33 bps richer: a spot pair is prepared, and its commit is asked for."""
        self.signal(ms=60_200)
        assert self.state is S.PREPARING_ARBITRAGE, self.all(OpportunityDeclined)[-3:]
        return self.last(ExecutePair)

    def executing(self) -> ExecutePair:
        """The same, committed."""
        self.opportunity()
        return self.committed()

    def round_trip(self) -> ExecutePair:
        """The same, both legs filled."""
        pair = self.executing()
        for intent in pair.intents:
            self.filled(intent)
        return pair

    def residual(self, share: str = "0.5") -> ExecutePair:
        """The buy leg is filled, the sell leg only in part: REBALANCING."""
        pair = self.executing()
        buy, sell = pair.intents
        self.filled(buy)
        lot = LOTS[sell.venue]
        self.filled(sell, (sell.quantity * Decimal(share)) // lot * lot)
        return pair

    def fault(self, child: str = "feed:MEXC_SPOT") -> Step:
        """A supervised child failed."""
        return self.give(Fault(child=child, what="test", error="VenueUnreachable"))

    def stop(self, policy: str = "") -> Step:
        """A person wants it to leave."""
        return self.give(Stop("test", policy))

    def path(self) -> list[tuple[str, str, str]]:
        """Every edge taken: from, trigger, to."""
        return [(e.from_state, e.trigger, e.to_state) for e in self.records if isinstance(e, StateChanged)]

    def triggers(self) -> list[str]:
        """Every trigger taken."""
        return [trigger for _, trigger, _ in self.path()]


def in_state(state: StrategyState) -> Bench:
    """A bench whose machine is in this state, by the shortest ordinary way."""
    empty = state is S.ESTABLISHING_DELTA_NEUTRAL
    bench = Bench("0", "0") if empty else Bench()
    if state is S.INITIALIZING:
        bench.tick()
        return bench
    bench.boot()
    if state is S.DELTA_NEUTRAL_ACTIVE:
        bench.tick(2000)
    elif state is S.PREPARING_ARBITRAGE:
        bench.opportunity()
    elif state is S.EXECUTING_ARBITRAGE:
        bench.executing()
    elif state is S.REBALANCING_DELTA:
        bench.residual()
    elif state is S.ERROR_RECOVERY:
        bench.fault()
    elif state is S.SHUTDOWN:
        bench.stop()
    assert bench.state is state, bench.path()
    return bench


def adventure(quiet_s: int = 1) -> Bench:
    """A run through most states: trades, a residual, a fault, an ambiguous order, so long a quiet, and the way out."""
    bench = Bench().boot()
    bench.round_trip()
    bench.quiet(2)
    bench.residual()
    bench.filled(bench.intents()[-1])
    bench.quiet(1)
    bench.fault()
    bench.wait(1, answer=True)
    bench.signal()
    buy, sell = bench.executing().intents
    bench.filled(buy)
    bench.sent(sell)
    bench.answered(sell, "ambiguous", "NO_ANSWER")
    bench.quiet(1)
    bench.answered(sell, "no_effect", "EXPIRED")
    bench.quiet(quiet_s)
    bench.stop()
    bench.wait(2, answer=True)
    return bench
