"""Conservation: whatever accounts, market and venue do, no amount is made or lost, and no rule is broken."""

from __future__ import annotations

import pytest
from money_session import run_machine, taken

STEPS_LEAST = 10_000
EXAMPLES, STEPS_EACH = 240, 50
MUST_HAPPEN = (
    "liquidated", "deleveraged", "fund", "transfer", "deposit", "amend: open", "amend: filled", "take_back: cancelled",
    "order limit ioc: ioc", "order limit fok: filled", "order limit fok: fok_not_filled", "order limit fok: fok",
    "order limit poc: open", "order limit poc: poc", "order limit poc: poc_would_take", "order amount ioc: filled",
    "order reduce gtc: open", "order reduce ioc: filled", "order close ioc: filled", "lever",
    "add_margin", "rest: open", "rest: duplicate_client_id",
)  # fmt: skip
"""What a run that proves something has seen; `x: y` is the outcome y of the command x."""


@pytest.mark.slow
def test_nothing_is_made_or_lost_and_no_rule_is_broken() -> None:
    """In more than 10,000 random steps every check holds after each one, and every kind of event did happen."""
    run_machine(EXAMPLES, STEPS_EACH)
    assert taken["step"] - EXAMPLES >= STEPS_LEAST
    rare = {what: taken[what] for what in MUST_HAPPEN if taken[what] < 5}
    assert not rare, f"hardly ever happened: {rare}"
