"""A collection keeps the table that it was made by; what was altered is put right; what nobody uses goes."""

from __future__ import annotations

import orjson

from dicomdex import steps_rebuild, steps_retire
from tests.factories import element, identity, part10, place
from tests.spark.rebuilding import build, promote, rebuild
from tests.spark.served import Served
from tests.unit.line import DAY, LATER, dicom

LAST = "2026-01-03"
STUDY, SERVICE = "1.2.3", 0x00321033


def requested_by(sop: str, service: str) -> bytes:
    """An instance with an attribute that the built-in table does not have."""
    return part10(identity(sop), place(), element(SERVICE, "LO", service), sop=sop)


def services(line: Served) -> dict[str, str]:
    """SOP Instance UID -> Requesting Service, of the instances that are shown."""
    found = line.documents().values()
    return {one["SOPInstanceUID"]: one.get("RequestingService", "") for one in found if one["level"] == "instance"}


def test_drops_are_applied_by_the_collections_own_table_whatever_the_settings_say_now(served: Served) -> None:
    plain = served.settings
    more = plain.model_copy(update={"extra_attributes": "RequestingService"})
    for drop, sop in ((DAY, "1.9.1"), (LATER, "1.9.2"), (LAST, "1.9.3")):
        served.lay(drop, {sop: requested_by(sop, f"Ward {sop}")})
    served.ingest_and_apply(DAY)
    served.settings = more
    served.ingest_and_apply(LATER)
    assert services(served) == {"1.9.1": "", "1.9.2": ""}, "the older collection has no such field"
    assert served.sentence(DAY) == served.sentence(LATER) == "ok"
    assert rebuild(served) == served.target().name
    assert services(served) == {"1.9.1": "Ward 1.9.1", "1.9.2": "Ward 1.9.2"}
    served.settings = plain
    served.ingest_and_apply(LAST)
    assert services(served) == {f"1.9.{number}": f"Ward 1.9.{number}" for number in (1, 2, 3)}
    assert served.sentence(DAY) == served.sentence(LAST) == "ok"


def test_a_document_that_was_altered_before_a_promote_is_put_right_by_it(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.ingest_and_apply(DAY)
    before = served.documents()
    name = build(served)["collection"]
    gone, altered = (f"{STUDY}!i.1.9.{number}" for number in (1, 2))
    served.solr.delete(name, [gone])
    served.solr.post(name, orjson.dumps([{"id": altered, "digest_lo": {"set": 1}}]))
    served.solr.commit(name)
    promote(served, name)
    assert served.target().name == name
    assert served.documents() == before


def test_a_configset_goes_with_the_last_collection_that_used_it(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    first, alias = served.target().configset, served.settings.alias
    served.settings = served.settings.model_copy(update={"extra_attributes": "RequestingService"})
    rebuild(served)
    second = served.target().configset
    assert first != second
    assert {first, second} <= set(served.solr.configsets())
    plan = steps_rebuild.plan(
        served.settings.model_copy(update={"extra_attributes": "RequestingService; HighBit"}), run_id="next"
    )
    served.solr.upload_configset(plan["configset"], served.solr.configset_files(served.target().name))
    steps_retire.retire(served.settings, keep=1)
    ours = {name for name in served.solr.configsets() if name.startswith(f"{alias}_")}
    assert ours == {second, plan["configset"]}, "a rebuild under way is about to use it"
    steps_rebuild.release(served.settings, "next")
    steps_retire.retire(served.settings, keep=1)
    assert {name for name in served.solr.configsets() if name.startswith(f"{alias}_")} == {second}
