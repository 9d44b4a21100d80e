"""`dnbot record verify`: everything that a recording promises about itself, checked; whatever fails is named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs
import msgspec

from dnbot.ports.recording_reader import SegmentDamaged, SegmentTorn
from dnbot.record.manifest import FILE, PART, Begun, Manifest, Segment, read_manifest
from dnbot.record.reading import Told, Wanted, checked_entries, nothing
from dnbot.record.words import Entry, Event, RecordingDamaged, What, lost_of


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be."""

    file: str
    offset: int | None
    """Bytes from the file's beginning; None: of the file as a whole."""
    what: str
    damage: bool
    """False for what a crash explains: then nothing that was whole is lost."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found."""

    segments: int
    entries: int
    bytes: int
    dropped: int
    """Entries that the recorder counted as lost."""
    findings: tuple[Finding, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing is damaged; a crash may have been found."""
        return not any(finding.damage for finding in self.findings)


def verify(folder: Path, told: Told = nothing) -> Verdict:
    """Read every byte of a recording that nobody writes to. Damage does not end the reading of other segments."""
    check = _Check(folder, told)
    try:
        manifest = read_manifest(folder)
        segments = manifest.segments()
    except RecordingDamaged as damaged:
        check.find(damaged.path.name, damaged.offset, damaged.what)
        return check.verdict()
    if manifest.torn_at is not None:
        check.find(FILE, manifest.torn_at, "its last line is not whole: a writer was killed", damage=False)
    check.names(manifest, segments)
    for segment in segments:
        check.segment(segment)
    return check.verdict()


@attrs.define
class _Check:
    folder: Path
    told: Told
    segments: int = 0
    entries: int = 0
    bytes: int = 0
    dropped: int = 0
    findings: list[Finding] = attrs.field(factory=list)
    _newest: int | None = None
    """The number of the entry before; None where any may follow."""

    def find(self, file: str, offset: int | None, what: str, *, damage: bool = True) -> None:
        self.findings.append(Finding(file=file, offset=offset, what=what, damage=damage))

    def verdict(self) -> Verdict:
        return Verdict(
            segments=self.segments, entries=self.entries, bytes=self.bytes, dropped=self.dropped,
            findings=tuple(self.findings),
        )

    def names(self, manifest: Manifest, segments: list[Segment]) -> None:
        """What is in the folder is what the manifest tells."""
        if not any(isinstance(line, Begun) for line in manifest.lines):
            self.find(FILE, None, "it tells of nothing: a writer was killed at its beginning", damage=False)
        known = {FILE} | {name for one in segments for name in (one.name, one.name + PART)}
        for path in sorted(self.folder.iterdir()):
            if path.name not in known:
                self.find(path.name, None, "the manifest does not know it")

    def segment(self, segment: Segment) -> None:
        whole, part = self.folder / segment.name, self.folder / (segment.name + PART)
        there = [path for path in (whole, part) if path.exists()]
        if segment.removed:
            for path in there:
                self.find(path.name, None, "about to be removed: a writer was killed", damage=False)
            return
        if not there:
            never = segment.closed is None and segment.sealed is None
            what = "about to be begun: a writer was killed" if never else "it is missing"
            self.find(segment.name, None, what, damage=not never)
            self._newest = None
            return
        if len(there) > 1:
            self.find(part.name, None, "it is there twice")
        self._content(segment, there[0])

    def _content(self, segment: Segment, path: Path) -> None:
        self.segments += 1
        found = len(self.findings)
        entries = 0
        try:
            for offset, entry in checked_entries(path, Wanted(lead_in=True), self.told):
                entries += 1
                self._number(path, offset, entry)
        except SegmentTorn as torn:
            self._torn(segment, torn)
        except SegmentDamaged as damaged:
            self.find(path.name, damaged.offset, damaged.what)
            self._newest = None
        except OSError as error:
            self.find(path.name, None, error.strerror or str(error))
            return
        self.entries += entries
        size, sha256 = _sum_of(path)
        self.bytes += size
        is_named = len(self.findings) > found
        self._against_manifest(segment, path, size, sha256, entries, is_named)

    def _torn(self, segment: Segment, torn: SegmentTorn) -> None:
        ended = segment.closed is not None
        what = f"{torn.what}; what came before is whole"
        self.find(torn.path.name, torn.offset, what if ended else f"{what}: a writer was killed", damage=ended)
        self._newest = None

    def _against_manifest(
        self, segment: Segment, path: Path, size: int, sha256: str, entries: int, is_named: bool
    ) -> None:
        told = segment.closed or segment.sealed
        if told is None:
            if not is_named:
                self.find(path.name, size, "it was not closed in the manifest: a writer was killed", damage=False)
            return
        if size != told.bytes:
            self.find(path.name, min(size, told.bytes), f"{size} bytes, and {told.bytes} were written")
        elif sha256 != told.sha256:
            self.find(path.name, None, "its SHA-256 is not that of what was written")
        if segment.closed is not None:
            if path.name.endswith(PART):
                self.find(path.name, None, "about to be given its name: a writer was killed", damage=False)
            if entries != segment.closed.entries and not is_named:
                self.find(path.name, None, f"{entries} entries, and {segment.closed.entries} were written")

    def _number(self, path: Path, offset: int, entry: Entry) -> None:
        """Numbers follow each other, but where a loss says how many are missing, and where a recorder began."""
        if entry.lead_in:
            return
        before, self._newest = self._newest, entry.number
        lost = lost_of(entry)
        self.dropped += lost
        if before is None or (isinstance(entry, Event) and entry.what is What.STARTED and entry.number == 1):
            return
        if entry.number - before - 1 != lost:
            self.find(path.name, offset, f"entry {entry.number} follows {before}, and {lost} are told to be lost")


def _sum_of(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()
