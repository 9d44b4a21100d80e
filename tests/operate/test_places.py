"""Keys as they are read for the real exchanges."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dnbot.config import Settings
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol
from dnbot.operate.places import of_live
from dnbot.ports.credentials import SecretRegistry
from dnbot.strategy.parameters import StrategyParameters

LIVE = Settings(
    strategy=StrategyParameters(
        symbol=Symbol("BTC", "USDT"), base_position_size=Decimal("0.06"), max_order_notional_quote=Decimal(400)
    ),
    mode="live",
)
NAMES = (LIVE.gate.key, LIVE.gate.secret, LIVE.mexc.key, LIVE.mexc.secret)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text", ["canary\nkey", "canary key", "canary\tkey", "canary\u200bkey", "canary-kéy", "c\x00canary"]
)
def test_what_is_no_key_is_refused_unseen(name: str, text: str) -> None:
    """A line end or a sign of a web page inside would be repeated by the error of whoever sends the header."""
    environment = dict.fromkeys(NAMES, "a-fine-key-0123") | {name: text}
    with pytest.raises(ConfigError) as refused:
        of_live(LIVE, SecretRegistry(), environment)
    assert refused.value.key == name
    assert "canary" not in str(refused.value)


def test_keys_are_registered_and_leave_the_environment() -> None:
    """All four of them, and the venues are the real ones over TLS."""
    registry, environment = SecretRegistry(), {name: f"key-of-{name}" for name in NAMES}
    around = of_live(LIVE, registry, environment)
    assert environment == {}
    assert {f"key-of-{name}" for name in NAMES} <= set(registry.known_secrets())
    assert all(place.rest.tls and place.stream_url.startswith("wss://") for place in around.places.values())
