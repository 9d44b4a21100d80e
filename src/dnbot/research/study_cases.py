"""What is tried on every series: fees, the two ways of executing, thresholds, and what bars leave open."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.research.study_words import Case, MakerFirst, Tier

NEW = Tier(
    name="new account", gate_spot_taker_bps=Decimal(20), gate_futures_taker_bps=Decimal(5), mexc_taker_bps=Decimal(5)
)
"""What the bot's own documents and its fakes take a new account's fees to be."""
OTHER_TIERS = (
    Tier(name="Gate VIP 0", gate_spot_taker_bps=Decimal(10), gate_futures_taker_bps=Decimal(5),
         mexc_taker_bps=Decimal(5)),
    Tier(name="Gate VIP 5", gate_spot_taker_bps=Decimal("9.5"), gate_futures_taker_bps=Decimal("4.5"),
         mexc_taker_bps=Decimal(5)),
    Tier(name="Gate VIP 10", gate_spot_taker_bps=Decimal("5.8"), gate_futures_taker_bps=Decimal(3),
         mexc_taker_bps=Decimal(5)),
    Tier(name="no fees at all", gate_spot_taker_bps=Decimal(0), gate_futures_taker_bps=Decimal(0),
         mexc_taker_bps=Decimal(0)),
)
"""Gate's schedule in 2026 for takers, paid without GT: https://www.gate.com/en-dubai/fee (spot) and Gate's announcement
50390 of 2026-03-25 (perpetuals, and spot of VIP 10); MEXC as for a new account. The last is nobody's: the limit."""

MEASURED = MakerFirst(name="as measured", fill_probability=0.65, loss_bps=Decimal("1.25"))
"""Rounded from what `study_books` measures on the captures."""
BEST = MakerFirst(name="at best", fill_probability=1.0, loss_bps=Decimal(0))
WORST = MakerFirst(name="at worst", fill_probability=0.25, loss_bps=Decimal(4))
HALF_LIFE_S = Decimal(1)
"""Of a carry's opening edge on raw books, rounded: what a running bot, which samples every second, would expect it to
last."""

TAKERS = Case(name="takers", tier=NEW)
RESTING = Case(name="maker first", tier=NEW, maker=MEASURED)
IDLE = Case(name="hedged, no trades", tier=NEW, settings={"max_position_multiplier": Decimal(1)})
"""The same capital, all of it hedged at the first moment and closed at the last; nothing is decided between."""
NEVER = Decimal(100_000)


def idle() -> Case:
    """`IDLE` with thresholds that no spread reaches: inventory is not moved between the spot venues either."""
    settings = {**IDLE.settings, "arbitrage_entry_threshold_bps": NEVER, "arbitrage_exit_threshold_bps": NEVER}
    return msgspec.structs.replace(IDLE, settings=settings)


def main_cases() -> tuple[Case, ...]:
    """What the study is about."""
    return TAKERS, RESTING, idle()


def other_cases() -> dict[str, tuple[Case, ...]]:
    """What else is tried, by what it asks."""
    return {
        "fees": (
            *(Case(name=f"takers, {tier.name}", tier=tier) for tier in OTHER_TIERS),
            *(Case(name=f"maker first, {tier.name}", tier=tier, maker=MEASURED) for tier in OTHER_TIERS[:-1]),
        ),
        "resting legs": tuple(
            Case(name=f"maker first, {model.name}", tier=NEW, maker=model) for model in (BEST, WORST)
        ),
        "thresholds": (
            *(_with(f"entry {bps}", arbitrage_entry_threshold_bps=bps) for bps in (0, 6, 10, 20)),
            *(_with(f"exit {bps}", arbitrage_exit_threshold_bps=bps) for bps in (-10, 0, 5)),
            Case(name="3 and -2 before fees", tier=NEW, fees_ignored_in_decisions=True),
        ),
        "how long a carry is expected to be held": (
            Case(name="1 s", tier=NEW, settings={"carry_hold_hours_max": HALF_LIFE_S / 3600}),
            *(_with(f"{hours} h", carry_hold_hours_max=hours) for hours in (8, 72, 168, 720)),
        ),
        "what bars leave open": (
            Case(name="half spread 0.001 bps", tier=NEW, half_spread_bps=Decimal("0.001")),
            Case(name="half spread 2 bps", tier=NEW, half_spread_bps=Decimal(2)),
            Case(name="filled a bar late", tier=NEW, moments_late=1),
            Case(name="the next rate is known", tier=NEW, knows_next_rate=True),
        ),
    }


def _with(name: str, **settings: int) -> Case:
    return Case(name=name, tier=NEW, settings={key: Decimal(value) for key, value in settings.items()})
