"""Count everything again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BranchMixIn

from dicomdex_airflow.operators.collection import CollectionOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from dicomdex.settings import Settings


class RecountFilesOperator(CollectionOperator, BranchMixIn):
    """Compares landing area and catalog (XCom `files`: keys of drops, file_ids and numbers), and branches.

    :param mend: task that follows where the run asks for documents to be put right
    :param recount: task that follows otherwise
    """

    inherits_from_skipmixin = True

    def __init__(self, *, mend: str, recount: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mend = mend
        self.recount = recount

    def execute(self, context: Context) -> str:
        """List, compare and branch; what differs is told by the task that counts the documents too."""
        self.do_branch(context, chosen := self.look(context))
        return chosen

    def look(self, context: Context) -> str:
        """Compare; returns the task that follows."""
        with self.settings() as settings:
            context["ti"].xcom_push("files", self.files(settings))
        return self.mend if context["params"]["mend"] else self.recount

    def files(self, settings: Settings) -> dict[str, Any]:
        """Ask for the files."""
        from dicomdex.steps_recount import recount_files

        return recount_files(settings)


class RecountOperator(CollectionOperator):
    """Compares catalog and what the alias shows; what is wrong, of files too, fails the task at once, named.

    :param files: the XCom `files` of RecountFilesOperator
    """

    template_fields: Sequence[str] = ("files",)

    def __init__(self, *, files: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.files = files

    def execute(self, context: Context) -> dict[str, Any]:
        """Recount; returns collection, ok, catalog version and line (the checks are in the run's record)."""
        with self.settings() as settings:
            return self.say_verdict(context, settings, verdict_of(self.recount(settings, context["run_id"])))

    def recount(self, settings: Settings, run_id: str) -> dict[str, Any]:
        """Ask for the counts."""
        from dicomdex.steps_recount import recount_documents

        return recount_documents(settings, self.files, run_id=run_id)


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
