"""The landing area, as the settings or a connection say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from dicomdex.adapters.storage import Storage


class StorageHook(BaseHook):
    """Opens the landing area.

    :param conn_id: a `webhdfs` connection, over which the URL's path is looked at; None (or any other type) = the
        landing area of the settings, by its URL
    """

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> Storage:
        """The landing area's Storage."""
        from dicomdex.adapters.storage import WebHdfsStorage, storage
        from dicomdex.settings import Settings

        landing = Settings.load().landing
        if self.conn_id and self.get_connection(self.conn_id).conn_type == "webhdfs":
            from airflow.providers.apache.hdfs.hooks.webhdfs import WebHDFSHook

            return WebHdfsStorage(WebHDFSHook(self.conn_id).get_conn(), urlsplit(landing).path)
        return storage(landing)

    def is_complete(self, drop: str) -> bool:
        """Whether a drop is complete, announced or not. Errors of the storage propagate: not to know is not `no`."""
        from dicomdex.settings import Settings
        from dicomdex.steps import complete_drop

        return complete_drop(Settings.load(), drop, landing=self.get_conn()) is not None
