"""What a command of a scripted market must satisfy, so that carrying it out, now or later, cannot fail."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .instruments import Instrument
from .records import GATE_FUTURES, Venue
from .script_ladder import BPS
from .script_words import (
    Command,
    Level,
    ScriptRefused,
    SetBook,
    SetDepth,
    SetFunding,
    SetLevels,
    SetMark,
    SetMid,
    SetOffset,
    SetPulse,
    SetSpread,
    SettleFunding,
    Trade,
)

LEVELS_MAX = 1000
AFTER_S_MAX = 10**9
PULSE_S_MIN = 0.001


def check_command(instruments: Mapping[tuple[Venue, str], Instrument], symbol: str, command: Command) -> None:
    """Raises ScriptRefused for what cannot be meant; ``symbol`` is the command's, or the one that it implies."""
    if not 0 <= command.at_s <= AFTER_S_MAX:
        raise ScriptRefused(f"at_s is {command.at_s}: not a time from now on")
    listed = [venue for venue, name in instruments if name == symbol]
    if not listed:
        known = dict.fromkeys(name for _, name in instruments)
        raise ScriptRefused(f"symbol {symbol!r} is unknown; known: {', '.join(known)}")
    of_contract = isinstance(command, SetFunding | SettleFunding | SetMark)
    wanted = GATE_FUTURES if of_contract else getattr(command, "venue", None)
    if wanted is not None and wanted not in listed:
        raise ScriptRefused(f"{symbol} is not listed at {wanted}")
    match command:
        case SetMid(price=price):
            _positive("the middle", price)
        case SetSpread(bps=bps) if not bps.is_finite() or not 0 <= bps < BPS:
            raise ScriptRefused(f"a spread of {bps} bps: from 0 to {BPS}")
        case SetOffset(bps=bps) if not bps.is_finite() or not -BPS < bps < BPS:
            raise ScriptRefused(f"an offset of {bps} bps: from -{BPS} to {BPS}")
        case SetDepth():
            _check_depth(command)
        case SetBook(venue=venue) | SetLevels(venue=venue):
            _check_levels(instruments[(venue, symbol)], command)
        case Trade(venue=venue, quantity=quantity, price=price):
            _whole_lots(instruments[(venue, symbol)], quantity)
            if price is not None:
                _whole_ticks(instruments[(venue, symbol)], price)
        case SetFunding(rate=rate, next_after_s=next_after_s):
            if not rate.is_finite() or abs(rate) >= 1:
                raise ScriptRefused(f"a funding rate of {rate} is not a fraction")
            if next_after_s is not None and not 0 <= next_after_s <= AFTER_S_MAX:
                raise ScriptRefused(f"next_after_s is {next_after_s}: not a time from now on")
        case SetMark(mark=mark, index=index):
            for price in (mark, index):
                if price is not None:
                    _positive("mark or index", price)
        case SetPulse(every_s=every_s) if not (every_s == 0 or PULSE_S_MIN <= every_s <= AFTER_S_MAX):
            raise ScriptRefused(f"a pulse every {every_s} s: 0, or {PULSE_S_MIN} and more")
        case _:
            pass  # the rest has nothing in it that could be wrong


def _check_depth(command: SetDepth) -> None:
    if command.levels is not None and not 0 <= command.levels <= LEVELS_MAX:
        raise ScriptRefused(f"{command.levels} levels: from 0 to {LEVELS_MAX}")
    if command.base_per_level is not None:
        _positive("base_per_level", command.base_per_level)
    if command.step_bps is not None:
        _positive("step_bps", command.step_bps)


def _check_levels(instrument: Instrument, command: SetBook | SetLevels) -> None:
    for levels in (command.bids, command.asks):
        for price, quantity in levels:
            _whole_ticks(instrument, price)
            if quantity or isinstance(command, SetBook):
                _whole_lots(instrument, quantity)
        if len({price for price, _ in levels}) < len(levels):
            raise ScriptRefused(f"{instrument.venue}: a price is there twice")
    bid = max(_prices(command.bids), default=None)
    ask = min(_prices(command.asks), default=None)
    if bid is not None and ask is not None and bid >= ask:
        raise ScriptRefused(f"{instrument.venue}: bid {bid} is not below ask {ask}")


def _prices(levels: tuple[Level, ...]) -> list[Decimal]:
    return [price for price, quantity in levels if quantity]


def _positive(what: str, value: Decimal) -> None:
    if not value.is_finite() or value <= 0:
        raise ScriptRefused(f"{what} is {value}: not a positive number")


def _whole_ticks(instrument: Instrument, price: Decimal) -> None:
    if not price.is_finite() or price <= 0 or price % instrument.price_tick:
        raise ScriptRefused(f"{instrument.venue}: price {price} is not a positive multiple of {instrument.price_tick}")


def _whole_lots(instrument: Instrument, quantity: Decimal) -> None:
    if not quantity.is_finite() or quantity <= 0 or quantity % instrument.lot:
        raise ScriptRefused(f"{instrument.venue}: quantity {quantity} is not a positive multiple of {instrument.lot}")
