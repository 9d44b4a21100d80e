"""What is printed: nothing steers the terminal, and a traceback holds no secret."""

from __future__ import annotations

import json
import sys

import click
import pytest
from click.testing import CliRunner

from dnbot import cli
from dnbot.config import Settings
from dnbot.domain.errors import VenueRefused
from dnbot.operate import check as check_module
from dnbot.operate.console import LastWords, json_text, tell, tell_json
from dnbot.ports.credentials import Secret, SecretRegistry
from dnbot.ports.redaction import Redactor

CANARY = "canary/Sec+ret=0123456789"
NASTY = "no\x1b]0;owned\x07 \x9b2J \u202egnp.exe\r\x00"
"""A title, a clearing of the screen in one byte, a turn of the writing, the begin of the line, NUL."""
STEERS = set("\x1b\x07\x9b\u202e\r\x00")


def test_words_of_others_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Their lines stay lines, and everything else that a terminal obeys is visible; JSON stays the same value."""
    tell(f"first\nsecond {NASTY}")
    tell(NASTY, err=True)
    tell_json({"why": NASTY})
    out, err = capsys.readouterr()
    assert STEERS & set(out + err) == set()
    assert out.startswith("first\nsecond no\\x1b]0;owned")
    assert json.loads(json_text({"why": NASTY})) == {"why": NASTY}


def test_a_venues_words_in_an_error_do_not_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence with which a command ends may repeat what a venue said."""

    async def refused(_settings: Settings, _registry: SecretRegistry) -> str:
        raise VenueRefused("MEXC_SPOT", "10072", NASTY)

    monkeypatch.setattr(check_module, "check_report", refused)
    found = CliRunner().invoke(cli.commands, ["check"])
    assert found.exit_code == cli.EXIT_UNAVAILABLE
    assert "no\\x1b]0;owned\\x07" in found.output
    assert STEERS & set(found.output) == set()


def told_of(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    """What is told of a bug by a process that knows the canary."""
    registry = SecretRegistry()
    last_words = LastWords(Redactor(registry))
    registry.add(Secret(CANARY))  # learned after the hook was made, as in a run
    try:
        raise error
    except type(error) as bug:
        last_words(type(bug), bug, bug.__traceback__)
    return capsys.readouterr().err


@pytest.mark.parametrize("form", [CANARY, f"https://x/?signature={CANARY}", f"{CANARY}!".encode(), NASTY + CANARY])
def test_a_traceback_holds_no_secret(form: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Also in its cause and in a group; the place of the bug stays readable."""
    inner = RuntimeError(f"Illegal header value {form!r}")
    inner.__cause__ = ValueError(f"{form}")
    text = told_of(ExceptionGroup("a group", [inner]), capsys)
    assert "canary" not in text
    assert "***" in text
    assert "Traceback" in text
    assert "test_console.py" in text
    assert STEERS & set(text) == set()


def test_nothing_that_ends_the_process_goes_another_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug of a command has its exit code and a masked traceback; so have errors that nobody catches."""
    begun = []
    for hook in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    monkeypatch.setattr(cli, "keep_to_itself", lambda: begun.append("kept"))

    def command(obj: SecretRegistry, **_: object) -> None:
        assert begun == ["kept"]
        obj.add(Secret(CANARY))
        raise ZeroDivisionError(CANARY)

    monkeypatch.setattr(cli, "commands", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.EXIT_INTERNAL
    first = capsys.readouterr().err
    assert "ZeroDivisionError: ***" in first
    sys.excepthook(KeyError, KeyError(CANARY), None)
    assert "KeyError: '***'" in capsys.readouterr().err

    sys.unraisablehook(type("Args", (), {
        "exc_type": OSError, "exc_value": OSError(CANARY), "exc_traceback": None, "err_msg": None, "object": None,
    })())  # fmt: skip
    assert "OSError: ***" in capsys.readouterr().err


@click.command()
def _probe() -> None:
    """A command."""


def test_the_commands_of_one_process_share_what_they_know() -> None:
    """`run`, `kill` and `check` enter their secrets where the traceback looks for them."""
    registry = SecretRegistry()
    with click.Context(_probe, obj=registry):
        assert cli._registry() is registry
