"""What the system says of this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dnbot.ports import process
from dnbot.ports.process import process_figures


def test_an_opened_file_is_counted() -> None:
    """Descriptors, memory and time of this very process."""
    before = process_figures()
    descriptor = os.open(__file__, os.O_RDONLY)
    try:
        after = process_figures()
    finally:
        os.close(descriptor)
    if before.open_fds is not None:  # a system without /proc does not tell
        assert after.open_fds == before.open_fds + 1
        assert 0 < (after.resident_bytes or 0) <= (after.virtual_bytes or 0)
    assert after.cpu_s >= before.cpu_s > 0


def test_a_system_that_does_not_tell_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then nothing is known."""
    monkeypatch.setattr(process, "_PROC", tmp_path / "none")
    figures = process_figures()
    assert (figures.resident_bytes, figures.virtual_bytes, figures.open_fds) == (None, None, None)
