"""What must hold after a crash and a second life, whatever the step: judged from the venues, the wire and the store."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import attrs
import msgspec

from dnbot.domain.order import Fill
from dnbot.domain.position import LedgerEntry, Portfolio
from dnbot.domain.units import ZERO
from dnbot.lab.audit_check import check_audit
from dnbot.lab.incarnation import Disk, Incarnation
from dnbot.lab.ledger_check import venue_name
from dnbot.lab.sweep_sagas import SYMBOL
from dnbot.lab.tap import Tapped
from dnbot.lab.wire_reader import Said
from dnbot.ports.memory_store import MemoryBook, MemoryStore
from dnbot.ports.spill import open_spill
from dnbot.ports.store_rebuild import rebuilt

VENUES_OWN = {"auto_deleveraging"}
"""Names of orders that a venue places in an account by itself."""
TOLERANCE_BASE = Decimal("0.0001")
"""One contract: what no hedge can improve."""
NOT_FOLDED = {
    "shift_lots", "carry_lots", "day", "day_equity", "entry_slippage_bps", "reserve_bps", "reserve_set_bps",
    "shipments", "shipments_declared",
}
"""Fields of a portfolio that fills and rows do not imply: edges that were aimed at and missed, what a person
declared, and the day's first
equity, which prices of that moment made."""


@attrs.define
class WireWitness:
    """Watches every create that leaves: committed before, with every byte after, and never twice."""

    disk: Disk
    sent: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)

    def __call__(self, event: Tapped) -> None:
        """See `dnbot.lab.tap.Observer`."""
        if event.port != "wire" or event.what != "said":
            return
        said = event.data[1]
        assert isinstance(said, Said)
        name = said.created_id
        if not name:
            return
        self.sent[name] += 1
        if self.sent[name] > 1:
            self.wrong.append(f"{name} was sent {self.sent[name]} times")
        if name not in committed(self.disk):  # by itself: the journal may have brought its row, but need not have
            self.wrong.append(f"{name} was sent before it was committed")


def committed(disk: Disk) -> set[str]:
    """Client ids of every intent that was committed to the database, or to the spill file that still has it."""
    book = disk.store.database.books.get(SYMBOL)
    spilled = {intent.client_order_id for intent in open_spill(disk.spill).pending}
    return spilled | (book.committed if book else set())


async def check_log(disk: Disk) -> list[str]:
    """What a new incarnation is given must be the fold of everything that was committed, from nothing (I20)."""
    book = disk.store.database.books.get(SYMBOL)
    if book is None:
        return []
    given = (await MemoryStore(disk.store.database).load(SYMBOL)).portfolio
    return differences("the stored portfolio", given, folded(book))


def folded(book: MemoryBook) -> Portfolio | None:
    """The portfolio that the committed fills and account rows imply, none of the saved ones used."""
    items: list[tuple[int, str, Fill | LedgerEntry]] = [(number, "", fill) for number, fill in book.fills.values()]
    items += [(number, entry.entry_id, entry) for number, entry, of_fill in book.entries.values() if not of_fill]
    return rebuilt(book.symbol, None, [item for *_, item in sorted(items, key=lambda item: item[:2])])


def differences(what: str, one: Portfolio | None, fold: Portfolio | None) -> list[str]:
    """Fields that differ; those that hold more than fills and rows are left out."""
    if one is None or fold is None:
        return [] if one is fold or _is_empty(one or fold) else [f"{what}: {'none' if one is None else 'not none'}"]
    names = [name for name in Portfolio.__struct_fields__ if name not in NOT_FOLDED]
    return [
        f"{what}: {name} is {getattr(one, name)}, the committed log says {getattr(fold, name)}"
        for name in names
        if getattr(one, name) != getattr(fold, name)
    ]


def _is_empty(portfolio: Portfolio | None) -> bool:
    return portfolio is None or portfolio == Portfolio(symbol=portfolio.symbol)


async def check_end(life: Incarnation, wire: WireWitness) -> list[str]:
    """Everything that must hold once a life has ended cleanly; empty when it does."""
    disk, bot = life.disk, life.bot
    if life.error is not None or life.code != 0 or bot is None:
        return [f"the life ended with code {life.code}, {life.error!r}"[:600]]
    audit, book = life.stage.audit(), disk.store.database.books[SYMBOL]
    verdict = await check_audit(audit, MemoryStore(disk.store.database), bot.context)
    left = {f"{v} {a}": x for v, assets in verdict["ledger_residual"].items() for a, x in assets.items() if x != "0"}
    wrong = list(wire.wrong)
    if left:
        wrong.append(f"residuals: {left}")
    if verdict["adjustments"]:
        wrong.append(f"{verdict['adjustments']} adjustments")
    if verdict["open_orders_final"]:
        wrong.append(f"{verdict['open_orders_final']} orders are open")
    held = [Decimal(a.get(SYMBOL.base, "0")) for v, a in audit["balances"].items() if v != "gate_futures"]
    held += [Decimal(p["size"]) * Decimal(p["multiplier"]) for p in audit["positions"].values()]
    if abs(delta := sum(held, ZERO)) > TOLERANCE_BASE:
        wrong.append(f"delta is {delta} as the venues know it")
    if unsettled := [name for name, order in book.orders.items() if not order.is_settled]:
        wrong.append(f"no final state is stored of {unsettled}")
    if pending := open_spill(disk.spill).pending:
        wrong.append(f"the spill file still holds {[intent.client_order_id for intent in pending]}")
    wrong += _unknown_orders(audit, disk) + _wrong_fills(audit, book)
    wrong += differences("the bot's portfolio", bot.context.portfolio, folded(book))
    return wrong + await check_log(disk)


def _unknown_orders(audit: dict[str, object], disk: Disk) -> list[str]:
    orders = msgspec.convert(audit["orders"], list[dict[str, object]])
    names = Counter(str(order["client_id"]).removeprefix("t-") for order in orders)
    known = committed(disk) | set(disk.store.database.books[SYMBOL].orders) | VENUES_OWN
    wrong = [f"{name!r} is at a venue and was never committed" for name in names if name not in known]
    return wrong + [f"{name!r} is {count} orders at the venues" for name, count in names.items()
                    if count > 1 and name not in VENUES_OWN]


def _wrong_fills(audit: dict[str, object], book: MemoryBook) -> list[str]:
    fills = msgspec.convert(audit["fills"], list[dict[str, object]])
    theirs = Counter((venue_name(str(fill["venue"])), str(fill["trade_id"])) for fill in fills)
    ours = Counter((venue.value, trade_id) for venue, trade_id in book.fills)
    return [f"fills that were never booked: {sorted(theirs - ours)}"[:300]] if theirs - ours else (
        [f"fills that no venue knows: {sorted(ours - theirs)}"[:300]] if ours - theirs else []
    )
