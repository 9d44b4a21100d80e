"""The report of a real run, beside the summary that the run itself wrote and the venues' audit judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
DURATION_S = 15
LIMIT_S = 120
DNBOT = (sys.executable, "-m", "dnbot")


def report(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `dnbot report` on a state folder."""
    environment = {**os.environ, "DNBOT_HOME": str(home)}
    return subprocess.run(
        [*DNBOT, "report", *words], env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def run_with_report_meanwhile(home: Path, summary: Path) -> tuple[subprocess.CompletedProcess[str], str]:
    """Let the demo trade, and ask for a report and for its figures as soon as it has traded; returns both."""
    command = [*DNBOT, "run", "--duration", f"{DURATION_S}s", "--summary", str(summary), "--metrics", "127.0.0.1:0"]
    environment = {**os.environ, "DNBOT_HOME": str(home)}
    bot = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=home
    )
    with bot:
        assert bot.stdout is not None
        said: list[str] = []
        meanwhile, figures = None, ""
        for line in bot.stdout:
            said.append(line)
            if meanwhile is None and " executions " in line and " executions 0 " not in line:
                meanwhile = report(home, "--since", "1h")
                figures = figures_at(next(line for line in said if line.startswith("metrics at ")).split()[-1])
    assert bot.returncode == 0, "".join(said[-20:])
    assert meanwhile is not None, "".join(said[-20:])
    return meanwhile, figures


def figures_at(url: str) -> str:
    """What a running bot tells Prometheus."""
    with urllib.request.urlopen(url, timeout=LIMIT_S) as answer:  # noqa: S310 (http on loopback)
        return str(answer.read(), "utf-8")


def test_report_is_the_summary_to_the_last_digit(tmp_path: Path) -> None:
    """Profit by source, counts, delta and adjustments of the report are those of the summary; a running bot's database
    can be read meanwhile, so can its figures, and the page needs nothing from anywhere."""
    home, summary_path = tmp_path / "home", tmp_path / "summary.json"
    home.mkdir()
    meanwhile, figures = run_with_report_meanwhile(home, summary_path)
    assert meanwhile.returncode == 0, meanwhile.stderr
    assert "PROFIT BY SOURCE" in meanwhile.stdout
    timed = r"^(dnbot_(?:burst_handling|order_fill|database_append|event_loop_lag)_seconds)_sum\S* (\S+)$"
    sums = re.findall(timed, figures, re.MULTILINE)
    assert len({name for name, sum_s in sums if float(sum_s) > 0}) == 4, sums

    after = report(
        home, "--since", "all", "--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html"),
        "--csv", str(tmp_path / "csv"),
    )
    assert after.returncode == 0, after.stderr
    summary = json.loads(summary_path.read_text())
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["profit"] == {
        "spread_quote": summary["spread_pnl_quote"], "fees_quote": summary["fees_quote"],
        "funding_quote": summary["funding_quote"], "realised_quote": summary["realised_pnl_quote"],
    }
    assert found["fills"] == summary["fills"] > 0
    assert found["execution_count"] == summary["executions"]
    assert found["inventory"]["delta_base"] == summary["delta_base_final"]
    assert found["tolerance"]["base"] == summary["delta_tolerance_base"]
    worst = abs(Decimal(found["delta_between_fills_worst"]["delta_base"]))
    assert worst >= Decimal(summary["delta_base_worst"])
    assert sum(line["adjustments"] for line in found["ledger"]) == summary["adjustments"] == 0
    assert [check for check in found["checks"] if not check["holds"]] == []
    page = (tmp_path / "r.html").read_text()
    assert page.count("<svg") >= 5
    assert "src=" not in page
    assert "href=" not in page
    fills = (tmp_path / "csv" / "fills.csv").read_text().splitlines()
    assert len(fills) == summary["fills"] + 1
