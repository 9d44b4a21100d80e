"""REST of one account's money on Gate: spot and unified balances, fees, ledger, transfers between wallets.

Source: Gate API v4 docs, "Wallet", "Account", "Unified", "Spot: List spot accounts / Query account book".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from . import gateio_errors as errors
from .accounts import Balance
from .gateio_context import GateContext
from .gateio_http import Call, Reply, Route, as_decimal, numbered_page, route
from .gateio_json import plain, seconds
from .gateio_limits import PRIVATE, WALLET_TRANSFER
from .gateio_spot_orders import bad_value, refused
from .gateio_spot_shapes import BOOK_TYPES, book_row
from .records import GATE_FUTURES, GATE_SPOT, ZERO, Refusal, Venue

WALLETS: dict[str, Venue] = {"spot": GATE_SPOT, "futures": GATE_FUTURES}
PAIRS_MAX = 50


@attrs.define(eq=False)
class WalletRest:
    """Handlers of balances, fees and transfers."""

    context: GateContext

    def routes(self) -> list[Route]:
        return [
            route("GET", "/spot/accounts", self.spot_accounts, PRIVATE),
            route("GET", "/spot/account_book", self.account_book, PRIVATE),
            route("GET", "/spot/fee", self.spot_fee, PRIVATE),
            route("GET", "/spot/batch_fee", self.batch_fee, PRIVATE),
            route("GET", "/wallet/fee", self.wallet_fee, PRIVATE),
            route("POST", "/wallet/transfers", self.transfer, WALLET_TRANSFER),
            route("GET", "/wallet/order_status", self.transfer_status, PRIVATE),
            route("GET", "/account/detail", self.detail, PRIVATE),
            route("GET", "/unified/accounts", self.unified_accounts, PRIVATE),
            route("GET", "/unified/unified_mode", self.unified_mode, PRIVATE),
        ]

    @property
    def _unified(self) -> bool:
        return self.context.settings.account_mode == "unified"

    def spot_accounts(self, call: Call) -> Reply:
        """Balances of the spot wallet; a unified account shows nothing here."""
        wanted = call.params.get("currency", "")
        rows = []
        for asset, held in self.context.exchange.balances(GATE_SPOT, call.uid_text).items():
            if wanted in ("", asset):
                shown = Balance() if self._unified else held
                update_id = self.context.ledger.of(call.uid_text, GATE_SPOT).rows_by_asset.get(asset, 0)
                row = {"currency": asset, "available": plain(shown.available), "locked": plain(shown.locked)}
                rows.append(row | {"update_id": update_id})
        return Reply(rows)

    def account_book(self, call: Call) -> Reply:
        """The ledger of the spot wallet, newest first."""
        currency, kind = call.params.get("currency", ""), call.params.get("type", "")
        within, code = call.range_ms(), call.params.get("code", "")
        rows = [
            book_row(row)
            for row in reversed(self.context.exchange.account(call.uid_text).ledger)
            if row.venue == GATE_SPOT
            and currency in ("", row.asset)
            and kind in ("", BOOK_TYPES.get(row.kind, row.kind))
            and code == ""
            and row.time_ms in within
        ]
        return numbered_page(rows, call)

    # -- fees

    def _spot_rates(self, uid: str) -> dict[str, Any]:
        rates = self.context.exchange.fee_rates(GATE_SPOT, uid)
        return {
            "user_id": int(uid),
            "taker_fee": plain(rates.taker),
            "maker_fee": plain(rates.maker),
            "rpi_maker_fee": "",
            "gt_discount": False,
            "gt_taker_fee": "0",
            "gt_maker_fee": "0",
            "loan_fee": "0.18",
            "point_type": "1",
        }

    def wallet_fee(self, call: Call) -> Reply:
        futures = self.context.exchange.fee_rates(GATE_FUTURES, call.uid_text)
        taker, maker = plain(futures.taker), plain(futures.maker)
        return Reply(
            self._spot_rates(call.uid_text)
            | {
                "futures_taker_fee": taker,
                "futures_maker_fee": maker,
                "delivery_taker_fee": taker,
                "delivery_maker_fee": maker,
                "debit_fee": 3,
            }
        )

    def spot_fee(self, call: Call) -> Reply:
        name = call.params.get("currency_pair", "")
        if name:
            self.context.pair(name)
        return Reply(self._spot_rates(call.uid_text) | {"debit_fee": 3, "currency_pair": name})

    def batch_fee(self, call: Call) -> Reply:
        names = call.required("currency_pairs").split(",")
        if len(names) > PAIRS_MAX:
            raise errors.GateError(400, "TOO_BIG", f"limit {PAIRS_MAX}")
        rates = self._spot_rates(call.uid_text) | {"debit_fee": 3}
        return Reply({self.context.pair(name).name: rates | {"currency_pair": name} for name in names})

    # -- account

    def detail(self, call: Call) -> Reply:
        return Reply(
            {
                "user_id": int(call.uid_text),
                "ip_whitelist": ["127.0.0.1"],
                "currency_pairs": [],
                "tier": 0,
                "key": {"mode": 2 if self._unified else 1},
                "copy_trading_role": 0,
            }
        )

    def transfer(self, call: Call) -> Reply:
        """Move money between the spot and the futures wallet."""
        body = call.json_object()
        for name in ("currency", "from", "to", "amount"):
            if body.get(name) in (None, ""):
                raise errors.missing_param(name)
        source, target = WALLETS.get(str(body["from"])), WALLETS.get(str(body["to"]))
        if source is None or target is None or source == target:
            raise bad_value("from", body["from"])
        if body.get("settle", "usdt") not in ("usdt", "USDT") or body["currency"] != "USDT":
            raise errors.GateError(400, "INVALID_CURRENCY", f"Invalid currency {body['currency']}")
        amount = as_decimal(body["amount"])
        if amount is None or amount <= 0:
            raise bad_value("amount", body["amount"])
        moved = self.context.exchange.transfer(call.uid_text, "USDT", source, target, amount)
        if isinstance(moved, Refusal):
            raise refused(moved)
        return Reply({"tx_id": moved})

    def transfer_status(self, call: Call) -> Reply:
        """Whether a transfer between wallets arrived; here it does at once."""
        wanted = call.required("tx_id")
        own = [t.transfer_id for t in self.context.exchange.state.transfers if t.uid == call.uid_text]
        if wanted not in map(str, own):
            raise bad_value("tx_id", wanted)
        return Reply({"tx_id": wanted, "status": "SUCCESS"})

    # -- unified

    def unified_mode(self, _: Call) -> Reply:
        mode = "multi_currency" if self._unified else "classic"
        settings = {"usdt_futures": self._unified, "spot_hedge": False, "use_funding": False, "options": False}
        return Reply({"mode": mode, "settings": settings})

    def unified_accounts(self, call: Call) -> Reply:
        """Spot and futures money of a unified account as one map; refused for a classic one."""
        if not self._unified:
            raise errors.GateError(400, "USER_NOT_FOUND", "unified account is not opened")
        held: dict[str, Balance] = {}
        for venue in (GATE_SPOT, GATE_FUTURES):
            for asset, balance in self.context.exchange.balances(venue, call.uid_text).items():
                sum_ = held.setdefault(asset, Balance())
                sum_.total += balance.total
                sum_.locked += balance.locked
        equity = sum((balance.total for asset, balance in held.items() if asset == "USDT"), ZERO)
        margin = self.context.exchange.margin(call.uid_text)
        return Reply(
            {
                "user_id": int(call.uid_text),
                "refresh_time": seconds(call.now_ns),
                "locked": False,
                "balances": {asset: _unified_balance(balance) for asset, balance in held.items()},
                "total": plain(equity),
                "borrowed": "0",
                "total_initial_margin": plain(margin.position + margin.orders),
                "total_margin_balance": plain(equity + margin.unrealised),
                "total_maintenance_margin": plain(margin.maintenance),
                "total_available_margin": plain(equity + margin.unrealised - margin.position - margin.orders),
                "unified_account_total": plain(equity),
                "unified_account_total_liab": "0",
                "unified_account_total_equity": plain(equity + margin.unrealised),
                "leverage": "3",
                "spot_hedge": False,
                "use_funding": False,
                "is_all_collateral": True,
            }
        )


def _unified_balance(balance: Balance) -> dict[str, Any]:
    total, zero = plain(balance.total), plain(Decimal(0))
    shown: dict[str, Any] = {
        "available": plain(balance.available),
        "freeze": plain(balance.locked),
        "borrowed": zero,
        "negative_liab": zero,
        "equity": total,
        "total_freeze": plain(balance.locked),
        "total_liab": zero,
        "spot_in_use": zero,
        "funding": zero,
        "cross_balance": total,
        "iso_balance": zero,
        "im": zero,
        "mm": zero,
        "imr": zero,
        "mmr": zero,
        "margin_balance": total,
        "available_margin": plain(balance.available),
    }
    return shown | {"enabled_collateral": True}
