"""A live run that is recorded, and its machine run again, as JSON: `python tests/kit/recorded_replayed.py SECONDS`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from decimal import getcontext
from pathlib import Path
from typing import Any

from recorded_compared import replayed
from recorded_live import live_and_record

from dnbot.config import load_settings
from dnbot.domain.units import PRECISION
from dnbot.resources import config_dir


def lived_again(seconds: int) -> dict[str, Any]:
    """Both, with the real time that each took."""
    params = load_settings(config_dir() / "demo.toml").strategy
    with tempfile.TemporaryDirectory(prefix="dnbot-evidence-") as folder:
        recording, journal = Path(folder) / "recording", Path(folder) / "journal"
        began_s = time.perf_counter()  # noqa: TID251 (how long it took is part of what is told)
        live = live_and_record(recording, params, seconds, journal=journal)
        lived_s = time.perf_counter()  # noqa: TID251 (the same)
        found = replayed(journal, recording)
        replayed_s = time.perf_counter()  # noqa: TID251 (the same)
    return {
        "seconds": seconds,
        "executions": len(live.witness.executions),
        **found,
        "live_took_s": round(lived_s - began_s),
        "replay_took_s": round(replayed_s - lived_s),
    }


if __name__ == "__main__":
    getcontext().prec = PRECISION
    json.dump(lived_again(int(sys.argv[1])), sys.stdout)
