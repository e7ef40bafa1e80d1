"""Compare landing area, catalog and Solr, and say the result where people look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.flow import INDEXED, drop_key
from dicomdex_airflow.links import DropLink

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateDropOperator(BaseOperator):
    """Validates the drop of the run. The verdict goes to the run's Drop tab, its one line to the XCom `summary` and
    into the event of the asset `dicom_indexed`; a red verdict fails the task at once.

    :param solr_conn_id: connection of Solr
    """

    operator_extra_links = (DropLink(),)

    def __init__(self, *, solr_conn_id: str = "solr_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.solr_conn_id = solr_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Validate; returns drop, ok, line and versions (ledger and checks are in the run's record)."""
        verdict = self.verdict(drop_key(context["dag_run"], context["params"]), context["run_id"])
        self._say(context, verdict)
        if not verdict["ok"]:
            raise AirflowFailException(verdict["sentence"])
        return {name: verdict[name] for name in ("drop", "ok", "line", "catalog_version", "collection")}

    def verdict(self, drop: str, run_id: str) -> dict[str, Any]:
        """Ask for the verdict, with the Solr of the connection."""
        from dicomdex.steps import validate
        from dicomdex_airflow.hooks.solr import SolrHook

        with plain_failures(), SolrHook(self.solr_conn_id).settings() as settings:
            return validate(settings, drop, run_id=run_id)

    def _say(self, context: Context, verdict: dict[str, Any]) -> None:
        context["ti"].xcom_push("summary", verdict["line"])
        event = context["outlet_events"][INDEXED]
        event.add_partitions([verdict["drop"]])
        event.extra = {"summary": verdict["line"], "catalog_version": verdict["catalog_version"]}
        self.log.info("%s: %s", verdict["drop"], verdict["line"])
