"""One trial in a process of its own, for schedulers of other people: `python -m dnbot.research.trial_process` reads an
errand on standard input and writes its trial on standard output, both JSON. `run_apart` starts it, on whatever machine
it is called.

A scheduler's own worker process runs threads and many tasks one after the other; a backtest wants neither.
"""

from __future__ import annotations

import subprocess
import sys

import msgspec

from dnbot.research.trial_run import LAST_WORDS, Errand, run_errand

MODULE = "dnbot.research.trial_process"


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


def main() -> None:
    """One errand, one trial."""
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    sys.stdout.buffer.write(msgspec.json.encode(run_errand(errand)))


if __name__ == "__main__":
    main()
