"""Capabilities that a Gate codec does not have: calling one is a bug of the caller."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.errors import InvariantBroken
from dnbot.domain.position import AccountRow
from dnbot.domain.transfer import Transfer
from dnbot.venues.wire import PositionReport, Reply, Request


class WithoutListenKey:
    """Gate signs each subscription; there is no stream key."""

    def listen_key_request(self, now_ms: int) -> Request:
        """Not a capability."""
        raise InvariantBroken("Gate has no listen key")

    def listen_key(self, reply: Reply) -> str:
        """Not a capability."""
        raise InvariantBroken("Gate has no listen key")

    def renew_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        """Not a capability."""
        raise InvariantBroken("Gate has no listen key")

    def drop_listen_key_request(self, listen_key: str, now_ms: int) -> Request:
        """Not a capability."""
        raise InvariantBroken("Gate has no listen key")


class WithoutFeeCoin:
    """Fees in GT or points are booked and not valued: the machine then says that profit is unknown."""

    fee_coin = ""

    def fee_coin_request(self) -> Request:
        """Not a capability."""
        raise InvariantBroken("no coin of Gate's is priced")

    def fee_coin_price(self, reply: Reply) -> Decimal:
        """Not a capability."""
        raise InvariantBroken("no coin of Gate's is priced")


class WithoutPosition:
    """Spot holds coins: no position, no margin, no account book."""

    def position_request(self, now_ms: int) -> Request:
        """Not a capability."""
        raise InvariantBroken("Gate spot has no position")

    def position(self, reply: Reply) -> PositionReport:
        """Not a capability."""
        raise InvariantBroken("Gate spot has no position")

    def account_rows_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """Not a capability."""
        raise InvariantBroken("Gate spot has no account book here")

    def account_rows(self, reply: Reply) -> tuple[AccountRow, ...]:
        """Not a capability."""
        raise InvariantBroken("Gate spot has no account book here")

    def leverage_requests(self, now_ms: int, leverage: int, margin_mode: str) -> tuple[Request, ...]:
        """Not a capability."""
        raise InvariantBroken("Gate spot has no leverage")


class WithoutTransfer:
    """Money leaves the futures wallet by hand alone."""

    def transfer_request(self, transfer: Transfer, now_ms: int) -> Request:
        """Not a capability."""
        raise InvariantBroken("nothing is moved out of the futures wallet")

    def transferred(self, reply: Reply) -> str:
        """Not a capability."""
        raise InvariantBroken("nothing is moved out of the futures wallet")
