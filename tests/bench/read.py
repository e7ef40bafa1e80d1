"""Files per CPU second of header reading: `make bench-read`, or `python -m tests.bench.read --help`.

Ours against pydicom (`dcmread(stop_before_pixels=True)`, `to_json_dict`, `json.dumps`), and against a `dcm2json` a
file where DCMTK is installed: over a mix of 300 series (tests/bench/mix.py) and over pydicom's own files, in turns of
200 files in one process. Of the mix, whose order is shuffled, pydicom reads every fourth file and `dcm2json` every
twentieth. Pydicom's own files are those that both read; the header of one for which `to_json_dict` raises is written
with `suppress_invalid_tags`, and such files are counted. Then `dicomdex extract` over a larger mix, with one and with
two children in turn, median of five; on request the memory of a child at 1,000, 10,000 and 50,000 files.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import read_end_to_end
from tests.bench.mix import write_mix
from tests.bench.read_corpus import Corpus, mix_corpus, pydicom_corpus, take_census
from tests.bench.read_methods import DCM2JSON, Pydicom, methods, silence_pydicom
from tests.bench.read_report import report
from tests.bench.read_seconds import measure

MEMORY_FILES = (1_000, 10_000, 50_000)
ROUNDS = 5  # over pydicom's own files, which are few


def figures_of(corpus: Corpus, rounds: int) -> dict[str, Any]:
    """What one corpus shows: files a CPU second of each method, and how many times pydicom's that is; the census."""
    reference = Pydicom()
    spent = measure(corpus, methods(reference, whole=not corpus.large), rounds=rounds)
    census = take_census(corpus)
    base = spent["pydicom"].rate
    return {
        "corpus": corpus.name,
        "files": len(corpus.paths),
        "left_out": corpus.left_out,
        "to_json_dict_raises": len(reference.lost),
        "methods": {
            name: {
                "files_per_cpu_s": round(found.rate, 1),
                "times_pydicom": round(found.rate / base, 2) if base else None,
                "memo_hits_percent": found.hit_rate and round(found.hit_rate, 1),
            }
            for name, found in spent.items()
        },
        "fallback_percent": round(census.fallback_share, 2),
        "fallback_rules": dict(census.rules.most_common()),
        "rejects": dict(census.rejects),
        "bytes_read_per_file": round(census.bytes_read / max(1, census.files)),
        "reads_per_file": round(census.reads / max(1, census.files), 2),
    }


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures that were asked for."""
    corpora = []
    if options.files:
        _say(f"writing the mix, {options.files:,} files")
        corpora.append((mix_corpus(folder / "mix", options.files), 1))
    if options.rounds:
        corpora.append((pydicom_corpus(), options.rounds))
    figures: dict[str, Any] = {"corpora": [], "missing": _missing()}
    for corpus, rounds in corpora:
        _say(f"reading {corpus.name}, {len(corpus.paths):,} files")
        figures["corpora"].append(figures_of(corpus, rounds))
    return figures | _with_children(options, folder)


def _with_children(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The command itself: seconds with one and two children, memory of one."""
    found: dict[str, Any] = {}
    if options.end_to_end:
        _say(f"writing the mix for dicomdex extract, {options.end_to_end:,} files")
        write_mix(folder / "end-to-end", options.end_to_end)
        _say(f"running dicomdex extract {2 * options.repeat} times")
        found["load"] = os.getloadavg()[0]
        runs = read_end_to_end.timed(folder / "end-to-end", options.end_to_end, repeat=options.repeat)
        found["end_to_end"] = {str(children): run.as_json() for children, run in runs.items()}
    if options.memory:
        found["memory_mb"] = {}
        for files in MEMORY_FILES:
            _say(f"memory of a child at {files:,} files")
            write_mix(folder / f"memory-{files}", files)
            found["memory_mb"][str(files)] = read_end_to_end.peak_of_child(folder / f"memory-{files}")
    return found


def _missing() -> list[str]:
    """What can't be measured here, and why."""
    return [] if shutil.which(DCM2JSON) else [f"{DCM2JSON}: DCMTK is not installed"]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-read", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="of the mix; 0 = no mix")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="over pydicom's own files; 0 = none")
    parser.add_argument("--end-to-end", type=int, default=20_000, help="files for dicomdex extract; 0 = not run")
    parser.add_argument(
        "--repeat", type=int, default=5, help="runs of dicomdex extract, with one and two children each"
    )
    parser.add_argument("--memory", action="store_true", help="also the memory of a child at 1,000 to 50,000 files")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 where the disk or a child program failed."""
    options = _options(arguments)
    silence_pydicom()
    try:
        with tempfile.TemporaryDirectory(prefix="dicomdex-bench-") as folder:
            figures = measured(options, Path(folder))
    except OSError as error:
        _say(f"the bench stopped: {error}")
        return 1
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        report(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
