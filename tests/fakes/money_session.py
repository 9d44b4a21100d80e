"""A state machine that drives the three venues through every command they have.

After each step all checks of `money_checks` must hold, and every book must have done what the naive one of `naive_book`
did. `taken` counts what really happened.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from money_checks import Shadow, Watcher
from naive_book import watch

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.exchange import Exchange
from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.perpetual_rules import PerpetualRules
from dnbot.fakes.records import (
    GATE_FUTURES,
    GATE_SPOT,
    MEXC_SPOT,
    VENUES,
    MarkState,
    OrderRequest,
    OrderState,
    PositionState,
    Refusal,
    Side,
    Venue,
)

D = Decimal
UIDS = ("1", "2", "3")
PRICES = {"BTC/USDT": 60000, "ETH/USDT": 3000}
TICKS = {"BTC/USDT": D(10), "ETH/USDT": D(1)}
LEVELS = 8

KINDS = ("limit", "limit", "reduce", "market", "amount", "close")
Outcome = OrderState | PositionState | Refusal | None

taken: Counter[str] = Counter()
"""What the machine really did, by rule and by outcome."""

ACCOUNTS_DO = (
    *("place", "open", "open", "open", "rest", "amend") * 2,
    *("place", "take_back", "clear", "transfer", "deposit", "lever", "add_margin"),
)
WORLD_DOES = (*("trade", "jump", "requote", "fund", "liquidate") * 2, *("jump",) * 3, "drift", "deleverage")


class Dice(NamedTuple):
    """What one step is made of; a step uses what it needs."""

    uid: str
    venue: Venue
    symbol: str
    side: Side
    offset: int
    size: int
    percent: int
    flag: bool


dice = st.builds(
    Dice,
    uid=st.sampled_from(UIDS),
    venue=st.sampled_from(VENUES),
    symbol=st.sampled_from(tuple(PRICES)),
    side=st.sampled_from(("buy", "sell")),
    offset=st.integers(-LEVELS, LEVELS),
    size=st.integers(1, 40),
    percent=st.sampled_from((5, -5, 12, -12, 2, -2)),
    flag=st.booleans(),
)


class Session(RuleBasedStateMachine):
    """Three venues with two symbols, three accounts and an outside world."""

    @initialize(
        mx_fees=st.booleans(),
        fund=st.sampled_from((0, 0, 50, 1_000_000)),
        wallet=st.sampled_from((100, 400)),
        leverage=st.sampled_from((10, 25, 50)),
        isolated=st.booleans(),
        rules=st.fixed_dictionaries(
            {
                "isolated_funding": st.sampled_from(("wallet", "margin")),
                "cross_split": st.sampled_from(("maintenance", "largest_first")),
                "adl_score": st.sampled_from(("return_by_margin_ratio", "return")),
                "adl_cancels": st.sampled_from(("contract", "all")),
                "adl_fee": st.booleans(),
            }
        ),
    )
    def begin(
        self, mx_fees: bool, fund: int, wallet: int, leverage: int, isolated: bool, rules: dict[str, Any]
    ) -> None:
        """Books around the start prices, and money."""
        self.number = 0
        self.marks = {symbol: D(price) for symbol, price in PRICES.items()}
        made = self.exchange = Exchange(
            FakeClock(1_800_000_000_000_000_000, monotonic_s=lambda: self.number / 10),
            PerpetualRules(insurance_start=D(fund), **rules),
        )
        for symbol in PRICES:
            for instrument in instruments_for(SYMBOLS[symbol]):
                made.state.add_instrument(instrument)
        watch(made)
        if mx_fees:
            made.state.fee_policy[MEXC_SPOT] = "MX"
        spot = {"USDT": D(3_000), "BTC": D("0.05"), "ETH": D(1)}
        for uid in UIDS:
            money = {GATE_SPOT: dict(spot), MEXC_SPOT: spot | {"MX": D("0.02")}, GATE_FUTURES: {"USDT": D(wallet)}}
            made.state.accounts.create(uid, f"key-{uid}", "secret", money)
        made.commit()
        self.watcher = Watcher(made)
        self.watcher.attach()
        for shadow in self.watcher.shadows.values():
            shadow.mx_fees, shadow.adl_fee = mx_fees, rules["adl_fee"]
        for symbol in PRICES:
            self.set_mark(symbol, D(0))
            for venue in VENUES:
                self.quote_anew(venue, symbol, 0)
            for uid in UIDS:
                made.set_leverage(uid, symbol, D(leverage if isolated else 0), D(leverage))

    # -- one step

    @rule(what=st.sampled_from(ACCOUNTS_DO), dice=dice)
    def account_acts(self, what: str, dice: Dice) -> None:
        """An account sends a command."""
        self.note(what, getattr(self, what)(dice))

    @rule(kind=st.sampled_from(KINDS), tif=st.sampled_from(("ioc", "gtc", "fok", "poc")), dice=dice)
    def account_orders(self, kind: str, tif: Any, dice: Dice) -> None:
        """An account sends an order of any kind, sensible or not."""
        self.note(f"order {kind} {tif}", self.order(dice, kind, tif))

    @rule(what=st.sampled_from(WORLD_DOES), dice=dice)
    def world_acts(self, what: str, dice: Dice) -> None:
        """The outside world trades, prices move, the venue does its duty."""
        getattr(self, what)(dice)
        taken[what] += 1

    # -- what accounts do

    def order(self, dice: Dice, kind: str, tif: Any) -> Outcome:
        """Client ids are few, so that they repeat."""
        uid, venue, symbol, side, offset, size, _, flag = dice
        perp, quantity, price = venue == GATE_FUTURES, self.quantity(venue, symbol, size), self.price(symbol, offset)
        client_id = f"t-{size % 3}" if flag else ""
        request = OrderRequest(
            symbol, side, "limit", tif, quantity, price, client_id=client_id, reduce_only=kind == "reduce" and perp
        )
        if kind == "market":
            protection = price if venue == MEXC_SPOT or (side == "buy" and not perp) else None
            request = OrderRequest(symbol, side, "market", "ioc", quantity, protection)
        elif kind == "amount":
            request = OrderRequest(symbol, "buy", "market", "ioc", quote_amount=D(size * 10))
        elif kind == "close":
            request = OrderRequest(symbol, side, "market", "ioc", close=True, reduce_only=True)
        return self.exchange.place_order(venue, uid, request)

    def place(self, dice: Dice) -> Outcome:
        """A limit order near the market of a spot venue, for what the account can pay."""
        venue = GATE_SPOT if dice.venue == GATE_FUTURES else dice.venue
        quantity = self.quantity(venue, dice.symbol, 1 + dice.size // 8)
        request = OrderRequest(dice.symbol, dice.side, quantity=quantity, price=self.price(dice.symbol, dice.offset))
        return self.exchange.place_order(venue, dice.uid, request)

    def open(self, dice: Dice) -> Outcome:
        """A perpetual position as large as most of the free margin carries, at the market; on, rather than back."""
        position, free = self.exchange.position(dice.uid, dice.symbol), self.exchange.margin(dice.uid).available
        value = free * position.leverage_in_force * (55 + dice.size) / 100
        contracts = (value / self.marks[dice.symbol] / position.multiplier).quantize(D(1))
        side = dice.side
        self.quote_anew(GATE_FUTURES, dice.symbol, dice.size)
        if position.contracts and dice.flag:
            side = "buy" if position.contracts > 0 else "sell"
        request = OrderRequest(dice.symbol, side, "market", "ioc", max(D(1), min(contracts, D(2000))))
        return self.exchange.place_order(GATE_FUTURES, dice.uid, request)

    def rest(self, dice: Dice) -> Outcome:
        """A limit order that will wait, half of them with the same name; on the perpetual it may only reduce."""
        held = self.exchange.position(dice.uid, dice.symbol).contracts
        reduces = dice.flag and dice.venue == GATE_FUTURES and bool(held)
        side = dice.side
        if reduces:
            side = "sell" if held > 0 else "buy"
        price = self.price(dice.symbol, LEVELS + dice.offset // 3 if side == "sell" else dice.offset // 3 - LEVELS)
        quantity = self.quantity(dice.venue, dice.symbol, 1 + dice.size // 8)
        client_id = "t-rest" if dice.size % 2 else ""
        request = OrderRequest(
            dice.symbol, side, quantity=quantity, price=price, client_id=client_id, reduce_only=reduces
        )
        return self.exchange.place_order(dice.venue, dice.uid, request)

    def amend(self, dice: Dice) -> Outcome:
        """Another price, another total, or both (MEXC has no such command)."""
        order = self.some_order(dice, (GATE_SPOT, GATE_FUTURES))
        if order is None:
            return None
        price = self.price(order.symbol, dice.offset) if dice.offset % 3 else None
        quantity = self.quantity(order.venue, order.symbol, 1 + dice.size // 4) if dice.flag or not price else None
        return self.exchange.amend_order(order.venue, dice.uid, order.order_id, price=price, quantity=quantity)

    def take_back(self, dice: Dice) -> Outcome:
        """One open order goes."""
        order = self.some_order(dice, VENUES)
        return order and self.exchange.cancel_order(order.venue, dice.uid, order.order_id)

    def clear(self, dice: Dice) -> Outcome:
        """Everything of one side, or of both, goes."""
        side = dice.side if dice.flag else None
        self.exchange.cancel_all(dice.venue, dice.uid, dice.symbol, side)
        left = self.exchange.open_orders(dice.venue, dice.uid, dice.symbol)
        assert not [order for order in left if side in (None, order.side)]
        return None

    def transfer(self, dice: Dice) -> Outcome:
        """Between two wallets of one account; more than there is stays where it is."""
        goal, amount = VENUES[(VENUES.index(dice.venue) + 1 + dice.flag) % 3], D(dice.size * 3)
        outcome = self.exchange.transfer(dice.uid, "USDT", dice.venue, goal, amount)
        if isinstance(outcome, Refusal):
            return outcome
        self.shadow(dice).add(dice.venue, "USDT", -amount)
        self.shadow(dice).add(goal, "USDT", amount)
        return None

    def deposit(self, dice: Dice) -> Outcome:
        """From the outside world."""
        self.exchange.deposit(dice.uid, dice.venue, "USDT", D(dice.size))
        self.shadow(dice).add(dice.venue, "USDT", D(dice.size))
        return None

    def lever(self, dice: Dice) -> Outcome:
        """Isolated or cross, with or without a position."""
        leverage = (0, 2, 10, 20, 50, 100)[dice.size % 6]
        return self.exchange.set_leverage(dice.uid, dice.symbol, D(leverage), D(dice.size))

    def add_margin(self, dice: Dice) -> Outcome:
        """To an isolated position, or from it."""
        return self.exchange.change_margin(dice.uid, dice.symbol, D(dice.size if dice.flag else -dice.size))

    # -- what the world does

    def trade(self, dice: Dice) -> None:
        """An outside order trades at once."""
        limit = self.price(dice.symbol, dice.offset) if dice.flag else None
        quantity = self.quantity(dice.venue, dice.symbol, dice.size)
        self.exchange.external_take(dice.venue, dice.symbol, dice.side, quantity, limit)
        self.exchange.commit()

    def requote(self, dice: Dice) -> None:
        """All outside quotes of one book are replaced, around wherever the mark is now."""
        self.quote_anew(dice.venue, dice.symbol, dice.size)

    def drift(self, dice: Dice) -> None:
        """The mark moves a little."""
        self.set_mark(dice.symbol, dice.offset * TICKS[dice.symbol])

    def jump(self, dice: Dice) -> None:
        """The mark moves a lot, somebody is exposed to it, the books go along; the venue looks at once, or later."""
        if not self.exchange.position(dice.uid, dice.symbol).contracts:
            self.open(dice)
        ticks = (self.marks[dice.symbol] * dice.percent / 100 / TICKS[dice.symbol]).quantize(D(1))
        self.set_mark(dice.symbol, ticks * TICKS[dice.symbol])
        for venue in VENUES:
            self.quote_anew(venue, dice.symbol, dice.size)
        if dice.flag:
            self.liquidate(dice)

    def fund(self, dice: Dice) -> None:
        """Everybody pays or is paid at the mark."""
        rate = D(dice.size * dice.percent).scaleb(-6)
        self.set_mark(dice.symbol, D(0), rate)
        for shadow in self.watcher.shadows.values():
            shadow.fund(dice.symbol, self.marks[dice.symbol], rate)
        self.exchange.settle_funding(dice.symbol)

    def liquidate(self, _: Dice) -> None:
        """The clock looks at every account."""
        for uid in UIDS:
            before = len(self.exchange.orders(GATE_FUTURES, uid))
            if self.exchange.liquidate_if_needed(uid):
                taken["liquidated"] += 1
                assert all(not order.is_open for order in self.exchange.orders(GATE_FUTURES, uid)[before:])
            assert self.exchange.margin(uid).cross_is_safe
        for order in self.watcher.touched.values():
            taken["deleveraged"] += order.finish_as == "auto_deleveraged" and bool(order.filled)

    def deleverage(self, dice: Dice) -> None:
        """A scenario takes part of a position."""
        self.exchange.deleverage(dice.uid, dice.symbol, D(dice.size))

    # -- after every step

    @invariant()
    def everything_holds(self) -> None:
        """All checks."""
        taken["step"] += 1
        self.number += 1
        self.watcher.check()

    # -- arithmetic of the session

    def note(self, what: str, outcome: Outcome) -> None:
        """Count what came of a command."""
        if isinstance(outcome, Refusal):
            taken[f"{what}: {outcome.kind.value}"] += 1
        elif isinstance(outcome, OrderState):
            taken[f"{what}: {outcome.finish_as}"] += 1
        else:
            taken[what] += 1

    def set_mark(self, symbol: str, change: Decimal, rate: Decimal = D("0.0001")) -> None:
        """Move the mark, within bounds that keep prices positive."""
        least, most = D(PRICES[symbol]) / 2, D(PRICES[symbol]) * 2
        mark = self.marks[symbol] = max(least, min(most, self.marks[symbol] + change))
        self.exchange.set_mark(MarkState(symbol, mark, mark, rate, rate, 28800, 0))

    def price(self, symbol: str, offset: int) -> Decimal:
        """So many ticks of the session from the mark."""
        return self.marks[symbol] + offset * TICKS[symbol]

    def quantity(self, venue: Venue, symbol: str, size: int) -> Decimal:
        """Roughly the same value at every venue and in every symbol."""
        if venue == GATE_FUTURES:
            return D(size * 10 if symbol == "BTC/USDT" else size * 2)
        return D(size).scaleb(-3) if symbol == "BTC/USDT" else D(size).scaleb(-2)

    def shadow(self, dice: Dice) -> Shadow:
        """The second book-keeping of the account."""
        return self.watcher.shadows[dice.uid]

    def some_order(self, dice: Dice, venues: tuple[Venue, ...]) -> OrderState | None:
        """One of the open orders of the account."""
        orders = [order for venue in venues for order in self.exchange.open_orders(venue, dice.uid)]
        return orders[dice.size % len(orders)] if orders else None

    def quote_anew(self, venue: Venue, symbol: str, seed: int) -> None:
        """Replace the outside quotes of a book."""
        market, rng = self.exchange.state.markets[(venue, symbol)], random.Random(seed)
        for order in [order for order in market.orders() if order.owner == "external"]:
            self.exchange.external_cancel(venue, symbol, order.order_id)
        sides: tuple[tuple[Side, int], ...] = (("buy", -1), ("sell", 1))
        for level in range(1, LEVELS):
            for side, sign in sides:
                self.number += 1
                quantity, price = self.quantity(venue, symbol, rng.randint(1, 40)), self.price(symbol, sign * level)
                self.exchange.external_place(venue, symbol, f"x{self.number}", side, price, quantity)
        self.exchange.commit()


def run_machine(examples: int, steps_each: int, *phases: hypothesis.Phase) -> None:
    """Run it from the same numbers every time; an AssertionError says what broke."""
    taken.clear()
    settings = hypothesis.settings(
        max_examples=examples, stateful_step_count=steps_each, phases=phases or tuple(hypothesis.Phase)
    )
    run_state_machine_as_test(Session, settings=settings)
