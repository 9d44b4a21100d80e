"""A small disk is full when it is told to be, has room again afterwards, and nobody else sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
SCENE = """
import errno, json, sys
from pathlib import Path
from dnbot.lab.drills_disk import small_disk, take_own_mounts

def write(path):
    try:
        path.write_bytes(bytes(100_000))
    except OSError as error:
        return errno.errorcode[error.errno]
    return "written"

folder, told = Path(sys.argv[1]), {"why": take_own_mounts()}
if not told["why"]:
    with small_disk(folder) as disk:
        told["before"] = write(folder / "a")
        disk.fill()
        told["full"], told["bytes_free"] = write(folder / "b"), disk.bytes_free()
        disk.free()
        told["after"] = write(folder / "c")
        print(json.dumps(told), flush=True)
        sys.stdin.readline()
else:
    print(json.dumps(told), flush=True)
"""


@pytest.mark.e2e
def test_a_disk_that_is_full_and_that_others_do_not_see(tmp_path: Path) -> None:
    """A process with mounts of its own; where that is forbidden it says why, and mounts nothing."""
    folder = tmp_path / "small"
    process = subprocess.Popen(
        [sys.executable, "-c", SCENE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert str(folder) not in Path("/proc/mounts").read_text()
        if told["why"]:
            assert not folder.exists()
        else:
            assert told == {"why": "", "before": "written", "full": "ENOSPC", "bytes_free": 0, "after": "written"}
            assert list(folder.iterdir()) == []
    finally:
        process.communicate("\n", timeout=20)
    assert process.returncode == 0
