"""What a fault may strike, by name, so that one word means the same at every venue.

A target is a glob over "METHOD path" of a request, or over "PUSH channel", "ACK channel" and "REPLY channel" of a frame
that the venue sends, or "WS channel" and "SUBSCRIBE channel" of one that it hears. Paths and channels: Gate API v4 and
MEXC spot v3 documents, the endpoint of that name.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Final

from .records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT, VENUES, Venue

Globs = Mapping[Venue, tuple[str, ...]]


def _each(spot: str, futures: str, mexc: str) -> Globs:
    """One row: the globs per venue, separated by bars; empty where a venue has none."""
    rows = ((GATE_SPOT, spot), (GATE_FUTURES, futures), (MEXC_SPOT, mexc))
    return {venue: tuple(text.split("|")) for venue, text in rows if text}


TARGETS: Final[dict[str, Globs]] = {
    "any": dict.fromkeys(VENUES, ("*",)),
    "requests": dict.fromkeys(VENUES, ("GET *", "POST *", "PUT *", "PATCH *", "DELETE *", "WS *")),
    "reads": dict.fromkeys(VENUES, ("GET *",)),
    "pushes": dict.fromkeys(VENUES, ("PUSH *",)),
    "subscriptions": dict.fromkeys(VENUES, ("SUBSCRIBE *",)),
    "creates": _each(
        "POST */spot/orders|WS spot.order_place", "POST */futures/*/orders|WS futures.order_place", "POST */order"
    ),
    "batches": _each("POST */spot/batch_orders", "POST */futures/*/batch_orders", "POST */batchOrders"),
    "cancels": _each(
        "DELETE */spot/orders/*|WS spot.order_cancel",
        "DELETE */futures/*/orders/*|WS futures.order_cancel",
        "DELETE */order",
    ),
    "order_reads": _each(
        "GET */spot/orders|GET */spot/orders/*|GET */spot/open_orders",
        "GET */futures/*/orders|GET */futures/*/orders/*|GET */futures/*/orders_timerange",
        "GET */order|GET */openOrders|GET */allOrders",
    ),
    "trade_reads": _each("GET */spot/my_trades", "GET */futures/*/my_trades*", "GET */myTrades"),
    "balance_reads": _each("GET */spot/accounts", "GET */futures/*/accounts", "GET */account"),
    "position_reads": _each("", "GET */futures/*/positions|GET */futures/*/positions/*", ""),
    "book_reads": _each("GET */spot/order_book", "GET */futures/*/order_book", "GET */depth"),
    "clock_reads": _each("GET */spot/time", "", "GET */api/v3/time"),
    "key_renewals": _each("", "", "PUT */userDataStream"),
    "books": _each(
        "PUSH spot.order_book_update|PUSH spot.obu",
        "PUSH futures.order_book_update|PUSH futures.obu",
        "PUSH spot@public.aggre.depth*",
    ),
    "orders": _each("PUSH spot.orders*", "PUSH futures.orders", "PUSH spot@private.orders*"),
    "fills": _each("PUSH spot.usertrades*", "PUSH futures.usertrades", "PUSH spot@private.deals*"),
    "balances": _each("PUSH spot.balances", "PUSH futures.balances", "PUSH spot@private.account*"),
    "positions": _each("", "PUSH futures.positions", ""),
}
TARGETS["history_reads"] = {v: TARGETS["order_reads"][v] + TARGETS["trade_reads"][v] for v in VENUES}
TARGETS["fills_and_acks"] = {venue: (*TARGETS["fills"][venue], "ACK *") for venue in VENUES}


def pattern(path: str, venue: Venue) -> re.Pattern[str]:
    """What a named target, or a glob over the path alone, matches at one venue; nothing where it names nothing."""
    globs = TARGETS[path].get(venue, ()) if path in TARGETS else (f"* {path}",)
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs) or r"(?!)")
