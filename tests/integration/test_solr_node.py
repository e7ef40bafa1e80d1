"""The embedded Solr node: closed to strangers, hard to start wrongly, and nothing lost by kill -9."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from dicomdex_local.errors import SiteError
from dicomdex_local.ports import HOST, free_ports
from dicomdex_local.solr import SolrNode

CONFIGSET = "c"
SCHEMA = b"""<schema name="c" version="1.7"><uniqueKey>id</uniqueKey>
<fieldType name="string" class="solr.StrField" docValues="true"/><fieldType name="plong" class="solr.LongPointField"/>
<field name="id" type="string" required="true"/><field name="_version_" type="plong" docValues="true"/></schema>"""
CONFIG = b"""<config><luceneMatchVersion>9.12</luceneMatchVersion><schemaFactory class="ClassicIndexSchemaFactory"/>
<updateHandler class="solr.DirectUpdateHandler2"><updateLog/></updateHandler>
<requestHandler name="/select" class="solr.SearchHandler"/></config>"""


def get(node: SolrNode, path: str, auth: tuple[str, str] | None, **params: str) -> httpx.Response:
    return httpx.get(f"{node.base_url}{path}", params=params, auth=auth, timeout=60, trust_env=False)


def post(node: SolrNode, path: str, auth: tuple[str, str] | None, content: object) -> httpx.Response:
    return httpx.post(f"{node.base_url}{path}", json=content, auth=auth, timeout=60, trust_env=False)


def make_collection(node: SolrNode) -> None:
    for name, content in (("schema.xml", SCHEMA), ("solrconfig.xml", CONFIG)):
        upload = f"{node.base_url}/admin/configs?action=UPLOAD&name={CONFIGSET}&filePath={name}&overwrite=true"
        headers = {"Content-Type": "application/octet-stream"}
        sent = httpx.post(upload, content=content, headers=headers, auth=node.auth, timeout=60, trust_env=False)
        assert sent.status_code == httpx.codes.OK, sent.text
    create = {"action": "CREATE", "name": "c", "numShards": "1", "collection.configName": CONFIGSET}
    made = get(node, "/admin/collections", node.auth, waitForFinalState="true", **create)
    assert made.status_code == httpx.codes.OK, made.text


def count(node: SolrNode) -> int:
    return int(get(node, "/c/select", node.auth, q="*:*", rows="0").json()["response"]["numFound"])


@pytest.fixture(scope="module")
def node(tmp_path_factory, jars):
    """A running node for the tests that leave it running."""
    directory = tmp_path_factory.mktemp("node")
    port, zookeeper_port = free_ports(2)
    node = SolrNode(directory / "solr", jars / "solr", directory / "secrets", port, zookeeper_port=zookeeper_port)
    node.start()
    yield node
    node.stop()


def test_a_node_lets_nobody_in_who_is_unknown_and_the_reader_only_reads(node):
    make_collection(node)
    reader, document = node.secrets.reader_auth, [{"id": "1"}]
    assert get(node, "/admin/info/system", None).status_code == 401
    assert httpx.get(f"http://{HOST}:{node.port}/api/cluster", trust_env=False).status_code == 401
    assert get(node, "/c/select", None, q="*:*").status_code == 401
    assert get(node, "/c/select", ("search", "wrong"), q="*:*").status_code == 401
    assert get(node, "/c/select", reader, q="*:*").status_code == 200
    assert post(node, "/c/update", reader, document).status_code == 403
    assert get(node, "/admin/collections", reader, action="LIST").status_code == 403
    assert post(node, "/c/update", node.auth, document).status_code == 200


def test_zookeeper_refuses_strangers_who_would_replace_or_delete_the_security(node):
    for command in ("get", "clear"):
        stranger = [node.java, "-cp", f"{node.jars}/*", "org.apache.solr.cloud.ZkCLI"]
        stranger += ["--zk-host", f"{HOST}:{node.zookeeper_port}", "-cmd", command, "/security.json"]
        done = subprocess.run(stranger, capture_output=True, text=True, timeout=120, check=False)
        assert "NoAuth" in done.stdout + done.stderr
    assert get(node, "/admin/info/system", None).status_code == 401


def test_what_was_sent_but_not_committed_outlives_kill_9(make_solr_node):
    node = make_solr_node()
    node.start()
    make_collection(node)
    sent = post(node, "/c/update", node.auth, [{"id": str(number)} for number in range(3000)])
    assert sent.status_code == 200
    node.kill()
    assert node.program() is None
    node.start()
    assert count(node) == 3000


def test_a_home_serves_one_node_at_a_time(node, tmp_path):
    port, zookeeper_port = free_ports(2)
    other = SolrNode(node.home, node.jars, node.secrets.directory, port, zookeeper_port=zookeeper_port)
    other.record = tmp_path / "other.json"
    with pytest.raises(SiteError, match="another Solr node runs on"):
        other.start()
    assert node.is_ready()


def test_a_taken_port_is_named_before_anything_starts(node, make_solr_node):
    other = make_solr_node("other", port=node.port, zookeeper_port=node.zookeeper_port + 1)
    with pytest.raises(SiteError, match=f"port {node.port} is taken by another program: set DICOMDEX_SOLR_PORT"):
        other.start()
    assert node.is_ready()


def test_starting_a_node_that_runs_changes_nothing(node):
    pid = node.program().pid
    node.start()
    assert node.program().pid == pid


def test_a_node_that_can_not_start_ends_with_a_line_and_leaves_nothing(make_solr_node):
    node = make_solr_node()
    node.start()
    node.stop()
    # A home whose ZooKeeper has other credentials: Solr swallows the error, Jetty goes on answering 404.
    node.secrets.zookeeper_file.write_text(
        "zkDigestUsername=solr\nzkDigestPassword=wrong\nzkDigestReadonlyUsername=r\nzkDigestReadonlyPassword=wrong\n"
    )
    with pytest.raises(SiteError, match=r"Solr did not become ready: see .*solr.log"):
        node.start(limit=60)
    assert node.program() is None
