"""`dicomdex extract` as people run it: seconds by the clock and by the CPU, and how much memory a child takes."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from tests.bench.read_seconds import cpu_seconds

CHILD = "dicomdex.reading_child"
LOOK_SECONDS = 0.05
MEGABYTE = 1 << 20


@dataclass
class Runs:
    """Runs of the command with so many children: seconds by the clock, CPU seconds of all its programs."""

    files: int
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def wall_rate(self) -> float:
        """Files a second by the clock, the median of the runs."""
        return self.files / median(self.wall)

    @property
    def cpu_rate(self) -> float:
        """Files a CPU second, the median of the runs."""
        return self.files / median(self.cpu)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "files": self.files,
            "wall_s": [round(seconds, 2) for seconds in self.wall],
            "files_per_s": round(self.wall_rate, 1),
            "files_per_cpu_s": round(self.cpu_rate, 1),
        }


def extract(directory: Path, out: Path, children: int) -> None:
    """Run the command; OSError with the last line it said when it fails."""
    command = [str(Path(sys.executable).with_name("dicomdex")), "extract", str(directory), "--out", str(out)]
    done = subprocess.run([*command, "--children", str(children)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise OSError(f"dicomdex extract ended with {done.returncode}: {said[-1]}")


def timed(directory: Path, files: int, *, repeat: int) -> dict[int, Runs]:
    """One and two children in turn, `repeat` times each."""
    runs = {children: Runs(files) for children in (1, 2)}
    for _ in range(repeat):
        for children, found in runs.items():
            with tempfile.TemporaryDirectory(prefix="dicomdex-bench-out-") as out:
                begun, used = time.perf_counter(), cpu_seconds(children=True)
                extract(directory, Path(out), children)
                found.wall.append(time.perf_counter() - begun)
                found.cpu.append(cpu_seconds(children=True) - used)
    return runs


def peak_of_child(directory: Path) -> int:
    """Most memory, in MB, that the one child of a run over a directory ever held."""
    with tempfile.TemporaryDirectory(prefix="dicomdex-bench-out-") as out, watching() as peaks:
        extract(directory, Path(out), 1)
    return max(peaks.values(), default=0) // MEGABYTE


@contextmanager
def watching() -> Iterator[dict[int, int]]:
    """Process id of each reading child below this program -> its high-water mark in bytes, while the block runs."""
    peaks: dict[int, int] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            for pid in _children():
                peaks[pid] = max(peaks.get(pid, 0), _high_water(pid))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def _children() -> list[int]:
    found = []
    for program in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if CHILD in program.cmdline():
                found.append(program.pid)
    return found


def _high_water(pid: int) -> int:
    """The kernel's own mark (Linux), so that nothing is missed between two looks; elsewhere what it holds now."""
    with suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
            return int(found[1]) << 10
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
