"""Make docs/evidence/run_60s.json, .txt and .svg (a picture of the run), and the excerpts that README.md shows.

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
PICTURE = HERE / "run_60s.svg"
PICTURE_AT_S = 45
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
        ran = run_with_picture(home)
        evidence = {
            "commit": commit(),
            "commands": {"check": "./dnbot check", "run": "./dnbot run --duration 60s --summary summary.json"},
            "machine": {"python": platform.python_version(), "system": platform.system(), "cores": os.cpu_count()},
            "check": checked.splitlines(),
            "summary": json.loads((home / "summary.json").read_text(encoding="utf-8")),
        }
        # The folder of this run says nothing about any other.
        LINES.write_text(ran.replace(str(home / "home"), ".dnbot").replace(folder, "."), encoding="utf-8")
    EVIDENCE.write_text(json.dumps(evidence, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run_with_picture(folder: Path) -> str:
    """What a minute of the demo printed; in the middle of it the running bot is asked for its picture."""
    options = ("run", "--plain", "--duration", "60s", "--summary", str(folder / "summary.json"))
    with subprocess.Popen(**command(folder, *options), stdout=subprocess.PIPE, text=True) as process:
        try:
            said, _ = process.communicate(timeout=PICTURE_AT_S)
        except subprocess.TimeoutExpired:
            dnbot(folder, "status", "--svg", str(PICTURE))
            said, _ = process.communicate(timeout=RUN_S_MAX)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "run", said)
    return said


def commit() -> str:
    """The commit that is checked out."""
    words = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()  # noqa: S603


def command(folder: Path, *arguments: str) -> dict[str, Any]:
    """How to start this checkout's own command in a folder of its own."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "DNBOT_HOME": str(folder / "home")}
    return {"args": [sys.executable, "-m", "dnbot", *arguments], "env": variables, "cwd": folder}


def dnbot(folder: Path, *arguments: str) -> str:
    """What the command printed; raises CalledProcessError when it failed."""
    ended = subprocess.run(
        **command(folder, *arguments), stdout=subprocess.PIPE, text=True, timeout=RUN_S_MAX, check=True
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
