"""Margin, liquidation, the insurance fund and auto-deleveraging of the perpetual venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from dnbot.fakes.clock import FakeClock
from dnbot.fakes.exchange import Exchange
from dnbot.fakes.instruments import SYMBOLS, instruments_for
from dnbot.fakes.perpetual_rules import PerpetualRules
from dnbot.fakes.records import (
    EXTERNAL,
    GATE_FUTURES,
    GATE_SPOT,
    INSURANCE,
    MarkState,
    OrderRequest,
    OrderState,
    PositionState,
    Refusal,
    RefusalKind,
    Side,
)
from dnbot.fakes.risk import RiskTier, risk_tiers, tier_for_leverage, tier_of

D = Decimal
BTC, ETH = "BTC/USDT", "ETH/USDT"
PER_CONTRACT = {BTC: D("0.0001"), ETH: D("0.01")}
PRICE = {BTC: 60000, ETH: 3000}


def mark(made: Exchange, price: object, symbol: str = BTC, rate: str = "0.0001") -> None:
    """Put the mark of a contract somewhere."""
    value = D(str(price))
    made.set_mark(MarkState(symbol, value, value, D(rate), D(rate), 28800, 0))


def quote(made: Exchange, side: Side, price: object, contracts: int, number: str, symbol: str = BTC) -> None:
    """An outside order."""
    made.external_place(GATE_FUTURES, symbol, number, side, D(str(price)), D(contracts))


def exchange(*uids: str, wallet: str = "1000", **rules: Any) -> Exchange:
    """The venue with a deep outside level on each side of both contracts, and accounts with that much margin."""
    made = Exchange(FakeClock(1_800_000_000_000_000_000, monotonic_s=lambda: 0.0), PerpetualRules(**rules))
    for symbol in (BTC, ETH):
        for instrument in instruments_for(SYMBOLS[symbol]):
            made.state.add_instrument(instrument)
        mark(made, PRICE[symbol], symbol)
        quote(made, "buy", PRICE[symbol] - 1, 1_000_000, f"b{symbol}", symbol)
        quote(made, "sell", PRICE[symbol] + 1, 1_000_000, f"a{symbol}", symbol)
    for uid in uids or ("1",):
        made.state.accounts.create(uid, f"key-{uid}", "secret", {GATE_FUTURES: {"USDT": D(wallet)}})
    made.commit()
    return made


def take(made: Exchange, side: Side, contracts: int, uid: str = "1", symbol: str = BTC, **more: Any) -> OrderState:
    """A market order that must be filled whole."""
    request = OrderRequest(symbol, side, "market", "ioc", D(contracts), **more)
    order = made.place_order(GATE_FUTURES, uid, request)
    assert isinstance(order, OrderState), order
    assert not order.left
    return order


def test_a_contract_takes_a_hundred_open_orders_of_an_account() -> None:
    """The limit is of each contract: another one takes its own."""
    made = exchange()

    def rest(symbol: str) -> OrderState | Refusal:
        return made.place_order(
            GATE_FUTURES, "1", OrderRequest(symbol, "buy", quantity=D(1), price=D(PRICE[symbol] - 100))
        )

    assert all(isinstance(rest(BTC), OrderState) for _ in range(100))
    refusal = rest(BTC)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.TOO_MANY_ORDERS
    assert isinstance(rest(ETH), OrderState)


def move_book(made: Exchange, price: int, contracts: int = 1_000_000, symbol: str = BTC) -> None:
    """The outside world quotes around another price, this deep; the mark goes along."""
    for number in (f"b{symbol}", f"a{symbol}"):
        made.external_cancel(GATE_FUTURES, symbol, number)
    quote(made, "buy", price - 1, contracts, f"b{symbol}", symbol)
    quote(made, "sell", price + 1, contracts, f"a{symbol}", symbol)
    mark(made, price, symbol)


def usdt(made: Exchange, uid: str) -> Decimal:
    """The futures wallet."""
    return made.state.accounts.by_uid[uid].balance(GATE_FUTURES, "USDT").total


def ended_as(made: Exchange, uid: str) -> list[str]:
    """How the orders of an account ended, oldest first."""
    return [order.finish_as for order in made.orders(GATE_FUTURES, uid)]


def no_money_made(made: Exchange) -> None:
    """All wallets together hold nothing, as at first; positions cancel out; the fund keeps none and owes none."""
    assert set(made.state.accounts.totals().values()) == {D(0)}
    for symbol in (BTC, ETH):
        held = (a.positions[symbol].contracts for a in made.state.accounts.by_uid.values() if symbol in a.positions)
        assert sum(held) == 0
    assert not any(position.contracts for position in made.state.accounts.by_uid[INSURANCE].positions.values())
    assert usdt(made, INSURANCE) >= 0


def tiers() -> tuple[RiskTier, ...]:
    """Of the BTC contract."""
    return risk_tiers(instruments_for(SYMBOLS[BTC])[1])


def test_maintenance_margin_is_continuous_between_tiers() -> None:
    """The deduction of each tier makes both tiers ask the same where they meet, and larger ones more after it."""
    for lower, upper in zip(tiers(), tiers()[1:], strict=False):
        assert lower.maintenance(lower.limit) == upper.maintenance(lower.limit)
        assert upper.maintenance(lower.limit + 1) > lower.maintenance(lower.limit + 1)
        assert upper.leverage_max < lower.leverage_max
    assert tier_of(tiers(), D(1_000_001)).number == 2
    assert tier_of(tiers(), D(10**12)) == tiers()[-1]


def test_leverage_bounds_the_size_of_a_position() -> None:
    """At 100x only the first tier may be held; an order that would leave it is refused, a smaller one is not."""
    assert tier_for_leverage(tiers(), D(126)) is None
    made = exchange(wallet="1000000")
    assert isinstance(made.set_leverage("1", BTC, D(100)), PositionState)
    refusal = made.place_order(GATE_FUTURES, "1", OrderRequest(BTC, "buy", "market", "ioc", D(166_700)))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.RISK_LIMIT
    take(made, "buy", 160_000)
    too_high = made.set_leverage("1", BTC, D(0), D(126))
    assert isinstance(too_high, Refusal)
    assert too_high.kind is RefusalKind.RISK_LIMIT


def test_isolated_position_sets_its_margin_aside_and_gives_it_back() -> None:
    """Margin is entry value / leverage; it is not available; closing half frees half."""
    made = exchange()
    made.set_leverage("1", BTC, D(5))
    take(made, "buy", 100)
    position, value = made.position("1", BTC), D(100) * PER_CONTRACT[BTC] * 60001
    assert position.margin == value / 5
    assert made.margin("1").available == usdt(made, "1") - value / 5
    take(made, "sell", 50)
    assert position.margin == value / 10
    take(made, "sell", 50)
    assert position.margin == 0
    assert made.margin("1").available == usdt(made, "1")


def test_leverage_of_a_held_position_moves_margin() -> None:
    """Lower leverage takes margin from the wallet, higher gives it back; never too much, nor to too little."""
    made = exchange(wallet="200")
    made.set_leverage("1", BTC, D(10))
    take(made, "buy", 200)
    position = made.position("1", BTC)
    assert isinstance(made.set_leverage("1", BTC, D(8)), PositionState)
    assert position.margin == (D(200) * PER_CONTRACT[BTC] * 60001 / 8).quantize(D("1e-12"))
    refusal = made.set_leverage("1", BTC, D(2))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.MARGIN
    mark(made, 58000)
    refusal = made.set_leverage("1", BTC, D(50))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.LIQUIDATION
    assert position.leverage == 8
    assert isinstance(made.set_leverage("1", BTC, D(0), D(10)), PositionState)
    assert position.margin == 0
    assert not position.isolated


def test_margin_of_an_isolated_position_can_be_changed() -> None:
    """Adding moves its liquidation away; taking back stops at what its entry needs; a cross position has none."""
    made = exchange()
    made.set_leverage("1", BTC, D(10))
    flat = made.change_margin("1", BTC, D(10))
    assert isinstance(flat, Refusal)
    assert flat.kind is RefusalKind.REDUCE_ONLY
    take(made, "sell", 100)
    mark(made, 59999)
    before = made.liquidation_price("1", BTC)
    assert isinstance(made.change_margin("1", BTC, D(50)), PositionState)
    assert made.liquidation_price("1", BTC) > before
    refusal = made.change_margin("1", BTC, D(-51))
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.MARGIN
    assert isinstance(made.change_margin("1", BTC, D(-50)), PositionState)
    assert made.liquidation_price("1", BTC) == before
    take(made, "buy", 10, symbol=ETH)
    cross = made.change_margin("1", ETH, D(1))
    assert isinstance(cross, Refusal)
    assert cross.kind is RefusalKind.CROSS_MARGIN


@pytest.mark.parametrize("leverage", [0, 10])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_liquidation_happens_at_the_price_that_was_announced(leverage: int, side: Side) -> None:
    """One tick before the documented price nothing happens; one tick beyond it the position is gone."""
    made = exchange(wallet="100")
    made.set_leverage("1", BTC, D(leverage))
    take(made, side, 100)
    position, sign = made.position("1", BTC), 1 if side == "buy" else -1
    cash = position.margin if leverage else usdt(made, "1")
    bases = 100 * PER_CONTRACT[BTC]
    expected = (position.entry_price - sign * cash / bases) / (1 - sign * (D("0.004") + D("0.0005")))
    announced = made.liquidation_price("1", BTC)
    assert abs(announced - expected) <= D("0.1")
    mark(made, announced + sign * D("0.2"))
    assert not made.liquidate_if_needed("1")
    mark(made, announced - sign * D("0.2"))
    assert made.liquidate_if_needed("1")
    assert position.contracts == 0
    assert ended_as(made, "1")[-1] == "liquidated"
    assert made.adl_grade("1", BTC) == 6
    no_money_made(made)


def test_isolated_liquidation_costs_its_margin_and_nothing_else() -> None:
    """What the position had left goes to the insurance fund; wallet and other positions are untouched."""
    made = exchange(wallet="1000")
    made.set_leverage("1", BTC, D(20))
    take(made, "sell", 10, symbol=ETH)
    take(made, "buy", 300)
    wallet, margin, fund = usdt(made, "1"), made.position("1", BTC).margin, usdt(made, INSURANCE)
    waiting = made.place_order(GATE_FUTURES, "1", OrderRequest(ETH, "sell", quantity=D(1), price=D(3100)))
    move_book(made, int(made.liquidation_price("1", BTC)) - 1)
    assert made.liquidate_if_needed("1")
    assert usdt(made, "1") == wallet - margin
    assert usdt(made, INSURANCE) > fund
    assert made.position("1", ETH).contracts == -10
    assert isinstance(waiting, OrderState)
    assert waiting.is_open
    no_money_made(made)


def test_cross_liquidation_takes_the_wallet_and_every_order() -> None:
    """Open orders are cancelled first; the whole wallet is lost; profit and loss rows still add up to the balance."""
    made = exchange(wallet="100")
    take(made, "buy", 100)
    resting = made.place_order(GATE_FUTURES, "1", OrderRequest(BTC, "sell", quantity=D(1), price=D(61000)))
    move_book(made, int(made.liquidation_price("1", BTC)) - 1)
    assert made.liquidate_if_needed("1")
    assert isinstance(resting, OrderState)
    assert resting.finish_as == "liquidated"
    assert usdt(made, "1") == 0
    rows = [row for row in made.account("1").ledger if row.venue == GATE_FUTURES]
    assert sum(row.change for row in rows) == 0
    assert made.position("1", BTC).realised_pnl == -100
    no_money_made(made)


def test_large_positions_are_lowered_tier_by_tier() -> None:
    """While the next lower tier is enough, the rest of the position stays."""
    made = exchange(wallet="130000")
    take(made, "buy", 200_000)
    assert made.state.tier(made.position("1", BTC)).number == 2
    mark(made, float(made.liquidation_price("1", BTC)) - 0.2)
    assert made.liquidate_if_needed("1")
    left = made.position("1", BTC)
    assert 0 < left.contracts < 200_000
    assert made.state.tier(left).number == 1
    assert ended_as(made, "1").count("liquidated") == 1
    assert not made.liquidate_if_needed("1")
    no_money_made(made)


def test_an_isolated_position_that_is_lowered_keeps_its_margin() -> None:
    """Loss and fee of the part that went come out of the position's margin; the wallet beside it is untouched."""
    made = exchange(wallet="200000")
    made.set_leverage("1", BTC, D(10))
    take(made, "buy", 200_000)
    free = made.margin("1").available
    mark(made, float(made.liquidation_price("1", BTC)) - 0.2)
    assert made.liquidate_if_needed("1")
    assert made.position("1", BTC).contracts > 0
    assert made.margin("1").available == free
    no_money_made(made)


def test_insurance_fund_takes_what_the_book_does_not() -> None:
    """A gap beyond bankruptcy: the account ends at nothing, the fund sells lower and bears the difference."""
    made = exchange(wallet="100")
    take(made, "buy", 100)
    fund = usdt(made, INSURANCE)
    move_book(made, 40000)
    assert made.liquidate_if_needed("1")
    bases = 100 * PER_CONTRACT[BTC]
    assert usdt(made, "1") == 0
    assert usdt(made, INSURANCE) < fund - bases * 8000
    assert made.account("1").positions[BTC].contracts == 0
    no_money_made(made)


def crash(rules: dict[str, Any]) -> Exchange:
    """Account 1 goes bankrupt long; 2 and 3 hold shorts at 10x and 2x; the fund is empty."""
    made = exchange("1", "2", "3", wallet="1000", insurance_start=D(0), **rules)
    made.set_leverage("2", BTC, D(0), D(10))
    made.set_leverage("3", BTC, D(0), D(2))
    take(made, "buy", 1000)
    take(made, "sell", 400, "2")
    take(made, "sell", 200, "3")
    for uid in ("2", "3"):
        request = OrderRequest(BTC, "sell", quantity=D(1), price=D(61000))
        assert isinstance(made.place_order(GATE_FUTURES, uid, request), OrderState)
    move_book(made, 50000, contracts=1)
    return made


def test_deleveraging_takes_the_highest_rank_first_at_the_bankruptcy_price() -> None:
    """Without a fund the most profitable short gives up its position, free of fees, and its orders."""
    made = crash({})
    assert [made.adl_grade(uid, BTC) for uid in ("2", "3")] == [1, 3]
    liquidation = made.liquidate_if_needed("1")
    assert liquidation
    assert made.position("2", BTC).contracts == 0
    assert ended_as(made, "2")[-2:] == ["auto_deleveraged", "auto_deleveraged"]
    (bankrupt,) = {o.price for o in made.orders(GATE_FUTURES, "1") if o.finish_as == "liquidated"}
    order = made.orders(GATE_FUTURES, "2")[-1]
    assert (order.client_id, order.average_price, order.filled) == ("auto_deleveraging", bankrupt, D(400))
    assert order.fees == {"USDT": D(0)}
    assert bankrupt > 50000  # worse for the account than the mark, better than nobody
    no_money_made(made)


def test_every_open_assumption_about_deleveraging_has_two_sides() -> None:
    """With a fee the deleveraged side pays one; with all orders cancelled those of other contracts go too."""
    made = crash({"adl_fee": True, "adl_cancels": "all", "adl_score": "return"})
    other = made.place_order(GATE_FUTURES, "2", OrderRequest(ETH, "buy", quantity=D(1), price=D(2900)))
    made.liquidate_if_needed("1")
    order = made.orders(GATE_FUTURES, "2")[-1]
    assert order.client_id == "auto_deleveraging"
    assert order.fees["USDT"] == order.filled_quote * D("0.0005")
    assert isinstance(other, OrderState)
    assert other.finish_as == "auto_deleveraged"
    no_money_made(made)


def test_a_scenario_can_deleverage_an_account_by_itself() -> None:
    """Part of a position goes at the mark against the outside world; a flat account is refused."""
    made = exchange()
    take(made, "sell", 100)
    before = made.account(EXTERNAL).positions[BTC].contracts
    assert made.deleverage("1", BTC, D(40)) is None
    assert made.position("1", BTC).contracts == -60
    assert made.account(EXTERNAL).positions[BTC].contracts == before - 40
    assert made.orders(GATE_FUTURES, "1")[-1].average_price == 60000
    assert isinstance(made.deleverage("1", ETH, D(1)), Refusal)
    no_money_made(made)


@pytest.mark.parametrize("split", ["maintenance", "largest_first"])
def test_cross_positions_fall_together_and_leave_nothing_behind(split: str) -> None:
    """Two losing cross positions: whichever way equity is split, the account is never left owing."""
    made = exchange(wallet="300", cross_split=split)
    take(made, "buy", 200)
    take(made, "buy", 40, symbol=ETH)
    move_book(made, 54000)
    move_book(made, 2500, symbol=ETH)
    assert made.liquidate_if_needed("1")
    assert usdt(made, "1") == 0
    assert not any(position.contracts for position in made.account("1").positions.values())
    no_money_made(made)


def test_funding_of_an_isolated_position_comes_from_the_wallet_or_its_margin() -> None:
    """Both readings of an open question can be switched; the wallet pays either way."""
    for switch, change in (("wallet", D(0)), ("margin", -D(60000) * 100 * PER_CONTRACT[BTC] * D("0.0001"))):
        made = exchange(isolated_funding=switch)
        made.set_leverage("1", BTC, D(10))
        take(made, "buy", 100)
        margin, wallet = made.position("1", BTC).margin, usdt(made, "1")
        made.settle_funding(BTC)
        assert made.position("1", BTC).margin == margin + change
        assert usdt(made, "1") < wallet


def test_profit_that_is_not_realised_cannot_be_transferred() -> None:
    """It counts as margin for new positions, and stays in the wallet until it is realised."""
    made = exchange(wallet="100")
    take(made, "buy", 100)
    mark(made, 90000)
    assert made.margin("1").available > 200
    refusal = made.transfer("1", "USDT", GATE_FUTURES, GATE_SPOT, D(50))
    assert isinstance(refusal, Refusal)
    assert isinstance(made.transfer("1", "USDT", GATE_FUTURES, GATE_SPOT, D(5)), int)


def test_a_debt_of_a_flat_account_is_paid_by_the_fund() -> None:
    """Closing beyond bankruptcy before the venue looked leaves a debt, which the fund settles."""
    made = exchange(wallet="100")
    take(made, "buy", 100)
    move_book(made, 45000)
    take(made, "sell", 100, reduce_only=True)
    assert usdt(made, "1") < 0
    assert made.liquidate_if_needed("1")
    assert usdt(made, "1") == 0
    no_money_made(made)


def test_rules_have_no_switch_without_a_test_of_its_other_side() -> None:
    """Every switch of the perpetual venue is turned somewhere above."""
    turned = {"isolated_funding", "cross_split", "adl_score", "adl_cancels", "adl_fee", "insurance_start"}
    assert {field.name for field in attrs.fields(PerpetualRules)} == turned
