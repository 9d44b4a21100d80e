"""The check of the ledger can fail: each kind of lost row shows."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dnbot.domain.instrument import Venue
from dnbot.domain.position import EntryKind
from dnbot.fakes.config import FakesConfig
from dnbot.lab.audit_check import check_audit
from dnbot.ports.memory_store import MemoryBook, MemoryStore

pytestmark = pytest.mark.slow


def without_fill(book: MemoryBook, venue: Venue) -> None:
    """The newest fill of a venue was never booked."""
    trade = [key for key in book.fills if key[0] is venue][-1]
    del book.fills[trade]
    for name in [name for name in book.entries if name.startswith(f"{venue.value}:{trade[1]}:")]:
        del book.entries[name]


def without_entry(book: MemoryBook, kind: EntryKind) -> None:
    """The newest entry of a kind was never booked."""
    del book.entries[[name for name, (_, entry, _) in book.entries.items() if entry.kind is kind][-1]]


DEFECTS: dict[str, tuple[Callable[[MemoryBook], None], tuple[str, str]]] = {
    "a fill on Gate spot": (lambda b: without_fill(b, Venue.GATE_SPOT), ("GATEIO_SPOT", "BTC")),
    "a fill on MEXC": (lambda b: without_fill(b, Venue.MEXC_SPOT), ("MEXC_SPOT", "USDT")),
    "a fill on the perpetual": (lambda b: without_fill(b, Venue.GATE_FUTURES), ("GATEIO_FUTURES", "BTC contracts")),
    "a fee": (lambda b: without_entry(b, EntryKind.FEE), ("", "")),
    "a funding row": (lambda b: without_entry(b, EntryKind.FUNDING), ("GATEIO_FUTURES", "USDT")),
    "an account row of profit": (lambda b: without_entry(b, EntryKind.PNL), ("GATEIO_FUTURES", "USDT")),
}


async def test_every_planted_defect_shows(autojump_clock: Any, lab: Any) -> None:
    """One fill, fee or funding row less in the stored ledger, and the residual of its asset is no longer zero."""
    async with lab.trading(FakesConfig(seed=1, funding_first_after_s=7.0)) as trial:
        await trial.until(lambda: trial.bot.context.portfolio.funding_quote != 0, "funding is booked")
        assert await trial.end("flatten") == 0
        await trial.assert_clean()
        audit = trial.stage.audit()
        for what, (plant, (venue, asset)) in DEFECTS.items():
            store = MemoryStore(database=deepcopy(trial.store.database))
            plant(store.database.books[lab.symbol])
            residual = (await check_audit(audit, store, trial.bot.context))["ledger_residual"]
            wrong = [(v, a) for v, assets in residual.items() for a, left in assets.items() if left != "0"]
            assert wrong, f"nobody misses {what}"
            assert not venue or (venue, asset) in wrong, (what, wrong)
