"""Whether these accounts, instruments and parameters may be traded at all: asked at start, answered in a sentence."""

from __future__ import annotations

from dnbot.domain.units import plain
from dnbot.strategy.context import StrategyContext
from dnbot.strategy.leaving import EXIT_CONFIG, leave
from dnbot.strategy.standing import has_at_stake
from dnbot.strategy.turn import Turn


def refused(turn: Turn) -> bool:
    """Leave for good, touching nothing, when something here cannot be traded; True when that happened."""
    why = _account_problem(turn.context) or _instrument_problem(turn.context) or _unfit(turn.context)
    if why is None:
        return False
    turn.alert("critical", "refused", why)
    leave(turn, why, policy="hold", exit_code=EXIT_CONFIG)
    return True


def _account_problem(context: StrategyContext) -> str | None:
    for venue, account in context.accounts.items():
        if account.facts is not None and account.facts.problem is not None:
            return f"{venue.value}: {account.facts.problem}"
    return None


def _instrument_problem(context: StrategyContext) -> str | None:
    """None with something to guard: whoever leaves then abandons it. Risk refuses what the venue does not take, and a
    monitor tells. (An account is another matter: one of another kind may read as empty, which a start believes.)
    """
    if has_at_stake(context):
        return None
    for venue, instrument in context.instruments.items():
        if not instrument.tradable:
            return f"{venue.value}: {instrument.not_tradable_because or 'the symbol is not tradable'}"
    return None


def _unfit(context: StrategyContext) -> str | None:
    """Tolerances that this contract cannot satisfy."""
    params, lot = context.params, context.perp_lot
    if lot is None:
        return None
    tolerance, limit = params.delta_tolerance_base, params.delta_hard_limit_base
    if tolerance is not None and tolerance * 2 < lot:
        return (
            f"delta_tolerance_base is {plain(tolerance)}; allowed: at least {plain(lot / 2)}, half a lot of the "
            "perpetual: less cannot be hedged"
        )
    if limit is not None and limit < params.tolerance_base(lot):
        return (
            f"delta_hard_limit_base is {plain(limit)}; allowed: at least delta_tolerance_base, "
            f"{plain(params.tolerance_base(lot))}: what is left alone cannot be too much"
        )
    return None
