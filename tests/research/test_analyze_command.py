"""`dnbot analyze` on the database of a state folder: text, page, files and JSON say the same."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from click.testing import CliRunner
from postgres_here import why_not
from random_book import START_NS, RandomBook, S

from dnbot.cli import commands
from dnbot.domain.instrument import Symbol
from dnbot.operate.report_data import BEGINNING
from dnbot.ports.clock import SystemClock
from dnbot.ports.embedded_postgres import embedded_postgres
from dnbot.ports.log import EventLog
from dnbot.ports.postgres import open_postgres_store
from dnbot.ports.postgres_migrate import migrate

pytestmark = [
    pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}"),
]
SYMBOL = Symbol("ETH", "USDT")
UNTIL = BEGINNING + timedelta(seconds=START_NS // S, hours=30)


async def filled(home: Path) -> None:
    """A state folder whose database has one random book, and nothing of the demo's symbol."""
    async with embedded_postgres(home / "postgres", EventLog(SystemClock(), [])) as server:
        await migrate(server.dsn)
        async with open_postgres_store(server.dsn) as store:
            await store.begin_run(SYMBOL, version="1", settings="{}", started_at_ns=START_NS - 7200 * S)
            await store.append(RandomBook(SYMBOL, Random(5), samples=120).records())


def test_all_four(tmp_path: Path) -> None:
    """Of a symbol that is not the configuration's, from the beginning to a moment; a symbol without a book is told."""
    trio.run(filled, tmp_path / "home")
    for kind, table in (("spread", "distribution"), ("performance", "pairs"), ("opportunities", "pairs"),
                        ("funding", "sums")):
        told = answer(tmp_path, kind, "--json")
        assert told["symbol"] == str(SYMBOL)
        assert told["period"]["until"] == UNTIL.isoformat(timespec="microseconds").replace("+00:00", "Z")
        html, folder = tmp_path / "pages" / f"{kind}.html", tmp_path / "files"
        text = run(tmp_path, kind, "--html", str(html), "--csv", str(folder))
        assert f"written: {html}" in text
        assert html.read_text().count("<svg") >= 1
        assert list(csv.reader((folder / f"{kind}-{table}.csv").read_text().splitlines()))[1:]
    spread = answer(tmp_path, "spread", "--json", "--threshold-bps", "0", "--fee", "MEXC_SPOT=0")
    assert (spread["threshold_bps"], spread["fees"]["MEXC_SPOT"]["rate"]) == ("0", "0")
    figures = spread["pairs"][0]["figures"]
    assert 0 < Decimal(figures["above_pct"]) <= 100
    assert Decimal(figures["above_s"]) <= Decimal(figures["observed_s"])
    done = CliRunner().invoke(commands, ["analyze", "funding"], env={"DNBOT_HOME": str(tmp_path / "home")})
    assert done.exit_code == 2
    assert "found 'BTC/USDT'; allowed: ETH/USDT" in done.output


def run(tmp_path: Path, kind: str, *more: str) -> str:
    """What the command prints."""
    arguments = ["analyze", kind, "--symbol", str(SYMBOL), "--since", "all", "--until", f"{UNTIL:%Y-%m-%dT%H:%M}"]
    done = CliRunner().invoke(commands, [*arguments, *more], env={"DNBOT_HOME": str(tmp_path / "home")})
    assert done.exit_code == 0, done.output
    return done.stdout


def answer(tmp_path: Path, kind: str, *more: str) -> Any:
    """The same, as JSON."""
    return json.loads(run(tmp_path, kind, *more))
