"""The page of the scale study: what it names as the first bottleneck, and what it reckons for sizes beyond."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_scaling", ROOT / "docs" / "evidence" / "make_scaling.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def case(symbols: int, processes: int = 1, **changes: Any) -> dict[str, Any]:
    """A worker with 5 % of a core and 60 MB, and 0.5 % and 2 MB more for each symbol."""
    of_each = [0.05 + 0.005 * symbols] * processes
    return {
        "processes": processes, "symbols": symbols, "running": symbols * processes, "start_s": 5.0, "seconds": 20.0,
        "worker_cpu": of_each, "worker_waited": [0.0] * processes, "worker_rss_mb": [60 + 2 * symbols] * processes,
        "fakes_cpu": 0.1, "database_cpu": 0.1, "frames_per_s": 20 * symbols * processes,
        "turn_s": {"count": 9, "p50": 0.001, "p99": 0.01, "p999": -1.0},
        "tick_to_order_s": {"count": 7.0, "p50": 0.004, "p99": 0.025, "p999": -1.0}, "quietest_wait_s": 0.002,
        "loop_lag_s": {"count": 9, "p50": 0.001, "p99": 0.005, "p999": 0.01}, "orders_per_s": 1.0,
        "rows_per_s": 10.0 * symbols * processes, "bytes_per_s": 1000 * symbols * processes,
        "wal_bytes_per_s": 2000 * symbols * processes, "rows_by_table": {"fills": 100, "orders": 0},
    } | changes


def evidence(*cases: dict[str, Any]) -> dict[str, Any]:
    steps = ("attribute_us", "decode_us", "fold_us", "encode_view_us", "decode_view_us")
    told = {"processor": "p", "system": "s", "python": "3", "build": "b", "load": "0"}
    return {
        "machine": told, "command": "c", "cores": 2, "cases": list(cases),
        "apart": dict.fromkeys(steps, 10.0) | {"levels": 25, "view_bytes": 2000, "frames": 10},
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "none is reached"),
        ({"worker_cpu": [0.95]}, "the core of the worker"),
        ({"worker_cpu": [0.6], "worker_waited": [0.35]}, "the machine"),
        ({"worker_cpu": [0.5], "fakes_cpu": 0.92, "database_cpu": 0.1}, "the fakes"),
        ({"worker_cpu": [0.4], "database_cpu": 0.93}, "the database"),
        ({"worker_cpu": [0.7], "fakes_cpu": 0.9, "database_cpu": 0.3}, "the machine"),
        ({"running": 9}, "only 9 tasks run"),
        ({"problem": "boom"}, "a worker ended"),
        ({"worker_cpu": [1.0], "running": 3}, "the core of the worker"),
    ],
)
def test_the_first_bottleneck_is_named_by_the_figures(maker: Any, changes: dict[str, Any], words: str) -> None:
    """Whatever is used up is named; a machine that is too small is not called a limit of the bot."""
    assert words in maker.bottleneck(case(10, **changes), 2)


def test_more_symbols_are_reckoned_from_the_slope(maker: Any) -> None:
    """60 % of a core, less the first symbol's, at half a percent each; saturated cases take no part in it."""
    found = maker.per_symbol(evidence(case(1), case(101), case(200, worker_cpu=[0.97])))
    assert found["core"] == pytest.approx(0.005)
    assert (found["mb"], found["few"], found["many"]) == (pytest.approx(2), 1, 101)
    lines = maker.paper(evidence(case(1), case(101), case(200, worker_cpu=[0.97])))
    assert "**110 symbols**" in lines[0]
    row = next(line for line in lines if line.startswith("| 1,000 |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    # 10 workers with 100 each: 2 private and 2 + 2 public WebSockets per 50 markets of Gate, 15 of MEXC
    assert cells == ["1,000", "10", "2.6 GB", "864.0", "86.4", "2,040", "7", "150"]
    assert maker.paper(evidence(case(1)))[0].startswith("Not computed")


def test_the_page_is_made_of_every_case(maker: Any) -> None:
    """A case that did not come up has a row too, a quantile without a bound says so, and no block is left out."""
    late = case(10, processes=3, start_s=None, running=15)
    told = evidence(late, case(1), case(10, processes=2), {"processes": 1, "symbols": 200, "problem": "a|b\nc"})
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    made = maker.with_tables(text, told)
    assert made.count("<!-- end -->") == 6
    assert "No run is kept yet." not in made
    assert "| 2 x 10 | 10 % |" in made
    assert made.count("| 4 ms / 25 ms of 7 |") == 3
    assert "| 1 x 200 | a/b c |" in made
    assert made.index("| 1 x 200 |") < made.index("| 2 x 10 |") < made.index("not in time: 15 of 30")
    assert maker.with_tables(made, told) == made
    assert maker.with_tables(made, None).count("No run is kept yet.") == 6
    assert maker._ms(-1.0) == "more than 10 s"
