"""A task that is started again finds its keys again, and nobody else does."""

from __future__ import annotations

import pytest

from dnbot.domain.errors import ConfigError
from dnbot.operate.kept_environment import KeptEnvironment
from dnbot.ports.credentials import load_secret


def test_a_secret_leaves_the_process_and_is_found_again() -> None:
    """After the first use no child inherits it; the second use gets the same; a text of the object does not show it."""
    process = {"KEY": "canary-like-value", "PATH": "/bin"}
    kept = KeptEnvironment(process)
    assert load_secret("KEY", kept).reveal() == "canary-like-value"
    assert process == {"PATH": "/bin"}
    assert load_secret("KEY", kept).reveal() == "canary-like-value"
    assert "canary" not in repr(kept)
    assert sorted(kept) == ["KEY", "PATH"]
    assert len(kept) == 2


def test_what_is_not_there_is_missed_as_ever() -> None:
    """The error names the variable."""
    with pytest.raises(ConfigError, match="OTHER"):
        load_secret("OTHER", KeptEnvironment({}))
