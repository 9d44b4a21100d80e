"""Fees of the venues as the command line names them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from dnbot.domain.errors import ConfigError
from dnbot.fakes.config import FakesConfig
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, Venue

_KEYS: dict[Venue, str] = {GATE_SPOT: "gate_spot_fees", GATE_FUTURES: "gate_futures_fees", MEXC_SPOT: "mexc_fees"}
_BPS = Decimal(10_000)
BPS_MAX = 100


def with_fees(texts: Iterable[str], seed: int) -> FakesConfig:
    """A fake world with `VENUE=MAKER:TAKER` fees in bps; unnamed venues keep those of a new account.

    Raises:
        ConfigError: naming the text and what is allowed.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        venue, _, rates = text.partition("=")
        maker, colon, taker = rates.partition(":")
        key = next((name for known, name in _KEYS.items() if known == venue), "")
        if not key or not colon or key in changes:
            raise ConfigError("--fees", "venue", text, f"each once: VENUE=MAKER:TAKER for {', '.join(_KEYS)}")
        changes[key] = (fraction_of("--fees", text, maker), fraction_of("--fees", text, taker))
    return attrs.evolve(FakesConfig(seed=seed), **changes)


def fees_of(config: FakesConfig) -> dict[str, tuple[Decimal, Decimal]]:
    """Maker and taker of each venue, fractions."""
    return {venue: getattr(config, key) for venue, key in _KEYS.items()}


def fraction_of(option: str, text: str, bps: str) -> Decimal:
    """A rate in bps as a fraction; raises ConfigError naming the option and the text that it is in."""
    try:
        rate = Decimal(bps)
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not 0 <= rate <= BPS_MAX:
        raise ConfigError(option, text, bps, f"bps from 0 to {BPS_MAX}")
    return rate / _BPS
