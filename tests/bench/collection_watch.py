"""CPU and memory of the programs that the bench has started, by kind: Solr, Spark's driver, its Python workers."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.watch import kind_of

LOOK_SECONDS = 0.5
_APPLICATION = re.compile(r"dicomdex_spark/\w+\.py|tests/bench/\w+\.py")
_HIGH_WATER = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass
class Watch:
    """By kind of program: the most memory of one (bytes), and the CPU seconds of all of the kind while it was watched.

    A program's last half second is not seen.
    """

    peaks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _cpu: dict[tuple[int, float], tuple[str, float, float]] = field(default_factory=dict)

    def look(self) -> None:
        """One look at all programs below this one."""
        for program in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, OSError):
                line = " ".join(program.cmdline())
                kind = kind_of(line)
                if kind == "other":
                    if not _APPLICATION.search(line):
                        continue
                    kind = "spark driver (python)"
                self.peaks[kind] = max(self.peaks[kind], _high_water(program))
                times = program.cpu_times()
                used, key = times.user + times.system, (program.pid, program.create_time())
                before = self._cpu.get(key, ("", used if kind == "solr" else 0.0, 0.0))[1]
                self._cpu[key] = kind, before, used

    @property
    def cpu(self) -> dict[str, float]:
        """Kind -> CPU seconds."""
        found: dict[str, float] = defaultdict(float)
        for kind, before, used in self._cpu.values():
            found[kind] += used - before
        return dict(found)

    def as_json(self) -> dict[str, dict[str, float]]:
        """Kind -> CPU seconds and MB."""
        spent = self.cpu
        return {kind: {"cpu_s": round(spent[kind], 1), "peak_mb": round(self.peaks[kind] / 2**20)} for kind in spent}


@contextmanager
def watching() -> Iterator[Watch]:
    """Look every half second until the block ends."""
    watch, over = Watch(), threading.Event()

    def look_on() -> None:
        watch.look()
        while not over.wait(LOOK_SECONDS):
            watch.look()

    thread = threading.Thread(target=look_on, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


def _high_water(program: psutil.Process) -> int:
    """The kernel's own mark, so that nothing is missed between two looks; elsewhere than on Linux what it holds now."""
    with suppress(OSError):
        if found := _HIGH_WATER.search(Path(f"/proc/{program.pid}/status").read_text()):
            return int(found[1]) << 10
    return int(program.memory_info().rss)
