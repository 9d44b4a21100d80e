"""The crash sweep: every await is counted, every copy comes to a verdict, and a bot that is not sound is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dnbot

SCENES = Path(__file__).with_name("scenes.py")


def played(name: str) -> Any:
    """What a scene prints, in a process of its own."""
    source = str(Path(dnbot.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, str(SCENES), name], env={**os.environ, "PYTHONPATH": source}, capture_output=True, timeout=200
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_copy_is_a_run_from_the_beginning() -> None:
    """A fork at a step, and a fresh run up to there: the same bytes before the crash and after it, both sound."""
    found = played("sound")
    copies = {(crash["step"], crash["power_cut"]): crash for crash in found["copies"]}
    assert list(copies) == [(9, True), (9, False), (45, True), (45, False)]
    assert [crash["wrong"] for crash in copies.values()] == [[]] * 4
    for crash in found["alone"]:
        of_frames = {"task": crash["task"]}  # a copy may stand a frame less deep
        assert copies[crash["step"], crash["power_cut"]] | of_frames == crash
    assert len({crash["end"] for crash in copies.values()}) == 4, "a power cut is no kill"


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_ended() -> None:
    """Each chosen checkpoint is crashed at in each manner; what is done is not done again, but for other code it is."""
    found = played("resumed")
    whole, again = found["whole"], found["resumed"]
    assert (whole["crashes"], whole["failures"], whole["problems"]) == (2, [], [])
    assert again == whole | {"rest_s_max": 77.0}
    assert found["fresh"]
    assert not found["other"]


@pytest.mark.slow
def test_bots_that_are_not_sound_are_found() -> None:
    """An order that leaves before its commit, an intent that a start forgets, fills that are booked again."""
    found = played("defects")
    first = found["sends first"]
    assert "was sent before it was committed" in first["problems"][0]
    assert "was sent before it was committed" in first["failures"][0]["crash"]["wrong"][0]
    forgets = found["forgets"]
    assert not forgets["problems"], "without a crash nothing is forgotten"
    steps = [failure["crash"]["step"] for failure in forgets["failures"]]
    assert steps
    assert 0 not in steps, "nothing is unsettled there"
    assert "no final state is stored" in forgets["failures"][0]["crash"]["wrong"][0]
    assert forgets["failures"][0]["replay"].endswith(f"--saga rebalance --seed 1 --manner kill --at {steps[0]}")
    again = found["books again"]
    assert not again["problems"], "without a crash nothing is booked again"
    assert again["failures"][0]["crash"]["wrong"]


@pytest.mark.slow
def test_a_copy_that_comes_to_no_verdict_has_failed() -> None:
    """One that spins says where; one that sleeps is killed; one that dies or says nothing is told of."""
    found = {name: crash["wrong"][0] for name, (crash,) in played("copies_that_fail").items()}
    assert "used up its CPU time at 2." in found["spins"]
    assert "_spins" in found["spins"]
    assert found["sleeps"] == "its process was killed after 1.5 s"
    assert found["is killed"] == "its process ended with -9 and no verdict"
    assert found["says nothing"] == "its process ended with 0 and no verdict"
