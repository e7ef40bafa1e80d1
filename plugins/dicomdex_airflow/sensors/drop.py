"""Wait for a drop without holding a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.flow import drop_key
from dicomdex_airflow.hooks.storage import StorageHook
from dicomdex_airflow.triggers.drop import DropTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class DicomDropSensor(BaseSensorOperator):
    """Succeeds when a drop is complete: asks once, then defers to the triggerer.

    It waits from the moment the run was due, not from now: a backfill of a day long past asks once and is done.

    :param drop: drop key; None = the drop of the run
    :param missing: `fail` or `skip` where the drop does not come in time; empty = the run's Param `missing`
    :param wait: how long after the run was due; None = the setting `late`
    :param conn_id: connection of the landing area (`webhdfs`); None = as the settings say
    """

    template_fields: Sequence[str] = ("drop", "missing", "conn_id")

    def __init__(
        self,
        *,
        drop: str | None = None,
        missing: str = "",
        wait: timedelta | None = None,
        conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.drop = drop
        self.missing = missing
        self.wait = wait
        self.conn_id = conn_id

    def execute(self, context: Context) -> str:
        """Ask once; returns the drop key or defers."""
        drop = self.drop or drop_key(context["dag_run"], context["params"])
        if self.poke(context):
            return drop
        until = self._until(context)
        if time.time() >= until:
            self._miss(context, drop)
        trigger = DropTrigger(drop=drop, until=until, interval=self.poke_interval, conn_id=self.conn_id)
        self.defer(trigger=trigger, method_name="resume")

    def poke(self, context: Context) -> bool:
        """Whether the drop is complete now."""
        with plain_failures():
            drop = self.drop or drop_key(context["dag_run"], context["params"])
            return StorageHook(self.conn_id).is_complete(drop)

    def resume(self, context: Context, event: dict[str, Any]) -> str:
        """Where the trigger's answer comes in."""
        drop = self.drop or drop_key(context["dag_run"], context["params"])
        if not event["arrived"]:
            self._miss(context, drop)
        return drop

    def _until(self, context: Context) -> float:
        from dicomdex.settings import Settings

        with plain_failures():
            settings = Settings.load()
        wait = settings.late if self.wait is None else self.wait.total_seconds()
        until = context["dag_run"].run_after.timestamp() + wait
        if settings.marker:
            return until
        # Without a marker no single look can tell: at least two are needed, a quiet period apart.
        return max(until, time.time() + settings.quiet_period + self.poke_interval)

    def _miss(self, context: Context, drop: str) -> None:
        if (self.missing or context["params"].get("missing")) == "skip":
            raise AirflowSkipException(f"drop {drop} did not come")
        raise AirflowSensorTimeout(f"drop {drop} did not come in time")
