"""Alerts by plugins: further services behind the configured ones, told beside them rather than after them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import trio

from dnbot.operate.plugin_host import PluginHost
from dnbot.operate.plugin_words import Tell, Told
from dnbot.operate.plugins import AlertNotice
from dnbot.ports.notifier import Message, Notifier


@attrs.define
class WithChannels:
    """A `Notifier`: the services of `first` have their numbers, each channel has one of those behind.

    Resource handling: the channels' processes are ended by the `PluginSet` that they belong to.
    """

    first: Notifier
    channels: Sequence[PluginHost]

    @property
    def services(self) -> int:
        """How many there are together."""
        return self.first.services + len(self.channels)

    async def send(self, message: Message) -> list[int]:
        """Each channel has its own time; the numbers of those that did not take it."""
        begin, failed = self.first.services, list[int]()
        notice = AlertNotice(level=message.level, title=message.title, body=message.body)

        async def services(to: list[int]) -> None:
            failed.extend(await self.first.send(Message(
                level=message.level, title=message.title, body=message.body, to=to
            )))

        async def channel(number: int) -> None:
            told = await self.channels[number - begin].ask(Tell(notice), Told)
            if told is None or not told.taken:
                failed.append(number)

        async with trio.open_nursery() as nursery:
            if begin:
                nursery.start_soon(services, [number for number in message.to if number < begin])
            for number in message.to:
                if number >= begin:
                    nursery.start_soon(channel, number)
        return sorted(failed)

    async def aclose(self) -> None:
        """Let go of the services."""
        await self.first.aclose()


def with_channels(first: Notifier, channels: Sequence[PluginHost]) -> Notifier:
    """`first` itself where there is no channel."""
    return WithChannels(first, channels) if channels else first
