"""Account endpoints of MEXC spot v3: balances, fees, permissions, listen keys."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from .mexc_errors import refusals
from .mexc_numbers import plain
from .mexc_venue import Call, MexcVenue, Route
from .records import MEXC_SPOT

__all__ = ["ACCOUNT_ROUTES"]

_ADDRESSES_MAX: Final = 20
_VALID_FOR_EVER: Final = -999
_PERMISSION_NAMES: Final = {
    "read": ("SPOT_ACCOUNT_READ", "SPOT_DEAL_READ"),
    "trade": ("SPOT_DEAL_WRITE",),
    "withdraw": ("SPOT_WITHDRAW_WRITE",),
}


def _envelope(data: Any, call: Call) -> dict[str, Any]:
    return {"data": data, "code": 0, "msg": "success", "timestamp": call.now_ms}


def account(venue: MexcVenue, call: Call) -> Any:
    """GET account: only assets with a balance are listed."""
    balances = venue.exchange.balances(MEXC_SPOT, call.uid)
    return {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": plain(held.available), "locked": plain(held.locked)}
            | ({"available": plain(held.available)} if venue.settings.replies_of_2026 else {})
            for asset, held in balances.items()
            if held.total
        ],
        "permissions": ["SPOT"],
    }


def _rate(value: Decimal) -> msgspec.Raw:
    """A rate as the JSON number of 18 decimals that the venue prints."""
    return msgspec.Raw(f"{value:.18f}".encode())


def trade_fee(venue: MexcVenue, call: Call) -> Any:
    """GET tradeFee: rates are JSON numbers here and nowhere else."""
    venue.tradable(call)
    rates = venue.exchange.fee_rates(MEXC_SPOT, call.uid)
    return _envelope({"makerCommission": _rate(rates.maker), "takerCommission": _rate(rates.taker)}, call)


def self_symbols(venue: MexcVenue, call: Call) -> Any:
    """GET selfSymbols: what this key may trade."""
    banned = venue.settings.banned_symbols.get(call.uid, ())
    names = [i.name for i in venue.instruments() if i.tradable and venue.api_open(i) and i.name not in banned]
    return _envelope(names, call)


def mx_deduct(venue: MexcVenue, call: Call) -> Any:
    """GET and POST mxDeduct/enable: whether this account's fees are taken in MX while it has any."""
    state = venue.exchange.state
    if call.request.method == "POST":
        wanted = call.required("mxDeductEnable").lower()
        if wanted not in ("true", "false"):
            raise refusals.parameter()
        state.mx_deduct[call.uid] = wanted == "true"
    return _envelope({"mxDeductEnable": state.deducts_mx(call.uid)}, call)


def kyc_status(venue: MexcVenue, call: Call) -> Any:
    """GET kyc/status: advanced."""
    del venue, call
    return {"status": "3"}


def uid(venue: MexcVenue, call: Call) -> Any:
    """GET uid."""
    del venue
    return {"uid": call.uid}


def api_key_info(venue: MexcVenue, call: Call) -> Any:
    """GET apiKeyInfo of the own key: it does not expire while addresses are bound to it, 90 days otherwise."""
    key = call.required("accessKey")
    if key != call.key:
        raise refusals.key_unknown()
    addresses = venue.settings.ip_whitelist.get(key, ())
    names = [name for may, names in _PERMISSION_NAMES.items() if venue.settings.permissions.get(may) for name in names]
    return {
        "note": venue.key_notes.get(key, ""),
        "accessKey": key,
        "createTime": datetime.fromtimestamp(venue.opened_ms / 1_000, UTC).isoformat(timespec="milliseconds"),
        "permissions": ",".join(names),
        "remainingValidity": _VALID_FOR_EVER if addresses else 90,
        "ipWhiteList": ",".join(addresses),
        "status": "VALID",
    }


def bind_addresses(venue: MexcVenue, call: Call) -> Any:
    """POST apiKeyInfo: from now on the own key works from these addresses only, at most 20 of them."""
    key, addresses = call.required("apiKey"), tuple(call.required("ipWhiteList").split(","))
    if key != call.key:
        raise refusals.key_unknown()
    if len(addresses) > _ADDRESSES_MAX:
        raise refusals.parameter()
    venue.settings.ip_whitelist[key] = addresses
    venue.key_notes[key] = call.text("note")
    return {"note": venue.key_notes[key], "apikey": key, "ipWhiteList": ",".join(addresses)}


def create_listen_key(venue: MexcVenue, call: Call) -> Any:
    """POST userDataStream: a fresh key, or with the switch the newest that is alive."""
    alive = venue.keys.newest(call.uid, call.now_ms) if venue.settings.listen_key_reused else None
    return {"listenKey": (alive or venue.keys.create(call.uid, call.now_ms)).text}


def list_listen_keys(venue: MexcVenue, call: Call) -> Any:
    """GET userDataStream."""
    keys = [key.text for key in venue.keys.alive(call.uid, call.now_ms)]
    return {"total": venue.keys.quota, "listenKey": keys, "available": venue.keys.quota - len(keys)}


def renew_listen_key(venue: MexcVenue, call: Call) -> Any:
    """PUT userDataStream: another 60 minutes."""
    return {"listenKey": venue.keys.renew(call.uid, call.text("listenKey"), call.now_ms).text}


def delete_listen_key(venue: MexcVenue, call: Call) -> Any:
    """DELETE userDataStream: closes the stream."""
    return {"listenKey": venue.keys.delete(call.uid, call.text("listenKey"), call.now_ms).text}


_IP = {"ip": 1}
_STREAM = "/api/v3/userDataStream"
ACCOUNT_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", "/api/v3/account"): Route(account, {"ip": 10, "account": 1}, "read"),
    ("GET", "/api/v3/tradeFee"): Route(trade_fee, {"ip": 20}, "read"),
    ("GET", "/api/v3/selfSymbols"): Route(self_symbols, _IP, "read"),
    ("GET", "/api/v3/mxDeduct/enable"): Route(mx_deduct, _IP, "read"),
    ("POST", "/api/v3/mxDeduct/enable"): Route(mx_deduct, _IP, "trade"),
    ("GET", "/api/v3/kyc/status"): Route(kyc_status, _IP, "read"),
    ("GET", "/api/v3/uid"): Route(uid, _IP, "read"),
    ("GET", "/api/v3/apiKeyInfo"): Route(api_key_info, _IP, "read"),
    ("POST", "/api/v3/apiKeyInfo"): Route(bind_addresses, _IP, "trade"),
    ("POST", _STREAM): Route(create_listen_key, _IP, "read"),
    ("GET", _STREAM): Route(list_listen_keys, _IP, "read"),
    ("PUT", _STREAM): Route(renew_listen_key, _IP, "read"),
    ("DELETE", _STREAM): Route(delete_listen_key, _IP, "read"),
}
