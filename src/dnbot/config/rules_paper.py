"""What a value of `[paper]` may not be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from dnbot.config.settings import Settings

LATENCY_MS_MOST = 5_000
FEE_BPS_LEAST, FEE_BPS_MOST = Decimal(-10), Decimal(100)

Found = tuple[str, object, str]


def paper(settings: Settings) -> Iterator[Found]:
    """Latencies, fees and balances, each by itself; and a book may not be dropped before the bot calls it stale."""
    account = settings.paper
    for name in account.__struct_fields__:
        value, key = getattr(account, name), f"paper.{name}"
        if name.endswith("_latency_ms") and not 1 <= value <= LATENCY_MS_MOST:
            yield key, value, f"milliseconds there and back, 1 to {LATENCY_MS_MOST}"
        elif name.endswith("_bps") and not FEE_BPS_LEAST <= value <= FEE_BPS_MOST:
            yield key, value, f"basis points, {FEE_BPS_LEAST} to {FEE_BPS_MOST}: 0.2 % are \"20\""
        elif name.endswith(("_base", "_quote")) and value is not None and value < 0:
            yield key, value, "0 or more"
    least = settings.strategy.market_age_ms_max
    if settings.mode == "paper" and account.book_age_ms_max < least:
        yield "paper.book_age_ms_max", account.book_age_ms_max, f"at least strategy.market_age_ms_max = {least}"
