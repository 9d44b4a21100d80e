"""Book truth: who follows the documented procedure of a channel has the server's book, and notices every gap."""

from __future__ import annotations

from collections import Counter

import attrs
import hypothesis
import pytest
from book_clients import BookClient, GateObu, MexcDepth, Sequenced
from book_session import BTC, CHANNELS, Channel, Session, run_session
from hypothesis import strategies as st

from dnbot.fakes.gateio_hub import StreamFault
from dnbot.fakes.records import GATE_FUTURES, GATE_SPOT, MEXC_SPOT

pytestmark = pytest.mark.slow

UPDATES_LEAST = 10_000
EXAMPLES, UPDATES_EACH = 5, 1_800
NUMBERED = [channel for channel in CHANNELS if channel.make is GateObu or channel.rest]


def test_every_channel_gives_the_servers_book() -> None:
    """Through 10,000 random changes every client's book is, after every frame and in the end, the server's."""
    seen: Counter[str] = Counter()

    def spice(session: Session, number: int) -> None:
        """What may come at any time: whole frames on Gate, bodiless ones on MEXC."""
        session.gate.settings.full_frame_share = 0.05
        session.mexc.faults.depth_frames_empty += number % 100 == 0

    @hypothesis.settings(max_examples=EXAMPLES)
    @hypothesis.given(st.integers(0, 2**32))
    def one(seed: int) -> None:
        session = run_session(Session(seed, at_update=spice), UPDATES_EACH)
        seen["updates"] += session.updates
        seen["frames"] += session.frames
        assert not any(client.gaps for client in session.clients.values())

    one()
    assert seen["updates"] >= UPDATES_LEAST
    assert seen["frames"] >= UPDATES_LEAST


def test_every_lost_frame_is_noticed_and_healed() -> None:
    """Each numbered channel notices each loss, once; channels of whole books heal by their next frame."""
    seen, lost = Counter[str](), Counter[str]()

    def loses(channel: Channel, client: BookClient) -> bool:
        """Every 23rd frame, but only of a book that is in use and before the last silence."""
        seen[channel.title] += 1
        if seen[channel.title] % 23 or not client.synced or session.updates > 1_500:
            return False
        lost[channel.title] += 1
        return True

    session = Session(7, loses=loses)
    run_session(session, 2_000)
    for channel in NUMBERED:
        assert session.clients[channel.title].gaps == lost[channel.title] > 0, channel.title


@pytest.mark.parametrize("channel", ["spot.order_book_update", "spot.obu", "futures.order_book_update", "futures.obu"])
def test_gap_that_the_gate_server_is_told_to_make_is_noticed(channel: str) -> None:
    """A push that the server loses by order is one gap of one client."""

    def at_update(session: Session, number: int) -> None:
        if number in (150, 300):
            product = session.gate.spot if channel.startswith("spot") else session.gate.futures
            product.hub.faults.append(StreamFault(channel))

    channels = [found for found in CHANNELS if found.name == channel][:1]
    session = run_session(Session(3, channels, at_update), 600)
    assert [client.gaps for client in session.clients.values()] == [2]


def test_gap_that_the_mexc_server_is_told_to_make_is_noticed() -> None:
    """A lost increment is one gap of one client."""

    def at_update(session: Session, number: int) -> None:
        session.mexc.faults.depth_frames_lost += number in (150, 300)

    channels = [found for found in CHANNELS if found.make is MexcDepth][:1]
    session = run_session(Session(3, channels, at_update), 600)
    assert [client.gaps for client in session.clients.values()] == [2]


@pytest.mark.parametrize(
    "channel", [found for found in CHANNELS if found.rest], ids=[found.title for found in CHANNELS if found.rest]
)
def test_snapshot_older_than_the_stream_is_refused(channel: Channel) -> None:
    """A REST book from before the first frame cannot be joined; the next, newer one can."""

    def at_update(session: Session, number: int) -> None:
        if number == 0:
            now = session.exchange.depth(channel.venue, BTC, channel.depth)
            old = [attrs.evolve(now, book_id=now.book_id - 5)] * 2  # no frame reaches back that far
            if channel.venue == MEXC_SPOT:
                session.mexc.faults.stale_books[BTC] = old
            else:
                session.gate.context.stale_books[channel.venue, BTC] = old

    session = run_session(Session(5, [channel], at_update), 300)
    client = session.clients[channel.title]
    assert isinstance(client, Sequenced)
    assert client.too_old >= 1


def test_every_public_book_channel_has_a_client_here() -> None:
    """The list of channels is that of the documents."""
    assert {(channel.venue, channel.name) for channel in CHANNELS} == {
        (GATE_SPOT, "spot.order_book_update"),
        (GATE_SPOT, "spot.order_book"),
        (GATE_SPOT, "spot.obu"),
        (GATE_SPOT, "spot.book_ticker"),
        (GATE_FUTURES, "futures.order_book_update"),
        (GATE_FUTURES, "futures.order_book"),
        (GATE_FUTURES, "futures.obu"),
        (GATE_FUTURES, "futures.book_ticker"),
        (MEXC_SPOT, "aggre.depth"),
        (MEXC_SPOT, "increase.depth.batch"),
        (MEXC_SPOT, "limit.depth"),
        (MEXC_SPOT, "aggre.bookTicker"),
        (MEXC_SPOT, "bookTicker.batch"),
    }
