"""What is read in the reading bench: files below a root, by their escaped paths, and what ours says of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pydicom

from dicomdex.adapters.storage import LocalStorage
from dicomdex.entry import ByteSource
from dicomdex.extract.reader import read
from tests.bench.mix import write_mix
from tests.factories import PYDICOM_FILES

FOLDERS = ("charset_files", "palettes", "test_files")
PARSER = "pydicom"


@dataclass(frozen=True)
class Corpus:
    """Files to read, `paths` relative to the root of `storage`; of a `large` one slow readers read a sample."""

    name: str
    root: Path
    paths: tuple[str, ...]
    left_out: int = 0
    large: bool = False

    @property
    def storage(self) -> LocalStorage:
        """The storage that the paths belong to."""
        return LocalStorage(self.root.as_uri())


@dataclass
class Census:
    """What one pass of ours over a corpus finds: fallbacks with their rules, bytes asked for, outcomes."""

    files: int = 0
    fell_back: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    reads: int = 0

    @property
    def fallback_share(self) -> float:
        """Files that pydicom read, of all, in percent."""
        return 100 * self.fell_back / self.files if self.files else 0.0


class CountingSource:
    """A source that counts what is read from it."""

    def __init__(self, source: ByteSource, census: Census) -> None:
        self.size = source.size
        self._source, self._census = source, census

    def read_at(self, offset: int, length: int) -> bytes:
        """The bytes, counted."""
        found = self._source.read_at(offset, length)
        self._census.reads += 1
        self._census.bytes_read += len(found)
        return found


def take_census(corpus: Corpus) -> Census:
    """Read every file of a corpus once."""
    census, storage = Census(), corpus.storage
    for path in corpus.paths:
        with storage.open(path) as source:
            reading = read(CountingSource(source, census))
        census.files += 1
        if reading.reason:
            census.rejects[reading.reason] += 1
        elif (reading.parser or "").startswith(PARSER):
            census.fell_back += 1
            rules = {warning.split()[0] for warning in reading.warnings if warning.startswith("fallback_")}
            census.rules.update(rules or {"no rule given"})
    return census


def mix_corpus(directory: Path, files: int) -> Corpus:
    """A mix, written now."""
    return Corpus("mix", directory, tuple(write_mix(directory, files)), large=True)


def pydicom_corpus() -> Corpus:
    """pydicom's own test files that both read: pydicom without `force`, ours as a record."""
    storage = LocalStorage(PYDICOM_FILES.as_uri())
    there = sorted(entry.path for folder in FOLDERS for entry in storage.walk(folder))
    paths = tuple(_readable(storage, there))
    return Corpus("pydicom's files", PYDICOM_FILES, paths, left_out=len(there) - len(paths))


def _readable(storage: LocalStorage, paths: list[str]) -> Iterator[str]:
    for path in paths:
        with storage.open(path) as source:
            record = read(source).outcome == "record"
        try:
            with storage.open_input(path) as file:
                pydicom.dcmread(file, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            continue
        if record:
            yield path
