"""What the profile `canary` allows, whatever the rest of a file says: for the first days with real money.

The caps are in the code and not in the file, so that nobody raises them in a hurry. Reason of each: the worst day costs
about what an operator would pay to learn whether live differs from the fakes (50 pairs of 100 USDT at 40 bps are
20 USDT). A cap in base units needs a price: `position_problem`, asked at each start and by `check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from dnbot.config.settings import Settings
from dnbot.domain.units import plain
from dnbot.strategy.parameters import StrategyParameters

PROFILES = ("full", "canary")
CANARY = "canary"
ORDER_QUOTE_MAX = Decimal(100)
POSITION_QUOTE_MAX = Decimal(500)
DAILY_LOSS_QUOTE_MAX = Decimal(20)
LEVERAGE_MAX = 2
PAIRS_MAX = 50

Found = tuple[str, object, str]


def canary(settings: Settings) -> Iterator[Found]:
    """The rules of the profile; nothing in any other."""
    if settings.profile not in PROFILES:
        yield "profile", settings.profile, " | ".join(PROFILES)
    if not 1 <= settings.canary.pairs_max <= PAIRS_MAX:
        yield "canary.pairs_max", settings.canary.pairs_max, f"1 to {PAIRS_MAX}"
    if settings.profile != CANARY:
        return
    params = settings.strategy
    if params.max_order_notional_quote > ORDER_QUOTE_MAX:
        yield "strategy.max_order_notional_quote", params.max_order_notional_quote, _most(ORDER_QUOTE_MAX)
    if params.max_daily_loss_quote is None or params.max_daily_loss_quote > DAILY_LOSS_QUOTE_MAX:
        yield "strategy.max_daily_loss_quote", params.max_daily_loss_quote, _most(DAILY_LOSS_QUOTE_MAX)
    if params.leverage > LEVERAGE_MAX:
        yield "strategy.leverage", params.leverage, _most(Decimal(LEVERAGE_MAX))
    if params.margin_top_up:
        yield "strategy.margin_top_up", "true", "false: no money moves by itself while profile = \"canary\""


def position_problem(params: StrategyParameters, mid: Decimal) -> str | None:
    """Why the largest position of these parameters is worth too much for a canary at a price of `mid`, or None."""
    most = params.base_position_size * params.max_position_multiplier
    if most * mid <= POSITION_QUOTE_MAX:
        return None
    return (
        f"base_position_size x max_position_multiplier is {plain(most)} {params.symbol.base}, worth "
        f"{plain(round(most * mid, 2))} {params.symbol.quote}; profile = \"canary\" holds at most "
        f"{plain(POSITION_QUOTE_MAX)}"
    )


def _most(cap: Decimal) -> str:
    return f"at most {plain(cap)} while profile = \"canary\""
