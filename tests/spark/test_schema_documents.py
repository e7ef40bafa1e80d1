"""What the values of each kind become in a document, and that the header gives what the catalog's columns give."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dicomdex.attributes import ATTRIBUTES, BY_KEYWORD, Table
from dicomdex.attributes_extra import parse
from dicomdex.extract.promote import promote
from dicomdex.extract.reader import read
from dicomdex.extract.row import PROMOTED_FIELDS, ROW_SCHEMA
from dicomdex.fields import TERM_MAX, fields_of
from dicomdex.schema import OWN_FIELDS
from dicomdex_spark.documents import documents, with_header_columns
from dicomdex_spark.session import file_rows
from tests.factories import MemorySource, pydicom_files
from tests.spark.rows import files_table, record

AT = datetime(2026, 1, 2, tzinfo=UTC)
PRIVATE = '0019,xx0C "SIEMENS MR HEADER" series; 0029,xx10 "MINE" LO'


def known(table: Table) -> frozenset[str]:
    own = [field.name for field in OWN_FIELDS] + ["id", "DicomUrl", "frame_offsets"]
    return frozenset([*own, *(field.name for attribute in table for field in fields_of(attribute))])


def built(spark: Any, rows: list[dict[str, Any]], table: Table = ATTRIBUTES) -> dict[str, dict[str, Any]]:
    """id -> document of these rows, all of them primaries."""
    states = pa.array(["indexed"] * len(rows))
    frame = (
        files_table(rows).append_column("state", states).append_column("primary_file_id", pa.nulls(len(rows), "string"))
    )
    taken = with_header_columns(spark.createDataFrame(frame), table)
    made = documents(taken, known(table), "abc", "run", AT, table).collect()
    return {row.id: json.loads(row.body[:-1]) for row in made}


def instances(spark: Any, values: list[dict[str, Any]], table: Table = ATTRIBUTES) -> list[dict[str, Any]]:
    """The instance documents of rows with these columns, in their order."""
    rows = [record("d1", f"d1/{n}", f"1.9.{n}", **columns) for n, columns in enumerate(values)]
    made = built(spark, rows, table)
    return [made[f"1.2!i.1.9.{n}"] for n in range(len(values))]


def derived(document: dict[str, Any], keyword: str) -> dict[str, Any]:
    """What a document has under a keyword, by the end of the field's name."""
    return {name.removeprefix(keyword): value for name, value in document.items() if name.startswith(keyword)}


def test_a_time_is_kept_as_written_and_as_the_second_of_its_day(spark: Any) -> None:
    seconds = {"10": 36000, "1030": 37800, "103012": 37812, "103012.5": 37812, "235960": 86400}
    seconds.update(dict.fromkeys(["2460", "1", "10:30:12", "103012.", "abc"]))
    made = instances(spark, [{"study_time": text} for text in seconds])
    assert [one["StudyTime"] for one in made] == list(seconds)
    assert [one.get("StudyTime_seconds") for one in made] == list(seconds.values())


def test_a_date_time_is_an_instant_in_utc_with_its_precision(spark: Any) -> None:
    expected = {
        ("2024", None): ("2024-01-01T00:00:00.000Z", "year"),
        ("202402", None): ("2024-02-01T00:00:00.000Z", "month"),
        ("20240229", None): ("2024-02-29T00:00:00.000Z", "day"),
        ("2024022923", "-0500"): ("2024-03-01T04:00:00.000Z", "hour"),
        ("202402292359", "+0530"): ("2024-02-29T18:29:00.000Z", "minute"),
        ("20240229235959", "nonsense"): ("2024-02-29T23:59:59.000Z", "second"),
        ("20240229235959.1234+0100", "-0500"): ("2024-02-29T22:59:59.123Z", "fraction"),
        ("0001", "+0000"): ("0001-01-01T00:00:00.000Z", "year"),
        ("20230229", None): (None, None),
        ("20240229+2500", None): (None, None),
        ("2024022", None): (None, None),
        ("\u0662\u0660\u0662\u0664", None): (None, None),
    }
    values = [{"acquisition_date_time": text, "timezone_offset_from_utc": offset} for text, offset in expected]
    made = instances(spark, values)
    found = [(one.get("AcquisitionDateTime"), one.get("AcquisitionDateTime_precision")) for one in made]
    assert found == list(expected.values())
    assert [one["AcquisitionDateTime_raw"] for one in made] == [text for text, _ in expected]


def test_an_age_is_kept_as_written_and_in_days(spark: Any) -> None:
    days = {"010D": 10, "003W": 21, "006M": 182, "018Y": 6574, "000D": 0, "18": None, "018y": None, "1000Y": None}
    made = instances(spark, [{"patient_age": text} for text in days])
    assert [one["PatientAge"] for one in made] == list(days)
    assert [one.get("PatientAge_days") for one in made] == list(days.values())


def test_a_name_has_its_three_groups(spark: Any) -> None:
    groups = {
        "Yamada^Tarou=山田^太郎=やまだ^たろう": ("Yamada^Tarou", "山田^太郎", "やまだ^たろう"),
        "Adams^John": ("Adams^John", None, None),
        "=山田^太郎": (None, "山田^太郎", None),
        "Wang==わん": ("Wang", None, "わん"),
        "a=b=c=d": ("a", "b", "c=d"),
    }
    made = instances(spark, [{"patient_name": name} for name in groups])
    ends = ("alphabetic", "ideographic", "phonetic")
    assert [tuple(one.get(f"PatientName_{end}") for end in ends) for one in made] == list(groups.values())
    assert [one["PatientName"] for one in made] == list(groups)


def test_several_names_have_their_groups_too(spark: Any) -> None:
    names = [{"Alphabetic": "A^B", "Ideographic": "甲", "Phonetic": "か"}, {"Alphabetic": "C^D"}, {"Ideographic": "乙"}]
    header = orjson.dumps({"00081048": element("PN", *names)}).decode()
    (document,) = instances(spark, [{"header": header}], (*ATTRIBUTES, *parse("PhysiciansOfRecord")))
    found = derived(document, "PhysiciansOfRecord")
    assert found[""] == ["A^B=甲=か", "C^D", "=乙"]
    assert found["_alphabetic"].split() == ["A^B", "C^D"]
    assert found["_ideographic"].split() == ["甲", "乙"]
    assert found["_phonetic"] == "か"


def test_a_text_over_lucenes_limit_is_stored_and_everything_else_of_it_stays(spark: Any) -> None:
    longest, longer = "é" * (TERM_MAX // 2), "é" * (TERM_MAX // 2) + "x"
    columns = ("station_name", "patient_name", "study_time", "patient_age")
    fits, long = instances(spark, [dict.fromkeys(columns, text) for text in (longest, longer)])
    for keyword in ("StationName", "PatientName", "StudyTime", "PatientAge"):
        assert fits[keyword] == longest
        assert f"{keyword}_raw" not in fits
        assert derived(long, keyword) == {"_raw": longer}
    half = "x" * 20_000
    lists = instances(spark, [{"image_type": [half]}, {"image_type": [half, half]}, {"operators_name": [half, half]}])
    assert derived(lists[0], "ImageType") == {"": [half]}
    assert derived(lists[1], "ImageType") == {"_raw": f"{half}\\{half}"}
    assert derived(lists[2], "OperatorsName") == {"_raw": f"{half}\\{half}"}


def test_a_date_that_is_none_stays_as_it_was_written(spark: Any) -> None:
    good, bad = instances(spark, [{"study_date": date(1, 1, 1)}, {"study_date_raw": "20241345"}])
    assert derived(good, "StudyDate") == {"": "0001-01-01T00:00:00Z"}
    assert derived(bad, "StudyDate") == {"_raw": "20241345"}


def test_series_and_study_name_the_instance_that_stands_for_them(spark: Any) -> None:
    shown = {"study_date": date(2020, 1, 2), "patient_age": "018Y", "operators_name": ["A^B"]}
    rows = [
        record("d1", "d1/a", "1.9.3", series_number=2, instance_number=1, station_name="third", **shown),
        record("d1", "d1/b", "1.9.2", series_number=1, instance_number=2, station_name="second", **shown),
        record("d1", "d1/c", "1.9.1", series_number=1, instance_number=None, station_name="last", **shown),
    ]
    made = built(spark, rows)
    for one in (made["1.2!study"], made["1.2!s.1.2.3"]):
        assert (one["representative_instance"], one["file_id"]) == ("1.9.2", rows[1]["file_id"])
        assert (one["PatientAge_days"], one["StudyDate"]) == (6574, "2020-01-02T00:00:00Z")
        assert "SOPInstanceUID" not in one
    assert made["1.2!s.1.2.3"]["StationName"] == "second"
    assert "StationName" not in made["1.2!study"]
    assert made == built(spark, rows[::-1])


def test_the_header_gives_what_the_catalogs_columns_give(spark: Any) -> None:
    """Every attribute of the table, taken from the headers of pydicom's files by SQL and by `promote`."""
    readings = [read(MemorySource(content)) for _, content in pydicom_files()]
    headers = [reading.header for reading in readings if reading.header]
    headers += [orjson.dumps(header).decode() for header in made_headers()]
    table = tuple(replace(attribute, keyword=f"X{attribute.keyword}") for attribute in ATTRIBUTES)
    rows = [record("d1", f"d1/{n}", f"1.9.{n}", header=header) for n, header in enumerate(headers)]
    taken = with_header_columns(spark.createDataFrame(files_table(rows)), table).toArrow()
    order = [rows.index(row) for row in sorted(rows, key=lambda row: row["file_id"])]
    taken = taken.sort_by("file_id")
    expected = [promote(orjson.loads(headers[n]), lambda rule, tag: None) for n in order]
    for attribute, other in zip(ATTRIBUTES, table, strict=True):
        for name, its in ((attribute.column, other.column), (attribute.raw_column, other.raw_column)):
            if name is not None and its is not None:
                assert taken[its].to_pylist() == [columns.get(name) for columns in expected], attribute.keyword
    found = {name for columns in expected for name in columns}
    assert len(found) > 85


def made_headers() -> list[dict[str, Any]]:
    """Headers with what pydicom's files lack: blanks, empty and several values, wrong numbers, items without values."""
    strings: list[Any] = [[" a "], [None], ["a", None, " b"], ["20200101"], ["20201301"], ["x" * 9], ["018Y"], ["1030"]]
    numbers: list[Any] = [[1], [1.5], [1, 2], [None, 3], [None], [1 << 62], [-0.0], [1e300]]
    names: list[Any] = [[{"Alphabetic": "A^B", "Phonetic": "p"}], [None, {"Ideographic": "甲"}], [{"Alphabetic": " A"}]]
    headers = []
    for n in range(8):
        header: dict[str, Any] = {}
        for attribute in ATTRIBUTES:
            source = {"PN": names, "IS": numbers, "DS": numbers, "US": numbers}.get(attribute.vr, strings)
            value = source[n % len(source)]
            if attribute.vr in ("IS", "US"):
                value = [7 if isinstance(v, float) else v for v in value]
            leaf = {"vr": attribute.vr, "Value": value} if n % 5 else {"vr": attribute.vr}
            if attribute.path:
                items = [{f"{attribute.tag:08X}": leaf}, {}, {f"{attribute.tag:08X}": leaf}]
                leaf = {"vr": "SQ", "Value": items}
            key = f"{attribute.steps[0].tag:08X}"
            header[key] = merged(header[key], leaf) if attribute.path and key in header else leaf
        headers.append(header)
    raw = {"vr": "UN", "InlineBinary": "AAAA"}
    return [*headers, {f"{a.steps[0].tag:08X}": raw for a in ATTRIBUTES}, {}]


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two sequences of the same tag as one."""
    return {"vr": "SQ", "Value": [{**a, **b} for a, b in zip(one["Value"], other["Value"], strict=True)]}


def element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def test_a_private_element_is_found_in_whichever_block_its_creator_has(spark: Any) -> None:
    table = (*ATTRIBUTES, *parse(PRIVATE))
    siemens, mine = element("LO", "SIEMENS MR HEADER"), element("LO", "MINE")
    headers = [
        {"00190010": siemens, "0019100C": element("IS", 1000)},
        {"00190010": mine, "001900A2": siemens, "0019100C": element("IS", 1), "0019A20C": element("IS", 2000)},
        {"00190010": mine, "0019100C": element("IS", 3)},
        {"0019100C": element("IS", 4)},
        {"00290011": mine, "00291110": element("LO", "a", "b")},
        {"00081140": element("SQ", {"00190010": siemens, "0019100C": element("IS", 5)})},
    ]
    values = [{"header": orjson.dumps(header).decode(), "series": f"1.2.{n}"} for n, header in enumerate(headers)]
    made = instances(spark, values, table)
    assert [one.get("p_0019_SIEMENS_MR_HEADER_0C") for one in made] == [1000, 2000, None, None, None, None]
    assert [one.get("p_0029_MINE_10") for one in made] == [None] * 4 + [["a", "b"], None]


def test_a_private_sequence_and_a_public_one_inside_each_other(spark: Any) -> None:
    text = '2005,xx0E "Philips MR Imaging DD 005".0018,9087 study; ContentSequence.ConceptNameCodeSequence.CodeMeaning'
    table = (*ATTRIBUTES, *parse(text))
    code = [element("SQ", {"00080104": element("LO", name)}) for name in ("one", "two")]
    header = {
        "0040A730": element("SQ", {"0040A043": code[0]}, {}, {"0040A043": code[1]}, {"0040A043": element("SQ")}),
        "20050010": element("LO", "Philips MR Imaging DD 005"),
        "2005100E": element("SQ", {"00189087": element("FD", 0.5)}, {"00189087": element("FD", 800)}),
    }
    row = record("d1", "d1/a", "1.9.0", header=orjson.dumps(header).decode())
    made = built(spark, [row], table)
    meanings = made["1.2!i.1.9.0"]["ContentSequence_ConceptNameCodeSequence_CodeMeaning"]
    assert meanings == ["one", "two"]
    name = "p_2005_Philips_MR_Imaging_DD_005_0E_DiffusionBValue"
    assert [made[one][name] for one in ("1.2!i.1.9.0", "1.2!s.1.2.3", "1.2!study")] == [[0.5, 800.0]] * 3


def test_a_creator_is_data_and_never_sql(spark: Any) -> None:
    (nasty,) = parse('0029,xx10 "a\\ \') or (1=1" LO')
    header = {"00290010": element("LO", "a\\ ') or (1=1"), "00291010": element("LO", "found")}
    other = {"00290010": element("LO", "a"), "00291010": element("LO", "not mine")}
    made = instances(spark, [{"header": orjson.dumps(one).decode()} for one in (header, other)], (*ATTRIBUTES, nasty))
    assert [one.get(nasty.keyword) for one in made] == [["found"], None]


def test_a_smaller_table_writes_only_its_own_fields(spark: Any) -> None:
    table = tuple(attribute for attribute in ATTRIBUTES if attribute.keyword != "StationName")
    (document,) = instances(spark, [{"station_name": "X", "institution_name": "Y"}], table)
    assert "StationName" not in document
    assert document["InstitutionName"] == "Y"


def test_the_header_is_read_only_where_the_table_needs_it(spark: Any, tmp_path: Path) -> None:
    header = {"00180091": element("IS", 7)}
    row = record("d1", "d1/a", "1.9.0", header=orjson.dumps(header).decode(), study_date=date(1, 1, 1))
    part = tmp_path / "files" / "drop_key=d1" / "part.parquet"
    part.parent.mkdir(parents=True)
    pq.write_table(files_table([row]).select(ROW_SCHEMA.names), part)
    plain = file_rows(spark, [str(part)])
    assert "header" not in plain.columns
    assert plain.first().study_date == date(1, 1, 1)
    extra = parse("EchoTrainLength")
    taken = file_rows(spark, [str(part)], (*ATTRIBUTES, *extra))
    assert "header" not in taken.columns
    assert taken.first().echo_train_length == 7


def test_every_promoted_column_of_the_row_is_one_that_promote_gives() -> None:
    columns = [column for attribute in ATTRIBUTES for column in (attribute.column, attribute.raw_column) if column]
    assert [field.name for field in PROMOTED_FIELDS] == [*columns, "tags_present"]
    assert BY_KEYWORD["StudyDate"].raw_column == "study_date_raw"
