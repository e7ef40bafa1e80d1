"""Apply when something goes wrong: killed applications, documents changed by hand, a collection that refuses."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pyarrow as pa
import pytest
from pyspark.errors import PythonException

from dicomdex.adapters.posting import Poster
from dicomdex.index import hashed
from dicomdex.steps_changes import span
from dicomdex.steps_mend import Wrong, wrong_documents
from dicomdex_spark.applying import wanted
from dicomdex_spark.target import ensure_collection
from dicomdex_spark.writing import write
from tests.spark.served import Served
from tests.unit.line import DAY, LATER, dicom

STUDY = "1.2.3"


def killed_while_posting(line: Served, run: str) -> str:
    """Leave what an application leaves that was killed while it posted: every other document, and no commit."""
    target = ensure_collection(line.solr, line.settings, run)
    over = span(target, line.catalog)
    line.solr.set_properties(target.name, applying=over.files_to)
    documents = wanted(line.settings, line.solr, target, over, Wrong(), run).documents
    bodies = documents.orderBy("id").toArrow()["body"].to_pylist()
    Poster(line.solr, target.name).column(pa.array(bodies[::2]))
    return target.name


@pytest.fixture
def two_days(served: Served) -> Served:
    """The first day is in Solr; the second is in the catalog: a copy, an instance more, a study of its own."""
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.ingest_and_apply(DAY)
    more = dicom("1.9.4", study="1.2.4", series="1.2.4.1")
    served.lay(LATER, {"c": dicom("1.9.1"), "d": dicom("1.9.3"), "e": more})
    served.ingest(LATER)
    return served


def test_an_application_that_was_killed_is_made_good_by_the_next(two_days: Served) -> None:
    killed_while_posting(two_days, "killed")
    two_days.apply()
    assert two_days.levels() == {"study": 2, "series": 2, "instance": 4, "copy": 1}
    assert two_days.documents() == two_days.in_one_go()
    assert two_days.sentence(LATER) == "ok"


def test_what_a_killed_application_posted_goes_when_its_drop_has_been_delivered_anew(two_days: Served) -> None:
    killed_while_posting(two_days, "killed")
    for name in ("d", "e"):
        (two_days.landing / LATER / name).unlink()
    two_days.ingest(LATER, allow_shrink=True)
    two_days.apply()
    assert two_days.levels() == {"study": 1, "series": 1, "instance": 2, "copy": 1}
    assert two_days.documents() == two_days.in_one_go()
    assert two_days.sentence(LATER) == "ok"


def test_a_first_application_that_was_killed_is_taken_up_in_its_own_collection(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1")})
    served.ingest(DAY)
    begun = killed_while_posting(served, "killed")
    assert served.solr.behind(served.settings.alias) is None
    served.apply()
    assert served.collections() == [served.target().name] == [begun]
    assert served.levels() == {"study": 1, "series": 1, "instance": 1, "copy": 1}


def test_a_collection_that_was_made_and_no_more_is_taken_up_too(served: Served) -> None:
    begun = ensure_collection(served.solr, served.settings, "killed").name
    served.solr.set_properties(begun, first="")  # killed before it could be said
    served.lay(DAY, {"a": dicom("1.9.1")})
    served.ingest_and_apply(DAY)
    assert served.collections() == [served.target().name] == [begun]


def test_an_application_with_nothing_to_do_starts_no_spark(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1")})
    served.ingest_and_apply(DAY)

    def applied_without_java() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dicomdex_spark.apply_changes", "--run", "run"]
        where = {**served.environment(), "PATH": "/nowhere", "JAVA_HOME": "/nowhere"}
        return subprocess.run(command, env=where, capture_output=True, text=True, timeout=120, check=False)

    name = served.target().name
    assert applied_without_java().stdout == f"{name} at catalog version 1: 0 posted, 0 deleted, 0 unchanged\n"
    served.solr.set_properties(name, catalog_version=-1)
    assert applied_without_java().returncode != 0


def test_documents_changed_by_hand_are_named(served: Served) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    served.ingest_and_apply(DAY)
    name = served.target().name
    gone, added, bare = f"{STUDY}!i.1.9.1", "9.9!i.9.9.9", "9.9!i.9.9.8"
    served.solr.delete(name, [gone])
    served.solr.commit(name)
    assert f"missing {gone}" in served.sentence(DAY)
    numbers = dict(zip(("bucket", "id_lo", "id_hi"), hashed(added), strict=True))
    served.solr.post(name, orjson.dumps([{"id": added, "level": "instance", "drop": [DAY], **numbers}]))
    served.solr.commit(name)
    assert f"missing {gone}; extra {added}" in served.sentence(DAY)  # the counts are right again
    served.solr.post(name, orjson.dumps([{"id": bare}]))
    served.solr.commit(name)
    assert f"missing {gone}; extra {bare}, {added}" in served.sentence(DAY)


def test_a_collection_that_refuses_fails_the_application_without_a_value_in_what_it_says(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    served.lay(DAY, {"a": dicom("1.9.1", patient="canary")})
    served.ingest(DAY)
    name = ensure_collection(served.solr, served.settings, "run").name
    read_only = {"action": "MODIFYCOLLECTION", "collection": name, "readOnly": "true"}
    served.solr.request("GET", "/admin/collections", params=read_only)
    with pytest.raises(Exception, match=r"Solr refused \(403\)") as refused:
        served.apply()
    assert served.solr.behind(served.settings.alias) is None
    said = f"{refused.value}{''.join(capfd.readouterr())}"
    assert "canary" not in said
    assert DAY not in said


def test_an_application_that_was_taken_over_posts_nothing_more(two_days: Served) -> None:
    target = two_days.target()
    older = wanted(two_days.settings, two_days.solr, target, span(target, two_days.catalog), Wrong(), "older")
    before = two_days.documents()
    two_days.solr.set_properties(target.name, applier="newer")
    with pytest.raises(PythonException, match="taken over"):
        write(two_days.settings, two_days.solr, target.name, older, "older")
    two_days.solr.commit(target.name)
    assert two_days.documents() == before


def test_what_somebody_else_has_written_is_put_right_by_the_next_application(two_days: Served) -> None:
    name = two_days.target().name
    altered, added = f"{STUDY}!s.1.2.3.1", "9.9!i.9.9.9"
    two_days.solr.post(name, orjson.dumps([{"id": altered, "Modality": {"set": "XX"}}, {"id": added}]))
    two_days.solr.commit(name)
    assert f"written by others: expected 0, found 2; different {altered}, {added}" in two_days.sentence(DAY)
    two_days.apply()
    assert two_days.documents() == two_days.in_one_go()
    assert two_days.sentence(LATER) == "ok"


def test_what_somebody_else_has_written_is_put_right_though_no_drop_has_changed(two_days: Served) -> None:
    two_days.apply()
    before = two_days.documents()
    altered = f"{STUDY}!s.1.2.3.1"
    two_days.solr.post(two_days.target().name, orjson.dumps([{"id": altered, "Modality": {"set": "XX"}}]))
    two_days.solr.commit(two_days.target().name)
    assert two_days.apply().posted == 1
    assert two_days.documents() == before
    assert two_days.sentence(LATER) == "ok"


def test_what_is_missing_or_of_another_digest_is_put_right_when_that_is_asked_for(two_days: Served) -> None:
    two_days.apply()
    before, name = two_days.documents(), two_days.target().name
    gone, other = f"{STUDY}!i.1.9.1", f"{STUDY}!s.1.2.3.1"
    two_days.solr.delete(name, [gone])
    two_days.solr.post(name, orjson.dumps([{"id": other, "digest_lo": {"set": 1}}, {"id": "9.9!i.9.9.9"}]))
    two_days.solr.commit(name)
    two_days.solr.set_properties(name, newest_write=two_days.solr.newest_write(name))  # as if it was an application's
    assert two_days.apply().posted == 0
    wrong = wrong_documents(two_days.settings, two_days.solr, two_days.target())
    assert (wrong.ids, wrong.studies) == ((other, "9.9!i.9.9.9"), (STUDY, "9.9"))
    done = two_days.apply("mended", "--mend")
    assert (done.posted, done.deleted) == (2, 1)
    assert two_days.documents() == before
    assert not wrong_documents(two_days.settings, two_days.solr, two_days.target())
