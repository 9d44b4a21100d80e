"""What a contract's description says of this moment, and of the accounts that it admits.

Source: Gate API v4 docs, "Futures" (contracts: mark_price, index_price, funding_rate, funding_interval,
funding_next_apply, leverage_max).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.market import FundingRate, MarkPrice
from dnbot.venues.gateio.literals import Literal, decimal_of, readable, whole_of
from dnbot.venues.wire import Reply


class _Contract(msgspec.Struct):
    mark_price: Literal
    index_price: Literal
    funding_rate: Literal
    funding_interval: Literal
    funding_next_apply: Literal
    leverage_max: Literal


class ContractNow(msgspec.Struct, frozen=True):
    """Prices, funding and the largest leverage as read; the venue's time of it is not told."""

    mark: MarkPrice
    funding: FundingRate
    leverage_max: Decimal


_contract = msgspec.json.Decoder(_Contract).decode


def contract_now(reply: Reply) -> ContractNow:
    """From GET /futures/usdt/contracts/{name}. Raises FrameUnreadable."""
    venue = Venue.GATE_FUTURES
    with readable(venue, "contract", reply.body):
        found = _contract(reply.body)
        next_s = int(decimal_of(found.funding_next_apply))
        return ContractNow(
            MarkPrice(venue, decimal_of(found.mark_price), decimal_of(found.index_price), 0),
            FundingRate(venue, decimal_of(found.funding_rate), whole_of(found.funding_interval), next_s),
            decimal_of(found.leverage_max),
        )
