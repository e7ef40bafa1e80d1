"""Freeze the listing of a drop and cut it into batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.flow import asked_for, drop_key
from dicomdex_airflow.hooks.storage import StorageHook

if TYPE_CHECKING:
    from airflow.sdk import Context


class BuildManifestOperator(BaseOperator):
    """Lists the drop of the run; returns its batches, to map over, and pushes the XCom `listing` for the commit.

    A drop that is empty, or unchanged since its last commit, has no batches: extraction is skipped.
    """

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """List and split; `listing` = drop, listing_seq, manifest_id, listed, bytes, unchanged, batches."""
        from dicomdex.settings import Settings
        from dicomdex.steps import list_drop

        drop, force = drop_key(context["dag_run"], context["params"]), asked_for(context, "force")
        with plain_failures():
            landing = StorageHook().get_conn()
            listing = list_drop(Settings.load(), drop, force=force, run_id=context["run_id"], landing=landing)
        context["ti"].xcom_push("listing", listing)
        self.log.info(
            "drop %s: %d files listed%s in %d batches",
            drop,
            listing["listed"],
            " (nothing has changed)" if listing["unchanged"] else "",
            len(listing["batches"]),
        )
        return listing["batches"]
