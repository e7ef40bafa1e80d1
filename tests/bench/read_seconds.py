"""CPU seconds of several readers over the same files, in turns of a few files, so that noise hits all alike."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.read_corpus import Corpus
from tests.bench.read_methods import Method

SLICE = 200  # files read by one method before the next one's turn


@dataclass
class Spent:
    """Files a method has read, and the CPU seconds it took, those of its child programs with them."""

    files: int = 0
    seconds: float = 0.0
    hits: int = 0
    asked: int = 0

    @property
    def rate(self) -> float:
        """Files a CPU second."""
        return self.files / self.seconds if self.seconds else 0.0

    @property
    def hit_rate(self) -> float | None:
        """Elements that the memo knew, in percent; None without a memo that counts."""
        return 100 * self.hits / self.asked if self.asked else None

    def note(self, memo: Any) -> None:
        """Take the counts of a memo that will not be asked any more."""
        hits, misses = getattr(memo, "hits", 0), getattr(memo, "misses", 0)
        self.hits, self.asked = self.hits + hits, self.asked + hits + misses


def cpu_seconds(*, children: bool) -> float:
    """CPU time of this program so far, with that of the children it has waited for."""
    if not children:
        return time.process_time()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + spent.ru_utime + spent.ru_stime


def measure(corpus: Corpus, methods: Sequence[Method], *, rounds: int = 1) -> dict[str, Spent]:
    """What each method took for `rounds` passes over a corpus; every pass begins with fresh readers."""
    spent = {method.name: Spent() for method in methods}
    gc.collect()
    gc.freeze()  # what the programs hold is not looked through again between the turns
    for turn in range(rounds):
        readers = [(method, *method.start(corpus)) for method in methods]
        for number, paths in enumerate(slices(corpus.paths)):
            first = (turn + number) % len(readers)  # nobody is always the one who finds the files cold
            for method, read_file, _memo in readers[first:] + readers[:first]:
                _time(method, read_file, paths, spent[method.name])
        for method, _read, memo in readers:
            spent[method.name].note(memo)
    gc.unfreeze()
    return spent


def _time(method: Method, read_file: Any, paths: Sequence[str], spent: Spent) -> None:
    gc.collect()  # so that a method pays for its own garbage alone
    chosen = paths[:: method.every]
    begun = cpu_seconds(children=method.children)
    for path in chosen:
        read_file(path)
    spent.seconds += cpu_seconds(children=method.children) - begun
    spent.files += len(chosen)


def slices(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """A corpus in turns."""
    return (paths[start : start + SLICE] for start in range(0, len(paths), SLICE))
