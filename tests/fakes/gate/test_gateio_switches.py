"""Where reports about Gate disagree, a switch of GateSettings chooses between them."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("status", [403, 401])
async def test_an_expired_request_has_the_chosen_status(autojump_clock: Any, gate: Any, status: Any) -> None:
    """Only the status changes: label and effect are certain."""
    gate.app.settings.expired_status = status
    answer = await gate.call("GET", "/spot/accounts", headers={"timestamp": str(gate.now_s() - 61)})
    assert (answer.status, answer.value["label"]) == (status, "REQUEST_EXPIRED")


@pytest.mark.parametrize(("form", "kind"), [("text", str), ("integer", int)])
async def test_a_countdown_answers_in_the_chosen_form(autojump_clock: Any, gate: Any, form: Any, kind: type) -> None:
    """The same milliseconds as text or as a number, and 0 when disarmed."""
    gate.app.settings.trigger_time = form
    armed = await gate.ok("POST", "/spot/countdown_cancel_all", body={"timeout": 30})
    off = await gate.ok("POST", "/spot/countdown_cancel_all", body={"timeout": 0})
    assert armed == {"triggerTime": kind((gate.now_s() + 30) * 1000)}
    assert off == {"triggerTime": kind(0)}


@pytest.mark.parametrize("text", ["true", "True"])
async def test_booleans_may_be_capitalised(autojump_clock: Any, gate: Any, text: str) -> None:
    """The venue's own Python SDK writes them so in queries."""
    book = await gate.ok("GET", "/spot/order_book", f"currency_pair=BTC_USDT&with_id={text}", signed=False)
    assert book["id"] > 0
    account = await gate.ok("POST", "/futures/usdt/dual_mode", f"dual_mode={text}")
    assert account["in_dual_mode"]
