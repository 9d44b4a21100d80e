"""One recording of the fakes, which all tests look at and none changes."""

from __future__ import annotations

import pytest
import trio
from recordings import Taped, tape
from trio.testing import MockClock


@pytest.fixture(scope="session")
def taped(tmp_path_factory: pytest.TempPathFactory) -> Taped:
    """See `recordings.tape`."""
    return trio.run(tape, tmp_path_factory.mktemp("taped") / "recording", clock=MockClock(autojump_threshold=0))
