"""Intents outlive the process before their order leaves, on a file and in memory; half-written ones never lived."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnbot.domain.errors import ConfigError, StoreUnreachable
from dnbot.domain.instrument import Symbol, Venue
from dnbot.domain.order import OrderIntent, Purpose, Side
from dnbot.domain.units import Price, Quantity
from dnbot.ports import spill as module
from dnbot.ports.spill import FileMedium, Medium, MemoryMedium, Spill, open_spill, spill_file


def intent(number: int = 1, purpose: Purpose = Purpose.HEDGE) -> OrderIntent:
    """One hedge; the number makes its id."""
    return OrderIntent(
        client_order_id=f"dnb-1-{number}-h", epoch=1, venue=Venue.GATE_FUTURES, symbol=Symbol("BTC", "USDT"),
        side=Side.SELL, quantity=Quantity(Decimal("0.0003")), price=Price(Decimal("60000.1")), purpose=purpose,
        execution_id="x1-1", created_at_ns=1_800_000_000_000_000_000 + number, expires_at_ns=1_800_000_000_800_000_000,
    )


@attrs.define
class Place:
    """A medium that can be left and opened again, with its raw bytes at hand."""

    open: Callable[[], Medium]
    read: Callable[[], bytes]
    write: Callable[[bytes], object]
    opened: list[Medium] = attrs.field(factory=list)

    def spill(self) -> Spill:
        """The spill as the next process finds it."""
        if self.opened:
            self.opened.pop().close()
        self.opened.append(self.open())
        return open_spill(self.opened[-1])


@pytest.fixture(params=["memory", "file"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The twin, and a real file."""
    if request.param == "memory":
        memory = MemoryMedium()
        yield Place(lambda: memory, lambda: memory.content, lambda data: setattr(memory, "content", data))
        return
    path = tmp_path / "spill" / "BTC-USDT.log"
    found = Place(lambda: FileMedium(path), path.read_bytes, path.write_bytes)
    yield found
    for medium in found.opened:
        medium.close()


def test_intents_come_back_as_they_were(place: Place) -> None:
    """A new process finds every intent that was put, equal and in order."""
    intents = [intent(number) for number in range(1, 6)]
    first = place.spill()
    first.put(intents[:2])
    for one in intents[2:]:
        first.put([one])
    assert list(first.pending) == intents
    again = place.spill()
    assert list(again.pending) == intents
    assert (again.torn_bytes, again.damaged) == (0, "")


def test_an_intent_is_kept_once(place: Place) -> None:
    """Putting an id again changes nothing."""
    spill = place.spill()
    spill.put([intent()])
    size = len(place.read())
    spill.put([intent()])
    assert len(place.read()) == size
    assert len(place.spill().pending) == 1


def test_what_the_database_has_is_forgotten(place: Place) -> None:
    """Forgetting some leaves the others; forgetting all empties the file; unknown names do not matter."""
    spill = place.spill()
    spill.put([intent(1), intent(2), intent(3)])
    spill.forget(["dnb-1-2-h", "dnb-9-9"])
    assert list(spill.pending) == [intent(1), intent(3)]
    spill.put([intent(4)])
    assert list(place.spill().pending) == [intent(1), intent(3), intent(4)]
    spill = place.spill()
    spill.forget([one.client_order_id for one in spill.pending])
    assert place.read() == b""
    assert place.spill().pending == ()


@pytest.mark.slow
def test_a_torn_tail_is_cut_wherever_it_was_torn(place: Place) -> None:
    """A kill inside a write leaves any part of the last record: it is dropped, the others stay, and writing goes on."""
    spill = place.spill()
    spill.put([intent(1)])
    whole = place.read()
    spill.put([intent(2)])
    both = place.read()
    found = spill
    for end in range(len(whole) + 1, len(both)):
        place.write(both[:end])
        found = place.spill()
        assert list(found.pending) == [intent(1)], end
        assert found.torn_bytes == end - len(whole)
        assert not found.damaged
        assert place.read() == whole
    found.put([intent(3)])
    assert list(place.spill().pending) == [intent(1), intent(3)]


def test_a_last_record_that_does_not_check_was_never_finished(place: Place) -> None:
    """Its line ends, but its bytes are not those that were checked: blocks may reach a disk in any order."""
    spill = place.spill()
    spill.put([intent(1)])
    whole = place.read()
    spill.put([intent(2)])
    data = bytearray(place.read())
    data[-20] ^= 1
    place.write(bytes(data))
    found = place.spill()
    assert list(found.pending) == [intent(1)]
    assert not found.damaged
    assert place.read() == whole


def test_a_damaged_record_costs_only_itself_and_a_copy_is_kept(place: Place, tmp_path: Path) -> None:
    """A checksum that fails in the middle: the others are used, and a person can look at the bytes."""
    spill = place.spill()
    spill.put([intent(1), intent(2), intent(3)])
    data = bytearray(place.read())
    data[len(data) // 2] ^= 0x20
    place.write(bytes(data))
    found = place.spill()
    assert list(found.pending) == [intent(1), intent(3)]
    assert found.damaged
    assert found.torn_bytes == 0
    medium = place.opened[-1]
    kept = medium.aside[0] if isinstance(medium, MemoryMedium) else Path(found.damaged).read_bytes()
    assert kept == bytes(data)
    sound = place.spill()
    assert (list(sound.pending), sound.damaged) == ([intent(1), intent(3)], "")


@given(at=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, mask: int) -> None:
    """One changed byte never gives an intent that was not put."""
    memory = MemoryMedium()
    intents = [intent(number) for number in range(1, 4)]
    open_spill(memory).put(intents)
    data = bytearray(memory.content)
    data[at % len(data)] ^= mask
    memory.content = bytes(data)
    found = open_spill(memory)
    assert all(one in intents for one in found.pending)
    assert len(found.pending) < 3


@given(noise=st.binary(max_size=400))
def test_any_bytes_can_be_opened(noise: bytes) -> None:
    """Whatever is in the file, opening it gives an empty spill that works."""
    memory = MemoryMedium(noise)
    found = open_spill(memory)
    assert found.pending == ()
    found.put([intent()])
    assert open_spill(memory).pending == (intent(),)


def test_a_full_file_refuses(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its limit nothing is taken, and what is there stays; room comes back when records are forgotten."""
    spill = place.spill()
    spill.put([intent(1)])
    monkeypatch.setattr(module, "BYTES_MAX", len(place.read()) + 10)
    with pytest.raises(StoreUnreachable, match="full: 1 intents"):
        spill.put([intent(2)])
    assert list(spill.pending) == [intent(1)]
    spill.forget([intent(1).client_order_id])
    spill.put([intent(2)])
    assert list(place.spill().pending) == [intent(2)]


@pytest.mark.parametrize("written", [0, 7, 10_000])
def test_a_write_that_fails_is_not_a_commit(written: int) -> None:
    """Nothing of it counts, whatever part is on the disk; when the disk is better the file is sound again."""
    memory = MemoryMedium()
    spill = open_spill(memory)
    spill.put([intent(1)])
    memory.fails_after_bytes = written
    with pytest.raises(StoreUnreachable, match="No space left"):
        spill.put([intent(2)])
    assert list(spill.pending) == [intent(1)]
    memory.fails_after_bytes = None
    spill.put([intent(3)])
    assert list(open_spill(memory).pending) == [intent(1), intent(3)]


def test_what_cannot_be_removed_is_not_forgotten() -> None:
    """The file still holds it, so a restart would load it: the caller must know."""
    memory = MemoryMedium()
    spill = open_spill(memory)
    spill.put([intent(1)])
    memory.fails_after_bytes = 0
    with pytest.raises(StoreUnreachable, match="shortened"):
        spill.forget([intent(1).client_order_id])
    assert list(spill.pending) == [intent(1)]


def test_every_put_is_synced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The record is on the disk, not only in a cache, when `put` returns."""
    path = tmp_path / "spill.log"
    synced: list[tuple[int, bytes]] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, path.read_bytes() if path.exists() else b""))
        real(descriptor)

    medium = FileMedium(path)
    spill = open_spill(medium)
    monkeypatch.setattr(os, "fsync", fsync)
    spill.put([intent(1)])
    assert synced == [(path.stat().st_ino, path.read_bytes())]
    assert b"dnb-1-1-h" in synced[0][1]
    medium.close()


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    """File, lock and rewritten file are 0600, even where a wider file was found."""
    path = tmp_path / "state" / "spill.log"
    path.parent.mkdir()
    path.write_bytes(b"")
    path.chmod(0o644)
    medium = FileMedium(path)
    spill = open_spill(medium)
    spill.put([intent(1), intent(2)])
    spill.forget(["dnb-1-1-h"])
    for name in path.parent.iterdir():
        assert stat.S_IMODE(name.stat().st_mode) == 0o600, name
    medium.close()


def test_a_second_bot_is_refused(tmp_path: Path) -> None:
    """Two processes on one file would lose each other's records."""
    path = tmp_path / "spill.log"
    first = FileMedium(path)
    with pytest.raises(ConfigError, match="one bot per state folder"):
        FileMedium(path)
    first.close()
    FileMedium(path).close()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A file planted as a link to another is refused, in a sentence for the user."""
    (tmp_path / "spill.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="symbolic links"):
        spill_file(tmp_path / "spill.log")
    assert not (tmp_path / "elsewhere").exists()
