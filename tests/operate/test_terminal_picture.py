"""The picture: whole at any size, honest about what is not known, and deaf to what foreign texts want of it."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st
from rich.console import Console

from dnbot.domain.messages import Alert, ExecutionClosed
from dnbot.operate.status import Status
from dnbot.operate.terminal import Picture, draw, print_status, render_svg, render_text, whole
from dnbot.operate.terminal_blocks import Palette, row_width

HUGE = Decimal(10) ** 25
EVIL = "[bold red]click[/] [link=http://x]\x1b[2J\x1b]0;owned\x07\nsecond line \u202egnp.exe"


def changed(value: Any, **fields: Any) -> Any:
    """The struct with fields replaced."""
    return msgspec.structs.replace(value, **fields)


def test_nothing_known_yet_is_shown_as_unknown(blank: Status) -> None:
    """Before the first read every panel is there, figures are dashes, and no venue is called live."""
    text = render_text(blank, width=132)
    for title in ("standing", "edges", "inventory", "profit", "last executions", "health", "alerts"):
        assert title in text
    assert "INITIALIZING" in text
    assert "down" in text
    assert "live" not in text
    assert "NOT A REAL MARKET" in text


def test_a_running_bot_is_shown_with_its_figures(lively: Status) -> None:
    """State, mode, all six pairs, three venues and the delta with its tolerance stand in the picture."""
    text = render_text(lively, width=132)
    assert "MONITORING_SPREADS" in text
    assert "ACTIVE" in text
    for pair in lively.view.pairs:
        assert pair.pair_name in text
    for name in ("Gate spot", "Gate perp", "MEXC spot"):
        assert text.count(name) == 2
    assert "tolerance 0.000100" in text
    assert "ready" in text
    svg = render_svg(lively)
    assert svg.startswith("<svg")
    assert "MONITORING_SPREADS" in svg


def test_the_picture_is_as_wide_as_the_terminal_and_no_higher(lively: Status) -> None:
    """Every row has the terminal's width; in a low terminal the least important panels are left out, state never."""
    for width in (40, 80, 119, 120, 132, 250):
        assert {row_width(row) for row in whole(lively, width)} == {width}
        for height in (3, 10, 23, 40):
            rows = whole(lively, width, height)
            assert len(rows) <= max(height, 2)
            if height >= 10:
                assert "MONITORING_SPREADS" in "".join(text for row in rows for text, _ in row)


def test_a_frame_is_drawn_in_pieces(lively: Status) -> None:
    """Between two panels the caller can let others run."""
    assert len(list(draw(lively, 132))) >= 8


def test_huge_numbers_do_not_break_the_frame(lively: Status) -> None:
    """Amounts, counters and ages of any size keep every row at its width."""
    view = changed(
        lively.view, delta_base=HUGE, tolerance_base=Decimal("1e-9"), realised_quote=-HUGE, equity_quote=HUGE,
        inventory_base=dict.fromkeys(lively.view.inventory_base, HUGE), executions=10**18, faults=10**12,
        state_age_s=1e12, naked_ms=10**15, declined={"X" * 300: 10**15}, mark=HUGE, funding_bps=1e300,
        pairs=tuple(changed(p, edge_bps=1e300, required_bps=-1e300, z_score=-1e300) for p in lively.view.pairs),
        venues=tuple(
            changed(v, base=HUGE, quote=-HUGE, bid=HUGE, clock_offset_ms=1e300, book_age_ms=10**15)
            for v in lively.view.venues
        ),
    )
    for width in (40, 80, 132):
        assert {row_width(row) for row in whole(changed(lively, view=view), width)} == {width}


def test_foreign_text_is_shown_and_not_obeyed(lively: Status) -> None:
    """Markup in alerts and reasons stays text; escapes and newlines from outside never reach the terminal."""
    status = changed(
        lively, alerts=(Alert(level="critical", key="k", text=EVIL, at_ns=lively.at_ns),), warnings=(EVIL,),
        view=changed(lively.view, mode_why=EVIL, busy=EVIL, declined={EVIL: 1}),
    )
    rows = whole(status, 200)
    text = "\n".join("".join(part for part, _ in row) for row in rows)
    assert text.count("[bold red]click[/]") >= 4
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert {row_width(row) for row in rows} == {200}
    console = Console(file=(tube := io.StringIO()), force_terminal=True, width=200, color_system="standard")
    console.print(Picture(rows, Palette()))
    assert "\x1b[2J" not in tube.getvalue()
    assert "\x1b]0;" not in tube.getvalue()
    assert "\x1b" not in render_svg(status)


def test_trouble_catches_the_eye(lively: Status) -> None:
    """A silent machine, a lost database, HALTED, differing accounts and restarting children are named."""
    child = changed(lively.children[0], running=False)
    venue = changed(lively.view.venues[0], ready=False, differences={"BTC": Decimal(1)})
    view = changed(
        lively.view, store_up=False, mode="HALTED", mode_why="DRAWDOWN", venues=(venue, *lively.view.venues[1:]),
        at_ns=lively.at_ns - 60_000_000_000,
    )
    text = render_text(changed(lively, view=view, children=(child,)), width=132)
    for words in ("SAYS NOTHING FOR 60 s", "DATABASE AWAY", "HALTED", "DRAWDOWN", "DIFFERS", "RESTARTING: "):
        assert words in text
    ended = changed(view, exit_code=0)
    text = render_text(changed(lively, view=ended, children=(child,)), width=132)
    assert "RESTARTING" not in text
    assert "ended with exit code 0" in text


def test_executions_are_shown_newest_first(lively: Status) -> None:
    """Estimate and outcome stand side by side; only the newest eight."""
    closed = tuple(
        ExecutionClosed(
            execution_id=f"x1-{n}", pair_name="GATE_TO_MEXC", purpose="entry", status="complete", bought=Decimal(n),
            sold=Decimal(n), gross_quote=Decimal(0), fees_quote=Decimal(0), net_quote=Decimal("0.5"),
            estimate_net_quote=Decimal("0.75"), residual_base=Decimal(0), started_at_ns=0, ended_at_ns=lively.at_ns,
            naked_ms=12, ambiguous=False, delta_base=Decimal(0), spot_base=Decimal(0), perp_base=Decimal(0),
        )
        for n in range(1, 12)
    )
    text = render_text(changed(lively, executions=closed), width=132)
    assert text.index("11.00000") < text.index("10.00000") < text.index("4.000000")
    assert "3.000000" not in text
    assert text.count("+0.750") == text.count("+0.500") == 8


def test_status_on_the_command_line_is_the_same_picture(
    lively: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    """`dnbot status` prints the picture once, then each child."""
    print_status(lively)
    printed = capsys.readouterr().out
    assert "MONITORING_SPREADS" in printed
    assert "\x1b" not in printed
    for child in lively.children:
        assert any(line.startswith(child.name) for line in printed.splitlines()), child.name


@hypothesis.given(st.integers(-5, 60), st.integers(0, 60))
def test_any_window_size_can_be_drawn(width: int, height: int) -> None:
    """No window is too small to be served."""
    assert list(draw(SMALLEST, width, height))


SMALLEST = msgspec.convert(
    {
        "at_ns": 0, "uptime_s": 0, "this_run": dict.fromkeys(
            ("realised_quote", "spread_quote", "fees_quote", "funding_quote"), "0"
        ),
        "run": {"version": "", "mode": "live", "market": "", "home": "", "pid": 0, "began_ns": 0},
        "view": {
            "at_ns": 0, "symbol": "A/B", "epoch": 0, "state": "INITIALIZING", "state_age_s": 0, "mode": "ACTIVE",
            "mode_why": "", "delta_base": "0", "tolerance_base": None, "hard_limit_base": "0",
            "delta_worst_base": "0", "naked_ms": 0, "naked_worst_ms": 0, "naked_worst_ambiguous_ms": 0,
            "target_base": "0", "inventory_base": {}, "perp_base": "0", "mark": None, "funding_bps": None,
            "funding_in_s": None, "pairs": [], "venues": [], "edges_bps": {}, "realised_quote": "0",
            "spread_quote": "0", "fees_quote": "0", "funding_quote": "0", "equity_quote": None,
            "equity_day_quote": None, "executions": 0, "orders_sent": 0, "fills": 0, "opportunities_seen": 0,
            "declined": {}, "faults": 0, "feeds_fresh": {}, "sessions_ready": {}, "unsettled": 0, "store_up": True,
        },
        "mode_age_s": None, "mode_by": "", "alerts": [], "executions": [], "warnings": [], "children": [],
        "traffic": [], "statistics": {
            "events": 0, "records_written": 0, "log_lines": 0, "log_lines_lost": 0, "queues": [],
        },
    },
    Status,
)
