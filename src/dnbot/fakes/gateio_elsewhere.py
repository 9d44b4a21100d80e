"""What clients of Gate ask about products that are not faked: empty lists, zero accounts, unknown contracts.

Source: Gate API v4 docs, the endpoint of each path; the settle currencies `btc` and `usd1` beside `usdt` as probed
2026-09. A client that looks around at its start finds a venue where nothing of these is listed, held or owed. What
would change something there is not served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from .gateio_context import GateContext
from .gateio_errors import contract_not_found, invalid_pair, order_not_found
from .gateio_http import Call, Reply, Route, page, route
from .gateio_json import seconds
from .gateio_limits import PRIVATE, PUBLIC

SETTLES = ("btc", "usd1")
PUBLIC_LISTS = (
    "/margin/currency_pairs", "/margin/uni/currency_pairs", "/margin/loan_margin_tiers", "/margin/cross/currencies",
    "/unified/currency_discount_tiers", "/unified/loan_margin_tiers", "/spot/insurance_history",
    "/options/underlyings", "/options/expirations", "/options/contracts", "/options/tickers", "/options/settlements",
    "/earn/uni/currencies", "/flash_swap/currencies", "/flash_swap/currency_pairs",
    "/loan/collateral/currencies",
)  # fmt: skip
PRIVATE_LISTS = (
    "/spot/price_orders", "/spot/pov_orders", "/futures/usdt/price_orders",
    "/wallet/deposits", "/wallet/withdrawals", "/wallet/sub_account_transfers", "/wallet/sub_account_balances",
    "/wallet/sub_account_margin_balances", "/wallet/sub_account_futures_balances",
    "/wallet/sub_account_cross_margin_balances", "/wallet/saved_address", "/wallet/small_balance",
    "/wallet/small_balance_history", "/wallet/push", "/wallet/getLowCapExchangeList",
    "/account/stp_groups", "/sub_accounts", "/sub_accounts/unified_mode",
    "/margin/accounts", "/margin/account_book", "/margin/funding_accounts", "/margin/user/account",
    "/margin/user/loan_margin_tiers", "/margin/uni/loans", "/margin/uni/loan_records",
    "/margin/uni/interest_records", "/margin/cross/loans", "/margin/cross/repayments", "/margin/cross/account_book",
    "/margin/cross/interest_records",
    "/unified/loans", "/unified/loan_records", "/unified/interest_records", "/unified/transferables",
    "/unified/batch_borrowable", "/unified/leverage/user_currency_setting",
    "/options/positions", "/options/orders", "/options/my_trades", "/options/account_book", "/options/position_close",
    "/options/my_settlements", "/options/mmp",
    "/earn/uni/lends", "/earn/uni/lend_records", "/earn/uni/interest_records", "/flash_swap/orders",
)  # fmt: skip
CANCELLABLE = ("/spot/price_orders", "/spot/pov_orders", "/futures/usdt/price_orders")
CONTRACT_LISTS = ("contracts", "tickers", "insurance", "risk_limit_tiers", "liq_orders")
CONTRACT_MARKETS = ("order_book", "trades", "candlesticks", "funding_rate", "premium_index", "contract_stats")
ACCOUNT_LISTS = (
    "positions", "orders", "my_trades", "account_book", "position_close", "liquidates", "price_orders", "settlements",
    "auto_deleverages", "orders_timerange", "my_trades_timerange",
)  # fmt: skip


@attrs.define(eq=False)
class ElsewhereRest:
    """Handlers of everything that is not spot or USDT perpetuals."""

    context: GateContext

    def routes(self) -> list[Route]:
        found = [route("GET", path, nothing, PUBLIC, private=False) for path in PUBLIC_LISTS]
        found += [route("GET", path, nothing, PRIVATE) for path in PRIVATE_LISTS]
        for path in CANCELLABLE:
            found.append(route("DELETE", path, nothing, PRIVATE))
            found += [route(method, f"{path}/{{order_id}}", no_order, PRIVATE) for method in ("GET", "DELETE")]
        for settle in SETTLES:
            found += self._contracts(f"/futures/{settle}", settle.upper())
        found += self._contracts("/delivery/usdt", "USDT")
        found += self._contracts("/delivery/btc", "BTC")
        return found + self._objects()

    def _contracts(self, base: str, currency: str) -> list[Route]:
        """A family of contracts of which none is listed."""
        accounts = self._account(currency)
        found = [route("GET", f"{base}/{name}", listing, PUBLIC, private=False) for name in CONTRACT_LISTS]
        found += [route("GET", f"{base}/{name}", no_contract, PUBLIC, private=False) for name in CONTRACT_MARKETS]
        found.append(route("GET", f"{base}/contracts/{{contract}}", no_contract, PUBLIC, private=False))
        found += [route("GET", f"{base}/{name}", nothing, PRIVATE) for name in ACCOUNT_LISTS]
        found.append(route("GET", f"{base}/fee", self._empty_map, PRIVATE))
        found.append(route("GET", f"{base}/accounts", accounts, PRIVATE))
        found.append(route("GET", f"{base}/positions/{{contract}}", no_contract, PRIVATE))
        found.append(route("POST", f"{base}/positions/{{contract}}/leverage", no_contract, PRIVATE))
        found.append(route("POST", f"{base}/orders", no_contract, PRIVATE))
        found.append(route("DELETE", f"{base}/orders", nothing, PRIVATE))
        found += [route(method, f"{base}/orders/{{order_id}}", no_order, PRIVATE) for method in ("GET", "DELETE")]
        return found

    def _objects(self) -> list[Route]:
        objects: dict[str, Callable[[Call], Any]] = {
            "/account/debit_fee": lambda _: {"enabled": False},
            "/account/rate_limit": self._rate_limit,
            "/account/main_keys": self._keys,
            "/margin/auto_repay": lambda _: {"status": "off"},
            "/margin/cross/accounts": self._cross_margin,
            "/unified/risk_units": lambda call: _owner(call) | {"spot_hedge": False, "risk_units": []},
            "/unified/borrowable": _no_amount,
            "/unified/transferable": _no_amount,
            "/margin/transferable": _no_amount,
            "/margin/uni/borrowable": lambda call: {"currency": call.required("currency"), "borrowable": "0"},
            "/options/accounts": self._options,
        }

        def reply(value: Callable[[Call], Any]) -> Callable[[Call], Reply]:
            return lambda call: Reply(value(call))

        found = [route("GET", path, reply(value), PRIVATE) for path, value in objects.items()]
        pairs = ("/margin/currency_pairs/{pair}", "/margin/uni/currency_pairs/{pair}")
        found += [route("GET", path, no_pair, PUBLIC, private=False) for path in pairs]
        found.append(route("GET", "/options/contracts/{contract}", no_contract, PUBLIC, private=False))
        return found

    # -- objects

    def _empty_map(self, _: Call) -> Reply:
        return Reply({})

    def _rate_limit(self, call: Call) -> list[dict[str, str]]:
        return [{"tier": "0", "ratio": "0", "main_ratio": "0", "updated_at": str(seconds(call.now_ns))}]

    def _keys(self, call: Call) -> dict[str, Any]:
        read_only = call.headers.get("key", "") in self.context.settings.read_only_keys
        unified = self.context.settings.account_mode == "unified"
        perms = [{"name": name, "read_only": read_only} for name in ("spot", "futures", "wallet", "unified")]
        addresses = list(self.context.settings.ip_whitelist)
        key = {"state": 1, "mode": 2 if unified else 1, "name": "", "currency_pairs": [], "ip_whitelist": addresses}
        return _owner(call) | key | {"perms": perms}

    def _cross_margin(self, call: Call) -> dict[str, Any]:
        sums = dict.fromkeys(
            ("total", "borrowed", "interest", "risk", "total_initial_margin", "total_margin_balance"), "0"
        )
        return _owner(call) | {"locked": False, "balances": {}, **sums}

    def _options(self, call: Call) -> dict[str, Any]:
        sums = dict.fromkeys(
            ("total", "position_value", "equity", "unrealised_pnl", "init_margin", "maint_margin", "order_margin",
             "ask_order_margin", "bid_order_margin", "available", "point"),
            "0",
        )  # fmt: skip
        flags = {"short_enabled": False, "mmp_enabled": False, "liq_triggered": False, "margin_mode": 0}
        limits = {"currency": "USDT", "orders_limit": 100, "position_notional_limit": 2000000}
        return {"user": int(call.uid_text), **sums, **flags, **limits}

    def _account(self, currency: str) -> Callable[[Call], Reply]:
        """A wallet that holds nothing."""

        def answer(call: Call) -> Reply:
            sums = dict.fromkeys(
                ("total", "unrealised_pnl", "position_margin", "order_margin", "available", "point", "bonus",
                 "position_initial_margin", "maintenance_margin", "cross_order_margin", "cross_initial_margin",
                 "cross_maintenance_margin", "cross_unrealised_pnl", "cross_available", "isolated_position_margin"),
                "0",
            )  # fmt: skip
            history = dict.fromkeys(("dnw", "pnl", "fee", "refr", "fund", "point_dnw", "point_fee", "point_refr"), "0")
            history |= {"bonus_dnw": "0", "bonus_offset": "0"}
            flags = {"in_dual_mode": False, "enable_credit": True, "margin_mode": 0, "position_mode": "single"}
            owner = {"user": int(call.uid_text), "currency": currency}
            return Reply(owner | {"history": history} | sums | flags)

        return answer


def _owner(call: Call) -> dict[str, Any]:
    return {"user_id": int(call.uid_text)}


def _no_amount(call: Call) -> dict[str, str]:
    return {"currency": call.required("currency"), "amount": "0"}


def nothing(call: Call) -> Reply:
    """An empty list, with its pagination headers."""
    return page([], call)


def listing(call: Call) -> Reply:
    """An empty list of contracts; a contract that is asked for by name does not exist."""
    if call.params.get("contract"):
        raise contract_not_found()
    return Reply([])


def no_contract(_: Call) -> Reply:
    """Whatever contract is meant, it is not listed."""
    raise contract_not_found()


def no_pair(call: Call) -> Reply:
    """Whatever pair is meant, it is not listed."""
    raise invalid_pair(call.args["pair"])


def no_order(call: Call) -> Reply:
    """Whatever order is meant, there is none."""
    raise order_not_found(f"Order with ID {call.args['order_id']} not found")
