"""Read the headers of one batch."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dicomdex_airflow.failures import plain_failures

if TYPE_CHECKING:
    from airflow.sdk import Context


class ExtractBatchOperator(BaseOperator):
    """Extracts one batch into the work area; returns the names of its files and their counts.

    :param batch: one of the batches that BuildManifestOperator returned
    """

    template_fields: Sequence[str] = ("batch",)

    def __init__(self, *, batch: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch = batch

    def execute(self, context: Context) -> dict[str, Any]:
        """Extract under an attempt token of its own, so that a try which was killed can't mix with the next."""
        from dicomdex.settings import Settings
        from dicomdex.steps import extract

        attempt = uuid.uuid4().hex[:8]
        with plain_failures():
            result = extract(Settings.load(), self.batch, run_id=context["run_id"], attempt=attempt)
        self.log.info("%s: %d rows, %d records", self.batch["label"], result["rows"], result["records"])
        return result
