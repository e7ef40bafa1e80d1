"""`dicomdex search` against a real Solr: what it prints, what it writes, and what it refuses to be told."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from dicomdex.adapters.solr import Solr
from dicomdex.cli import app
from dicomdex.errors import QueryRefused, SolrUnavailable
from dicomdex.search import Filter, Query
from dicomdex_local.solr import SolrNode
from tests.spark.searched import Row, counted, documents, hospital, keys, put

ALIAS = "commanded"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The instances of the hospital."""
    return hospital()


@pytest.fixture(scope="module")
def served(node: SolrNode, rows: list[Row]) -> SolrNode:
    """A node with the hospital in it."""
    with Solr(node.base_url, node.auth) as solr:
        put(solr, ALIAS, documents(rows), shards=1)
    return node


@pytest.fixture
def run(served: SolrNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `dicomdex search` as a person does who has only set where Solr is."""
    where = {"SOLR_URL": served.base_url, "SOLR_USER": served.auth[0], "ALIAS": ALIAS}
    where["SOLR_PASSWORD_FILE"] = str(served.secrets.admin_file)
    for name in ("LANDING", "WORK", "CATALOG"):
        where[name] = str(tmp_path / name)
    for name, value in where.items():
        monkeypatch.setenv(f"DICOMDEX_{name}", value)

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["search", *arguments], input=typed)

    return run


def test_a_search_shows_rows_facets_and_the_exact_counts_of_all_levels(run: Run, rows: list[Row]) -> None:
    said = run("knee", "--level", "study", "--where", "Modality=MR", "--facet", "Modality", "--rows", "3")
    query = Query(level="study", text="knee", filters=(Filter("Modality", values=("MR",)),))
    numbers = {level: len(keys(rows, query.at(level))) for level in ("study", "series", "instance")}
    *_, last = said.output.splitlines()
    assert last == (
        f"3 of {numbers['study']} studies shown "
        f"({numbers['study']} studies, {numbers['series']} series, {numbers['instance']} instances)"
    )
    values, none = counted(rows, query, "Modality")
    lines = [line.split() for line in said.output.splitlines()]
    assert all([str(count), value] in lines for value, count in values.items())
    assert [str(none), "none"] in lines
    assert lines[0] == ["StudyDate", "PatientName", "PatientID", "Modality", "StudyDescription",
                        "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"]  # fmt: skip


def test_a_patients_value_comes_from_standard_input_and_never_by_argument(run: Run, rows: list[Row]) -> None:
    refused = run("--where", "PatientName=MEIER")
    assert isinstance(refused.exception, QueryRefused)
    assert "MEIER" not in str(refused.exception)
    found = run("--where", "PatientName=-", "--json", "-", typed="meier\n")
    expected = keys(rows, Query(filters=(Filter("PatientName", prefix="meier"),)))
    assert {json.loads(line)["id"] for line in found.output.splitlines()} == expected.keys()
    without = run("--where", "PatientName=-")
    assert str(without.exception) == "standard input has no line for PatientName"


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_every_export_holds_as_many_rows_as_the_search_counts(
    run: Run, rows: list[Row], tmp_path: Path, level: str
) -> None:
    asked = ("--level", level, "--where", "StudyDate=2026-01..2026-02-14", "--missing", "BodyPartExamined")
    files = {kind: tmp_path / f"found.{kind}" for kind in ("csv", "json", "parquet")}
    said = run(*asked, *(word for kind, file in files.items() for word in (f"--{kind}", str(file))))
    filters = (Filter("StudyDate", low="2026-01", high="2026-02-14"), Filter("BodyPartExamined", missing=True))
    expected = len(keys(rows, Query(level=level, filters=filters)))  # type: ignore[arg-type]
    assert said.output.splitlines()[0].startswith(f"{expected} ")
    lines = list(csv.DictReader(io.StringIO(files["csv"].read_text(encoding="utf-8"), newline="")))
    objects = [json.loads(line) for line in files["json"].read_text(encoding="utf-8").splitlines()]
    table = pq.read_table(files["parquet"]).to_pylist()
    assert [one["id"] for one in lines] == [one["id"] for one in objects] == [one["id"] for one in table]
    assert len(lines) == expected > 0
    assert {one["StudyDate"][5:7] for one in lines} == {"01", "02"}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o600}
    assert sorted(tmp_path.glob(".found*")) == []


def test_a_cell_that_a_spreadsheet_would_compute_is_guarded(run: Run) -> None:
    said = run("--where", "SeriesDescription==1+1", "--columns", "SeriesDescription,SliceThickness", "--csv", "-")
    cells = {tuple(line) for line in csv.reader(said.output.splitlines()[1:])}
    assert {text for text, _ in cells} == {"'=1+1"}
    assert "-1.5" in {number for _, number in cells}


def test_a_failed_export_leaves_no_file_and_the_one_before_as_it_was(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "found.csv"
    file.write_text("before")
    said = run("--sort", "ImageType", "--csv", str(file))
    assert isinstance(said.exception, QueryRefused)
    assert [path.name for path in tmp_path.iterdir()] == ["found.csv"]
    assert file.read_text() == "before"


def test_nothing_found_is_said_in_two_words(run: Run) -> None:
    said = run("thereisnosuchword")
    assert (said.output, said.exit_code) == ("nothing found\n", 0)


def test_a_solr_that_is_down_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMDEX_SOLR_URL", "http://127.0.0.1:9/solr")
    said = run("knee")
    assert isinstance(said.exception, SolrUnavailable)
    assert str(said.exception) == "Solr does not answer (ConnectError) at http://127.0.0.1:9/solr"


def test_a_value_with_control_characters_does_not_move_the_cursor(run: Run, served: SolrNode) -> None:
    with Solr(served.base_url, served.auth) as solr:
        odd = {"id": "9!i.9", "level": "instance", "study": "9", "series": "9", "SeriesDescription": "a\x1b[2J[bold]b"}
        put(solr, "odd", [odd], shards=1)
    said = CliRunner(env={"DICOMDEX_ALIAS": "odd"}).invoke(app, ["search", "--columns", "SeriesDescription"])
    assert "\x1b" not in said.output
    assert "a\N{REPLACEMENT CHARACTER}[2J[bold]b" in said.output
