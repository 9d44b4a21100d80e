"""What a value about legs that rest may not be."""

from __future__ import annotations

from collections.abc import Iterator

from dnbot.config.settings import Settings
from dnbot.domain.resting import REST_MS_LEAST, REST_MS_MOST, TICKS_MOST
from dnbot.domain.units import plain

Found = tuple[str, object, str]


def maker(settings: Settings) -> Iterator[Found]:
    """Each by itself, and with the plugin that advises on it."""
    params = settings.strategy
    if not 0 <= params.maker_ticks_inside <= TICKS_MOST:
        allowed = f"steps of the price, 0 (joins the best price) to {TICKS_MOST}"
        yield "strategy.maker_ticks_inside", params.maker_ticks_inside, allowed
    if not REST_MS_LEAST <= params.maker_rest_ms <= REST_MS_MOST:
        allowed = f"milliseconds, {REST_MS_LEAST} to {REST_MS_MOST}: 5 seconds are 5000"
        yield "strategy.maker_rest_ms", params.maker_rest_ms, allowed
    most = params.maker_order_notional_quote_max
    if most is not None and most > params.max_order_notional_quote:
        allowed = f"at most max_order_notional_quote = {plain(params.max_order_notional_quote)}"
        yield "strategy.maker_order_notional_quote_max", most, allowed
    advisers = [(number, use) for number, use in enumerate(settings.plugins.load) if use.kind == "execution"]
    if advisers and not params.maker_first:
        allowed = "true beside an execution plugin: without it no leg rests, and its advice is never asked"
        yield "strategy.maker_first", "false", allowed
    for number, use in advisers[1:]:
        yield f"plugins.load.{number}.name", use.name, "one execution plugin: two would have to agree on a price"
