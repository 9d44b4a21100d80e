"""The child of `notifier.py`: the only module that imports apprise. It reads lines, tells services, answers in numbers.

It is a program of its own (`python -m`), is imported by nothing, and has neither keys of exchanges nor our database.
"""

from __future__ import annotations

from typing import BinaryIO

import apprise
import msgspec

from dnbot.ports.line_worker import answer_lines
from dnbot.ports.notifier import Message, Outcome, Services

_KINDS = {
    "info": apprise.NotifyType.INFO, "warning": apprise.NotifyType.WARNING, "critical": apprise.NotifyType.FAILURE,
}


def services_of(urls: list[str]) -> list[apprise.Apprise]:
    """One per URL, so that what one has taken is not told to it again because another failed.

    A URL that apprise does not understand makes a service that takes nothing.
    """
    asset = apprise.AppriseAsset(app_id="dnbot", app_desc="dnbot", secure_logging=True, async_mode=False)
    found = []
    for url in urls:
        service = apprise.Apprise(asset=asset)
        service.add(url)
        found.append(service)
    return found


def serve(lines: BinaryIO, answers: BinaryIO) -> None:
    """Until the input ends."""
    services = services_of(msgspec.json.decode(lines.readline(), type=Services).urls)
    for line in lines:
        message = msgspec.json.decode(line, type=Message)
        failed = [number for number in message.to if not _told(services[number], message)]
        answers.write(msgspec.json.encode(Outcome(failed)) + b"\n")
        answers.flush()


def _told(service: apprise.Apprise, message: Message) -> bool:
    """Whether the service took it. Whatever a service's plugin raises is its failure and nobody else's."""
    try:
        return bool(
            service.notify(
                title=message.title, body=message.body, notify_type=_KINDS[message.level],
                body_format=apprise.NotifyFormat.TEXT,
            )
        )
    except Exception:  # noqa: BLE001 (plugins of a hundred services; the text may hold the URL, so it is not told)
        return False


if __name__ == "__main__":
    answer_lines(serve)
