"""The futures API of MEXC as clients of its spot API meet it: an exchange without any contract.

General clients load `contract/detail` beside the spot symbols and list positions at start (MEXC futures docs, market
endpoints, account and trading endpoints). Lists are empty, one contract is unknown, nothing can be ordered.
"""

from __future__ import annotations

import hmac
import re
from typing import Any, Final

import attrs
import msgspec

from .mexc_auth import MexcRequest, signature_of
from .mexc_venue import MexcReply, MexcVenue

__all__ = ["CONTRACT_PATHS", "PREFIXES", "answer_contract"]

PREFIXES: Final = ("/api/v1/contract/", "/api/v1/private/")
WINDOW_MS: Final = 10_000
"""How far `Request-Time` may be from the venue's clock."""

_PAGE: Final = {"pageSize": 20, "totalCount": 0, "totalPage": 0, "currentPage": 1, "resultList": []}
_ASSET_PATH: Final = "private/account/asset/"
_ASSET: Final[dict[str, Any]] = {
    "currency": "",
    "positionMargin": 0,
    "availableBalance": 0,
    "cashBalance": 0,
    "frozenBalance": 0,
    "equity": 0,
    "unrealized": 0,
    "bonus": 0,
}
_FEE_TIER: Final = {
    "level": 0,
    "dealAmount": 0,
    "walletBalance": 0,
    "makerFee": 0,
    "takerFee": 0,
    "makerFeeDiscount": 0,
    "takerFeeDiscount": 0,
}
_ANY: Final = "[^/]+"


@attrs.frozen
class _Refused:
    code: int
    message: str
    status: int = 200


_UNKNOWN: Final = _Refused(1001, "The contract does not exist!")
_NO_ORDER: Final = _Refused(2040, "The order does not exist!")

CONTRACT_PATHS: Final[dict[tuple[str, str], Any]] = {
    ("GET", "contract/deals/{symbol}"): _UNKNOWN,
    ("GET", "contract/depth/{symbol}"): _UNKNOWN,
    ("GET", "contract/depth_commits/{symbol}/{limit}"): _UNKNOWN,
    ("GET", "contract/detail"): [],
    ("GET", "contract/fair_price/{symbol}"): _UNKNOWN,
    ("GET", "contract/funding_rate/history"): _PAGE,
    ("GET", "contract/funding_rate/{symbol}"): _UNKNOWN,
    ("GET", "contract/index_price/{symbol}"): _UNKNOWN,
    ("GET", "contract/kline/fair_price/{symbol}"): _UNKNOWN,
    ("GET", "contract/kline/index_price/{symbol}"): _UNKNOWN,
    ("GET", "contract/kline/{symbol}"): _UNKNOWN,
    ("GET", "contract/risk_reverse"): [],
    ("GET", "contract/risk_reverse/history"): _PAGE,
    ("GET", "contract/risk_reverse/{symbol}"): _UNKNOWN,
    ("GET", "contract/support_currencies"): [],
    ("GET", "contract/ticker"): [],
    ("GET", "private/account/assets"): [],
    ("GET", "private/account/risk_limit"): {},
    ("GET", "private/account/tiered_fee_rate"): _FEE_TIER,
    ("GET", "private/account/transfer_record"): _PAGE,
    ("GET", "private/order/batch_query"): [],
    ("GET", "private/order/deal_details/{order_id}"): [],
    ("GET", "private/order/external/{symbol}/{external_oid}"): _NO_ORDER,
    ("GET", "private/order/get/{order_id}"): _NO_ORDER,
    ("GET", "private/order/list/close_orders"): [],
    ("GET", "private/order/list/history_orders"): [],
    ("GET", "private/order/list/open_orders"): [],
    ("GET", "private/order/list/open_orders/{symbol}"): [],
    ("GET", "private/order/list/order_deals"): [],
    ("GET", "private/order/list/order_deals/v3"): [],
    ("GET", "private/planorder/list/orders"): [],
    ("GET", "private/position/funding_records"): _PAGE,
    ("GET", "private/position/leverage"): [],
    ("GET", "private/position/list/history_positions"): [],
    ("GET", "private/position/open_positions"): [],
    ("GET", "private/position/position_mode"): 1,
    ("GET", "private/stoporder/list/orders"): [],
    ("GET", "private/stoporder/open_orders"): [],
    ("GET", "private/trackorder/list/orders"): [],
}
"""(verb, path below /api/v1) -> `data`, or the refusal."""

_ROUTES: Final = tuple(
    (verb, re.compile(re.sub(r"\{\w+\}", _ANY, path)), data) for (verb, path), data in CONTRACT_PATHS.items()
)


def answer_contract(venue: MexcVenue, request: MexcRequest) -> MexcReply:
    """Reply to one request below one of the prefixes; refusals have `success` false, mostly at HTTP 200."""
    refused = _check_signed(venue, request) if request.path.startswith(PREFIXES[1]) else None
    data = refused or _data(venue, request)
    if isinstance(data, _Refused):
        body = {"success": False, "code": data.code, "message": data.message}
        return MexcReply(data.status, msgspec.json.encode(body))
    return MexcReply(200, msgspec.json.encode({"success": True, "code": 0, "data": data}))


def _data(venue: MexcVenue, request: MexcRequest) -> Any:
    path = request.path.removeprefix("/api/v1/")
    if (request.method, path) == ("GET", "contract/ping"):
        return venue.now_ms
    if request.method == "GET" and path.startswith(_ASSET_PATH):
        return _ASSET | {"currency": path.removeprefix(_ASSET_PATH)}
    if path in ("contract/detail", "contract/ticker") and "symbol=" in request.raw_query:
        return _UNKNOWN
    for verb, pattern, data in _ROUTES:
        if verb == request.method and pattern.fullmatch(path):
            return data
    # Whatever is ordered, changed or asked beyond the lists is about a contract, and there is none.
    return _UNKNOWN if request.method == "POST" else _Refused(404, "Not Found", 404)


def _check_signed(venue: MexcVenue, request: MexcRequest) -> _Refused | None:
    """Check `ApiKey`, `Request-Time` and `Signature` (MEXC futures docs, integration guide).

    Signed are key, time and the sorted query, or the body of a POST.
    """
    headers = request.headers
    key, stamp = headers.get("apikey", ""), headers.get("request-time", "")
    account = venue.exchange.account_by_key(key) if key else None
    if account is None:
        return _Refused(401, "Unauthorized", 401)
    if not (stamp.isascii() and stamp.isdigit()) or abs(int(stamp[:20]) - venue.now_ms) > WINDOW_MS:
        return _Refused(513, "Invalid request! (Request time is out of range)")
    text = request.raw_body if request.method == "POST" else "&".join(sorted(request.raw_query.split("&")))
    expected = signature_of(account.secret, key + stamp + text)
    if not hmac.compare_digest(expected.encode(), headers.get("signature", "").encode()):
        return _Refused(602, "Confirming signature failed!")
    return None
