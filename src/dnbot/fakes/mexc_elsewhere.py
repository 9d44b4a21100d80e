"""Parts of MEXC spot v3 that a bot has no use for and that clients ask at start or list: they answer, and are empty.

No sub-accounts, margin loans, rebates, conversions, transfers or strategy groups exist here (MEXC spot v3 docs:
sub-account, wallet and rebate endpoints, self-trade prevention). What would create one is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .mexc_errors import MexcRefusal, refusals
from .mexc_numbers import opaque_id
from .mexc_venue import Call, MexcVenue, Route

__all__ = ["OTHER_ROUTES"]

Answer = Callable[[MexcVenue, Call], Any]

_PAGE: Final = {"page": 1, "totalRecords": 0, "totalPageNum": 0, "data": []}
_ROWS: Final[dict[str, Any]] = {"rows": [], "total": 0}
_RESULTS: Final = {"pageSize": 10, "totalCount": 0, "totalPage": 0, "currentPage": 1, "resultList": []}
_SUMS: Final[dict[str, Any]] = {"totalCommissionUsdtAmount": "0", "totalTradeUsdtAmount": "0"}

_EMPTY: Final[dict[str, tuple[int, Any]]] = {
    "asset/internal/transfer/record": (10, _PAGE),
    "capital/convert": (1, _PAGE),
    "capital/convert/list": (1, []),
    "capital/sub-account/universalTransfer": (1, []),
    "capital/transfer": (1, _ROWS),
    "capital/transfer/internal": (1, _PAGE),
    "capital/withdraw/address": (10, _PAGE),
    "margin/allOrders": (1, []),
    "margin/forceLiquidationRec": (1, _ROWS),
    "margin/isolated/account": (1, {"assets": []}),
    "margin/isolated/pair": (1, []),
    "margin/isolatedMarginData": (1, []),
    "margin/isolatedMarginTier": (1, []),
    "margin/loan": (1, _ROWS),
    "margin/maxBorrowable": (1, {"amount": "0"}),
    "margin/maxTransferable": (1, {"amount": "0"}),
    "margin/myTrades": (1, []),
    "margin/openOrders": (1, []),
    "margin/repay": (1, _ROWS),
    "rebate/detail": (1, _PAGE),
    "rebate/detail/kickback": (1, _PAGE),
    "rebate/taxQuery": (1, _PAGE),
    "sub-account/apiKey": (1, {"subAccount": []}),
    "sub-account/asset": (1, {"balances": []}),
    "sub-account/list": (1, {"subAccounts": []}),
}
"""GET path below /api/v3 -> weight and reply."""

_AFFILIATE: Final[dict[str, dict[str, Any]]] = {
    "campaign": {},
    "commission": _SUMS | {"usdtAmount": "0", "finished": True},
    "commission/detail": _SUMS,
    "list": {},
    "referral": {},
    "subaffiliates": {},
    "withdraw": {},
}

_REFUSED: Final[dict[tuple[str, str], Callable[[], MexcRefusal]]] = {
    ("DELETE", "margin/openOrders"): refusals.not_allowed,
    ("DELETE", "margin/order"): refusals.not_allowed,
    ("GET", "margin/order"): refusals.no_such_order,
    ("POST", "capital/convert"): refusals.not_allowed,
    ("POST", "capital/sub-account/universalTransfer"): refusals.sub_account,
    ("POST", "capital/transfer/internal"): refusals.transfer_disabled,
    ("DELETE", "strategy/group"): refusals.sub_account,
    ("DELETE", "strategy/group/uid"): refusals.sub_account,
    ("POST", "strategy/group"): refusals.sub_account,
    ("POST", "strategy/group/uid"): refusals.sub_account,
    ("DELETE", "sub-account/apiKey"): refusals.no_sub_account,
    ("POST", "sub-account/apiKey"): refusals.no_sub_account,
    ("POST", "sub-account/futures"): refusals.no_sub_account,
    ("POST", "sub-account/margin"): refusals.no_sub_account,
    ("POST", "sub-account/virtualSubAccount"): refusals.sub_account,
}
"""What only a master account may do, and what nothing exists for."""


def _saying(value: Any) -> Answer:
    def answer(venue: MexcVenue, call: Call) -> Any:
        del venue, call
        return value

    return answer


def _refusing(make: Callable[[], MexcRefusal]) -> Answer:
    def answer(venue: MexcVenue, call: Call) -> Any:
        del venue, call
        raise make()

    return answer


def _affiliate(sums: dict[str, Any]) -> Route:
    data = _RESULTS | sums
    return Route(_saying({"success": True, "code": 0, "message": None, "data": data}), {"ip": 1}, "read")


def strategy_groups(venue: MexcVenue, call: Call) -> Any:
    """GET strategy/group: there are none, so that no `stpMode` takes effect."""
    del venue
    call.required("tradeGroupName")
    return {"data": [], "code": 200, "msg": "success", "timestamp": call.now_ms}


def refer_code(venue: MexcVenue, call: Call) -> Any:
    """GET rebate/referCode."""
    del venue
    return {"referCode": f"mexc-{opaque_id(f'refer:{call.uid}')[:8]}"}


_ROOT: Final = "/api/v3"
OTHER_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", f"{_ROOT}/rebate/referCode"): Route(refer_code, {"ip": 1}, "read"),
    ("GET", f"{_ROOT}/strategy/group"): Route(strategy_groups, {"ip": 20}, "read"),
    ("GET", f"{_ROOT}/strategy/group/uid"): Route(strategy_groups, {"ip": 20}, "read"),
    **{("GET", f"{_ROOT}/{path}"): Route(_saying(v), {"ip": weight}, "read") for path, (weight, v) in _EMPTY.items()},
    **{("GET", f"{_ROOT}/rebate/affiliate/{path}"): _affiliate(sums) for path, sums in _AFFILIATE.items()},
    **{(verb, f"{_ROOT}/{path}"): Route(_refusing(m), {"ip": 1}, "read") for (verb, path), m in _REFUSED.items()},
}
