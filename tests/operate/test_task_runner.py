"""A task's folder while a worker runs the task: whoever asks finds a process there, and knows that it is a worker."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from dnbot.domain.errors import OperatingError
from dnbot.fleet.leases import LeaseTerms
from dnbot.fleet.words import BUILT_IN
from dnbot.operate import task_runner
from dnbot.operate.control_socket import only_bot_of
from dnbot.operate.kill_hung import Holder, holder_of
from dnbot.operate.task_runner import TaskRunner, task_folder
from dnbot.ports.clock import SystemClock
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.log import EventLog
from dnbot.ports.redaction import Redactor

CONFIG = """
mode = "sim"
[fakes]
address_file = "nowhere"
[strategy]
symbol = "BTC/USDT"
base_position_size = "0.02"
max_order_notional_quote = "500"
max_daily_loss_quote = "50"
"""


class Ended(OperatingError):
    """What the tests end a bot with, before it asks for venues."""


def runner(home: Path) -> TaskRunner:
    """One without a database and venues: nothing here gets so far."""
    registry, nothing = SecretRegistry(), cast("Any", None)
    return TaskRunner(
        nothing, home, "FLEET", LeaseTerms(), registry, Redactor(registry), EventLog(SystemClock(), []), nothing,
        nothing, nothing, nothing,
    )


def seat(task_id: str) -> Any:
    """A seat of that task, as far as it is asked."""
    task = SimpleNamespace(task_id=task_id, kind=BUILT_IN)
    return SimpleNamespace(details=SimpleNamespace(task=task, settings=CONFIG))


async def test_the_folder_of_a_task_is_its_workers_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kill` finds the worker there; after a failure nobody, and the next start has the folder again."""
    found = []

    def around(*_: object) -> None:
        found.append(holder_of(task_folder(tmp_path, "btc")))
        raise Ended

    monkeypatch.setattr(TaskRunner, "_around", around)
    for _ in range(2):
        with pytest.raises(Ended):
            await runner(tmp_path)(seat("btc"))
        assert holder_of(task_folder(tmp_path, "btc")) is None
    assert found == [Holder(task_folder(tmp_path, "btc"), os.getpid(), is_worker=True)] * 2


async def test_tasks_of_one_worker_do_not_hold_each_other_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a lock of its own, beside that of the worker."""
    entered: list[str] = []

    async def fit(*_: object) -> None:
        entered.append("one")
        await trio.sleep_forever()

    monkeypatch.setattr(TaskRunner, "_around", lambda *_: SimpleNamespace(signers={}, places={}))
    monkeypatch.setattr(task_runner, "keys_of", lambda _: ())
    with only_bot_of(tmp_path, in_worker=True):
        async with trio.open_nursery() as nursery:
            for task_id in ("btc", "eth"):
                one = seat(task_id)
                one.lease, one.tasks, one.started = None, SimpleNamespace(bind=fit), lambda: None
                nursery.start_soon(runner(tmp_path), one)
            await trio.testing.wait_all_tasks_blocked()
            assert entered == ["one", "one"]
            nursery.cancel_scope.cancel()


async def test_a_folder_that_another_process_has_is_tried_again(tmp_path: Path) -> None:
    """A bot that closes the position after a kill ends by itself: nobody need look, so it is no ConfigError."""
    home = task_folder(tmp_path, "btc")
    home.mkdir(parents=True)
    with only_bot_of(home), pytest.raises(OperatingError, match="one bot per folder"):
        await runner(tmp_path)(seat("btc"))
