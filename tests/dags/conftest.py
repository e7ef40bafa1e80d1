"""Fixtures of the DAG tests: the DAGs, parsed once as Airflow's DAG processor parses them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.airflow_home import ROOT, migrated


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """The metadata database with our pools."""
    migrated()


@pytest.fixture(scope="session")
def dag_bag(airflow_db: None) -> Any:
    """All DAGs of `dags/`."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"), bundle_name="testing")
