"""What the operators that work on collections share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.links import VerdictLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dicomdex.settings import Settings


class CollectionOperator(BaseOperator):
    """Speaks to the Solr of a connection, says one line (XCom `summary`) and keeps parts of the run's record.

    :param solr_conn_id: connection of Solr
    """

    operator_extra_links = (VerdictLink(),)

    def __init__(self, *, solr_conn_id: str = "solr_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.solr_conn_id = solr_conn_id

    @contextmanager
    def settings(self) -> Iterator[Settings]:
        """Settings to speak to Solr with; what goes wrong meanwhile becomes what Airflow acts upon."""
        from dicomdex_airflow.hooks.solr import SolrHook

        with plain_failures(), SolrHook(self.solr_conn_id).settings() as settings:
            yield settings

    def say(self, context: Context, settings: Settings, line: str, **parts: Any) -> None:
        """One line where people look, and parts of the record behind the run's tab."""
        from dicomdex.steps import record_run

        record_run(settings, context["run_id"], "", dag_id=context["dag_run"].dag_id, **parts)
        context["ti"].xcom_push("summary", line)
        self.log.info(line)

    def say_verdict(self, context: Context, settings: Settings, verdict: Mapping[str, Any]) -> dict[str, Any]:
        """A verdict as line, as table in the log and in the record; a red one fails the task with its sentence."""
        from dicomdex.validate import verdict_table

        line = verdict.get("line") or verdict_line(verdict)
        self.say(context, settings, line, verdict={**verdict, "line": line})
        self.log.info("\n".join(["checks", *verdict_table(verdict["checks"])]))
        if not verdict["ok"]:
            raise AirflowFailException(verdict["sentence"])
        return {**{name: verdict[name] for name in ("collection", "ok", "catalog_version")}, "line": line}


def verdict_line(verdict: Mapping[str, Any]) -> str:
    """Which collection, at which version, and how many of its checks say what they should."""
    checks = verdict["checks"]
    passed = sum(bool(check["ok"]) for check in checks)
    told = f"all {passed} checks ok" if passed == len(checks) else f"{len(checks) - passed} of {len(checks)} checks red"
    return f"{verdict['collection']} at catalog version {verdict['catalog_version']}: {told}"
