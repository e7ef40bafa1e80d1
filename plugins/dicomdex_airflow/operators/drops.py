"""Say to Airflow which drops are there: one partition of the asset `dicom_drops` per drop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.flow import DROPS, asked_for, drop_key
from dicomdex_airflow.hooks.storage import StorageHook

if TYPE_CHECKING:
    from airflow.sdk import Context


class AnnounceDropsOperator(BaseOperator):
    """Announces every drop that is complete and not yet announced; returns what to remember of them.

    Remembering is a task of its own: Airflow registers the event when this task has succeeded, so a drop that is
    remembered here and lost by a crash would never be ingested. Skips where there is nothing new.
    """

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Look once and announce."""
        from dicomdex.settings import Settings
        from dicomdex.steps import new_drops

        with plain_failures():
            seen = new_drops(Settings.load(), landing=StorageHook().get_conn())
        if not seen:
            raise AirflowSkipException("no new drop")
        context["outlet_events"][DROPS].add_partitions([drop["key"] for drop in seen])
        self.log.info("announced %d drops", len(seen))
        return seen


class RememberDropsOperator(BaseOperator):
    """Remembers drops as announced.

    :param seen: what AnnounceDropsOperator returned
    """

    template_fields: Sequence[str] = ("seen",)

    def __init__(self, *, seen: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seen = seen

    def execute(self, context: Context) -> None:
        """Write the ledger of announced drops."""
        from dicomdex.settings import Settings
        from dicomdex.steps import remember_drops

        with plain_failures():
            remember_drops(Settings.load(), list(self.seen))


class AnnounceDropOperator(BaseOperator):
    """Announces the drop of this run, with what the run was asked to allow in the event's `extra`."""

    def execute(self, context: Context) -> str:
        """Announce; returns the drop key."""
        key = drop_key(context["dag_run"], context["params"])
        event = context["outlet_events"][DROPS]
        event.add_partitions([key])
        event.extra = {name: True for name in ("force", "allow_shrink") if asked_for(context, name)}
        return key
