"""A program: an errand on standard input, its trial on standard output, both JSON. `apart.run_apart` starts it."""

from __future__ import annotations

import sys

import msgspec

from dnbot.research.trial_run import Errand, run_errand


def main() -> None:
    """One errand, one trial."""
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    sys.stdout.buffer.write(msgspec.json.encode(run_errand(errand)))


if __name__ == "__main__":
    main()
