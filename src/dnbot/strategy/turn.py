"""One turn of the machine while it is being made: the new context, and what is to be sent and recorded."""

from __future__ import annotations

from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import (
    Alert,
    Command,
    ExecutePair,
    ModeChanged,
    OrderChanged,
    PlaceOrder,
    Record,
    StateChanged,
)
from dnbot.domain.order import Order, OrderIntent, Purpose, Side, TimeInForce, client_order_id
from dnbot.domain.pair import Opportunity
from dnbot.domain.units import Price, Quantity
from dnbot.strategy.context import Execution, OrderAge, StrategyContext, VenueAccount
from dnbot.strategy.states import StrategyState, TradingMode, Trigger, target

ALERT_QUIET_S = 60.0
"""The same alert key is raised at most once in this time."""
_MODE_ORDER = (TradingMode.ACTIVE, TradingMode.REDUCING, TradingMode.HALTED)


@attrs.define
class Turn:
    """Built by `step`, filled by the handlers, read out once. Nothing outside a turn ever sees it."""

    context: StrategyContext
    commands: list[Command] = attrs.field(factory=list)
    records: list[Record] = attrs.field(factory=list)

    def change(self, **fields: object) -> None:
        """Replace fields of the context."""
        self.context = msgspec.structs.replace(self.context, **fields)

    def change_account(self, venue: Venue, **fields: object) -> VenueAccount:
        """Replace fields of one venue's account."""
        account = msgspec.structs.replace(self.context.accounts[venue], **fields)
        self.change(accounts={**self.context.accounts, venue: account})
        return account

    def fire(self, trigger: Trigger, why: str = "") -> None:
        """Take the edge; raises InvariantBroken when the state has none for it."""
        before = self.context.current_state
        after = target(before, trigger)
        number = self.context.transitions + 1
        counters = self.context.counters
        if after.name not in counters.states:
            counters = msgspec.structs.replace(counters, states=(*counters.states, after.name))
        self.change(
            current_state=after, state_since_s=self.context.now_s, transitions=number, counters=counters
        )
        self.records.append(
            StateChanged(
                sequence=number, from_state=before.name, to_state=after.name, trigger=trigger.name, why=why,
                at_ns=self.context.now_ns,
            )
        )

    def alert(self, level: str, key: str, text: str) -> None:
        """Raise an alert, unless the same key was raised within the last minute."""
        last = self.context.alerted.get(key)
        if last is not None and self.context.now_s - last < ALERT_QUIET_S:
            return
        self.change(alerted={**self.context.alerted, key: self.context.now_s})
        self.records.append(Alert(level=level, key=key, text=text, at_ns=self.context.now_ns))

    def lower_mode(self, mode: TradingMode, why: str, *, by: str = "latch") -> None:
        """Go to a stricter mode; a looser one is ignored: only a person raises it, through `set_mode`."""
        if _MODE_ORDER.index(mode) > _MODE_ORDER.index(self.context.mode):
            self.set_mode(mode, why, by)

    def set_mode(self, mode: TradingMode, why: str, by: str) -> None:
        """Change the trading mode and tell everyone why."""
        before = self.context.mode
        self.change(mode=mode, mode_why=why)
        now = self.context.now_ns
        self.records.append(ModeChanged(from_mode=before.name, to_mode=mode.name, why=why, by=by, at_ns=now))
        if by == "latch":
            self.alert("critical", f"mode:{mode.value}", f"trading mode is now {mode.name}: {why}")

    def put_order(self, order: Order) -> None:
        """Store an order as it is now, and record it."""
        intent = order.intent
        name, now_s = intent.client_order_id, self.context.now_s
        known = self.context.ages.get(name)
        age = OrderAge(known.created_s if known else now_s, now_s)
        self.change(orders=self.context.orders.with_order(order), ages={**self.context.ages, name: age})
        if order.venue_order_id:
            key = f"{intent.venue.value}:{order.venue_order_id}"
            if key not in self.context.venue_order_ids:
                self.change(venue_order_ids={**self.context.venue_order_ids, key: intent.client_order_id})
        self.change_account(intent.venue, order_s=self.context.now_s)
        self.records.append(OrderChanged(order, self.context.now_ns))

    def new_intent(
        self, venue: Venue, side: Side, quantity: Decimal, price: Decimal, purpose: Purpose, *,
        reduce_only: bool = False, execution_id: str = "", leg: str = "",
        time_in_force: TimeInForce = TimeInForce.IOC,
    ) -> OrderIntent:
        """An intent with the next id of this epoch; nothing is sent or stored yet."""
        context = self.context
        number = context.order_sequence + 1
        self.change(order_sequence=number)
        return OrderIntent(
            client_order_id=client_order_id(context.epoch, number, leg),
            epoch=context.epoch,
            venue=venue,
            symbol=context.params.symbol,
            side=side,
            quantity=Quantity(quantity),
            price=Price(price),
            purpose=purpose,
            time_in_force=time_in_force,
            reduce_only=reduce_only,
            execution_id=execution_id,
            created_at_ns=context.now_ns,
            expires_at_ns=context.now_ns + context.params.order_expiry_ms * 1_000_000,
        )

    def place(self, intent: OrderIntent) -> None:
        """Hand a single order to its desk, which commits it first."""
        self.put_order(Order(intent=intent, changed_at_ns=self.context.now_ns))
        self.commands.append(PlaceOrder(intent))

    def new_execution_id(self) -> str:
        """The next execution's name: epoch and number."""
        number = self.context.execution_sequence + 1
        self.change(execution_sequence=number)
        return f"x{self.context.epoch}-{number}"

    def execute(
        self, kind: str, execution_id: str, intents: tuple[OrderIntent, ...], opportunity: Opportunity | None,
        trigger_s: float,
    ) -> None:
        """Hand orders over together: one commit, one turn."""
        for intent in intents:
            self.put_order(Order(intent=intent, changed_at_ns=self.context.now_ns))
        self.change(
            execution=Execution(
                execution_id=execution_id,
                kind=kind,
                order_ids=tuple(intent.client_order_id for intent in intents),
                opportunity=opportunity,
                started_ns=self.context.now_ns,
                started_s=self.context.now_s,
                trigger_s=trigger_s,
            )
        )
        self.commands.append(ExecutePair(execution_id=execution_id, intents=intents, opportunity=opportunity))

    @property
    def state(self) -> StrategyState:
        """The state at this point of the turn."""
        return self.context.current_state
