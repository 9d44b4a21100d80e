"""What people meet at `task`, `worker` and `fleet`: refusals that say what to do, and tables that can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.domain.errors import ConfigError
from dnbot.domain.instrument import Symbol, Venue
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.life import Desired, TaskState
from dnbot.fleet.words import Picture, Task, TaskDetails, TaskEvent, Worker
from dnbot.operate import fleet_text
from dnbot.operate.task_settings import accounts_of, keys_of, task_settings
from dnbot.ports.credentials import Credentials, Secret
from dnbot.ports.signer import CredentialSigner

LIVE = """
mode = "live"
{top}
[gate]
key = "GATE_BTC_KEY"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.02"
max_order_notional_quote = "500"
max_daily_loss_quote = "50"
{more}
"""


def settings(top: str = "", more: str = "") -> str:
    """A configuration of a live task."""
    return LIVE.format(top=top, more=more)


def run(*words: str) -> Any:
    """One command without a database."""
    return CliRunner().invoke(commands, words, env={"DNBOT_FLEET_DSN": ""})


# --- refusals ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "words",
    [
        ("task", "list"), ("task", "show", "btc"), ("task", "pause", "btc", "--why", "x"), ("task", "remove", "btc"),
        ("task", "history", "btc"), ("fleet", "status"), ("worker",),
    ],
)
def test_without_a_database_each_command_says_what_it_needs(words: tuple[str, ...]) -> None:
    """Exit code 2, one sentence with the variable's name, and no traceback."""
    found = run(*words)
    assert found.exit_code == 2
    assert found.output.startswith("dnbot: environment: DNBOT_FLEET_DSN: found 'nothing'")
    assert "that all workers share" in found.output


def test_another_variable_may_hold_the_database() -> None:
    """The one that is named is the one that is missed."""
    assert "OTHER_DSN" in run("task", "list", "--dsn-env", "OTHER_DSN").output


@pytest.mark.parametrize("name", ["BTC", "btc usdt", "a/b", "x" * 41, "-a", "été"])
def test_a_name_that_no_task_can_have_is_refused(name: str, tmp_path: Path) -> None:
    """Before anything is asked for."""
    (tmp_path / "task.toml").write_text(settings())
    found = run("task", "add", "--config", str(tmp_path / "task.toml"), "--", name)
    assert found.exit_code == 2
    assert "a-z, 0-9, - and _" in found.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (settings(top='state_dir = "somewhere"'), "each worker has a folder of its own"),
        (settings(more='[database]\ndsn_env = "OTHER"'), "allowed: FLEET, the database of the fleet"),
        (
            settings(more="order_expiry_ms = 1200\nexecution_deadline_ms = 3000\nresolve_deadline_ms = 9000"),
            "at most 1000",
        ),
        (settings().replace("live", "paper"), "allowed: sim | live"),
        (settings().replace("live", "sim"), "fakes.address_file"),
        ("mode = 1", "mode"),
        (settings(more='[[plugins.load]]\nkind = "alerts"\nname = "mail"'), "plugins.load"),
    ],
)
def test_settings_that_only_one_machine_could_use_are_refused(text: str, told: str) -> None:
    """The sentence names the key and what is allowed."""
    with pytest.raises(ConfigError, match=told.replace("|", r"\|")):
        task_settings("btc.toml", text, "FLEET", LeaseTerms())


def test_a_task_that_nothing_should_trade_with_is_not_added_and_a_stored_one_goes_on(tmp_path: Path) -> None:
    """A version that refuses more puts no task in quarantine."""
    text = settings(more="hedge_deadline_ms = 7000")
    (tmp_path / "task.toml").write_text(text)
    found = run("task", "add", "btc", "--config", str(tmp_path / "task.toml"))
    assert found.exit_code == 2
    assert "strategy.hedge_deadline_ms: found 7000" in found.output
    assert task_settings("task btc", text, "FLEET", LeaseTerms()).strategy.hedge_deadline_ms == 7000


def test_the_database_of_the_fleet_may_be_named_for_other_commands() -> None:
    """`kill` and `report` read the same file, and need it."""
    found = task_settings("btc.toml", settings(more='[database]\ndsn_env = "FLEET"'), "FLEET", LeaseTerms())
    assert found.database.dsn_env == "FLEET"


def test_accounts_are_named_by_where_their_keys_are() -> None:
    """Never by the keys; fakes by the file with their address."""
    live = task_settings("x", settings(), "FLEET", LeaseTerms())
    assert accounts_of(live) == ("gate:GATE_BTC_KEY", "mexc:MEXC_API_KEY")
    simulated = settings(more='[fakes]\naddress_file = "here"').replace("live", "sim")
    assert accounts_of(task_settings("x", simulated, "FLEET", LeaseTerms())) == ("fakes:here",)


def test_a_key_is_told_from_others_and_not_given_away() -> None:
    """The same key under two names is one account; spot and futures of one exchange are one; the key is not shown."""
    one, other = (CredentialSigner(Credentials(Secret(f"{name}-long-key"), Secret("secret-x"))) for name in "ab")
    first = keys_of({Venue.GATE_SPOT: one, Venue.GATE_FUTURES: one, Venue.MEXC_SPOT: other})
    again = keys_of({Venue.GATE_SPOT: one, Venue.GATE_FUTURES: one, Venue.MEXC_SPOT: one})
    assert [name.rpartition(":")[0] for name in first] == ["gate:key", "mexc:key"]
    assert first[0] == again[0]
    assert first[1] != again[1]
    assert "long-key" not in str(first)


def test_a_lease_that_its_margin_eats_is_refused() -> None:
    """The sentence says how long it must be."""
    found = run("worker", "--ttl", "12")
    assert found.exit_code == 2
    assert "above 13.5 s" in found.output


# --- tables -----------------------------------------------------------------------------------------------------------
HELD = Task(
    task_id="btc", symbol=Symbol("BTC", "USDT"), state=TaskState.RUNNING, holder="one-7-1", epoch=3, left_s=21.4,
    weight=2, why="started",
)
LONELY = Task(task_id="eth", symbol=Symbol("ETH", "USDT"), state=TaskState.FAILED, holder="two-8-1", left_s=-4.0)
STOPPED = Task(task_id="sol", symbol=Symbol("SOL", "USDT"), state=TaskState.STOPPED, desired=Desired.STOPPED)
FLEET = Picture(
    tasks=(HELD, LONELY, STOPPED),
    workers=(Worker(worker_id="one-7-1", name="one", capacity=4, version="0.1.0", seen_s=3.0),),
)


def test_the_fleet_as_text_names_who_holds_what_and_what_nobody_holds() -> None:
    """Load, leases with what is left of them, and an alarm for what should be held."""
    text = fleet_text.fleet_text(FLEET)
    assert "one-7-1  one   2/4" in text
    assert "one-7-1, epoch 3, 21 s left" in text
    assert "ended 4 s ago" in text
    assert "WITHOUT A HOLDER: eth" in text
    assert "sol" not in text.splitlines()[-1]
    assert "every task" in fleet_text.fleet_text(Picture(tasks=(HELD, STOPPED), workers=FLEET.workers))
    assert "no workers" in fleet_text.fleet_text(Picture())


def test_the_fleet_as_json_says_the_same() -> None:
    """Plain values under fixed names."""
    found = fleet_text.fleet_dict(FLEET)
    assert found["without_holder"] == ["eth"]
    assert found["workers"][0] | {"tasks": ["btc"], "capacity": 4} == found["workers"][0]
    assert found["tasks"][0] == {
        "task": "btc", "symbol": "BTC/USDT", "kind": "delta_neutral", "desired": "running", "state": "running",
        "why": "started", "weight": 2, "priority": 0, "holder": "one-7-1", "epoch": 3, "lease_left_s": 21.4,
    }


def test_one_task_and_its_history_as_text() -> None:
    """What its bot said of itself is told as the bot's word; events have time, worker and epoch."""
    text = fleet_text.details_text(
        TaskDetails(task=HELD, settings="secretless", accounts=("gate:K", "mexc:K"), context={"delta_base": "0.0001"})
    )
    assert "bot's delta_base         0.0001" in text
    assert "gate:K, mexc:K" in text
    assert "secretless" not in text
    event = TaskEvent(
        at_ns=1_790_000_000_123_000_000, task_id="btc", kind="taken_over", state="starting", text="x", epoch=3
    )
    assert "2026-09-21 14:13:20.123  taken_over  starting  3" in fleet_text.history_text([event])
    assert "nothing is known" in fleet_text.history_text([])
