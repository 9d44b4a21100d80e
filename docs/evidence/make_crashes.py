"""Make the table of docs/simulation-crashes.md from the evidence of a crash sweep.

    ./dnbot drill crashes --json docs/evidence/crashes.json
    python docs/evidence/make_crashes.py

The first command takes about an hour of a core and may be interrupted: with `--resume` it goes on.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = HERE / "crashes.json"
PAGE = HERE.parent / "simulation-crashes.md"


def main() -> None:
    """Renew the page."""
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8"), json.loads(KEPT.read_text(encoding="utf-8"))))


def with_tables(text: str, evidence: dict[str, Any]) -> str:
    """The page with the block between `<!-- evidence: crashes -->` and `<!-- end -->` renewed."""
    block = "\n".join(["<!-- evidence: crashes -->", *table(evidence["sagas"]), "<!-- end -->"])
    return re.sub(r"<!-- evidence: crashes -->\n.*?<!-- end -->", lambda _: block, text, flags=re.DOTALL)


def table(sagas: list[dict[str, Any]]) -> list[str]:
    """A row per saga, and the sums."""
    rows = ["| saga | checkpoints | crashes | failed | at rest within, virtual s |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{one['saga']}` | {one['checkpoints']} | {one['crashes']} | {len(one['failures'])} | {one['rest_s_max']} |"
        for one in sagas
    ]
    total, crashes = (sum(one[what] for one in sagas) for what in ("checkpoints", "crashes"))
    failed = sum(len(one["failures"]) for one in sagas)
    rows.append(f"| all | {total} | {crashes} | {failed} | {max(one['rest_s_max'] for one in sagas)} |")
    sources, manners = ({one[what] for one in sagas} for what in ("code", "manner"))
    told = ", ".join(f"`{one}`" for one in sorted(sources))
    return [*rows, "", f"Manner: {', '.join(sorted(manners))}. Source: {told}."]


if __name__ == "__main__":
    main()
