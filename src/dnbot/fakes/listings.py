"""Markets that begin and end while the world runs, as scripted.

Before its first trade a market is shown and takes no orders: its pair is untradable with `buy_start` and `sell_start`
ahead, its contract has status prelaunch, MEXC has it paused. At the end every order is cancelled, the book is emptied
and positions are closed at the mark; the market stays in the lists as untradable, delisted, offline. Sources: Gate
spot currency_pairs (`trade_status`, `sell_start`, `buy_start`, `delisting_time`), Gate futures contracts (`status`,
`in_delisting`, `launch_time`), MEXC exchangeInfo (`status`) and symbol/offline. What becomes of orders and positions is
assumed: the documents do not say.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from .config import Listing
from .exchange import Exchange
from .instruments import Instrument, Phase
from .market import MarketModel
from .records import Venue


@attrs.define(eq=False)
class ListingSchedule:
    """Carries out the script; ``begin_s`` is the world's first start in whole seconds since 1970."""

    exchange: Exchange
    models: Mapping[str, MarketModel]
    script: tuple[Listing, ...]
    begin_s: int
    suspended: set[tuple[Venue, str]] = attrs.field(factory=set)
    """Markets that something else keeps closed for a while: of these the script does nothing but end them."""
    _notice_s: dict[tuple[Venue, str], float] = attrs.field(factory=dict)

    def announce(self) -> None:
        """Show what is known at the start: when markets will begin and end.

        Raises ValueError for a symbol that is nowhere listed, a time before the start, or an end before the beginning.
        """
        for listing in self.script:
            at_s = self.begin_s + round(listing.at_s)
            found = [self.exchange.instrument(venue, listing.symbol) for venue in listing.venues]
            markets = [market for market in found if market is not None]
            if listing.at_s < 0 or not markets:
                why = "no such symbol there" if not markets else "the time is before the start"
                raise ValueError(f"cannot {listing.kind} {listing.symbol} at {listing.at_s:g} s: {why}")
            for market in markets:
                self._notice_s.setdefault((market.venue, market.symbol), 0.0)
                if listing.kind == "list":
                    self.exchange.relist(attrs.evolve(market, listed_s=at_s))
                else:
                    self._notice_s[market.venue, market.symbol] = listing.notice_s
                    self.exchange.relist(attrs.evolve(market, delisted_s=at_s))
        for key in self._notice_s:
            market = self.exchange.state.instruments[key]
            if market.delisted_s and market.delisted_s <= market.listed_s:
                raise ValueError(f"{market.symbol} cannot be delisted before it is listed")
        self.apply_due()

    def apply_due(self) -> None:
        """Bring every scripted market to the phase that its clock says."""
        for key, notice_s in self._notice_s.items():
            market = self.exchange.state.instruments[key]
            phase = _phase(market, notice_s, self.exchange.clock.seconds())
            if phase != market.phase and (phase == "delisted" or key not in self.suspended):
                self._enter(market, phase)

    def _enter(self, market: Instrument, phase: Phase) -> None:
        self.exchange.relist(attrs.evolve(market, phase=phase))
        if phase == "delisted":
            self.exchange.close_market(market.venue, market.symbol)
        elif phase == "trading":
            self.exchange.external_clear(market.venue, market.symbol)
            self.models[market.symbol].forget(market.venue)


def _phase(market: Instrument, notice_s: float, now_s: int) -> Phase:
    if market.delisted_s and now_s >= market.delisted_s:
        return "delisted"
    if now_s < market.listed_s:
        return "prelaunch"
    if market.is_perp and market.delisted_s and now_s >= market.delisted_s - notice_s:
        return "delisting"
    return "trading"
