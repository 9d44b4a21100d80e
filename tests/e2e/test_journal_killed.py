"""`dnbot run --journal`, killed without a warning: what is there replays to the same, and the next run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from canaries import CANARIES
from postgres_here import why_not

from dnbot.record.step_reading import runs_of
from dnbot.record.step_words import StepRead
from dnbot.record.words import RecordingDamaged

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}"),
]
ROOT = Path(__file__).resolve().parents[2]
WAIT_S_MAX = 120.0
DNBOT = (sys.executable, "-P", "-m", "dnbot")
SECOND_NS = 10**9


def steps(folder: Path, run: int) -> list[StepRead]:
    """Those that can be read of a run; none while it is only just beginning."""
    try:
        runs = runs_of(folder)
    except RecordingDamaged:
        return []
    return [one for one in runs[run - 1].read() if isinstance(one, StepRead)] if len(runs) >= run else []


def until_decided(folder: Path, run: int) -> None:
    """Returns when the machine has decided a pair or two."""
    end = time.monotonic() + WAIT_S_MAX  # noqa: TID251 (another process lives in real time)
    while time.monotonic() < end:  # noqa: TID251 (the same)
        if sum(len(one.kept.commands) for one in steps(folder, run)) > 12:
            return
        time.sleep(0.3)  # noqa: TID251 (the same)
    raise AssertionError(f"{folder}: no decisions within {WAIT_S_MAX} s")


def test_a_killed_run_replays_to_the_same(tmp_path: Path) -> None:
    """At most the last second is missing; both runs are identical; no key is in it; a second writer is refused."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DNBOT_HOME": str(tmp_path / "state")}
    run = (*DNBOT, "run", "--plain", "--web", "off", "--journal", "journal")
    folder = tmp_path / "journal"
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(run, cwd=tmp_path, env=environment, stdout=said, stderr=said)
        try:
            until_decided(folder, 1)
        finally:
            process.send_signal(signal.SIGKILL)
            killed_ns = time.time_ns()  # noqa: TID251 (another process lives in real time)
            process.wait()
        newest = steps(folder, 1)[-1].event
        before = [one.event for one in steps(folder, 1) if type(one.event).__name__ == "Tick"][-1]
        assert killed_ns - before.now_ns < SECOND_NS, newest  # type: ignore[union-attr]  # a Tick, as just asked
        process = subprocess.Popen(run, cwd=tmp_path, env=environment, stdout=said, stderr=said)
        try:
            until_decided(folder, 2)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 0, (tmp_path / "said").read_text(encoding="utf-8")[-2000:]
    found: dict[str, object] = {}
    for number in (1, 2):
        done = subprocess.run(
            (*DNBOT, "replay", "journal", "--run", str(number), "--json"), cwd=tmp_path, env=environment,
            capture_output=True,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        found = json.loads(done.stdout)
        assert found["identical"] is True
        assert found["source"] == found["our_source"]
        assert int(str(found["commands"])) > 12
        assert bool(found["torn"]) is (number == 1)
    assert found["last_state"] == "SHUTDOWN"
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert all(canary.encode() not in everything for canary in CANARIES)
