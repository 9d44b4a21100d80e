"""What kind of no a MEXC spot reply is.

The HTTP status decides first, then `code`, which also appears on successes (0 or 200) and may be a quoted string.
Only codes of the table are definitive; whatever else goes wrong leaves the outcome of a write unknown.
Source: MEXC spot v3 docs, Error Codes and Limits.
"""

from __future__ import annotations

from typing import Final

import msgspec

from dnbot.venues.wire import AskedTooOften, Refused, Reply, Trouble, Unclear

RETRY_AFTER_S: Final = 10.0
"""For a 429 without Retry-After: the length of the venue's rate window."""
BAN_S: Final = 120.0
"""For a 418 without Retry-After: the shortest ban that the venue documents."""
TEXT_LENGTH_MAX: Final = 300

SUCCESS_CODES: Final = frozenset({"0", "200"})

AUTHENTICATION_CODES: Final = frozenset({
    "26",  # operation not allowed
    "400", "401", "403",  # key needed, no authority, denied
    "602", "700002",  # signature; also reported for an expired key
    "10001", "10015",  # user unknown, user id missing
    "10072", "700001",  # access key wrong, badly formed
    "10098", "60005",  # risk control, abnormal account
    "140001", "140002",  # sub-account missing, forbidden
    "700006", "700007",  # address not on the list, permission missing
})
"""The key or the account may not; trying again is useless."""

CLOCK_CODES: Final = frozenset({"10073", "700003"})
"""The time of the request was refused."""

UNKNOWN_ORDER_CODES: Final = frozenset({
    "-2011",  # order to cancel: finished (perhaps filled a moment ago) or never existed
    "-2013",  # order to query: also for a moment after a good create
})

SYMBOL_CLOSED_CODES: Final = frozenset({
    "-1121", "30014", "30021",  # symbol not valid
    "10007",  # symbol does not support the API
    "30000", "30016", "30020",  # symbol suspended, disabled, without permission
    "70011",  # pair banned for this key
})
"""The symbol takes no orders of ours at all."""

REFUSED_CODES: Final = frozenset({
    "-1127", "-1128",  # time window too long, combination of parameters
    "10095", "10096", "10097", "10102",  # amount: missing, too many decimals, wrong, not positive
    "10101",  # insufficient balance
    "30001",  # this direction is not allowed now
    "30002", "30003",  # order value below the minimum, above the maximum
    "30004", "30005",  # insufficient position, oversold
    "30010", "30087",  # no valid price, outside the allowed band
    "30018", "30019", "30041", "30051",  # market orders or this order type are off
    "30025",  # no counter order
    "30026",  # order ids
    "30027", "30028",  # position cap stops buys, risk control stops sells
    "30029", "30032",  # too many orders, largest position
    "33333", "44444",  # parameter wrong, missing
    "700004", "700005", "700008", "700013",  # ids missing, recvWindow, illegal character, content type
    "730001", "730002", "730003", "730100",  # user, parameter, unsupported, status
    "730705", "730706", "730707", "730708",  # key quota, key, listen key
})
"""Nothing was done, for a reason of the request or of the market."""


class _Body(msgspec.Struct):
    code: int | str | None = None
    msg: object = None


def trouble(reply: Reply) -> Trouble | None:
    """None for a success; otherwise what kind of no."""
    if reply.status in {418, 429}:
        return AskedTooOften(_retry_after_s(reply), _text(reply))
    if reply.status >= 500 or not (200 <= reply.status < 300 or reply.status >= 400):
        return Unclear(_text(reply))  # the venue's own words on 5xx: do not treat this as a failure
    if reply.status < 300 and reply.body.lstrip()[:1] == b"[":
        return None
    try:
        body = msgspec.json.decode(reply.body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    code = None if body is None or body.code is None else str(body.code)
    if reply.status < 300:
        if body is None:
            return Unclear(_text(reply))
        return None if code is None or code in SUCCESS_CODES else _classified(code, reply)
    return _refusal(code, reply)


def _refusal(code: str | None, reply: Reply) -> Trouble:
    if reply.status == 401:  # a gateway's answer, often without a body
        told = _classified(code, reply) if code else None
        return told if isinstance(told, Refused) else Refused(code or "401", _text(reply), authentication=True)
    if code is None or (reply.status == 403 and code == "403"):  # a firewall's page, or its JSON twin
        return Unclear(_text(reply))
    return _classified(code, reply)


def _classified(code: str, reply: Reply) -> Trouble:
    text = _text(reply)
    if code == "429":
        return AskedTooOften(_retry_after_s(reply), text)
    if code in AUTHENTICATION_CODES:
        return Refused(code, text, authentication=True)
    if code in CLOCK_CODES:
        return Refused(code, text, clock=True)
    if code in UNKNOWN_ORDER_CODES:
        return Refused(code, text, unknown_order=True)
    if code in SYMBOL_CLOSED_CODES:
        return Refused(code, text, symbol_closed=True)
    if code in REFUSED_CODES:
        return Refused(code, text)
    return Unclear(text)  # 500, 503, 504, 20001, 20002, 22222, 730000 and every code that nobody documented


def _retry_after_s(reply: Reply) -> float:
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 8:
        return float(text)
    return BAN_S if reply.status == 418 else RETRY_AFTER_S


def _text(reply: Reply) -> str:
    return f"HTTP {reply.status}: {reply.body[:TEXT_LENGTH_MAX].decode('utf-8', 'replace')}"
