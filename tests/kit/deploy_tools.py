"""Other people's judges of what deploy/ says, where this machine has them."""

from __future__ import annotations

import os
import shutil

import pytest

HADOLINT = os.environ.get("DNBOT_HADOLINT") or shutil.which("hadolint") or ""
KUBERNETES_VALIDATE = os.environ.get("DNBOT_KUBERNETES_VALIDATE") or shutil.which("kubernetes-validate") or ""
SYSTEMD_ANALYZE = shutil.which("systemd-analyze") or ""
needs_hadolint = pytest.mark.skipif(not HADOLINT, reason="no hadolint")
needs_kubernetes_validate = pytest.mark.skipif(not KUBERNETES_VALIDATE, reason="no kubernetes-validate")
needs_systemd_analyze = pytest.mark.skipif(not SYSTEMD_ANALYZE, reason="no systemd-analyze")
