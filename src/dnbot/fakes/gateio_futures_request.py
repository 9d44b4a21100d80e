"""What a client asks for when it creates a perpetual order: the fields, and how a malformed one is refused.

Source: Gate API v4 docs, "Futures: Create a futures order" (body fields; `text` rules), "Create a batch of futures
orders": a malformed item fails the whole batch, so everything that needs no account is read here, before any of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import attrs

from .gateio_errors import invalid_argument
from .gateio_http import as_decimal
from .gateio_spot_orders import TEXT, TIMES_IN_FORCE
from .instruments import Instrument
from .records import ZERO, OrderRequest, TimeInForce

UNSERVED = (
    "tpsl_tp_trigger_price",
    "tpsl_sl_trigger_price",
    "tpsl_tp_bbo_type",
    "tpsl_sl_bbo_type",
)


@attrs.frozen
class WantedOrder:
    """A well-formed wish: signed `size` in contracts (0 to close), `price` 0 for a market order."""

    contract: str
    size: Decimal
    price: Decimal
    tif: TimeInForce
    text: str
    reduce_only: bool
    close: bool
    iceberg: Decimal
    slip_ratio: Decimal | None

    def request(self, market: Instrument) -> OrderRequest:
        """The order as the exchange core takes it."""
        return OrderRequest(
            symbol=market.symbol,
            side="sell" if self.size < 0 else "buy",
            kind="limit" if self.price else "market",
            tif=self.tif,
            quantity=abs(self.size) or None,
            price=self.price or None,
            client_id=self.text,
            reduce_only=self.reduce_only or self.close,
            close=self.close,
        )


def read_order(body: dict[str, Any]) -> WantedOrder:
    """The order in a body; raises GateError INVALID_ARGUMENT with the name of the bad field under `detail`."""
    contract, tif = body.get("contract"), str(body.get("tif") or "gtc")
    size, price = as_decimal(body.get("size") or 0), as_decimal(body.get("price") or 0)
    close = _flag(body, "close")
    if not isinstance(contract, str) or not contract:
        raise invalid_argument("invalid contract")
    if size is None or (size == 0) != close:
        raise invalid_argument("invalid size")
    if price is None or price < 0 or (price == 0 and tif not in ("ioc", "fok")):
        raise invalid_argument("invalid price")
    if tif not in TIMES_IN_FORCE:
        raise invalid_argument("invalid tif")
    _check_others(body)
    iceberg = as_decimal(body.get("iceberg") or 0)
    if iceberg is None or iceberg < 0 or iceberg > abs(size):
        raise invalid_argument("invalid iceberg")
    reduce_only = _flag(body, "reduce_only")
    tif_checked = cast("TimeInForce", tif)
    return WantedOrder(contract, size, price, tif_checked, _text(body), reduce_only, close, iceberg, _slip(body))


def _check_others(body: dict[str, Any]) -> None:
    """Fields that are refused: another position mode's, those of an STP group, and ones this fake does not serve."""
    if body.get("auto_size"):
        raise invalid_argument("auto_size is for dual mode")
    if body.get("stp_act") not in (None, "", "-"):
        raise invalid_argument("invalid stp_act")  # only users of an STP group may set it
    if body.get("action_mode") not in (None, "", "ACK", "RESULT", "FULL"):
        raise invalid_argument("invalid action_mode")
    if body.get("pos_margin_mode") not in (None, "", "isolated", "cross"):
        raise invalid_argument("invalid pos_margin_mode")
    for name in UNSERVED:
        if body.get(name):
            raise invalid_argument(f"{name} is not served")


def _slip(body: dict[str, Any]) -> Decimal | None:
    value = body.get("market_order_slip_ratio")
    if value in (None, "", "0"):
        return None
    ratio = as_decimal(value)
    if ratio is None or not ZERO < ratio < 1:
        raise invalid_argument("invalid market_order_slip_ratio")
    return ratio


def _flag(body: dict[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise invalid_argument(f"invalid {name}")
    return value


def _text(body: dict[str, Any]) -> str:
    """The custom id: `t-` and at most 28 of 0-9 A-Z a-z _ - . ; empty when the client gave none."""
    text = body.get("text")
    if text in (None, ""):
        return ""
    if not isinstance(text, str) or TEXT.fullmatch(text) is None:
        raise invalid_argument("invalid text")
    return text
