"""The landing area, as the settings or a connection say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from dicomdex.adapters.storage import Storage

WEBHDFS = "webhdfs"
HDFS_DEFAULT = "hdfs_default"


class StorageHook(BaseHook):
    """Opens the landing area.

    :param conn_id: a `webhdfs` connection, over which the URL's path is looked at; None (or any other type) = the
        landing area of the settings, by its URL: where that is `hdfs:`, over `hdfs_default` if there is such a
        connection, since only WebHDFS tells whether a file is still being written
    """

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._kept: Storage | None = None

    def get_conn(self) -> Storage:
        """The landing area's Storage."""
        from dicomdex.adapters.storage import WebHdfsStorage, storage
        from dicomdex.settings import Settings

        landing = Settings.load().landing
        conn_id = self.conn_id or (HDFS_DEFAULT if landing.startswith("hdfs:") else "")
        if not conn_id or not self._is_webhdfs(conn_id):
            return storage(landing)
        from airflow.providers.apache.hdfs.hooks.webhdfs import WebHDFSHook

        return WebHdfsStorage(WebHDFSHook(conn_id).get_conn(), unquote(urlsplit(landing).path))

    @contextmanager
    def kept(self) -> Iterator[Storage]:
        """The landing area, opened once, and again after an error: another NameNode may be the active one then."""
        self._kept = self._kept or self.get_conn()
        try:
            yield self._kept
        except Exception:
            self._kept = None
            raise

    def is_complete(self, drop: str) -> bool:
        """Whether a drop is complete, announced or not. Errors of the storage propagate: not to know is not `no`."""
        from dicomdex.settings import Settings
        from dicomdex.steps import complete_drop

        with self.kept() as landing:
            return complete_drop(Settings.load(), drop, landing=landing) is not None

    def _is_webhdfs(self, conn_id: str) -> bool:
        try:
            return bool(self.get_connection(conn_id).conn_type == WEBHDFS)
        except AirflowNotFoundException:
            if self.conn_id:
                raise
            return False
