"""Times the page: `make bench-page`, or `python -m tests.bench.page --help`.

`search`: p50 and p95 with 1, 4 and 16 clients over a collection of 100,000 generated instances. `scenarios`: three
questions of the redis-dicom notebook over pydicom's files, beside a real Redis. `bytes`: a file of 1.58 GB by 1, 10 and
50 range connections, beside nginx's sendfile and Redis. Login and access trail are on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicomdex import steps
from dicomdex.adapters.solr import Solr
from dicomdex_local.errors import SiteError
from tests.bench import collection
from tests.bench.collection_site import BRIEF, BenchSite
from tests.bench.collection_stages import load_average
from tests.bench.page_bytes import measure_bytes
from tests.bench.page_report import report
from tests.bench.page_scenarios import measure_scenarios
from tests.bench.page_search import measure_search
from tests.factories import PYDICOM_FILES, element, identity, meta, place
from tests.page_program import page_before

FRAME, FRAMES = 512 * 512 * 2, 3_014  # 1.58 GB of CT
LARGE_SOP = "1.2.826.0.1.3680043.8.498.1"
FILES, LARGE = "2026-01-01", "2026-01-02"


@contextmanager
def _running(root: Path, heap: str = "1g") -> Iterator[BenchSite]:
    site = BenchSite(root, heap)
    site.up()
    try:
        yield site
    finally:
        site.down()


def search(root: Path, instances: int) -> dict[str, Any]:
    """The collection is built once for a directory."""
    where = root / "collection"
    if not (where / collection.FIGURES).is_file():
        where.mkdir(exist_ok=True)
        collection.measure(where, instances, ["rebuild"])
    with _running(where) as site, page_before(site.run, site.environment()) as page:
        return {"instances": instances, **measure_search(page)}


def scenarios(root: Path, _: int) -> dict[str, Any]:
    """pydicom's files through the real line."""
    with _running(root / "files", "512m") as site:
        _ingested(site, FILES, _copied)
        with page_before(site.run, site.environment()) as page:
            return measure_scenarios(page, site.settings, root / "files" / "landing" / FILES, site.run.root)


def large(root: Path, _: int) -> dict[str, Any]:
    """One large file through the real line."""
    with _running(root / "files", "512m") as site:
        _ingested(site, LARGE, _written)
        url = _url_of(site, LARGE_SOP)
        file = root / "files" / "landing" / LARGE / "large.dcm"
        with page_before(site.run, site.environment()) as page:
            return {"size": file.stat().st_size, **measure_bytes(page, file, url, site.run.root)}


STAGES: dict[str, Callable[[Path, int], dict[str, Any]]] = {"scenarios": scenarios, "bytes": large, "search": search}


def _ingested(site: BenchSite, drop: str, lay: Callable[[Path], None]) -> None:
    """A drop through manifest, extract, commit and apply, unless it was before."""
    directory = site.run.root / "landing" / drop
    if (directory / "_SUCCESS").exists():
        return
    directory.mkdir(parents=True)
    lay(directory)
    (directory / "_SUCCESS").touch()
    listing = steps.list_drop(site.settings, drop)
    results = [steps.extract(site.settings, batch, run_id="bench", attempt=1) for batch in listing["batches"]]
    steps.commit(site.settings, listing, results, run_id="bench")
    site.submit(BRIEF, "--run", f"bench {drop}")


def _copied(drop: Path) -> None:
    shutil.copytree(PYDICOM_FILES, drop, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))


def _written(drop: Path) -> None:
    """A multi-frame CT: a header, then one frame after another."""
    head = [
        element(tag, "US", value.to_bytes(2, "little"))
        for tag, value in ((0x00280010, 512), (0x00280011, 512), (0x00280100, 16))
    ]
    length = (FRAME * FRAMES).to_bytes(4, "little")
    with (drop / "large.dcm").open("wb") as file:
        file.write(meta(sop=LARGE_SOP) + identity(LARGE_SOP) + place() + element(0x00280008, "IS", str(FRAMES)))
        file.write(b"".join(head) + b"\xe0\x7f\x10\x00OW\0\0" + length)
        frame = bytes(range(256)) * (FRAME // 256)
        for _ in range(FRAMES):
            file.write(frame)


def _url_of(site: BenchSite, sop: str) -> str:
    with Solr.of(site.settings) as solr:
        body = {"query": "*:*", "filter": [f"SOPInstanceUID:{sop}", "level:instance"], "fields": ["DicomUrl"]}
        return str(solr.request("POST", f"/{site.settings.alias}/query", json=body)["response"]["docs"][0]["DicomUrl"])


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-page", description=__doc__)
    parser.add_argument("--instances", type=int, default=100_000, help="of the collection that is searched")
    parser.add_argument("--stages", default=",".join(STAGES), help="those to run, in order")
    parser.add_argument("--directory", type=Path, help="where to work, kept; else a temporary one")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 where something failed, 2 for a stage that is none."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that engines are stopped then too
    stages = options.stages.split(",")
    if unknown := [name for name in stages if name not in STAGES]:
        print(f"no stage is called {', '.join(unknown)}: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    figures: dict[str, Any] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="dicomdex-bench-", ignore_cleanup_errors=True) as folder:
            root = (options.directory or Path(folder)).absolute()
            root.mkdir(parents=True, exist_ok=True)
            for name in stages:
                begun = load_average()
                figures[name] = {**STAGES[name](root, options.instances), "load": [begun, load_average()]}
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=1) if options.json else report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
