"""The worked examples: they run as tests of a project that is not ours, and the page shows them as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "testing").glob("test_*.py"))
PAGE = ROOT / "docs" / "testing.md"


@pytest.mark.slow
@pytest.mark.e2e
def test_the_examples_pass(tmp_path: Path) -> None:
    """Under a configuration of their own, where every warning is an error."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(tmp_path / "pytest.ini"), "--rootdir", str(tmp_path)]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "dnbot.testing.plugin", *map(str, EXAMPLES)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert f"{len(EXAMPLES)} passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_page_shows_the_file(path: Path) -> None:
    """Word for word; whoever changes one changes the other."""
    block = f"<!-- file: {path.relative_to(ROOT).as_posix()} -->\n```python\n{path.read_text(encoding='utf-8')}```\n"
    assert block in PAGE.read_text(encoding="utf-8")


def test_no_example_is_missing() -> None:
    """There are two, and the page shows no file that is not one of them."""
    assert len(EXAMPLES) == 2
    assert PAGE.read_text(encoding="utf-8").count("<!-- file: ") == len(EXAMPLES)
