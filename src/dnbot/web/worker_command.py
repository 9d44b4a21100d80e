"""`dnbot worker` on the command line: a worker, with the fleet's page beside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import trio

from dnbot.config import WebSettings
from dnbot.domain.errors import ConfigError
from dnbot.fleet.leases import LeaseTerms
from dnbot.operate.fleet_commands import DSN, registry
from dnbot.operate.manager import HISTORY_DAYS
from dnbot.operate.metrics import listen_address
from dnbot.operate.worker import ONE_ADDRESS, WorkerOptions, work
from dnbot.ports.net import is_loopback

LISTEN = "127.0.0.1:8181"


@click.command("worker")
@click.option("--capacity", type=click.IntRange(1), default=10, show_default=True, help="Weights of tasks, together.")
@click.option("--ttl", "ttl_s", type=click.FloatRange(5, 600), default=LeaseTerms().ttl_s, show_default=True,
              help="Of its leases, seconds: how long a task of a dead worker stands still.")
@click.option("--name", default="", help="In place of this host's name.")
@click.option("--address", default=ONE_ADDRESS, show_default=True,
              help="A name for the public address that requests leave from: workers that give one share its limits.")
@click.option("--rate-scale", type=click.FloatRange(0.2, 1000), default=1.0, show_default=True,
              help="The venues grant so many times the rate limits that they publish.")
@click.option("--web", "listen", metavar="HOST:PORT|off", default=LISTEN, show_default=True,
              help="Where the fleet's page listens, on loopback.")
@click.option("--metrics", metavar="HOST:PORT", help="Let Prometheus ask here, on loopback; docs/metrics.md.")
@click.option("--history-days", type=click.FloatRange(1, 36_500), default=HISTORY_DAYS, show_default=True,
              help="Events of tasks, and workers that are gone, are forgotten after so long.")
@DSN
def worker_command(
    capacity: int, ttl_s: float, name: str, address: str, rate_scale: float, listen: str, metrics: str | None,
    history_days: float, dsn_env: str,
) -> None:
    """Run tasks of the fleet until SIGTERM, then hand them over. State folder: $DNBOT_HOME, or .dnbot here."""
    try:
        terms = LeaseTerms(ttl_s=ttl_s)
    except ValueError as error:
        raise ConfigError("command line", "--ttl", ttl_s, str(error)) from None
    page = None if metrics is None else listen_address(metrics)
    web = web_settings(listen)
    from dnbot.web.fleet_dashboard import FleetDashboard

    home = Path(os.environ.get("DNBOT_HOME") or ".dnbot").resolve()
    options = WorkerOptions(
        home, dsn_env, capacity, terms, registry(), name, address, rate_scale, history_days, page,
        FleetDashboard(web),
    )
    sys.exit(trio.run(work, options))


def web_settings(listen: str) -> WebSettings:
    """Settings of a page on this address; raises ConfigError for one that is none, or not loopback."""
    settings = WebSettings(listen=listen)
    try:
        address = settings.address()
    except ValueError:
        address = ("", 0)
    if address is not None and not is_loopback(address[0]):
        allowed = f"off, or an address of this machine alone, such as {LISTEN}"
        raise ConfigError("command line", "--web", listen, allowed)
    return settings
