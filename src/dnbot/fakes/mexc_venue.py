"""The MEXC venue as its REST and stream fronts see it: exchange, switches, tapes, listen keys, budgets, one call."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from .exchange import Exchange
from .instruments import Instrument
from .mexc_auth import MexcRequest
from .mexc_errors import refusals
from .mexc_faults import MexcFaults
from .mexc_limits import MexcLimits
from .mexc_listen_keys import ListenKeys
from .mexc_tape import Tape
from .records import MEXC_SPOT, ZERO, OrderState, PublicTrade

__all__ = ["Call", "MexcReply", "MexcSettings", "MexcVenue", "Route"]

_NUMBER: Final = re.compile(refusals.NUMBER_RANGE, re.ASCII)
_INTEGER: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_CLIENT_ID: Final = re.compile(refusals.CLIENT_ID_RANGE, re.ASCII)


@attrs.define
class MexcSettings:
    """How this venue is set up. Dicts are by wire symbol."""

    content_type_strict: bool = False
    """Refuse a writing request without a content type, too."""
    market_orders_allowed: bool = True
    closed_to_api: dict[str, bool] = attrs.field(factory=dict)
    """Symbols that stream and show data but refuse orders (10007), as majors have done."""
    trade_side: dict[str, int] = attrs.field(factory=dict)
    """`tradeSideType`: 1 all, 2 buy only, 3 sell only, 4 closed."""
    tickers_versioned: bool = False
    """Whether book tickers carry the version that the message has had since 2026-06."""
    protection: Decimal = Decimal("0.05")
    """How far through the market the protection price of a MARKET order is, as a fraction."""
    order_types: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Order types that a symbol takes (30041 for others, and exchangeInfo lists the fewer); all types without it."""
    banned_symbols: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Symbols that a user may not trade, by uid: missing in selfSymbols, 70011 on orders."""
    permissions: dict[str, bool] = attrs.field(factory=lambda: {"read": True, "trade": True, "withdraw": False})
    """What every key may do: read, trade, withdraw (which covers withdrawing and moving money away)."""
    ip_whitelist: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Addresses from which a key works, by key; a key without an entry works from anywhere. Else 700006."""
    listen_key_reused: bool = False
    """POST userDataStream hands back a key that is alive instead of a fresh one, as was once reported."""
    my_trades_max: int = 100
    """Largest page of myTrades; the documents of 2025 and 2026 say 100, one newer client asks for 1000."""
    replies_of_2026: bool = False
    """Keys that the documents of 2026 print and no recording shows: `stpMode` in the create reply, `available`."""
    upper_case_signatures: bool = False
    """Accept a signature in upper-case hex; the documents ask for lower case, one client's issue saw both pass."""
    auth_status: Literal[400, 401] = 400
    """HTTP status of refused keys and signatures; clients expect either."""
    quiet_candles: bool = False
    """Whether klines show flat candles for times without a trade; nothing public says so."""


@attrs.frozen
class MexcReply:
    """Status and raw body; `lost` means: do not answer, cut the connection."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    lost: bool = False


@attrs.frozen
class Call:
    """One request that passed authentication; `uid` is empty on public endpoints."""

    request: MexcRequest
    parameters: dict[str, str]
    now_ms: int
    uid: str = ""

    @property
    def key(self) -> str:
        """The API key that was sent."""
        return self.request.headers.get("x-mexc-apikey", "")

    def text(self, name: str) -> str:
        """A parameter, or the empty string."""
        return self.parameters.get(name, "")

    def required(self, name: str) -> str:
        """A parameter; refused (700004) when it is missing or empty."""
        value = self.text(name)
        if not value:
            raise refusals.missing(name)
        return value

    def integer(self, name: str, default: int, highest: int | None = None) -> int:
        """A whole number, cut to `highest`; refused (700008) when it is none."""
        value = self.text(name)
        if not value:
            return default
        if not _INTEGER.fullmatch(value):
            raise refusals.illegal(name, "^[0-9]{1,20}$")
        return int(value) if highest is None else min(int(value), highest)

    def decimal(self, name: str) -> Decimal | None:
        """A plain decimal number, None when absent; exponents and signs are refused (700008), zero too (10102)."""
        value = self.text(name)
        if not value:
            return None
        if not _NUMBER.fullmatch(value):
            raise refusals.illegal(name, refusals.NUMBER_RANGE)
        number = Decimal(value)
        if number <= 0:
            raise refusals.not_positive()
        return number

    def client_id(self, name: str) -> str:
        """A client order id of at most 32 letters, digits, `_` and `-`; refused (700008) otherwise."""
        value = self.text(name)
        if value and not _CLIENT_ID.fullmatch(value):
            raise refusals.illegal(name, refusals.CLIENT_ID_RANGE)
        return value


@attrs.define(eq=False)
class MexcVenue:
    """Everything the endpoints of this venue share."""

    exchange: Exchange
    settings: MexcSettings = attrs.field(factory=MexcSettings)
    faults: MexcFaults = attrs.field(factory=MexcFaults)
    limits: MexcLimits = attrs.field(factory=MexcLimits)
    keys: ListenKeys = attrs.field(factory=ListenKeys)
    tapes: dict[str, Tape] = attrs.field(factory=dict)
    stp_modes: dict[str, str] = attrs.field(factory=dict)
    """`stpMode` of the orders that were placed with one, by order id."""
    key_notes: dict[str, str] = attrs.field(factory=dict)
    withdrawn_to: dict[int, str] = attrs.field(factory=dict)
    """Addresses of withdrawals, by ledger row."""
    opened_ms: int = attrs.field(init=False)
    """When this venue opened, which is when its keys were made."""

    def __attrs_post_init__(self) -> None:
        self.opened_ms = self.now_ms
        for instrument in self.instruments():
            tape = self.tapes[instrument.name] = Tape()
            self.exchange.subscribe_trades(MEXC_SPOT, instrument.symbol, self._recorder(tape))

    def _recorder(self, tape: Tape) -> Callable[[PublicTrade], None]:
        return tape.add

    @property
    def now_ms(self) -> int:
        """The venue's clock."""
        return self.exchange.clock.ms(MEXC_SPOT)

    def instruments(self) -> list[Instrument]:
        """All markets of this venue."""
        return self.exchange.instruments(MEXC_SPOT)

    def instrument(self, name: str) -> Instrument | None:
        """The market with that wire symbol."""
        return self.exchange.instrument_by_name(MEXC_SPOT, name)

    def listed(self, call: Call) -> Instrument:
        """The market a public call names; refused with -1121 when there is none."""
        instrument = self.instrument(call.required("symbol"))
        if instrument is None:
            raise refusals.unknown_symbol()
        return instrument

    def tradable(self, call: Call) -> Instrument:
        """The market a private call names; refused with 10007 when there is none."""
        instrument = self.instrument(call.required("symbol"))
        if instrument is None:
            raise refusals.bad_symbol()
        return instrument

    def named(self, text: str, most: int) -> list[Instrument]:
        """The markets of a comma separated list of at most that many names; refused with 10007 or 33333."""
        names = text.split(",")
        if len(names) > most:
            raise refusals.parameter()
        found = [self.instrument(name) for name in names]
        if None in found:
            raise refusals.bad_symbol()
        return [instrument for instrument in found if instrument is not None]

    def api_open(self, instrument: Instrument) -> bool:
        """Whether orders may come through the API."""
        return not self.settings.closed_to_api.get(instrument.name, False)

    def tape(self, instrument: Instrument) -> Tape:
        """Public trades; before the first one the last price is the middle of the book."""
        tape = self.tapes[instrument.name]
        if not tape.trades:
            tape.first_price = self.exchange.last_price(MEXC_SPOT, instrument.symbol) or ZERO
        return tape

    def by_symbol(self, order: OrderState) -> Instrument:
        """The market of an order."""
        instrument = self.exchange.instrument(MEXC_SPOT, order.symbol)
        if instrument is None:
            raise KeyError(order.symbol)
        return instrument


@attrs.frozen
class Route:
    """One endpoint: `pools` is the weight it takes from each budget, `permission` is empty on public ones."""

    answer: Callable[[MexcVenue, Call], Any]
    pools: dict[str, int]
    permission: str = ""
