"""Count everything again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dicomdex_airflow.operators.collection import CollectionOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dicomdex.settings import Settings


class RecountOperator(CollectionOperator):
    """Compares landing area, catalog and what the alias shows; what is wrong fails the task at once, named."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Recount; returns collection, ok, catalog version and line (the checks are in the run's record)."""
        with self.settings() as settings:
            return self.say_verdict(context, settings, verdict_of(self.recount(settings, context["run_id"])))

    def recount(self, settings: Settings, run_id: str) -> dict[str, Any]:
        """Ask for the counts."""
        from dicomdex.steps_recount import recount

        return recount(settings, run_id=run_id)


def verdict_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """A recount in the form of a verdict: files by how they differ, then the checks of the documents."""
    from dicomdex.validate import Check

    files, documents = found["files"], found["documents"]
    named = files["named"]
    checks = [
        Check("new files", 0, files["new"], extra=tuple(named.get("new", ()))),
        Check("changed files", 0, files["changed"], differing=tuple(named.get("changed", ()))),
        Check("gone files", 0, files["gone"], missing=tuple(named.get("gone", ()))),
    ]
    red = [check.sentence() for check in checks if not check.ok]
    red += [documents["sentence"]] if documents and not documents["ok"] else []
    return {
        "collection": documents.get("collection", ""),
        "catalog_version": documents.get("catalog_version"),
        "ok": found["ok"],
        "line": found["line"],
        "sentence": ". ".join(red) or "ok",
        "checks": [*(check.as_dict() for check in checks), *documents.get("checks", ())],
    }
