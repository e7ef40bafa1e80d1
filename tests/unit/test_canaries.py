"""The search for canaries finds what was planted, wherever it lies, and nothing where values are allowed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from dicomdex_local.pids import MARK
from dicomdex_local.sample_studies import CANARY
from tests.canaries import CHUNK, find_canaries
from tests.watch import watching


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run directory with a canary at every place where one is allowed."""
    for name in (
        "landing/2026-01-02/IM1.dcm",
        "work/drops/2026-01-02/000001/00000-1.parquet",
        "catalog/files/drop_key=2026-01-02/000001-00000-1.parquet",
        "solr/dicom_shard1/data/index/_0.fdt",
        "solr/dicom_shard1/data/tlog/tlog.0",
        "truth.json",
    ):
        write(tmp_path / name, f"{CANARY}^ADA".encode())
    write(tmp_path / "logs/scheduler.log", b"all is well\n")
    return tmp_path


def test_nothing_is_found_where_values_are_allowed(run_dir: Path) -> None:
    assert find_canaries(run_dir) == []


@pytest.mark.parametrize(
    "name",
    [
        "logs/tasks/dag_id=ingest_drop/attempt=1.log",
        "solr/logs/solr.log",
        "work/drops/2026-01-02/verdict.json",
        "catalog/files/_delta_log/00000000000000000001.json",
        "spark/events/local-1",
    ],
)
def test_a_canary_in_a_log_or_record_is_found_in_any_case(run_dir: Path, name: str) -> None:
    write(run_dir / name, f"Invalid value for VR DA: '{CANARY.lower()}'".encode())
    assert [leak.where for leak in find_canaries(run_dir)] == [name]


def test_a_canary_across_the_border_of_two_reads_is_found(run_dir: Path) -> None:
    write(run_dir / "logs/long.log", b"." * (CHUNK - 3) + CANARY.encode() + b"." * CHUNK)
    assert [leak.where for leak in find_canaries(run_dir)] == ["logs/long.log"]


def test_a_compressed_event_log_is_searched(run_dir: Path) -> None:
    (run_dir / "spark").mkdir()
    with pa.output_stream(str(run_dir / "spark/events.zst"), compression="zstd") as log:
        log.write(b"." * 1000 + CANARY.encode())
    assert [leak.where for leak in find_canaries(run_dir)] == ["spark/events.zst"]


def test_a_canary_in_a_file_name_is_found(run_dir: Path) -> None:
    write(run_dir / f"logs/{CANARY}^JOHN.log", b"")
    assert [leak.where for leak in find_canaries(run_dir)] == ["file name"]


def test_a_canary_in_the_database_is_named_by_table_and_column(run_dir: Path) -> None:
    (run_dir / "airflow").mkdir()
    with sqlite3.connect(run_dir / "airflow/airflow.db") as connection:
        connection.execute("CREATE TABLE xcom (key TEXT, value BLOB)")
        connection.execute("INSERT INTO xcom VALUES ('return_value', ?)", (f"{CANARY}^ADA".encode(),))
    connection.close()
    assert "airflow.db xcom.value" in {leak.where for leak in find_canaries(run_dir)}


@pytest.fixture
def program(run_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the site that waits until its standard input ends, with a canary among its arguments."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", f"--name={CANARY}"]
    with subprocess.Popen(command, env={MARK: str(run_dir)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


def test_a_canary_among_the_arguments_of_a_running_program_is_found(
    run_dir: Path, program: subprocess.Popen[bytes]
) -> None:
    assert [leak.where for leak in find_canaries(run_dir)] == ["arguments"]


def test_arguments_and_memory_of_a_program_that_has_ended_are_remembered(
    run_dir: Path, program: subprocess.Popen[bytes]
) -> None:
    with watching(run_dir) as watch:
        watch.look(run_dir)
        program.kill()
        program.wait()
    assert watch.peak_rss["other"] > 1 << 20
    assert [leak.where for leak in find_canaries(run_dir, watch)] == ["arguments"]
