"""Which records a store has written, counted, so that an append whose answer was lost is not repeated."""

from __future__ import annotations

import attrs

from dnbot.domain.errors import Superseded
from dnbot.domain.messages import Record


@attrs.define
class RecordNumbers:
    """The book's number after the last append known to be written, and the appends that may have been written since.

    The stored number is the truth: it moves in the same transaction as the records.
    """

    sequence: int = 0
    _unsure: list[tuple[Record, ...]] = attrs.field(factory=list)
    _begun: tuple[Record, ...] = ()
    """What the append that is tried again begins with and is known to be written: its next try may fail, too."""

    @property
    def is_sure(self) -> bool:
        """Whether every append so far was answered."""
        return not self._unsure

    def restart(self, sequence: int) -> None:
        """A new incarnation starts from the stored number."""
        self.sequence = sequence
        self._unsure.clear()
        self._begun = ()

    def written(self, records: tuple[Record, ...]) -> None:
        """An append was answered; those before it that were not have therefore not been done."""
        self.sequence += len(records)
        self._unsure.clear()
        self._begun = ()

    def unanswered(self, records: tuple[Record, ...]) -> None:
        """An append was cut off: it was done whole, or not at all. One that is tried again is remembered once."""
        if not self._unsure or self._unsure[-1] != records:
            self._unsure.append(records)

    def without_known(self, records: tuple[Record, ...], stored: int) -> tuple[Record, ...]:
        """The records less those at their beginning that turn out to be written, now that the stored number is known.

        Raises Superseded when the number fits none of our appends: then somebody else writes to this book.
        """
        begun = self._begun if records[: len(self._begun)] == self._begun else ()
        left = records[len(begun) :]
        done = stored - self.sequence
        if done == 0:
            return left
        known = next((unsure for unsure in self._unsure if len(unsure) == done), None)
        if known is None:
            raise Superseded(f"{done} records after {self.sequence} were written by somebody else")
        self.written(known)
        if left[:done] != known:
            return left
        self._begun = (*begun, *known)
        return left[done:]
