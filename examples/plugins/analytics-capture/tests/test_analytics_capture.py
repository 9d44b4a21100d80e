"""The columns by themselves, and as dnbot finds them."""

from __future__ import annotations

from decimal import Decimal
from importlib import metadata

import msgspec
import pytest
from dnbot_analytics_capture import Capture

from dnbot.operate.plugins import PluginContext, TradeRow

NOTHING = PluginContext(options={}, secret="", symbol="BTC/USDT", mode="sim")


def trade(net: str | None, expected: str | None, bought: str | None) -> TradeRow:
    """An execution of which only this matters."""
    names = TradeRow.__struct_encode_fields__
    row = dict.fromkeys(names) | {"execution_id": "E1", "status": "complete"}
    row |= {"net_quote": net, "expected_quote": expected, "bought_quote": bought}
    return msgspec.convert(row, TradeRow)


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (trade("1.50", "2", "1000"), ["75", "+5.00"]),
        (trade("3", "2", "1000"), ["150", "-10.00"]),
        (trade("-1", "2", "1000"), ["-50", "+30.00"]),
        (trade("-1", "0", "1000"), [None, "+10.00"]),
        (trade("-1", None, "1000"), [None, None]),
        (trade(None, "2", "1000"), [None, None]),
        (trade("1", "2", None), ["50", None]),
        (trade("1", "2", "0"), ["50", None]),
    ],
)
def test_a_trade_has_its_cells(row: TradeRow, cells: list[str | None]) -> None:
    """Exact to the digits that are shown; nothing where there is nothing to divide by."""
    assert Capture(NOTHING).cells([row]) == [cells]


def test_all_rows_are_answered() -> None:
    """In their order."""
    rows = [trade(str(Decimal(number)), "4", "100") for number in range(5)]
    assert [cells[0] for cells in Capture(NOTHING).cells(rows)] == ["0", "25", "50", "75", "100"]


def test_options_are_refused() -> None:
    """There are none."""
    with pytest.raises(ValueError, match="no options"):
        Capture(PluginContext(options={"digits": 2}, secret="", symbol="BTC/USDT", mode="sim"))


def test_dnbot_finds_it() -> None:
    """By the entry point of the installed package."""
    (found,) = metadata.entry_points(group="dnbot.analytics", name="capture")
    assert found.load() is Capture
