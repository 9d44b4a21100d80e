"""Executions and orders as tables for a terminal."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from dnbot.operate.orders import OrderList
from dnbot.operate.report_format import Column, Figure, Kind, Table
from dnbot.operate.report_text import table_text
from dnbot.operate.trades import TradeList

Row = dict[str, Any]
_DECISION = (
    ("edge", "edge_bps", "bps"), ("required", "required_bps", "bps"),
    ("price of inventory", "inventory_price_bps", "bps"),
    ("buy at most at", "buy_price_cap", ""), ("sell at least at", "sell_price_cap", ""),
    ("to buy", "buy_quantity", ""), ("to sell", "sell_quantity", ""), ("expected gross", "gross_quote", ""),
    ("expected fees", "fees_quote", ""), ("expected slippage", "slippage_quote", ""),
    ("expected funding", "funding_quote", ""), ("expected of the way back", "exit_quote", ""),
    ("expected net", "net_quote", ""), ("confidence", "confidence", "0 to 1"),
    ("adverse move", "adverse_move_bps", "bps"), ("depth risk", "depth_risk", "0 to 1"),
    ("venue risk", "venue_risk", "0 to 1"), ("books", "book_ids", "update ids"), ("books' ages", "book_ages_ms", "ms"),
)


def trades_text(found: TradeList) -> str:
    """One line per execution, the newest first. Edges are net of both fees."""
    base, quote = found.base, found.quote
    columns = (
        Column("ended, UTC"), Column("id"), Column("pair"), Column("purpose"), Column("bought", Kind.BASE, base),
        Column("sold", Kind.BASE, base), Column("estimated", Kind.BPS, "bps", signed=True),
        Column("realised", Kind.BPS, "bps", signed=True), Column("fees", Kind.QUOTE, quote),
        Column("net", Kind.QUOTE, quote, signed=True), Column("state"),
    )
    notes = ["older ones are left out (--limit)"] if found.more else []
    if any(row["status"] in {"open", "refused"} for row in found.rows):
        notes.append("open, refused: the time is that of the orders; refused: none of them had an effect")
    if any(row.get("ambiguous") for row in found.rows):
        notes.append("?: an outcome was unknown for a while")
    rows = tuple(_trade_row(row) for row in found.rows)
    return table_text(Table("trades", "Executions", columns, rows, note="; ".join(notes), empty="none in this period"))


def _trade_row(row: Row) -> tuple[object, ...]:
    figures = ("bought", "sold", "edge_bps", "realised_bps", "fees_quote", "net_quote")
    return (
        moment(row.get("ended_at") or row["started_at"]), row["execution_id"], row["pair_name"], row["purpose"],
        *(amount(row.get(name)) for name in figures), row["status"] + (" ?" if row.get("ambiguous") else ""),
    )


def trade_text(found: Row, base: str, quote: str) -> str:
    """One execution: what it brought, the decision, orders, fills, timings."""
    parts = [_outcome(found["execution"], base, quote)]
    parts += [_decision(one, base, quote) for one in found["evidence"]]
    parts += [orders_table("Orders", found["orders"], None), _fills(found["fills"], base, quote)]
    parts.append(_timings(found["timings"]))
    return "\n\n".join(table_text(table) for table in parts)


def _outcome(row: Row, base: str, quote: str) -> Table:
    said = (
        ("id", row["execution_id"], ""), ("pair", row["pair_name"], ""), ("purpose", row["purpose"], ""),
        ("state", row["status"], ""),
        ("incarnation", row["epoch"], ""), ("bought", _figure(row["bought"], Kind.BASE), base),
        ("sold", _figure(row["sold"], Kind.BASE), base),
        ("left unmatched", _figure(row["residual_base"], Kind.BASE), base),
        ("gross", _figure(row["gross_quote"], Kind.QUOTE), quote),
        ("fees", _figure(row["fees_quote"], Kind.QUOTE), quote),
        ("net", _figure(row["net_quote"], Kind.QUOTE), quote),
        ("expected of the legs", _figure(row["expected_quote"], Kind.QUOTE), quote),
        ("edge, estimated", _figure(row["edge_bps"], Kind.BPS), "bps"),
        ("edge, realised", _figure(row["realised_bps"], Kind.BPS), "bps"), ("naked", row["naked_ms"], "ms"),
        ("an outcome was unknown", {True: "yes", False: "no"}.get(row["ambiguous"]), ""),
    )
    return Table("execution", "Execution", (Column("what"), Column("is"), Column("unit")), said)


def _decision(row: Row, base: str, quote: str) -> Table:
    units = {"_cap": f"{quote} per {base}", "_quantity": base, "_quote": quote}
    figures = tuple(
        (what, row[name], unit or next(text for part, text in units.items() if part in name))
        for what, name, unit in _DECISION
    )
    rows = (("id", row["opportunity_id"], ""), ("outcome", row["outcome"], ""), *figures)
    return Table("decision", "Decision", (Column("what"), Column("is"), Column("unit")), rows)


def _fills(rows: list[Row], base: str, quote: str) -> Table:
    columns = (
        Column("traded, UTC"), Column("venue"), Column("side"), Column("quantity", Kind.NATIVE, base),
        Column("price", Kind.NATIVE, quote), Column("fee", Kind.NATIVE), Column("asset"), Column("as"), Column("trade"),
    )
    cells = tuple(
        (
            moment(row["traded_at"]), row["venue"], row["side"], row["quantity"], row["price"], row["fee"],
            row["fee_asset"], "maker" if row["is_maker"] else "taker", row["trade_id"],
        )
        for row in rows
    )
    return Table("fills", "Fills", columns, cells, empty="none")


def _timings(rows: list[Row]) -> Table:
    columns = (Column("after", Kind.BPS, "ms"), Column("what"), Column("of"))
    cells = tuple((Decimal(str(row["after_ms"])), row["what"], row["of"]) for row in rows)
    note = "traded is told by the venue's clock, committed by the database's, the others by ours"
    return Table("timings", "Timings", columns, cells, note=note, empty="none is stored")


# --- orders -----------------------------------------------------------------------------------------------------------
def orders_text(found: OrderList) -> str:
    """One line per order, the newest first."""
    note = "older ones are left out (--limit)" if found.more else ""
    return table_text(orders_table("Open orders" if found.is_open else "Orders", list(found.rows), found.now, note))


def orders_table(title: str, rows: list[Row], now: datetime | None, note: str = "") -> Table:
    """Orders; with `now` also the age of those that are not settled."""
    columns = (
        Column("created, UTC"), Column("id"), Column("venue"), Column("side"), Column("purpose"),
        Column("quantity", Kind.NATIVE), Column("filled", Kind.NATIVE), Column("limit", Kind.NATIVE), Column("state"),
        Column("took or age" if now else "took", Kind.MS, "ms"), Column("reason"),
    )
    cells = tuple(
        (
            moment(row["created_at"]), row["client_order_id"], row["venue"], row["side"], row["purpose"],
            row["quantity"], row["filled"], row["price"], row["status"] or "only committed", _age_ms(row, now),
            row["reason"],
        )
        for row in rows
    )
    return Table("orders", title, columns, cells, note=note, empty="none")


def _age_ms(row: Row, now: datetime | None) -> int | None:
    """Of an order that is settled from its decision to its last news; of another one until now."""
    if row["settled"]:
        return round(row["changed_at_ms"] - row["created_at_ms"]) if row["changed_at_ms"] else None
    return None if now is None else round(now.timestamp() * 1000 - row["created_at_ms"])


def _figure(text: str | None, kind: Kind) -> Figure:
    return Figure(amount(text), kind)


def amount(text: str | None) -> Decimal | None:
    """A figure of a row."""
    return None if text is None else Decimal(text)


def moment(text: str | None) -> datetime | None:
    """A moment of a row."""
    return None if text is None else datetime.fromisoformat(text)
