"""Make docs/evidence/run_60s.json and .txt, and the excerpts that README.md shows of them.

    python docs/evidence/make.py              run the demo for 60 s, keep what it said, renew the excerpts
    python docs/evidence/make.py --excerpts   renew the excerpts alone, from the evidence that is there

Every figure that a document gives about a run is in the JSON, beside the command that made it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EVIDENCE = HERE / "run_60s.json"
LINES = HERE / "run_60s.txt"
README = ROOT / "README.md"
RUN_S_MAX = 180
SHOWN_SECONDS = (2, 15, 30, 45, 60)
SHOWN_FIGURES = (
    "exit_code", "duration_s", "executions", "round_trips", "orders_sent", "fills", "realised_pnl_quote",
    "spread_pnl_quote", "fees_quote", "funding_quote", "ledger_residual", "delta_base_final", "naked_ms_worst",
    "faults",
)


def main() -> None:
    """Make what was asked for."""
    if "--excerpts" not in sys.argv[1:]:
        collect()
    README.write_text(with_excerpts(README.read_text(encoding="utf-8")), encoding="utf-8")


def collect() -> None:
    """Run `check` and a minute of the demo in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="dnbot-evidence-") as folder:
        home = Path(folder)
        checked = dnbot(home, "check")
        ran = dnbot(home, "run", "--duration", "60s", "--summary", str(home / "summary.json"))
        evidence = {
            "commands": {"check": "./dnbot check", "run": "./dnbot run --duration 60s --summary summary.json"},
            "machine": {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()},
            "check": checked.splitlines(),
            "summary": json.loads((home / "summary.json").read_text(encoding="utf-8")),
        }
        # The folder of this run says nothing about any other.
        LINES.write_text(ran.replace(str(home / "home"), ".dnbot").replace(folder, "."), encoding="utf-8")
    EVIDENCE.write_text(json.dumps(evidence, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def dnbot(folder: Path, *arguments: str) -> str:
    """What the command printed; raises CalledProcessError when it failed."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "DNBOT_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "dnbot", *arguments]
    ended = subprocess.run(  # noqa: S603 (this checkout's own command)
        command, env=variables, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=RUN_S_MAX, check=True
    )
    return ended.stdout


def with_excerpts(text: str) -> str:
    """The text with every block between `<!-- evidence: NAME -->` and `<!-- end -->` renewed."""
    evidence = json.loads(EVIDENCE.read_text(encoding="utf-8"))
    lines = LINES.read_text(encoding="utf-8").splitlines()
    blocks = {"check": evidence["check"], "status": status_excerpt(lines), "figures": figures(evidence)}

    def block(found: re.Match[str]) -> str:
        fenced = "\n".join(["```", *blocks[found[1]], "```"]) if found[1] != "figures" else "\n".join(blocks["figures"])
        return f"<!-- evidence: {found[1]} -->\n{fenced}\n<!-- end -->"

    return re.sub(r"<!-- evidence: (\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def status_excerpt(lines: list[str]) -> list[str]:
    """The banner, a few of the lines of each second, and the last line."""
    seconds = [number for number, line in enumerate(lines) if " bps  executions " in line]
    shown = [seconds[min(second, len(seconds)) - 1] for second in SHOWN_SECONDS]
    return [lines[number] for number in sorted({0, 1, *shown, len(lines) - 1})]


def figures(evidence: dict[str, Any]) -> list[str]:
    """A table of the run's figures, under their names in the summary."""
    summary = evidence["summary"]
    rows = [f"| `{name}` | {json.dumps(summary[name])} |" for name in SHOWN_FIGURES]
    return [f"From `{evidence['commands']['run']}`:", "", "| figure | value |", "| --- | --- |", *rows]


if __name__ == "__main__":
    main()
