"""The direct mapping from a venue and a domain to the codec that speaks it. A new venue is one line in each table.

The public table is given no signer: what it builds cannot sign.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from dnbot.domain.instrument import Symbol, Venue
from dnbot.venues.gateio.futures_private import GateFuturesPrivate
from dnbot.venues.gateio.futures_public import GateFuturesPublic
from dnbot.venues.gateio.sharing import futures_sharing, spot_sharing
from dnbot.venues.gateio.spot_private import GateSpotPrivate
from dnbot.venues.gateio.spot_public import GateSpotPublic
from dnbot.venues.mexc.sharing import MexcSharing
from dnbot.venues.mexc.spot_private import MexcSpotPrivate
from dnbot.venues.mexc.spot_public import MexcSpotPublic
from dnbot.venues.plugin import VenueLimits
from dnbot.venues.sharing import Sharing
from dnbot.venues.wire import PrivateCodec, PublicCodec, Signer

PUBLIC_CODECS: dict[Venue, Callable[[Symbol], PublicCodec]] = {
    Venue.GATE_SPOT: GateSpotPublic,
    Venue.GATE_FUTURES: GateFuturesPublic,
    Venue.MEXC_SPOT: MexcSpotPublic,
}
PRIVATE_CODECS: dict[Venue, Callable[[Symbol, Signer], PrivateCodec]] = {
    Venue.GATE_SPOT: GateSpotPrivate,
    Venue.GATE_FUTURES: GateFuturesPrivate,
    Venue.MEXC_SPOT: MexcSpotPrivate,
}



@attrs.frozen
class Codecs:
    """How each venue is spoken to in one run; a plugin takes the place of one of the tables' rows."""

    public: Mapping[Venue, Callable[[Symbol], PublicCodec]]
    private: Mapping[Venue, Callable[[Symbol, Signer], PrivateCodec]]
    limits: Mapping[Venue, VenueLimits] = attrs.field(factory=dict)
    """Of plugins alone: ours are in `venues/limits.py`."""

    def public_codec(self, venue: Venue, symbol: Symbol) -> PublicCodec:
        """A new public codec; raises ValueError for a symbol that the venue cannot have, PluginFault."""
        return self.public[venue](symbol)

    def private_codec(self, venue: Venue, symbol: Symbol, signer: Signer) -> PrivateCodec:
        """A new private codec that has its bytes signed by `signer`; raises PluginFault."""
        return self.private[venue](symbol, signer)


BUILT_IN = Codecs(PUBLIC_CODECS, PRIVATE_CODECS)


def public_codec(venue: Venue, symbol: Symbol) -> PublicCodec:
    """A new public codec; raises ValueError for a symbol that the venue cannot have."""
    return PUBLIC_CODECS[venue](symbol)


def private_codec(venue: Venue, symbol: Symbol, signer: Signer) -> PrivateCodec:
    """A new private codec that has its bytes signed by `signer`."""
    return PRIVATE_CODECS[venue](symbol, signer)


SHARING: dict[Venue, Sharing] = {
    Venue.GATE_SPOT: spot_sharing(), Venue.GATE_FUTURES: futures_sharing(), Venue.MEXC_SPOT: MexcSharing(),
}
"""How public connections and reads carry several markets."""
