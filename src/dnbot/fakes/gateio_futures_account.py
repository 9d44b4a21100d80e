"""REST of an account's money and positions on Gate USDT perpetuals.

Source: Gate API v4 docs, "Futures: Query futures account", "Query account book", "List all positions",
"Update position leverage", "Toggle dual mode", "Query futures market trading fee rates".
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from . import gateio_futures_shapes as shapes
from .gateio_context import GateContext
from .gateio_errors import GateError, invalid_argument
from .gateio_futures_orders import refused
from .gateio_http import Call, Reply, Route, as_decimal, contracts, page, route
from .gateio_json import plain, seconds
from .gateio_limits import PRIVATE
from .instruments import Instrument
from .ledger_state import Margin
from .records import GATE_FUTURES, ZERO, PositionState, Refusal

DUAL_SIDES = ("dual_long", "dual_short")
BOOK_KINDS = (
    "dnw", "pnl", "fee", "fund", "refr", "point_dnw", "point_fee", "point_refr", "bonus_dnw", "bonus_offset",
    "cross_settle",
)  # fmt: skip


def position_margin(position: PositionState, mark: Decimal) -> Decimal:
    """An isolated position's own margin; of a cross one, initial margin at the leverage in force."""
    margin = position.margin if position.isolated else position.value(mark) / position.cross_leverage
    return margin.quantize(Decimal("1e-8"))


@attrs.define(eq=False)
class FuturesAccountRest:
    """Handlers of the perpetual wallet, positions, leverage and fees."""

    context: GateContext

    def routes(self) -> list[Route]:
        base = "/futures/usdt"
        one = f"{base}/positions/{{contract}}"
        return [
            route("GET", f"{base}/accounts", self.accounts, PRIVATE),
            route("GET", f"{base}/account_book", self.account_book, PRIVATE),
            route("GET", f"{base}/fee", self.fee, PRIVATE),
            route("GET", f"{base}/positions", self.positions, PRIVATE),
            route("GET", one, self.position, PRIVATE),
            route("POST", f"{one}/leverage", self.set_leverage, PRIVATE),
            route("POST", f"{one}/set_leverage", self.set_leverage_mode, PRIVATE),
            route("POST", f"{one}/margin", self.change_margin, PRIVATE),
            route("POST", f"{one}/risk_limit", self.set_risk_limit, PRIVATE),
            route("GET", f"{base}/get_leverage/{{contract}}", self.get_leverage, PRIVATE),
            route("POST", f"{base}/positions/cross_mode", self.cross_mode, PRIVATE),
            route("GET", f"{base}/dual_comp/positions/{{contract}}", self.dual_position, PRIVATE),
            route("POST", f"{base}/dual_comp/positions/{{contract}}/leverage", self.set_dual_leverage, PRIVATE),
            route("POST", f"{base}/dual_comp/positions/{{contract}}/margin", self.change_dual_margin, PRIVATE),
            route("POST", f"{base}/dual_comp/positions/{{contract}}/risk_limit", self.set_dual_risk_limit, PRIVATE),
            route("POST", f"{base}/dual_comp/positions/cross_mode", self.dual_cross_mode, PRIVATE),
            route("POST", f"{base}/dual_mode", self.dual_mode, PRIVATE),
            route("POST", f"{base}/set_position_mode", self.position_mode, PRIVATE),
        ]

    def _require_wallet(self, uid: str) -> None:
        """The perpetual wallet exists only after the first transfer into it."""
        account = self.context.exchange.account(uid)
        held = account.balances.get((GATE_FUTURES, "USDT"))
        if held is None or (not held.total and not self.context.ledger.of(uid, GATE_FUTURES).rows):
            raise GateError(400, "USER_NOT_FOUND", "please transfer funds first to create futures account")

    def _require_single(self, uid: str) -> None:
        if self.context.mode_of(uid) != "single":
            raise GateError(400, "POSITION_DUAL_MODE", "dual mode")

    def _require_dual(self, uid: str) -> None:
        """The `dual_comp` calls are of the dual modes alone; no label is documented for the other way round."""
        if self.context.mode_of(uid) == "single":
            raise invalid_argument("position mode is single")

    # -- money

    def accounts(self, call: Call) -> Reply:
        self._require_wallet(call.uid_text)
        return Reply(self._account(call.uid_text, call))

    def _account(self, uid: str, call: Call) -> dict[str, Any]:
        exchange, unified = self.context.exchange, self.context.settings.account_mode == "unified"
        margin = Margin() if unified else exchange.margin(uid)
        ledger = self.context.ledger.of(uid, GATE_FUTURES)
        sums = dict.fromkeys(BOOK_KINDS, ZERO)
        for kind, change in ledger.change_by_kind.items():
            sums[shapes.account_book_type(kind)] += change
        mode = self.context.mode_of(uid)
        return {
            "order_margin": plain(margin.orders),
            "point": "0",
            "bonus": "0",
            "pnl_dividend": "0",
            "history": {kind: plain(amount) for kind, amount in sums.items()},
            "unrealised_pnl": plain(margin.unrealised),
            "total": plain(margin.total),
            "available": plain(max(margin.available, ZERO)),
            "enable_credit": True,
            "in_dual_mode": mode != "single",
            "currency": "USDT",
            "position_margin": plain(margin.position),
            "user": int(uid),
            "update_time": ledger.newest_ms // 1000 if ledger.rows else seconds(call.now_ns),
            "update_id": ledger.rows,
            "position_initial_margin": plain(margin.position),
            "maintenance_margin": plain(margin.maintenance),
            "margin_mode": 1 if unified else 0,
            "enable_evolved_classic": True,
            "cross_initial_margin": plain(margin.position - margin.isolated),
            "cross_maintenance_margin": plain(margin.cross_maintenance),
            "cross_order_margin": plain(margin.orders),
            "cross_unrealised_pnl": plain(margin.unrealised - margin.isolated_unrealised),
            "cross_available": plain(max(margin.available, ZERO)),
            "isolated_position_margin": plain(margin.isolated),
            "enable_new_dual_mode": mode == "dual_plus",
            "margin_mode_name": "multi_currency" if unified else "classic",
            "enable_tiered_mm": True,
            "position_voucher_total": "0",
            "position_mode": mode,
        }

    def account_book(self, call: Call) -> Reply:
        """The ledger of the perpetual wallet, newest first; `balance` is the running one after each row."""
        self._require_wallet(call.uid_text)
        wanted, kind = call.params.get("contract", ""), call.params.get("type", "")
        within = call.range_ms()
        rows = [
            shapes.book_row(row, self.context.contract_name(row.symbol))
            for row in reversed(self.context.exchange.account(call.uid_text).ledger)
            if row.venue == GATE_FUTURES
            and wanted in ("", self.context.contract_name(row.symbol))
            and kind in ("", shapes.account_book_type(row.kind))
            and row.time_ms in within
        ]
        return page(rows, call)

    def fee(self, call: Call) -> Reply:
        name = call.params.get("contract", "")
        markets = [self.context.contract(name)] if name else self.context.exchange.instruments(GATE_FUTURES)
        rates = self.context.exchange.fee_rates(GATE_FUTURES, call.uid_text)
        row = {"taker_fee": plain(rates.taker), "maker_fee": plain(rates.maker), "rpi_maker_fee": ""}
        return Reply({market.name: row for market in markets})

    # -- positions

    def _position(self, position: PositionState, market: Instrument, decimal_sizes: bool) -> dict[str, Any]:
        exchange = self.context.exchange
        mark = exchange.mark(market.symbol).mark
        liquidation = exchange.liquidation_price(position.uid, market.symbol)
        value = shapes.rest_position(position, market, mark, position_margin(position, mark), liquidation)
        tier = exchange.state.tier(position)
        value["maintenance_margin"] = plain(exchange.state.maintenance(position))
        value["maintenance_rate"] = value["average_maintenance_rate"] = plain(tier.maintenance_rate)
        value["leverage_max"], value["risk_limit"] = plain(tier.leverage_max), plain(tier.limit)
        value["adl_ranking"] = exchange.adl_grade(position.uid, market.symbol)
        value["size"] = contracts(position.contracts, decimal_sizes)
        value["pending_orders"] = len(exchange.open_orders(GATE_FUTURES, position.uid, market.symbol))
        return value

    def positions(self, call: Call) -> Reply:
        """Positions that were ever touched, or with `holding` those that are held; a dual mode has two per contract."""
        self._require_wallet(call.uid_text)
        holding = call.flag("holding")
        rows: list[dict[str, Any]] = []
        for position in self.context.exchange.account(call.uid_text).positions.values():
            market = self.context.exchange.instrument(GATE_FUTURES, position.symbol)
            if market is not None and position.update_id and (position.contracts or not holding):
                rows += self._sides(self._position(position, market, call.decimal_sizes), call.uid_text)
        return page(rows, call, limit_max=100)

    def _sides(self, row: dict[str, Any], uid: str) -> list[dict[str, Any]]:
        """The row itself in single mode; in a dual mode, where nothing can be held here, a flat one for each side."""
        if self.context.mode_of(uid) == "single":
            return [row]
        return [row | {"mode": side} for side in DUAL_SIDES]

    def position(self, call: Call) -> Reply:
        self._require_wallet(call.uid_text)
        self._require_single(call.uid_text)
        market = self.context.contract(call.args["contract"])
        found = self.context.exchange.account(call.uid_text).positions.get(market.symbol)
        if found is None or not found.update_id:
            if self.context.settings.untouched_position == "not_found":
                raise GateError(400, "POSITION_NOT_FOUND", "position not found")
            found = PositionState(call.uid_text, market.symbol, multiplier=market.multiplier)
        return Reply(self._position(found, market, call.decimal_sizes))

    def set_leverage(self, call: Call) -> Reply:
        """`leverage` above 0 is isolated, 0 with `cross_leverage_limit` is cross; arguments are in the query."""
        self._require_single(call.uid_text)
        return Reply(self._asked_leverage(call))

    def _asked_leverage(self, call: Call) -> dict[str, Any]:
        leverage = as_decimal(call.required("leverage"))
        limit = as_decimal(call.params["cross_leverage_limit"]) if call.params.get("cross_leverage_limit") else None
        return self._leverage(call, leverage, limit)

    def set_leverage_mode(self, call: Call) -> Reply:
        """The newer form: `leverage` and `margin_mode`."""
        self._require_single(call.uid_text)
        leverage = as_decimal(call.required("leverage"))
        if call.params.get("margin_mode", "cross") not in ("cross", "isolated"):
            raise invalid_argument("invalid margin_mode")
        if call.params.get("margin_mode", "cross") == "cross":
            return Reply(self._leverage(call, ZERO, leverage))
        return Reply(self._leverage(call, leverage, None))

    def get_leverage(self, call: Call) -> Reply:
        """The leverage in force on a contract."""
        self._require_wallet(call.uid_text)
        market = self.context.contract(call.args["contract"])
        position = self.context.exchange.position(call.uid_text, market.symbol)
        return Reply({"Lever": plain(position.leverage_in_force)})  # spelled so in the SDK, FuturesLeverage

    def _leverage(self, call: Call, leverage: Decimal | None, limit: Decimal | None) -> dict[str, Any]:
        self._require_wallet(call.uid_text)
        market = self.context.contract(call.args["contract"])
        for wanted in (leverage, limit):
            if wanted is not None and wanted > market.leverage_max:
                raise GateError(400, "LEVERAGE_TOO_HIGH", f"leverage is over {plain(market.leverage_max)}")
        if leverage is None or leverage < 0 or (limit is not None and limit <= 0):
            raise invalid_argument("invalid leverage")
        if 0 < leverage < 1:
            raise GateError(400, "LEVERAGE_TOO_LOW", "leverage is less than 1")
        changed = self.context.exchange.set_leverage(call.uid_text, market.symbol, leverage, limit)
        return self._changed(changed, market, call)

    def _changed(self, outcome: PositionState | Refusal, market: Instrument, call: Call) -> dict[str, Any]:
        if isinstance(outcome, Refusal):
            raise refused(outcome)
        return self._position(outcome, market, call.decimal_sizes)

    def change_margin(self, call: Call) -> Reply:
        """Add to (or, negative, take from) the margin of an isolated position; `change` is in the query."""
        self._require_single(call.uid_text)
        return Reply(self._margin(call))

    def _margin(self, call: Call) -> dict[str, Any]:
        self._require_wallet(call.uid_text)
        market, change = self.context.contract(call.args["contract"]), as_decimal(call.required("change"))
        if not change:
            raise invalid_argument("invalid change")
        outcome = self.context.exchange.change_margin(call.uid_text, market.symbol, change)
        return self._changed(outcome, market, call)

    def cross_mode(self, call: Call) -> Reply:
        """Switch between cross and isolated; isolated takes the leverage that was in force."""
        self._require_single(call.uid_text)
        return Reply(self._cross_mode(call))

    def _cross_mode(self, call: Call) -> dict[str, Any]:
        self._require_wallet(call.uid_text)
        body = call.json_object()
        market = self.context.contract(str(body.get("contract", "")))
        if body.get("mode") not in ("ISOLATED", "CROSS"):
            raise invalid_argument("invalid mode")
        position = self.context.exchange.position(call.uid_text, market.symbol)
        leverage = ZERO if body["mode"] == "CROSS" else (position.leverage or position.cross_leverage)
        changed = self.context.exchange.set_leverage(call.uid_text, market.symbol, leverage)
        return self._changed(changed, market, call)

    def set_risk_limit(self, call: Call) -> Reply:
        """Choose a tier; tiers follow the value of a position here, so a choice is checked and changes nothing."""
        self._require_single(call.uid_text)
        return Reply(self._risk_limit(call))

    def _risk_limit(self, call: Call) -> dict[str, Any]:
        self._require_wallet(call.uid_text)
        market, wanted = self.context.contract(call.args["contract"]), as_decimal(call.required("risk_limit"))
        exchange = self.context.exchange
        position = exchange.position(call.uid_text, market.symbol)
        if not wanted or wanted < 0:
            raise invalid_argument("invalid risk_limit")
        if wanted > exchange.state.tiers[market.symbol][-1].limit:
            raise GateError(400, "RISK_LIMIT_TOO_HIGH", "risk limit is too high")
        if wanted < exchange.state.tier(position).limit:
            raise GateError(400, "RISK_LIMIT_TOO_lOW", "risk limit is too low")  # spelled so in the documents
        return self._position(position, market, call.decimal_sizes)

    # -- the two positions per contract of a dual mode

    def dual_position(self, call: Call) -> Reply:
        """Both sides of a contract, an array."""
        self._require_wallet(call.uid_text)
        self._require_dual(call.uid_text)
        market = self.context.contract(call.args["contract"])
        held = self.context.exchange.position(call.uid_text, market.symbol)
        return Reply(self._sides(self._position(held, market, call.decimal_sizes), call.uid_text))

    def set_dual_leverage(self, call: Call) -> Reply:
        """As in single mode, for both sides."""
        self._require_dual(call.uid_text)
        return Reply(self._sides(self._asked_leverage(call), call.uid_text))

    def change_dual_margin(self, call: Call) -> Reply:
        """Refused: nothing is held in a dual mode here, and a flat position takes no margin."""
        self._require_dual(call.uid_text)
        if call.required("dual_side") not in DUAL_SIDES:
            raise invalid_argument("invalid dual_side")
        return Reply(self._sides(self._margin(call), call.uid_text))

    def set_dual_risk_limit(self, call: Call) -> Reply:
        """As in single mode, for both sides."""
        self._require_dual(call.uid_text)
        return Reply(self._sides(self._risk_limit(call), call.uid_text))

    def dual_cross_mode(self, call: Call) -> Reply:
        """As in single mode, for both sides."""
        self._require_dual(call.uid_text)
        return Reply(self._sides(self._cross_mode(call), call.uid_text))

    # -- position mode

    def dual_mode(self, call: Call) -> Reply:
        wanted = call.required("dual_mode").lower()
        if wanted not in ("true", "false"):
            raise invalid_argument("invalid dual_mode")
        return Reply(self._set_mode(call, "dual" if wanted == "true" else "single"))

    def position_mode(self, call: Call) -> Reply:
        wanted = call.required("position_mode")
        if wanted not in ("single", "dual", "dual_plus"):
            raise invalid_argument("invalid position_mode")
        return Reply(self._set_mode(call, wanted))

    def _set_mode(self, call: Call, mode: str) -> dict[str, Any]:
        """Refused with open positions or orders, and when nothing would change. Orders in dual mode are not served."""
        uid, exchange = call.uid_text, self.context.exchange
        self._require_wallet(uid)
        if mode == self.context.mode_of(uid):
            raise GateError(400, "NO_CHANGE", "no change")
        if any(position.contracts for position in exchange.account(uid).positions.values()):
            raise GateError(400, "POSITION_HOLDING", "position holding")
        if exchange.open_orders(GATE_FUTURES, uid):
            raise GateError(400, "ORDER_PENDING", "order pending")
        self.context.position_mode[uid] = mode
        return self._account(uid, call)
