"""The one test of this folder that every pytest collects."""

from __future__ import annotations

import os

import pytest


def test_the_clients_are_installed(absent_clients: list[str]) -> None:
    """The pinned clients are here, or it is said how they get here; where they are a must, their absence fails."""
    if absent_clients and os.environ.get("DNBOT_CONFORMANCE") != "1":
        pytest.skip("conformance clients absent: `./dnbot conformance` installs and runs them")
    assert absent_clients == []
