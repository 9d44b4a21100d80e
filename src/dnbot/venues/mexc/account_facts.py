"""What is asked once at start: may this account and this key trade the symbol?

Source: MEXC spot v3 docs, Spot Account and Trade (account, selfSymbols), Wallet (kyc/status, uid).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dnbot.domain.errors import VenueError, VenueThrottled
from dnbot.domain.instrument import Symbol
from dnbot.venues.mexc import shapes
from dnbot.venues.mexc.errors import trouble
from dnbot.venues.mexc.shapes import VENUE, read, symbol_name
from dnbot.venues.wire import AccountFacts, AskedTooOften, Refused, Reply, Unclear

ACCOUNT_PATH: Final = "/api/v3/account"
"""Allowed twice a second."""
FACT_READS: Final = (
    (ACCOUNT_PATH, 10),
    ("/api/v3/selfSymbols", 1),
    ("/api/v3/kyc/status", 1),
    ("/api/v3/uid", 1),
)
"""Path and weight, in the order in which `account_facts` takes the replies."""
NO_KYC: Final = "1"
MAY_WITHDRAW: Final = (
    "canWithdraw is true; the venue does not say whether of the account or of the key: use a key that cannot withdraw"
)


def account_facts(symbol: Symbol, replies: Sequence[Reply]) -> AccountFacts:
    """The facts. Without an answer on the identity check or the user id there is a warning.

    Raises:
        VenueError: no definitive answer on the account or its symbols; VenueThrottled for a rate limit.
        FrameUnreadable: an answer lacks a deciding field.
    """
    account_reply, symbols_reply, kyc_reply, uid_reply = replies
    refusals = [told for told in map(_refusal_of, (account_reply, symbols_reply)) if told]
    if refusals:
        problem = "; ".join(f"MEXC refuses the account read: {told.code}: {told.text}" for told in refusals)
        return AccountFacts(venue=VENUE, user_id="", mode="unknown", problem=problem)
    account = read(account_reply.body, shapes.Account)
    name = symbol_name(symbol)
    listed = name in read(symbols_reply.body, shapes.SymbolList).data
    checks = (
        (account.can_trade, "canTrade is false: the account or the key may not trade"),
        (listed, f"selfSymbols lacks {name}: this key may not trade it"),
    )
    user_id, uid_warnings = _user_id(uid_reply)
    return AccountFacts(
        venue=VENUE,
        user_id=user_id,
        mode=account.account_type,
        problem="; ".join(text for fine, text in checks if not fine) or None,
        warnings=(*((MAY_WITHDRAW,) if account.can_withdraw else ()), *_kyc_warnings(kyc_reply), *uid_warnings),
    )


def _refusal_of(reply: Reply) -> Refused | None:
    told = trouble(reply)
    if isinstance(told, AskedTooOften):
        raise VenueThrottled(VENUE.value, told.text, told.retry_after_s)
    if isinstance(told, Unclear):
        raise VenueError(VENUE.value, told.text)
    return told


def _kyc_warnings(reply: Reply) -> tuple[str, ...]:
    if trouble(reply) is not None:
        return ("the identity check (kyc/status) could not be read",)
    if str(read(reply.body, shapes.KycStatus).status) == NO_KYC:
        return ("the account has passed no identity check (kyc/status 1): the venue may restrict it",)
    return ()


def _user_id(reply: Reply) -> tuple[str, tuple[str, ...]]:
    if trouble(reply) is not None:
        return "", ("the user id (uid) could not be read",)
    return str(read(reply.body, shapes.Uid).uid), ()
