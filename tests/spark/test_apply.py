"""Apply against a real Solr: what a drop's changes become, and that applying once more changes nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from dicomdex import steps
from dicomdex_local.sample import lay_hospital
from tests.spark.served import Applied, Served
from tests.unit.line import DAY, LATER, dicom

STUDY, OTHER_STUDY = "1.2.3", "1.2.4"
SERIES, OTHER_SERIES = "1.2.3.1", "1.2.4.1"


def elsewhere(sop: str) -> bytes:
    """An instance of the other study."""
    return dicom(sop, study=OTHER_STUDY, series=OTHER_SERIES)


def test_a_drop_becomes_documents_of_all_levels_behind_the_alias(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2"), "c": dicom("1.9.1"), "d": elsewhere("1.9.3")})
    assert served.ingest_and_apply(DAY) == Applied(posted=8, minimal=0, deleted=0, unchanged=0)
    target = served.target()
    assert capsys.readouterr().out == f"{target.name} at catalog version 1: 8 posted, 0 deleted, 0 unchanged\n"
    assert served.levels() == {"study": 2, "series": 2, "instance": 3, "copy": 1}
    study = served.documents()[f"{STUDY}!study"]
    assert (study["NumberOfStudyRelatedInstances"], study["NumberOfStudyRelatedSeries"]) == (2, 1)
    assert target.version("catalog_version") == served.catalog.version()
    assert target.version("applying") == -1
    assert served.sentence(DAY) == "ok"


def test_two_days_of_a_hospital_meet_their_truth(served: Served) -> None:
    days = (date(2026, 1, 2), date(2026, 1, 3))
    truth = [lay_hospital(served.landing, instances=60, day=days[0])]
    truth.append(lay_hospital(served.landing, instances=60, day=days[1], previous=days[0]))
    for day in days:
        served.ingest_and_apply(day.isoformat())
    states = [state for drop in truth for state, _ in drop.values()]
    levels = served.levels()
    assert levels["instance"] == states.count("indexed") > 100
    assert levels["copy"] == states.count("duplicate") + states.count("conflict") > 0
    assert [served.sentence(day.isoformat()) for day in days] == ["ok", "ok"]
    assert served.in_one_go() == served.documents()


def test_applying_again_from_the_very_start_posts_nothing(served: Served, spark: Any) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    before = served.documents()
    served.solr.set_properties(served.target().name, catalog_version=-1)
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    assert served.apply() == Applied(posted=0, minimal=0, deleted=0, unchanged=4)
    assert spark.conf.get("spark.sql.session.timeZone") == "UTC"  # the application's settings hold
    assert served.documents() == before


def test_a_forced_extraction_of_the_same_files_posts_nothing(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    assert served.ingest(DAY, force=True)["outcome"] == "committed"
    assert served.apply() == Applied(posted=0, minimal=0, deleted=0, unchanged=4)
    assert served.target().version("catalog_version") == served.catalog.version()


def test_a_drop_delivered_with_fewer_files_loses_their_documents_and_the_counts_follow(served: Served) -> None:
    files = {"a": dicom("1.9.1"), "b": dicom("1.9.2"), "c": dicom("1.9.3", series="1.2.3.2"), "d": elsewhere("1.9.4")}
    directory = served.lay(DAY, files)
    served.ingest_and_apply(DAY)
    for name in ("b", "c", "d"):
        (directory / name).unlink()
    applied = served.ingest_and_apply(DAY, allow_shrink=True)
    assert applied == Applied(posted=2, minimal=0, deleted=6, unchanged=1)
    documents = served.documents()
    assert sorted(documents) == [f"{STUDY}!i.1.9.1", f"{STUDY}!s.{SERIES}", f"{STUDY}!study"]
    study, series = documents[f"{STUDY}!study"], documents[f"{STUDY}!s.{SERIES}"]
    assert (study["NumberOfStudyRelatedInstances"], study["NumberOfStudyRelatedSeries"]) == (1, 1)
    assert series["NumberOfSeriesRelatedInstances"] == 1
    assert served.sentence(DAY) == "ok"


def test_a_copy_becomes_the_instance_when_the_primarys_drop_is_delivered_without_it(served: Served) -> None:
    directory = served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.lay(LATER, {"c": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    served.ingest_and_apply(LATER)
    instance = f"{STUDY}!i.1.9.1"
    assert served.documents()[instance]["path"] == f"{DAY}/a"
    assert served.levels()["copy"] == 1
    (directory / "a").unlink()
    served.ingest_and_apply(DAY, allow_shrink=True)
    assert served.documents()[instance]["path"] == f"{LATER}/c"
    assert served.levels() == {"study": 1, "series": 1, "instance": 2}
    assert served.documents()[f"{STUDY}!study"]["drop"] == [DAY, LATER]
    assert [served.sentence(drop) for drop in (DAY, LATER)] == ["ok", "ok"]


def test_an_instance_that_moves_to_another_study_leaves_the_old_one(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.ingest_and_apply(DAY)
    served.lay(DAY, {"a": elsewhere("1.9.1")})
    served.ingest_and_apply(DAY)
    documents = served.documents()
    assert f"{STUDY}!i.1.9.1" not in documents
    counts = [documents[f"{study}!study"]["NumberOfStudyRelatedInstances"] for study in (STUDY, OTHER_STUDY)]
    assert counts == [1, 1]
    assert served.sentence(DAY) == "ok"


def test_a_primary_that_moves_to_another_study_rebuilds_both(served: Served) -> None:
    directory = served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.lay(LATER, {"c": elsewhere("1.9.1"), "d": elsewhere("1.9.3")})
    served.ingest_and_apply(DAY)
    served.ingest_and_apply(LATER)
    counts = [served.documents()[f"{study}!study"]["bytes"] for study in (STUDY, OTHER_STUDY)]
    assert counts[0] == 2 * counts[1]
    (directory / "a").unlink()
    served.ingest_and_apply(DAY, allow_shrink=True)
    counts = [served.documents()[f"{study}!study"]["bytes"] for study in (STUDY, OTHER_STUDY)]
    assert counts[1] == 2 * counts[0]
    assert served.levels() == {"study": 2, "series": 2, "instance": 3}
    assert served.in_one_go() == served.documents()


def test_a_file_compared_later_turns_its_conflict_into_a_duplicate_though_no_file_changed(served: Served) -> None:
    directory = served.lay(DAY, {"a": dicom("1.9.1")})
    served.ingest(DAY)
    served.lay(LATER, {"c": dicom("1.9.1")})
    (directory / "a").rename(served.root / "away")
    served.ingest_and_apply(LATER)
    assert [one["state"] for one in served.documents().values() if "state" in one] == ["conflict"]
    (served.root / "away").rename(directory / "a")
    version = served.catalog.version()
    assert served.ingest(LATER)["outcome"] == "unchanged"
    assert served.catalog.version() == version
    assert served.apply() == Applied(posted=1, minimal=0, deleted=0, unchanged=3)
    assert [one["state"] for one in served.documents().values() if "state" in one] == ["duplicate"]
    assert served.sentence(LATER) == "ok"


def test_a_text_too_long_for_solr_goes_into_a_field_of_its_own_and_costs_nothing_else(served: Served) -> None:
    endless = "canary" * 7000  # Solr takes 32,766 bytes in a field that is searched
    served.lay(DAY, {"a": dicom("1.9.1", patient=endless), "b": elsewhere("1.9.2")})
    assert served.ingest_and_apply(DAY) == Applied(posted=6, minimal=0, deleted=0, unchanged=0)
    document = served.documents()[f"{STUDY}!i.1.9.1"]
    assert document["PatientID_raw"] == endless
    assert not {"PatientID", "index_warning"} & document.keys()
    assert document["path"] == f"{DAY}/a"
    assert served.sentence(DAY) == "ok"
    served.solr.set_properties(served.target().name, catalog_version=-1)
    assert served.apply() == Applied(posted=0, minimal=0, deleted=0, unchanged=6)


def test_the_order_in_which_drops_arrive_does_not_show_in_the_documents(make_served: Any) -> None:
    drops = {
        DAY: {"a": dicom("1.9.1"), "b": dicom("1.9.2", patient="A"), "c": dicom("1.9.3")},
        LATER: {"a": dicom("1.9.1"), "b": elsewhere("1.9.2"), "c": elsewhere("1.9.4")},
        "2026-11-22": {
            "a": elsewhere("1.9.4"),
            "b": dicom("1.9.1", patient="B"),
            "c": dicom("1.9.5", series="1.2.3.2"),
        },
    }
    found = []
    for shift in range(3):
        line = make_served(f"order{shift}")
        for drop, files in drops.items():
            line.lay(drop, files)
        line.settle()
        order = sorted(drops)[shift:] + sorted(drops)[:shift]
        for drop in order:
            line.ingest_and_apply(drop)
        assert line.sentence(order[0]) == "ok"
        found.append(line.documents())
    assert len(found[0]) == 5 + 4 + 3 + 2
    assert found[0] == found[1] == found[2]


def test_two_shards_hold_what_one_shard_holds(make_served: Any) -> None:
    line = make_served(solr_shards=2)
    files = {str(n): dicom(f"1.9.{n}", study=f"1.2.{n}", series=f"1.3.{n}") for n in range(6)}
    directory = line.lay(DAY, files | {"copy": files["0"]})
    line.ingest_and_apply(DAY)
    (directory / "5").unlink()
    assert line.ingest_and_apply(DAY, allow_shrink=True) == Applied(posted=0, minimal=0, deleted=3, unchanged=16)
    target = line.target()
    query = {"q": "*:*", "fl": "[shard]", "rows": "100", "wt": "json"}
    found = line.solr.request("POST", f"/{target.name}/select", data=query)["response"]["docs"]
    assert len({document["[shard]"] for document in found}) == 2
    assert line.sentence(DAY) == "ok"
    assert line.in_one_go() == line.documents()


def test_the_alias_of_a_site_without_drops_points_at_an_empty_collection(served: Served) -> None:
    assert served.apply() == Applied(0, 0, 0, 0)
    assert served.documents() == {}
    served.lay(DAY, {})
    assert served.ingest_and_apply(DAY) == Applied(0, 0, 0, 0)
    assert steps.validate(served.settings, DAY)["line"] == "1 file = 1 ignored (1 marker)"
    assert served.sentence(DAY) == "ok"
