"""Killing a bot that is stopped, that answers, and that is ended: real processes, fakes in one of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import attrs
import pytest
import trio
from postgres_here import why_not

from dnbot.domain.instrument import VENUES
from dnbot.domain.order import epoch_of
from dnbot.lab.drills_evidence import VENUE_OF, Wire, foreign_open, own_open
from dnbot.lab.drills_orders import Hand
from dnbot.lab.drills_repetition import STEADY
from dnbot.lab.drills_stage import DSN_VARIABLE, SYMBOL, Stage, stage
from dnbot.operate.control_client import ask_status

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILL_S_MAX = 5.0
LOTS_LEFT_MAX = 2
"""What is too small to sell at either spot venue keeps its short: `dust_base_max`, by default two contracts."""
WATCHED_S = 4.0
"""In this market a bot that may trade does so several times in so long."""
RISKY = "select client_order_id from order_intents where client_order_id = any($1) and purpose = any($2)"
MODES = "select from_mode, to_mode, why, changed_by from trading_modes where symbol = $1 order by sequence"
HALTS = "select who, why from halts where symbol = $1 order by id"


@attrs.define
class Scene:
    """A stage with a hand that leaves orders, and the command line beside them."""

    world: Stage
    hand: Hand
    wire: Wire = attrs.field(factory=Wire)

    async def dnbot(self, *words: str, dsn: bool = True) -> tuple[int, str, float]:
        """One command as a person gives it: exit code, standard output, seconds."""
        environment = os.environ | ({DSN_VARIABLE: self.world.bot.dsn} if dsn else {})
        command = [sys.executable, "-P", "-m", "dnbot", *words, "--config", str(self.world.bot.config)]
        began_s = trio.current_time()
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env=environment, cwd=self.world.folder
        )
        took_s = trio.current_time() - began_s
        said = done.stdout.decode()
        assert done.returncode in {0, 1, 2, 75}, (done.returncode, said, done.stderr.decode()[-2000:])
        return done.returncode, said or done.stderr.decode(), took_s

    async def kill(self, *words: str, dsn: bool = True) -> tuple[int, dict[str, Any], float]:
        code, said, took_s = await self.dnbot(*words, "--json", dsn=dsn)
        return code, json.loads(said), took_s

    async def trades(self, within_s: float = 60.0) -> bool:
        """Whether a pair is decided and closed from now on."""
        began_ns = self.world.clock.now_ns()

        async def traded() -> bool:
            assert self.world.bot.pid is not None, self.world.bot.last_words()
            return bool((await self.world.read(STEADY, str(SYMBOL), began_ns))[0]["n"])

        return await self.world.until(traded, within_s)

    async def rest(self) -> None:
        """Three orders of ours at every venue, one of an older epoch, and once a foreign one."""
        await self.hand.place_older()
        await self.hand.place_fresh(2)
        if not self.hand.foreign:
            await self.hand.place_foreign()
        open_now = own_open(await self.world.controls.ask("audit"))
        assert len(open_now) == 9, open_now

    async def risky_creates(self) -> list[str]:
        """Creates that take risk, of all that reached the venues since the last call."""
        since = self.wire.next
        self.wire.requests.extend(await self.world.controls.requests(since))
        names = [request["client_id"] for request in self.wire.creates(since)]
        rows = await self.world.read(RISKY, names, ["entry", "exit", "establish"])
        return [row["client_order_id"] for row in rows]

    async def assert_quiet(self) -> None:
        """For a while nothing that takes risk reaches a venue."""
        await trio.sleep(WATCHED_S)
        assert await self.risky_creates() == []

    async def mode(self) -> tuple[str, str]:
        """What the bot says of itself, as soon as it answers."""
        found = None

        async def told() -> bool:
            nonlocal found
            try:
                found = (await ask_status(self.world.bot.home, tree=False)).view
            except Exception:  # noqa: BLE001 (it is only just starting)
                return False
            return True

        assert await self.world.until(told, 30.0), self.world.bot.last_words()
        assert found is not None
        return found.mode, found.mode_why

    async def assert_only_foreign_left(self) -> None:
        audit = await self.world.controls.ask("audit")
        assert not own_open(audit)
        assert {VENUE_OF[o["venue"]] for o in audit["orders"] if o["status"] == "open"} == set(VENUES)
        assert set(self.hand.foreign) <= set(foreign_open(audit))


@pytest.mark.skipif(bool(why_not()), reason=f"no user namespaces: {why_not()}")
async def test_kill_and_its_end() -> None:
    """Stopped: ours are gone within 5 s and foreign ones stay; awake, and started again: HALTED, and no order that
    takes risk; killed twice; lifted by a person; then the position is closed without the process that hangs."""
    async with stage(7) as world:
        scene = Scene(world, Hand(world))
        await scene.hand.open()
        try:
            await _scenario(scene)
        finally:
            with trio.move_on_after(2, shield=True):
                await scene.hand.aclose()
                world.bot.send(signal.SIGCONT)


async def _scenario(scene: Scene) -> None:
    world = scene.world
    await scene.hand.begin_epoch()
    world.bot.start()
    assert await scene.trades(), world.bot.last_words()

    world.bot.send(signal.SIGSTOP)
    await scene.rest()
    await scene.risky_creates()
    code, report, took_s = await scene.kill("kill", "--reason", "first")
    assert (code, report["swept_by"], report["latch_file"], report["latch_database"]) == (0, "keys", "", ""), report
    assert took_s <= KILL_S_MAX, report
    assert str(world.bot.pid) in report["bot"]
    by_venue = {swept["venue"]: swept for swept in report["venues"]}
    assert len(by_venue) == 3
    for swept in by_venue.values():
        assert (len(swept["cancelled"]), swept["left"], swept["verified"]) == (3, [], 2)
        assert len({epoch_of(name) for name in swept["cancelled"]}) == 2, "of two epochs"
    await scene.assert_only_foreign_left()
    assert [row["why"].endswith(": first") for row in await world.read(HALTS, str(SYMBOL))] == [True]

    code, report, _ = await scene.kill("kill", "--flatten", "--reason", "it hangs")
    assert (code, "--end-hung" in report["flatten"]) == (1, True), report

    world.bot.send(signal.SIGCONT)
    await scene.assert_quiet()
    mode, why = await scene.mode()
    assert (mode, why.endswith(": it hangs")) == ("HALTED", True), why

    world.bot.send(signal.SIGTERM)
    assert await world.bot.ended(30.0) == 0, world.bot.last_words()
    await scene.risky_creates()
    world.bot.start()
    assert (await scene.mode())[0] == "HALTED"
    await scene.assert_quiet()
    code, report, _ = await scene.kill("kill", "--reason", "third")
    assert (code, report["swept_by"]) == (0, "bot"), report
    modes = [(r["from_mode"], r["to_mode"], r["why"].rpartition(": ")[2]) for r in await world.read(MODES, str(SYMBOL))]
    assert modes[-2:] == [("ACTIVE", "HALTED", "it hangs"), ("HALTED", "HALTED", "third")], modes

    code, said, _ = await scene.dnbot("resume", "--reason", "looked at it")
    assert code == 0, said
    assert await scene.trades(), world.bot.last_words()
    assert (await scene.mode())[0] == "ACTIVE"

    world.bot.send(signal.SIGSTOP)
    await scene.rest()
    stopped = world.bot.pid
    code, report, _ = await scene.kill("sweep", "--flatten", "--end-hung", "--reason", "away with it")
    assert (code, report["flatten"]) == (0, ""), report
    assert await world.bot.ended(1.0) == -signal.SIGKILL, stopped
    await scene.assert_only_foreign_left()
    audit = await world.controls.ask("audit")
    left = {symbol: abs(int(position["size"])) for symbol, position in audit["positions"].items()}
    assert all(size <= LOTS_LEFT_MAX for size in left.values()), audit["positions"]


def test_nothing_is_swept_without_keys(tmp_path: Any) -> None:
    """The halt is there all the same, the sentence says what is missing, and the exit code is 2."""
    config = tmp_path / "live.toml"
    words = [sys.executable, "-P", "-m", "dnbot"]
    subprocess.run([*words, "new-config", "--mode", "live", "--output", str(config)], check=True, capture_output=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DNBOT")}
    environment["DNBOT_HOME"] = str(tmp_path / "home")
    command = [*words, "kill", "--config", str(config), "--reason", "no keys"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2, done
    assert "NOT SWEPT: environment: " in done.stderr, done.stderr
    assert (tmp_path / "home" / "halt.latch").exists()
