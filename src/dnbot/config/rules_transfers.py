"""What a value of `[transfers]` may not be."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from dnbot.config.settings import Settings
from dnbot.domain.instrument import SPOT_VENUES, Venue
from dnbot.strategy.transfer_plan import Network

Found = tuple[str, object, str]
_HOPS = {(a, b) for a in SPOT_VENUES for b in SPOT_VENUES if a is not b}
_WALLETS = {(Venue.GATE_SPOT, Venue.GATE_FUTURES), (Venue.GATE_FUTURES, Venue.GATE_SPOT)}


def transfers(settings: Settings) -> Iterator[Found]:
    """A share, and networks each of which can be used."""
    least = settings.transfers.least_pct
    if not Decimal("0.1") <= least <= 100:
        yield "transfers.least_pct", least, 'percent from 0.1 to 100 in quotes, such as "5" for 5 %'
    seen: set[tuple[object, ...]] = set()
    for number, network in enumerate(settings.transfers.networks):
        for key, found, allowed in _network(network, settings, seen):
            yield f"transfers.networks.{number}.{key}", found, allowed


def _network(network: Network, settings: Settings, seen: set[tuple[object, ...]]) -> Iterator[Found]:
    symbol = settings.strategy.symbol
    if network.asset not in (symbol.base, symbol.quote):
        yield "asset", network.asset, f"{symbol.base} | {symbol.quote}"
    ways = _HOPS | (_WALLETS if network.asset == symbol.quote else set())
    if (network.source, network.target) not in ways:
        found = f"{network.source.value} to {network.target.value}"
        yield "target", found, ", ".join(sorted(f"{a.value} to {b.value}" for a, b in ways))
    if not network.network.strip():
        yield "network", network.network, "the name that the venue gives this network"
    if network.fee < 0:
        yield "fee", network.fee, "0 or more, native units of the asset"
    if network.minimum <= 0:
        yield "minimum", network.minimum, "more than 0, native units of the asset"
    key = (network.asset, network.source, network.target, network.network)
    if key in seen:
        yield "network", network.network, "each network once per asset, source and target"
    seen.add(key)
