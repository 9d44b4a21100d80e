"""`.ci/audit`: every lock is asked about, and an audit that could ask about nothing does not pass."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# pip-audit 2.10.1 where no advisory can be reached: each package is skipped with a word, and the exit code is 0, unless
# --strict makes a skipped one an error.
SKIPS_ALL = '#!/bin/sh\necho "$@" >> "$ASKED"\ncase " $* " in *" --strict "*) exit 1;; esac\nexit 0\n'


def audited(tmp_path: Path, program: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The script with this for pip-audit, and what that was asked."""
    stand_in, asked = tmp_path / "pip-audit", tmp_path / "asked"
    stand_in.write_text(program)
    stand_in.chmod(0o755)
    asked.touch()
    environment = os.environ | {"PIP_AUDIT": str(stand_in), "ASKED": str(asked)}
    done = subprocess.run([ROOT / ".ci" / "audit"], env=environment, capture_output=True, text=True, timeout=60)
    return done, asked.read_text().splitlines()


def test_an_audit_that_audited_nothing_is_no_success(tmp_path: Path) -> None:
    """And all locks are asked about even so, with their hashes."""
    done, asked = audited(tmp_path, SKIPS_ALL)
    assert done.returncode == 1
    locks = sorted(path.name for path in ROOT.glob("requirements*.lock"))
    assert [line.rpartition(" ")[2] for line in asked] == locks
    assert all("--require-hashes" in line for line in asked)


@pytest.mark.parametrize(("fails", "code"), [("none", 0), ("requirements-bench.lock", 1)])
def test_one_lock_that_fails_is_enough(tmp_path: Path, fails: str, code: int) -> None:
    """Whichever it is."""
    assert audited(tmp_path, f'#!/bin/sh\ncase "$*" in *{fails}) exit 1;; esac\n')[0].returncode == code


def test_without_the_tool_there_is_a_sentence() -> None:
    """It says what is missing."""
    environment = os.environ | {"PIP_AUDIT": "no-such-pip-audit"}
    done = subprocess.run([ROOT / ".ci" / "audit"], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "install pip-audit apart" in done.stderr) == (69, True)
