"""What MEXC spot does not have: a perpetual position, orders over the socket, another wallet, and a countdown.

`capabilities` says so; asking all the same is a bug of the caller.
"""

from __future__ import annotations

from typing import NoReturn

from dnbot.domain.order import OrderIntent
from dnbot.domain.position import AccountRow
from dnbot.domain.transfer import Transfer
from dnbot.venues.wire import PositionReport, Reply, Request


def _no_position(*_asked: object) -> NoReturn:
    raise ValueError("MEXC spot has no position")


def _no_order_socket(*_asked: object) -> NoReturn:
    raise ValueError("MEXC spot has no order socket")


def _no_countdown(*_asked: object) -> NoReturn:
    raise ValueError("MEXC spot has no countdown")


def _no_transfer(*_asked: object) -> NoReturn:
    raise ValueError("MEXC spot has no other wallet")


class WithoutPosition:
    """Every method raises ValueError."""

    def position_request(self, now_ms: int) -> Request:
        """Raises ValueError."""
        _no_position(now_ms)

    def position(self, reply: Reply) -> PositionReport:
        """Raises ValueError."""
        _no_position(reply)

    def account_rows_request(self, now_ms: int, since_ms: int, page: int) -> Request:
        """Raises ValueError."""
        _no_position(now_ms, since_ms, page)

    def account_rows(self, reply: Reply) -> tuple[AccountRow, ...]:
        """Raises ValueError."""
        _no_position(reply)

    def leverage_requests(self, now_ms: int, leverage: int, margin_mode: str) -> tuple[Request, ...]:
        """Raises ValueError."""
        _no_position(now_ms, leverage, margin_mode)


class WithoutOrderSocket:
    """Every method raises ValueError."""

    def socket_login_frame(self, now_s: int, request_id: str) -> str:
        """Raises ValueError."""
        _no_order_socket(now_s, request_id)

    def socket_place_frame(self, intent: OrderIntent, now_s: int, request_id: str, expires_at_ms: int) -> str:
        """Raises ValueError."""
        _no_order_socket(intent, now_s, request_id, expires_at_ms)

    def socket_cancel_frame(self, venue_order_id: str, now_s: int, request_id: str) -> str:
        """Raises ValueError."""
        _no_order_socket(venue_order_id, now_s, request_id)


class WithoutTransfer:
    """Every method raises ValueError."""

    def transfer_request(self, transfer: Transfer, now_ms: int) -> Request:
        """Raises ValueError."""
        _no_transfer(transfer, now_ms)

    def transferred(self, reply: Reply) -> str:
        """Raises ValueError."""
        _no_transfer(reply)


class WithoutCountdown:
    """Every method raises ValueError. Nothing may rest where nobody takes it away: orders there are immediate."""

    def countdown_request(self, timeout_s: int, now_ms: int) -> Request:
        """Raises ValueError."""
        _no_countdown(timeout_s, now_ms)

    def countdown_set(self, reply: Reply) -> int:
        """Raises ValueError."""
        _no_countdown(reply)
