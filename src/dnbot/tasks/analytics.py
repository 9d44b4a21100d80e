"""Drain the market, fold it, compute once per batch, publish on change. Nothing old is ever traded on."""

from __future__ import annotations

import attrs
import msgspec
import trio

from dnbot.domain.instrument import Instrument, Venue
from dnbot.domain.market import BookView, FundingRate, MarketView, MarkPrice, PublicTrade, Ticker, TradeFlow
from dnbot.domain.messages import FeedDown, FeedUp, InboxEvent, InstrumentChanged, MarketEvent, Signal
from dnbot.ports.channels import Boards
from dnbot.strategy.flow import FlowMeter
from dnbot.strategy.spread import SpreadAnalyzer


@attrs.define
class Analyst:
    """`run` is supervised. Its market view survives a restart of the task: it is rebuilt by the next frames anyway."""

    market: trio.MemoryReceiveChannel[MarketEvent]
    inbox: trio.MemorySendChannel[InboxEvent]
    boards: Boards
    analyzer: SpreadAnalyzer
    view: MarketView = attrs.field(factory=MarketView)
    batches: int = 0
    _flows: dict[Venue, FlowMeter] = attrs.field(factory=dict, init=False)

    async def run(self) -> None:
        """Never returns while healthy."""
        while True:
            batch = [await self.market.receive()]
            while True:
                try:
                    batch.append(self.market.receive_nowait())
                except trio.WouldBlock:
                    break
            await self._digest(batch)

    async def _digest(self, batch: list[MarketEvent]) -> None:
        """Newest wins per venue; one signal per batch."""
        now_s = trio.current_time()
        for event in batch:
            self._fold(event, now_s)
        self.batches += 1
        edges = self.analyzer.observe(self.view, self.boards.known_fees(), now_s)
        await self.inbox.send(Signal(market=self.view, edges=edges, at_s=now_s))

    def _fold(self, event: MarketEvent, now_s: float) -> None:
        match event:
            case BookView(venue=venue):
                self._change(books={**self.view.books, venue: event})
                self._meter(venue).observe_mid(float(event.mid), now_s)
                self._change(flow={**self.view.flow, venue: self._flow(venue, now_s)})
            case FeedDown(venue=venue):
                self._change(books={v: book for v, book in self.view.books.items() if v is not venue})
            case InstrumentChanged(instrument=instrument):
                self._learn(instrument)
            case MarkPrice():
                self._change(mark=event, mark_received_s=now_s)
            case FundingRate():
                self._change(funding=event)
            case PublicTrade(venue=venue):
                self._meter(venue).observe_trade(event, now_s)
            case Ticker(venue=venue):
                self._meter(venue).observe_volume(event.volume_quote)
            case FeedUp():
                pass

    def _change(self, **fields: object) -> None:
        self.view = msgspec.structs.replace(self.view, **fields)

    def _learn(self, instrument: Instrument) -> None:
        self._change(instruments={**self.view.instruments, instrument.venue: instrument})

    def _meter(self, venue: Venue) -> FlowMeter:
        return self._flows.setdefault(venue, FlowMeter(venue))

    def _flow(self, venue: Venue, now_s: float) -> TradeFlow:
        return self._meter(venue).flow(now_s)
