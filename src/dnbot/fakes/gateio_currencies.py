"""Coins of the Gate fake: what can be held and how it would move, read from the markets that are listed.

Source: Gate API v4 docs, "List all currencies' details", "Get details of a specific currency", "List unified account
supported currencies", "Query currency chains", "Retrieve withdrawal status", "Query personal account totals". Nothing
can be deposited or withdrawn here, and every coin says so.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from .gateio_context import GateContext
from .gateio_errors import invalid_currency
from .gateio_http import Call, Reply, Route, route
from .gateio_json import plain
from .gateio_limits import PRIVATE, PUBLIC
from .records import GATE_FUTURES, GATE_SPOT, Venue

CHAINS = {"USDT": "ETH"}


@attrs.define(eq=False)
class CurrenciesRest:
    """Handlers of coins and of what an account holds in all."""

    context: GateContext

    def routes(self) -> list[Route]:
        return [
            route("GET", "/spot/currencies", self.currencies, PUBLIC, private=False),
            route("GET", "/spot/currencies/{currency}", self.currency, PUBLIC, private=False),
            route("GET", "/unified/currencies", self.unified_currencies, PUBLIC, private=False),
            route("GET", "/wallet/currency_chains", self.chains, PUBLIC, private=False),
            route("GET", "/wallet/withdraw_status", self.withdraw_status, PRIVATE),
            route("GET", "/wallet/deposit_address", self.deposit_address, PRIVATE),
            route("GET", "/wallet/total_balance", self.total_balance, PRIVATE),
        ]

    def _names(self) -> list[str]:
        markets = self.context.exchange.instruments(GATE_SPOT)
        return list(dict.fromkeys([*(market.quote for market in markets), *(market.base for market in markets)]))

    def _known(self, name: str) -> str:
        if name not in self._names():
            raise invalid_currency(name)
        return name

    def currencies(self, _: Call) -> Reply:
        return Reply([_currency(name) for name in self._names()])

    def currency(self, call: Call) -> Reply:
        return Reply(_currency(self._known(call.args["currency"])))

    def unified_currencies(self, call: Call) -> Reply:
        wanted = call.params.get("currency", "")
        return Reply([_unified(name) for name in self._names() if wanted in ("", name)])

    def chains(self, call: Call) -> Reply:
        name = self._known(call.required("currency"))
        chain = CHAINS.get(name, name)
        flags = dict.fromkeys(("is_disabled", "is_deposit_disabled", "is_withdraw_disabled"), 1)
        row = {"chain": chain, "name_cn": chain, "name_en": chain, "contract_address": "", **flags}
        return Reply([row | {"decimal": "8", "is_tag": 0}])

    def withdraw_status(self, call: Call) -> Reply:
        wanted = call.params.get("currency", "")
        return Reply([_withdrawal(name) for name in self._names() if wanted in ("", name)])

    def deposit_address(self, call: Call) -> Reply:
        """No address on the coin's one chain: `obtain_failed` says that none could be had."""
        name = self._known(call.required("currency"))
        chain = {"chain": CHAINS.get(name, name), "address": "", "payment_id": "", "payment_name": ""}
        none = chain | {"obtain_failed": 1, "min_confirms": 0}
        return Reply({"currency": name, "address": "", "multichain_addresses": [none]})

    # -- totals

    def total_balance(self, call: Call) -> Reply:
        """Worth of every wallet in `currency` (USDT alone, the only one that prices here are in)."""
        currency = call.params.get("currency") or "USDT"
        if currency not in ("USDT", "USD"):
            raise invalid_currency(currency)
        unrealised = self.context.exchange.margin(call.uid_text).unrealised
        spot, futures = (self._worth(venue, call.uid_text) for venue in (GATE_SPOT, GATE_FUTURES))
        details = {name: _amount(Decimal(0), currency) for name in ELSEWHERE}
        details |= {"spot": _amount(spot, currency), "futures": _amount(futures, currency)}
        details["futures"]["unrealised_pnl"] = plain(unrealised)
        total = _amount(spot + futures, currency) | {"unrealised_pnl": plain(unrealised), "borrowed": "0"}
        return Reply({"details": details, "total": total})

    def _worth(self, venue: Venue, uid: str) -> Decimal:
        worth = Decimal(0)
        for asset, held in self.context.exchange.balances(venue, uid).items():
            price = self.context.exchange.last_price(GATE_SPOT, f"{asset}/USDT") if self._priced(asset) else None
            worth += held.total * (Decimal(1) if asset == "USDT" else price or Decimal(0))
        return worth

    def _priced(self, asset: str) -> bool:
        return self.context.exchange.instrument(GATE_SPOT, f"{asset}/USDT") is not None


ELSEWHERE = ("cross_margin", "margin", "payment", "finance", "quant", "options", "delivery", "meme_box")


def _amount(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": plain(amount), "currency": currency}


def _currency(name: str) -> dict[str, Any]:
    closed = {"withdraw_disabled": True, "withdraw_delayed": False, "deposit_disabled": True}
    chain = CHAINS.get(name, name)
    head: dict[str, Any] = {"currency": name, "name": name, "delisted": False, **closed}
    return head | {"trade_disabled": False, "chain": chain, "chains": [{"name": chain, "addr": "", **closed}]}


def _unified(name: str) -> dict[str, str]:
    limits = {"min_borrow_amount": "0", "user_max_borrow_amount": "0", "total_max_borrow_amount": "0"}
    return {"name": name, "prec": "0.00000001", **limits, "loan_status": "disable"}


def _withdrawal(name: str) -> dict[str, Any]:
    chain = CHAINS.get(name, name)
    amounts = dict.fromkeys(
        ("deposit", "withdraw_fix", "withdraw_day_limit", "withdraw_amount_mini", "withdraw_day_limit_remain",
         "withdraw_eachtime_limit"),
        "0",
    )  # fmt: skip
    head = {"currency": name, "name": name, "name_cn": name, "withdraw_percent": "0%", **amounts}
    return head | {"withdraw_fix_on_chains": {chain: "0"}, "withdraw_percent_on_chains": {chain: "0%"}}
