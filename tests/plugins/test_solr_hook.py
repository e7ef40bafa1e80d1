"""SolrHook: a connection becomes settings; its Test button really asks."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dicomdex.adapters.solr import credentials
from dicomdex_airflow.hooks.solr import SolrHook


def connect(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    known = {"conn_type": "solr", "host": "127.0.0.1", "port": 8983, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_SOLR_DEFAULT", json.dumps(known))


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("from the file\n")
    path.chmod(0o600)
    return path


def test_without_a_connection_the_environment_holds(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMDEX_SOLR_URL", "http://solr.example:8983/solr")
    assert SolrHook("not_there").public_settings().solr_url == "http://solr.example:8983/solr"


def test_a_connection_says_where_solr_is_and_who_we_are(
    landing: Path, monkeypatch: pytest.MonkeyPatch, password_file: Path
) -> None:
    extra = {"password_file": str(password_file), "collection": "radiology"}
    connect(monkeypatch, host="solr", port=8984, schema="https", login="dicomdex", extra=extra)
    settings = SolrHook().public_settings()
    assert settings.solr_url == "https://solr:8984/solr"
    assert settings.alias == "radiology"
    assert credentials(settings) == ("dicomdex", "from the file")


def test_a_typed_password_is_a_private_file_for_as_long_as_it_is_used(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, login="dicomdex", password="typed")
    with SolrHook().settings() as settings:
        assert credentials(settings) == ("dicomdex", "typed")
        assert settings.solr_password_file is not None
        kept = settings.solr_password_file
        assert kept.stat().st_mode & 0o777 == 0o600
    assert not kept.exists()


class FakeSolr(BaseHTTPRequestHandler):
    """Solr's system info behind basic auth: user dicomdex, password typed."""

    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(b"dicomdex:typed").decode()
        known = self.headers.get("Authorization") == wanted and self.path.startswith("/solr/admin/info/system")
        body = {"mode": "solrcloud", "lucene": {"solr-spec-version": "9.10.1"}} if known else {}
        content = json.dumps(body).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@pytest.fixture
def solr_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeSolr)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_the_test_button_says_who_answered(landing: Path, monkeypatch: pytest.MonkeyPatch, solr_port: int) -> None:
    connect(monkeypatch, port=solr_port, login="dicomdex", password="typed")
    assert SolrHook().test_connection() == (True, "Solr 9.10.1 answers (solrcloud)")


def test_the_test_button_says_what_is_wrong_and_never_the_password(
    landing: Path, monkeypatch: pytest.MonkeyPatch, solr_port: int
) -> None:
    connect(monkeypatch, port=solr_port, login="dicomdex", password="mistyped")
    answered, said = SolrHook().test_connection()
    assert not answered
    assert "401" in said
    assert "mistyped" not in said


def test_the_test_button_says_when_nobody_answers(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, port=1)
    answered, said = SolrHook().test_connection()
    assert not answered
    assert "Solr does not answer" in said
