"""The collection bench: its catalog is what it says, its queries can be asked, its arithmetic is right."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pytest

from dicomdex.adapters.catalog import Catalog
from dicomdex.attributes import ATTRIBUTES
from dicomdex.extract.promote import promote
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.resolve import resolve
from dicomdex.search_body import to_solr
from dicomdex.search_fields import Fields
from tests.bench.collection_catalog import DROPS, LATE, add_drop, copies_of, drop_key, make_catalog, plan
from tests.bench.collection_events import application_of
from tests.bench.collection_report import rebuild_bar, report
from tests.bench.collection_rows import Series, rows_of
from tests.bench.collection_search import ASKED, percentiles
from tests.bench.collection_values import MODALITIES, Modality, series_values, study_values

FILES = 10_000


def series_of(modality: Modality, number: int = 3, instances: int = 4) -> Series:
    """A series by itself."""
    values = series_values(study_values(2, "1.2"), number, f"1.2.{number}", modality)
    return Series(number, 0, instances, modality, values)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A small one."""
    url = tmp_path_factory.mktemp("catalog").as_uri()
    make_catalog(url, FILES, writers=1)
    return Catalog(url)


@pytest.mark.parametrize("modality", MODALITIES, ids=lambda modality: modality.name)
def test_the_columns_of_a_row_are_those_that_its_header_gives(modality: Modality) -> None:
    warnings: list[Any] = []
    rows = rows_of("2026-01-01", [series_of(modality), series_of(modality, 8)]).to_pylist()
    for row in rows:
        columns = promote(json.loads(row["header"]), lambda *what: warnings.append(what))
        named = {attribute.column for attribute in ATTRIBUTES} | {"tags_present"}
        assert columns == {name: row[name] for name in named if row[name] is not None}
    assert warnings == []
    assert len({row["sop_instance_uid"] for row in rows}) == len(rows)


def test_headers_are_of_seven_kilobytes_and_differ_in_forty_values_inside_a_series() -> None:
    texts = rows_of("2026-01-01", [series_of(MODALITIES[0])])["header"].to_pylist()
    assert 6_500 < len(texts[0]) < 8_500
    one, two = (json.loads(text) for text in texts[:2])
    assert one.keys() == two.keys()
    assert sum(one[tag] != two[tag] for tag in one) >= 40


def test_the_plan_has_every_file_and_one_series_in_twenty_comes_late() -> None:
    planned = plan(200_000)
    assert sum(one[3] for one in planned) + copies_of(200_000) == 200_000
    assert [one[4] for one in planned][-1] + planned[-1][3] == 200_000 - copies_of(200_000)
    assert {one[2] for one in planned} == set(range(DROPS))
    studies = max(one[1] for one in planned) + 1
    late = sum(one[2] > one[1] * DROPS // studies for one in planned) / len(planned)
    assert LATE * 0.7 < late < LATE * 1.3


def test_the_catalog_has_the_copies_it_states_duplicates_and_conflicts(catalog: Catalog) -> None:
    rows = catalog.identity()
    assert len(rows) == FILES
    assert catalog.drops() == [drop_key(number) for number in range(DROPS)]
    states = Counter(resolve(rows, catalog.digests())["state"].to_pylist())
    assert states["indexed"] == FILES - copies_of(FILES)
    assert states["duplicate"] > states["conflict"] > 0
    assert len(set(rows["file_id"].to_pylist())) == FILES


def test_too_few_files_for_the_drops_are_refused() -> None:
    with pytest.raises(ValueError, match="too few for 20 drops"):
        plan(1_000)


def test_a_drop_on_top_lies_in_studies_that_are_known(catalog: Catalog) -> None:
    before = catalog.identity()
    add_drop(catalog.url, 500, FILES, studies=5)
    rows = catalog.identity(drop=drop_key(DROPS))
    assert len(rows) == 500
    assert set(rows["study"].to_pylist()) <= set(before["study"].to_pylist())
    again = set(rows["sop_instance_uid"].to_pylist()) & set(before["sop_instance_uid"].to_pylist())
    assert len(again) == copies_of(500)


def test_rows_have_the_schema_of_the_catalog_and_what_the_walker_always_gives() -> None:
    rows = rows_of("2026-01-01", [series_of(one) for one in MODALITIES])
    assert rows.schema == ROW_SCHEMA
    always = ("file_id", "path", "size", "mtime", "outcome", "study", "series", "header", "header_digest", "parser")
    assert all(rows[name].null_count == 0 for name in always)
    assert pa.types.is_list(rows["warnings"].type)


@pytest.mark.parametrize("asked", ASKED)
def test_every_query_can_be_asked_of_the_built_in_attributes(asked: str) -> None:
    query = ASKED[asked](Random(1))
    body = to_solr(query, Fields(ATTRIBUTES))
    assert len([name for name in body.get("facet", {}) if "/" not in name]) == len(query.facets)


def test_percentiles_are_in_milliseconds() -> None:
    assert percentiles([number / 1000 for number in range(1, 101)]) == {"p50": 50.5, "p95": pytest.approx(95.95)}


def test_parts_of_an_application_come_from_the_events_of_spark() -> None:
    def stage(begun: int, ended: int, *names: str) -> bytes:
        metrics = [{"Name": name, "Value": "2000000000"} for name in names]
        info = {"Submission Time": begun, "Completion Time": ended, "Accumulables": metrics}
        return orjson.dumps({"Event": "SparkListenerStageCompleted", "Stage Info": info})

    lines = [
        b'{"Event":"SparkListenerApplicationStart","Timestamp":1000}',
        stage(3000, 4000),
        stage(3500, 8500, "internal.metrics.executorCpuTime"),
        stage(9500, 20000, "internal.metrics.executorCpuTime", "data sent to Python workers"),
        b'{"Event":"SparkListenerEnvironmentUpdate"}',
        b'{"Event":"SparkListenerApplicationEnd","Timestamp":21000}',
    ]
    found = application_of(lines)
    assert (found.begun, found.ended, found.rolling_up, found.planning) == (1.0, 21.0, 5.5, 3.0)
    assert (found.writing.begun, found.writing.ended, found.writing.cpu) == (9.5, 20.0, 2.0)


def test_the_report_names_what_is_over_its_bar() -> None:
    programs = {"solr": {"cpu_s": 1.0, "peak_mb": 3000}, "spark python worker": {"cpu_s": 1.0, "peak_mb": 150}}
    once = {"seconds": 70.0, "posted": 0, "deleted": 0, "unchanged": 9, "programs": programs}
    slow, fast = {"p50": 5.0, "p95": 160.0, "matches": 3.0}, {"p50": 5.0, "p95": 99.0, "matches": 3.0}
    figures = {
        "instances": 1_000_000,
        "search": {"studies": {"1": fast, "4": slow}, "all studies": {"1": slow, "4": slow}, "load": [1.0, 1.0]},
        "apply": {"first": once, "repeat": {**once, "posted": 2}, "load": [1.0, 1.0]},
    }
    over = [line for line in report(figures).splitlines() if " over " in line.lower()]
    assert [line.split()[0] for line in over] == ["studies", "5,000", "posted", "solr", "solr"]


def test_a_smaller_rebuild_has_a_share_of_the_million_and_its_programs_starts() -> None:
    found = {"start": 5.0, "plan_of_spark": 6.0, "promote": 7.0}
    assert rebuild_bar({"instances": 1_000_000, "rebuild": found}) == 240
    assert rebuild_bar({"instances": 100_000, "rebuild": found}) == 54
