"""The judge of margin and of transfers, with a defect planted and without it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from oracle_bench import PARAMS, Bench

from dnbot.domain.instrument import Venue
from dnbot.domain.messages import Alert
from dnbot.domain.order import Purpose, Side, TimeInForce
from dnbot.domain.transfer import Transfer

ALLOWED = msgspec.structs.replace(PARAMS, margin_top_up=True)
DAY_NS = 86_400 * 10**9


def transfer(bench: Bench, amount: str = "100", number: int = 1) -> Transfer:
    """Money from Gate spot to the perpetual's wallet."""
    return Transfer(
        transfer_id=f"m{bench.epoch}-{number}", epoch=bench.epoch, source=Venue.GATE_SPOT,
        target=Venue.GATE_FUTURES, asset="USDT", amount=Decimal(amount), why="test", created_at_ns=bench.wall_ns,
        expires_at_ns=bench.wall_ns + 5 * 10**9,
    )


def ask(bench: Bench, amount: str = "100") -> None:
    """Let the request leave."""
    body = {"currency": "USDT", "from": "spot", "to": "futures", "amount": amount, "settle": "usdt"}
    bench.say(Venue.GATE_SPOT, "POST", "/api/v4/wallet/transfers", body)


def make(bench: Bench, amount: str = "100") -> None:
    """The venue does it."""
    moved = bench.exchange.transfer(bench.uid, "USDT", "gate_spot", "gate_futures", Decimal(amount))
    assert isinstance(moved, int), moved


@pytest.mark.parametrize("broken", [False, True])
async def test_a_transfer_is_written_down_first(autojump_clock: Any, broken: bool) -> None:
    """I1: nothing leaves that is not durable."""
    bench = Bench(ALLOWED)
    await bench.start()
    if not broken:
        await bench.store.commit_transfer(transfer(bench))
    ask(bench)
    assert bench.found == ({"I1"} if broken else set())


@pytest.mark.parametrize("amounts", [("100",), ("101",), ("100", "100"), ("1e2",)])
async def test_it_leaves_as_it_was_written_down_and_once(autojump_clock: Any, amounts: tuple[str, ...]) -> None:
    """I1: another amount, or a second time, is not what is durable."""
    bench = Bench(ALLOWED)
    await bench.start()
    await bench.store.commit_transfer(transfer(bench))
    for amount in amounts:
        ask(bench, amount)
    assert bench.found == (set() if amounts in (("100",), ("1e2",)) else {"I1"})


@pytest.mark.parametrize(
    ("amounts", "found"), [(("1500",), set()), (("1500.01",), {"I9"}), (("1500", "1500", "1500"), set()),
                           (("1500", "1500", "1500", "1"), {"I9"})],
)  # fmt: skip
async def test_caps(autojump_clock: Any, amounts: tuple[str, ...], found: set[str]) -> None:
    """I9: one order's worth at a time, three of them in a day."""
    bench = Bench(ALLOWED)
    await bench.start()
    for number, amount in enumerate(amounts):
        await bench.store.commit_transfer(transfer(bench, amount, number))
        ask(bench, amount)
    assert bench.found == found


async def test_nobody_allowed_it(autojump_clock: Any) -> None:
    """I9: off by default."""
    bench = Bench()
    await bench.start()
    await bench.store.commit_transfer(transfer(bench))
    ask(bench)
    assert bench.found == {"I9"}


@pytest.mark.parametrize("broken", [False, True])
async def test_none_while_halted(autojump_clock: Any, broken: bool) -> None:
    """I15: HALTED means that nothing of ours is moved."""
    bench = Bench(ALLOWED)
    await bench.start()
    await bench.store.commit_transfer(transfer(bench))
    bench.mode("ACTIVE", "HALTED" if broken else "REDUCING")
    await bench.later(5)
    ask(bench)
    assert bench.found == ({"I15"} if broken else set())


@pytest.mark.parametrize("broken", [False, True])
async def test_a_transfer_of_an_epoch_that_is_over(autojump_clock: Any, broken: bool) -> None:
    """I8: what an earlier life wrote down is not asked for by the next."""
    bench = Bench(ALLOWED)
    await bench.start()
    made = transfer(bench)
    await bench.store.commit_transfer(made if broken else transfer(bench, "99"))
    await bench.start(2)
    if not broken:
        await bench.store.commit_transfer(transfer(bench))
    ask(bench)
    assert bench.found == ({"I8"} if broken else set())


async def test_our_own_transfer_is_no_loss_and_nobody_else_s(autojump_clock: Any) -> None:
    """Equity stays where it is, and a second one of the same amount, which was not asked for, is somebody else's."""
    bench = Bench(ALLOWED)
    await bench.start()
    await bench.later(1)
    equity = bench.oracle.delta.equity()
    await bench.store.commit_transfer(transfer(bench))
    ask(bench)
    make(bench)
    assert bench.oracle.delta.equity() == equity
    assert bench.oracle.delta._foreign_ns < 0
    make(bench)
    assert bench.oracle.delta._foreign_ns > 0


@pytest.mark.parametrize(("venue", "tif", "found"), [
    (Venue.MEXC_SPOT, TimeInForce.IOC, set()), (Venue.MEXC_SPOT, TimeInForce.GTC, {"I13"}),
    (Venue.GATE_SPOT, TimeInForce.GTC, set()),
])  # fmt: skip
async def test_nothing_may_rest_where_nobody_takes_it_away(
    autojump_clock: Any, venue: Venue, tif: TimeInForce, found: set[str]
) -> None:
    """I13: Gate has a countdown, MEXC has none."""
    bench = Bench()
    await bench.start()
    bench.prepare()
    intent = bench.intent(venue, time_in_force=tif)
    await bench.commit(intent)
    bench.send(intent)
    assert bench.found == found


async def short_of_margin(bench: Bench) -> None:
    """A hedged position whose margin is nearly gone."""
    await bench.start()
    bench.prepare()
    await bench.trade(bench.intent(Venue.GATE_FUTURES, Side.SELL, "0.0200"))
    await bench.trade(bench.intent(quantity="0.0201"))
    bench.state("PREPARING_ARBITRAGE", "REFUSED", "MONITORING_SPREADS")
    bench.exchange.deposit(bench.uid, "gate_futures", "USDT", Decimal(-9870))
    bench.exchange.set_mark(bench.exchange.mark("BTC/USDT"))


@pytest.mark.parametrize("does", ["nothing", "reduces", "shrinks", "tops up", "shrinks once", "halts"])
async def test_margin_stays_low(autojump_clock: Any, does: str) -> None:
    """I27: a stricter mode alone does not bring it back; one step after the other does; HALTED is a person's."""
    bench = Bench(ALLOWED)
    await short_of_margin(bench)
    if does not in ("nothing", "tops up"):
        bench.mode("ACTIVE", "HALTED" if does == "halts" else "REDUCING")
    bench.state("MONITORING_SPREADS", "MARGIN_LOW", "DELTA_NEUTRAL_ACTIVE")
    bench.state("DELTA_NEUTRAL_ACTIVE", "MARGIN_LOW", "ESTABLISHING_DELTA_NEUTRAL")
    for number in range(4):
        if does == "shrinks" or (does == "shrinks once" and number == 0):
            for venue, side in ((Venue.GATE_SPOT, Side.SELL), (Venue.GATE_FUTURES, Side.BUY)):
                reduces = venue is Venue.GATE_FUTURES
                await bench.trade(bench.intent(venue, side, purpose=Purpose.FLATTEN, reduce_only=reduces))
        elif does == "tops up":
            await bench.store.commit_transfer(transfer(bench, "1", number))
            ask(bench, "1")
            make(bench, "1")
        await bench.later(20)
        bench.exchange.set_mark(bench.exchange.mark("BTC/USDT"))
    assert bench.found == (set() if does in ("shrinks", "tops up", "halts") else {"I27"})


@pytest.mark.parametrize(("drained", "says_so"), [(True, True), (True, False), (False, True)])
async def test_it_may_wait_for_money_that_is_not_there(autojump_clock: Any, drained: bool, says_so: bool) -> None:
    """I23: building nothing is right while the perpetual's wallet carries no contract, and when a person is told."""
    bench = Bench()
    await bench.start()
    bench.state("MONITORING_SPREADS", "FAULT", "ERROR_RECOVERY")
    if drained:
        amount = bench.exchange.margin(bench.uid).available
        moved = bench.exchange.transfer(bench.uid, "USDT", "gate_futures", "gate_spot", amount)
        assert isinstance(moved, int), moved
    bench.oracle.heal()
    bench.state("ERROR_RECOVERY", "INVENTORY_OUT_OF_BAND", "ESTABLISHING_DELTA_NEUTRAL")
    await bench.later(20)
    if says_so:
        bench.record(Alert(level="warning", key="waiting:establish", text="test", at_ns=bench.wall_ns))
    await bench.later(45)
    assert ("I23" in bench.found) is not (drained and says_so)


MAY_REST = msgspec.structs.replace(PARAMS, maker_first=True, maker_order_notional_quote_max=Decimal(700))


@pytest.mark.parametrize(("tif", "purpose", "quantity", "found"), [
    (TimeInForce.POST_ONLY, Purpose.ENTRY, "0.01", set()),
    (TimeInForce.POST_ONLY, Purpose.ENTRY, "0.02", {"I13"}),
    (TimeInForce.GTC, Purpose.ENTRY, "0.01", {"I13"}),
    (TimeInForce.POST_ONLY, Purpose.UNWIND, "0.01", {"I13"}),
])  # fmt: skip
async def test_a_leg_may_rest_where_that_is_allowed(
    autojump_clock: Any, tif: TimeInForce, purpose: Purpose, quantity: str, found: set[str]
) -> None:
    """I13: post-only, as a leg of a pair, of no more than its cap; and never without the setting."""
    for params, more in ((MAY_REST, set[str]()), (PARAMS, {"I13"})):
        bench = Bench(params)
        await bench.start()
        bench.prepare()
        intent = bench.intent(Venue.MEXC_SPOT, quantity=quantity, time_in_force=tif, purpose=purpose)
        await bench.commit(intent)
        bench.send(intent)
        assert bench.found == found | more


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_rests_is_gone_when_its_time_is_over(autojump_clock: Any, is_cancelled: bool) -> None:
    """I13: an order that nobody took away is found after its time and that of a slow reaction."""
    bench = Bench(MAY_REST)
    await bench.start()
    bench.prepare()
    low = bench.exchange.depth("mexc_spot", "BTC/USDT", 1).bids[0][0] - 50
    more = {"price": str(low), "time_in_force": TimeInForce.POST_ONLY}
    intent = bench.intent(Venue.MEXC_SPOT, Side.BUY, "0.01", **more)
    await bench.commit(intent)
    bench.send(intent)
    bench.arrive(intent)
    await bench.later(4)
    assert bench.oracle.resting.rested == 1
    if is_cancelled:
        (order,) = bench.exchange.open_orders("mexc_spot", bench.uid)
        bench.exchange.cancel_order("mexc_spot", bench.uid, order.order_id)
    await bench.later(8)
    assert bench.found == (set() if is_cancelled else {"I13"})
