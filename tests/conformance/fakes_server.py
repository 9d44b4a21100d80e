"""`./dnbot fakes` as its users start it: a process on loopback ports that it picks itself, over TLS."""

from __future__ import annotations

import json
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

ROOT = Path(__file__).resolve().parents[2]
STOP_S_MAX = 60
ASK_S_MAX = 60
ACCOUNTS = {"trader": "20001", "maker": "20002"}
"""uid of each account; key and secret are `<name>-key` and `<name>-secret`."""


class Fakes:
    """Where one process of fakes is, and what it may be asked beside the venues' own interfaces."""

    def __init__(self, line: dict[str, Any]) -> None:
        self.gate_rest: str = line["gate_rest"]
        self.gate_ws_spot: str = line["gate_ws_spot"]
        self.gate_ws_futures: str = line["gate_ws_futures"]
        self.mexc_rest: str = line["mexc_rest"]
        self.mexc_ws: str = line["mexc_ws"]
        self.ca_file: str = line["ca_file"]
        self.key, self.secret, self.uid = "trader-key", "trader-secret", ACCOUNTS["trader"]
        self.maker_key, self.maker_secret, self.maker_uid = "maker-key", "maker-secret", ACCOUNTS["maker"]

    def ask(self, control: str, **query: object) -> Any:
        """What a control path answers, decoded."""
        place = urlsplit(self.gate_rest)
        context = ssl.create_default_context(cafile=self.ca_file)
        with closing(HTTPSConnection(place.netloc, context=context, timeout=ASK_S_MAX)) as connection:
            connection.request("POST", f"/__dnbot__/{control}?{urlencode(query)}")
            return json.load(connection.getresponse())

    def audit(self, uid: str | None = None) -> dict[str, Any]:
        """Balances, orders, trades and positions as the fakes themselves hold them."""
        return self.ask("audit", uid=uid or self.uid)


@contextmanager
def running_fakes(seed: int, *, limits: bool = False) -> Iterator[Fakes]:
    """A process of fakes with two accounts; it has ended, without error, when the block is left.

    Without `limits` it answers however often it is asked, so that tests need not wait for the venues' budgets.
    """
    command = [str(ROOT / "dnbot"), "fakes", "--tls", "--until-stdin-eof", "--seed", str(seed)]
    command += [] if limits else ["--no-limits"]
    for name, uid in ACCOUNTS.items():
        command += ["--account", f"{name}-key:{name}-secret:{uid}"]
    with tempfile.TemporaryDirectory(prefix="dnbot-conformance-") as state:
        process = subprocess.Popen([*command, "--state", state], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Fakes(json.loads(process.stdout.readline()))
            process.stdin.close()
            assert process.wait(STOP_S_MAX) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(STOP_S_MAX)
            for pipe in (process.stdin, process.stdout):
                pipe.close()
