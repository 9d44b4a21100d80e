"""Print the seeds that a change is simulated with: those of seeds.txt, and others that follow from the source itself.

    python tests/simulation/draw_seeds.py

The same source gives the same seeds on every machine; every change of it gives others, so time finds what one campaign
did not.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from dnbot.lab.source import source_digest

HERE = Path(__file__).resolve().parent
LAST = 600
"""Seeds beyond the campaign's are not drawn."""
NUMBER = 30


def known() -> list[int]:
    """Seeds that found something once."""
    lines = (HERE / "seeds.txt").read_text(encoding="utf-8").splitlines()
    return sorted({int(line.split()[0]) for line in lines if line[:1].isdigit()})


def drawn() -> list[int]:
    """`NUMBER` others."""
    others = [seed for seed in range(1, LAST + 1) if seed not in known()]
    return sorted(random.Random(source_digest()).sample(others, NUMBER))


if __name__ == "__main__":
    sys.stdout.write(",".join(map(str, known() + drawn())) + "\n")
