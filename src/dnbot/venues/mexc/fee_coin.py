"""MX, which MEXC takes fees in where the account has switched that on and holds some (GET /api/v3/mxDeduct/enable).

Source: MEXC spot v3 docs, Query MX Deduct Status, Symbol Price Ticker.
"""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import Symbol
from dnbot.venues.mexc import shapes
from dnbot.venues.mexc.shapes import amount, read, symbol_name, unreadable
from dnbot.venues.wire import Reply, Request

COIN = "MX"


class MxFees:
    """The part of a private codec that tells what MX is worth."""

    fee_coin = COIN
    symbol: Symbol

    def fee_coin_request(self) -> Request:
        """GET /api/v3/ticker/price of MX against our quote."""
        name = symbol_name(Symbol(COIN, self.symbol.quote))
        return Request(method="GET", target=f"/api/v3/ticker/price?symbol={name}", weight=10)

    def fee_coin_price(self, reply: Reply) -> Decimal:
        """The last traded price. Raises FrameUnreadable when it is none, or another symbol's."""
        row = read(reply.body, shapes.PriceTicker)
        price = amount(row.price, "price", reply.body)
        if price <= 0 or row.symbol != symbol_name(Symbol(COIN, self.symbol.quote)):
            raise unreadable("no price of MX", reply.body)
        return price
