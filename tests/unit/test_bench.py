"""The bench's own arithmetic: seconds from Airflow's records, and the bars beside them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.line import report
from tests.bench.measured import DropSeconds, drop_seconds
from tests.watch import kind_of

DAY = "2026-11-21T10:00"


class RestOfOneRun:
    """Answers as Airflow does about one run: marker at 0 s, run from 3 s to 40 s, two mapped extractions."""

    def run(self, _dag_id: str, _run_id: str) -> dict[str, Any]:
        return {"state": "success", "start_date": f"{DAY}:03Z", "end_date": f"{DAY}:40Z"}

    def tasks(self, _dag_id: str, _run_id: str) -> list[dict[str, Any]]:
        times = [("manifest", 4, 6), ("extract", 7, 12), ("extract", 8, 17), ("commit", 18, 19), ("apply", 20, 33)]
        ran = [{"task_id": t, "start_date": f"{DAY}:{a:02d}Z", "end_date": f"{DAY}:{b:02d}Z"} for t, a, b in times]
        return [*ran, {"task_id": "validate", "start_date": None, "end_date": None}]


def test_a_stage_lasts_from_its_first_start_to_its_last_end() -> None:
    found = drop_seconds(RestOfOneRun(), "2026-01-01", "run", marked=1795255200.0, instances=5)  # type: ignore[arg-type]
    assert found == DropSeconds("2026-01-01", 5, "success", 3, 2, 10, 1, 13, 0, 40)


def test_the_report_names_what_is_over_its_bar() -> None:
    drops = [DropSeconds("2026-01-01", 10_000, "success", 3, 2, 30, 2.5, 13, 5, 140).as_json()]
    lines = report({"drops": drops, "ratio": 1.6, "memory_mb": {}}).splitlines()
    assert [line.split()[0] for line in lines if "OVER THE BAR" in line] == ["commit", "ratio"]


@pytest.mark.parametrize(
    ("command_line", "kind"),
    [
        ("java -cp x org.apache.spark.deploy.SparkSubmit --master local[2] apply_changes.py", "spark driver (JVM)"),
        ("java -cp jars/* org.eclipse.jetty.xml.XmlConfiguration jetty.xml", "solr"),
        ("python /repo/include/dicomdex_spark/apply_changes.py --run r", "spark driver (python)"),
        ("airflow worker -- LocalExecutor: <idle>", "airflow executor"),
        ("airflow worker -- 01a1fe49-9c98-71c3-936d-4dc89a669327", "airflow task"),
        ("python -m airflow scheduler --skip-serve-logs", "airflow scheduler"),
        ("python -m dicomdex_local.warm scheduler --skip-serve-logs", "airflow scheduler"),
        ("airflow api_server -- host:127.0.0.1 port:8080", "airflow api-server"),
        ("cat secret", "other"),
    ],
)  # fmt: skip
def test_a_program_is_known_by_its_arguments(command_line: str, kind: str) -> None:
    assert kind_of(command_line) == kind
