"""Posting documents in bulk: raw Arrow text to Solr, refused batches halved until the bad document is alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pyarrow as pa
import tenacity

from dicomdex.adapters.solr import Solr
from dicomdex.errors import SolrRejected, SolrUnavailable
from dicomdex.index import MINIMAL_FIELDS

BATCH_BYTES = 750_000  # some 150 documents: a request costs the two sides 2 ms together, its body memory twice
TRIES = 6  # waits of 1, 2, 4, 8, 16 s: a Solr that was killed is back within them


@dataclass
class Posted:
    """What became of posted documents; `minimal` of them went in without most of their fields."""

    documents: int = 0
    minimal: int = 0
    replicas: int | None = (
        None  # the fewest that took a batch, where Solr says so; one that missed it recovers by itself
    )


@dataclass
class Poster:
    """Posts JSON documents to one collection; every document goes in, or SolrError is raised."""

    solr: Solr
    collection: str
    posted: Posted = field(default_factory=Posted)

    def column(self, texts: pa.Array) -> None:
        """Post an Arrow string column whose every value is a document's JSON text with a comma at its end."""
        count = len(texts)
        if count == 0:
            return
        offsets = memoryview(texts.buffers()[1]).cast("i")[texts.offset : texts.offset + count + 1]
        text = memoryview(texts.buffers()[2])
        start = 0
        while start < count:
            end = bisect_right(offsets, offsets[start] + BATCH_BYTES, start + 1, count + 1) - 1
            end = max(start + 1, end)
            self._range(text, offsets, start, end)
            start = end

    def _range(self, text: memoryview, offsets: Sequence[int], start: int, end: int) -> None:
        body = b"".join((b"[", text[offsets[start] : offsets[end] - 1], b"]"))
        try:
            self._send(body)
            self.posted.documents += end - start
        except SolrRejected as refused:
            if refused.status not in (400, 413):
                raise
            if end - start == 1:
                self._minimal(body, str(refused))
                return
            middle = (start + end) // 2
            self._range(text, offsets, start, middle)
            self._range(text, offsets, middle, end)

    def _minimal(self, body: bytes, why: str) -> None:
        (document,) = orjson.loads(body)
        kept = {name: document[name] for name in MINIMAL_FIELDS if name in document}
        self._send(orjson.dumps([{**kept, "index_warning": why}]))
        self.posted.documents += 1
        self.posted.minimal += 1

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(SolrUnavailable),
        wait=tenacity.wait_exponential(multiplier=1, max=30),
        stop=tenacity.stop_after_attempt(TRIES),
        reraise=True,
    )
    def _send(self, body: bytes) -> None:
        took = self.solr.post(self.collection, body)
        if took is not None:
            self.posted.replicas = took if self.posted.replicas is None else min(took, self.posted.replicas)
