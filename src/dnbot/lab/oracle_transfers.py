"""Money that the bot moves between wallets of its own: written down first, asked for once, inside its caps. I1, I8,
I9, I15.

Nothing on the wire names a transfer, so that one is known by its amount and by the life that asks for it.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from decimal import Decimal, InvalidOperation

import attrs

from dnbot.domain.records import TRANSFER_WINDOW_S
from dnbot.domain.transfer import Transfer
from dnbot.domain.units import plain
from dnbot.fakes.records import ZERO
from dnbot.lab.oracle_scene import Scene
from dnbot.lab.oracle_words import NS_PER_S, Life
from dnbot.lab.wire_reader import Said
from dnbot.strategy.states import allows_transfer

PATH = "/wallet/transfers"


@attrs.define(eq=False)
class TransferJudge:
    """Asked for every transfer on the wire, and whose a change of a wallet is."""

    scene: Scene
    _left: dict[str, None] = attrs.field(factory=dict)
    """Transfers that were on the wire."""
    _asked: deque[tuple[int, Decimal]] = attrs.field(factory=deque)
    _expected: Counter[Decimal] = attrs.field(factory=Counter)
    """Changes of wallets that are still to come of what was asked for."""

    def said(self, life: Life, said: Said, now_ns: int) -> None:
        """Something left for Gate: judge it when it moves money."""
        if said.verb != "POST" or not said.path.endswith(PATH):
            return
        findings, amount = self.scene.findings, _amount(said)
        transfer = self._committed(amount)
        text = f"{said.body[:200]!r} left, and no such transfer is durable and was not asked for before"
        if not findings.check("I1", transfer is not None, text) or transfer is None or amount is None:
            return
        name = transfer.transfer_id
        self._left[name] = None
        self._expected.update((amount, -amount))
        findings.check("I8", transfer.epoch == life.epoch, f"{name} of epoch {transfer.epoch} left in {life.epoch}")
        lately = life.lately(now_ns - self.scene.in_flight_ns())
        text = f"{name} left in {life.state.name}, {life.mode.name}"
        findings.check("I15", any(allows_transfer(state, mode) for state, mode in lately), text)
        self._caps(name, amount, now_ns)

    def _committed(self, amount: Decimal | None) -> Transfer | None:
        book = self.scene.book
        known = book.transfers.values() if book is not None else ()
        return next((t for t in known if t.amount == amount and t.transfer_id not in self._left), None)

    def _caps(self, name: str, amount: Decimal, now_ns: int) -> None:
        findings, params = self.scene.findings, self.scene.params
        findings.check("I9", params.margin_top_up, f"{name} left, and nobody allowed transfers")
        findings.check("I9", amount <= params.top_up_max_quote, f"{name} moves {plain(amount)}")
        while self._asked and now_ns - self._asked[0][0] >= (TRANSFER_WINDOW_S - 1) * NS_PER_S:
            self._asked.popleft()
        self._asked.append((now_ns, amount))
        total = sum((moved for _, moved in self._asked), ZERO)
        text = f"{name} makes {plain(total)} in a day, allowed are {plain(params.top_up_day_max_quote)}"
        findings.check("I9", total <= params.top_up_day_max_quote, text)

    def is_own(self, change: Decimal) -> bool:
        """Whether a change of a wallet is one end of a transfer that the bot asked for."""
        if self._expected[change] <= 0:
            return False
        self._expected[change] -= 1
        return True


def _amount(said: Said) -> Decimal | None:
    try:
        return Decimal(str(json.loads(said.body)["amount"]))
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return None
