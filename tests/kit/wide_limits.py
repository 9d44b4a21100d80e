"""Runs in which what venues allow decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import pytest

from dnbot.tasks import budgets
from dnbot.venues.limits import ACCOUNT_READS, LIMITS


@contextmanager
def wide_limits() -> Iterator[None]:
    """Bots that are made inside spend twice what venues allow, for tests of something else."""
    wide = {
        venue: {kind: attrs.evolve(limit, tokens=2 * limit.tokens) for kind, limit in kinds.items()}
        for venue, kinds in LIMITS.items()
    }
    reads = {venue: attrs.evolve(limit, tokens=2 * limit.tokens) for venue, limit in ACCOUNT_READS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budgets, "LIMITS", wide)
        patch.setattr(budgets, "ACCOUNT_READS", reads)
        yield
