"""Money on its way: between two of our own wallets at one exchange, or between exchanges, where a person moves it."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from dnbot.domain.instrument import Venue
from dnbot.domain.units import ZERO


class TransferStatus(Enum):
    """Where a transfer is in its life."""

    PENDING = "pending"  # committed; it may have left
    AMBIGUOUS = "ambiguous"  # no trustworthy answer: it may have been made
    ACCEPTED = "accepted"  # the venue says that it is made; its row in the other wallet's book has not been read
    ARRIVED = "arrived"  # and that row is booked
    REFUSED = "refused"
    NOT_SENT = "not_sent"  # provably never left
    NO_EFFECT = "no_effect"  # its request has died of age, and a complete reading does not know it

    @property
    def is_open(self) -> bool:
        """Whether it may still turn out either way."""
        return self in (TransferStatus.PENDING, TransferStatus.AMBIGUOUS)

    @property
    def has_moved(self) -> bool:
        """Whether the money is known to have left its source."""
        return self in (TransferStatus.ACCEPTED, TransferStatus.ARRIVED)


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """What we decided to move, and what came of it. `amount` is native units of `asset`."""

    transfer_id: str
    """Ours: the venue has no place for it."""
    epoch: int
    source: Venue
    target: Venue
    asset: str
    amount: Decimal
    why: str
    created_at_ns: int
    expires_at_ns: int
    """Not to be sent later than this, by our clock."""
    status: TransferStatus = TransferStatus.PENDING
    venue_id: str = ""
    """The venue's number of it, when it told."""
    reason: str = ""
    changed_at_ns: int = 0

    @property
    def counts(self) -> bool:
        """Whether it uses up what may be moved in a day: whatever was moved, or may have been."""
        return self.status.is_open or self.status.has_moved

    @property
    def entry_id(self) -> str:
        """The ledger entry of what left the source; made of our id, so that it cannot be booked twice."""
        return f"{self.source.value}:transfer:{self.transfer_id}"


def transfer_id(epoch: int, number: int) -> str:
    """The name of the incarnation's transfer of this number."""
    return f"m{epoch}-{number}"


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """What a person moves from one exchange to another, as declared; native units of `asset`.

    Between the two it is in no balance and ours all the same: it counts in delta and in equity once it has left.
    """

    shipment_id: str
    source: Venue
    target: Venue
    asset: str
    leaves: Decimal
    """What the source's balance will fall by, the fee included."""
    arrives: Decimal
    """What the target's balance will rise by."""
    declared_at_ns: int
    why: str
    by: str
    left_at_ns: int = 0
    """When the source was seen without it; 0: not yet."""
    arrived: Decimal = ZERO

    @property
    def has_left(self) -> bool:
        """Whether the source's balance fell by it."""
        return self.left_at_ns > 0

    @property
    def under_way(self) -> Decimal:
        """What is between the exchanges now."""
        return self.arrives - self.arrived if self.has_left else ZERO

    @property
    def fee(self) -> Decimal:
        """What the way costs."""
        return self.leaves - self.arrives
