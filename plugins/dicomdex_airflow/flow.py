"""What the DAGs share: the assets between them, the form of a run, the drop of a run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher, Param

from dicomdex_airflow.triggers.drop import NewDropsTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

LANDING = Asset("dicom_landing", watchers=[AssetWatcher(name="new_drops", trigger=NewDropsTrigger())])
DROPS = Asset("dicom_drops")
INDEXED = Asset("dicom_indexed")
SHOWN = Asset("dicom_shown")  # what the alias shows

TASK_DEFAULTS = {
    "owner": "dicomdex",
    "retries": 2,
    "retry_delay": timedelta(seconds=5),
    "execution_timeout": timedelta(hours=1),
}
# A try that finds no Solr ends in seconds, a Solr that was killed is back in 30: waits of 5, 15 and 45 s cover it.
SOLR_COMES_BACK = {"retries": 3, "retry_exponential_backoff": 3}


def run_params() -> dict[str, Param]:
    """The form of a run: which drop, and what is allowed to be done to it."""
    return {
        "drop": Param(
            "",
            type="string",
            pattern=r"^[A-Za-z0-9._~-]{0,100}$",
            title="Drop",
            description="Drop key, for example 2026-11-21; leave it empty when a partition key is given.",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Force",
            description="Read every file again, even where nothing has changed since the last commit.",
        ),
        "allow_shrink": Param(
            False,
            type="boolean",
            title="Allow shrink",
            description="Commit even where the drop loses more of its records than the shrink limit.",
        ),
    }


def drop_key(dag_run: Any, params: Any) -> str:
    """The drop of a run: its partition key or, without one, its Param `drop`; AirflowFailException if neither."""
    from dicomdex.drop import drop_key as checked
    from dicomdex_airflow.failures import plain_failures

    with plain_failures():
        return checked(getattr(dag_run, "partition_key", None), params.get("drop"))


def asked_for(context: Context, name: str) -> bool:
    """Whether this run was asked to `force` or `allow_shrink`: by its form or by the event that started it."""
    events = [event for some in (context.get("triggering_asset_events") or {}).values() for event in some]
    return bool(context["params"].get(name)) or any(bool(event.extra.get(name)) for event in events)
