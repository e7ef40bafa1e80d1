"""Documents of four levels, built by Spark SQL from file rows."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from dicomdex.attributes import WHITE_PAPER_FIELDS
from dicomdex.extract.row import file_id
from dicomdex.index import hashed
from dicomdex.resolve import DIGESTS_SCHEMA, resolve
from dicomdex.schema import schema_xml
from dicomdex_spark.documents import documents
from tests.spark.rows import files_table, record

KNOWN = frozenset(re.findall(r'<field name="([^"]+)"', schema_xml()))
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIGEST_COLUMNS = DIGESTS_SCHEMA.names


def built(spark: Any, rows: list[dict[str, Any]], digests: list[tuple[Any, ...]] = (), **how: Any) -> dict[str, Any]:
    """id -> (document, lo, hi) of these rows."""
    table = files_table(rows)
    known_digests = pa.Table.from_pylist([dict(zip(DIGEST_COLUMNS, d, strict=True)) for d in digests], DIGESTS_SCHEMA)
    files, states = spark.createDataFrame(table), spark.createDataFrame(resolve(table, known_digests))
    with_state = files.join(states, "file_id")
    made = documents(with_state, how.get("known", KNOWN), "abc123", how.get("run", "run 1"), how.get("at", AT))
    return {row.id: (json.loads(row.body[:-1]), row.lo, row.hi) for row in made.collect()}


def hospital() -> list[dict[str, Any]]:
    """Two series of one study over two drops, one of the instances delivered twice."""
    first = {"study_date": date(2020, 1, 2), "modality": "CT", "image_type": ["B", "A", "B"], "series_number": 1}
    return [
        record("d1", "d1/a", "1.2.3.1", instance_number=1, patient_name='Zoë"^\n', **first),
        record("d1", "d1/b", "1.2.3.2", instance_number=2, **first),
        record("d2", "d2/a", "1.2.3.1", instance_number=1, **first),
        record("d2", "d2/c", "1.2.4.1", series="1.2.4", modality="MR", study_date=date(2021, 5, 6), size=32),
    ]


def test_every_level_has_its_documents_and_copies_stay_out_of_the_roll_ups(spark: Any) -> None:
    made = built(spark, hospital())
    levels = sorted(document["level"] for document, _, _ in made.values())
    assert levels == ["copy", "instance", "instance", "instance", "series", "series", "study"]
    study = made["1.2!study"][0]
    assert study["NumberOfStudyRelatedInstances"] == 3
    assert study["NumberOfStudyRelatedSeries"] == 2
    assert study["ModalitiesInStudy"] == ["CT", "MR"]
    assert study["bytes"] == 10 + 10 + 32
    assert (study["first_date"], study["last_date"]) == ("2020-01-02T00:00:00Z", "2021-05-06T00:00:00Z")
    assert study["drop"] == ["d1", "d2"]
    assert made["1.2!s.1.2.3"][0]["NumberOfSeriesRelatedInstances"] == 2


def test_a_list_keeps_its_order_and_repeats_and_a_name_survives_any_character(spark: Any) -> None:
    document = built(spark, hospital())["1.2!i.1.2.3.1"][0]
    assert document["ImageType"] == ["B", "A", "B"]
    assert document["PatientName"] == 'Zoë"^\n'
    assert document["StudyDate"] == "2020-01-02T00:00:00Z"
    assert document["DicomUrl"] == f"/files/{file_id('d1', 'd1/a')}"


def test_a_record_of_the_same_bytes_is_a_duplicate_and_any_other_a_conflict(spark: Any) -> None:
    rows = hospital()
    copy = f"1.2!c.{file_id('d2', 'd2/a')}"
    assert built(spark, rows)[copy][0]["state"] == "conflict"
    digests = [(file_id(d, p), 10, 5, "same") for d, p in (("d1", "d1/a"), ("d2", "d2/a"))]
    document = built(spark, rows, digests)[copy][0]
    assert document["state"] == "duplicate"
    assert document["primary"] == file_id("d1", "d1/a")


def test_the_ids_hash_in_python_as_in_spark(spark: Any) -> None:
    for document, _, _ in built(spark, hospital()).values():
        own = hashed(document["id"])
        assert (own.bucket, own.lo, own.hi) == (document["bucket"], document["id_lo"], document["id_hi"])


def test_the_digest_covers_the_content_and_neither_run_nor_time(spark: Any) -> None:
    rows = hospital()
    before = {name: halves for name, (_, *halves) in built(spark, rows).items()}
    again = {name: halves for name, (_, *halves) in built(spark, rows, run="another", at=datetime.now(UTC)).items()}
    assert before == again
    rows[1]["window_width"] = [400.0]
    changed = {name: halves for name, (_, *halves) in built(spark, rows).items()}
    assert {name for name in before if before[name] != changed[name]} == {"1.2!i.1.2.3.2"}


def test_a_value_in_another_field_gives_another_digest(spark: Any) -> None:
    here = built(spark, [record("d1", "d1/a", "1.1", station_name="X")])["1.2!i.1.1"]
    there = built(spark, [record("d1", "d1/a", "1.1", institution_name="X")])["1.2!i.1.1"]
    assert here[1:] != there[1:]


def test_only_fields_of_the_collections_own_schema_are_written(spark: Any) -> None:
    document = built(spark, hospital(), known=KNOWN - {"Modality"})["1.2!i.1.2.3.1"][0]
    assert "Modality" not in document


def test_the_white_papers_twelve_fields_are_in_the_schema() -> None:
    assert set(WHITE_PAPER_FIELDS) <= KNOWN
