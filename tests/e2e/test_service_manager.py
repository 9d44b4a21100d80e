"""A bot as systemd starts it: a process with a socket to tell."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from postgres_here import why_not

ROOT = Path(__file__).resolve().parents[2]
LINES_S_MAX = 60.0
LINES_MAX = 1_000


def wait_for(ear: socket.socket, line: str) -> list[str]:
    """Every line up to this one."""
    heard: list[str] = []
    while line not in heard:
        assert len(heard) < LINES_MAX, heard
        heard += ear.recv(4096).decode().split("\n")
    return heard


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
def test_a_run_is_ready_alive_and_stopping(tmp_path: Path) -> None:
    """READY, beats, and STOPPING after SIGTERM; its children have told nothing, and it ends with 0."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "notify"))
        ear.settimeout(LINES_S_MAX)
        run = subprocess.Popen(
            [sys.executable, "-m", "dnbot", "run", "--plain", "--web", "off"], cwd=tmp_path,
            env=os.environ | {
                "PYTHONPATH": str(ROOT / "src"), "DNBOT_HOME": str(tmp_path / "state"), "WATCHDOG_USEC": "1000000",
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
            },
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            before = wait_for(ear, "READY=1")
            assert "STATUS=INITIALIZING, ACTIVE" in before
            wait_for(ear, "WATCHDOG=1")
            run.send_signal(signal.SIGTERM)
            heard = wait_for(ear, "STOPPING=1")
            assert "READY=1" not in heard
            said, _ = run.communicate(timeout=LINES_S_MAX)
            assert run.returncode == 0, said
            assert "ended: SIGTERM" in said
        finally:
            run.kill()
            run.communicate()
