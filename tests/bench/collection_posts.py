"""The same bodies posted by other means than ours: a bare POST, and `add` of pysolr. Two processes, as Spark has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import orjson
import pyarrow.parquet as pq
import pysolr

from dicomdex.adapters.posting import BATCH_BYTES
from dicomdex.adapters.solr import Solr
from dicomdex.settings import Settings
from tests.bench.collection_site import BenchSite

SAMPLE = 100_000  # documents posted by each means
SENDERS = 2
Auth = tuple[str, str]
Post = Callable[[str, Auth, Sequence[str]], tuple[int, float]]


def measure_posts(site: BenchSite, collection: str, documents: int) -> dict[str, dict[str, float]]:
    """Means -> documents a second and seconds of the commit; each twice in turn, the second, warmer time counts."""
    bodies = site.run.root / "bodies"
    every = max(1, round(documents / SAMPLE))
    script = Path(__file__).with_name("collection_bodies.py")
    site.submit(str(script), "--collection", collection, "--out", bodies.as_uri(), "--every", str(every))
    parts = sorted(str(path) for path in bodies.glob("*.parquet"))
    found = {}
    for _ in range(2):
        for name, post in MEANS.items():
            found[name] = _measured(site.settings, collection, f"bench_{name}", post, site.node.auth, parts)
    return found


def _measured(
    settings: Settings, like: str, name: str, post: Post, auth: Auth, parts: Sequence[str]
) -> dict[str, float]:
    """Post all parts to a collection of its own with the same configset, then commit and delete it."""
    url = f"{settings.solr_url}/{name}"
    shares = [parts[start::SENDERS] for start in range(SENDERS)]
    with Solr.of(settings) as solr:
        solr.create_collection(name, solr.collection(like).configset)
        try:
            with ProcessPoolExecutor(SENDERS, mp_context=get_context("spawn")) as pool:
                done = list(pool.map(post, [url] * SENDERS, [auth] * SENDERS, shares))
            begun = perf_counter()
            solr.commit(name)
            committed = perf_counter() - begun
            if solr.count(name) != sum(count for count, _ in done):
                raise ValueError(f"{name} lacks documents that were posted")
        finally:
            solr.delete_collection(name)
    return {"documents_per_s": sum(count / seconds for count, seconds in done if count), "commit_s": committed}


def post_bare(url: str, auth: Auth, parts: Sequence[str]) -> tuple[int, float]:
    """(documents, seconds) of posting bytes that are there already."""
    count, seconds = 0, 0.0
    with httpx.Client(auth=auth, timeout=120) as client:
        for texts in _batches(parts):
            body = f"[{''.join(texts)[:-1]}]".encode()
            begun = perf_counter()
            client.post(f"{url}/update", content=body, headers={"Content-Type": "application/json"}).raise_for_status()
            seconds += perf_counter() - begun
            count += len(texts)
    return count, seconds


def post_by_pysolr(url: str, auth: Auth, parts: Sequence[str]) -> tuple[int, float]:
    """(documents, seconds) of adding documents that are Python's dicts already."""
    count, seconds = 0, 0.0
    client = pysolr.Solr(url, auth=auth, timeout=120, always_commit=False)
    for texts in _batches(parts):
        documents: list[dict[str, Any]] = [orjson.loads(text[:-1]) for text in texts]
        begun = perf_counter()
        client.add(documents)
        seconds += perf_counter() - begun
        count += len(texts)
    return count, seconds


def _batches(parts: Sequence[str]) -> Iterator[list[str]]:
    """Bodies with their commas, as many as make half a megabyte."""
    batch: list[str] = []
    size = 0
    for part in parts:
        for text in pq.read_table(part)["body"].to_pylist():
            batch.append(text)
            size += len(text)
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


MEANS: dict[str, Post] = {"bare_post": post_bare, "pysolr_add": post_by_pysolr}
