"""`dnbot drill fleet`, two of its stages with two tasks: real workers, a real database, judged from outside."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from postgres_here import why_not

from dnbot.lab.drills_fleet import FleetOptions, run_fleet_drill
from dnbot.lab.drills_fleet_report import FleetReport

pytestmark = [
    pytest.mark.e2e, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
]


async def test_a_small_fleet_passes(tmp_path: Path) -> None:
    """A worker is killed and the database restarted; the evidence says what was found, and nothing is left."""
    said: list[str] = []
    evidence = tmp_path / "fleet.json"
    options = FleetOptions(
        tasks=2, workers=2, only=("worker_killed", "database_restarted"), json=evidence
    )
    assert await run_fleet_drill(options, said.append) == 0, said
    report = msgspec.json.decode(evidence.read_bytes(), type=FleetReport)
    killed, database = report.stages
    assert (killed.stage, killed.moved, database.stage, database.moved) == ("worker_killed", 1, "database_restarted", 0)
    assert report.orders >= 14
    assert report.incarnations >= 3
    left = [assets for venues in report.residual.values() for assets in venues.values()]
    assert {amount for assets in left for amount in assets.values()} == {"0"}
    assert said[-1].endswith("passed")
