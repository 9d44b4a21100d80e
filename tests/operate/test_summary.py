"""What a run says of itself at its end: only what somebody counted."""

from __future__ import annotations

from typing import Any

from dnbot.operate.summary import ended_text

KNOWN: dict[str, Any] = {
    "exit_reason": "duration", "duration_s": 60.0, "executions": 26, "realised_pnl_quote": "1.5",
    "delta_base_final": "0", "round_trips": None, "ledger_residual": None,
}  # fmt: skip


def test_what_an_audit_found_is_told() -> None:
    """Its count and what our ledger leaves unexplained."""
    told = ended_text(KNOWN | {"round_trips": 20, "ledger_residual": {"MEXC_SPOT": {"USDT": "0"}}})
    assert told.startswith("ended: duration after 60.0 s; 26 executions, 20 round trips, realised 1.5 quote, delta 0")
    assert told.endswith("residual {'MEXC_SPOT': {'USDT': '0'}}")


def test_where_nobody_audits_no_figure_stands_in() -> None:
    """At real venues: no count of round trips and no residual that nobody computed, but where to find out."""
    told = ended_text(KNOWN)
    assert "round trips" not in told
    assert "residual" not in told
    assert "dnbot report" in told
