"""Send a directory of the worker into the landing area."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.hooks.storage import StorageHook

if TYPE_CHECKING:
    from airflow.sdk import Context


class PutDropOperator(BaseOperator):
    """`dicomdex put` as a task: a directory of the machine it runs on becomes a drop, verified, its marker last.

    Run again, it sends what is not there yet. Over a `webhdfs` connection files go through WebHDFSHook: a worker needs
    no way to the DataNodes but HTTP. Returns drop, files, bytes, sent, there and left_out, as numbers.

    :param directory: the directory; keep patients out of its name, which is shown
    :param drop: key of the drop
    :param conn_id: a `webhdfs` connection; None = as StorageHook finds the landing area
    :param threads: files at the same time; 0 = 8 to disks and over WebHDFS, 32 elsewhere
    """

    template_fields: Sequence[str] = ("directory", "drop")

    def __init__(
        self, *, directory: str, drop: str, conn_id: str | None = None, threads: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.directory = directory
        self.drop = drop
        self.conn_id = conn_id
        self.threads = threads

    def execute(self, context: Context) -> dict[str, Any]:
        """Send, verify, write the marker; a file that stands in the way is named by its id."""
        from dicomdex.cli_errors import CannotGoOn
        from dicomdex.settings import Settings
        from dicomdex.steps_put import put

        with plain_failures():
            landing = StorageHook(self.conn_id).get_conn()
            try:
                done = put(Settings.load(), Path(self.directory), self.drop, threads=self.threads, landing=landing)
            except CannotGoOn as error:
                raise AirflowException(f"drop {self.drop}: {error.unnamed}") from None
        told = {name: done[name] for name in ("drop", "files", "bytes", "sent", "there")}
        told["left_out"] = len(done["left_out"])
        self.log.info(
            "drop %s: %d files sent, %d were there already, %d are no regular files and were left out",
            *(told[name] for name in ("drop", "sent", "there", "left_out")),
        )
        return told
