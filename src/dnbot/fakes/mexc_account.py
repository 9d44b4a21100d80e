"""Account endpoints of MEXC spot v3: balances, fees, permissions, listen keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from .mexc_errors import refusals
from .mexc_numbers import plain
from .mexc_venue import Call, MexcVenue, Route
from .records import MEXC_SPOT

__all__ = ["ACCOUNT_ROUTES"]


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
    return _envelope([i.name for i in venue.instruments() if i.tradable and venue.api_open(i)], call)


def mx_deduct(venue: MexcVenue, call: Call) -> Any:
    """GET and POST mxDeduct/enable: whether fees are taken in MX. One switch for the whole venue."""
    if call.request.method == "POST":
        wanted = call.required("mxDeductEnable")
        if wanted not in ("true", "false"):
            raise refusals.parameter()
        policy = venue.exchange.state.fee_policy
        policy[MEXC_SPOT] = "MX" if wanted == "true" else venue.fees_without_mx
    enabled = venue.exchange.state.fee_policy[MEXC_SPOT] == "MX"
    return _envelope({"mxDeductEnable": enabled}, call)


def kyc_status(venue: MexcVenue, call: Call) -> Any:
    """GET kyc/status: advanced."""
    del venue, call
    return {"status": "3"}


def uid(venue: MexcVenue, call: Call) -> Any:
    """GET uid."""
    del venue
    return {"uid": call.uid}


def capital_config(venue: MexcVenue, call: Call) -> Any:
    """GET capital/config/getall: every asset of the listed markets, without networks."""
    del call
    assets: dict[str, None] = {}
    for instrument in venue.instruments():
        assets |= {instrument.base: None, instrument.quote: None}
    return [{"coin": asset, "name": asset, "networkList": []} for asset in assets]


def create_listen_key(venue: MexcVenue, call: Call) -> Any:
    """POST userDataStream."""
    return {"listenKey": venue.keys.create(call.uid, call.now_ms).text}


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
    ("GET", "/api/v3/capital/config/getall"): Route(capital_config, {"ip": 10}, "read"),
    ("POST", _STREAM): Route(create_listen_key, _IP, "read"),
    ("GET", _STREAM): Route(list_listen_keys, _IP, "read"),
    ("PUT", _STREAM): Route(renew_listen_key, _IP, "read"),
    ("DELETE", _STREAM): Route(delete_listen_key, _IP, "read"),
}
