"""Words to columns and back: one JSON document per call, keyed by table, numbers that are money as strings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar, assert_never

import msgspec

from dnbot.domain.instrument import Instrument, Symbol, Venue
from dnbot.domain.messages import (
    Alert,
    BalancesSampled,
    BookTopSampled,
    ExecutionClosed,
    FillBooked,
    FundingSampled,
    InstrumentChanged,
    MetricSampled,
    ModeChanged,
    OpportunityDeclined,
    OpportunityTaken,
    OrderChanged,
    PortfolioSaved,
    PositionSampled,
    Record,
    RowBooked,
    StateChanged,
    TransferChanged,
)
from dnbot.domain.order import Fill, Order, OrderIntent
from dnbot.domain.pair import Opportunity, PnlEstimate
from dnbot.domain.position import LedgerEntry, Portfolio
from dnbot.domain.transfer import Transfer
from dnbot.ports.postgres_text import storable
from dnbot.ports.store import StoredState, UnresolvedIntent
from dnbot.ports.store_rebuild import rebuilt, says_something

Row = dict[str, object]
_S = TypeVar("_S", bound=msgspec.Struct)


class DatabaseRow(Protocol):
    """What a driver gives for a row."""

    def __getitem__(self, column: str, /) -> Any: ...


class StoredRows(msgspec.Struct, frozen=True, kw_only=True):
    """The answers to the queries of `load`, of one and the same moment."""

    saved: Sequence[DatabaseRow]
    fills_after: Sequence[DatabaseRow]
    entries_after: Sequence[DatabaseRow]
    mode: Sequence[DatabaseRow]
    unsettled: Sequence[DatabaseRow]
    seen: Sequence[DatabaseRow]
    repairs: Sequence[DatabaseRow]
    transfers: Sequence[DatabaseRow]
    crashes: Sequence[DatabaseRow]
    newest: Sequence[DatabaseRow]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_S = 1_000_000_000


def instant(at_ns: int) -> datetime:
    """Nanoseconds since the epoch as a time, cut to the microseconds that the database keeps."""
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def intents_document(intents: Sequence[OrderIntent], execution_id: str, opportunity: Opportunity | None) -> str:
    """The argument of `commit_intents`."""
    document = _Document()
    for intent in intents:
        document.add("intents", intent_row(intent))
        document.execution(intent.execution_id)
    document.execution(execution_id)
    if opportunity is not None:
        document.add("opportunities", opportunity_row(opportunity, execution_id, "committed", None))
    return document.encoded()


def transfer_document(transfer: Transfer) -> str:
    """The argument of `commit_transfer`."""
    return msgspec.json.encode(transfer_row(transfer)).decode()


def records_document(records: Sequence[Record], after: int) -> str:
    """The argument of `append_records`: the records, numbered from `after + 1`.

    Of an order's records only the last is written, and of portfolios only the last: each holds all before it.
    """
    document = _Document()
    for sequence, record in enumerate(records, after + 1):
        _add(document, record, sequence)
    return document.encoded()


class _Document:
    """Rows by table, while they are collected."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._last: dict[str, dict[str, Row]] = {}

    def add(self, table: str, row: Row) -> None:
        self._rows.setdefault(table, []).append(row)

    def put(self, table: str, key: str, row: Row) -> None:
        """The last row of a key stands."""
        self._last.setdefault(table, {})[key] = row

    def execution(self, execution_id: str) -> None:
        if execution_id:
            self.put("executions", execution_id, {})

    def encoded(self) -> str:
        tables: dict[str, object] = {"executions": list(self._last.pop("executions", {}))}
        tables.update({name: list(rows.values()) for name, rows in self._last.items()})
        tables.update(self._rows)
        return storable(msgspec.json.encode(tables).decode())


def _add(document: _Document, record: Record, sequence: int) -> None:
    match record:
        case OrderChanged():
            _add_order(document, record, sequence)
        case FillBooked():
            _add_fill(document, record, sequence)
        case RowBooked():
            for entry in record.entries:
                document.add("ledger_entries", entry_row(entry, sequence, None))
        case TransferChanged():
            document.put("transfers", record.transfer.transfer_id, transfer_row(record.transfer))
        case PortfolioSaved():
            row: Row = {"sequence": sequence, "portfolio": record.portfolio, "at": instant(record.at_ns)}
            document.put("portfolio_snapshots", "", row)
        case StateChanged() | ModeChanged() | Alert():
            _add_event(document, record, sequence)
        case OpportunityTaken():
            document.execution(record.execution_id)
            row = opportunity_row(record.opportunity, record.execution_id, "taken", record.at_ns)
            document.put("opportunities", record.opportunity.opportunity_id, row)
        case ExecutionClosed():
            _add_closed(document, record)
        case InstrumentChanged():
            document.put("symbols", record.instrument.venue.value, _listing_row(record.instrument))
        case (
            OpportunityDeclined() | BalancesSampled() | PositionSampled() | FundingSampled() | BookTopSampled()
            | MetricSampled()
        ):
            _add_sample(document, record)
        case _:
            assert_never(record)


def _add_order(document: _Document, record: OrderChanged, sequence: int) -> None:
    order = record.order
    if not says_something(order):
        return
    name = order.intent.client_order_id
    document.execution(order.intent.execution_id)
    document.put("intents", name, intent_row(order.intent))
    row: Row = {
        "client_order_id": name, "status": order.status, "venue_order_id": order.venue_order_id,
        "filled": order.filled, "reported_filled": order.reported_filled, "reason": order.reason,
        "sent_at_ns": order.sent_at_ns, "changed_at_ns": order.changed_at_ns, "sequence": sequence,
    }
    document.put("orders", name, row)


def _add_fill(document: _Document, record: FillBooked, sequence: int) -> None:
    fill = record.fill
    document.execution(record.execution_id)
    row: Row = {
        "venue": fill.venue, "symbol": str(fill.symbol), "trade_id": fill.trade_id,
        "venue_order_id": fill.venue_order_id, "client_order_id": fill.client_order_id, "side": fill.side,
        "price": fill.price, "quantity": fill.quantity, "fee": fill.fee, "fee_asset": fill.fee_asset,
        "fee_price": fill.fee_price, "is_maker": fill.is_maker,
        "traded_at": instant(fill.traded_at_ns), "traded_at_ns": fill.traded_at_ns,
        "execution_id": record.execution_id or None, "sequence": sequence, "booked_at": instant(record.at_ns),
    }
    document.add("fills", row)
    for entry in record.entries:
        document.add("ledger_entries", entry_row(entry, sequence, fill.trade_id))


def _add_event(document: _Document, record: StateChanged | ModeChanged | Alert, sequence: int) -> None:
    row: Row = {"sequence": sequence, "at": instant(record.at_ns), "at_ns": record.at_ns}
    match record:
        case StateChanged():
            row |= {
                "number": record.sequence, "from_state": record.from_state, "to_state": record.to_state,
                "trigger": record.trigger, "why": record.why,
            }
            document.add("state_transitions", row)
        case ModeChanged():
            row |= {
                "from_mode": record.from_mode, "to_mode": record.to_mode, "why": record.why, "changed_by": record.by,
            }
            document.add("trading_modes", row)
        case Alert():
            row |= {"level": record.level, "key": record.key, "text": record.text}
            document.add("alerts", row)


def _add_closed(document: _Document, record: ExecutionClosed) -> None:
    at = instant(record.ended_at_ns)
    document.execution(record.execution_id)
    names = (
        "execution_id", "pair_name", "purpose", "status", "bought", "sold", "gross_quote", "fees_quote", "net_quote",
        "estimate_net_quote", "residual_base", "started_at_ns", "ended_at_ns", "naked_ms", "ambiguous",
    )
    row: Row = {name: getattr(record, name) for name in names}
    row |= {"started_at": instant(record.started_at_ns), "ended_at": at}
    document.put("trade_executions", record.execution_id, row)
    document.add("position_snapshots", {
        "at": at, "execution_id": record.execution_id, "spot_base": record.spot_base, "perp_base": record.perp_base,
        "delta_base": record.delta_base,
    })
    for name, value in execution_metrics(record):
        document.add("performance_metrics", {
            "at": at, "execution_id": record.execution_id, "name": name, "value": value,
        })


def execution_metrics(record: ExecutionClosed) -> tuple[tuple[str, Decimal], ...]:
    """The figures of performance that one execution gives."""
    return (
        ("execution_net_quote", record.net_quote),
        ("execution_against_estimate_quote", record.net_quote - record.estimate_net_quote),
        ("execution_duration_ms", Decimal((record.ended_at_ns - record.started_at_ns) // 1_000_000)),
        ("execution_naked_ms", Decimal(record.naked_ms)),
    )


Sample = OpportunityDeclined | BalancesSampled | PositionSampled | FundingSampled | BookTopSampled | MetricSampled


def _add_sample(document: _Document, record: Sample) -> None:
    at: Row = {"at": instant(record.at_ns)}
    names: tuple[str, ...]
    match record:
        case OpportunityDeclined():
            document.add("opportunities_declined", at | _declined_row(record))
        case BalancesSampled():
            names = ("venue", "asset", "reported", "ledger")
            document.add("balance_snapshots", at | _fields(record, names))
        case PositionSampled():
            names = (
                "spot_gate", "spot_mexc", "perp_base", "delta_base", "mark", "liquidation_price", "equity_quote",
                "realised_quote",
            )
            row = at | _fields(record, names) | {"spot_base": record.spot_gate + record.spot_mexc}
            document.add("position_snapshots", row)
        case FundingSampled():
            document.add("funding_rate_snapshots", at | _funding_row(record))
        case BookTopSampled():
            names = ("venue", "bid", "bid_quantity", "ask", "ask_quantity", "update_id")
            document.add("book_ticker_snapshots", at | _fields(record, names))
        case MetricSampled():
            document.add("performance_metrics", at | {"name": record.name, "value": str(record.value)})


def _funding_row(record: FundingSampled) -> Row:
    funding, mark = record.funding, record.mark
    return {
        "venue": funding.venue, "rate": funding.rate, "interval_s": funding.interval_s,
        "next_at": instant(funding.next_at_s * _NS_PER_S), "mark": mark.mark if mark else None,
        "index_price": mark.index if mark else None,
    }


def _declined_row(record: OpportunityDeclined) -> Row:
    declined = record.declined
    row = _fields(declined, ("pair_name", "reason", "text", "edge_bps"))
    row["count"] = record.count
    return row | (_estimate_row(declined.estimate) if declined.estimate else {})


def _estimate_row(estimate: PnlEstimate) -> Row:
    return _fields(estimate, PnlEstimate.__struct_fields__)


def _listing_row(instrument: Instrument) -> Row:
    return _fields(instrument, (name for name in Instrument.__struct_fields__ if name != "symbol"))


def _fields(record: msgspec.Struct, names: Iterable[str]) -> Row:
    return {name: getattr(record, name) for name in names}


def intent_row(intent: OrderIntent) -> Row:
    """A row of `order_intents`."""
    row = _fields(intent, OrderIntent.__struct_fields__)
    row["symbol"] = str(intent.symbol)
    row["execution_id"] = intent.execution_id or None
    row["created_at"] = instant(intent.created_at_ns)
    return row


def transfer_row(transfer: Transfer) -> Row:
    """A row of `transfers`."""
    return _fields(transfer, Transfer.__struct_fields__) | {"created_at": instant(transfer.created_at_ns)}


def entry_row(entry: LedgerEntry, sequence: int, trade_id: str | None) -> Row:
    """A row of `ledger_entries`; `trade_id` names the fill that caused it."""
    row = _fields(entry, LedgerEntry.__struct_fields__)
    return row | {"at": instant(entry.at_ns), "trade_id": trade_id, "sequence": sequence}


def opportunity_row(opportunity: Opportunity, execution_id: str, outcome: str, taken_at_ns: int | None) -> Row:
    """A row of `opportunities_taken`."""
    left_out = {"estimate", "risk"}
    row = _fields(opportunity, (name for name in Opportunity.__struct_fields__ if name not in left_out))
    row |= _estimate_row(opportunity.estimate)
    row |= _fields(opportunity.risk, ("confidence", "adverse_move_bps", "depth_risk", "venue_risk"))
    row |= {
        "execution_id": execution_id, "outcome": outcome, "found_at": instant(opportunity.found_at_ns),
        "taken_at": instant(taken_at_ns) if taken_at_ns is not None else None,
    }
    return row


def fill_of(row: DatabaseRow) -> Fill:
    """A fill from its row."""
    return _struct(row, Fill)


def entry_of(row: DatabaseRow) -> LedgerEntry:
    """A ledger entry from its row."""
    return _struct(row, LedgerEntry)


def transfer_of(row: DatabaseRow) -> Transfer:
    """A transfer from its row."""
    return _struct(row, Transfer)


def intent_of(row: DatabaseRow) -> OrderIntent:
    """An intent from its row."""
    return _struct(row, OrderIntent, execution_id=row["execution_id"] or "")


def order_of(row: DatabaseRow) -> Order:
    """An order from the joined rows of `order_intents` and `orders`."""
    return _struct(row, Order, intent=intent_of(row))


def _struct(row: DatabaseRow, kind: type[_S], **given: object) -> _S:
    values = given | {name: row[name] for name in kind.__struct_fields__ if name not in given}
    if "symbol" in values:
        values["symbol"] = Symbol.parse(row["symbol"])
    return msgspec.convert(values, kind)


def state_of(symbol: Symbol, found: StoredRows) -> StoredState:
    """What a new incarnation starts from."""
    mode: dict[str, Any] = {"mode": found.mode[0]["to_mode"], "mode_why": found.mode[0]["why"]} if found.mode else {}
    orders = [order_of(row) for row in found.unsettled]
    return StoredState(
        portfolio=_portfolio(symbol, found),
        unresolved=tuple(
            UnresolvedIntent(
                intent=order.intent, status=order.status, venue_order_id=order.venue_order_id,
                reported_filled=order.reported_filled,
            )
            for order in orders
        ),
        seen=tuple(row["key"] for row in reversed(found.seen)),
        fill_ms={Venue(row["venue"]): row["fill_ms"] for row in found.newest if row["fill_ms"] is not None},
        row_ms={Venue(row["venue"]): row["row_ms"] for row in found.newest if row["row_ms"] is not None},
        repairs=tuple(order_of(row) for row in found.repairs),
        transfers=tuple(transfer_of(row) for row in found.transfers),
        crashes=found.crashes[0]["crashes"],
        opened=tuple(Venue(row["venue"]) for row in found.newest if row["opened"]),
        **mode,
    )


def _portfolio(symbol: Symbol, found: StoredRows) -> Portfolio | None:
    saved = msgspec.json.decode(found.saved[0]["portfolio"], type=Portfolio) if found.saved else None
    later: list[tuple[int, Fill | LedgerEntry]] = [
        *((row["sequence"], fill_of(row)) for row in found.fills_after),
        *((row["sequence"], entry_of(row)) for row in found.entries_after),
    ]
    return rebuilt(symbol, saved, [item for _, item in sorted(later, key=lambda pair: pair[0])])
