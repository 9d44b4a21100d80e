"""The official gate-api SDK pointed at the fakes, and the few things that its tests do again and again."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import gate_api
import pytest
from fakes_server import Fakes
from gate_api.exceptions import GateApiException
from gate_models import CheckedClient

D = Decimal
PAIR = CONTRACT = "BTC_USDT"
SETTLE = "usdt"
SPOT_TICK, PERP_TICK = D("0.1"), D("0.1")

# What the SDK's models leave out or type otherwise although the venue's recorded answers have it: the fakes follow the
# recordings (docs/fidelity.md, "Gate: types").
KNOWN_DEPARTURES = (
    "Contract.cross_leverage_default", "Contract.funding_offset", "Contract.funding_rate_indicative",
    "Contract.is_pre_market", "Contract.long_users", "Contract.short_users", "Contract.voucher_leverage",
    "FuturesAccount.margin_mode_name", "FuturesAccount.pnl_dividend", "FuturesAccount.position_voucher_total",
    "FuturesAccount.update_id", "FuturesAccount.update_time", "FuturesAccount.user",
    "FuturesFee.rpi_maker_fee",
    "Order.biz_info", "OrderCancel.biz_info",
    "BatchOrder.biz_info", "BatchOrder.gt_maker_fee", "BatchOrder.gt_taker_fee",
    "BatchFuturesOrder.amend_text", "BatchFuturesOrder.biz_info", "BatchFuturesOrder.pnl",
    "BatchFuturesOrder.pnl_margin", "BatchFuturesOrder.refr", "BatchFuturesOrder.update_id",
    "BatchFuturesOrder.update_time",
    "ContractStat.top_lsr_size",  # a ratio, and a number before the SDK made strings of all sizes
    "FuturesOrder.biz_info", "FuturesOrder.pnl", "FuturesOrder.pnl_margin", "FuturesOrder.refr",
    "FuturesOrder.update_id",
    "FuturesOrderTimerange.biz_info", "FuturesOrderTimerange.pnl", "FuturesOrderTimerange.pnl_margin",
    "FuturesOrderTimerange.refr", "FuturesOrderTimerange.update_id",
    "FuturesOrderTimerange.finish_time", "FuturesOrderTimerange.update_time",  # float seconds, as everywhere
    "MyFuturesTradeTimeRange.trade_value",
    "TriggerTime.triggerTime",  # string in the documents' example, integer in their schema
)  # fmt: skip


class Gate:
    """One account's view of Gate through the SDK."""

    def __init__(self, fakes: Fakes, key: str, secret: str) -> None:
        configuration = gate_api.Configuration(host=fakes.gate_rest, key=key, secret=secret)
        configuration.ssl_ca_cert = fakes.ca_file
        self.client = CheckedClient(configuration)
        self.spot = gate_api.SpotApi(self.client)
        self.futures = gate_api.FuturesApi(self.client)
        self.wallet = gate_api.WalletApi(self.client)
        self.account = gate_api.AccountApi(self.client)
        self.unified = gate_api.UnifiedApi(self.client)

    def departures(self) -> list[str]:
        """Where answers so far departed from the SDK's models, the known places left out."""
        return sorted(found for found in set(self.client.departures) if found.split(":")[0] not in KNOWN_DEPARTURES)

    # -- spot

    def best(self) -> tuple[Decimal, Decimal]:
        """Best bid and best ask of the spot pair."""
        book = self.spot.list_order_book(PAIR, limit=1)
        return D(book.bids[0][0]), D(book.asks[0][0])

    def place(self, side: str, amount: object, price: object | None = None, **more: Any) -> Any:
        """One spot order; without a price a market order."""
        kind = (
            {"type": "limit", "price": str(price)} if price is not None else {"type": "market", "time_in_force": "ioc"}
        )
        order = gate_api.Order(currency_pair=PAIR, side=side, amount=str(amount), account="spot", **{**kind, **more})
        return self.spot.create_order(order)

    def balances(self) -> dict[str, Decimal]:
        """Total of every spot coin."""
        return {row.currency: D(row.available) + D(row.locked) for row in self.spot.list_spot_accounts()}

    def trades_of(self, order_id: str) -> list[Any]:
        """The fills of one spot order."""
        return self.spot.list_my_trades(currency_pair=PAIR, order_id=order_id)

    # -- futures

    def perp_best(self) -> tuple[Decimal, Decimal]:
        """Best bid and best ask of the contract."""
        book = self.futures.list_futures_order_book(SETTLE, CONTRACT, limit=1)
        return D(book.bids[0].p), D(book.asks[0].p)

    def perp(self, size: object, price: object = "0", tif: str = "ioc", **more: Any) -> Any:
        """One order for contracts; a price of 0 with ioc is a market order."""
        order = gate_api.FuturesOrder(contract=CONTRACT, size=str(size), price=str(price), tif=tif, **more)
        return self.futures.create_futures_order(SETTLE, order)


def refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> GateApiException:
    """The refusal that a call must meet."""
    with pytest.raises(GateApiException) as caught:
        call(*args, **kwargs)
    return caught.value
