"""A process that holds keys: what the kernel and OpenSSL are told."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys

import pytest

from dnbot.ports import hardening
from dnbot.ports.hardening import keep_to_itself

_PROBE = """
import ctypes, os, resource
from dnbot.ports.hardening import keep_to_itself
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
print(keep_to_itself(), before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE))
child = os.popen("ulimit -c").read().strip()
print("SSLKEYLOGFILE" in os.environ, child)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.e2e
def test_no_core_dump_no_look_inside_and_no_file_of_tls_keys() -> None:
    """PR_GET_DUMPABLE (3) was 1 and is 0, the limit of core dumps is 0 also for children, the variable is gone."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, check=True, text=True, timeout=60,
        env={"SSLKEYLOGFILE": "/nowhere/keys", "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["True 1 0 (0, 0)", "False 0"]


def test_elsewhere_it_says_that_it_could_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without prctl the limit is set all the same, and nothing breaks."""
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limit: limits.append(limit))
    monkeypatch.setattr(hardening.sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", None)
    environment = {"SSLKEYLOGFILE": "x", "HOME": "y"}
    assert not keep_to_itself(environment)
    assert (environment, limits) == ({"HOME": "y"}, [(0, 0)])
