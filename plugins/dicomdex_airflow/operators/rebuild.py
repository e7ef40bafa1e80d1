"""A rebuild from plan to retirement, apart from what Spark does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from dicomdex_airflow.operators.collection import CollectionOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dicomdex.settings import Settings

ASKED = ("alias", "shards", "replicas", "dry_run")  # Params that go into the plan as they are
ENDED = ("success", "failed")


class PlanRebuildOperator(CollectionOperator):
    """Plans what the form of the run asks for: pins the catalog's version and takes the lease of the alias.

    Returns the plan: no path, no value of a patient. Another run that holds the alias is named, unless it has ended.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Plan; a run that plans again, having been cleared, gets the same plan."""
        params = context["params"]
        asked = {name: params[name] for name in ASKED}
        asked |= {name: params[name] or "" for name in ("date_from", "date_to")}
        with self.settings() as settings:
            made = self.plan(settings, run_id=context["run_id"], ended=self.ended(context, settings), **asked)
            self.say(context, settings, made["line"], planned=made["line"])
        return made

    def plan(self, settings: Settings, **asked: Any) -> dict[str, Any]:
        """Ask for the plan."""
        from dicomdex.steps_rebuild import plan

        return plan(settings, **asked)

    def ended(self, context: Context, settings: Settings) -> list[str]:
        """Runs of this DAG that hold an alias and are over: killed before they could give it back."""
        from dicomdex.steps_lease import holders

        ask, dag_id = context["ti"].get_dr_count, context["dag_run"].dag_id
        held = sorted(set(holders(settings).values()) - {context["run_id"]})
        return [run for run in held if ask(dag_id=dag_id, run_ids=[run], states=list(ENDED))]


class CreateCollectionOperator(CollectionOperator):
    """Creates the collection of a plan, after removing what earlier rebuilds have left half-built; skips a dry run.

    :param plan: what PlanRebuildOperator returned
    """

    template_fields: Sequence[str] = ("plan",)

    def __init__(self, *, plan: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan

    def execute(self, context: Context) -> dict[str, Any]:
        """Create; returns the collection and the removed ones."""
        from dicomdex.steps_rebuild import create

        if self.plan["dry_run"]:
            raise AirflowSkipException(f"dry run: {self.plan['line']}")
        with self.settings() as settings:
            made = create(settings, self.plan)
        self.log.info("%s is there; removed half-built: %s", made["collection"], ", ".join(made["removed"]) or "none")
        return made


class CheckCollectionOperator(CollectionOperator):
    """Validates the collection of a plan against the catalog, outside the slot; a red verdict fails the task at once.

    :param plan: what PlanRebuildOperator returned
    """

    template_fields: Sequence[str] = ("plan",)

    def __init__(self, *, plan: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.plan = plan

    def execute(self, context: Context) -> dict[str, Any]:
        """Validate; returns collection, ok, catalog version and line (the checks are in the run's record)."""
        with self.settings() as settings:
            verdict = self.verdict(settings, force=bool(context["params"]["force"]))
            return self.say_verdict(context, settings, verdict)

    def verdict(self, settings: Settings, *, force: bool) -> dict[str, Any]:
        """Ask for the verdict."""
        from dicomdex.steps_rebuild import check

        return check(settings, self.plan, force=force)


class RetireCollectionsOperator(CollectionOperator):
    """Deletes the collections of the run's alias that are neither shown, nor being built, nor to be kept."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Retire; returns alias, retired and kept."""
        from dicomdex.steps_retire import retire

        params = context["params"]
        with self.settings() as settings:
            done = retire(settings, keep=int(params.get("keep") or 0), alias=params["alias"])
            line = f"{done['alias']}: retired {', '.join(done['retired']) or 'none'}, kept {', '.join(done['kept'])}"
            self.say(context, settings, line, retired=line)
        return done


class ReleaseRebuildOperator(CollectionOperator):
    """Gives back the lease of the run, however the run went: the next rebuild need not wait for it to grow old."""

    def execute(self, context: Context) -> list[str]:
        """Give back; returns the aliases."""
        from dicomdex.steps_rebuild import release

        with self.settings() as settings:
            return release(settings, context["run_id"])
