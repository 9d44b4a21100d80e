"""Prometheus' own tool, where this machine has it."""

from __future__ import annotations

import os
import shutil

import pytest

PROMTOOL = os.environ.get("DNBOT_PROMTOOL") or shutil.which("promtool") or ""
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="no promtool")
