"""A collection is rebuilt beside the one people see: who may, of what, how it ends, and the way back."""

from __future__ import annotations

from datetime import date

import pysolr
import pytest

from dicomdex import steps_promote, steps_rebuild, steps_retire
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.work import WorkArea
from dicomdex.errors import CollectionRefused
from dicomdex.steps_recount import recount
from dicomdex_local.sample import lay_hospital
from dicomdex_spark import recount_documents
from tests.spark.rebuilding import application, build, index, promote, rebuild
from tests.spark.served import Served
from tests.unit.line import DAY, LATER, dicom


@pytest.fixture
def hospital(served: Served) -> Served:
    """Two days with copies and conflicts, shown by applying them."""
    days = (date(2026, 1, 2), date(2026, 1, 3))
    lay_hospital(served.landing, instances=16, day=days[0])
    lay_hospital(served.landing, instances=16, day=days[1], previous=days[0])
    for day in days:
        served.ingest_and_apply(day.isoformat())
    return served


def test_a_rebuilt_collection_holds_what_applying_has_made_and_the_way_back_is_kept(hospital: Served) -> None:
    before, documents, levels = hospital.target().name, hospital.documents(), hospital.levels()
    name = rebuild(hospital)
    assert hospital.target().name == name != before
    assert hospital.documents() == documents
    assert levels["copy"] > 0
    about = {one["name"]: one for one in steps_rebuild.collections(hospital.settings, hospital.settings.alias)}
    assert [about[one]["state"] for one in (name, before)] == ["live", "built"]
    assert about[name]["counts"] == {**levels}
    assert about[name]["verdict"] == "ok"
    assert hospital.sentence("2026-01-03") == "ok"
    found = steps_promote.roll_back(hospital.settings)
    assert (found["collection"], found["gap"], found["promoted"]) == (before, {"drops": [], "count": 0}, False)
    promote(hospital, found["collection"])
    assert hospital.target().name == before
    client = pysolr.Solr(f"{hospital.settings.solr_url}/{hospital.settings.alias}", auth=hospital.solr_auth)
    assert client.search("level:instance", rows=0).hits == levels["instance"]
    again = rebuild(hospital, "once more")
    assert sorted(hospital.collections()) == sorted([again, name])  # two are kept: the one shown and the newest other


def test_a_drop_that_is_committed_while_a_collection_is_built_is_in_it_before_it_is_shown(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.ingest_and_apply(DAY)
    plan = build(served)
    served.lay(LATER, {"c": dicom("1.9.1"), "d": dicom("1.9.3")})
    served.ingest_and_apply(LATER)
    assert steps_rebuild.pins(served.settings) == [plan["catalog_version"]]
    assert steps_rebuild.check(served.settings, plan)["ok"]
    with pytest.raises(CollectionRefused, match="apply first"):
        steps_promote.promote(served.settings, plan["collection"])
    documents = served.documents()
    promote(served, plan["collection"])
    assert served.target().name == plan["collection"]
    assert served.documents() == documents
    assert served.sentence(LATER) == "ok"
    assert steps_rebuild.pins(served.settings) == []


def test_going_back_as_it_was_shows_the_gap_and_the_next_apply_closes_it(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    old, documents = served.target().name, served.documents()
    rebuild(served)
    served.lay(LATER, {"d": dicom("1.9.3")})
    served.ingest_and_apply(LATER)
    found = steps_promote.roll_back(served.settings, as_was=True)
    assert "at least 95%" in found["sentence"]  # three documents of four
    assert not found["promoted"]
    found = steps_promote.roll_back(served.settings, old, as_was=True, force=True)
    assert (found["promoted"], found["gap"]) == (True, {"drops": [LATER], "count": 1})
    assert (served.target().name, served.documents()) == (old, documents)
    served.apply()
    assert served.levels()["instance"] == 2
    assert served.sentence(LATER) == "ok"


def test_a_second_rebuild_is_told_who_holds_it_and_a_dead_one_is_taken_over(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    first = build(served, "first")
    with pytest.raises(CollectionRefused, match=r"run first has been rebuilding .* and was alive"):
        steps_rebuild.plan(served.settings, run_id="second")
    assert steps_rebuild.plan(served.settings, run_id="first")["collection"] == first["collection"]
    second = steps_rebuild.plan(served.settings, run_id="second", ended=["first"])
    assert steps_rebuild.create(served.settings, second)["removed"] == []  # it is whole: retire decides
    with pytest.raises(CollectionRefused, match="run second has taken it over"):
        steps_rebuild.check(served.settings, first)
    with pytest.raises(CollectionRefused, match="run second has taken it over"):
        index(served, first["collection"])
    third = steps_rebuild.plan(served.settings, run_id="third", ended=["second"])
    assert steps_rebuild.create(served.settings, third)["removed"] == [second["collection"]]
    index(served, third["collection"])
    promote(served, third["collection"])
    assert steps_retire.retire(served.settings)["retired"] == [first["collection"]]
    assert steps_rebuild.release(served.settings, "third") == []  # promoting has given it back


def test_a_plan_says_what_it_would_do_and_refuses_what_it_must_not(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    shown, alias = served.target().name, served.settings.alias
    dry = steps_rebuild.plan(served.settings, run_id="dry", dry_run=True)
    assert f"would build {alias}_" in dry["line"]
    assert f"2 records of 1 drops; then points {alias} at it instead of {shown}" in dry["line"]
    assert not CollectionArea(WorkArea(served.settings.work), dry["collection"]).plan()
    with pytest.raises(CollectionRefused, match="a part of the studies must not take its place"):
        steps_rebuild.plan(served.settings, run_id="x", date_from="2026-01-01")
    with pytest.raises(CollectionRefused, match="no date lies between"):
        steps_rebuild.plan(served.settings, run_id="x", alias="other", date_from="2026-01-02", date_to="2026-01-01")
    with pytest.raises(CollectionRefused, match="name of a collection"):
        steps_rebuild.plan(served.settings, run_id="x", alias=shown)
    with pytest.raises(CollectionRefused, match=f"the alias {alias} shows it"):
        index(served, shown)
    assert served.collections() == [shown]


def test_another_alias_can_be_made_of_the_studies_of_some_dates(hospital: Served) -> None:
    alias, shown = f"{hospital.settings.alias}part", hospital.target().name
    days: dict[str, set[str]] = {}
    for one in hospital.documents().values():
        days.setdefault(one["study"], set()).update([one["StudyDate"][:10]] if "StudyDate" in one else [])
    first = min(min(dates) for dates in days.values() if dates)
    wanted = {name: one for name, one in hospital.documents().items() if first == min(days[one["study"]], default="")}
    assert 0 < len(wanted) < len(hospital.documents())
    name = rebuild(hospital, "part", alias=alias, date_from=first, date_to=first)
    assert hospital.target().name == shown
    assert hospital.solr.aliases()[alias] == name
    assert hospital.documents_of(name) == wanted


def test_documents_built_again_stand_for_what_no_application_wrote_down(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    name = served.target().name
    CollectionArea(WorkArea(served.settings.work), name).remove()
    assert "content of documents: expected 4, found 0" in served.sentence(DAY)
    with application(served):
        recount_documents.main([])
    assert f"{name}: 4 documents built again, ok\n" in capsys.readouterr().out
    found = recount(served.settings)
    assert (found["ok"], found["apply_needed"], found["documents"]["collection"]) == (True, False, name)
    assert found["line"] == "3 files listed, 3 in the catalog, documents ok"
