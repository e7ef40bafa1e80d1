"""Several Solr nodes: whoever can answer is asked, and nothing that changes the cloud is asked twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dicomdex.adapters.solr import Solr
from dicomdex.errors import SolrRejected, SolrUnavailable
from dicomdex_local.ports import HOST, free_ports

SELECT, CREATE = "/dicom/select", "/admin/collections"


class Node(ThreadingHTTPServer):
    """Answers everything with one status, and counts."""

    def __init__(self, status: int) -> None:
        super().__init__((HOST, 0), _Answer)
        self.status = status
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/solr"


class _Answer(BaseHTTPRequestHandler):
    server: Node

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextmanager
def node(status: int) -> Iterator[Node]:
    with Node(status) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


def gone() -> str:
    return f"http://{HOST}:{free_ports(1)[0]}/solr"


def test_a_node_that_is_gone_is_passed_over_and_asked_last_from_then_on() -> None:
    with node(200) as well, Solr(f"{gone()},{well.url}") as solr:
        for _ in range(3):
            assert solr.request("GET", SELECT) == {}
        assert well.asked == 3


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_search_that_one_node_can_not_answer_is_asked_of_the_next(status: int) -> None:
    with node(status) as ill, node(200) as well, Solr(f"{ill.url}, {well.url}/") as solr:
        assert solr.request("GET", SELECT) == {}
        assert solr.request("GET", SELECT) == {}
        assert (ill.asked, well.asked) == (1, 2)


def test_what_changes_the_cloud_is_asked_once_where_it_may_have_been_done() -> None:
    with node(500) as ill, node(200) as well, Solr(f"{ill.url},{well.url}") as solr:
        with pytest.raises(SolrUnavailable, match="500"):
            solr.request("GET", CREATE, params={"action": "CREATE", "name": "dicom"})
        assert (ill.asked, well.asked) == (1, 0)
        assert solr.request("GET", CREATE, params={"action": "LIST"}) == {}
        assert (ill.asked, well.asked) == (1, 1)


def test_what_changes_the_cloud_goes_on_from_a_node_that_was_not_reached() -> None:
    with node(200) as well, Solr(f"{gone()},{well.url}") as solr:
        assert solr.request("GET", CREATE, params={"action": "CREATE", "name": "dicom"}) == {}


def test_a_request_that_is_refused_is_refused_by_all() -> None:
    with node(400) as first, node(200) as second, Solr(f"{first.url},{second.url}") as solr:
        with pytest.raises(SolrRejected):
            solr.request("GET", SELECT)
        assert second.asked == 0


def test_a_node_that_is_named_is_the_only_one_asked() -> None:
    with node(503) as ill, node(200) as well, Solr(f"{ill.url},{well.url}") as solr:
        with pytest.raises(SolrUnavailable):
            solr.request("GET", SELECT, node=ill.url)
        assert well.asked == 0


def test_where_no_node_answers_the_last_one_is_what_is_said() -> None:
    last = gone()
    with Solr(f"{gone()},{last}") as solr, pytest.raises(SolrUnavailable, match=last):
        solr.request("GET", SELECT)
