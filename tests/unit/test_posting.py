"""Posting in bulk: batches by bytes, a refused batch halved, the bad document sent in minimal form."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pyarrow as pa
import pytest

from dicomdex.adapters.posting import BATCH_BYTES, TRIES, Poster
from dicomdex.errors import SolrRejected, SolrUnavailable


class RefusingSolr:
    """Keeps what it is sent; refuses a body that holds the word `unparseable`, or everything with one status."""

    def __init__(self, status: int | None = None) -> None:
        self.bodies: list[bytes] = []
        self.status = status

    def post(self, collection: str, body: bytes) -> None:
        if self.status is not None:
            raise SolrRejected("no", self.status)
        if b"unparseable" in body:
            raise SolrRejected("Solr refused (400): field StudyDate", 400)
        self.bodies.append(body)

    @property
    def documents(self) -> list[dict[str, object]]:
        return [document for body in self.bodies for document in orjson.loads(body)]


class UnavailableSolr(RefusingSolr):
    """Answers 503 to the first requests, then takes them on one replica of two."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    def post(self, collection: str, body: bytes) -> int:
        if self.failures:
            self.failures -= 1
            raise SolrUnavailable("Solr answered 503")
        super().post(collection, body)
        return 1


def texts(documents: list[dict[str, object]]) -> pa.Array:
    """The column as Spark gives it: JSON texts, each with a comma at its end."""
    return pa.array([orjson.dumps(document).decode() + "," for document in documents])


def test_every_document_arrives_once_and_in_batches_by_bytes() -> None:
    solr = RefusingSolr()
    documents = [{"id": str(n), "text": "é" * 1000} for n in range(1000)]
    poster = Poster(solr, "c")  # type: ignore[arg-type]
    poster.column(texts(documents))
    assert solr.documents == documents
    assert poster.posted.documents == 1000
    assert len(solr.bodies) > 1
    assert max(map(len, solr.bodies)) <= BATCH_BYTES + 1


def test_a_slice_of_a_column_posts_the_slice_alone() -> None:
    solr = RefusingSolr()
    column = texts([{"id": str(n)} for n in range(10)])
    Poster(solr, "c").column(column.slice(3, 4))  # type: ignore[arg-type]
    assert [document["id"] for document in solr.documents] == ["3", "4", "5", "6"]


def test_one_bad_document_costs_itself_its_fields_and_no_other_anything() -> None:
    solr = RefusingSolr()
    documents: list[dict[str, object]] = [{"id": str(n), "level": "instance", "Rows": n} for n in range(100)]
    documents[37]["StudyDate"] = "unparseable"
    poster = Poster(solr, "c")  # type: ignore[arg-type]
    poster.column(texts(documents))
    arrived = {document["id"]: document for document in solr.documents}
    assert len(arrived) == 100
    assert arrived["37"] == {"id": "37", "level": "instance", "index_warning": "Solr refused (400): field StudyDate"}
    assert arrived["38"] == documents[38]
    assert (poster.posted.documents, poster.posted.minimal) == (100, 1)


@pytest.mark.parametrize("status", [401, 403, 409])
def test_a_refusal_that_is_not_about_a_document_stops_the_application(status: int) -> None:
    with pytest.raises(SolrRejected):
        Poster(RefusingSolr(status), "c").column(texts([{"id": "1"}, {"id": "2"}]))  # type: ignore[arg-type]


def test_an_empty_column_posts_nothing() -> None:
    solr = RefusingSolr()
    Poster(solr, "c").column(texts([]))  # type: ignore[arg-type]
    assert solr.bodies == []


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The waits between two tries, counted and not waited."""
    waited: list[float] = []
    send = Poster._send.retry  # type: ignore[attr-defined]
    real, send.sleep = send.sleep, waited.append
    yield waited
    send.sleep = real


def test_a_solr_that_is_busy_or_away_is_asked_again_later_and_later(waits: list[float]) -> None:
    solr = UnavailableSolr(TRIES - 1)
    poster = Poster(solr, "c")  # type: ignore[arg-type]
    poster.column(texts([{"id": "1"}]))
    assert solr.documents == [{"id": "1"}]
    assert waits == [1, 2, 4, 8, 16]
    assert poster.posted.replicas == 1


def test_a_solr_that_stays_away_ends_the_application(waits: list[float]) -> None:
    with pytest.raises(SolrUnavailable):
        Poster(UnavailableSolr(TRIES), "c").column(texts([{"id": "1"}]))  # type: ignore[arg-type]
    assert len(waits) == TRIES - 1
