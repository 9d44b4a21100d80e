"""A database server for the contract tests: one per session, one fresh database per test that asks for it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import attrs
import pytest

from dnbot.domain.errors import ConfigError
from dnbot.ports import postgres_binaries as binaries
from dnbot.ports.memory_store import MemoryDatabase, MemoryStore
from dnbot.ports.postgres import PostgresStore, migrate, open_postgres_store

OpenStore = Callable[[], AbstractAsyncContextManager[MemoryStore | PostgresStore]]
"""Opens another store on the same data, as a restart does."""


@attrs.define
class Server:
    """A running server and the words to reach a database of it."""

    folder: Path
    psql_like: list[str]
    databases: int = 0

    def dsn(self, database: str) -> str:
        """The address of one database."""
        return f"postgresql://dnbot@/{database}?host={self.folder}"

    def fresh(self) -> str:
        """The address of a new, empty database."""
        self.databases += 1
        name = f"test_{self.databases}"
        command = [*self.psql_like, "-h", str(self.folder), "-U", "dnbot", name]
        subprocess.run(command, check=True, capture_output=True, env=binaries.clean_environment())
        return self.dsn(name)


@pytest.fixture(scope="session")
def postgres_server() -> Generator[Server, None, None]:
    """A PostgreSQL without fsync; skips only where this user may not run one."""
    found = binaries.find_binaries()
    try:
        words = binaries.run_as_allowed_user()
    except ConfigError as error:
        pytest.skip(f"no user namespaces: {error}")
    folder = Path(tempfile.mkdtemp(prefix="dnbot-test-", dir="/tmp"))
    data = folder / "data"
    initdb = [*words, found.path("initdb"), "-D", str(data), "-U", "dnbot", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(initdb, check=True, capture_output=True, env=binaries.clean_environment())
    settings = {"listen_addresses": "", "fsync": "off", "shared_buffers": "32MB", "max_connections": "40", "jit": "off"}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [*words, *binaries.die_with_parent(), found.path("postgres"), "-D", str(data), "-k", str(folder), *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=binaries.clean_environment()
        )
    try:
        ready = [found.path("pg_isready"), "-q", "-h", str(folder)]
        for _ in range(600):
            if subprocess.run(ready, env=binaries.clean_environment()).returncode == 0:
                break
            assert process.poll() is None, (folder / "log").read_text()
        yield Server(folder, [found.path("createdb")])
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def database(postgres_server: Server) -> str:
    """A fresh database with the present schema."""
    dsn = postgres_server.fresh()
    await migrate(dsn)
    return dsn


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.slow)])
def open_store(request: pytest.FixtureRequest) -> OpenStore:
    """Opens stores on one and the same data; runs the test for each implementation."""
    if request.param == "memory":
        database = MemoryDatabase()

        @asynccontextmanager
        async def open_memory() -> AsyncGenerator[MemoryStore, None]:
            yield MemoryStore(database)

        return open_memory
    dsn = request.getfixturevalue("postgres_server").fresh()

    @asynccontextmanager
    async def open_postgres() -> AsyncGenerator[PostgresStore, None]:
        await migrate(dsn)
        async with open_postgres_store(dsn) as store:
            yield store

    return open_postgres
