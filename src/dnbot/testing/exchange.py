"""What a test may see of the fake exchanges, whatever its own client believes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from dnbot.fakes.config import AccountConfig
from dnbot.fakes.records import VENUES, Venue

from .doors import Door
from .faults import Faults
from .market import ScriptedMarket
from .records import (
    Balance,
    Book,
    Fill,
    Order,
    Position,
    Request,
    VenueName,
    book_from,
    fill_from,
    order_from,
    position_from,
    venue_of,
)

Account = AccountConfig
"""Key, secret, uid and opening balances of one API account; the same key works on all venues."""


@attrs.define(eq=False)
class FakeExchange:
    """All venues of one fake world. Every method may be called at any point, and tells what is true at that moment.

    Addresses end where the venue's own base address ends; ``gate_rest`` with ``/api/v4``. An account is named by its
    uid or by the value itself; without one, the first is meant. An unknown one raises HarnessError.
    """

    gate_rest: str
    gate_ws_spot: str
    gate_ws_futures: str
    mexc_rest: str
    mexc_ws: str
    accounts: tuple[Account, ...]
    door: Door
    """The control surface, for what has no method here."""
    faults: Faults = attrs.field(init=False)
    """What can go wrong."""

    def __attrs_post_init__(self) -> None:
        self.faults = Faults(self.door)

    @property
    def account(self) -> Account:
        """The first account."""
        return self.accounts[0]

    @property
    def key(self) -> str:
        """API key of the first account."""
        return self.account.key

    @property
    def secret(self) -> str:
        """API secret of the first account."""
        return self.account.secret

    @property
    def uid(self) -> str:
        """User id of the first account."""
        return self.account.uid

    # -- what the world does

    @property
    def market(self) -> ScriptedMarket:
        """Commands to a scripted market; in another one they raise HarnessError."""
        return ScriptedMarket(self.door)

    # -- what the venues know

    def orders_of(
        self,
        account: Account | str | None = None,
        *,
        venue: VenueName | None = None,
        symbol: str | None = None,
        open_only: bool = False,
    ) -> list[Order]:
        """Orders that were accepted, oldest first on each venue; refused ones leave no trace but a request."""
        orders = [order_from(row) for row in self.audit(account)["orders"]]
        return [o for o in orders if _fits(o, venue, symbol) and (o.is_open or not open_only)]

    def fills_of(
        self, account: Account | str | None = None, *, venue: VenueName | None = None, symbol: str | None = None
    ) -> list[Fill]:
        """Fills in the order in which they happened."""
        return [fill for row in self.audit(account)["fills"] if _fits(fill := fill_from(row), venue, symbol)]

    def balances_of(self, account: Account | str | None = None) -> dict[Venue, dict[str, Balance]]:
        """Venue -> asset -> balance, for every asset that the account ever had."""
        report = self.audit(account)
        totals, locked = report["balances"], report["locked"]
        return {
            venue: {
                asset: Balance(Decimal(total), Decimal(locked[venue].get(asset, "0")))
                for asset, total in totals[venue].items()
            }
            for venue in VENUES
        }

    def balance_of(self, venue: VenueName, asset: str, account: Account | str | None = None) -> Balance:
        """One asset in one wallet; zero when the account never had any."""
        return self.balances_of(account)[venue_of(venue)].get(asset, Balance())

    def positions_of(self, account: Account | str | None = None) -> dict[str, Position]:
        """Symbol -> perpetual position; a symbol that was never traded is missing, a closed one has 0 contracts."""
        found = [position_from(name, row) for name, row in self.audit(account)["positions"].items()]
        return {position.symbol: position for position in found}

    def requests_of(self, account: Account | str | None = None) -> list[Request]:
        """Private requests in order, the newest 20,000, over REST and WebSocket, refused ones too."""
        return [
            Request(row["venue"], row["method"], row["path"], row["client_id"], row["status"], row["time_ms"])
            for row in self.audit(account)["requests"]["tail"]
        ]

    def book(self, venue: VenueName, symbol: str | None = None, *, levels: int = 100) -> Book:
        """The book of a symbol (default: the first), our clients' orders included."""
        return book_from(self.door.ask("book", venue=venue_of(venue), symbol=symbol or "", limit=levels))

    def audit(self, account: Account | str | None = None) -> dict[str, Any]:
        """Everything about one account as one JSON document: what ``dnbot fakes`` writes to audit.json."""
        uid = account if isinstance(account, str) else (account or self.account).uid
        found: dict[str, Any] = self.door.ask("audit", uid=uid)
        return found


def _fits(row: Order | Fill, venue: VenueName | None, symbol: str | None) -> bool:
    return (venue is None or row.venue == venue_of(venue)) and symbol in (None, row.symbol)
