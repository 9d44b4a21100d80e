"""Orders over Gate's WebSocket: login, create, cancel, and the answers.

A create is answered twice: an acknowledgement that only echoes it, sent before any check, and then the result.
Sources: Gate spot and futures WebSocket docs, "WebSocket API".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import msgspec

from dnbot.domain.order import OrderReport
from dnbot.venues.gateio.envelope import Envelope
from dnbot.venues.gateio.errors import RETRY_AFTER_S_DEFAULT, RETRY_AFTER_S_MAX, classify
from dnbot.venues.gateio.literals import ABSENT, Literal, epoch_ms_of, given, text_of
from dnbot.venues.gateio.rest import CANCEL_EXPIRY_MS
from dnbot.venues.gateio.signing import api_signature
from dnbot.venues.wire import Signer, SocketReply, Trouble

OrderReader = Callable[[Literal], OrderReport]


class _Header(msgspec.Struct):
    status: Literal
    channel: str
    response_time: Literal = ABSENT
    reset: Literal = msgspec.field(name="x_gate_ratelimit_reset_timestamp", default=ABSENT)
    reset_as_misspelt: Literal = msgspec.field(name="x_gat_ratelimit_reset_timestamp", default=ABSENT)
    """The docs spell the name both ways."""


class _Data(msgspec.Struct):
    result: Literal = ABSENT
    errs: Literal = ABSENT


class _Refusal(msgspec.Struct):
    label: Literal = ABSENT
    message: Literal = ABSENT


_header = msgspec.json.Decoder(_Header).decode
_data = msgspec.json.Decoder(_Data).decode
_refusal = msgspec.json.Decoder(_Refusal).decode


@attrs.frozen
class OrderSocket:
    """Builds the frames of one family (`spot` or `futures`) for one key."""

    family: str
    signer: Signer

    def login(self, now_s: int, request_id: str) -> str:
        """Log in for trading; it does not authorise subscriptions. A login signs the empty parameter string."""
        channel = f"{self.family}.login"
        payload = {
            "req_id": request_id,
            "timestamp": str(now_s),
            "api_key": self.signer.key_id,
            "signature": api_signature(self.signer, channel, "", now_s),
        }
        return _frame(channel, now_s, payload)

    def place(self, order: Mapping[str, object], now_s: int, request_id: str, expires_at_ms: int) -> str:
        """Create; refused by the venue after `expires_at_ms` (its clock)."""
        return self._call("order_place", order, now_s, request_id, expires_at_ms)

    def cancel(self, order: Mapping[str, object], now_s: int, request_id: str) -> str:
        """Cancel; may arrive late."""
        return self._call("order_cancel", order, now_s, request_id, now_s * 1000 + CANCEL_EXPIRY_MS)

    def _call(self, name: str, order: Mapping[str, object], now_s: int, request_id: str, expires_at_ms: int) -> str:
        payload = {
            "req_id": request_id,
            "req_header": {"x-gate-exptime": str(expires_at_ms)},
            "req_param": dict(order),
        }
        return _frame(f"{self.family}.{name}", now_s, payload)


def socket_reply(envelope: Envelope, read_order: OrderReader) -> SocketReply:
    """The answer: login and acknowledgement carry no report. Raises ValueError when it does not say whose it is."""
    if not envelope.request_id:
        raise ValueError("an order-socket answer without request_id")
    header, data = _header(envelope.header), _data(envelope.data)
    trouble = _trouble(header, data)
    acknowledged = bool(envelope.ack)
    report = None
    if trouble is None and not acknowledged and not header.channel.endswith(".login"):
        report = read_order(data.result)
    return SocketReply(envelope.request_id, acknowledged, report, trouble)


def _trouble(header: _Header, data: _Data) -> Trouble | None:
    status = text_of(header.status)
    if not status.isdecimal():
        raise ValueError(f"not a status: {status!r}")
    if not given(data.errs):
        return None if 200 <= int(status) < 300 else classify(int(status), "", "")
    refusal = _refusal(data.errs)
    return classify(int(status), text_of(refusal.label), text_of(refusal.message), _retry_after_s(header))


def _retry_after_s(header: _Header) -> float:
    reset_ms = epoch_ms_of(header.reset, header.reset_as_misspelt)
    sent_ms = epoch_ms_of(header.response_time)
    if not reset_ms or not sent_ms:
        return RETRY_AFTER_S_DEFAULT
    return min(max((reset_ms - sent_ms) / 1000, RETRY_AFTER_S_DEFAULT), RETRY_AFTER_S_MAX)


def _frame(channel: str, now_s: int, payload: Mapping[str, object]) -> str:
    return msgspec.json.encode({"time": now_s, "channel": channel, "event": "api", "payload": payload}).decode()
