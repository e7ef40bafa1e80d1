"""The operators, over the real steps and a real drop of four files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from pydicom.data import get_testdata_file

from dicomdex_airflow.flow import DROPS, INDEXED, asked_for, drop_key
from dicomdex_airflow.operators.commit import CommitDropOperator
from dicomdex_airflow.operators.drops import AnnounceDropOperator, AnnounceDropsOperator, RememberDropsOperator
from dicomdex_airflow.operators.extract import ExtractBatchOperator
from dicomdex_airflow.operators.manifest import BuildManifestOperator
from dicomdex_airflow.operators.validate import ValidateDropOperator

Context = Callable[..., dict[str, Any]]
KEY = "2026-01-01"


@pytest.fixture
def drop(landing: Path) -> Path:
    """Two records, a text file and the marker."""
    drop = landing / KEY
    drop.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(str(get_testdata_file(name)), drop / name)
    (drop / "DOE^JOHN.txt").write_text("not DICOM")
    (drop / "_SUCCESS").touch()
    return drop


def listed(run: dict[str, Any]) -> list[dict[str, Any]]:
    return BuildManifestOperator(task_id="manifest").execute(run)


def extracted(run: dict[str, Any], batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [ExtractBatchOperator(task_id="extract", batch=batch).execute(run) for batch in batches]


def committed(run: dict[str, Any], results: list[dict[str, Any]] | None) -> dict[str, Any]:
    listing = run["ti"].pushed["listing"]
    return CommitDropOperator(task_id="commit", listing=listing, results=results).execute(run)


def ingested(run: dict[str, Any]) -> dict[str, Any]:
    return committed(run, extracted(run, listed(run)))


def test_a_drop_goes_from_listing_to_catalog(drop: Path, context: Context) -> None:
    run = context(KEY)
    batches = listed(run)
    results = extracted(run, batches)
    assert [batch["files"] for batch in batches] == [4]
    assert (results[0]["rows"], results[0]["records"]) == (4, 2)
    assert results[0]["rejects"] == {"not_dicom": 1}
    done = committed(run, results)
    assert (done["drop"], done["outcome"], done["rows"]) == (KEY, "committed", 4)


def test_batches_are_as_large_as_the_settings_say(
    drop: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMDEX_BATCH_FILES", "1")
    run = context(KEY)
    batches = listed(run)
    assert [batch["files"] for batch in batches] == [1, 1, 1, 1]
    assert committed(run, extracted(run, batches))["rows"] == 4


def test_no_path_and_no_name_of_a_file_leaves_a_task(drop: Path, context: Context) -> None:
    run = context(KEY)
    batches = listed(run)
    results = extracted(run, batches)
    done = committed(run, results)
    said = json.dumps([batches, results, done, run["ti"].pushed])
    for hidden in ("CT_small", "MR_small", "DOE", "JOHN", str(drop.parent)):
        assert hidden not in said


def test_an_unchanged_drop_has_no_batches_and_is_left_as_it_is(drop: Path, context: Context) -> None:
    first = ingested(context(KEY))
    again = context(KEY)
    assert listed(again) == []
    done = committed(again, None)
    assert (done["outcome"], done["catalog_version"]) == ("unchanged", first["catalog_version"])


@pytest.mark.parametrize("way", ["form", "event"])
def test_an_unchanged_drop_is_read_again_when_forced(drop: Path, context: Context, way: str) -> None:
    ingested(context(KEY))
    forced = context(KEY, force=True) if way == "form" else context(KEY, events=[{"force": True}])
    assert ingested(forced)["outcome"] == "committed"


def test_an_empty_drop_is_committed_without_batches(landing: Path, context: Context) -> None:
    (landing / KEY).mkdir()
    run = context(KEY)
    assert listed(run) == []
    assert committed(run, None)["rows"] == 0


def test_a_drop_that_is_not_there_fails_at_once(landing: Path, context: Context) -> None:
    with pytest.raises(AirflowFailException, match=KEY):
        listed(context(KEY))


def test_a_drop_that_lost_its_records_is_refused_and_let_in_on_demand(drop: Path, context: Context) -> None:
    ingested(context(KEY))
    (drop / "CT_small.dcm").unlink()
    with pytest.raises(AirflowFailException, match=KEY):
        ingested(context(KEY))
    assert ingested(context(KEY, events=[{"allow_shrink": True}]))["rows"] == 3


def test_a_storage_error_is_an_exception_that_airflow_tries_again(
    drop: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = context(KEY)
    batches = listed(run)
    shutil.rmtree(drop.parents[1] / "work" / "drops" / KEY)
    with pytest.raises(AirflowException) as raised:
        extracted(run, batches)
    assert str(drop.parents[1]) not in str(raised.value)


def test_every_attempt_writes_under_a_token_of_its_own(drop: Path, context: Context) -> None:
    run = context(KEY)
    batches = listed(run)
    one, two = extracted(run, batches), extracted(run, batches)
    names = [json.dumps(result["files"]) for result in (*one, *two)]
    assert names[0] != names[1]
    assert committed(run, two)["rows"] == 4


def test_new_drops_are_announced_until_they_are_remembered(drop: Path, context: Context) -> None:
    run = context()
    announce = AnnounceDropsOperator(task_id="announce", outlets=[DROPS])
    seen = announce.execute(run)
    assert run["outlet_events"][DROPS].partition_keys == {KEY}
    assert announce.execute(context()) == seen
    RememberDropsOperator(task_id="remember", seen=seen).execute(context())
    with pytest.raises(AirflowSkipException):
        announce.execute(context())
    (drop / "_SUCCESS").write_text("delivered again")
    assert [one["key"] for one in announce.execute(context())] == [KEY]


def test_a_day_is_announced_with_what_its_run_allows(landing: Path, context: Context) -> None:
    run = context(KEY, force=True)
    assert AnnounceDropOperator(task_id="announce", outlets=[DROPS]).execute(run) == KEY
    assert run["outlet_events"][DROPS].partition_keys == {KEY}
    assert run["outlet_events"][DROPS].extra == {"force": True}


@pytest.mark.parametrize("key", [None, "", " ", "../etc", "a/b", ".hidden"])
def test_what_is_no_drop_key_fails_the_run_at_once(context: Context, key: str | None) -> None:
    run = context(key)
    with pytest.raises(AirflowFailException):
        drop_key(run["dag_run"], run["params"])


def test_the_partition_key_comes_before_the_form(context: Context) -> None:
    run = context(KEY, drop="2025-01-01")
    assert drop_key(run["dag_run"], run["params"]) == KEY
    run = context(None, drop="2025-01-01")
    assert drop_key(run["dag_run"], run["params"]) == "2025-01-01"


def test_what_is_not_asked_for_is_not_allowed(context: Context) -> None:
    run = context(KEY, events=[{}, {"force": False, "allow_shrink": True}])
    assert not asked_for(run, "force")
    assert asked_for(run, "allow_shrink")


def test_validation_without_solr_is_tried_again(drop: Path, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from dicomdex.errors import SolrUnavailable

    ingested(context(KEY))
    monkeypatch.setenv("DICOMDEX_SOLR_URL", "http://127.0.0.1:1/solr")
    with pytest.raises(SolrUnavailable):
        ValidateDropOperator(task_id="validate", outlets=[INDEXED]).execute(context(KEY))


LINE = "4 files = 2 indexed + 1 rejected (1 not_dicom) + 1 ignored"


class ValidatesAs(ValidateDropOperator):
    """ValidateDropOperator with a given answer of the comparison."""

    def __init__(self, *, ok: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ok = ok

    def verdict(self, drop: str, run_id: str) -> dict[str, Any]:
        """Red or green."""
        told = {"drop": drop, "ok": self.ok, "line": LINE, "sentence": "Solr lacks 1 instance."}
        return {**told, "catalog_version": 3, "collection": "dicom_1", "ledger": {}, "checks": []}


@pytest.mark.parametrize("ok", [True, False])
def test_a_verdict_is_said_in_one_line_and_a_red_one_fails_the_task(context: Context, ok: bool) -> None:
    run, operator = context(KEY), ValidatesAs(task_id="validate", outlets=[INDEXED], ok=ok)
    if ok:
        assert operator.execute(run)["line"] == LINE
    else:
        with pytest.raises(AirflowFailException, match=r"Solr lacks 1 instance\."):
            operator.execute(run)
    assert run["ti"].pushed["summary"] == LINE
    assert run["outlet_events"][INDEXED].partition_keys == {KEY}
    assert run["outlet_events"][INDEXED].extra == {"summary": LINE, "catalog_version": 3}
