"""Do the books close? Each check compares two independent sums, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dnbot.domain.position import Portfolio
from dnbot.domain.units import ZERO, plain
from dnbot.operate.report_data import Check, LedgerLine
from dnbot.operate.report_executions import Executions

NAMES_MAX = 3


def checks_of(
    portfolio: Portfolio,
    ledger: Sequence[LedgerLine],
    unexplained: Sequence[dict[str, Any]],
    fees: Sequence[dict[str, Any]],
    executions: Executions,
) -> tuple[Check, ...]:
    """Every check of a report, all-time but for the executions, which are those of the period."""
    return (
        _entries(unexplained),
        _fold(portfolio, ledger, fees),
        _balances(portfolio, ledger),
        _reported(ledger),
        _adjustments(portfolio, ledger),
        _executions(executions),
    )


def _entries(unexplained: Sequence[dict[str, Any]]) -> Check:
    texts = [f"{row['venue']} {row['asset']} {plain(row['unexplained'])}" for row in unexplained]
    said = f"differs: {'; '.join(texts)}" if texts else "every fill has its ledger entries, and no entry is without one"
    return Check("fills and ledger entries", not texts, said)


def _fold(portfolio: Portfolio, ledger: Sequence[LedgerLine], fees: Sequence[dict[str, Any]]) -> Check:
    fees_quote = sum((row["quote"] for row in fees), ZERO)
    fills = sum(row["fills"] for row in fees)
    funding = sum((line.funding for line in ledger), ZERO)
    pairs = (
        ("fees", fees_quote, portfolio.fees_quote), ("funding", funding, portfolio.funding_quote),
    )
    wrong = [f"{name}: rows {plain(rows)}, fold {plain(fold)}" for name, rows, fold in pairs if rows != fold]
    if fills != portfolio.fills:
        wrong.append(f"fills: rows {fills}, fold {portfolio.fills}")
    said = "; ".join(wrong) or f"fees and funding of {fills} fills are those of the bot's own fold"
    return Check("rows and the bot's fold", not wrong, said)


def _balances(portfolio: Portfolio, ledger: Sequence[LedgerLine]) -> Check:
    held = {key: amount for key, amount in portfolio.balances.items() if amount != 0}
    summed = {f"{line.venue}:{line.asset}": line.balance for line in ledger if line.balance != 0}
    keys = sorted({*held, *summed})
    wrong = [
        f"{key}: entries {plain(summed.get(key, ZERO))}, fold {plain(held.get(key, ZERO))}"
        for key in keys
        if held.get(key, ZERO) != summed.get(key, ZERO)
    ]
    return Check("openings and entries make the balances", not wrong, "; ".join(wrong) or "on every venue and asset")


def _reported(ledger: Sequence[LedgerLine]) -> Check:
    wrong = [
        f"{line.venue} {line.asset}: venue less ledger {plain(line.difference)}"
        for line in ledger
        if line.difference is not None and line.difference != 0
    ]
    known = sum(1 for line in ledger if line.reported is not None)
    said = "; ".join(wrong) or f"{known} of {len(ledger)} accounts were reported, each equal to the ledger"
    return Check("the venues' last word", not wrong, said)


def _adjustments(portfolio: Portfolio, ledger: Sequence[LedgerLine]) -> Check:
    count = max(portfolio.adjustments, sum(line.adjustments for line in ledger))
    return Check("adjustments", count == 0, f"{count} differences that nobody explained" if count else "none")


def _executions(executions: Executions) -> Check:
    names = executions.differing
    if not names:
        return Check("executions and their fills", True, f"all {executions.count} agree with what was stored")
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    shown = ", ".join(names[:NAMES_MAX])
    return Check(
        "executions and their fills", False,
        f"{shown}{more}: stored figures are not those of the fills (a fill came after the end); the fills are shown",
    )
