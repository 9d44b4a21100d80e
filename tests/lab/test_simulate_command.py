"""`dnbot simulate` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dnbot.cli import commands


@pytest.mark.parametrize("text", ["x", "1:", "1:y", "5:4", "-3"])
def test_seeds_that_are_none_are_refused(text: str) -> None:
    """With what is allowed."""
    ended = CliRunner().invoke(commands, ["simulate", "--seeds", text])
    assert ended.exit_code == 2
    assert "1:200" in ended.output or "names no seed" in ended.output


@pytest.mark.slow
def test_a_small_campaign_leaves_its_evidence(tmp_path: Path) -> None:
    """Two seeds, the figures on the screen, and the JSON that says the same."""
    file = tmp_path / "evidence.json"
    arguments = ["simulate", "--seeds", "1:2", "--minutes", "0.5", "--faults", "none", "--json", str(file)]
    ended = CliRunner().invoke(commands, arguments)
    assert ended.exit_code == 0, ended.output
    evidence = json.loads(file.read_text())
    assert [run["seed"] for run in evidence["runs"]] == [1, 2]
    assert len({run["trace_hash"] for run in evidence["runs"]}) == 2
    for run in evidence["runs"]:
        assert run["trace_hash"][:12] in ended.output
        assert run["violations"] == []
        assert set(run) >= {"naked_seconds_worst", "loss_worst_quote", "struck", "checks", "sometimes"}
    assert "2 runs" in ended.output
