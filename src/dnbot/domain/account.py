"""What a venue reports about our account: balances, the perpetual position, and who we are there."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from dnbot.domain.instrument import Venue


class Balance(msgspec.Struct, frozen=True, tag=True):
    """One asset of one venue as the venue reports it. `total` includes what is locked; excludes unrealised profit."""

    venue: Venue
    asset: str
    total: Decimal
    available: Decimal
    at_ms: int = 0


class PositionReport(msgspec.Struct, frozen=True, tag=True):
    """The perpetual position as reported: signed base units (negative is short). None: the frame does not say."""

    venue: Venue
    base: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    liquidation_price: Decimal | None
    leverage: Decimal | None
    is_cross: bool | None
    adl_rank: int | None
    at_ms: int
    update_id: int = 0


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked once at start: who we are, what the account is, what the key may do."""

    venue: Venue
    user_id: str
    mode: str
    """classic, unified, single, ... in the venue's words."""
    problem: str | None
    """Why the bot must refuse this account (dual mode, unsupported unified mode, no trade permission); None if fine."""
    warnings: tuple[str, ...] = ()
