"""Orders as the machine decides them, with names of their own, and what it takes to have them signed and sent."""

from __future__ import annotations

from decimal import Decimal

from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.order import OrderIntent, Purpose, Side, client_order_id
from dnbot.domain.units import Price, Quantity
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.signer import CredentialSigner
from dnbot.venues.factory import private_codec
from dnbot.venues.wire import PrivateCodec

SYMBOL = Symbol("BTC", "USDT")
NOW_NS = 1_800_000_000_000_000_000
EXPIRES_NS = 1_500_000_000


def intent(venue: Venue, number: int, *, epoch: int = 1, side: Side = Side.BUY, execution_id: str = "") -> OrderIntent:
    """An order of a hundredth at 60,000 and a bit; another number, another name."""
    return OrderIntent(
        client_order_id=client_order_id(epoch, number, "b" if side is Side.BUY else "s"), epoch=epoch, venue=venue,
        symbol=SYMBOL, side=side, quantity=Quantity(Decimal("0.01")), price=Price(Decimal("60000.1")),
        purpose=Purpose.ENTRY, execution_id=execution_id, created_at_ns=NOW_NS, expires_at_ns=NOW_NS + EXPIRES_NS,
    )


def codec(venue: Venue) -> PrivateCodec:
    """A venue's private codec with keys that open nothing, which knows its instrument."""
    keys = Credentials(key=Secret("k" * 32), secret=Secret("s" * 64))
    made = private_codec(venue, SYMBOL, CredentialSigner(keys))
    made.learn_instrument(
        Instrument(
            venue=venue, symbol=SYMBOL, tick_size=Decimal("0.1"), lot_size=Decimal("0.00001"),
            min_notional=Decimal(5),
        )
    )
    return made
