"""Coverage-guided fuzzing of the header reader: `python -m tests.fuzz.headers --minutes 5`. Needs atheris.

libFuzzer starts from pydicom's files and keeps what reaches new code of dicomdex. What must hold of any bytes: no
exception, a verdict of the closed list, a header that is legal JSON, the walker in no doubt about itself, the same
reading with a memo as without, and CPU time in bounds. What breaks it is written to `--found`, a file each.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dicomdex"]):
    from dicomdex.extract.memo import Memo
    from dicomdex.extract.reader import UID, read
    from dicomdex.extract.reject import REASONS

import orjson

from tests.factories import MemorySource, pydicom_files

LONGEST = 8 << 10  # bytes: short files mutate fast, and the header is what is read
CPU_SECONDS = 2.0
MEMORY = 1000  # MB beside what exec took over: Linux keeps the most that the caller of exec ever had
MEMO = Memo()


class Broken(Exception):
    """What must hold of any bytes does not; the text names the rule, not the bytes."""


def check(content: bytes) -> None:
    """Read the bytes as a file; raise Broken where what must hold does not."""
    begin = time.process_time()
    reading = read(MemorySource(content))
    if time.process_time() - begin > CPU_SECONDS:
        raise Broken("CPU time")
    if reading.outcome == "record":
        orjson.loads(reading.header or "")
        if not UID(reading.columns["sop_instance_uid"]):
            raise Broken("a record without SOP Instance UID")
    elif reading.reason not in REASONS or reading.reason == "crashed":
        raise Broken("no verdict")
    if "fallback_defect" in reading.warnings:
        raise Broken("the walker raised")
    if read(MemorySource(content), MEMO) != reading:
        raise Broken("the memo changed the reading")


def write_corpus(folder: Path) -> None:
    """The first bytes of pydicom's files, a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    for _, content in pydicom_files():
        head = content[:LONGEST]
        (folder / hashlib.sha256(head).hexdigest()[:16]).write_bytes(head)


def main() -> None:
    """Fuzz for as long as asked; libFuzzer's own exit code tells whether something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--corpus", type=Path, default=Path(".run/fuzz/corpus"))
    parser.add_argument("--found", type=Path, default=Path(".run/fuzz/found"))
    chosen = parser.parse_args()
    write_corpus(chosen.corpus)
    chosen.found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={int(chosen.minutes * 60)}",
        f"-max_len={LONGEST}",
        f"-artifact_prefix={chosen.found}/",
        "-timeout=20",
        f"-rss_limit_mb={MEMORY + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(chosen.corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
