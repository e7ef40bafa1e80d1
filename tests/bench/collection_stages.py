"""What is measured: each stage through the real steps and applications, as their tasks call them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter, time
from typing import Any

from dicomdex import steps, steps_gate, steps_rebuild, steps_retire
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Solr
from dicomdex.settings import Settings
from dicomdex.steps_documents import copies
from tests.bench.collection_catalog import add_drop, make_catalog
from tests.bench.collection_events import read_events
from tests.bench.collection_posts import measure_posts
from tests.bench.collection_search import measure_search
from tests.bench.collection_site import BenchSite, alone
from tests.bench.collection_watch import watching

APPLIED = 5_000  # files of the drop that comes on top
RUN = "bench"
Figures = dict[str, Any]
_POSTED = re.compile(r"([\d,]+) posted.*, ([\d,]+) deleted, ([\d,]+) unchanged$")


def catalog(site: BenchSite, instances: int) -> Figures:
    """Make the catalog, unless the directory has one."""
    begun, url = perf_counter(), site.settings.catalog
    if Catalog(url).version() < 0:
        make_catalog(url, instances)
    size = sum(path.stat().st_size for path in Path(site.run.root / "catalog").rglob("*.parquet"))
    return {"seconds": perf_counter() - begun, "megabytes": size / 2**20}


def rebuild(site: BenchSite, instances: int) -> Figures:
    """Plan, create, index all, check, promote, retire; the parts of index-all from Spark's own events."""
    settings = site.settings
    _forget(settings)
    with watching() as watch:
        begun = perf_counter()
        plan = steps_rebuild.plan(settings, run_id=RUN)
        steps_rebuild.create(settings, plan)
        created, submitted = perf_counter() - begun, time()
        indexed = site.submit("index_collection.py", "--collection", plan["collection"], events=_events(site))
        said, validated = alone(steps_rebuild.check, settings, plan)
        promoted = site.submit("apply_changes.py", "--collection", plan["collection"], "--promote", "--run", RUN)
        total = perf_counter() - begun
    retired = steps_retire.retire(settings, keep=1)["retired"]
    seen = read_events(_events(site))
    _, resolved = alone(resolve, settings)
    writing, documents = seen.writing, _count(settings)
    return {
        "collection": plan["collection"], "verdict": said["sentence"], "documents": documents, "retired": len(retired),
        "total": total, "create": created, "start": seen.begun - submitted - resolved.seconds,
        "resolve": resolved.seconds, "plan_of_spark": seen.planning, "roll_ups": seen.rolling_up,
        "documents_and_post": writing.ended - writing.begun, "jvm_cpu_of_documents": writing.cpu,
        "commit": submitted + indexed.seconds - writing.ended, "index_all": indexed.seconds,
        "validate": validated.seconds, "validate_mb": validated.peak_mb, "promote": promoted.seconds,
        "documents_per_s": documents / (writing.ended - writing.begun),
        "programs": watch.as_json(),
    }  # fmt: skip


def documents(site: BenchSite, _instances: int) -> Figures:
    """Build every document and post none: what `recount_documents.py` does besides its verdict."""
    with watching() as watch:
        site.submit("recount_documents.py", events=_events(site))
    writing = read_events(_events(site)).writing
    seconds = writing.ended - writing.begun
    return {"seconds": seconds, "per_s": _count(site.settings) / seconds, "programs": watch.as_json()}


def posts(site: BenchSite, _instances: int) -> Figures:
    """The same bodies by a bare POST and by pysolr."""
    return measure_posts(site, _shown(site.settings), _count(site.settings))


def search(site: BenchSite, _instances: int) -> Figures:
    """Latencies by query and number of clients."""
    return measure_search(site.settings)


def apply(site: BenchSite, instances: int) -> Figures:
    """A drop of 5,000 files on top; then the same span once more, every document compared."""
    settings = site.settings
    with Solr.of(settings) as solr:
        before = solr.behind(settings.alias)
    if before is None:
        raise ValueError("nothing is shown: rebuild first")
    add_drop(settings.catalog, APPLIED, instances)
    versions = {name: before.version(name) for name in ("catalog_version", "digests_version")}
    found: Figures = {}
    for name in ("first", "repeat"):
        with Solr.of(settings) as solr:
            solr.set_properties(before.name, **versions)
        with watching() as watch:
            spent = site.submit("apply_changes.py", "--run", f"{RUN} {name}")
        line = steps.run_record(settings, f"{RUN} {name}")["applied"]
        counts = _POSTED.search(line)
        numbers = [int(one.replace(",", "")) for one in counts.groups()] if counts else []
        found[name] = {
            "seconds": spent.seconds, "cpu_s": spent.cpu, "programs": watch.as_json(),
            **dict(zip(("posted", "deleted", "unchanged"), numbers, strict=True)),
        }  # fmt: skip
    return found


def wrong(site: BenchSite, _instances: int) -> Figures:
    """The gate on a right collection, then with one document deleted and one of other content, then put right."""
    settings, name = site.settings, _shown(site.settings)
    right, green = alone(steps_gate.verdict, settings, name)
    with Solr.of(settings) as solr:
        one, other = solr.request("POST", f"/{name}/select", data=_TWO)["response"]["docs"]
        solr.delete(name, [one["id"]])
        solr.post(name, _altered(other["id"]))
        solr.commit(name)
    said, red = alone(steps_gate.verdict, settings, name)
    named = {found for check in said["checks"] for how in ("missing", "differing") for found in check[how]}
    return {
        "sentence": right["sentence"], "green": green.seconds, "green_mb": green.peak_mb, "red": red.seconds,
        "named": sorted({one["id"], other["id"]} & named) == sorted({one["id"], other["id"]}),
        "checks_red": [check["check"] for check in said["checks"] if not check["ok"]],
    }  # fmt: skip


_TWO = {"q": "level:instance", "rows": "2", "fl": "id", "sort": "id_lo asc", "wt": "json"}


def _altered(document_id: str) -> bytes:
    return f'[{{"id":"{document_id}","SeriesDescription":{{"set":"by hand"}},"digest_lo":{{"set":1}}}}]'.encode()


def resolve(settings: Settings) -> int:
    """What index-all does in its driver before there is a session: read the UIDs, resolve; how many are no primary."""
    files = Catalog(settings.catalog)
    return len(copies(files, files.version(), files.digests_version()))


def _forget(settings: Settings) -> None:
    """Give back what a bench that was broken off still holds."""
    with suppress(FileNotFoundError):
        steps_rebuild.release(settings, RUN)


def _events(site: BenchSite) -> Path:
    return site.run.root / "events"


def _shown(settings: Settings) -> str:
    with Solr.of(settings) as solr:
        return solr.aliases()[settings.alias]


def _count(settings: Settings) -> int:
    with Solr.of(settings) as solr:
        return solr.count(settings.alias)


def load_average() -> float:
    """Load of the machine in the last minute."""
    return os.getloadavg()[0]


# `again`: by a Solr whose code is compiled, as a site's is; the first rebuild meets one that has just started.
STAGES: dict[str, Callable[[BenchSite, int], Figures]] = {
    "catalog": catalog, "rebuild": rebuild, "again": rebuild, "documents": documents, "posts": posts, "search": search,
    "apply": apply, "wrong": wrong,
}  # fmt: skip
