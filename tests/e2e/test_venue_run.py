"""`dnbot run` with the package of examples/ as its second spot venue: what people and the database see of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from plugin_packages import EXAMPLES, install
from postgres_here import why_not
from waiting import until

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}"),
]
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "looks-on-" + "v" * 32
DNBOT = (sys.executable, "-P", "-m", "dnbot")


def free_port() -> int:
    """One that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def asked(url: str) -> str:
    """An answer of the dashboard or of the metrics' page."""
    with urlopen(Request(url, headers={"authorization": f"Bearer {TOKEN}"}), timeout=20) as answer:  # noqa: S310
        return str(answer.read().decode())


def test_a_run_at_the_examples_exchange(tmp_path: Path) -> None:
    """It trades there, its ledger closes, and status, dashboard, metrics, log, report and rows say EXAMPLE, never MEXC;
    without the package, or without its name in the file, that database is refused.
    """
    site = tmp_path / "site"
    info = install(EXAMPLES / "venue-example", site)
    demo = (ROOT / "config" / "demo.toml").read_text(encoding="utf-8")
    (tmp_path / "mexc.toml").write_text(demo)
    (tmp_path / "example.toml").write_text(demo + '\n[second_spot]\nvenue = "example"\nstall_ms = 5000\n')
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}:{site}", "DNBOT_HOME": str(tmp_path / "state"), "DNBOT_WEB_VIEW_TOKEN": TOKEN,
    }

    def dnbot(*words: str) -> subprocess.CompletedProcess[str]:
        words = (*DNBOT, *words)
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    web, metrics = free_port(), free_port()
    words = ("run", "--config", "example.toml", "--plain", "--summary", "summary.json")
    ports = ("--web", f"127.0.0.1:{web}", "--metrics", f"127.0.0.1:{metrics}")
    seen: dict[str, str] = {}
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen((*DNBOT, *words, *ports), cwd=tmp_path, env=environment, stdout=said, stderr=said)
    try:
        url = f"http://127.0.0.1:{web}/api"
        there = partial(asked, f"{url}/orders?venue=EXAMPLE_SPOT")
        seen["orders"] = until("a fill at the example's", there, lambda text: '"filled"' in text)
        seen["trades"] = until("a trade there", partial(asked, f"{url}/trades"), lambda text: "EXAMPLE" in text)
        seen["me"], seen["profit"] = asked(f"{url}/me"), asked(f"{url}/profit")
        seen["metrics"] = asked(f"http://127.0.0.1:{metrics}/metrics")
        seen["status"], seen["picture"] = dnbot("status", "--json").stdout, dnbot("status").stdout
        status = json.loads(seen["status"])
        assert [row["venue"] for row in status["view"]["venues"]] == ["GATEIO_SPOT", "GATEIO_FUTURES", "EXAMPLE_SPOT"]
        (plugin,) = status["plugins"]
        assert (plugin["kind"], plugin["name"], plugin["state"], plugin["faults"]) == ("venues", "example", "ready", 0)
        assert dnbot("stop").returncode == 0
        assert process.wait(60) == 0, (tmp_path / "said").read_text()
    finally:
        process.kill()
        process.wait()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["exit_code"] == 0
    assert set(summary["ledger_residual"]) == {"GATEIO_SPOT", "GATEIO_FUTURES", "EXAMPLE_SPOT"}
    assert {left for assets in summary["ledger_residual"].values() for left in assets.values()} == {"0"}
    seen["summary"] = json.dumps(summary)
    seen["log"] = (tmp_path / "state" / "log" / "dnbot.jsonl").read_text()
    config = ("--config", "example.toml")
    seen["report"] = dnbot("report", *config, "--csv", "csv", "--html", "page.html").stdout
    seen["page"] = (tmp_path / "page.html").read_text()
    seen |= {path.name: path.read_text() for path in (tmp_path / "csv").iterdir()}
    seen["trades command"], seen["orders command"] = dnbot("trades", *config).stdout, dnbot("orders", *config).stdout
    seen["analysis"] = dnbot("analyze", "performance", *config).stdout
    for what in ("orders", "trades", "metrics", "status", "picture", "summary", "report", "page", "orders command"):
        assert "EXAMPLE" in seen[what], what
    told = {what: [line for line in text.splitlines() if "MEXC" in line][:2] for what, text in seen.items()}
    assert {what: lines for what, lines in told.items() if lines} == {}
    assert "EXAMPLE_SPOT" in dnbot("orders", *config, "--venue", "EXAMPLE_SPOT").stdout
    assert "EXAMPLE_SPOT" in dnbot("orders", *config, "--venue", "MEXC_SPOT").stderr

    refused = dnbot("run", "--config", "mexc.toml", "--plain", "--duration", "5s", "--web", "off")
    assert refused.returncode == 2
    assert "the ledger of EXAMPLE_SPOT, and this run trades MEXC_SPOT" in refused.stderr
    (info / "entry_points.txt").unlink()
    gone = dnbot("run", *config, "--plain", "--web", "off")
    assert gone.returncode == 2
    assert "venues plugin: found 'example'; allowed: none" in gone.stderr
