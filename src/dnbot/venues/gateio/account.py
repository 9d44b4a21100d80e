"""Who we are at Gate and whether the bot may trade there: account detail and account mode.

Sources: Gate API v4 docs, "Account" (detail), "Unified" (unified_mode), "Futures" (accounts).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dnbot.domain.errors import FrameUnreadable
from dnbot.domain.instrument import Venue
from dnbot.venues.gateio.errors import trouble_of
from dnbot.venues.gateio.futures_shapes import Wallet
from dnbot.venues.gateio.literals import id_of, readable, whole_or
from dnbot.venues.gateio.rest import SignedRest
from dnbot.venues.gateio.spot_shapes import Detail, UnifiedMode
from dnbot.venues.wire import AccountFacts, Refused, Reply, Request

CLASSIC = "classic"
SINGLE = "single"

_detail = msgspec.json.Decoder(Detail).decode
_mode = msgspec.json.Decoder(UnifiedMode).decode
_wallet = msgspec.json.Decoder(Wallet).decode


def account_requests(rest: SignedRest, now_ms: int) -> tuple[Request, ...]:
    """Detail and unified mode, in the order that `account_facts` reads them."""
    return (rest.get("/account/detail", now_ms), rest.get("/unified/unified_mode", now_ms))


def account_facts(venue: Venue, spot_pair: str | None, replies: Sequence[Reply]) -> AccountFacts:
    """Facts from the replies of `account_requests`, and of `/futures/usdt/accounts` as a third when there is one.

    Args:
        spot_pair: the pair that the key must be allowed to trade; the key's list of pairs does not concern contracts.
    """
    problems, warnings, user_id = [], [], ""
    refusal = _refusal(venue, "account detail", replies[0])
    if refusal is None:
        with readable(venue, "account detail", replies[0].body):
            detail = _detail(replies[0].body)
            user_id = id_of(detail.user_id)
        if spot_pair and detail.currency_pairs and spot_pair not in detail.currency_pairs:
            problems.append(f"the API key may only trade {', '.join(detail.currency_pairs)}, not {spot_pair}")
        if not detail.ip_whitelist:
            warnings.append("the API key has no IP whitelist: anyone who copies it can use it from anywhere")
    mode, mode_problem = _unified_mode(venue, replies[1])
    wallet_problem = _wallet_problem(venue, replies[2]) if len(replies) > 2 else None
    problems += [text for text in (refusal, mode_problem, wallet_problem) if text]
    return AccountFacts(
        venue=venue, user_id=user_id, mode=mode, problem="; ".join(problems) or None, warnings=tuple(warnings)
    )


def wallet_problem_of(wallet: Wallet) -> str | None:
    """Why a futures wallet cannot be used, by the mode that it names."""
    if wallet.in_dual_mode or wallet.position_mode not in (None, SINGLE):
        mode = wallet.position_mode or "dual"
        return f"futures position mode is {mode!r}; set it to {SINGLE!r} (one-way) with no position and no order open"
    if whole_or(wallet.margin_mode, 0) != 0:
        mode = wallet.margin_mode_name or str(whole_or(wallet.margin_mode, 0))
        return f"futures margin mode is {mode!r} (unified account); only the {CLASSIC!r} account is supported"
    return None


def _unified_mode(venue: Venue, reply: Reply) -> tuple[str, str | None]:
    refusal = _refusal(venue, "unified account mode", reply)
    if refusal is not None:
        return "", refusal
    with readable(venue, "unified account mode", reply.body):
        mode = _mode(reply.body).mode
    if mode == CLASSIC:
        return mode, None
    return mode, f"the account is unified ({mode!r}); only the {CLASSIC!r} account is supported"


def _wallet_problem(venue: Venue, reply: Reply) -> str | None:
    refusal = _refusal(venue, "futures wallet", reply)
    if refusal is not None:
        if "USER_NOT_FOUND" in refusal:
            return f"{refusal}: the futures wallet does not exist until USDT is transferred into it"
        return refusal
    with readable(venue, "futures wallet", reply.body):
        return wallet_problem_of(_wallet(reply.body))


def _refusal(venue: Venue, what: str, reply: Reply) -> str | None:
    trouble = trouble_of(reply)
    if trouble is None:
        return None
    if isinstance(trouble, Refused):
        return f"{what}: Gate refused with {trouble.code} {trouble.text}".rstrip()
    raise FrameUnreadable(venue.value, f"{what}: no definitive answer ({trouble.text})", reply.body)
