"""Three questions of the redis-dicom notebook over pydicom's files: the page, and a real Redis that does the same.

S1 the bytes of a file by its key; S2 the file of a ProtocolName and a year; S3 how many files have each ProtocolName.
Redis holds the files by name, a set of names for each ProtocolName and year; S2 is an intersection, S3 cardinalities.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import redis
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicomdex.adapters.solr import Solr
from dicomdex.settings import Settings
from dicomdex_local.web import Page
from tests.bench.page_programs import redis_server
from tests.page_program import logged_in

S1_FILE, S2_PROTOCOL, S2_YEAR = "JPGExtended.dcm", "194", "2019"
ROUNDS, WARM_UP = 300, 300  # a JVM that has just started compiles; a site's Solr runs for weeks
COLUMNS = ("ProtocolName", "DicomUrl")


class Files:
    """pydicom's files as pydicom itself reads them: what a direct count over them gives."""

    def __init__(self, directory: Path) -> None:
        self.found: dict[str, tuple[bytes, str, str]] = {}
        for path in sorted(directory.rglob("*")):
            if path.is_file() and (read := _read(path)):
                self.found[path.name] = read

    def counts(self) -> dict[str, int]:
        """ProtocolName -> files that have it."""
        return dict(Counter(protocol for _, protocol, _ in self.found.values() if protocol))


def measure_scenarios(page: Page, settings: Settings, directory: Path, folder: Path) -> dict[str, Any]:
    """Scenario -> p50 in ms of the page and of Redis, and whether the answers are those of the files."""
    files = Files(directory)
    with logged_in(page) as client, redis_server(folder) as kept:
        _fill(kept, files)
        own, theirs = _Page(client, settings), _Redis(kept)
        return {name: _measured(getattr(own, name), getattr(theirs, name), files) for name in ("s1", "s2", "s3")} | {
            "search page": {"page": p50(own.search_page)}
        }


def p50(ask: Callable[[], Any]) -> float:
    """Median milliseconds of one question after another."""
    seconds = []
    for number in range(WARM_UP + ROUNDS):
        begun = time.perf_counter()
        ask()
        if number >= WARM_UP:
            seconds.append(time.perf_counter() - begun)
    return median(seconds) * 1000


def _measured(page: Callable[[], Any], theirs: Callable[[], Any], files: Files) -> dict[str, Any]:
    right = {
        "s1": files.found[S1_FILE][0],
        "s2": [
            content
            for content, protocol, date in files.found.values()
            if (protocol, date[:4]) == (S2_PROTOCOL, S2_YEAR)
        ],
        "s3": files.counts(),
    }[page.__name__]
    return {"page": p50(page), "redis": p50(theirs), "right": page() == right, "redis_right": theirs() == right}


class _Page:
    """As a program asks that is logged in; every answer is in the access trail."""

    def __init__(self, client: httpx.Client, settings: Settings) -> None:
        self._client = client
        with Solr.of(settings) as solr:
            body = {"query": "*:*", "fields": ["path", "DicomUrl"], "limit": 1000, "filter": ["level:(instance copy)"]}
            found = solr.request("POST", f"/{settings.alias}/query", json=body)["response"]["docs"]
        self._file = next(one["DicomUrl"] for one in found if one["path"].endswith(f"/{S1_FILE}"))

    def s1(self) -> bytes:
        return self._client.get(self._file).content

    def s2(self) -> list[bytes]:
        """Found by what is typed, taken: two requests."""
        state = f"level=instance&StudyDate={S2_YEAR}..{S2_YEAR}&columns=DicomUrl"
        asked = {"state": state, "field": "ProtocolName", "value": S2_PROTOCOL}
        found = self._client.post("/export/json", data=asked).text.splitlines()
        return [self._client.get(json.loads(line)["DicomUrl"]).content for line in found]

    def s3(self) -> dict[str, int]:
        """Copies are files too."""
        asked = {"level": "instance", "copies": "1", "columns": "ProtocolName"}
        lines = self._client.get("/export/json", params=asked).content.splitlines()
        return dict(Counter(name for line in lines if (name := json.loads(line).get("ProtocolName"))))

    def search_page(self) -> str:
        """What a person sees: matches, eight facets, histograms, counts of all levels."""
        return self._client.get("/", params={"level": "instance", "Modality": "MR"}).text


class _Redis:
    def __init__(self, kept: redis.Redis) -> None:
        self._kept = kept

    def s1(self) -> Any:
        return self._kept.get(f"file:{S1_FILE}")

    def s2(self) -> list[Any]:
        names: Any = self._kept.sinter([f"protocol:{S2_PROTOCOL}", f"year:{S2_YEAR}"])
        return [self._kept.get(f"file:{name.decode()}") for name in sorted(names)]

    def s3(self) -> dict[str, int]:
        names: Any = self._kept.smembers("protocols")
        asked = self._kept.pipeline(transaction=False)
        for name in names:
            asked.scard(f"protocol:{name.decode()}")
        return {name.decode(): int(count) for name, count in zip(names, asked.execute(), strict=True)}


def _fill(kept: redis.Redis, files: Files) -> None:
    for name, (content, protocol, date) in files.found.items():
        kept.set(f"file:{name}", content)
        if protocol:
            kept.sadd("protocols", protocol)
            kept.sadd(f"protocol:{protocol}", name)
        if date:
            kept.sadd(f"year:{date[:4]}", name)


def _read(path: Path) -> tuple[bytes, str, str] | None:
    """Bytes, ProtocolName, StudyDate of a file that pydicom takes for an instance."""
    try:
        header = dcmread(path, stop_before_pixels=True, force=path.suffix == ".dcm")
        if not header.get("SOPInstanceUID") or "DirectoryRecordSequence" in header:
            return None
        return path.read_bytes(), str(header.get("ProtocolName") or "").strip(), str(header.get("StudyDate") or "")
    except (InvalidDicomError, ValueError, AttributeError, NotImplementedError, EOFError):
        return None
