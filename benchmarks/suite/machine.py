"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import sysconfig
import timeit
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "trio", "msgspec", "httpx", "httpcore", "h11", "trio-websocket", "asyncpg", "trio-asyncio", "protobuf",
    "aiohttp", "ccxt", "nautilus-trader", "orjson", "picologging", "picows", "structlog", "uvloop", "websockets",
)


def machine() -> dict[str, str]:
    """Processor, system, interpreter and how it was built, and versions of everything measured."""
    return {
        "processor": f"{len(os.sched_getaffinity(0))} x {_processor()}",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()})",
        "build": _build(str(sysconfig.get_config_var("CONFIG_ARGS") or "")),
        "call": f"{_call_ns():.0f} ns for one that does nothing",
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    }


def held_s() -> float:
    """How long this process has waited for a core that others had; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


def _build(arguments: str) -> str:
    """What the interpreter says of being built to be fast; its other options name folders.

    Debian's says nothing and is: what a call costs tells such a one from a slow one.
    """
    options = [name for name in ("--enable-optimizations", "--with-lto") if name in arguments]
    return " ".join(options) or "CONFIG_ARGS names neither --enable-optimizations nor --with-lto"


def _call_ns() -> float:
    """The least of some rounds."""
    calls = 100_000
    return min(timeit.repeat(lambda: None, number=calls, repeat=7)) / calls * 1e9


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
