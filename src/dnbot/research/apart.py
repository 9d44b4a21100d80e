"""One trial in a process of its own, on whatever machine this is called. The standard library alone: it is what a
scheduler's worker has to import.

Such a worker runs threads, and many tasks one after the other; a backtest wants neither.
"""

from __future__ import annotations

import subprocess
import sys

MODULE = "dnbot.research.trial_process"
LAST_WORDS = 500


def run_apart(errand: bytes, within_s: float) -> bytes:
    """The trial of an errand, both JSON. Raises RuntimeError with the process's last words when it gave none."""
    command = [sys.executable, "-P", "-m", MODULE]
    try:
        done = subprocess.run(  # noqa: S603 (this interpreter, with a module of this package)
            command, input=errand, capture_output=True, check=False, timeout=within_s
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError("it hung and was ended") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-LAST_WORDS:]
        raise RuntimeError(f"its process ended with {done.returncode}: {said}")
    return done.stdout
