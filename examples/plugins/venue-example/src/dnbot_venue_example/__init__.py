"""Example Exchange, which does not exist, as dnbot's second spot venue."""

from __future__ import annotations

from dnbot.venues.plugin import VenueContext, VenueLimits
from dnbot.venues.wire import Signer
from dnbot_venue_example.private import ExamplePrivate
from dnbot_venue_example.public import ExamplePublic


class Example:
    """Takes no options."""

    protocol = 1
    limits = VenueLimits(public=(10, 50), read=(10, 50), create=(10, 20))
    fake = "dnbot_venue_example.fake:Front"

    def __init__(self, context: VenueContext) -> None:
        if context.options:
            raise ValueError(f"there are no options, found {dict(context.options)}")
        self.symbol = context.symbol

    def public(self) -> ExamplePublic:
        """It is given nothing to sign with."""
        return ExamplePublic(self.symbol)

    def private(self, signer: Signer) -> ExamplePrivate:
        """It can have bytes signed, and never reads the secret."""
        return ExamplePrivate(self.symbol, signer)
