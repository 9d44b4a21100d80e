"""What a person is told to move: never more than is there, never below a minimum, nothing lost but fees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.units import ZERO
from dnbot.strategy.parameters import StrategyParameters
from dnbot.strategy.transfer_plan import (
    INSIDE_GATE,
    Holdings,
    Network,
    TransferPlan,
    margin_bounds,
    plan_transfers,
)

BTC, USDT = "BTC", "USDT"
GATE, PERP, MEXC = Venue.GATE_SPOT, Venue.GATE_FUTURES, Venue.MEXC_SPOT
PARAMS = StrategyParameters(
    symbol=Symbol(BTC, USDT), base_position_size=Decimal(2), max_order_notional_quote=Decimal(500),
    max_position_multiplier=Decimal(2),
)
"""At 100 USDT a BTC, leverage 2, floor 30 % and a cushion of 10: margin from 166.67 to 333.34."""
LEAST = Decimal(5)


def way(asset: str, source: Venue, target: Venue, fee: str, minimum: str, network: str = "NET") -> Network:
    """A declared network."""
    return Network(
        asset=asset, source=source, target=target, network=network, fee=Decimal(fee), minimum=Decimal(minimum)
    )


BOTH = tuple(
    way(asset, source, target, fee, minimum)
    for asset, fee, minimum in ((BTC, "0.001", "0.01"), (USDT, "1", "10"))
    for source, target in ((GATE, MEXC), (MEXC, GATE))
)


def held(gate: str, mexc: str, gate_quote: str, mexc_quote: str, wallet: str, **more: Any) -> Holdings:
    """Holdings at 100 USDT a BTC, with a short of two and nothing unrealised."""
    given_: dict[str, Any] = {"perp_base": Decimal(-2), "unrealised_quote": ZERO, "price": Decimal(100)} | more
    balances = {
        (GATE, BTC): gate, (MEXC, BTC): mexc, (GATE, USDT): gate_quote, (PERP, USDT): wallet, (MEXC, USDT): mexc_quote,
    }
    return Holdings(balances={place: Decimal(amount) for place, amount in balances.items()}, **given_)


def moves(plan: TransferPlan) -> list[tuple[str, str, str, str, str, str]]:
    """Asset, from, to, network, amount and what arrives."""
    return [
        (m.asset, m.source.name, m.target.name, m.network, f"{m.amount.normalize():f}", f"{m.arrives.normalize():f}")
        for m in plan.moves
    ]


def test_balanced_holdings_need_nothing() -> None:
    """At its targets, and a little off them, nothing is planned."""
    for holdings in (held("1", "1", "500", "500", "200"), held("1.09", "0.91", "540", "460", "170")):
        plan = plan_transfers(holdings, PARAMS, BOTH, LEAST)
        assert (plan.moves, plan.unplanned, plan.after) == ((), (), holdings)
        assert plan.cost_quote == 0


def test_base_goes_back_to_its_ratio() -> None:
    """Of 2 BTC, 1.8 on MEXC: what stays is the half of all that is left after the fee."""
    plan = plan_transfers(held("0.2", "1.8", "500", "500", "200"), PARAMS, BOTH, LEAST)
    assert moves(plan) == [(BTC, "MEXC_SPOT", "GATE_SPOT", "NET", "0.8005", "0.7995")]
    assert plan.cost_quote == Decimal("0.1")
    assert plan.after.of(GATE, BTC) == plan.after.of(MEXC, BTC) == Decimal("0.9995")


def test_quote_goes_where_base_does_not_lie() -> None:
    """With three quarters of base wished on Gate, a quarter of quote is."""
    params = msgspec.structs.replace(PARAMS, inventory_ratio=Decimal("0.75"))
    plan = plan_transfers(held("1.5", "0.5", "801", "200", "200"), params, BOTH, LEAST)
    assert moves(plan) == [(USDT, "GATE_SPOT", "MEXC_SPOT", "NET", "551", "550")]
    assert (plan.after.of(GATE, USDT), plan.after.of(MEXC, USDT)) == (250, 750)


def test_margin_comes_first_and_from_gate() -> None:
    """A wallet of 100 lacks 66.67 for the short of two; the rest is split as if that were gone."""
    holdings = held("1", "1", "600", "400", "100")
    assert margin_bounds(holdings, PARAMS) == (Decimal("166.67"), Decimal("333.34"))
    plan = plan_transfers(holdings, PARAMS, BOTH, LEAST)
    assert moves(plan) == [
        (USDT, "GATE_SPOT", "GATE_FUTURES", INSIDE_GATE, "66.67", "66.67"),
        (USDT, "GATE_SPOT", "MEXC_SPOT", "NET", "67.16", "66.16"),
    ]


def test_margin_that_gate_lacks_comes_from_mexc() -> None:
    """All of Gate spot goes at once; what MEXC sends covers the rest, and half of what is left stays on Gate."""
    plan = plan_transfers(held("1", "1", "20", "781", "100"), PARAMS, BOTH, LEAST)
    assert moves(plan) == [
        (USDT, "GATE_SPOT", "GATE_FUTURES", INSIDE_GATE, "20", "20"),
        (USDT, "MEXC_SPOT", "GATE_SPOT", "NET", "414.33", "413.33"),
        (USDT, "GATE_SPOT", "GATE_FUTURES", INSIDE_GATE, "46.67", "46.67"),
    ]
    assert plan.after.of(PERP, USDT) == Decimal("166.67")
    assert (plan.after.of(GATE, USDT), plan.after.of(MEXC, USDT)) == (Decimal("366.66"), Decimal("366.67"))


def test_margin_beyond_the_largest_short_may_leave_but_not_unrealised_profit() -> None:
    """Equity of 500 is 166.66 above the bound; of profit that is not realised nothing can be taken out."""
    plan = plan_transfers(held("1", "1", "500", "500", "500"), PARAMS, BOTH, LEAST)
    assert moves(plan)[0] == (USDT, "GATE_FUTURES", "GATE_SPOT", INSIDE_GATE, "166.66", "166.66")
    rich = held("1", "1", "500", "500", "120", unrealised_quote=Decimal(390))
    assert moves(plan_transfers(rich, PARAMS, BOTH, LEAST))[:1] == [
        (USDT, "GATE_FUTURES", "GATE_SPOT", INSIDE_GATE, "20", "20")
    ]


def test_no_fee_is_guessed() -> None:
    """Without a declared network it is said what is off, and nothing is planned."""
    plan = plan_transfers(held("2", "0", "500", "500", "200"), PARAMS, (), LEAST)
    assert plan.moves == ()
    [left] = plan.unplanned
    assert (left.asset, left.source, left.target, left.amount) == (BTC, GATE, MEXC, 1)
    assert "no fee is guessed" in left.why


def test_the_cheapest_network_that_sends_so_little_is_taken() -> None:
    """A cheaper one with a larger minimum is passed over, and where none sends so little, that is said."""
    cheap, dear = way(BTC, GATE, MEXC, "0.0001", "1.5", "CHEAP"), way(BTC, GATE, MEXC, "0.002", "0.1", "DEAR")
    plan = plan_transfers(held("2", "0", "500", "500", "200"), PARAMS, (dear, cheap), LEAST)
    assert moves(plan) == [(BTC, "GATE_SPOT", "MEXC_SPOT", "DEAR", "1.001", "0.999")]
    plan = plan_transfers(held("2", "0", "500", "500", "200"), PARAMS, (cheap,), LEAST)
    assert [left.why for left in plan.unplanned] == ["CHEAP sends no less than 1.5 and takes 0.0001"]


def test_without_a_price_margin_is_left_alone() -> None:
    """Base is split all the same, and its fee has no value."""
    plan = plan_transfers(held("2", "0", "500", "500", "0", price=None, unrealised_quote=None), PARAMS, BOTH, LEAST)
    assert [(move.asset, move.cost_quote) for move in plan.moves] == [(BTC, None)]
    assert (plan.cost_quote, plan.margin_low_quote) == (None, None)


@pytest.mark.parametrize(("gate_quote", "mexc_quote", "why"), [
    ("0", "0", "no venue has any"), ("0", "30", "no more comes to Gate spot"),
])
def test_margin_that_nobody_has_is_named(gate_quote: str, mexc_quote: str, why: str) -> None:
    """What stays missing is told with its amount: 166.67, or 29 less."""
    plan = plan_transfers(held("1", "1", gate_quote, mexc_quote, "0"), PARAMS, BOTH, LEAST)
    missing = Decimal("166.67") - (29 if mexc_quote == "30" else 0)
    assert [(left.amount, left.why) for left in plan.unplanned] == [(missing, f"margin lacks it: {why}")]


# --- properties -------------------------------------------------------------------------------------------------------
quotes = st.decimals(0, 5000, places=2)
bases = st.decimals(0, 10, places=6)
networks = st.lists(
    st.builds(
        lambda ends, of, fee, minimum, name: Network(
            asset=of, source=ends[0], target=ends[1], network=name, fee=fee, minimum=minimum
        ),
        st.sampled_from([(GATE, MEXC), (MEXC, GATE)]), st.sampled_from([BTC, USDT]),
        st.decimals(0, 5, places=4), st.decimals("0.0001", 50, places=4), st.sampled_from(["A", "B"]),
    ),
    max_size=6,
).map(tuple)
holdings_ = st.builds(
    lambda gate, mexc, gate_quote, mexc_quote, wallet, short, unrealised: Holdings(
        balances={
            (GATE, BTC): gate, (MEXC, BTC): mexc, (GATE, USDT): gate_quote, (PERP, USDT): wallet,
            (MEXC, USDT): mexc_quote,
        },
        perp_base=-short, unrealised_quote=unrealised, price=Decimal(100), maintenance_rate=Decimal("0.005"),
    ),
    bases, bases, quotes, quotes, quotes, bases, st.decimals(-500, 500, places=2),
)
ratios = st.decimals("0.1", 1, places=2)
TIGHT = held("1", "1", "0", "30", "0")


@pytest.mark.slow
@given(holdings_, networks, ratios)
@example(TIGHT, BOTH, Decimal("0.5"))
@example(held("0", "10", "0", "5000", "0"), BOTH, Decimal(1))
def test_a_plan_can_be_carried_out_and_loses_nothing_but_fees(
    holdings: Holdings, ways: tuple[Network, ...], ratio: Decimal
) -> None:
    """Each step finds what it takes and is as large as its network asks, and what is missing in the end is the fees."""
    params = msgspec.structs.replace(PARAMS, inventory_ratio=ratio)
    plan = plan_transfers(holdings, params, ways, LEAST)
    now = dict(holdings.balances)
    for move in plan.moves:
        assert 0 < move.amount <= now[move.source, move.asset]
        assert move.fee <= move.amount
        assert 0 < move.arrives == move.amount - move.fee
        declared = [n for n in ways if (n.asset, n.source, n.target, n.network) == (
            move.asset, move.source, move.target, move.network
        )]
        assert move.network == INSIDE_GATE or any(
            (n.fee, n.minimum <= move.amount) == (move.fee, True) for n in declared
        )
        now[move.source, move.asset] -= move.amount
        now[move.target, move.asset] += move.arrives
    assert now == plan.after.balances
    for asset in (BTC, USDT):
        before, after = (
            sum((amount for (_, of), amount in balances.items() if of == asset), ZERO)
            for balances in (holdings.balances, now)
        )
        assert before == after + sum((move.fee for move in plan.moves if move.asset == asset), ZERO)
    assert plan.after.perp_base == holdings.perp_base


@given(holdings_, ratios)
@example(TIGHT, Decimal("0.5"))
def test_after_a_plan_nothing_is_left_to_plan(holdings: Holdings, ratio: Decimal) -> None:
    """Where every way is declared, a plan that was carried out is followed by none."""
    params = msgspec.structs.replace(PARAMS, inventory_ratio=ratio)
    plan = plan_transfers(holdings, params, BOTH, LEAST)
    again = plan_transfers(plan.after, params, BOTH, LEAST)
    assert again.moves == ()
