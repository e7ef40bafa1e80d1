"""After all other tests: no value of a patient and no locked database in anything that the shared site has written."""

from __future__ import annotations

from dicomdex_local.sample_studies import CANARY
from tests.canaries import find_canaries
from tests.integration.conftest import event_log
from tests.integration.line import FIRST_DAY, Line
from tests.watch import Watch, kind_of


def test_the_canaries_are_in_files_documents_and_names(line: Line) -> None:
    names = [path.name for path in (line.site.landing / FIRST_DAY).rglob("*.dcm")]
    assert any(CANARY in name for name in names)
    assert any(CANARY in document.get("PatientName", "") for document in line.documents())


def test_spark_has_written_down_its_plans_for_the_search(line: Line) -> None:
    logs = [path.read_text() for path in event_log(line.site).iterdir()]
    assert any("SparkListenerSQLExecutionStart" in log and "dicomdex apply" in log for log in logs)


def test_no_canary_is_in_a_log_a_database_an_event_log_or_an_argument(line: Line, watch: Watch) -> None:
    seen = {kind_of(arguments) for arguments in watch.arguments}
    assert {"solr", "airflow scheduler", "airflow task", "spark driver (JVM)"} <= seen
    assert find_canaries(line.site.run.root, watch) == []


def test_the_database_was_never_locked(line: Line) -> None:
    logs = [path for path in line.site.run.root.rglob("*") if path.is_file() and path.suffix in (".log", ".out")]
    assert any("scheduler" in path.name for path in logs)
    assert [str(path) for path in logs if b"database is locked" in path.read_bytes()] == []
