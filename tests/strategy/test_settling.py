"""What fills of the perpetual realised is part of equity and margin before the account book tells of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from machine_kit import GF, Bench

from dnbot.domain.messages import FillReported
from dnbot.domain.order import Fill, Side
from dnbot.domain.position import Portfolio, book_fill, closed_quote
from dnbot.domain.units import ZERO, Price, Quantity
from dnbot.strategy.settling import SETTLE_S_MAX, settling
from dnbot.strategy.standing import perp_equity

D = Decimal


def fill(bench: Bench, side: Side, quantity: str, price: str) -> Fill:
    """A trade on the perpetual without a fee, by the venue's hand; it is in the venue's books."""
    made = Fill(
        venue=GF, symbol=bench.context.params.symbol, trade_id=f"{side.value}-{quantity}-{price}", venue_order_id="h",
        client_order_id="", side=side, price=Price(D(price)), quantity=Quantity(D(quantity)), fee=ZERO,
        fee_asset="USDT", traded_at_ns=bench.now_ns,
    )
    bench._apply(made)
    return made


def fallen() -> Bench:
    """Short 1 from 60,000, all prices at 50,000: the perpetual is 10,000 up, the inventory 10,000 down."""
    bench = Bench(max_daily_loss_quote=500, max_drawdown_pct=1).boot()
    bench.mark = D(50_000)
    bench.signal(50_000, 50_000, 50_000, after_ms=1_000)
    assert bench.context.mode.name == "ACTIVE"
    return bench


def test_equity_does_not_fall_while_a_closed_part_settles() -> None:
    """A fifth of the short is closed 10,000 below: 2,000 are realised, and neither lost nor counted twice."""
    bench = fallen()
    equity, perp = bench.context.risk.equity_quote, perp_equity(bench.context)
    bench.give(FillReported(fill(bench, Side.BUY, "0.2", "50000")))
    assert settling(bench.context) == 2_000
    bench.signal(50_000, 50_000, 50_000, after_ms=1_000)
    assert (bench.context.risk.equity_quote, perp_equity(bench.context)) == (equity, perp)
    assert bench.context.mode.name == "REDUCING", "because of the foreign trade, and for no loss"
    bench.give(bench.read(GF))
    assert settling(bench.context) == 0
    bench.signal(50_000, 50_000, 50_000, after_ms=1_000)
    assert (bench.context.risk.equity_quote, perp_equity(bench.context)) == (equity, perp)


def test_a_row_may_come_before_its_fill() -> None:
    """A read that knows the row and not yet the trade: for that moment the gain is in the wallet and the position."""
    bench = fallen()
    perp, made = perp_equity(bench.context), fill(bench, Side.BUY, "0.2", "50000")
    bench.give(bench.read(GF, fills=(), position=bench.position(D(-1))))
    assert settling(bench.context) == -2_000
    assert perp_equity(bench.context) == perp
    bench.give(FillReported(made))
    assert settling(bench.context) == 0
    assert perp_equity(bench.context) == perp


def test_what_never_settles_is_given_up() -> None:
    """A row that does not come is a difference for the comparison of balances to find, not equity for ever."""
    bench = fallen()
    bench.give(FillReported(fill(bench, Side.BUY, "0.2", "50000")))
    risk = msgspec.structs.replace(bench.context.risk, settling=(D(2_000), bench.context.now_s - SETTLE_S_MAX))
    assert settling(msgspec.structs.replace(bench.context, risk=risk)) == 0


def test_a_row_that_comes_late_is_no_loss() -> None:
    """Reads fail for longer than a fill is counted on; the row that comes at last is that of the fill, not another."""
    bench = fallen()
    perp = perp_equity(bench.context)
    bench.give(FillReported(fill(bench, Side.BUY, "0.2", "50000")))
    at_s = bench.context.now_s - SETTLE_S_MAX
    bench.context = msgspec.structs.replace(
        bench.context, risk=msgspec.structs.replace(bench.context.risk, settling=(D(2_000), at_s))
    )
    bench.tick(1)
    bench.give(bench.read(GF))
    assert settling(bench.context) == 0
    assert perp_equity(bench.context) == perp


@pytest.mark.parametrize(
    ("side", "quantity", "price", "gain"),
    [
        ("buy", "0.4", "50000", "4000"), ("buy", "1", "61000", "-1000"), ("buy", "3", "50000", "10000"),
        ("sell", "0.4", "50000", "0"),
    ],
)
def test_only_what_is_closed_is_realised(side: str, quantity: str, price: str, gain: str) -> None:
    """Of a short of 1 from 60,000; a larger trade closes 1 and opens the rest. What is left keeps its own cost."""
    bench = Bench().boot()
    made = msgspec.structs.replace(fill(bench, Side(side), quantity, price), fee=ZERO)
    before: Portfolio = bench.context.portfolio
    assert closed_quote(before, made) == D(gain)
    after, mark = book_fill(before, made), D(price)
    assert after.perp_unrealised(mark) - before.perp_unrealised(mark) == -D(gain)
