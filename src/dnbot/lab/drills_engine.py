"""A container engine of a drill's own: buildah and podman on a storage that is gone afterwards; no other sees it.

Debian's own packages suffice, and nothing but a Debian mirror and the package index is reached: the base is made by
mmdebstrap. An image that a registry serves is not tried.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import msgspec
import trio

from dnbot.domain.errors import ConfigError
from dnbot.resources import config_dir

TOOLS = ("buildah", "podman", "runc", "mmdebstrap")
INSTALL = f"apt-get install --no-install-recommends {' '.join(TOOLS)}"
RELEASE = "bookworm"
PACKAGES = "python3,python3-venv,ca-certificates,tini"
BASE, IMAGE = "localhost/dnbot-drill-base", "localhost/dnbot-drill"
CERTIFICATES = Path("/etc/ssl/certs")
BASE_S_MAX, BUILD_S_MAX, COMMAND_S_MAX = 900.0, 1_200.0, 180.0
USER_ID = 10001
HARDENED = (
    "--network=none", "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp",
    "--memory=512m", "--pids-limit=256", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", "--ulimit=core=0:0",
)  # fmt: skip
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{folder}/run"
"""


@attrs.frozen
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str


@attrs.define
class Container:
    """One container by name; `home` is its state folder as this side sees it."""

    engine: Engine
    name: str
    home: Path

    async def state(self) -> dict[str, Any]:
        """`State` and `RestartCount` as the engine has them."""
        said = await self.engine.podman("inspect", self.name)
        found = msgspec.json.decode(said.out)[0]
        return dict(found["State"], RestartCount=found.get("RestartCount", 0))

    async def health(self) -> int:
        """Run its health check now; 0 is healthy. (Nobody else does: podman leaves that to systemd.)"""
        return (await self.engine.podman("healthcheck", "run", self.name, check=False)).code

    async def processes(self) -> dict[int, str]:
        """Process ids on this side, and their command lines."""
        said = await self.engine.podman("top", self.name, "hpid", "args", check=False)
        rows = [line.split(maxsplit=1) for line in said.out.splitlines()[1:]]
        return {int(row[0]): row[1] for row in rows if len(row) == 2 and row[0].isdecimal()}

    async def bot_pid(self) -> int | None:
        """The bot itself: neither who keeps it nor its fakes or its database."""
        return await self._pid_of("run")

    async def fakes_pid(self) -> int:
        """The bot's fakes. Raises RuntimeError when there are none."""
        found = await self._pid_of("fakes")
        if found is None:
            raise RuntimeError(f"no fakes run in {self.name}")
        return found

    async def _pid_of(self, command: str) -> int | None:
        for pid, words in (await self.processes()).items():
            if f" -m dnbot {command} " in f"{words} ":
                return pid
        return None

    async def stop(self, patience_s: int) -> None:
        """`podman stop`: SIGTERM, and SIGKILL when it has not ended by then."""
        await self.engine.podman("stop", "--time", str(patience_s), self.name, limit_s=patience_s + 60.0)

    async def log(self) -> str:
        """Everything that it printed."""
        said = await self.engine.podman("logs", self.name, check=False)
        return said.out + said.err


@attrs.define
class Engine:
    """Commands on a storage of our own."""

    folder: Path
    started: list[str] = attrs.field(factory=list)

    async def podman(self, *words: str, check: bool = True, limit_s: float = COMMAND_S_MAX) -> Said:
        """Run podman; raises RuntimeError with its last words when it fails and that was not expected."""
        return await self.command(["podman", "--runtime", "runc", *words], check=check, limit_s=limit_s)

    async def command(self, words: Sequence[str], *, check: bool = True, limit_s: float = COMMAND_S_MAX) -> Said:
        """Run a command to its end.

        Raises:
            RuntimeError: it failed, or was not done in time.
        """
        with trio.move_on_after(limit_s) as scope:
            done = await trio.run_process(
                list(words), capture_stdout=True, capture_stderr=True, check=False, env=self._environment(),
                stdin=subprocess.DEVNULL,
            )
            said = Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
            if check and said.code != 0:
                raise RuntimeError(f"{' '.join(words[:6])} ended with {said.code}: {(said.err or said.out)[-800:]}")
            return said
        assert scope.cancelled_caught
        raise RuntimeError(f"{' '.join(words[:6])} was not done within {limit_s:.0f} s")

    async def build(self, root_filesystem: Path | None) -> dict[str, Any]:
        """Make the base, unless its file is there already, and the image from the checkout; what each took, seconds."""
        began_s, made = trio.current_time(), root_filesystem or self.folder / "base.tar"
        if not made.exists():
            temporary = made.with_name(f"making-{made.name}")
            await self.command(
                ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(temporary)],
                limit_s=BASE_S_MAX,
            )
            temporary.replace(made)
        await self.podman("import", "--quiet", str(made), BASE, limit_s=BASE_S_MAX)
        based_s = trio.current_time()
        certificates = _certificates()
        await self.command(
            ["buildah", "build", "--format=docker", "--isolation=chroot", "--network=host", *certificates,
             f"--build-arg=BASE={BASE}", "--tag", IMAGE, str(_checkout())],
            limit_s=BUILD_S_MAX,
        )  # fmt: skip
        size = msgspec.json.decode((await self.podman("image", "inspect", IMAGE)).out)[0]["Size"]
        return {
            "base_s": round(based_s - began_s, 1), "build_s": round(trio.current_time() - based_s, 1),
            "image_mib": round(int(size) / 2**20),
        }

    async def run(
        self, name: str, home: Path, command: Sequence[str], *, policy: str, files: Mapping[Path, str] | None = None
    ) -> Container:
        """Start a hardened container on a state folder, with a restart policy of the engine's words."""
        mounts = [f"--volume={home}:/var/lib/dnbot"]
        mounts += [f"--volume={here}:{there}:ro" for here, there in (files or {}).items()]
        self.started.append(name)
        await self.podman("run", "--detach", "--name", name, f"--restart={policy}", *HARDENED, *mounts, IMAGE, *command)
        return Container(self, name, home)

    async def remove(self, name: str) -> None:
        """Whatever it does."""
        await self.podman("rm", "--force", "--time", "5", name, check=False)
        self.started.remove(name)

    def state_folder(self, name: str) -> Path:
        """A new one that belongs to the user of the image."""
        home = self.folder / name
        home.mkdir(mode=0o700)
        os.chown(home, USER_ID, USER_ID)
        return home

    async def clear(self) -> None:
        """Nothing is left: no container, no image, no mount."""
        for name in list(self.started):
            await self.remove(name)
        await self.podman("rmi", "--all", "--force", check=False)
        for mount in sorted(_mounts_under(self.folder), reverse=True):
            await self.command(["umount", mount], check=False)
        if not _mounts_under(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        return os.environ | {"CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"), "TMPDIR": str(self.folder)}


def missing_tools() -> str:
    """Why no engine can be had here, and what to do; empty when one can."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"{', '.join(absent)} not found; on Debian or Ubuntu: {INSTALL}"
    if os.geteuid() != 0:
        return "not root: an engine without root is not supported by this drill"
    if not (_checkout() / "Containerfile").is_file():
        return "no Containerfile: the image is built from a checkout, and this is an installed package"
    return ""


@asynccontextmanager
async def engine(*, keep: bool = False) -> AsyncGenerator[Engine, None]:
    """An engine on a folder of its own. On leaving nothing of it is left, unless `keep`.

    Raises:
        ConfigError: a tool is missing; the text says which and how it is installed.
    """
    if why := missing_tools():
        raise ConfigError("drill container", "container engine", why, f"root, a checkout, and {', '.join(TOOLS)}")
    folder = Path(tempfile.mkdtemp(prefix="dnbot-drill-container-"))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    made = Engine(folder)
    try:
        yield made
    finally:
        with trio.move_on_after(COMMAND_S_MAX, shield=True):
            for name in list(made.started):
                await made.remove(name)
            if not keep:
                await made.clear()


def _certificates() -> list[str]:
    """A package index may be behind an authority that this machine knows and a fresh base does not."""
    return ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.is_dir() else []


def _checkout() -> Path:
    return config_dir().parent


def _mounts_under(folder: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [words[1] for words in map(str.split, lines) if words[1].startswith(f"{folder}/")]
