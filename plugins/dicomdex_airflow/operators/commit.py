"""Put a drop into the catalog, as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.flow import asked_for

if TYPE_CHECKING:
    from airflow.sdk import Context


class CommitDropOperator(BaseOperator):
    """Commits what the batches extracted; returns outcome and catalog version.

    :param listing: the XCom `listing` of BuildManifestOperator
    :param results: what the ExtractBatchOperators returned; none where the listing has no batches
    """

    template_fields: Sequence[str] = ("listing", "results")

    def __init__(self, *, listing: dict[str, Any], results: Iterable[dict[str, Any]] | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.listing = listing
        self.results = results

    def execute(self, context: Context) -> dict[str, Any]:
        """Commit under the guards; CommitRefused fails the task at once."""
        from dicomdex.settings import Settings
        from dicomdex.steps import commit

        with plain_failures():
            committed = commit(
                Settings.load(),
                self.listing,
                list(self.results or []),
                force=asked_for(context, "force"),
                allow_shrink=asked_for(context, "allow_shrink"),
                run_id=context["run_id"],
            )
        self.log.info("%(drop)s: %(outcome)s, catalog version %(catalog_version)s", committed)
        return committed
