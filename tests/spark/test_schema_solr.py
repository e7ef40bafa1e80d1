"""A real Solr takes schema and documents, and finds names, days, ages, descriptions and missing tags by them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pyarrow as pa
import pytest

from dicomdex.adapters.posting import Poster
from dicomdex.adapters.solr import Solr
from dicomdex.attributes import ATTRIBUTES, facets, sort_fields
from dicomdex.attributes_extra import parse
from dicomdex.fields import TERM_MAX
from dicomdex.schema import configset, schema_digest
from dicomdex_local.solr import SolrNode
from dicomdex_spark.documents import documents, with_header_columns
from tests.spark.rows import files_table, record

AT = datetime(2026, 1, 2, tzinfo=UTC)
TABLE = (*ATTRIBUTES, *parse('0019,xx0C "SIEMENS MR HEADER"; ContentSequence.TextValue; DateOfLastCalibration'))
LONG = "é" * (TERM_MAX // 2) + "x"
TOO_LONG = {
    "station_name": LONG,
    "patient_name": LONG,
    "image_type": [LONG],
    "operators_name": [LONG],
    "study_time": LONG,
}
NAMES = {
    "composed": "Müller^Jürgen",
    "plain": "MULLER^HANS",
    "decomposed": "Mu\u0308ller^Eva",
    "japanese": "Yamada^Tarou=山田^太郎=ﾔﾏﾀﾞ^ﾀﾛｳ",
    "chinese": "Wang^XiaoDong=王^小东",
    "long": "Wolfeschlegelsteinhausenbergerdorff^Hubert",
    "too long": "A" * 30_000 + "^B",
}
HEADER = {
    "00181200": {"vr": "DA", "Value": ["20200102", "20201345"]},
    "00190010": {"vr": "LO", "Value": ["SIEMENS MR HEADER"]},
    "0019100C": {"vr": "IS", "Value": [1000]},
    "0040A730": {"vr": "SQ", "Value": [{"0040A160": {"vr": "UT", "Value": ["Kein Befund. " * 4_000]}}]},
}


def rows() -> list[dict[str, Any]]:
    """A study for each name, and one of instances with this and that."""
    made = []
    for n, name in enumerate(NAMES.values()):
        place = {"study": f"1.5.{n}", "series": f"1.5.{n}.1"}
        age, day = f"{n * 10 + 1:03d}Y", date(2015 + n, 6, 1)
        made.append(record("d1", f"d1/{n}", f"1.9.{n}", patient_name=name, study_date=day, patient_age=age, **place))
    tags = "00080016 00080018"
    others: list[dict[str, Any]] = [
        {"patient_id": "LONG", **TOO_LONG},
        {"tags_present": f"{tags} 00180015", "study_description": "Thorax à plat"},
        {"tags_present": tags, "image_type": ["B", "A", "B"], "study_time": "103012"},
        {"header": orjson.dumps(HEADER).decode(), "study_date_raw": "20241345"},
        {"acquisition_date_time": "202401020304", "timezone_offset_from_utc": "-0500"},
    ]
    for n, columns in enumerate(others, 1):
        made.append(record("d1", f"d1/other{n}", f"1.8.{n}", study="1.6", series="1.6.1", **columns))
    return made


class Indexed:
    """A collection of these documents."""

    def __init__(self, solr: Solr, name: str) -> None:
        self.solr, self.name = solr, name

    def ask(self, query: str, *filters: str, **more: Any) -> dict[str, Any]:
        body = {"query": query, "filter": list(filters), "limit": 50, "sort": "id asc", **more}
        return dict(self.solr.request("POST", f"/{self.name}/query", json=body))

    def found(self, query: str, *filters: str, **params: str) -> set[str]:
        """SOP Instance UIDs of the instances that a query of ours finds."""
        answer = self.ask(query, "level:instance", *filters, params=params)
        return {one["SOPInstanceUID"] for one in answer["response"]["docs"]}

    def one(self, sop: str) -> dict[str, Any]:
        (document,) = self.ask(f'SOPInstanceUID:"{sop}"', fields=["*"])["response"]["docs"]
        return dict(document)


@pytest.fixture(scope="module")
def indexed(node: SolrNode, spark: Any) -> Iterator[Indexed]:
    files = configset(TABLE)
    with Solr(node.base_url, node.auth) as solr:
        name = "schema"
        solr.upload_configset(f"schema_{schema_digest(files)}", files)
        solr.create_collection(name, f"schema_{schema_digest(files)}")
        table = files_table(rows())
        for column, values in (("state", ["indexed"] * len(table)), ("primary_file_id", [None] * len(table))):
            table = table.append_column(column, pa.array(values, pa.string()))
        taken = with_header_columns(spark.createDataFrame(table), TABLE)
        made = documents(taken, solr.fields(name), "abc", "run", AT, TABLE).toArrow()
        poster = Poster(solr, name)
        poster.column(made["body"].combine_chunks())
        solr.commit(name)
        assert (poster.posted.documents, poster.posted.minimal) == (len(made), 0)
        yield Indexed(solr, name)
        solr.delete_collection(name)


def sops(*names: str) -> set[str]:
    return {f"1.9.{list(NAMES).index(name)}" for name in names}


@pytest.mark.parametrize(
    ("typed", "field", "names"),
    [
        ("Mül", "pn", ("composed", "plain", "decomposed")),
        ("mul", "pn", ("composed", "plain", "decomposed")),
        ("Mu\u0308l", "pn", ("composed", "plain", "decomposed")),
        ("JUR", "pn", ("composed",)),
        ("müller^jür", "alphabetic", ("composed",)),
        ("山", "pn", ("japanese",)),
        ("山田", "ideographic", ("japanese",)),
        ("太郎", "ideographic", ("japanese",)),
        ("田", "ideographic", ()),
        ("王", "ideographic", ("chinese",)),
        ("ヤマ", "phonetic", ("japanese",)),
        ("ﾔﾏ", "phonetic", ("japanese",)),
        ("yamada", "alphabetic", ("japanese",)),
        ("yamada", "ideographic", ()),
        ("Wolfeschlegelsteinhausen", "pn", ("long",)),
        ("A" * 40, "pn", ("too long",)),
    ],
)
def test_a_name_is_found_by_how_it_begins(indexed: Indexed, typed: str, field: str, names: tuple[str, ...]) -> None:
    query = f"{{!edismax qf=PatientName_{field} mm=100% v=$typed}}"
    assert indexed.found(query, typed=typed) == sops(*names)


def test_days_are_counted_by_year(indexed: Indexed) -> None:
    years = {"type": "range", "field": "StudyDate", "start": "2014-01-01T00:00:00Z", "end": "2023-01-01T00:00:00Z"}
    answer = indexed.ask("*:*", "level:study", facet={"years": {**years, "gap": "+1YEAR"}})
    buckets = {one["val"][:4]: one["count"] for one in answer["facets"]["years"]["buckets"]}
    assert buckets == {"2014": 0, **{str(2015 + n): 1 for n in range(len(NAMES))}, "2022": 0}


def test_ages_are_counted_by_twenty_years(indexed: Indexed) -> None:
    years = 365.25
    ages = {"type": "range", "field": "PatientAge_days", "start": 0, "end": round(80 * years), "gap": round(20 * years)}
    answer = indexed.ask("*:*", "level:study", facet={"ages": ages})
    assert [one["count"] for one in answer["facets"]["ages"]["buckets"]] == [2, 2, 2, 1]


def test_what_is_too_long_costs_nothing_else(indexed: Indexed) -> None:
    document = indexed.one("1.8.1")
    raw = ("StationName_raw", "PatientName_raw", "ImageType_raw", "OperatorsName_raw", "StudyTime_raw")
    assert [document[name] for name in raw] == [LONG] * 5
    assert document["PatientID"] == "LONG"
    assert indexed.found("PatientID:LONG") == {"1.8.1"}
    assert "index_warning" not in document


def test_a_description_is_found_by_a_word_and_counted_as_a_whole(indexed: Indexed) -> None:
    assert indexed.found("StudyDescription_txt:thorax") == {"1.8.2"}
    assert indexed.found("StudyDescription_txt:A") == {"1.8.2"}
    assert indexed.found('StudyDescription:"Thorax à plat"') == {"1.8.2"}
    assert indexed.found("_text_:THORAX") == {"1.8.2"}


def test_files_that_lack_a_tag_are_found(indexed: Indexed) -> None:
    assert indexed.found("tags_present_ss:00180015") == {"1.8.2"}
    assert indexed.found("tags_present_ss:00080016", "-tags_present_ss:00180015") == {"1.8.3"}


def test_lists_times_dates_and_instants_come_back_as_they_were(indexed: Indexed) -> None:
    document = indexed.one("1.8.3")
    assert document["ImageType"] == ["B", "A", "B"]
    assert (document["StudyTime"], document["StudyTime_seconds"]) == ("103012", 37812)
    assert indexed.found("StudyTime_seconds:[37800 TO 37860]") == {"1.8.3"}
    assert indexed.one("1.8.4")["StudyDate_raw"] == "20241345"
    assert indexed.one("1.8.5")["AcquisitionDateTime"] == "2024-01-02T08:04:00Z"
    assert indexed.found("AcquisitionDateTime_precision:minute") == {"1.8.5"}


def test_attributes_of_the_site_are_indexed_by_their_kind(indexed: Indexed) -> None:
    assert indexed.found("p_0019_SIEMENS_MR_HEADER_0C:[900 TO 1100]") == {"1.8.4"}
    assert indexed.found("ContentSequence_TextValue:befund") == {"1.8.4"}
    document = indexed.one("1.8.4")
    assert document["DateOfLastCalibration"] == ["2020-01-02T00:00:00Z"]
    assert document["DateOfLastCalibration_raw"] == "20201345"


def test_every_facet_and_every_sort_of_the_table_is_answered(indexed: Indexed) -> None:
    counted = {name: {"type": "terms", "field": name, "limit": 1} for name in facets(TABLE)}
    answer = indexed.ask("*:*", facet=counted)
    assert answer["facets"]["count"] == answer["response"]["numFound"]
    for field in sort_fields(TABLE).values():
        assert indexed.ask("*:*", sort=f"{field} desc, id asc")["response"]["numFound"] > 0
