"""Each condition on its own, through evaluation and book, a look a second: one alert, one end, nothing beside it."""

from __future__ import annotations

import ast
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dnbot.monitor.acting import Action, actions_due
from dnbot.monitor.book import AlertBook, AlertRules
from dnbot.monitor.evaluate import Standing, State, evaluate
from dnbot.monitor.snapshot import Anomaly, Snapshot, Stage, TradeFigures, VenueFigures
from dnbot.monitor.thresholds import MonitorSettings

LIMITS = MonitorSettings()
VENUES = ("GATEIO_SPOT", "GATEIO_FUTURES", "MEXC_SPOT")
MONITOR = Path(__file__).resolve().parents[2] / "src" / "dnbot" / "monitor"
MAKERS = ("over", "under", "when")
ALERT_S_MAX = 5.0
PROVOKED_S, HEALED_S, END_S = 100.0, 200.0, 400.0


STAGES = (
    Stage(name="fill:MEXC_SPOT", times=100, slow=20, limit_ms=9),
    Stage(name="commit", times=19, slow=19, limit_ms=9),
)
"""As slow as they may be, and too few to be judged."""


def venue(name: str = "MEXC_SPOT", **fields: Any) -> VenueFigures:
    """A venue in good order, but for these fields."""
    good = VenueFigures(
        venue=name, book_age_ms=80, clock_offset_ms=12.0, clock_error_ms=30.0, rate_left_pct=90.0, stream_up=True
    )
    return msgspec.structs.replace(good, **fields)


def good(now_s: float) -> Snapshot:
    """Everything as it should be."""
    anomalies = tuple(
        Anomaly(kind=kind, venue=name, times=0, text="none")
        for kind in ("fill_outside_cap", "fill_unexpected", "fee_differs")
        for name in VENUES
    )
    return Snapshot(
        at_ns=round(now_s * 1e9), now_s=now_s, age_s=now_s, state="MONITORING_SPREADS", state_age_s=3.0,
        venues=tuple(map(venue, VENUES)), restarts={"feed:MEXC_SPOT": 0, "journal": 0}, store_lag_ms=900.0,
        loop_lag_ms=3.0, tick_to_order_ms=2.0, stages=STAGES, queues_pct={"inbox": 0.0, "records": 1.0},
        delta_base=Decimal("0.0001"), hard_limit_base=Decimal("0.003"), margin_free_pct=Decimal(50),
        margin_floor_pct=Decimal(30),
        liquidation_pct=Decimal(45), liquidation_min_pct=Decimal(20), funding_bps=1.0, inventory_pct=Decimal(60),
        drawdown_pct=Decimal("0.1"), drawdown_max_pct=Decimal(2), losses_in_a_row=0, losses_max=5, equity_age_s=0.5,
        api_errors_max=10,
        trades=TradeFigures(orders=100, pairs=40, edge_drift_bps=-0.5, drift_pairs=40, anomalies=anomalies),
        disk_free_mib=50_000.0, memory_mib=180.0, descriptors_pct=4.0,
    )


def odd(kind: str) -> dict[str, Any]:
    """One anomaly at MEXC."""
    found = tuple(
        msgspec.structs.replace(one, times=1, text="a trade") if (one.kind, one.venue) == (kind, "MEXC_SPOT") else one
        for one in good(0).trades.anomalies
    )
    return trades(anomalies=found)


def trades(**fields: Any) -> dict[str, Any]:
    """Trade figures with these fields."""
    return {"trades": msgspec.structs.replace(good(0).trades, **fields)}


def mexc(**fields: Any) -> dict[str, Any]:
    """MEXC with these fields."""
    return {"venues": (*map(venue, VENUES[:2]), venue(**fields))}


# key, level, what provokes it, seconds that it must last before it counts
CONDITIONS: list[tuple[str, str, dict[str, Any], float]] = [
    ("feed_stale:MEXC_SPOT", "warning", mexc(book_age_ms=5_001), 0),
    ("feed_stale:MEXC_SPOT", "warning", mexc(book_age_ms=None), 5),
    ("stream_down:MEXC_SPOT", "warning", mexc(stream_up=False), 3),
    ("stream_mute:MEXC_SPOT", "warning", mexc(stream_mute=True), 3),
    ("restarts:feed:MEXC_SPOT", "warning", {"restarts": {"feed:MEXC_SPOT": 6, "journal": 0}}, 0),
    ("recovering", "critical", {"state": "ERROR_RECOVERY", "state_age_s": 31.0}, 0),
    ("clock:MEXC_SPOT", "critical", mexc(clock_offset_ms=-1_200.0), 1),
    ("clock:MEXC_SPOT", "critical", mexc(clock_error_ms=600.0), 1),
    ("rate_budget:MEXC_SPOT", "warning", mexc(rate_left_pct=5.0), 1),
    ("store", "critical", {"store_up": False, "store_lag_ms": 60_000.0}, 0),
    ("store_lag", "warning", {"store_lag_ms": 6_000.0}, 0),
    ("mode:reducing", "info", {"mode": "REDUCING", "mode_why": "lunch"}, 0),
    ("mode:halted", "info", {"mode": "HALTED", "mode_why": "killed"}, 0),
    ("loop_lag", "warning", {"loop_lag_ms": 400.0}, 0),
    ("tick_to_order", "warning", {"tick_to_order_ms": 65.0}, 0),
    ("slow:fill:MEXC_SPOT", "warning", {"stages": (Stage(name="fill:MEXC_SPOT", times=20, slow=6, limit_ms=9),)}, 0),
    ("queue:inbox", "warning", {"queues_pct": {"inbox": 60.0, "records": 1.0}}, 1),
    ("hard_limit", "critical", {"delta_base": Decimal("-0.004")}, 3),
    ("naked", "critical", {"naked_ms": 5_100}, 0),
    ("ambiguous", "warning", {"ambiguous_orders": 1}, 2),
    ("untradable:MEXC_SPOT", "critical", mexc(untradable="status is 3"), 0),
    ("margin_low", "critical", {"margin_free_pct": Decimal(29)}, 0),
    ("margin_low", "critical", {"liquidation_pct": Decimal(19)}, 0),
    ("drawdown", "warning", {"drawdown_pct": Decimal("1.1")}, 0),
    ("drawdown", "critical", {"drawdown_pct": Decimal("2.1")}, 0),
    ("loss_streak", "warning", {"losses_in_a_row": 3}, 0),
    ("pnl_unknown", "critical", {"equity_age_s": 31.0}, 0),
    ("api_errors", "warning", {"api_errors": 5}, 0),
    ("reject_rate", "warning", trades(rejected=21), 0),
    ("ambiguity_rate", "warning", trades(ambiguous=6), 0),
    ("one_sided", "warning", trades(one_sided=11), 0),
    ("edge_drift", "warning", trades(edge_drift_bps=-3.5), 0),
    ("fill_outside_cap:MEXC_SPOT", "critical", odd("fill_outside_cap"), 0),
    ("fill_unexpected:MEXC_SPOT", "critical", odd("fill_unexpected"), 0),
    ("fee_differs:MEXC_SPOT", "warning", odd("fee_differs"), 0),
    ("disk", "critical", {"disk_free_mib": 900.0}, 0),
    ("memory", "warning", {"memory_mib": 2_100.0}, 0),
    ("descriptors", "warning", {"descriptors_pct": 85.0}, 0),
    ("log_lost", "warning", {"log_lines_lost": 3}, 0),
    ("funding", "warning", {"funding_bps": -6.0}, 60),
    ("funding_unbooked", "warning", {"funding_late_s": 601.0}, 0),
]
SLOW = ("inventory_skew", "info", {"inventory_pct": Decimal(99)}, 1_800)


def look(book: AlertBook, state: State, now: Snapshot, limits: MonitorSettings = LIMITS) -> tuple[State, list[str]]:
    """One look as the task takes it; the lines that people were told."""
    found = evaluate(now, limits, state)
    for alert in found.raised:
        book.raise_(alert, now.now_s, watched=True)
    for resolved in found.resolved:
        book.resolve(resolved)
    notice = book.due(now.now_s, now.at_ns)
    return found.state, [f"{now.now_s:.0f} {line}" for line in notice.lines] if notice else []


def history(provoked: dict[str, Any], end_s: float = END_S, healed_s: float = HEALED_S) -> list[str]:
    """What people are told when something is wrong from PROVOKED_S to `healed_s`; looks are one second apart."""
    book, lines = AlertBook(AlertRules(level_min="info"), "dnbot"), list[str]()
    state: State = {}
    for second in range(round(end_s)):
        now = good(float(second))
        if PROVOKED_S <= second < healed_s:
            now = msgspec.structs.replace(now, **provoked)
        state, told = look(book, state, now)
        lines += told
    return lines


@pytest.mark.parametrize(("key", "level", "provoked", "hold_s"), CONDITIONS)
def test_each_condition_is_one_alert_and_one_end(key: str, level: str, provoked: dict[str, Any], hold_s: float) -> None:
    """Told within five seconds of its breach at its level, its end within fifteen of its end, and nothing else is."""
    told, ended = history(provoked)
    at_s, found, what = told.split(" ", 2)
    assert found == level
    assert what.startswith(f"{key}: ")
    assert 0 < float(at_s) - PROVOKED_S - hold_s <= ALERT_S_MAX
    at_s, words = ended.split(" ", 1)
    assert words.startswith(f"resolved {key} after ")
    assert 0 < float(at_s) - HEALED_S <= LIMITS.clear_ms / 1000 + ALERT_S_MAX


def test_inventory_on_one_side_is_told_after_its_time() -> None:
    """Half an hour, not before; at level info."""
    key, level, provoked, hold_s = SLOW
    told, ended = history(provoked, 4_000.0, 3_000.0)
    at_s, found, what = told.split(" ", 2)
    assert (found, what.split(":")[0]) == (level, key)
    assert 0 < float(at_s) - PROVOKED_S - hold_s <= ALERT_S_MAX
    assert f"resolved {key}" in ended


def test_inventory_that_is_just_inside_its_limit_again_is_no_alert() -> None:
    """Where `inventory_ratio` is 0.8 the fuller venue never has less: half an hour is wait enough against flapping."""
    book, lines = AlertBook(AlertRules(level_min="info"), "dnbot"), list[str]()
    state: State = {}
    for second in range(2_000):
        share = Decimal("95.1") if second < 1_900 else Decimal(95)
        state, told = look(book, state, msgspec.structs.replace(good(float(second)), inventory_pct=share))
        lines += told
    assert [line.split(" ", 1)[1].partition(":")[0] for line in lines] == [
        "info inventory_skew", "resolved inventory_skew after 110 s",
    ]


def test_an_hour_in_good_order_tells_nothing() -> None:
    """Of no condition."""
    assert history({}, 3_600.0) == []


def test_every_condition_of_the_code_is_provoked() -> None:
    """The table above has each key that a monitor can raise, with each of its levels."""
    made: dict[str, set[str]] = {"margin_low": {"critical"}}  # made without one of the makers
    for path in MONITOR.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
                level, key = (re.match(r"f?'([a-z_]+)", ast.unparse(argument)) for argument in node.args[:2])
                if level is not None and key is not None:
                    made.setdefault(key[1], set()).add(level[1])
    provoked: dict[str, set[str]] = {}
    for key, level, *_ in (*CONDITIONS, SLOW):
        provoked.setdefault(key.partition(":")[0], set()).add(level)
    assert provoked == made


def test_a_start_and_an_end_are_not_judged() -> None:
    """Before the grace no feed, stream, clock or delay is; in SHUTDOWN no venue is."""
    bad = {**mexc(book_age_ms=None, stream_up=False, clock_offset_ms=9_000.0), "loop_lag_ms": 900.0}
    state: State = {}
    book = AlertBook(AlertRules(level_min="info"), "dnbot")
    for second in range(30):
        state, told = look(book, state, msgspec.structs.replace(good(float(second)), **bad))
        assert told == []
    leaving = {**bad, "state": "SHUTDOWN", "loop_lag_ms": 0.0}
    for second in range(30, 60):
        state, told = look(book, state, msgspec.structs.replace(good(float(second)), **leaving))
        assert told == []


def test_a_drawdown_that_grows_is_told_twice() -> None:
    """Warning at its threshold, critical at the strategy's limit, and one end."""
    book, lines = AlertBook(AlertRules(), "dnbot"), list[str]()
    state: State = {}
    for second in range(100, 300):
        drawdown = "0.1" if second > 200 else "2.5" if second > 150 else "1.5"
        now = msgspec.structs.replace(good(float(second)), drawdown_pct=Decimal(drawdown))
        state, told = look(book, state, now)
        lines += told
    assert [line.split(" ", 1)[1].partition(":")[0] for line in lines] == [
        "warning drawdown", "critical drawdown", "resolved drawdown after 111 s",
    ]


def test_the_database_that_is_down_is_one_alert() -> None:
    """Its lag, which grows meanwhile, is not told beside it."""
    lines = history({"store_up": False, "store_lag_ms": 90_000.0})
    assert [line.split(" ")[1:3] for line in lines] == [["critical", "store:"], ["resolved", "store"]]


@pytest.mark.parametrize(
    ("field", "key", "level", "ask", "wait_s"),
    [
        ("on_drawdown", "drawdown", "critical", "halt", 0), ("on_naked", "naked", "critical", "pause", 60),
        ("on_pnl_unknown", "pnl_unknown", "critical", "pause", 60),
        ("on_clock", "clock:MEXC_SPOT", "critical", "pause", 60),
        ("on_errors", "api_errors", "warning", "pause", 60), ("on_errors", "reject_rate", "warning", "pause", 60),
    ],
)
def test_what_an_alert_asks_for(field: str, key: str, level: str, ask: str, wait_s: int) -> None:
    """As configured, when it has been open for its time, and once; another alert asks for nothing."""
    state = {key: Standing(level=level, text="why", since_s=100.0), "hard_limit": Standing(level="critical")}
    due = [at_s for at_s in (99, 100, 159, 160) if actions_due(state, LIMITS, (), float(at_s))]
    assert min(due) == 100 + wait_s
    assert actions_due(state, LIMITS, (), 160.0) == [Action(key=key, text="why", ask=ask)]
    assert actions_due(state, LIMITS, {key}, 160.0) == []
    assert actions_due({key: Standing(since_s=100.0)}, LIMITS, (), 160.0) == []
    assert actions_due(state, msgspec.structs.replace(LIMITS, **{field: "none"}), (), 160.0) == []


def test_a_drawdown_that_is_only_a_warning_asks_for_nothing() -> None:
    """Until it is at the strategy's limit."""
    assert actions_due({"drawdown": Standing(level="warning", since_s=0.0)}, LIMITS, (), 1_000.0) == []
