"""What can be made to go wrong between Gate's gateway and its services, consulted once per REST request.

A fault says where it strikes: a status override refuses before anything is done, a delay holds the request back
before it is executed, and a lost reply happens after everything was done.
"""

from __future__ import annotations

import attrs


@attrs.define
class Fault:
    """Strikes requests whose method and path match, skipping the first `skip` of them, `count` times in all."""

    path_prefix: str
    method: str | None = None
    skip: int = 0
    count: int = 1
    delay_s: float = 0.0
    status: int | None = None
    label: str = "SERVER_ERROR"
    drop_reply: bool = False
    struck: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """True when this request is one of those meant; counts it."""
        if not path.startswith(self.path_prefix) or self.method not in (None, method):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.struck >= self.count:
            return False
        self.struck += 1
        return True


def drop_reply(path_prefix: str, nth: int = 1, method: str | None = None) -> Fault:
    """The nth matching request is executed and its connection is cut instead of being answered."""
    return Fault(path_prefix, method=method, skip=nth - 1, drop_reply=True)


def http_error(path_prefix: str, status: int, count: int = 1, method: str | None = None) -> Fault:
    """The next `count` matching requests are answered with `status` and are not executed."""
    return Fault(path_prefix, method=method, count=count, status=status)


def delay(path_prefix: str, seconds: float, count: int = 1, method: str | None = None) -> Fault:
    """The next `count` matching requests are executed only after `seconds`."""
    return Fault(path_prefix, method=method, count=count, delay_s=seconds)
