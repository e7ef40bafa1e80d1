"""Listing and extracting from HDFS, beside bare reads of 16 KB by as many threads: `make bench-hdfs`.

It starts a NameNode and a DataNode of its own, lays a mix of 5,000 files (500 KB each) and 50,000 small ones, ten
directories each, and reads them in two batches at a time, as the pool of a machine with two cores does. Bare reads,
extraction and extraction from the local disk take turns, once the two programs are warm; the medians are shown.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

import psutil

from dicomdex import steps
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.storage_hdfs import client_of
from dicomdex.extract.reader import read
from dicomdex.settings import Settings
from dicomdex_local.hdfs import Hdfs, HdfsPorts
from dicomdex_local.jars import HDFS, ensure_jars
from dicomdex_local.java import ensure_java
from dicomdex_local.layout import default_jars_dir
from tests.bench.hdfs_report import show
from tests.bench.mix import write_mix
from tests.bench.read_corpus import Census, CountingSource
from tests.unit.line import dicom

LARGE, SMALL = "large", "small"
DIRECTORIES = 10
BATCHES_AT_ONCE = 2
WRITERS = 192  # most of a small write is half a second of waiting
HEAD = 16 << 10
SAMPLE = 500
WARM = 5_000  # files read before anything is measured: Java compiles what it runs often
ROUNDS = {LARGE: 3, SMALL: 1}


def main() -> None:
    """Lay what is not there yet, measure, show."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="dicomdex-bench-hdfs-") as temporary:
        folder = options.folder or Path(temporary)
        with running(folder / "hdfs") as engine:
            lay_large(engine, folder, options.large)
            lay_small(engine, options.small)
            found = {name: measured(engine, folder, name, options.reads) for name in options.only}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    show(found)


@contextmanager
def running(home: Path) -> Iterator[Hdfs]:
    """HDFS in a folder, with what was laid there before."""
    java = ensure_java()
    jars = ensure_jars(default_jars_dir(), java, [HDFS])[HDFS]
    engine = Hdfs(home, jars, HdfsPorts.free(), java=str(java), heap="1g")
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()


def lay_large(engine: Hdfs, folder: Path, files: int) -> None:
    """The mix, also on the local disk beside, where its pixel data takes no room."""
    local = folder / "landing" / LARGE
    if not (local / "_SUCCESS").exists():
        for number, path in enumerate(write_mix(local / "all", files)):
            place = local / f"{number % DIRECTORIES:02d}" / Path(path).name
            place.parent.mkdir(exist_ok=True)
            (local / "all" / path).rename(place)
        (local / "_SUCCESS").touch()
    there = sorted(path for path in local.rglob("*") if path.is_file() and path.name != "_SUCCESS")
    _lay(engine, LARGE, [(str(path.relative_to(local)), path.read_bytes) for path in there])


def lay_small(engine: Hdfs, files: int) -> None:
    """Headers with an image of 2 x 2."""
    names = [f"{number % DIRECTORIES:02d}/{number:06d}.dcm" for number in range(files)]
    _lay(engine, SMALL, [(name, partial(_small, number)) for number, name in enumerate(names)])


def _small(number: int) -> bytes:
    return dicom(f"1.9.{number}", series=f"1.2.{number % 99}")


def _lay(engine: Hdfs, drop: str, files: list[tuple[str, Callable[[], bytes]]]) -> None:
    landing = storage(f"{engine.url}/landing")
    if landing.exists(f"{drop}/_SUCCESS"):
        return
    there = {entry.path for entry in landing.walk(drop) if entry.size} if landing.exists(drop) else set()
    with ThreadPoolExecutor(WRITERS) as threads:
        missing = [(f"{drop}/{name}", content) for name, content in files if f"{drop}/{name}" not in there]
        for one in [threads.submit(_write, landing, path, content) for path, content in missing]:
            one.result()
    landing.write_new(f"{drop}/_SUCCESS", [])


def _write(landing: Storage, path: str, content: Callable[[], bytes]) -> None:
    landing.write_new(path, [content()])


def measured(engine: Hdfs, folder: Path, drop: str, reads: int) -> dict[str, Any]:
    """All figures of one drop: seconds, files a second, bytes; CPU milliseconds a file, HDFS's own among them."""
    landing = f"{engine.url}/landing"
    walk, entries = timed(lambda: list(storage(landing).walk(drop)))
    paths = [entry.path for entry in entries if entry.size]
    bare_reads(engine, paths[:WARM], BATCHES_AT_ONCE * reads)
    rounds = [one_round(engine, folder, drop, paths, reads) for _ in range(ROUNDS[drop])]
    return {
        "files": len(paths),
        "mean_bytes": sum(entry.size for entry in entries) // len(paths),
        "reads": reads,
        "rounds": rounds,
        "walk_s": walk,
        **{name: median(one[name] for one in rounds) for name in rounds[0]},
        **census(landing, paths[:: max(1, len(paths) // SAMPLE)]),
    }


def one_round(engine: Hdfs, folder: Path, drop: str, paths: list[str], reads: int) -> dict[str, float]:
    """Bare reads, the line on HDFS and, where the files are there, on the local disk."""
    files, used = len(paths), cpu_of_hdfs()
    bare, _ = timed(lambda: bare_reads(engine, paths, BATCHES_AT_ONCE * reads))
    found = {"bare_files_per_s": files / bare, "bare_cpu_ms": used() / files * 1000}
    used = cpu_of_hdfs()
    found |= line(_settings(f"{engine.url}/landing", folder / "work" / str(time.time_ns()), reads), drop, files)
    found["cpu_ms"] = used() / files * 1000
    if drop == LARGE:
        used = cpu_of_hdfs()
        local = line(
            _settings((folder / "landing").as_uri(), folder / "work" / str(time.time_ns()), reads), drop, files
        )
        found |= {"local_files_per_s": local["extract_files_per_s"], "local_cpu_ms": used() / files * 1000}
    return found


def cpu_of_hdfs() -> Callable[[], float]:
    """Tells the CPU seconds from now on of this program, its children that have ended, and those that run: HDFS."""
    servers = psutil.Process().children(recursive=True)

    def used() -> float:
        own = sum(sum(getrusage(who)[:2]) for who in (RUSAGE_SELF, RUSAGE_CHILDREN))
        return own + sum(sum(server.cpu_times()[:2]) for server in servers)

    begun = used()
    return lambda: used() - begun


def line(settings: Settings, drop: str, files: int) -> dict[str, float]:
    """List, extract and commit a drop."""
    listed, listing = timed(lambda: steps.list_drop(settings, drop))
    extracted, results = timed(lambda: _extract(settings, listing["batches"]))
    committed, done = timed(lambda: steps.commit(settings, listing, results))
    records = sum(result["records"] for result in results)
    if done["outcome"] != "committed" or records != files:
        raise SystemExit(f"{drop}: {done['outcome']}, {records} records of {files} files")
    return {
        "list_s": listed,
        "extract_s": extracted,
        "commit_s": committed,
        "total_s": listed + extracted + committed,
        "extract_files_per_s": files / extracted,
    }


def _extract(settings: Settings, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(BATCHES_AT_ONCE) as pool:
        return list(pool.map(lambda batch: steps.extract(settings, batch, run_id="bench", attempt=1), batches))


def bare_reads(engine: Hdfs, paths: list[str], threads: int) -> int:
    """The first 16 KB of every file, by hdfs-native and nothing else; bytes read."""
    client = client_of(engine.url.removeprefix("hdfs://"))

    def head(path: str) -> int:
        reader = client.read(f"/landing/{path}")
        return len(reader.read_range(0, min(HEAD, len(reader))))

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(head, paths))


def census(landing: str, paths: list[str]) -> dict[str, float]:
    """What the reader asks for of some files, a file."""
    seen, tree = Census(), storage(landing)
    for path in paths:
        with tree.open(path) as source:
            read(CountingSource(source, seen))
    return {"bytes_read_per_file": seen.bytes_read / len(paths), "reads_per_file": seen.reads / len(paths)}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds by the clock, and what came of it."""
    begun = time.perf_counter()
    done = work()
    return time.perf_counter() - begun, done


def _settings(landing: str, root: Path, reads: int) -> Settings:
    urls = {"landing": landing, "work": (root / "work").as_uri(), "catalog": (root / "catalog").as_uri()}
    return Settings.load(**urls, batch_files=2_500, reads=reads)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-hdfs", description=__doc__)
    parser.add_argument("--large", type=int, default=5_000, help="files of 500 KB")
    parser.add_argument("--small", type=int, default=50_000, help="small files")
    parser.add_argument("--only", nargs="*", default=[LARGE, SMALL], help="what is measured; laid is both")
    parser.add_argument("--reads", type=int, default=16, help="files that a batch opens at once")
    parser.add_argument("--folder", type=Path, help="where HDFS and the files are kept for the next time")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
