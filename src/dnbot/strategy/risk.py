"""Every order passes `check` right before its intent is committed, and again right before it is sent.

`CONTROLS` is the whole list, in the order in which a refusal explains most. Pairs and slices pass nearly all of it.
HEDGE, UNWIND and FLATTEN pass what keeps an order sane (instrument, book, collar, grid, notional, budget, duplicates)
and nothing that would keep us naked: database, balances, streams, losses and throttles do not stop a repair, and what
our own figures of a balance say is left to the venue. A figure that is no finite number is not known. Rate budgets are
controls of the desk and of execution. docs/risk-controls.md lists everything, with the test of each.
"""

from __future__ import annotations

from collections.abc import Callable

from dnbot.domain.order import OrderIntent, Purpose
from dnbot.strategy import risk_orders as orders
from dnbot.strategy import risk_standing as standing
from dnbot.strategy.risk_inputs import Approved, Latch, Refused, RiskInputs, known
from dnbot.strategy.states import TradingMode

__all__ = ["CONTROLS", "LASTING", "Approved", "Latch", "Refused", "RiskInputs", "check", "check_again", "latches"]

Control = Callable[[tuple[OrderIntent, ...], RiskInputs], Refused | None]

_P = Purpose
PAIR = frozenset({_P.ENTRY, _P.EXIT})
NEW_RISK = frozenset({_P.ENTRY, _P.ESTABLISH})
BUILD = frozenset({_P.ENTRY, _P.EXIT, _P.ESTABLISH})
REPAIR = frozenset({_P.HEDGE, _P.UNWIND, _P.FLATTEN})
ALL = BUILD | REPAIR

CONTROLS: tuple[tuple[Control, frozenset[Purpose]], ...] = (
    (orders.numbers, ALL),
    (standing.gate, ALL),
    (standing.reconciled, BUILD),
    (standing.nothing_ambiguous, BUILD),
    (standing.store, BUILD),
    (standing.clock, BUILD),
    (standing.countdown, BUILD),
    (orders.eligible, ALL),
    (orders.books_known, ALL),
    (orders.books_fresh, BUILD),
    (orders.books_recent, REPAIR),
    (orders.books_plausible, BUILD),
    (orders.books_uncrossed, REPAIR),
    (orders.near_reference, BUILD),
    (orders.edge_plausible, BUILD),
    (orders.grid, ALL),
    (orders.price, ALL),
    (orders.notional, ALL),
    (orders.legs, BUILD | {_P.FLATTEN}),
    (orders.reduces, BUILD | {_P.FLATTEN}),
    (orders.post_only, ALL),
    (orders.depth, BUILD),
    (standing.balances_fresh, BUILD),
    (standing.balance, BUILD),
    (standing.margin, NEW_RISK),
    (standing.inventory, NEW_RISK),
    (standing.delta, PAIR),
    (standing.counterparty, frozenset({_P.ENTRY})),
    (standing.open_orders, BUILD),
    (orders.not_twice, ALL),
    (orders.not_again, BUILD),
    (orders.no_self_cross, ALL),
    (standing.hedge_budget, frozenset({_P.HEDGE, _P.UNWIND})),
    (standing.repairable, BUILD | {_P.FLATTEN}),
    (standing.repeats, PAIR),
    (standing.profit_known, BUILD),
    (standing.loss, NEW_RISK),
    (standing.fleet, NEW_RISK),
)


_CONTROLS_OF = {purpose: tuple(control for control, to in CONTROLS if purpose in to) for purpose in Purpose}
"""`CONTROLS` by the purpose that they apply to."""


LASTING = frozenset({
    orders.numbers, standing.gate, standing.reconciled, standing.nothing_ambiguous, standing.store, standing.clock,
    standing.countdown, orders.eligible, orders.books_known, orders.books_fresh, orders.books_plausible,
    orders.near_reference, orders.edge_plausible, orders.price, standing.balances_fresh, standing.margin,
    standing.counterparty, standing.profit_known, standing.loss,
})
"""What must go on being so while an order rests. The others look at what the order itself has changed since."""


def check_again(intents: tuple[OrderIntent, ...], inputs: RiskInputs) -> Approved | Refused:
    """Whether an order of these that rests may go on resting: the controls of `LASTING` that its purpose has."""
    inputs = known(inputs)
    for control in _CONTROLS_OF[intents[0].purpose]:
        if control in LASTING and (refusal := control(intents, inputs)) is not None:
            return refusal
    return Approved()


def check(intents: tuple[OrderIntent, ...], inputs: RiskInputs) -> Approved | Refused:
    """Whether these orders, which belong together, may be sent: all or none.

    Raises:
        ValueError: no order, or orders of different purposes.
    """
    purposes = {intent.purpose for intent in intents}
    if len(purposes) != 1:
        raise ValueError(f"orders that are checked together have one purpose: {sorted(p.value for p in purposes)}")
    purpose = purposes.pop()
    inputs = known(inputs)
    for control in _CONTROLS_OF[purpose]:
        refusal = control(intents, inputs)
        if refusal is not None:
            return refusal
    return Approved()


def latches(inputs: RiskInputs) -> tuple[Latch, ...]:
    """Limits that are broken now: each lowers the trading mode until a person raises it, with the reason.

    Profit that cannot be computed halts. Whether a price is missing only for a moment is the caller's to judge: it
    gives the last equity that was known as long as that is acceptable.
    """
    found: list[Latch] = []
    inputs = known(inputs)
    if standing.profit_known((), inputs) is not None:
        found.append(_latch("PNL_UNKNOWN", TradingMode.HALTED, "equity or the profit of the day cannot be computed"))
    params = inputs.params
    drawdown = standing.drawdown_pct(inputs)
    if drawdown is not None and drawdown >= params.max_drawdown_pct:
        text = f"equity is {drawdown:.2f} % below its level at 00:00 UTC; max_drawdown_pct is {params.max_drawdown_pct}"
        found.append(_latch("DRAWDOWN", TradingMode.HALTED, text))
    today, most = inputs.daily_pnl_quote, params.max_daily_loss_quote
    if today is not None and most is not None and -today >= most:
        text = f"profit of the day is {today:.2f}; max_daily_loss_quote is {most}"
        found.append(_latch("DAILY_LOSS", TradingMode.HALTED, text))
    counts = (
        ("CONSECUTIVE_LOSSES", inputs.losses_in_a_row, params.consecutive_loss_limit, "losses in a row"),
        ("ROUND_TRIPS", inputs.round_trips_last_minute, params.round_trips_per_minute_max, "round trips in a minute"),
        (
            "REPEATED_ORDERS", inputs.identical_pairs_last_minute, params.identical_orders_per_minute_max,
            "orders of pairs in a minute that were the same order",
        ),
        ("API_ERRORS", inputs.api_errors_last_minute, params.api_error_limit_per_minute, "refusals in a minute"),
    )
    for code, count, limit, what in counts:
        if count is not None and count >= limit:
            found.append(_latch(code, TradingMode.REDUCING, f"{count} {what}; the limit is {limit}"))
    return tuple(found)


def _latch(code: str, mode: TradingMode, text: str) -> Latch:
    return Latch(code=code, mode=mode, text=text)
