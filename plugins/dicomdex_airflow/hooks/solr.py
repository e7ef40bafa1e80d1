"""The `solr` connection: where Solr is and who we are to it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from dicomdex.adapters.solr import Solr
    from dicomdex.settings import Settings

EXTRA = {"password_file": "solr_password_file", "collection": "alias"}  # field of the connection -> setting


def _urls(connection: Any) -> str:
    """Base URLs of the nodes: the connection's host may be several with commas between, each with a port or without."""
    nodes = [host.strip() for host in connection.host.split(",")]
    named = [host if ":" in host else f"{host}:{connection.port or 8983}" for host in nodes]
    return ",".join(f"{connection.schema or 'http'}://{node}/solr" for node in named)


class SolrHook(BaseHook):
    """Speaks to the Solr of a connection: host (or hosts, commas between), port, schema (http or https), login,
    password or `password_file`, and `collection` (the alias people search).

    Without such a connection the settings of the environment hold.
    """

    conn_name_attr = "solr_conn_id"
    default_conn_name = "solr_default"
    conn_type = "solr"
    hook_name = "Solr"

    def __init__(self, solr_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.solr_conn_id = solr_conn_id

    def _connection(self) -> Any:
        try:
            return self.get_connection(self.solr_conn_id)
        except AirflowNotFoundException:
            return None

    def public_settings(self) -> Settings:
        """Settings with the connection's server and login; of the secret only the path of its file, if there is one."""
        from dicomdex.settings import Settings

        connection = self._connection()
        if connection is None or not connection.host:
            return Settings.load()
        known: dict[str, Any] = {"solr_user": connection.login or ""}
        known["solr_url"] = _urls(connection)
        extra = connection.extra_dejson
        known |= {name: extra[key] for key, name in EXTRA.items() if extra.get(key)}
        return Settings.load(**known)

    @contextmanager
    def settings(self) -> Iterator[Settings]:
        """Settings to speak to Solr with; a password typed into the connection is a file of mode 0600 meanwhile."""
        settings = self.public_settings()
        connection = self._connection()
        if connection is None or not connection.password:
            yield settings
            return
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="dicomdex-") as secret:
            secret.write(connection.password)
            secret.flush()
            yield type(settings).load(**{**settings.model_dump(), "solr_password_file": secret.name})

    @contextmanager
    def get_conn(self) -> Iterator[Solr]:
        """An open Solr."""
        from dicomdex.adapters.solr import Solr

        with self.settings() as settings, Solr.of(settings) as solr:
            yield solr

    def test_connection(self) -> tuple[bool, str]:
        """Ask Solr who it is: what the form's Test button does."""
        from dicomdex.errors import DicomdexError

        try:
            with self.get_conn() as solr:
                said = solr.request("GET", "/admin/info/system", params={"wt": "json"})
        except DicomdexError as error:
            return False, str(error)
        version = said.get("lucene", {}).get("solr-spec-version", "of unknown version")
        return True, f"Solr {version} answers ({said.get('mode', 'mode unknown')})"
