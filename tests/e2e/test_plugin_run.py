"""`dnbot run` with the packages of examples/ and one that breaks: what they add, and that the run is none the worse."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from plugin_packages import EXAMPLES, install, write
from postgres_here import why_not
from waiting import until

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}"),
]
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "looks-on-" + "v" * 32
BROKEN = """
from dnbot.operate.plugins import Column
class Broken:
    protocol = 1
    columns = (Column(key="never", title="never"),)
    def __init__(self, context): pass
    def cells(self, rows):
        while True: pass
"""


def settings(folder: Path) -> str:
    """The demo with five plugins."""
    demo = (ROOT / "config" / "demo.toml").read_text(encoding="utf-8")
    return demo.replace("[strategy]", "[strategy]\nmaker_first = true") + f"""
[plugins]
load = [
  {{ kind = "alerts", name = "file", options = {{ path = "{folder / "notices.jsonl"}" }} }},
  {{ kind = "analytics", name = "capture" }},
  {{ kind = "execution", name = "maker-first", options = {{ saved_bps_min = 0 }} }},
  {{ kind = "strategies", name = "calm", options = {{ samples_min = 5, share_pct = 30 }} }},
  {{ kind = "analytics", name = "broken", timeout_ms = 300, faults_max = 1 }},
]
"""


def asked(url: str) -> Any:
    """An answer of the dashboard."""
    with urlopen(Request(url, headers={"authorization": f"Bearer {TOKEN}"}), timeout=20) as answer:  # noqa: S310
        return json.load(answer)


def traded(row: dict[str, Any]) -> bool:
    """Whether a pair traded: a leg that rested and met nobody has no value."""
    return bool(row["expected_quote"] and row["bought_quote"])


def test_a_run_with_plugins(tmp_path: Path) -> None:
    """The column is beside every trade, computed from its row; the plugin that loops is switched off within its time,
    which the channel of the other plugin tells people; trading, ledger and exit are those of any run.
    """
    site = tmp_path / "site"
    for package in EXAMPLES.iterdir():
        install(package, site)
    write(site, "broken", BROKEN, analytics="broken:Broken")
    (tmp_path / "plugins.toml").write_text(settings(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}:{site}", "DNBOT_HOME": str(tmp_path / "state"), "DNBOT_WEB_VIEW_TOKEN": TOKEN,
    }
    dnbot = (sys.executable, "-P", "-m", "dnbot")
    words = ("run", "--config", "plugins.toml", "--plain", "--web", f"127.0.0.1:{port}", "--summary", "summary.json")
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen((*dnbot, *words), cwd=tmp_path, env=environment, stdout=said, stderr=said)
    try:
        url = f"http://127.0.0.1:{port}"
        heads = until("columns of both", partial(asked, f"{url}/api/columns"), lambda found: len(found) == 3)
        assert [one["key"] for one in heads] == ["capture.captured", "capture.missed", "broken.never"]
        listed = partial(asked, f"{url}/api/trades")
        trades = until("trades", listed, lambda found: any(traded(row) for row in found))
        row = next(row for row in trades if traded(row))
        bps = (Decimal(row["expected_quote"]) - Decimal(row["net_quote"])) / Decimal(row["bought_quote"]) * 10_000
        assert row["plugins"]["capture.missed"] == f"{bps:+.2f}"
        assert all("broken.never" not in row["plugins"] for row in trades)
        one = asked(f"{url}/api/trades/{row['execution_id']}")
        assert one["execution"]["plugins"]["capture.missed"] == f"{bps:+.2f}"
        status = until(
            "an entry that the adviser would not have",
            lambda: json.loads(subprocess.check_output((*dnbot, "status", "--json"), env=environment)),
            lambda found: "ADVICE" in found["view"]["declined"],
        )
        assert {plugin["name"]: plugin["state"] for plugin in status["plugins"]} == {
            "file": "ready", "capture": "ready", "maker-first": "ready", "calm": "ready", "broken": "off",
        }
        assert any("plugin:broken" in alert["key"] for alert in status["alerts"])
        shown = subprocess.run((*dnbot, "status"), env=environment, capture_output=True, text=True).stdout
        assert "plugin:broken            off, 1 faults: no answer within 300 ms" in shown
        until("a second page", listed, lambda found: len(found) > len(trades))
        subprocess.run((*dnbot, "stop"), env=environment, capture_output=True, timeout=60)
        assert process.wait(60) == 0, (tmp_path / "said").read_text()
    finally:
        process.kill()
        process.wait()
    notices = [json.loads(line)["notice"] for line in (tmp_path / "notices.jsonl").read_text().splitlines()]
    assert any("plugin:broken" in notice["body"] for notice in notices)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["exit_code"] == 0
    assert {left for assets in summary["ledger_residual"].values() for left in assets.values()} == {"0"}
    log = (tmp_path / "state" / "log" / "dnbot.jsonl").read_text()
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert (events.count("plugin_off"), events.count("monitor_failed")) == (1, 0)
