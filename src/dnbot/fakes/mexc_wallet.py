"""Wallet endpoints of MEXC spot v3: coins and their networks, addresses, deposits, withdrawals.

Deposits and withdrawals are the account's own ledger, opening balance included; every coin has one network of its own
name. A withdrawal is done at once and costs nothing. Keys have no permission to withdraw unless a setting says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from .mexc_errors import refusals
from .mexc_intervals import DAY_S
from .mexc_numbers import opaque_id, plain, whole_second_ms
from .mexc_venue import Call, MexcVenue, Route
from .records import MEXC_SPOT, LedgerRow

__all__ = ["WALLET_ROUTES"]

_DAY_MS: Final = DAY_S * 1_000
_WINDOW_MS: Final = 7 * _DAY_MS
_HISTORY_MS: Final = 90 * _DAY_MS
_ROWS_MAX: Final = 1_000
_DEPOSIT_DONE: Final = 5
_WITHDRAWAL_DONE: Final = 7
_CONFIRMATIONS: Final = "1"


def _coins(venue: MexcVenue, uid: str) -> list[str]:
    """Every coin of a listed market or of the account's wallet."""
    held = venue.exchange.balances(MEXC_SPOT, uid)
    listed = [coin for instrument in venue.instruments() for coin in (instrument.base, instrument.quote)]
    return list(dict.fromkeys((*listed, *held)))


def _network(coin: str) -> dict[str, Any]:
    return {
        "coin": coin,
        "depositDesc": None,
        "depositEnable": True,
        "minConfirm": 1,
        "name": coin,
        "network": coin,
        "withdrawEnable": True,
        "withdrawFee": "0",
        "withdrawIntegerMultiple": None,
        "withdrawMax": "10000000",
        "withdrawMin": "0",
        "sameAddress": False,
        "contract": "",
        "withdrawTips": None,
        "depositTips": None,
        "netWork": coin,
        "depositPreConfirms": None,
    }


def coins(venue: MexcVenue, call: Call) -> Any:
    """GET capital/config/getall."""
    networks = ((coin, [_network(coin)]) for coin in _coins(venue, call.uid))
    return [{"coin": coin, "name": coin, "networkList": network} for coin, network in networks]


def _coin(venue: MexcVenue, call: Call) -> str:
    """The coin that a call names; refused with 10232 when there is none."""
    coin = call.required("coin")
    if coin not in _coins(venue, call.uid):
        raise refusals.unknown_currency()
    return coin


def deposit_address(venue: MexcVenue, call: Call) -> Any:
    """GET and POST capital/deposit/address: the one address of that coin."""
    coin = _coin(venue, call)
    address = _address(call.uid, coin)
    return [{"coin": coin, "network": coin, "address": address, "memo": None, "netWork": coin}]


def _address(uid: str, coin: str) -> str:
    return opaque_id(f"{uid}:{coin}")


def _moved(venue: MexcVenue, call: Call, sign: int) -> Iterator[LedgerRow]:
    """Deposits (1) or withdrawals (-1) in the asked window, newest first: a week by default, at most 90 days back."""
    end_ms = call.integer("endTime", call.now_ms)
    start_ms = call.integer("startTime", end_ms - _WINDOW_MS)
    if start_ms < call.now_ms - _HISTORY_MS:
        raise refusals.too_long_ago()
    coin, left = call.text("coin"), call.integer("limit", _ROWS_MAX, _ROWS_MAX)
    for row in reversed(venue.exchange.account(call.uid).ledger):
        of_kind = row.venue == MEXC_SPOT and row.kind == "dnw" and row.change * sign > 0
        if left and of_kind and coin in ("", row.asset) and start_ms <= row.time_ms <= end_ms:
            left -= 1
            yield row


def deposits(venue: MexcVenue, call: Call) -> Any:
    """GET capital/deposit/hisrec; every deposit has arrived."""
    return [
        {
            "amount": plain(row.change),
            "coin": row.asset,
            "network": row.asset,
            "status": _DEPOSIT_DONE,
            "address": _address(row.uid, row.asset),
            "txId": opaque_id(f"tx:{row.row_id}"),
            "insertTime": whole_second_ms(row.time_ms),
            "unlockConfirm": _CONFIRMATIONS,
            "confirmTimes": _CONFIRMATIONS,
            "memo": None,
            "netWork": row.asset,
        }
        for row in _moved(venue, call, 1)
    ]


def withdrawals(venue: MexcVenue, call: Call) -> Any:
    """GET capital/withdraw/history; every withdrawal is done."""
    return [
        {
            "id": _withdrawal_id(row),
            "txId": opaque_id(f"tx:{row.row_id}"),
            "coin": row.asset,
            "network": row.asset,
            "address": venue.withdrawn_to.get(row.row_id, ""),
            "amount": plain(-row.change),
            "transferType": 0,
            "status": _WITHDRAWAL_DONE,
            "transactionFee": "0",
            "confirmNo": None,
            "applyTime": row.time_ms,
            "remark": "",
            "memo": None,
            "transHash": opaque_id(f"tx:{row.row_id}"),
            "updateTime": row.time_ms,
        }
        for row in _moved(venue, call, -1)
    ]


def _withdrawal_id(row: LedgerRow) -> str:
    return opaque_id(f"withdrawal:{row.row_id}")


def withdraw(venue: MexcVenue, call: Call) -> Any:
    """POST capital/withdraw and its predecessor capital/withdraw/apply: the money leaves the exchange."""
    coin, address, amount = _coin(venue, call), call.required("address"), call.decimal("amount")
    if amount is None:
        raise refusals.missing("amount")
    if amount > venue.exchange.state.accounts.available(call.uid, MEXC_SPOT, coin):
        raise refusals.wallet_insufficient()
    venue.exchange.deposit(call.uid, MEXC_SPOT, coin, -amount)
    row = venue.exchange.account(call.uid).ledger[-1]
    venue.withdrawn_to[row.row_id] = address
    return {"id": _withdrawal_id(row)}


def cancel_withdrawal(venue: MexcVenue, call: Call) -> Any:
    """DELETE capital/withdraw: every withdrawal is done already (26), and another id is unknown (22222)."""
    wanted = call.required("id")
    rows = venue.exchange.account(call.uid).ledger
    if any(row.kind == "dnw" and row.change < 0 and _withdrawal_id(row) == wanted for row in rows):
        raise refusals.not_allowed()
    raise refusals.no_record()


def transfer(venue: MexcVenue, call: Call) -> Any:
    """POST capital/transfer: there is no futures or margin account to move money to."""
    del venue
    for name in ("fromAccountType", "toAccountType", "asset", "amount"):
        call.required(name)
    raise refusals.transfer()


def transfer_by_id(venue: MexcVenue, call: Call) -> Any:
    """GET capital/transfer/tranId: there was never a transfer."""
    del venue
    call.required("tranId")
    raise refusals.no_record()


_CAPITAL: Final = "/api/v3/capital"
WALLET_ROUTES: Final[dict[tuple[str, str], Route]] = {
    ("GET", f"{_CAPITAL}/config/getall"): Route(coins, {"ip": 10}, "read"),
    ("GET", f"{_CAPITAL}/deposit/address"): Route(deposit_address, {"ip": 10}, "read"),
    ("POST", f"{_CAPITAL}/deposit/address"): Route(deposit_address, {"ip": 1}, "read"),
    ("GET", f"{_CAPITAL}/deposit/hisrec"): Route(deposits, {"ip": 1}, "read"),
    ("GET", f"{_CAPITAL}/withdraw/history"): Route(withdrawals, {"ip": 1}, "read"),
    ("POST", f"{_CAPITAL}/withdraw"): Route(withdraw, {"ip": 1}, "withdraw"),
    ("POST", f"{_CAPITAL}/withdraw/apply"): Route(withdraw, {"ip": 1}, "withdraw"),
    ("DELETE", f"{_CAPITAL}/withdraw"): Route(cancel_withdrawal, {"ip": 1}, "withdraw"),
    ("POST", f"{_CAPITAL}/transfer"): Route(transfer, {"user": 1}, "read"),
    ("GET", f"{_CAPITAL}/transfer/tranId"): Route(transfer_by_id, {"ip": 1}, "read"),
}
