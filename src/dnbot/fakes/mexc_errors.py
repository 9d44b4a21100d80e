"""Refusals of the MEXC fake: code, text, HTTP status and key order of each body."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["MexcRefusal", "refusals"]


class MexcRefusal(Exception):
    """A refusal with the exact body the venue would send.

    `code` is a quoted string for the 7300xx and 7307xx family and an integer elsewhere; `extended` bodies carry
    `msg` first and a null `_extend` (MEXC spot v3 docs, error codes; recorded replies of GET order).
    """

    def __init__(
        self,
        code: int | str,
        message: str,
        *,
        status: int = 400,
        extended: bool = False,
        message_first: bool = False,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.extended = extended
        self.message_first = message_first
        self.retry_after_s = retry_after_s

    def body(self) -> bytes:
        """The compact JSON body."""
        fields: dict[str, object]
        if self.extended:
            fields = {"msg": self.message, "code": self.code, "_extend": None}
        elif self.message_first:
            fields = {"msg": self.message, "code": self.code}
        else:
            fields = {"code": self.code, "msg": self.message}
        return msgspec.json.encode(fields)


class _Refusals:
    """Constructors of the documented refusals, one per code; texts of MEXC spot v3 docs, error code, or as recorded."""

    NUMBER_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
    CLIENT_ID_RANGE: Final = r"^[a-zA-Z0-9-_]{1,32}$"

    def key_required(self) -> MexcRefusal:
        return MexcRefusal(400, "api key required")

    def key_unknown(self) -> MexcRefusal:
        return MexcRefusal(10072, "Api key info invalid")

    def signature(self) -> MexcRefusal:
        return MexcRefusal(700002, "Signature for this request is not valid.")

    def request_time(self) -> MexcRefusal:
        return MexcRefusal(700003, "Timestamp for this request is outside of the recvWindow.")

    def missing(self, name: str) -> MexcRefusal:
        return MexcRefusal(
            700004, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.", message_first=True
        )

    def no_order_id(self) -> MexcRefusal:
        return MexcRefusal(
            700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!", message_first=True
        )

    def receive_window(self) -> MexcRefusal:
        return MexcRefusal(700005, "recvWindow must less than 60000")

    def ip_not_allowed(self) -> MexcRefusal:
        return MexcRefusal(700006, "IP non white list")

    def permission(self) -> MexcRefusal:
        return MexcRefusal(700007, "No permission to access the endpoint.")

    def illegal(self, name: str, legal: str) -> MexcRefusal:
        return MexcRefusal(
            700008, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'", message_first=True
        )

    def content_type(self) -> MexcRefusal:
        return MexcRefusal(700013, "Invalid content Type.")

    def bad_symbol(self) -> MexcRefusal:
        return MexcRefusal(10007, "symbol not support api", message_first=True)

    def unknown_symbol(self) -> MexcRefusal:
        return MexcRefusal(-1121, "Invalid symbol.", message_first=True)

    def interval(self) -> MexcRefusal:
        return MexcRefusal(-1120, "Invalid interval.")

    def window_too_long(self) -> MexcRefusal:
        return MexcRefusal(-1127, "More than 1 hours between startTime and endTime.", message_first=True)

    def parameters_combined(self) -> MexcRefusal:
        return MexcRefusal(-1128, "Combination of optional parameters invalid.", message_first=True)

    def history_too_old(self, text: str) -> MexcRefusal:
        return MexcRefusal(33333, text, message_first=True)

    def decimals(self) -> MexcRefusal:
        return MexcRefusal(10096, "amount decimal places is too long", message_first=True)

    def not_positive(self) -> MexcRefusal:
        return MexcRefusal(10102, "amount cannot be zero or negative", message_first=True)

    def parameter(self, text: str = "Parameter error") -> MexcRefusal:
        return MexcRefusal(33333, text, message_first=True)

    def suspended(self) -> MexcRefusal:
        return MexcRefusal(30000, "suspended transaction for the symbol", message_first=True)

    def direction(self) -> MexcRefusal:
        return MexcRefusal(
            30001, "The current transaction direction is not allowed to place an order", message_first=True
        )

    def too_small(self, minimum: str, asset: str) -> MexcRefusal:
        return MexcRefusal(
            30002, f"The minimum transaction volume cannot be less than:{minimum}{asset}", message_first=True
        )

    def too_large(self, maximum: str, asset: str) -> MexcRefusal:
        return MexcRefusal(
            30003, f"The maximum transaction volume cannot be greater than:{maximum}{asset}", message_first=True
        )

    def insufficient(self) -> MexcRefusal:
        return MexcRefusal(30004, "Insufficient position", message_first=True)

    def oversold(self) -> MexcRefusal:
        return MexcRefusal(30005, "Oversold", message_first=True)

    def pair_banned(self) -> MexcRefusal:
        return MexcRefusal(70011, "Pair user ban trade apikey.")

    def no_record(self) -> MexcRefusal:
        return MexcRefusal(22222, "record does not exist", message_first=True)

    def wallet_insufficient(self) -> MexcRefusal:
        return MexcRefusal(10101, "Insufficient balance", message_first=True)

    def not_allowed(self) -> MexcRefusal:
        return MexcRefusal(26, "operation not allowed", message_first=True)

    def transfer_disabled(self) -> MexcRefusal:
        return MexcRefusal(10206, "transfer is disabled", message_first=True)

    def unknown_currency(self) -> MexcRefusal:
        return MexcRefusal(10232, "The currency not exist")

    def transfer(self) -> MexcRefusal:
        return MexcRefusal(33333, "Not support transfer", message_first=True)

    def too_long_ago(self) -> MexcRefusal:
        return MexcRefusal(400, "The start time cannot be earlier than 90 days", message_first=True)

    def no_sub_account(self) -> MexcRefusal:
        return MexcRefusal(140001, "sub account does not exist", message_first=True)

    def sub_account(self) -> MexcRefusal:
        return MexcRefusal(140002, "sub account is forbidden", message_first=True)

    def market_orders_off(self) -> MexcRefusal:
        return MexcRefusal(30019, "api market order is disabled", message_first=True)

    def no_counter_order(self) -> MexcRefusal:
        return MexcRefusal(30025, "no exist opponent order", message_first=True)

    def too_many_orders(self) -> MexcRefusal:
        return MexcRefusal(30029, "Cannot exceed the maximum order limit", message_first=True)

    def order_type(self) -> MexcRefusal:
        return MexcRefusal(30041, "current order type can not place order", message_first=True)

    def price_band(self) -> MexcRefusal:
        return MexcRefusal(30087, "Order price exceeds allowed range", message_first=True)

    def cancel_unknown(self, text: str = "Unknown order sent.") -> MexcRefusal:
        return MexcRefusal(-2011, text)

    def no_such_order(self) -> MexcRefusal:
        return MexcRefusal(-2013, "Order does not exist.", extended=True)

    def listen_key(self) -> MexcRefusal:
        return MexcRefusal("730708", "listen key information error")

    def listen_key_quota(self) -> MexcRefusal:
        return MexcRefusal("730705", "The number of listen keys has reached the limit")

    def listen_key_parameter(self) -> MexcRefusal:
        return MexcRefusal("730002", "Parameter error")

    def too_many_requests(self, retry_after_s: int) -> MexcRefusal:
        return MexcRefusal(429, "Too Many Requests", status=429, retry_after_s=retry_after_s)

    def banned(self, retry_after_s: int) -> MexcRefusal:
        return MexcRefusal(418, "Too Many Requests", status=418, retry_after_s=retry_after_s)

    def not_found(self) -> MexcRefusal:
        return MexcRefusal(404, "Not Found", status=404)


refusals: Final = _Refusals()
