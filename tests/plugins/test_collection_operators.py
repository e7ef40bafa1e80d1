"""The operators on collections: what they ask for, what they say, and what makes a run red. Solr is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dicomdex.errors import CollectionRefused, SolrUnavailable
from dicomdex.settings import Settings
from dicomdex.steps import record_run, run_record
from dicomdex.steps_lease import holders, take
from dicomdex_airflow.flow import SHOWN
from dicomdex_airflow.forms import rebuild_params
from dicomdex_airflow.operators.promote import (
    GAP_SHOWN,
    FindCollectionOperator,
    PointBackOperator,
    PromoteCollectionOperator,
    gap_of,
)
from dicomdex_airflow.operators.rebuild import (
    CheckCollectionOperator,
    CreateCollectionOperator,
    PlanRebuildOperator,
    ReleaseRebuildOperator,
    RetireCollectionsOperator,
)
from dicomdex_airflow.operators.recount import RecountFilesOperator, RecountOperator

Context = Callable[..., dict[str, Any]]

NAME = "dicom_20261121T113000Z_4f2a"
RUN = "manual__1"
PLAN = {"collection": NAME, "alias": "dicom", "run_id": RUN, "dry_run": False, "line": f"builds {NAME}"}
LINE = "9 files listed, 9 in the catalog, documents ok"
SENTENCE = "ids of documents: expected 3, found 2; missing 1.2!i.1.2.3"
GREEN = {"check": "documents", "expected": 3, "found": 3, "missing": [], "extra": [], "differing": [], "ok": True}
RED = {**GREEN, "check": "ids of documents", "found": 2, "missing": ["1.2!i.1.2.3"], "ok": False}


def verdict(ok: bool) -> dict[str, Any]:
    checks = [GREEN] if ok else [GREEN, RED]
    told = {"collection": NAME, "ok": ok, "sentence": "ok" if ok else SENTENCE, "catalog_version": 7}
    return {**told, "checks": checks, "at": "2026-11-21T11:30:00+00:00", "run_id": RUN, "forced": False}


def promoted(ok: bool) -> dict[str, Any]:
    return {**verdict(ok), "alias": "dicom", "from": "dicom_20261120T000000Z_1", "promoted": ok}


@pytest.fixture
def settings(landing: Path) -> Settings:
    """The settings that the operators find in the environment."""
    return Settings.load()


@pytest.fixture
def form() -> dict[str, Any]:
    """The form of a rebuild as it is when nobody has filled it in."""
    return {name: param.value for name, param in rebuild_params().items()}


class Plans(PlanRebuildOperator):
    """PlanRebuildOperator that keeps what is asked for."""

    def plan(self, settings: Settings, **asked: Any) -> dict[str, Any]:
        """No Solr is asked."""
        if asked["date_from"] and not asked["alias"]:
            raise CollectionRefused("give another alias for a date range")
        self.asked = asked
        return {**PLAN, "dry_run": asked["dry_run"]}


def test_a_plan_is_made_from_the_form_and_said_in_one_line(
    settings: Settings, form: dict[str, Any], context: Context
) -> None:
    operator = Plans(task_id="plan")
    asked = {"alias": "research", "shards": 2, "date_from": "2026-01-01"}
    run = context(**{**form, **asked})
    assert operator.execute(run) == PLAN
    expected = {"run_id": RUN, "alias": "research", "shards": 2, "replicas": 0, "dry_run": False}
    assert operator.asked == {**expected, "date_from": "2026-01-01", "date_to": "", "ended": []}
    assert run["ti"].pushed["summary"] == PLAN["line"]
    record = run_record(settings, RUN)
    assert (record["dag_id"], record["planned"]) == ("some_dag", PLAN["line"])


def test_what_a_rule_refuses_fails_at_once_with_its_sentence(
    settings: Settings, form: dict[str, Any], context: Context
) -> None:
    with pytest.raises(AirflowFailException, match="give another alias for a date range"):
        Plans(task_id="plan").execute(context(**{**form, "date_from": "2026-01-01"}))


def test_a_holder_that_airflow_knows_to_be_over_holds_nothing(
    settings: Settings, form: dict[str, Any], context: Context
) -> None:
    for alias, run_id in (("dicom", "killed"), ("research", "alive"), ("own", RUN)):
        take(settings, alias, run_id, f"{alias}_20261121T113000Z_1")
    run, operator = context(**form), Plans(task_id="plan")
    run["ti"].ended = {("some_dag", "killed"), ("another_dag", "alive")}
    operator.execute(run)
    assert operator.asked["ended"] == ["killed"]


def test_a_rebuild_without_solr_is_tried_again(
    settings: Settings, form: dict[str, Any], context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(settings.catalog.removeprefix("file://"))).mkdir(exist_ok=True)
    monkeypatch.setenv("DICOMDEX_SOLR_URL", "http://127.0.0.1:1/solr")
    run = context(**form, keep=0)
    for operator in (RetireCollectionsOperator(task_id="retire"), CreateCollectionOperator(task_id="x", plan=PLAN)):
        take(settings, "dicom", RUN, NAME)
        with pytest.raises(SolrUnavailable):
            operator.execute(run)


def test_a_dry_run_ends_before_anything_is_created(context: Context) -> None:
    with pytest.raises(AirflowSkipException, match=NAME):
        CreateCollectionOperator(task_id="create", plan={**PLAN, "dry_run": True}).execute(context())


def test_the_lease_is_given_back_at_the_end(settings: Settings, context: Context) -> None:
    take(settings, "dicom", RUN, NAME)
    assert ReleaseRebuildOperator(task_id="release").execute(context()) == ["dicom"]
    assert holders(settings) == {}


class Checks(CheckCollectionOperator):
    """CheckCollectionOperator with a given verdict."""

    ok = True

    def verdict(self, settings: Settings, *, force: bool) -> dict[str, Any]:
        """Red or green."""
        return verdict(self.ok)


class Recounts(RecountOperator):
    """RecountOperator with a given outcome of the documents and no difference of files."""

    ok = True
    gone = 0

    def recount(self, settings: Settings, run_id: str) -> dict[str, Any]:
        """Red or green."""
        named = {"gone": ["0" * 32]} if self.gone else {}
        files = {"listed": 9, "catalog": 9, "new": 0, "changed": 0, "gone": self.gone, "named": named}
        return {"ok": self.ok and not self.gone, "line": LINE, "files": files, "documents": verdict(self.ok)}


def test_a_recount_that_agrees_says_its_line_and_returns_no_name(settings: Settings, context: Context) -> None:
    run = context()
    said = Recounts(task_id="recount", files={}).execute(run)
    assert said == {"collection": NAME, "ok": True, "catalog_version": 7, "line": LINE}
    assert run["ti"].pushed["summary"] == LINE
    checks = [check["check"] for check in run_record(settings, RUN)["verdict"]["checks"]]
    assert checks == ["new files", "changed files", "gone files", "documents"]


class CountsFiles(RecountFilesOperator):
    """RecountFilesOperator without a landing area."""

    def files(self, settings: Settings) -> dict[str, Any]:
        """Nothing differs."""
        return {"files": {"listed": 9}}


@pytest.mark.parametrize(("mend", "follows"), [(False, "recount"), (True, "mend")])
def test_documents_are_put_right_before_they_are_counted_only_where_that_is_asked_for(
    settings: Settings, context: Context, mend: bool, follows: str
) -> None:
    run = context(mend=mend)
    assert CountsFiles(task_id="files", mend="mend", recount="recount").look(run) == follows
    assert run["ti"].pushed["files"] == {"files": {"listed": 9}}


@pytest.mark.parametrize(
    ("ok", "gone", "sentence"),
    [
        (True, 1, f"gone files: expected 0, found 1; missing {'0' * 32}"),
        (False, 0, SENTENCE),
        (False, 1, f"gone files: expected 0, found 1; missing {'0' * 32}. {SENTENCE}"),
    ],
)
def test_a_recount_that_finds_something_wrong_fails_at_once_and_names_it(
    settings: Settings, context: Context, ok: bool, gone: int, sentence: str
) -> None:
    run, operator = context(), Recounts(task_id="recount", files={})
    operator.ok, operator.gone = ok, gone
    with pytest.raises(AirflowFailException) as raised:
        operator.execute(run)
    assert str(raised.value) == sentence
    assert run["ti"].pushed["summary"] == LINE
    assert not run_record(settings, RUN)["verdict"]["ok"]


def test_a_green_verdict_is_one_line_and_its_checks_are_kept_for_the_page(
    settings: Settings, form: dict[str, Any], context: Context
) -> None:
    run, line, operator = (
        context(**form),
        f"{NAME} at catalog version 7: all 1 checks ok",
        Checks(task_id="c", plan=PLAN),
    )
    assert operator.execute(run) == {"collection": NAME, "ok": True, "catalog_version": 7, "line": line}
    assert run["ti"].pushed["summary"] == line
    assert run_record(settings, RUN)["verdict"]["checks"] == [GREEN]


def test_a_red_verdict_fails_the_task_at_once_and_is_kept(
    settings: Settings, form: dict[str, Any], context: Context
) -> None:
    run, operator = context(**form), Checks(task_id="check", plan=PLAN)
    operator.ok = False
    with pytest.raises(AirflowFailException, match=r"missing 1\.2!i\.1\.2\.3"):
        operator.execute(run)
    assert run["ti"].pushed["summary"] == f"{NAME} at catalog version 7: 1 of 2 checks red"
    assert run_record(settings, RUN)["verdict"]["checks"] == [GREEN, RED]


class Promotes(PromoteCollectionOperator):
    """PromoteCollectionOperator whose application records this and ends so."""

    said: dict[str, Any] | None = None

    def submit(self, context: Any) -> None:
        """No Spark."""
        if self.said is not None:
            record_run(Settings.load(), RUN, "", promoted=self.said)
        if self.said is None or not self.said["ok"]:
            raise AirflowException("Cannot execute: spark-submit. Error code is: 1.")


@pytest.fixture
def promotes() -> Promotes:
    """A task that promotes."""
    return Promotes(task_id="promote", collection=NAME, outlets=[SHOWN])


def test_what_is_shown_is_said_in_one_line_and_in_the_event(
    settings: Settings, promotes: Promotes, context: Context
) -> None:
    run, promotes.said = context(), promoted(ok=True)
    promotes.execute(run)
    line = f"dicom shows {NAME} at catalog version 7"
    assert run["ti"].pushed["summary"] == line
    told = {"summary": line, "catalog_version": 7, "from": "dicom_20261120T000000Z_1"}
    assert run["outlet_events"][SHOWN].extra == told


def test_a_red_gate_fails_the_promote_at_once_with_its_sentence(
    settings: Settings, promotes: Promotes, context: Context
) -> None:
    run, promotes.said = context(), promoted(ok=False)
    with pytest.raises(AirflowFailException, match="expected 3, found 2"):
        promotes.execute(run)
    assert "summary" not in run["ti"].pushed


def test_an_application_that_was_killed_is_tried_again_whatever_a_try_before_it_has_said(
    settings: Settings, promotes: Promotes, context: Context
) -> None:
    record_run(settings, RUN, "", promoted=promoted(ok=False))
    with pytest.raises(AirflowException, match="Error code is: 1") as raised:
        promotes.execute(context())
    assert not isinstance(raised.value, AirflowFailException)


class Finds(FindCollectionOperator):
    """FindCollectionOperator with a given gap."""

    def found(self, settings: Settings, name: str) -> dict[str, Any]:
        """No Solr is asked."""
        gap = {"drops": ["2026-01-02"], "count": 1}
        return {"collection": name or NAME, "gap": gap, "line": f"{NAME} is at catalog version 6: 1 drops differ"}


@pytest.mark.parametrize(("as_was", "follows"), [(True, "approve"), (False, "promote")])
def test_only_who_goes_back_as_it_was_is_asked(
    settings: Settings, context: Context, as_was: bool, follows: str
) -> None:
    run = context(collection="", as_was=as_was)
    assert Finds(task_id="find", as_was="approve", up_to_date="promote").look(run) == follows
    assert run["ti"].pushed["found"]["collection"] == NAME
    assert "- `2026-01-02`" in run["ti"].pushed["gap"]


def test_the_gap_names_drops_and_how_many_there_are() -> None:
    line = f"{NAME} is at catalog version 6"
    many = {"line": line, "gap": {"drops": [f"drop-{number}" for number in range(100)], "count": 250}}
    said = gap_of(many).splitlines()
    assert sum(one.startswith("- `drop-") for one in said) == GAP_SHOWN
    assert said[-1] == "- and 230 more"
    assert "Nothing is lost" in gap_of({"line": line, "gap": {"drops": [], "count": 0}})


class PointsBack(PointBackOperator):
    """PointBackOperator with a given answer of the gate."""

    ok = True

    def roll_back(self, settings: Settings, **asked: Any) -> dict[str, Any]:
        """Moved or not."""
        told = {"alias": "dicom", "from": "x", "catalog_version": 6, "line": "1 drops differ", "sentence": SENTENCE}
        return {**told, "collection": self.found["collection"], "promoted": self.ok}


@pytest.mark.parametrize("ok", [True, False])
def test_a_collection_that_fails_the_gate_is_not_gone_back_to(settings: Settings, context: Context, ok: bool) -> None:
    run, operator = context(force=False), PointsBack(task_id="point_back", found={"collection": NAME}, outlets=[SHOWN])
    operator.ok = ok
    if ok:
        operator.execute(run)
        assert run["ti"].pushed["summary"] == f"dicom shows {NAME} at catalog version 6"
    else:
        with pytest.raises(AirflowFailException, match="expected 3, found 2"):
            operator.execute(run)
        assert "summary" not in run["ti"].pushed


def test_what_tasks_hand_on_is_json(settings: Settings, form: dict[str, Any], context: Context) -> None:
    run = context(**form, collection="", as_was=True)
    Plans(task_id="plan").execute(run)
    Finds(task_id="find", as_was="approve", up_to_date="promote").look(run)
    assert json.loads(json.dumps(run["ti"].pushed)) == run["ti"].pushed
