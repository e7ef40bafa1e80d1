"""Point the alias at a collection: after applying what is new, or, rolling back, as the collection was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dicomdex_airflow import spark
from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.flow import SHOWN
from dicomdex_airflow.links import VerdictLink
from dicomdex_airflow.operators.collection import CollectionOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dicomdex.settings import Settings

FORCE = "{{ '--force' if params.force else '--no-force' }}"
GAP_SHOWN = 20  # drops that are named to who is asked


class PromoteCollectionOperator(SparkSubmitOperator):
    """Applies what is new to a collection, validates it and points the alias at it: one application, to be run under
    the slot. A red verdict fails the task at once, with its sentence; anything else is tried again.

    Whether it may be far smaller than what is shown is the run's Param `force`.

    :param collection: physical name of the collection
    """

    operator_extra_links = (VerdictLink(),)

    def __init__(self, *, collection: str, **kwargs: Any) -> None:
        own = {"application": spark.application("apply_changes.py"), "name": "dicomdex-promote"}
        arguments = ["--collection", collection, "--promote", FORCE, "--run", "{{ run_id }}"]
        super().__init__(application_args=arguments, **own, **kwargs)

    def execute(self, context: Context) -> None:
        """Submit, then say what came of it."""
        from dicomdex.settings import Settings
        from dicomdex.steps import record_run, run_record

        with plain_failures():
            settings, run_id = Settings.load(), context["run_id"]
            record_run(settings, run_id, "", dag_id=context["dag_run"].dag_id, promoted={})  # not that of a try before
            try:
                self.submit(context)
            except AirflowException:
                promoted = run_record(settings, run_id)["promoted"]
                if promoted and not promoted["ok"]:
                    raise AirflowFailException(promoted["sentence"]) from None
                raise
            say_shown(context, run_record(settings, run_id)["promoted"])

    def submit(self, context: Context) -> None:
        """Run the application."""
        super().execute(context)


class FindCollectionOperator(CollectionOperator, BranchMixIn):
    """Finds the collection that the run is to go back to and what it lacks (XComs `found`, `gap`), and branches.

    :param as_was: task that follows where the run asks for the collection as it was
    :param up_to_date: task that follows otherwise
    """

    inherits_from_skipmixin = True

    def __init__(self, *, as_was: str, up_to_date: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_was = as_was
        self.up_to_date = up_to_date

    def execute(self, context: Context) -> str:
        """Look and branch; nothing is changed."""
        self.do_branch(context, chosen := self.look(context))
        return chosen

    def look(self, context: Context) -> str:
        """Find and tell; returns the task that follows."""
        with self.settings() as settings:
            found = self.found(settings, context["params"]["collection"])
            self.say(context, settings, found["line"], planned=found["line"])
        context["ti"].xcom_push("found", found)
        context["ti"].xcom_push("gap", gap_of(found))
        return self.as_was if context["params"]["as_was"] else self.up_to_date

    def found(self, settings: Settings, name: str) -> dict[str, Any]:
        """Ask which collection it is and what it lacks."""
        from dicomdex.steps_promote import roll_back

        return roll_back(settings, name)


class PointBackOperator(CollectionOperator):
    """Points the alias at a collection as it is, if the gate allows it; to be run under the slot.

    :param found: the XCom `found` of FindCollectionOperator
    """

    template_fields: Sequence[str] = ("found",)

    def __init__(self, *, found: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.found = found

    def execute(self, context: Context) -> dict[str, Any]:
        """Roll back; a red verdict fails the task at once."""
        with self.settings() as settings:
            done = self.roll_back(settings, force=bool(context["params"]["force"]), run_id=context["run_id"])
            if not done["promoted"]:
                raise AirflowFailException(done["sentence"])
            self.say(context, settings, done["line"], promoted=done)
        say_shown(context, done)
        return done

    def roll_back(self, settings: Settings, **asked: Any) -> dict[str, Any]:
        """Ask for the alias to be pointed back."""
        from dicomdex.steps_promote import roll_back

        return roll_back(settings, self.found["collection"], as_was=True, **asked)


def say_shown(context: Context, promoted: dict[str, Any]) -> None:
    """What the alias shows from now on, where people look."""
    line = f"{promoted['alias']} shows {promoted['collection']} at catalog version {promoted['catalog_version']}"
    context["ti"].xcom_push("summary", line)
    event = context["outlet_events"][SHOWN]
    event.extra = {"summary": line, "catalog_version": promoted["catalog_version"], "from": promoted["from"]}


def gap_of(found: dict[str, Any]) -> str:
    """The gap in drops as Markdown, for the question whether to go back all the same."""
    gap, named = found["gap"], found["gap"]["drops"][:GAP_SHOWN]
    if not gap["count"]:
        return f"{found['line']}. Nothing is lost by going back."
    more = [f"- and {gap['count'] - len(named):,} more"] if gap["count"] > len(named) else []
    head = f"{found['line']}. What was ingested of these drops since is not found until they are applied again:"
    return "\n".join([head, "", *(f"- `{drop}`" for drop in named), *more])
