"""`dnbot run` in mode paper as a person starts it; fakes in another process stand for the real venues."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from postgres_here import why_not

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}"),
]

DNBOT = (sys.executable, "-P", "-m", "dnbot")
KEYS = ("GATE_API_KEY", "GATE_API_SECRET", "MEXC_API_KEY", "MEXC_API_SECRET")
CANARY = "CANARY-of-a-key-that-nobody-reads"
MARK = "PAPER, NO REAL TRADE"


@pytest.fixture
def venues(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What stands for the exchanges: the line that it printed."""
    process = subprocess.Popen(
        (*DNBOT, "fakes", "--tls", "--state", str(tmp_path / "venues"), "--until-stdin-eof"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    line = process.stdout.readline()
    (tmp_path / "fakes.json").write_bytes(line)
    yield json.loads(line)
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def dnbot(folder: Path, *words: str, code: int = 0) -> str:
    """One command among keys that must not be read: whoever read the files would wait until the time is over."""
    pipe = folder / "nobody-writes-here"
    if not pipe.exists():
        os.mkfifo(pipe, 0o600)
    environment = os.environ | dict.fromkeys(KEYS[:2], CANARY) | {f"{name}_FILE": str(pipe) for name in KEYS[2:]}
    done = subprocess.run(
        (*DNBOT, *words), cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == code, (done.returncode, done.stdout[-2000:], done.stderr[-2000:])
    assert CANARY not in done.stdout + done.stderr
    return done.stdout + done.stderr


def heard(venues: dict[str, Any], control: str) -> Any:
    """What the venues' process says of itself."""
    origin = venues["mexc_rest"]
    context = ssl.create_default_context(cafile=venues["ca_file"])
    with urlopen(Request(f"{origin}/__dnbot__/{control}", method="POST"), context=context) as answer:  # noqa: S310
        return json.load(answer)


def test_a_paper_run_from_its_configuration_to_its_report(tmp_path: Path, venues: dict[str, Any]) -> None:
    """It trades, says PAPER with every result, explains every digit, reads no key, and leaves the venues alone."""
    dnbot(tmp_path, "new-config", "--mode", "paper", "--fakes", "fakes.json", "--output", "paper.toml")
    text = (tmp_path / "paper.toml").read_text()
    (tmp_path / "paper.toml").write_text(text.replace("# book_age_ms_max = 1500", "book_age_ms_max = 10000"))
    assert "the account is pretended" in dnbot(tmp_path, "check", "--config", "paper.toml")
    run = ("run", "--config", "paper.toml", "--plain", "--web", "off", "--summary", "summary.json")
    said = dnbot(tmp_path, *run, "--duration", "25s")
    first = json.loads((tmp_path / "summary.json").read_text())
    assert said.count(MARK) >= 2, said  # as it begins, and with what it earned
    assert first["market"]["name"] == "paper"
    assert first["market"]["real"] is False
    assert first["executions"] > 0
    assert {left for assets in first["ledger_residual"].values() for left in assets.values()} == {"0"}
    assert first["adjustments"] == 0
    assert MARK in dnbot(tmp_path, *run, "--duration", "5s")
    again = json.loads((tmp_path / "summary.json").read_text())
    assert again["adjustments"] == 0
    assert {left for assets in again["ledger_residual"].values() for left in assets.values()} == {"0"}
    assert MARK in dnbot(tmp_path, "report", "--config", "paper.toml", "--html", "report.html")
    assert MARK in (tmp_path / "report.html").read_text()
    assert MARK in dnbot(tmp_path, "trades", "--config", "paper.toml")
    assert heard(venues, "requests?since=0")["count"] == 0
    assert heard(venues, "audit")["fills"] == []
    (tmp_path / "sim.toml").write_text(text.replace('mode = "paper"', 'mode = "sim"'))
    refused = dnbot(tmp_path, "run", "--config", "sim.toml", "--plain", "--web", "off", code=2)
    assert "the ledger of a pretended account" in refused
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path
