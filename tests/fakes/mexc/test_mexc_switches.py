"""Where reports about MEXC disagree, a switch of MexcSettings chooses between them."""

from __future__ import annotations

from typing import Any

import pytest

from dnbot.fakes.mexc_auth import signature_of


@pytest.mark.parametrize("status", [400, 401])
def test_refused_keys_and_signatures_have_the_chosen_status(fake: Any, status: Any) -> None:
    """Other refusals stay 400."""
    fake.app.settings.auth_status = status
    assert fake.signed("GET", "account", key="nobody").status == status
    assert fake.signed("GET", "account", secret="wrong").status == status
    assert fake.signed("GET", "order", "symbol=BTCUSDT").status == 400


@pytest.mark.parametrize(("allowed", "status"), [(False, 400), (True, 200)])
def test_upper_case_signatures_pass_where_allowed(fake: Any, allowed: bool, status: int) -> None:
    """The documents ask for lower case."""
    fake.app.settings.upper_case_signatures = allowed
    text = f"timestamp={fake.app.venue.now_ms}"
    signature = signature_of("secret-1", text).upper()
    assert fake.send("GET", "account", f"{text}&signature={signature}", key="key-1").status == status
