"""What all parts of the Gate front share: the exchange behind it, switches for undocumented behaviour, look-ups."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Literal

import attrs

from . import gateio_errors as errors
from .exchange import Exchange
from .gateio_auth import Credential
from .gateio_ledger import LedgerSums
from .gateio_limits import RateLimiter
from .gateio_marks import MarkHistories
from .gateio_order_notes import OrderNotes
from .gateio_position_history import PositionHistory
from .gateio_tape import MarketTape
from .instruments import Instrument
from .records import GATE_FUTURES, GATE_SPOT, BookSnapshot, OrderState, Venue


@attrs.define
class GateSettings:
    """Behaviour that Gate's documents leave open, or that a scenario wants to vary.

    ``gone_label``: what cancelling an ended order answers. ``untouched_position``: the answer for a contract that
    was never traded. ``snapshot_lag_ms_max``: REST books are up to this much older than their reply.
    ``exptime_on_ws_api``: whether `x-gate-exptime` in `req_header` is honoured there. ``ws_api_fees``: whether results
    of the WebSocket API carry fees when the client names no `action_mode` (documented; recordings have none).
    ``candle_limit_with_range``: `limit` together with `from` or `to` (documented as refused; seen to work).
    ``full_frame_share``: how many of the book increments are whole books (`full`), as they may come at any time.
    ``ip_whitelist``: callers of signed requests (empty: everybody). ``read_only_keys`` may look and not trade.
    ``connections_max``: open sockets per address. ``expired_status``: of REQUEST_EXPIRED, which reports disagree on.
    ``trigger_time``: the form of a countdown's answer (text in the documents' example, an integer in their schema).
    """

    account_mode: Literal["classic", "unified"] = "classic"
    gone_label: Literal["not_found", "specific"] = "not_found"
    untouched_position: Literal["not_found", "zero"] = "not_found"
    snapshot_lag_ms_max: int = 50
    exptime_on_ws_api: bool = True
    text_lookup_spot_s: int = 0
    text_lookup_futures_s: int = 60
    zero_fill_kept_s: int = 600
    enforce_limits: bool = True
    data_before_ack: bool = False
    ws_api_fees: bool = False
    candle_limit_with_range: Literal["refused", "honoured"] = "refused"
    full_frame_share: float = 0.0
    ip_whitelist: tuple[str, ...] = ()
    read_only_keys: frozenset[str] = frozenset()
    connections_max: int = 300
    expired_status: Literal[403, 401] = 403
    trigger_time: Literal["text", "integer"] = "text"


@attrs.define(eq=False)
class GateContext:
    """The exchange as the Gate front uses it."""

    exchange: Exchange
    settings: GateSettings
    rng: random.Random
    limiter: RateLimiter = attrs.field(factory=RateLimiter)
    position_mode: dict[str, str] = attrs.field(factory=dict)
    notes: OrderNotes = attrs.field(factory=OrderNotes)
    stale_books: dict[tuple[Venue, str], list[BookSnapshot]] = attrs.field(factory=dict)
    ledger: LedgerSums = attrs.field(init=False)
    marks: MarkHistories = attrs.field(init=False)
    history: PositionHistory = attrs.field(init=False)
    _tapes: dict[tuple[Venue, str], MarketTape] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.ledger = LedgerSums(self.exchange)
        self.marks = MarkHistories(self.exchange)
        self.history = PositionHistory(self.exchange)

    def forget(self, orders: Iterable[tuple[Venue, str]], newest: int) -> None:
        """These orders are gone; of ended positions keep the newest."""
        self.notes.forget(orders)
        self.history.forget(newest)

    def now_ns(self, venue: Venue = GATE_SPOT) -> int:
        return self.exchange.clock.wall_ns(venue)

    def now_ms(self, venue: Venue = GATE_SPOT) -> int:
        return self.exchange.clock.ms(venue)

    def credentials(self) -> dict[str, Credential]:
        """Every API key of the exchange."""
        return {a.key: Credential(a.key, a.secret, a.uid) for a in self.exchange.state.accounts.api()}

    def book(self, venue: Venue, symbol: str, limit: int) -> BookSnapshot:
        """The book a REST request sees: an old one while `stale_books` holds any, each of them once."""
        stale = self.stale_books.get((venue, symbol))
        book = stale.pop(0) if stale else self.exchange.depth(venue, symbol, limit)
        return attrs.evolve(book, bids=book.bids[:limit], asks=book.asks[:limit])

    def pair(self, name: str) -> Instrument:
        """A spot market by its wire name; INVALID_CURRENCY_PAIR when there is none."""
        found = self.exchange.instrument_by_name(GATE_SPOT, name)
        if found is None:
            raise errors.invalid_pair(name)
        return found

    def contract(self, name: str) -> Instrument:
        """A perpetual by its wire name; CONTRACT_NOT_FOUND when there is none."""
        found = self.exchange.instrument_by_name(GATE_FUTURES, name)
        if found is None:
            raise errors.contract_not_found()
        return found

    def market_of(self, order: OrderState) -> Instrument:
        return self.exchange.state.instruments[order.venue, order.symbol]

    def contract_name(self, symbol: str) -> str:
        """The wire name of a contract, or nothing for a row that belongs to none."""
        found = self.exchange.instrument(GATE_FUTURES, symbol)
        return found.name if found is not None else ""

    @property
    def spot_account(self) -> str:
        """The value of `account` in spot orders."""
        return "unified" if self.settings.account_mode == "unified" else "spot"

    def remember(self) -> None:
        """Begin to keep public trades of every Gate market, marks of every contract, and how positions end."""
        for venue in (GATE_SPOT, GATE_FUTURES):
            for market in self.exchange.instruments(venue):
                self.tape(market)
        self.exchange.subscribe_private(self.notes.hear)
        self.marks.attach()
        self.history.attach()

    def tape(self, market: Instrument) -> MarketTape:
        """The trades of one market, remembered from the first call on."""
        tape = self._tapes.get((market.venue, market.symbol))
        if tape is None:
            tape = self._tapes[market.venue, market.symbol] = MarketTape(market)
            self.exchange.subscribe_trades(market.venue, market.symbol, tape.note)
        return tape

    def mode_of(self, uid: str) -> str:
        """How that account holds positions: single, dual or dual_plus."""
        return self.position_mode.get(uid, "single")
