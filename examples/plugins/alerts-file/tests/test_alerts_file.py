"""The channel by itself, and as dnbot loads it."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
from dnbot_alerts_file import FileChannel

from dnbot.operate.plugins import AlertNotice, PluginContext

NOTICE = AlertNotice(level="critical", title="BTC/USDT live: 1 alert", body="hard_limit: delta 0.1")


def context(**options: str | int | bool) -> PluginContext:
    """What dnbot would give."""
    return PluginContext(options=options, secret="", symbol="BTC/USDT", mode="sim")


def test_each_notice_is_a_line(tmp_path: Path) -> None:
    """With its level, title and body, and whose it is."""
    path = tmp_path / "notices.jsonl"
    channel = FileChannel(context(path=str(path)))
    assert channel.tell(NOTICE)
    assert channel.tell(NOTICE)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == second
    assert first["symbol"] == "BTC/USDT"
    assert first["notice"] == {"level": "critical", "title": NOTICE.title, "body": NOTICE.body}


def test_a_file_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    """The notice was not taken, and comes again."""
    folder = tmp_path / "there"
    folder.mkdir()
    channel = FileChannel(context(path=str(folder / "notices.jsonl")))
    (folder / "notices.jsonl").unlink()
    folder.rmdir()
    assert not channel.tell(NOTICE)


@pytest.mark.parametrize("options", [{}, {"path": ""}, {"file": "x"}, {"path": "x", "more": 1}])
def test_options_that_are_none_are_refused(options: dict[str, str | int]) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match="path = "):
        FileChannel(context(**options))


def test_dnbot_finds_it() -> None:
    """By the entry point of the installed package."""
    (found,) = metadata.entry_points(group="dnbot.alerts", name="file")
    assert found.load() is FileChannel
