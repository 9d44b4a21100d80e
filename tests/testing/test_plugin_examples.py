"""The worked plugins: each passes its own tests where it is installed, and the page shows it as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from plugin_packages import EXAMPLES, install

PACKAGES = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
PAGE = EXAMPLES.parents[1] / "docs" / "extending.md"


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_passes_its_own_tests(package: Path, tmp_path: Path) -> None:
    """Installed alone, under a configuration of its own, where every warning is an error."""
    install(package, tmp_path / "site")
    lines = ("[pytest]", "filterwarnings = error", "addopts = --import-mode=importlib", "trio_mode = true")
    (tmp_path / "pytest.ini").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(tmp_path / "pytest.ini"), "--rootdir", str(tmp_path)]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", str(package / "tests")]
    source = EXAMPLES.parents[1] / "src"
    environment = os.environ | {"PYTHONPATH": f"{source}:{tmp_path / 'site'}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_page_shows_the_package(package: Path) -> None:
    """Word for word; whoever changes one changes the other. Of a package of several modules the first, and which others
    there are.
    """
    page = PAGE.read_text(encoding="utf-8")
    for path in sorted((package / "src").rglob("*.py")):
        assert path.name == "__init__.py" or f"`{path.name}`" in page, path
    for path in (package / "pyproject.toml", *sorted((package / "src").rglob("__init__.py"))):
        kind = "toml" if path.suffix == ".toml" else "python"
        name = path.relative_to(EXAMPLES.parents[1]).as_posix()
        assert f"<!-- file: {name} -->\n```{kind}\n{path.read_text(encoding='utf-8')}```\n" in page, name


def test_a_venue_is_less_than_six_hundred_lines() -> None:
    """Public and private domain, its fake, and what describes the package."""
    package = EXAMPLES / "venue-example"
    files = [package / "pyproject.toml", *(package / "src").rglob("*.py")]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) < 600


def test_no_package_is_missing() -> None:
    """There are four, and the page shows no file that is not of one of them."""
    assert len(PACKAGES) == 5
    assert PAGE.read_text(encoding="utf-8").count("<!-- file: ") == 2 * len(PACKAGES)
