"""What several browsers ask for at about the same time is asked of database or log once, and made into JSON once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import msgspec
import trio

from dnbot.domain.errors import StoreUnreachable

FRESH_S = 0.5
"""An answer this young is given again."""
ANSWERS_KEPT = 32


@attrs.define
class _Answer:
    making: trio.Lock = attrs.field(factory=trio.Lock)
    outcome: bytes | StoreUnreachable = b""
    at_s: float = float("-inf")


@attrs.define
class Shared:
    """Answers by question, the newest ones. Nobody waits for an answer of another question."""

    _answers: dict[bytes, _Answer] = attrs.field(factory=dict, init=False, repr=False)

    async def answer(self, question: bytes, ask: Callable[[], Awaitable[object]]) -> bytes:
        """What `ask` gives as JSON, or gave to somebody else at most `FRESH_S` ago.

        Raises:
            StoreUnreachable: from `ask`, now or as long ago: twenty browsers need not each wait for a database that is
                away.
        """
        found = self._answers.pop(question, None) or _Answer()
        self._answers[question] = found  # what was asked last is kept longest
        while len(self._answers) > ANSWERS_KEPT:
            del self._answers[next(iter(self._answers))]
        async with found.making:
            if trio.current_time() - found.at_s >= FRESH_S:
                try:
                    found.outcome = msgspec.json.encode(await ask())
                except StoreUnreachable as error:
                    found.outcome = error
                found.at_s = trio.current_time()
        if isinstance(found.outcome, StoreUnreachable):
            raise StoreUnreachable(str(found.outcome))
        return found.outcome
