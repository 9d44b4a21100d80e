"""What deploy/ tells systemd, engines and Kubernetes is what the bot does, and what its documents say."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_tools import (
    HADOLINT,
    KUBERNETES_VALIDATE,
    SYSTEMD_ANALYZE,
    needs_hadolint,
    needs_kubernetes_validate,
    needs_systemd_analyze,
)

from dnbot import cli
from dnbot.bot import FAREWELL_S
from dnbot.config import Settings, load_settings
from dnbot.domain.errors import ConfigError
from dnbot.operate.database_place import external_dsn
from dnbot.operate.fakes_process import STOP_S_MAX as FAKES_S_MAX
from dnbot.operate.monitoring import END_S_MAX
from dnbot.operate.run import ANSWERS_S_MAX
from dnbot.ports.credentials import SecretRegistry
from dnbot.ports.embedded_postgres import STOP_S_MAX as DATABASE_S_MAX
from dnbot.strategy.leaving import SHUTDOWN_S
from dnbot.tasks.journal import FAREWELL_S as JOURNAL_S

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
UNIT = (DEPLOY / "systemd" / "dnbot.service").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
OBJECTS: dict[str, dict[str, Any]] = {
    one["kind"]: one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))
}
POD: dict[str, Any] = OBJECTS["StatefulSet"]["spec"]["template"]["spec"]
BOT: dict[str, Any] = POD["containers"][0]
ENDING_S = SHUTDOWN_S + max(FAREWELL_S, JOURNAL_S) + END_S_MAX + ANSWERS_S_MAX + FAKES_S_MAX + DATABASE_S_MAX
"""The longest clean end, everything that has a limit at its limit."""
NEVER = {cli.EXIT_CONFIG, cli.EXIT_INTERNAL}
KEYS = {"gate.key", "gate.secret", "mexc.key", "mexc.secret"}


def unit(key: str) -> list[str]:
    """The values of a key of the unit, one for each line."""
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def options_of(words: list[str]) -> set[str]:
    """The options of `dnbot run` in a command line."""
    return {word for word in words[words.index("run") + 1 :] if word.startswith("--")}


def environment() -> dict[str, str]:
    """Of the unit."""
    return dict(word.split("=", 1) for line in unit("Environment") for word in line.split())


# --- exit codes and times --------------------------------------------------------------------------------------------
def test_who_restarts_obeys_the_documented_codes() -> None:
    """Never on 2 or 70; on 75. The same in the document, the unit and `keep`."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.search(r"may restart on (\d+), with a pause; never on (\d+) or (\d+)", text)
    assert found is not None
    assert int(found[1]) == cli.EXIT_UNAVAILABLE
    assert {int(found[2]), int(found[3])} == NEVER
    assert unit("Restart") == ["on-failure"]
    assert {int(code) for code in unit("RestartPreventExitStatus")[0].split()} == NEVER
    keep = (DEPLOY / "container" / "keep").read_text(encoding="utf-8")
    assert f"UNAVAILABLE = {cli.EXIT_UNAVAILABLE}\n" in keep
    assert float(unit("RestartSec")[0]) >= 5


def test_everybody_waits_for_the_longest_clean_end() -> None:
    """Of every part, plus a margin; so does the drill."""
    assert float(unit("TimeoutStopSec")[0]) > ENDING_S
    assert POD["terminationGracePeriodSeconds"] > ENDING_S
    assert float(COMPOSE["services"]["bot"]["stop_grace_period"].removesuffix("s")) > ENDING_S


def test_no_engine_starts_what_must_not_be_started() -> None:
    """They would after every code: compose's does nothing, and the kubelet's container stays when it is held."""
    bot = COMPOSE["services"]["bot"]
    assert (bot["restart"], bot["command"][:3]) == ("no", ["keep", "dnbot", "run"])
    assert BOT["args"][:4] == ["keep", "--hold", "dnbot", "run"]
    assert json.loads(re.findall(r"^CMD (.*)$", CONTAINERFILE, re.MULTILINE)[-1])[:3] == ["keep", "dnbot", "run"]


@pytest.mark.parametrize("words", [
    shlex.split(unit("ExecStart")[0]), COMPOSE["services"]["bot"]["command"], BOT["args"],
    json.loads(re.findall(r"^CMD (.*)$", CONTAINERFILE, re.MULTILINE)[-1]),
], ids=["unit", "compose", "kubernetes", "image"])  # fmt: skip
def test_the_command_takes_its_options(words: list[str]) -> None:
    """Every option there is one of `dnbot run`."""
    known = {name for option in cli.run.params for name in option.opts}
    assert options_of(words) <= known
    assert "--plain" in options_of(words)


# --- systemd ---------------------------------------------------------------------------------------------------------
def test_the_unit_listens_to_what_the_bot_says() -> None:
    """Ready, alive and stopping; a start may take as long as a database that replays its log."""
    assert (unit("Type"), unit("NotifyAccess")) == (["notify"], ["main"])
    assert float(unit("WatchdogSec")[0]) > DATABASE_S_MAX  # the last that is ended; no beat comes meanwhile
    assert float(unit("TimeoutStartSec")[0]) >= 300


def test_each_key_is_copied_to_where_the_bot_looks_for_it() -> None:
    """Of the unit: loaded, copied for its user alone, named by the variable that the settings name."""
    loaded = {line.split(":")[0] for line in unit("LoadCredential")}
    copied = shlex.split(unit("ExecStartPre")[0])
    assert loaded == KEYS == {word.removeprefix("%d/") for word in copied if word.startswith("%d/")}
    assert copied[:5] == ["/usr/bin/install", "-m", "0400", "-t", "%t/dnbot"]
    wanted = {f"{name}_FILE": f"/run/dnbot/{key}" for name, key in names_of_keys().items()}
    assert environment().items() >= wanted.items()


def test_the_keys_are_there_when_no_bot_answers() -> None:
    """Sweeping and killing from outside want them after the service has stopped, and the document says how."""
    assert unit("RuntimeDirectory") == ["dnbot"]
    assert unit("RuntimeDirectoryPreserve") == ["yes"]
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    service = text.split("### Under systemd")[1].split("### In a container")[0]
    for name, key in names_of_keys().items():
        assert f"{name}_FILE=/run/dnbot/{key}" in service


def names_of_keys() -> dict[str, str]:
    """The variables of the settings' defaults, and the files here."""
    settings: Settings = load_settings(ROOT / "config" / "live.example.toml")
    return {
        settings.gate.key: "gate.key", settings.gate.secret: "gate.secret", settings.mexc.key: "mexc.key",
        settings.mexc.secret: "mexc.secret",
    }


def test_containers_have_the_same_keys_as_files() -> None:
    """Compose mounts them, Kubernetes copies them first: its own are links."""
    compose = COMPOSE["services"]["bot"]
    assert {f"{name}_FILE": f"/run/secrets/{key}" for name, key in names_of_keys().items()}.items() <= (
        compose["environment"].items()
    )
    assert KEYS | {"pgpass"} == set(compose["secrets"])
    assert set(compose["secrets"]) <= set(COMPOSE["secrets"])
    values = {one["name"]: one["value"] for one in BOT["env"]}
    assert {f"{name}_FILE": f"/run/dnbot/{key}" for name, key in names_of_keys().items()}.items() <= values.items()
    assert "install -m 0400" in POD["initContainers"][0]["command"][-1]


def test_the_connection_strings_are_taken() -> None:
    """To another host a bot wants TLS that verifies, or a word that there is none."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "deploy").rglob("*.yaml")]
    found = [dsn.strip('"},') for text in texts for dsn in re.findall(r"postgresql://\S+", text)]
    assert len(found) == 2
    for dsn in found:
        assert external_dsn("DSN", SecretRegistry(), {"DSN": dsn}) == dsn
        with pytest.raises(ConfigError, match="sslmode"):
            external_dsn("DSN", SecretRegistry(), {"DSN": re.sub(r"sslmode=[\w-]+&", "", dsn)})


@needs_systemd_analyze
def test_systemd_finds_nothing_to_say() -> None:
    """But that the bot is not installed on this machine. It ends well whatever it finds: its words are judged."""
    def verify(path: Path) -> list[str]:
        done = subprocess.run([SYSTEMD_ANALYZE, "verify", str(path)], capture_output=True, text=True, timeout=30)
        return [line for line in done.stderr.splitlines() if "/opt/dnbot/dnbot is not executable" not in line]

    assert verify(DEPLOY / "systemd" / "dnbot.service") == []


@needs_systemd_analyze
def test_systemd_would_say_so(tmp_path: Path) -> None:
    """The test above can fail: a key that there is not is named."""
    path = tmp_path / "dnbot.service"
    path.write_text(UNIT.replace("WatchdogSec=", "WatchDogSec="), encoding="utf-8")
    done = subprocess.run([SYSTEMD_ANALYZE, "verify", str(path)], capture_output=True, text=True, timeout=30)
    assert "WatchDogSec" in done.stderr


# --- the image -------------------------------------------------------------------------------------------------------
def test_the_image_has_pinned_packages_and_no_root() -> None:
    """Hashes and wheels alone, a number as user, tini first, a health check of the bot's own probe."""
    assert "--only-binary :all:" in CONTAINERFILE
    assert "--require-hashes -r /build/requirements.lock" in CONTAINERFILE
    assert re.findall(r"^USER (.*)$", CONTAINERFILE, re.MULTILINE) == ["10001:10001"]
    assert 'ENTRYPOINT ["/usr/bin/tini", "--"]' in CONTAINERFILE
    assert re.search(r'^HEALTHCHECK .* CMD \["probe", "livez"\]$', CONTAINERFILE, re.MULTILINE)
    assert CONTAINERFILE.count("\nFROM ") == 3
    assert "COPY --from=build /opt/dnbot /opt/dnbot" in CONTAINERFILE


def test_nothing_but_the_product_can_get_into_a_build() -> None:
    """All is shut out, but for what the Containerfile copies."""
    lines = [line for line in (ROOT / ".containerignore").read_text().splitlines() if line and line[0] != "#"]
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.MULTILINE) for word in line.split()[:-1]
    }
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == copied
    assert all((ROOT / name).exists() for name in copied)


@needs_hadolint
def test_hadolint_finds_nothing_to_say() -> None:
    """Of the Containerfile."""
    done = subprocess.run([HADOLINT, str(ROOT / "Containerfile")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


# --- compose and Kubernetes ------------------------------------------------------------------------------------------
def test_compose_closes_the_bot_in() -> None:
    """Its root is read-only, it can do nothing, and nobody beyond this host reaches it."""
    bot = COMPOSE["services"]["bot"]
    assert (bot["read_only"], bot["cap_drop"], bot["user"]) == (True, ["ALL"], "10001:10001")
    for service in COMPOSE["services"].values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["pids_limit"] > 0
        assert service["mem_limit"]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert COMPOSE["services"]["db"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert COMPOSE["services"]["prometheus"]["network_mode"] == "service:bot"


def test_one_writer_closed_in() -> None:
    """One replica, no root, nothing to write on but the state and a tmpfs, no token of the cluster."""
    assert OBJECTS["StatefulSet"]["spec"]["replicas"] == 1
    assert (POD["securityContext"]["runAsUser"], POD["securityContext"]["runAsNonRoot"]) == (10001, True)
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert POD["automountServiceAccountToken"] is False
    for container in (BOT, *POD["initContainers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }
        assert "@sha256:" in container["image"]
    written = {mount["mountPath"] for mount in BOT["volumeMounts"] if not mount.get("readOnly")}
    assert written == {"/var/lib/dnbot", "/tmp"}


def test_the_probes_are_those_of_the_image() -> None:
    """And a start may take as long as under systemd."""
    asked = {kind: BOT[f"{kind}Probe"]["exec"]["command"] for kind in ("startup", "liveness", "readiness")}
    assert asked == {
        "startup": ["probe", "startupz"], "liveness": ["probe", "livez"], "readiness": ["probe", "readyz"],
    }
    probe = BOT["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == float(unit("TimeoutStartSec")[0])


def test_everything_means_the_same_pod() -> None:
    """Selectors, names of volumes and the configuration."""
    labels = OBJECTS["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    claims = {one["metadata"]["name"] for one in OBJECTS["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    there = {one["name"] for one in POD["volumes"]} | claims
    mounted = {mount["name"] for one in (BOT, *POD["initContainers"]) for mount in one["volumeMounts"]}
    assert mounted == there


def test_the_network_lets_nobody_in() -> None:
    """Out to names, the database and TLS beyond private networks, where an instance's own secrets are told, too."""
    spec = OBJECTS["NetworkPolicy"]["spec"]
    assert (sorted(spec["policyTypes"]), spec["ingress"]) == (["Egress", "Ingress"], [])
    ports = sorted(port["port"] for rule in spec["egress"] for port in rule["ports"])
    assert ports == [53, 53, 443, 5432]
    block = next(one["ipBlock"] for rule in spec["egress"] for one in rule["to"] if "ipBlock" in one)
    assert {"169.254.0.0/16", "10.0.0.0/8"} <= set(block["except"])


def test_the_configuration_of_the_manifest_is_one(tmp_path: Path) -> None:
    """The bot takes it, for the real exchanges, with a database elsewhere."""
    text = OBJECTS["ConfigMap"]["data"]["live.toml"]
    path = tmp_path / "live.toml"
    path.write_text(text, encoding="utf-8")
    settings = load_settings(path)
    assert (settings.mode, settings.database.dsn_env) == ("live", "DNBOT_DSN")
    assert "DNBOT_DSN" in {one["name"] for one in BOT["env"]}
    assert tomllib.loads(text)["strategy"]["symbol"] == "BTC/USDT"


@needs_kubernetes_validate
@pytest.mark.slow
def test_kubernetes_takes_them(tmp_path: Path) -> None:
    """By the schemas of its newest version; what it does not know is found."""
    planted = tmp_path / "planted.yaml"
    text = (DEPLOY / "kubernetes" / "disruption.yaml").read_text(encoding="utf-8")
    planted.write_text(text.replace("metadata:", "metadata:\n  labelz: x"), encoding="utf-8")
    codes = [
        subprocess.run([KUBERNETES_VALIDATE, "--strict", *paths], capture_output=True, timeout=120).returncode
        for paths in (MANIFESTS, [planted])
    ]
    assert codes[0] == 0
    assert codes[1] != 0
