"""Links from tasks to our page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

PAGE = "/dicomdex/run"
ENTRY = "/dicomdex/page"  # sends the browser on to the page


class DropLink(BaseOperatorLink):
    """From a task to the ledger of its run's drop."""

    name = "Drop"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Address of the page; it holds the run id and nothing else."""
        return f"{PAGE}?{urlencode({'dag_id': ti_key.dag_id, 'run_id': ti_key.run_id})}"


class VerdictLink(DropLink):
    """From a task to the verdict on its run's collection."""

    name = "Verdict"
