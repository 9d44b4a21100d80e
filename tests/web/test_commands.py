"""What a page may order: form, confirmation, effect, record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from dnbot.operate.control_words import Kill, Leave, Pause, Reduce, Resume
from dnbot.strategy.states import StrategyState, TradingMode
from dnbot.web.commands import BadOrder, request_of

if TYPE_CHECKING:
    from trio.testing import MockClock
    from web_site import Site, Sites

PAIR = "BTC/USDT"


def order(**fields: Any) -> bytes:
    """As a page sends it."""
    return msgspec.json.encode({"why": "because", **fields})


def test_each_action_is_the_request_of_the_same_name() -> None:
    """Nothing else is made of it than what the control socket understands."""
    assert request_of("pause", order(), PAIR) == Pause("because")
    assert request_of("reduce", order(), PAIR) == Reduce("because")
    assert request_of("resume", order(), PAIR) == Resume("because")
    assert request_of("resume", order(force=True, confirm="RESUME BTC/USDT"), PAIR) == Resume("because", force=True)
    assert request_of("stop", order(confirm="STOP BTC/USDT"), PAIR) == Leave("because")
    assert request_of("flatten", order(confirm="FLATTEN BTC/USDT"), PAIR) == Leave("because", flatten=True)
    assert request_of("kill", order(confirm="KILL BTC/USDT"), PAIR) == Kill("because")


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("kill", {}),
        ("kill", {"confirm": "KILL ETH/USDT"}),
        ("kill", {"confirm": "kill btc/usdt"}),
        ("flatten", {"confirm": "STOP BTC/USDT"}),
        ("stop", {"confirm": ""}),
        ("resume", {"force": True}),
        ("pause", {"force": True}),
        ("pause", {"confirm": "PAUSE BTC/USDT"}),
        ("pause", {"why": ""}),
        ("pause", {"why": "x" * 301}),
        ("pause", {"why": 5}),
    ],
)
def test_what_is_not_confirmed_or_has_no_reason_is_no_order(action: str, fields: dict[str, Any]) -> None:
    """Whatever cannot be taken back is typed, to the letter, with the name of the pair."""
    with pytest.raises(BadOrder):
        request_of(action, order(**fields), PAIR)


async def ask(here: Site, action: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    """An order of somebody who may operate."""
    async with here.client("operate") as browser:
        answer = await browser.post(f"/api/control/{action}", json={"why": "because", **fields})
        return answer.status_code, answer.json()


async def test_pause_and_resume_have_their_effect_and_are_recorded(autojump_clock: MockClock, site: Sites) -> None:
    """The answer says what came of it; mode, reason and person are in the database's record."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        status, said = await ask(here, "pause")
        assert (status, said["type"], said["mode"]) == (200, "done", "REDUCING")
        status, said = await ask(here, "resume")
        assert (status, said["type"], said["mode"]) == (200, "done", "ACTIVE")
        await trio.sleep(2)
        modes = here.store.database.books[here.bot.parts.params.symbol].modes
        assert [(mode.to_mode, mode.by, mode.why) for mode in modes] == [
            ("REDUCING", "web:ann", "web:ann: because"), ("ACTIVE", "web:ann", "web:ann: because"),
        ]
        assert here.lines().count("control") == 2


async def test_a_kill_is_on_the_disk_before_the_bot_is_asked(autojump_clock: MockClock, site: Sites) -> None:
    """HALTED by the latch, which a restart finds; every venue is proven empty; only a person lifts it."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        status, said = await ask(here, "kill", confirm="KILL BTC/USDT")
        assert (status, said["type"], said["mode"]) == (200, "killed", "HALTED")
        assert len(said["venues"]) == 3
        halt = here.api.commands.latch.newest()
        assert halt is not None
        assert (halt.who, halt.reason) == ("web:ann", "because")
        status, said = await ask(here, "pause")
        assert (status, said["type"]) == (409, "refused")
        assert here.bot.context.mode is TradingMode.HALTED
        status, said = await ask(here, "resume")
        assert (status, said["mode"]) == (200, "ACTIVE")
        assert not here.bot.gate.latch.is_set()


async def test_a_kill_that_cannot_be_written_is_carried_out_and_says_so(autojump_clock: MockClock, site: Sites) -> None:
    """A state folder that is full or gone does not keep the bot from halting."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        (here.home / "a file").touch()
        here.api.commands.latch.path = here.home / "a file" / "halt.latch"
        status, said = await ask(here, "kill", confirm="KILL BTC/USDT")
        assert (status, said["mode"]) == (200, "HALTED")
        assert "could not be written" in said["text"]


async def test_stop_ends_the_bot_and_the_answer_is_waited_for(autojump_clock: MockClock, site: Sites) -> None:
    """Whoever ends the run waits until those who asked have their answer, or the time is over."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        answers: list[tuple[int, dict[str, Any]]] = []

        async def stop() -> None:
            answers.append(await ask(here, "stop", confirm="STOP BTC/USDT"))

        here.nursery.start_soon(stop)
        await here.until(StrategyState.SHUTDOWN)
        assert here.api.commands.waiting == 1
        await here.api.commands.finish(within_s=30)
        await trio.testing.wait_all_tasks_blocked()
        status, said = answers[0]
        assert (status, said["type"]) == (200, "done")
        assert "ended cleanly" in said["text"]
        assert here.bot.context.exit_code == 0


async def test_a_command_goes_on_when_its_browser_leaves(autojump_clock: MockClock, site: Sites) -> None:
    """The connection breaks right after the request; the mode changes all the same."""
    async with site(runs=True) as here:
        await here.until(StrategyState.MONITORING_SPREADS)
        cookie, identity = here.keyring.open("operate", "", here.stage.clock.now_ns() / 1e9)
        body = order()
        stream = here.connect()
        await stream.send_all(
            b"POST /api/control/pause HTTP/1.1\r\nHost: 127.0.0.1:8180\r\nOrigin: http://127.0.0.1:8180\r\n"
            + f"Cookie: {here.place.cookie}={cookie}\r\nX-CSRF-Token: {here.keyring.csrf_of(identity)}\r\n".encode()
            + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        )
        await stream.aclose()
        await trio.sleep(2)
        assert here.bot.context.mode is TradingMode.REDUCING
