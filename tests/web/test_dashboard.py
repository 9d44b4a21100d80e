"""The dashboard beside a run: when it begins, when it cannot, and that the run goes on whatever happens to it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import httpx
import pytest
import trio
from click.testing import CliRunner

from dnbot.cli import commands
from dnbot.config import Settings, WebSettings
from dnbot.domain.errors import ConfigError
from dnbot.operate.run import Standing
from dnbot.ports.credentials import SecretRegistry
from dnbot.web import dashboard as dashboard_module
from dnbot.web import serving
from dnbot.web.dashboard import Dashboard
from dnbot.web.places import link_of

if TYPE_CHECKING:
    from web_site import Site, Sites


def standing(here: Site, said: list[str]) -> Standing:
    """The run of a site, with a database that nobody answers for."""
    return Standing(
        here.bot, here.watch, here.api.hub.report, here.api.commands.answer.__self__,  # type: ignore[attr-defined]
        here.stage.log, here.home, "postgresql://nobody@127.0.0.1:1/none", said.append,
    )  # fmt: skip


def settings(here: Site, listen: str) -> Settings:
    """With a dashboard there."""
    return Settings(strategy=here.bot.parts.params, web=WebSettings(listen=listen))


async def test_a_taken_port_is_said_and_taken_when_it_is_free(site: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on meanwhile; the link leads there afterwards, and pages without a database say so."""
    monkeypatch.setattr(serving, "AGAIN_S", 0.05)
    said: list[str] = []
    async with site() as here:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            beside = Dashboard()
            beside.prepare(settings(here, f"127.0.0.1:{port}"), here.home, SecretRegistry())
            here.nursery.start_soon(beside.serve, standing(here, said))
            await trio.sleep(0.3)
            assert len(said) == 1
            assert said[0].startswith(f"NO DASHBOARD: 127.0.0.1:{port} is taken")
            assert here.lines().count("web_not_served") == 1
        with trio.fail_after(5):
            while len(said) < 2:  # noqa: ASYNC110 (a sentence sets no event)
                await trio.sleep(0.05)
        url = f"http://127.0.0.1:{port}"
        assert said[1].startswith(f"dashboard: {url} ")
        token = link_of(here.home).removeprefix(f"{url}/login#")
        async with httpx.AsyncClient(timeout=5, headers={"authorization": f"Bearer {token}"}) as client:
            assert (await client.get(f"{url}/api/history")).status_code == 200
            answer = await client.get(f"{url}/api/trades")
            assert (answer.status_code, "database" in answer.json()["error"]) == (503, True)


async def test_an_error_of_the_dashboard_does_not_end_the_run(site: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one at its start nor one of what looks at the bot again and again."""
    monkeypatch.setattr(dashboard_module, "AGAIN_S", 0.02)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    async with site() as here:
        beside = Dashboard()
        beside.prepare(settings(here, "127.0.0.1:8180"), here.home, SecretRegistry())
        with monkeypatch.context() as patched:
            patched.setattr(dashboard_module, "api_of", broken)
            await beside.serve(standing(here, []))
        assert here.lines().count("web_error") == 1
        with trio.move_on_after(0.3):
            run = attrs.evolve(standing(here, []), report=broken)  # type: ignore[arg-type]  # one that fails
            await dashboard_module._watched(dashboard_module.Hub(run.report, run.watch), run)
        assert here.lines().count("web_error") > 3


async def test_one_that_is_off_serves_nothing_and_makes_no_token(site: Sites) -> None:
    """Nothing is left in the state folder, and nobody waits for it."""
    async with site() as here:
        beside = Dashboard()
        beside.prepare(settings(here, "off"), here.home, SecretRegistry())
        await beside.serve(standing(here, []))
        await beside.finish(within_s=1)
        with pytest.raises(ConfigError):
            link_of(here.home)


@pytest.mark.parametrize("listen", ["0.0.0.0:8180", "8180", "127.0.0.1:http"])
def test_an_address_on_the_command_line_is_judged_as_one_of_the_file(listen: str, tmp_path: Path) -> None:
    """Exit code 2 and a sentence, before anything is started."""
    done = CliRunner().invoke(commands, ["run", "--web", listen], env={"DNBOT_HOME": str(tmp_path / "state")})
    assert done.exit_code == 2
    assert "web.listen" in done.output
    assert not (tmp_path / "state").exists()


def test_the_command_prints_the_link_of_a_state_folder(tmp_path: Path) -> None:
    """And says where to look when there is none."""
    done = CliRunner().invoke(commands, ["dashboard"], env={"DNBOT_HOME": str(tmp_path)})
    assert done.exit_code == 2
    assert "DNBOT_HOME" in done.output
