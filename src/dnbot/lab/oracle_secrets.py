"""Looks for secrets where they do not belong: records, calls of the store, the wire, lines of the log. I19."""

from __future__ import annotations

import re
from typing import Any

import attrs
import msgspec

from dnbot.lab.oracle_scene import Scene
from dnbot.lab.wire_reader import Said

_SIGNATURE = re.compile(rb"signature[\"'=: ]{1,5}[0-9a-f]{32}", re.IGNORECASE)
_LISTEN_KEY = re.compile(r"listenKey=([0-9a-zA-Z]{16,})")


@attrs.define(eq=False)
class SecretJudge:
    """Told of everything that is written or sent. Listen keys are learned from the addresses that they belong in."""

    scene: Scene
    _secrets: list[bytes] = attrs.field(factory=list)
    _listen_keys: list[bytes] = attrs.field(factory=list)
    _key: bytes = b""

    def begin(self) -> None:
        """Learn the account's secrets."""
        account = self.scene.exchange.account(self.scene.uid)
        self._key, self._secrets = account.key.encode(), [account.secret.encode()]

    def written(self, what: str, data: object) -> None:
        """Something goes to the journal, the store or a log."""
        text = data.encode() if isinstance(data, str) else msgspec.json.encode(data, enc_hook=str)
        for secret in (*self._secrets, self._key, *self._listen_keys):
            self.scene.findings.check("I19", secret not in text, f"a secret is in {what}")
        if b"ignature" in text:
            self.scene.findings.check("I19", _SIGNATURE.search(text) is None, f"a signature is in {what}")

    def said(self, is_gate: bool, said: Said) -> None:
        """Something leaves: the secret never does, a listen key only where its stream is."""
        found = _LISTEN_KEY.search(said.target)
        if found and not is_gate and (key := found[1].encode()) not in self._listen_keys:
            self._listen_keys = [*self._listen_keys[-3:], key]
        sent: Any = said.target.encode() + b" " + said.body
        forbidden = [*self._secrets, *(self._listen_keys if is_gate else ())]
        holds = not any(secret in sent for secret in forbidden)
        self.scene.findings.check("I19", holds, f"a secret left to {'Gate' if is_gate else 'MEXC'}: {said.path}")
