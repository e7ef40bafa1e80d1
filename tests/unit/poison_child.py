"""Reads a directory as one batch and says what each file cost: `python -m tests.unit.poison_child DIRECTORY`.

A line of JSON a file: its name, what became of it, its warnings, CPU seconds, and the most memory there was until then.
"""

from __future__ import annotations

import json
import re
import sys
import time
from functools import partial
from pathlib import Path

from dicomdex.adapters.storage import LocalStorage
from dicomdex.extract.members import read_entry
from dicomdex.extract.memo import Memo
from dicomdex.extract.reader import read
from dicomdex.manifest import build


def peak_kb() -> int:
    """The most memory of this program, in KB. `ru_maxrss` would count what its parent had when it was forked."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise SystemExit("this system does not say how much memory a program has had")
    return int(found[1])


def main(landing: Path) -> None:
    """List the drop `d` of a landing area, and read its entries in turn, as a batch does."""
    storage = LocalStorage(landing.as_uri())
    manifest = build(storage.walk("d"), "d", marker="_SUCCESS", batch_files=10_000, batch_bytes=1 << 50)
    reader = partial(read, memo=Memo())
    for entry in manifest.entries:
        before = time.process_time()
        found = next(iter(read_entry(entry, lambda one: storage.open(one.path), reader)))
        reading = found.reading
        line = {
            "name": Path(entry.path).stem,
            "verdict": reading.reason if reading.outcome == "reject" else reading.outcome,
            "detail": reading.detail,
            "warnings": reading.warnings,
            "cpu": time.process_time() - before,
            "peak_mb": peak_kb() / 1024,
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
