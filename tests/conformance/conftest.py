"""Other people's clients are tested where they are installed (`./dnbot conformance`); elsewhere one test says so.

Environment:
    DNBOT_CONFORMANCE=1   clients that are absent are a failure, not a skip
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

CLIENTS = ("betterproto2", "ccxt", "gate_api", "gate_ws", "pymexc", "typed_mexc")
ABSENT = [name for name in CLIENTS if find_spec(name) is None]

collect_ignore = ["clients"] if ABSENT else []


@pytest.fixture
def absent_clients() -> list[str]:
    """The clients that cannot be imported here."""
    return ABSENT
