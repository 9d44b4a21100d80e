"""A dashboard for every test of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from web_site import Sites, web_site


@pytest.fixture
def site(tmp_path: Path) -> Sites:
    """A dashboard; of a test that also takes `autojump_clock` on virtual time."""
    return lambda **options: web_site(tmp_path, **options)
