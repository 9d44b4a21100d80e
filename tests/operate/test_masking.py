"""Every way by which a text of the bot reaches a person or a table, with a canary in that text."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio
from rich.console import Console

from dnbot.domain.messages import Alert, ModeChanged
from dnbot.operate.control_words import AskStatus, Done, Pause, StatusTold
from dnbot.operate.face import PlainFace
from dnbot.operate.masking import Mask
from dnbot.operate.screen import Screen
from dnbot.operate.status import Status
from dnbot.operate.summary import tell_summary
from dnbot.operate.terminal import print_status, render_svg, render_text
from dnbot.operate.watch import Watch
from dnbot.ports.clock import VirtualClock
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.postgres_rows import records_document
from dnbot.ports.redaction import Redactor
from dnbot.strategy.states import TradingMode
from dnbot.web.hub import Hub

if TYPE_CHECKING:
    from pathlib import Path

CANARY = 'canary/Sec+ret="0123456789'
REGISTRY = SecretRegistry()
REGISTRY.add(Secret(CANARY))
WORDS = f"GET /x?signature={CANARY} was refused"
ALERT = Alert(level="critical", key="bug", text=WORDS, at_ns=1)


def hides(text: object) -> bool:
    """Whether a text was masked, and holds no part of the canary that could be used."""
    found = text if isinstance(text, str) else str(text)
    return "***" in found and "canary" not in found and "0123456789" not in found


def test_a_text_without_a_secret_stays_the_same_object() -> None:
    """Pictures come twice a second: only a leak costs a copy."""
    mask, value = Mask(REGISTRY), {"KEY": "0.5", "why": "signature=abc password: x"}
    assert mask.shown(value, dict[str, str]) is value
    assert mask.text(WORDS) == "GET /x?signature=*** was refused"
    assert hides(mask.shown({"why": WORDS}, dict[str, str]))


def test_a_secret_that_comes_later_is_masked_too() -> None:
    """The registry is asked each time."""
    registry = SecretRegistry()
    mask = Mask(registry)
    registry.add(Secret("another-one-0123"))
    assert mask.text("another-one-0123") == "***"
    assert "canary" in mask.text(WORDS)
    registry.add(Secret(CANARY))
    assert hides(mask.text(WORDS))


@pytest.mark.slow
async def test_status_terminal_browser_and_control_channel_show_none(
    manned: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One alert, one error of a task and one reason, looked at by everybody who can look at a bot."""
    async with manned() as here:
        here.report.mask = Mask(REGISTRY)
        await trio.sleep(1)
        here.watch.take(ALERT)
        child = next(iter(here.bot.supervisor.children.values()))
        monkeypatch.setattr(child, "last_error", WORDS)
        status = here.report()
        assert isinstance(status, Status)
        assert hides(status.alerts)
        assert hides(status.children)
        reply = await here.ask(AskStatus(tree=True))
        assert isinstance(reply, StatusTold)
        assert hides(msgspec.json.encode(reply).decode())
        hub = Hub(here.report, here.watch, readers=1)
        await hub._look(here.bot.context, sample=True)
        assert hides(hub._picture.decode())
        assert hides(render_text(status, width=150))
        assert hides(render_svg(status))
        print_status(status)
        assert hides(capsys.readouterr().out)
        assert isinstance(await here.ask(Pause(why=f"because {CANARY}")), Done)
        assert hides(await here.ask(Pause(why="again")))  # which answers with the reason of the first


def test_rows_hold_none() -> None:
    """The document of what is recorded: alerts and reasons, in the very words of an error."""
    changed = ModeChanged(from_mode="ACTIVE", to_mode=TradingMode.HALTED.name, why=WORDS, by="monitor", at_ns=1)
    document = Mask(REGISTRY).text(records_document([ALERT, changed], 0))
    assert hides(document)
    assert json.loads(document)


def test_the_summary_holds_none(tmp_path: Path) -> None:
    """Neither the file nor the sentence at the end."""
    out = io.StringIO()
    summary = dict.fromkeys(
        ("duration_s", "executions", "round_trips", "realised_pnl_quote", "delta_base_final", "ledger_residual"), "0"
    )
    masked = Mask(REGISTRY).shown(
        summary | {"exit_reason": WORDS, "market": {"name": "fakes"}}, dict[str, Any]
    )
    tell_summary(masked, tmp_path / "summary.json", PlainFace(out))
    assert hides((tmp_path / "summary.json").read_text())
    assert hides(out.getvalue())


def test_a_balance_that_looks_like_a_key_is_masked_in_its_line() -> None:
    """A coin called KEY: the redactor of the log takes its balance for a key; the line is still one."""
    watch, clock = Watch(), VirtualClock(0)
    log = EventLog(clock, [watch], Redactor(REGISTRY))
    log.append("warning", "balances", {"held": {"KEY": 5}}, 0)
    log.append("warning", "library", {"text": "fine"}, 0)
    log.flush_now()
    assert list(watch.warnings) == ["balances held={'KEY': '***'}", "library text=fine"]
    assert log.statistics().redactions == 1


def test_a_sentence_on_the_screen_steers_nothing() -> None:
    """What a run says above its picture."""
    screen = Screen(-1)
    screen.say("no\x1b[2J\u202e")
    out = io.StringIO()

    class Shown:
        console = Console(file=out, force_terminal=True, width=80)

        def update(self, *_: object, **__: object) -> None:
            """Nothing is drawn."""

    screen._show(Shown(), [])  # type: ignore[arg-type]  # what rich's Live offers of itself here
    assert "\x1b[2J" not in out.getvalue()
    assert "\u202e" not in out.getvalue()
